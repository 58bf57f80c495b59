//! The trainer's own forward pass against the flow of the architecture file, for every choice there is.

use candle_core::{Device, Tensor};
use sgmn_graph::{
    Seed,
    flow::{Array, FlowNet, Stored, run},
};

use super::{
    Architecture, Convolutional, Head, Mixing, Norm, Residual, Siblings, Training,
    architecture::SIDE,
    learner::{Learner, computed},
    network::{Network, Norms},
};

/// Architectures that have every choice, and more by chance.
pub(super) fn architectures() -> Vec<Architecture> {
    let base = Architecture::draw(&Seed::new(0));
    let mut all: Vec<Architecture> = (0..12).map(|i| Architecture::draw(&Seed::new(1).index(i))).collect();
    all.extend(Siblings::ALL.map(Siblings::architecture));
    for norm in [Norm::None, Norm::Batch, Norm::Layer] {
        all.push(Architecture {
            norm,
            residual: Residual::Layer,
            widths: vec![8; 3],
            convolutional: None,
            ..base.clone()
        });
        for mixing in [Mixing::Full, Mixing::TwoGroups, Mixing::FourGroups, Mixing::Depthwise] {
            for (head, kernel) in [(Head::Flatten, 3), (Head::Average, 5)] {
                let convolutional = Some(Convolutional { kernel, strides: vec![2, 1, 2], mixing, head });
                let widths = vec![4, 4, 8];
                all.push(Architecture {
                    norm,
                    residual: Residual::Layer,
                    widths,
                    convolutional,
                    ..base.clone()
                });
            }
        }
    }
    all
}

#[test]
fn the_file_of_a_net_computes_what_its_trainer_computed() {
    for (number, architecture) in architectures().into_iter().enumerate() {
        let seed = Seed::new(2).index(number as u64);
        let network = Network::new(&architecture);
        let training = Training { init_std: 0.3, learning_rate: 0.01, ..Training::draw(&seed, 1) };
        let mut learner = Learner::start(&network, &training, &seed);
        let images: Vec<f32> = (0..4 * SIDE * SIDE).map(|i| ((i * i) as f32 * 0.37).sin()).collect();
        let tensor = Tensor::from_vec(images.clone(), (4, SIDE * SIDE), &Device::Cpu).unwrap();
        // Two updates give biases, shifts and statistics numbers of their own.
        for _ in 0..2 {
            computed(learner.learn(&tensor, [3, 1, 4, 1].into_iter()));
        }
        let norms = computed(learner.gather([tensor.clone()].into_iter()));
        let params = computed(learner.tensors());
        let logits = computed(network.forward(&params, &tensor, &mut Norms::Known(&norms)));
        let logits = logits.to_vec2::<f32>().unwrap();

        let description = architecture.description();
        let (flow, _) = description.flow("net".as_ref()).unwrap();
        let flow = std::sync::Arc::new(flow);
        let numbers = computed(learner.numbers(&norms));
        let mut at = 0;
        let mut stored: Vec<Option<Stored>> = vec![None; flow.params().len()];
        for tensor in &description.tensors {
            let len: usize = tensor.shape.iter().product();
            let param = flow.params().iter().position(|param| param.name == tensor.name).unwrap();
            assert_eq!(flow.param_shape(param), tensor.shape);
            stored[param] = Some(Stored::F32(numbers[at..at + len].into()));
            at += len;
        }
        assert_eq!(at, numbers.len());
        let net = FlowNet::new(flow.clone(), stored.into_iter().map(Option::unwrap).collect()).unwrap();
        let shape = flow.shape(flow.inputs()[0].value).to_vec();
        for (image, expected) in images.chunks(SIDE * SIDE).zip(logits) {
            let image = Array::new(shape.clone(), image.iter().map(|x| f64::from(*x)).collect()).unwrap();
            let found = run(&flow, &net, &[image]).unwrap();
            for (found, expected) in found[0].data().iter().zip(expected) {
                let difference = (found - f64::from(expected)).abs();
                assert!(difference < 1e-5 * (1.0 + found.abs()), "{architecture:?}: {found} for {expected}");
            }
        }
    }
}
