//! Nets run as the functions they are, many at once: perceptrons with gradients into themselves, all nets with gradients
//! into their inputs.

use candle_core::{DType, Device, Result, Tensor, bail};
use sgmn_graph::Activation;

use super::{NetForm, cpu, mode, mode::wants_gradients, reference};
#[cfg(feature = "cuda")]
use super::{cuda, mode::on_cuda};

/// `y_b(x) = σ_L(W_L … σ_1(W_1 x + b_1) … + b_L)`: B perceptrons of one form, every one on all P inputs.
///
/// The inputs get no gradient. Parameters share one type.
///
/// # Shapes
/// weights `[B, n_out, n_in]` and biases `[B, n_out]` of each layer, inputs `[P, n_in]`, result `[B, P, n_out]` of the last.
pub fn run_mlps(
    weights: &[Tensor],
    biases: &[Tensor],
    activations: &[Activation],
    inputs: &Tensor,
) -> Result<Tensor> {
    let inputs = inputs.detach();
    let (n_inputs, mut width) = inputs.dims2()?;
    let n_nets = biases.first().map_or(Ok(0), |bias| bias.dim(0))?;
    let n_layers = activations.len();
    if weights.len() != n_layers || biases.len() != n_layers || n_layers == 0 {
        bail!(
            "perceptrons: expected weights and biases of {n_layers} layers, at least one, found {} and {}",
            weights.len(),
            biases.len()
        );
    }
    let mut widths = vec![width];
    for (weight, bias) in weights.iter().zip(biases) {
        let n_out = bias.dims2()?.1;
        if weight.dims() != [n_nets, n_out, width] || bias.dims() != [n_nets, n_out] || n_out * width == 0 {
            bail!(
                "perceptrons: expected a layer of {n_nets} nets that reads {width} units, found {:?} and {:?}",
                weight.dims(),
                bias.dims()
            );
        }
        width = n_out;
        widths.push(width);
    }
    if n_nets * n_inputs == 0 {
        return Tensor::zeros((n_nets, n_inputs, width), inputs.dtype(), inputs.device());
    }
    let params = || {
        let layers = weights.iter().zip(biases);
        let params = layers.flat_map(|(weight, bias)| [weight.flatten_from(1), Ok(bias.clone())]);
        Tensor::cat(&params.collect::<Result<Vec<_>>>()?, 1)
    };
    #[cfg(feature = "cuda")]
    if on_cuda(cuda::Kernel::RunMlps, &inputs)
        && let Some(nets) = cuda::Nets::of_mlps(&widths, activations)
    {
        return cuda::run_mlps(nets, &params()?, &inputs);
    }
    let has_kernel =
        matches!(inputs.device(), Device::Cpu) && !mode::is_plain() && cpu::Mlps::serves(activations);
    if has_kernel && matches!(inputs.dtype(), DType::F32 | DType::F64) {
        return cpu::Mlps { widths, activations: activations.to_vec() }.apply(&params()?, &inputs);
    }
    reference::run_mlps(weights, biases, activations, &inputs)
}

/// What every unit of B nets of one form computes on P inputs: its value, in convolutions the mean over its positions.
///
/// The parameters get no gradient, the inputs do. Both share one type.
///
/// # Shapes
/// params `[B, n_params]` in the order `W_0, b_0, W_1, …`, inputs `[values, P]` with one input a column, result
/// `[B, units, P]` with the units of all layers but the inputs.
pub fn run_nets(params: &Tensor, form: &NetForm, inputs: &Tensor) -> Result<Tensor> {
    let (n_nets, n_params) = params.dims2()?;
    let (n_values, n_inputs) = inputs.dims2()?;
    if n_params != form.n_params() || n_values != form.n_values() {
        bail!(
            "nets: expected {} parameters and {} input values, found {n_params} and {n_values}",
            form.n_params(),
            form.n_values()
        );
    }
    let params = params.detach();
    let inputs = if wants_gradients() { inputs.clone() } else { inputs.detach() };
    if n_nets * n_inputs == 0 {
        return Tensor::zeros((n_nets, form.n_units(), n_inputs), inputs.dtype(), inputs.device());
    }
    #[cfg(feature = "cuda")]
    if on_cuda(cuda::Kernel::RunNets, &inputs)
        && let Some(nets) = cuda::Nets::of(&form.layers)
    {
        return cuda::run_nets(nets, &params, &inputs);
    }
    let has_kernel = matches!(inputs.device(), Device::Cpu) && !mode::is_plain() && cpu::Nets::serves(form);
    if has_kernel && matches!(inputs.dtype(), DType::F32 | DType::F64) {
        return cpu::Nets { form: form.clone() }.apply(&params, &inputs);
    }
    reference::run_nets(&params, form, &inputs)
}
