//! Cases of many nets of one form on the same inputs.

use candle_core::{Result, Tensor};
use sgmn_graph::{Activation, NetSpec, Reading};

use super::{Case, Operation, one};
use crate::ops::{
    NetForm,
    cuda::{Kernel, launch::Nets, operations},
    nets::trial::{ACTIVATIONS, cnn},
    reference,
};

/// Small numbers, none of whose sums is zero: there rectifiers have a kink.
fn off_kinks(x: &Tensor) -> Result<Tensor> {
    x.affine(0.3, 0.037)
}

pub(super) fn cases<'a>() -> Vec<Case<'a>> {
    let mut cases = Vec::new();
    for activation in ACTIVATIONS {
        // One tile and several, the last not full.
        for (n_nets, n_inputs) in [(1, 1), (3, 70)] {
            let widths = [2, 9, 33, 1];
            let activations = [activation, activation, Activation::Identity];
            let nets = Nets::of_mlps(&widths, &activations).expect("the nets are small");
            let n_params = widths.windows(2).map(|pair| pair[1] * (pair[0] + 1)).sum();
            cases.push(Case {
                kernel: Kernel::RunMlps,
                shapes: vec![vec![n_nets, n_params], vec![n_inputs, 2]],
                ours: one(move |x| operations::run_mlps(nets.clone(), &off_kinks(&x[0])?, &x[1].detach())),
                plain: one(move |x| plain_mlps(&widths, &activations, &off_kinks(&x[0])?, &x[1].detach())),
            });
            let values = NetSpec::mlp(&[2, 9, 5, 1], activation, 0.0);
            for (spec, image) in [(cnn(activation, Reading::GlobalAverage), [7, 5]), (values, [1, 1])] {
                let form =
                    spec.and_then(|spec| NetForm::new(&spec, image)).expect("the layers fit each other");
                let nets = Nets::of(&form.layers).expect("the nets are small");
                let shapes = vec![vec![form.n_values(), n_inputs], vec![n_nets, form.n_params()]];
                let ours: Operation<'a> = one(move |x| {
                    operations::run_nets(nets.clone(), &off_kinks(&x[1])?.detach(), &off_kinks(&x[0])?)
                });
                let plain: Operation<'a> =
                    one(move |x| reference::run_nets(&off_kinks(&x[1])?.detach(), &form, &off_kinks(&x[0])?));
                cases.push(Case { kernel: Kernel::RunNets, shapes, ours, plain });
            }
        }
    }
    cases
}

/// The plain form for parameters in a row a net.
fn plain_mlps(widths: &[usize], activations: &[Activation], params: &Tensor, x: &Tensor) -> Result<Tensor> {
    let n_nets = params.dim(0)?;
    let (mut weights, mut biases, mut start) = (Vec::new(), Vec::new(), 0);
    for pair in widths.windows(2) {
        let (n_in, n_out) = (pair[0], pair[1]);
        weights.push(params.narrow(1, start, n_in * n_out)?.reshape((n_nets, n_out, n_in))?);
        start += n_in * n_out;
        biases.push(params.narrow(1, start, n_out)?);
        start += n_out;
    }
    reference::run_mlps(&weights, &biases, activations, x)
}
