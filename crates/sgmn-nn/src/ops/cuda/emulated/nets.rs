//! Many nets of one form on the same inputs.

use sgmn_graph::{Activation, LayerMap, LayerSpec, NetSpec, Reading};

use super::*;
use crate::ops::{
    NetForm,
    nets::trial::{self, ACTIVATIONS, convolutions},
};
use launch::Nets;

/// All activations: those that have a formula of their own, and none.
fn activations() -> impl Iterator<Item = Activation> {
    ACTIVATIONS.into_iter().chain([Activation::Identity])
}

fn mlp(widths: &[usize], activation: Activation) -> NetForm {
    NetForm::new(&NetSpec::mlp(widths, activation, 0.0).unwrap(), [1, 1]).unwrap()
}

/// Convolutions, then a layer of means or of all positions.
fn cnn(activation: Activation, reading: fn(usize) -> Reading) -> NetForm {
    let image = [7, 5];
    let convs = NetSpec::new(convolutions(activation).to_vec(), 0.0).unwrap();
    let positions = NetForm::new(&convs, image).unwrap().layers[1].positions;
    NetForm::new(&trial::cnn(activation, reading(positions)).unwrap(), image).unwrap()
}

fn small(n: usize, seed: u64) -> Vec<f32> {
    numbers(n, seed).iter().map(|x| x * 0.4).collect()
}

/// What units compute and the gradient of the inputs, by a launch and by the plain form.
fn nets(host: &Host, nets: &Nets, form: &NetForm, n_nets: usize, n_inputs: usize) -> [[Vec<f32>; 2]; 2] {
    let (params, x) = (small(n_nets * form.n_params(), 1), numbers(form.n_values() * n_inputs, 2));
    let g = numbers(n_nets * form.n_units() * n_inputs, 3);
    let params_there = Tensor::from_slice(&params, (n_nets, form.n_params()), &Device::Cpu).unwrap();
    let [y, dx] = plain(&[&[form.n_values(), n_inputs]], &[&x], &g, |x| {
        reference::run_nets(&params_there, form, &x[0])
    })
    .try_into()
    .unwrap();
    let found = host.one(nets.run_nets(n_nets, n_inputs), &[&params, &x, &nets.table]);
    let parts = host.one(nets.run_nets_grad(n_nets, n_inputs), &[&params, &x, &nets.table, &g]);
    let found_dx = host.one(nets.sum_nets_grad(n_nets, n_inputs), &[&parts]);
    [[found, y], [found_dx, dx]]
}

#[test]
fn nets_on_inputs_compute_what_the_plain_form_computes() {
    let Some(host) = Host::compile() else { return };
    let mut forms = Vec::new();
    for activation in activations() {
        forms.push((mlp(&[2, 9, 5, 1], activation), vec![[1, 1], [3, 7], [2, 70]]));
        forms.push((cnn(activation, |_| Reading::GlobalAverage), vec![[1, 1], [3, 7]]));
    }
    let flat = cnn(Activation::Tanh, |positions| Reading::Flatten { positions });
    forms.push((flat, vec![[2, 40]]));
    // A layer wider than a block, and one so wide that inputs are treated one by one.
    forms.push((mlp(&[3, 300, 2], Activation::Silu), vec![[2, 40]]));
    forms.push((mlp(&[1, 2000, 1], Activation::Tanh), vec![[1, 3]]));
    // Images with more positions than a warp has threads, averaged at once.
    let map = LayerMap::Conv { n_in: 1, n_out: 2, kernel: [3, 2], stride: [1, 1], padding: [0, 0] };
    let layers = vec![LayerSpec::new(map, Activation::Relu)];
    forms.push((NetForm::new(&NetSpec::new(layers, 0.0).unwrap(), [9, 9]).unwrap(), vec![[2, 5]]));
    for (form, sizes) in forms {
        let there = Nets::of(&form.layers).unwrap();
        assert_eq!(there.n_units(), form.n_units());
        for [n_nets, n_inputs] in sizes {
            let what = format!("{n_nets} nets on {n_inputs} inputs, {:?}", form.layers[0]);
            let [[y, expected], [dx, expected_dx]] = nets(&host, &there, &form, n_nets, n_inputs);
            same(&what, &y, &expected);
            same(&format!("inputs of {what}"), &dx, &expected_dx);
        }
    }
}

