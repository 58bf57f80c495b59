//! Many nets of one form on the same inputs.

use candle_core::{Result, Shape, Tensor};

use crate::ops::cuda::{
    adapter::{Operation3, apply3, run},
    launch::{Launch, Nets},
};

struct RunNets(Nets);
struct RunMlps(Nets);

/// See [`crate::ops::run_nets`].
pub(in crate::ops) fn run_nets(nets: Nets, params: &Tensor, inputs: &Tensor) -> Result<Tensor> {
    let table = table(&nets, inputs)?;
    apply3(RunNets(nets), &params.detach(), inputs, &table)
}

/// Perceptrons with their parameters in a row each, `[B, n_params]`, inputs `[P, n_in]`, result `[B, P, n_out]`.
pub(in crate::ops) fn run_mlps(nets: Nets, params: &Tensor, inputs: &Tensor) -> Result<Tensor> {
    let table = table(&nets, inputs)?;
    apply3(RunMlps(nets), params, &inputs.detach(), &table)
}

fn table(nets: &Nets, like: &Tensor) -> Result<Tensor> {
    Tensor::from_slice(&nets.table, nets.table.len(), like.device())
}

impl Operation3 for RunNets {
    fn forward(&self, [params, inputs, _]: [&[usize]; 3]) -> (Launch, Shape) {
        let (n_nets, n_inputs) = (params[0], inputs[1]);
        (self.0.run_nets(n_nets, n_inputs), (n_nets, self.0.n_units(), n_inputs).into())
    }
    fn backward(&self, [params, inputs, table]: [&Tensor; 3], grad: &Tensor) -> Result<[Option<Tensor>; 3]> {
        let (n_nets, n_inputs) = (params.dims()[0], inputs.dims()[1]);
        let parts = run(&self.0.run_nets_grad(n_nets, n_inputs), &[params, inputs, table, grad])?;
        let dx = run(&self.0.sum_nets_grad(n_nets, n_inputs), &[&parts])?;
        Ok([None, Some(dx.reshape(inputs.shape())?), None])
    }
}

impl Operation3 for RunMlps {
    fn forward(&self, [params, inputs, _]: [&[usize]; 3]) -> (Launch, Shape) {
        let (n_nets, n_inputs) = (params[0], inputs[0]);
        (self.0.run_mlps(n_nets, n_inputs), (n_nets, n_inputs, self.0.n_out()).into())
    }
    fn backward(&self, [params, inputs, table]: [&Tensor; 3], grad: &Tensor) -> Result<[Option<Tensor>; 3]> {
        let (n_nets, n_inputs) = (params.dims()[0], inputs.dims()[0]);
        let parts = run(&self.0.run_mlps_grad(n_nets, n_inputs), &[params, inputs, table, grad])?;
        let d_params = run(&self.0.sum_mlps_grad(n_nets, n_inputs), &[&parts])?;
        Ok([Some(d_params.reshape(params.shape())?), None, None])
    }
}
