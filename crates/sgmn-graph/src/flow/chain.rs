//! Chains of layers as flows: what [`NetSpec`] describes is a special case.

use super::{
    Array, Combination, Combine, Contract, Convolve, Flow, FlowBuilder, FlowError, FlowNet, FlowResult,
    InputKind, Pointwise, Pool, Pooling, Reduce, Reduction, Reshape, Role, Stored, ValueId,
};
use crate::{
    Activation, LayerMap, LayerPool, Net, NetSpec, Nonlinearity, PoolAt, PoolKind, Reading, activations::Part,
};

impl NetSpec {
    /// The chain as a flow that reads one input `x` and writes one output `y`. Its parameters are
    /// `layers.0.weight`, `layers.0.bias`, `layers.1.weight`, …; a layer without a bias has no such parameter.
    ///
    /// # Shapes
    /// A chain that begins with a linear layer that reads one value a unit takes `[1, n_in]`, and `size` is `[1, 1]`;
    /// any other takes an image `[1, C, H, W]` of this height and width.
    ///
    /// # Errors
    /// [`FlowError`] if an image of this size does not fit, by the layer.
    pub fn into_flow(&self, size: [usize; 2]) -> FlowResult<Flow> {
        let mut flow = FlowBuilder::new();
        let mut shape = vec![1, self.widths()[0]];
        match self.layers()[0].map {
            LayerMap::Linear { reading: Reading::Direct, .. } => {
                positions(0, 1, size[0].saturating_mul(size[1]))?
            }
            _ => shape.extend(size),
        }
        let mut value = flow.input("x", shape, InputKind::Real)?;
        for (l, layer) in self.layers().iter().enumerate() {
            let name = format!("layers.{l}");
            let weight = flow.param(&format!("{name}.weight"), layer.map.weight_shape(), Role::Trained)?;
            let n_out = layer.map.n_out();
            let bias_shape = match layer.map {
                LayerMap::Linear { .. } => vec![n_out],
                LayerMap::Conv { .. } => vec![n_out, 1, 1],
            };
            value = match layer.map {
                LayerMap::Linear { reading, .. } => {
                    let read = read(&mut flow, l, reading, value)?;
                    flow.step(Contract { batch: vec![], sum: vec![(1, 1)] }, &[read, weight], &name)?
                }
                LayerMap::Conv { stride, padding, .. } => {
                    let op = Convolve {
                        stride: stride.to_vec(),
                        padding: padding.map(|n| (n, n)).to_vec(),
                        dilation: vec![1, 1],
                        groups: 1,
                        transposed: None,
                    };
                    flow.step(op, &[value, weight], &name)?
                }
            };
            if layer.bias {
                let bias = flow.param(&format!("{name}.bias"), vec![n_out], Role::Trained)?;
                let bias = flow.step(Reshape { shape: bias_shape }, &[bias], &name)?;
                value = flow.step(Combine { by: Combination::Add }, &[value, bias], &name)?;
            }
            value = respond(&mut flow, layer.nonlinearity(), value, &name)?;
        }
        if self.output_offset() != 0.0 {
            let offset = flow.constant(Array::scalar(self.output_offset()))?;
            value = flow.step(Combine { by: Combination::Add }, &[value, offset], "output offset")?;
        }
        flow.output("y", value);
        flow.build()
    }
}

impl Net {
    /// The net as a flow with its numbers; see [`NetSpec::into_flow`].
    ///
    /// # Errors
    /// As [`NetSpec::into_flow`].
    pub fn into_flow(&self, size: [usize; 2]) -> FlowResult<FlowNet> {
        let flow = self.spec().into_flow(size)?;
        let layers = 0..self.spec().layers().len();
        let params = layers.flat_map(|l| [self.weight(l), self.bias(l)]);
        let params = params.filter(|values| !values.is_empty()).map(|values| Stored::F64(values.into()));
        FlowNet::new(flow.into(), params.collect())
    }
}

fn positions(layer: usize, expected: usize, found: usize) -> FlowResult<()> {
    if expected == found {
        return Ok(());
    }
    Err(FlowError::shape(format!("positions read by layers.{layer}"), expected, found))
}

/// What a linear layer multiplies: `[1, n]`.
fn read(flow: &mut FlowBuilder, layer: usize, reading: Reading, value: ValueId) -> FlowResult<ValueId> {
    let name = format!("layers.{layer}");
    match (reading, flow.shape(value)) {
        (Reading::Flatten { positions: expected }, &[_, channels, height, width]) => {
            positions(layer, expected, height * width)?;
            flow.step(Reshape { shape: vec![1, channels * height * width] }, &[value], &name)
        }
        (Reading::GlobalAverage, &[_, _, _, _]) => {
            flow.step(Reduce { by: Reduction::Mean, axes: vec![2, 3], keep: false }, &[value], &name)
        }
        // The spec knows that no other reading follows a linear layer, nor this one a convolution.
        _ => Ok(value),
    }
}