#[test]
fn a_wrong_table_or_too_little_shared_memory_is_seen() {
    let Some(host) = Host::compile() else { return };
    let form = cnn(Activation::Tanh, |_| Reading::GlobalAverage);
    let right = Nets::of(&form.layers).unwrap();
    let disagree = |wrong: &Nets| {
        nets(&host, wrong, &form, 2, 5).map(|[found, expected]| difference(&found, &expected).is_some())
    };
    assert_eq!(disagree(&right), [false, false]);
    let changed = |change: fn(&mut NetForm)| {
        let mut form = form.clone();
        change(&mut form);
        Nets::of(&form.layers).unwrap()
    };
    assert_eq!(disagree(&changed(|form| form.layers[1].activation = Activation::Relu)), [true, true]);
    let other_place = changed(|form| match &mut form.layers[1].gather {
        crate::ops::nets::Gather::Taps(taps) => taps.reverse(),
        _ => panic!("the layer is a convolution"),
    });
    assert_eq!(disagree(&other_place), [true, true]);
    // The way back alone reads the last numbers of the table, where a convolution is turned around.
    let mut not_turned = right.clone();
    *not_turned.table.last_mut().unwrap() = 0.0;
    assert_eq!(disagree(&not_turned), [false, true]);

    let (params, x) = (small(form.n_params(), 1), numbers(form.n_values(), 2));
    let launch = right.run_nets(1, 1);
    let too_small = Launch { shared: launch.shared - 4 * form.n_values() as u32 - 4 * 24, ..launch.clone() };
    let inputs: Vec<&[f32]> = vec![&params, &x, &right.table];
    assert!(host.run(&launch, &inputs, &[], &[]).is_ok());
    let fault = host.run(&too_small, &inputs, &[], &[]).unwrap_err();
    assert!(fault.contains("behind shared memory"), "{fault}");
}

/// Outputs and the gradient of the parameters, by a launch and by the plain form.
fn mlps(host: &Host, widths: &[usize], activations: &[Activation], n_nets: usize, n_inputs: usize) {
    let nets = Nets::of_mlps(widths, activations).unwrap();
    let (n_in, n_out) = (widths[0], nets.n_out());
    let n_params: usize = widths.windows(2).map(|pair| pair[1] * (pair[0] + 1)).sum();
    let (params, x) = (small(n_nets * n_params, 1), numbers(n_inputs * n_in, 2));
    let g = numbers(n_nets * n_inputs * n_out, 3);
    let inputs = Tensor::from_slice(&x, (n_inputs, n_in), &Device::Cpu).unwrap();
    let expected = plain(&[&[n_nets, n_params]], &[&params], &g, |params| {
        plain_mlps(widths, activations, &params[0], &inputs)
    });
    let what = format!("{n_nets} nets {widths:?} on {n_inputs} inputs, {activations:?}");
    let found = host.one(nets.run_mlps(n_nets, n_inputs), &[&params, &x, &nets.table]);
    same(&what, &found, &expected[0]);
    let parts = host.one(nets.run_mlps_grad(n_nets, n_inputs), &[&params, &x, &nets.table, &g]);
    let found = host.one(nets.sum_mlps_grad(n_nets, n_inputs), &[&parts]);
    same(&format!("parameters of {what}"), &found, &expected[1]);
}

/// The plain form for parameters in a row a net.
fn plain_mlps(
    widths: &[usize],
    activations: &[Activation],
    params: &Tensor,
    x: &Tensor,
) -> candle_core::Result<Tensor> {
    let n_nets = params.dim(0)?;
    let (mut weights, mut biases, mut start) = (Vec::new(), Vec::new(), 0);
    for pair in widths.windows(2) {
        let (n_in, n_out) = (pair[0], pair[1]);
        weights.push(params.narrow(1, start, n_in * n_out)?.reshape((n_nets, n_out, n_in))?);
        biases.push(params.narrow(1, start + n_in * n_out, n_out)?);
        start += n_out * (n_in + 1);
    }
    reference::run_mlps(&weights, &biases, activations, x)
}

#[test]
fn perceptrons_compute_what_the_plain_form_computes() {
    let Some(host) = Host::compile() else { return };
    for activation in activations() {
        for [n_nets, n_inputs] in [[1, 1], [3, 70]] {
            mlps(&host, &[2, 9, 33, 1], &[activation, activation, Activation::Identity], n_nets, n_inputs);
        }
    }
    mlps(&host, &[1, 4], &[Activation::Silu], 2, 5);
    mlps(&host, &[3, 300, 2], &[Activation::Tanh; 2], 2, 40);
    mlps(&host, &[1, 2000, 1], &[Activation::Tanh, Activation::Identity], 1, 3);
}

#[test]
fn fewer_blocks_take_several_turns() {
    let Some(host) = Host::compile() else { return };
    let (n_nets, n_inputs) = (5, 70);
    let form = mlp(&[2, 9, 1], Activation::Tanh);
    let nets = Nets::of(&form.layers).unwrap();
    let (params, x) = (small(n_nets * form.n_params(), 1), numbers(2 * n_inputs, 2));
    let g = numbers(n_nets * form.n_units() * n_inputs, 3);
    let inputs: [&[f32]; 4] = [&params, &x, &nets.table, &g];
    for launch in [nets.run_nets(n_nets, n_inputs), nets.run_mlps(n_nets, n_inputs)] {
        assert_eq!(host.one(by_two_blocks(launch.clone()), &inputs[..3]), host.one(launch, &inputs[..3]));
    }
    let grad = nets.run_mlps_grad(n_nets, n_inputs);
    assert_eq!(host.one(by_two_blocks(grad.clone()), &inputs), host.one(grad, &inputs));

    // Several nets, and several tiles of inputs, in a part, the last part with fewer.
    let with_last = |launch: Launch, last: &[u32]| {
        let mut arguments = launch.arguments.clone();
        let start = arguments.len() - last.len();
        arguments.splice(start.., last.iter().map(|n| Argument::U32(*n)));
        Launch { arguments, ..launch }
    };
    let sum =
        |parts: &[f32], width: usize| host.one(Rows { n_rows: parts.len() / width, width }.sum(1), &[parts]);
    let grad = nets.run_nets_grad(n_nets, n_inputs);
    assert_eq!(grad.grid, [3, 5]);
    let width = 2 * n_inputs;
    let two = Launch { grid: [3, 2], n_out: 2 * width, ..with_last(grad.clone(), &[3]) };
    same("two parts of nets", &sum(&host.one(two, &inputs), width), &sum(&host.one(grad, &inputs), width));
    let grad = nets.run_mlps_grad(n_nets, n_inputs);
    let width = n_nets * form.n_params();
    assert_eq!(grad.n_out, 3 * width);
    let two = Launch { n_out: 2 * width, ..with_last(grad.clone(), &[2, 2]) };
    same("two parts of inputs", &sum(&host.one(two, &inputs), width), &sum(&host.one(grad, &inputs), width));
}

#[test]
fn sums_of_many_parts_are_taken_by_a_thread_each_where_they_are_many() {
    let form = mlp(&[2, 32, 32, 1], Activation::Sine { omega: 30.0 });
    let nets = Nets::of(&form.layers).unwrap();
    let sums = [nets.sum_mlps_grad(1, 784), nets.sum_mlps_grad(128, 784), nets.sum_nets_grad(128, 64)];
    assert_eq!(sums.map(|sum| sum.kernel), ["sum_rows", "sum_axis", "sum_rows"]);
    // Blocks that fill a device, none without work.
    assert_eq!(nets.run_mlps_grad(128, 784).grid, [128 * 7, 1]);
    assert_eq!(nets.run_nets_grad(3000, 64).grid, [2, 500]);
}

#[test]
fn nets_of_the_zoo_fit_into_a_block_and_those_that_do_not_are_refused() {
    let conv = |n_in| {
        let map = LayerMap::Conv { n_in, n_out: 16, kernel: [3, 3], stride: [2, 2], padding: [0, 0] };
        LayerSpec::new(map, Activation::Tanh)
    };
    let map = LayerMap::Linear { n_in: 16, n_out: 10, reading: Reading::GlobalAverage };
    let last = LayerSpec::new(map, Activation::Identity);
    let zoo = NetSpec::new(vec![conv(1), conv(16), conv(16), last], 0.0).unwrap();
    let of = |side| Nets::of(&NetForm::new(&zoo, [side, side]).unwrap().layers);
    let launch = of(28).unwrap().run_nets_grad(128, 128);
    assert!(launch.shared <= 48 << 10);
    assert!(of(40).is_none());
    let of_width = |width| Nets::of_mlps(&[1, width, 1], &[Activation::Tanh; 2]);
    assert_eq!(of_width(6143).unwrap().run_mlps(1, 9).shared, 48 << 10);
    assert!(of_width(6144).is_none());
    // The kernels do not know every activation; the others are composed.
    assert!(Nets::of_mlps(&[1, 4, 1], &[Activation::Mish, Activation::Identity]).is_none());
}