/// Activation and pooling, in their order.
fn respond(
    flow: &mut FlowBuilder,
    Nonlinearity { activation, pool }: Nonlinearity,
    value: ValueId,
    name: &str,
) -> FlowResult<ValueId> {
    match pool {
        None => activate(flow, activation, value, name),
        Some(pool) if pool.at == PoolAt::BeforeActivation => {
            let value = flow.step(operation(&pool), &[value], name)?;
            activate(flow, activation, value, name)
        }
        Some(pool) => {
            let value = activate(flow, activation, value, name)?;
            flow.step(operation(&pool), &[value], name)
        }
    }
}

fn operation(pool: &LayerPool) -> Pool {
    Pool {
        by: match pool.kind {
            PoolKind::Max => Pooling::Maximum,
            PoolKind::Mean => Pooling::Mean { counts_padding: true },
        },
        window: pool.window.to_vec(),
        stride: pool.stride.to_vec(),
        padding: pool.padding.map(|n| (n, n)).to_vec(),
        dilation: vec![1, 1],
        ceil: false,
    }
}

fn activate(
    flow: &mut FlowBuilder,
    activation: Activation,
    mut value: ValueId,
    name: &str,
) -> FlowResult<ValueId> {
    for part in activation.parts() {
        value = match part {
            Part::Times(factor) => {
                let factor = flow.constant(Array::scalar(factor))?;
                flow.step(Combine { by: Combination::Multiply }, &[value, factor], name)?
            }
            Part::Function(function) => flow.step(Pointwise { function }, &[value], name)?,
        };
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{LayerSpec, Seed, eval, flow::run, testing};

    fn agree(net: &Net, image: &[f64], size: [usize; 2]) {
        let flow = net.into_flow(size).unwrap();
        let input =
            Array::new(flow.flow().shape(flow.flow().inputs()[0].value).to_vec(), image.to_vec()).unwrap();
        let found = run(flow.flow(), &flow, &[input]).unwrap();
        let expected = eval::run_image(net, image, size).unwrap();
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(found[0].data()), bits(&expected), "{:?}", net.spec());
    }

    #[test]
    fn every_chain_computes_the_same_as_a_flow_to_the_bit() {
        for activation in testing::ACTIVATIONS {
            for i in 0..60 {
                let seed = Seed::new(12).child("chain").index(i);
                let specs = [testing::random_mlp(seed, activation), testing::random_cnn(seed, activation)];
                let without = specs.clone().map(|spec| testing::without_some_biases(seed, &spec));
                let pooled = testing::with_some_pools(seed, &specs[1]);
                for spec in specs.into_iter().chain(without).chain([pooled]) {
                    let net = testing::random_net(seed, &spec);
                    let image = testing::input_values(seed, &spec);
                    let side = (image.len() / spec.widths()[0]).isqrt();
                    agree(&net, &image, [side, side]);
                }
            }
        }
    }

    #[test]
    fn strided_convolutions_of_oblong_images_agree_to_the_bit() {
        let spec = Arc::new(NetSpec::cnn_zoo(&[2, 3, 4, 5], Activation::Gelu).unwrap());
        let net = testing::random_net(Seed::new(1), &spec);
        let image: Vec<f64> = (0..2 * 11 * 9).map(|i| (i as f64).sin()).collect();
        agree(&net, &image, [11, 9]);
    }

    #[test]
    fn names_are_those_of_the_layers_and_sizes_that_do_not_fit_are_named() {
        let spec = NetSpec::mlp(&[2, 3, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap();
        let flow = spec.into_flow([1, 1]).unwrap();
        let names: Vec<&str> = flow.params().iter().map(|param| param.name.as_str()).collect();
        assert_eq!(names, ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"]);
        let flow = spec.without_biases().into_flow([1, 1]).unwrap();
        let names: Vec<&str> = flow.params().iter().map(|param| param.name.as_str()).collect();
        assert_eq!(names, ["layers.0.weight", "layers.1.weight"]);
        let message = spec.into_flow([2, 2]).unwrap_err().to_string();
        assert_eq!(message, "positions read by layers.0: expected 1, found 4");
        let message = NetSpec::cnn_zoo(&[1, 2, 1], Activation::Relu)
            .unwrap()
            .into_flow([2, 2])
            .unwrap_err()
            .to_string();
        assert!(message.starts_with("layers.0 (convolution): expected an input that the kernel fits into"));
        let map = LayerMap::Linear { n_in: 2, n_out: 1, reading: Reading::Flatten { positions: 4 } };
        let layer = LayerSpec::new(map, Activation::Relu);
        let message = NetSpec::new(vec![layer], 0.0).unwrap().into_flow([3, 1]).unwrap_err().to_string();
        assert_eq!(message, "positions read by layers.0: expected 4, found 3");
    }
}
