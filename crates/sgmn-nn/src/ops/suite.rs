//! Every operation against its reference: values and gradients, both number types, empty and single axes.

use candle_core::{DType, Device, Result, Tensor, Var};
use sgmn_graph::{Activation, LayerMap, LayerSpec, NetSpec, Reading, Seed, testing::normal};

use super::{EdgeAxis, NetForm, Symmetrize, reference};

pub(super) type Op = Box<dyn Fn(&[Tensor]) -> Result<Tensor>>;

struct Case {
    name: &'static str,
    shapes: Vec<Vec<usize>>,
    op: Op,
    reference: Op,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut case = |name, shapes: Vec<Vec<usize>>, op: Op, reference: Op| {
        cases.push(Case { name, shapes, op, reference });
    };
    for rows in [0, 1, 300] {
        for width in [1, 7, 32, 128] {
            let shapes = vec![vec![rows, width], vec![width], vec![width], vec![width]];
            for signs in [Symmetrize::No, Symmetrize::Signs] {
                case(
                    "norm_silu",
                    shapes.clone(),
                    Box::new(move |x| super::norm_silu(&x[0], &x[1], &x[2], &x[3], signs)),
                    Box::new(move |x| reference::norm_silu(&x[0], &x[1], &x[2], &x[3], signs)),
                );
                case(
                    "bias_silu",
                    shapes[..2].to_vec(),
                    Box::new(move |x| super::bias_silu(&x[0], &x[1], signs)),
                    Box::new(move |x| reference::bias_silu(&x[0], &x[1], signs)),
                );
            }
            case(
                "add_bias",
                shapes[..2].to_vec(),
                Box::new(|x| super::add_bias(&x[0], &x[1])),
                Box::new(|x| reference::add_bias(&x[0], &x[1])),
            );
            for guard in [None, Some(0.3)] {
                case(
                    "unit_norm",
                    shapes[..1].to_vec(),
                    Box::new(move |x| super::unit_norm(&x[0], guard)),
                    Box::new(move |x| reference::unit_norm(&x[0], guard)),
                );
            }
            case(
                "abs",
                shapes[..1].to_vec(),
                Box::new(|x| super::abs(&x[0])),
                Box::new(|x| reference::abs(&x[0])),
            );
        }
    }
    for [b, r, s, h] in
        [[1, 1, 1, 1], [3, 5, 4, 8], [2, 1, 6, 16], [4, 7, 1, 3], [2, 3, 4, 128], [0, 3, 2, 4]]
    {
        for axis in [EdgeAxis::Receivers, EdgeAxis::Senders] {
            case(
                "sum_edges",
                vec![vec![b, r, s, h]],
                Box::new(move |x| super::sum_edges(&x[0], axis)),
                Box::new(move |x| reference::sum_edges(&x[0], axis)),
            );
            case(
                "aggregate",
                vec![vec![b, r, s, h]],
                Box::new(move |x| super::aggregate(&x[0], axis)),
                Box::new(move |x| reference::aggregate(&x[0], axis)),
            );
        }
    }
    for ([b, n, s, r], n_heads, d_head) in
        [([1, 1, 1, 1], 1, 1), ([3, 4, 2, 5], 2, 3), ([2, 3, 6, 1], 4, 2), ([0, 3, 2, 2], 2, 2)]
    {
        let row = n_heads * (1 + d_head);
        let shapes = [vec![b, n, row], vec![b, n, s, row], vec![b, r, n, row]];
        for sides in [[true, true], [true, false], [false, true], [false, false]] {
            let attend = |attend: Attend| -> Op {
                Box::new(move |x| {
                    let side = |i: usize| sides[i].then(|| &x[i + 1]);
                    attend(&x[0], side(0), side(1), n_heads)
                })
            };
            case("attend", shapes.to_vec(), attend(super::attend), attend(reference::attend));
        }
    }
    for [nets, inputs] in [[1, 1], [3, 7], [2, 150], [0, 4], [2, 0]] {
        for widths in [vec![2, 5, 3], vec![2, 32, 32, 1], vec![1, 4]] {
            for activation in ACTIVATIONS {
                let pairs = widths.windows(2);
                let weights = pairs.map(|pair| vec![nets, pair[1], pair[0]]);
                let biases = widths[1..].iter().map(|width| vec![nets, *width]);
                let n_layers = widths.len() - 1;
                let mut activations = vec![activation; n_layers];
                activations[n_layers - 1] = Activation::Identity;
                let x = random(&[inputs, widths[0]], Seed::new(3), DType::F64);
                let op = |run: RunMlps| -> Op {
                    let (activations, x) = (activations.clone(), x.clone());
                    Box::new(move |p| {
                        let x = x.to_dtype(p[0].dtype())?;
                        run(&p[..n_layers], &p[n_layers..], &activations, &x)
                    })
                };
                case(
                    match activation {
                        Activation::Sine { .. } => "run_mlps, sine",
                        Activation::Tanh => "run_mlps, tanh",
                        Activation::Relu | Activation::LeakyRelu { .. } => "run_mlps, relu",
                        _ => "run_mlps, composed",
                    },
                    weights.chain(biases).collect(),
                    op(super::run_mlps),
                    op(reference::run_mlps),
                );
            }
        }
    }
    for (is_cnn, image) in [(false, [1, 1]), (true, [7, 5])] {
        for [nets, inputs] in [[1, 1], [3, 7], [9, 40], [0, 4], [2, 0]] {
            for activation in ACTIVATIONS {
                let spec =
                    if is_cnn { cnn(activation) } else { NetSpec::mlp(&[2, 9, 5, 1], activation, 0.0) };
                let form = NetForm::new(&spec.unwrap(), image).unwrap();
                let params = random(&[nets, form.n_params()], Seed::new(3), DType::F64);
                let params = (params * 0.4).unwrap();
                let op = |run: RunNets| -> Op {
                    let (form, params) = (form.clone(), params.clone());
                    Box::new(move |x| run(&params.to_dtype(x[0].dtype())?, &form, &x[0]))
                };
                case(
                    if is_cnn { "run_nets, images" } else { "run_nets, values" },
                    vec![vec![form.n_values(), inputs]],
                    op(super::run_nets),
                    op(reference::run_nets),
                );
            }
        }
    }
    cases
}

/// Two convolutions, one with a margin and another stride along each axis, and a layer of means.
fn cnn(activation: Activation) -> sgmn_graph::Result<NetSpec> {
    let conv = |n_in, n_out, stride, padding| LayerSpec {
        map: LayerMap::Conv { n_in, n_out, kernel: [3, 2], stride, padding },
        activation,
    };
    let map = LayerMap::Linear { n_in: 4, n_out: 3, reading: Reading::GlobalAverage };
    let last = LayerSpec { map, activation: Activation::Identity };
    NetSpec::new(vec![conv(2, 3, [2, 1], [1, 0]), conv(3, 4, [1, 2], [0, 1]), last], 0.0)
}

type RunNets = fn(&Tensor, &NetForm, &Tensor) -> Result<Tensor>;
type Attend = fn(&Tensor, Option<&Tensor>, Option<&Tensor>, usize) -> Result<Tensor>;
type RunMlps = fn(&[Tensor], &[Tensor], &[Activation], &Tensor) -> Result<Tensor>;

/// One of each kind that has a formula of its own; the frequency is low, so that chance inputs compare well in f32.
const ACTIVATIONS: [Activation; 6] = [
    Activation::Sine { omega: 1.5 },
    Activation::Tanh,
    Activation::Relu,
    Activation::LeakyRelu { slope: 0.1 },
    Activation::Silu,
    Activation::Gelu,
];

pub(super) fn random(shape: &[usize], seed: Seed, dtype: DType) -> Tensor {
    let mut rng = seed.rng();
    let values: Vec<f64> = (0..shape.iter().product()).map(|_| normal(&mut rng)).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

/// The result and the gradients of `Σ result ⊙ cotangent`.
pub(super) fn run(op: &Op, inputs: &[Var]) -> Vec<Tensor> {
    let inputs_as_tensors: Vec<Tensor> = inputs.iter().map(|var| var.as_tensor().clone()).collect();
    let result = op(&inputs_as_tensors).unwrap();
    let cotangent = random(result.dims(), Seed::new(5), result.dtype());
    let grads = (&result * cotangent).unwrap().sum_all().unwrap().backward().unwrap();
    let grad = |var: &Var| grads.get(var).cloned().unwrap_or_else(|| var.zeros_like().unwrap());
    std::iter::once(result).chain(inputs.iter().map(grad)).collect()
}

pub(super) fn worst_difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.dims(), b.dims());
    if a.elem_count() == 0 {
        return 0.0;
    }
    let values =
        |t: &Tensor| t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
    let (a, b) = (values(a), values(b));
    let largest = b.iter().fold(1e-30, |m: f64, v| m.max(v.abs()));
    // A width of one normalizes to zero exactly; there only rounding is left to compare.
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / largest.max(1e-3)
}

#[test]
fn every_operation_equals_its_reference_in_values_and_gradients() {
    for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 2e-5)] {
        for case in cases() {
            let inputs: Vec<Var> = case
                .shapes
                .iter()
                .enumerate()
                .map(|(i, shape)| {
                    Var::from_tensor(&random(shape, Seed::new(7).index(i as u64), dtype)).unwrap()
                })
                .collect();
            for (i, (ours, theirs)) in
                run(&case.op, &inputs).iter().zip(run(&case.reference, &inputs)).enumerate()
            {
                let difference = worst_difference(ours, &theirs);
                assert!(
                    difference < tolerance,
                    "{} {:?} {dtype:?} part {i}: {difference:e}",
                    case.name,
                    case.shapes
                );
            }
        }
    }
}

#[test]
fn gradients_equal_central_differences() {
    const STEP: f64 = 1e-5;
    for case in cases().iter().filter(|case| case.shapes[0].iter().product::<usize>() < 700) {
        let tensors: Vec<Tensor> = case
            .shapes
            .iter()
            .enumerate()
            .map(|(i, s)| random(s, Seed::new(9).index(i as u64), DType::F64))
            .collect();
        let vars: Vec<Var> = tensors.iter().map(|t| Var::from_tensor(t).unwrap()).collect();
        let grads = run(&case.op, &vars);
        let loss = |inputs: &[Tensor]| {
            let result = (case.op)(inputs).unwrap();
            let cotangent = random(result.dims(), Seed::new(5), DType::F64);
            (result * cotangent).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap()
        };
        for (input, shape) in case.shapes.iter().enumerate() {
            let n: usize = shape.iter().product();
            // A few positions of each input suffice: rows are treated alike.
            for position in (0..n).step_by((n / 5).max(1)) {
                let moved = |step: f64| {
                    let mut values = tensors[input].flatten_all().unwrap().to_vec1::<f64>().unwrap();
                    values[position] += step;
                    let mut inputs = tensors.clone();
                    inputs[input] = Tensor::from_vec(values, shape.as_slice(), &Device::Cpu).unwrap();
                    loss(&inputs)
                };
                let numeric = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
                let exact = grads[input + 1].flatten_all().unwrap().to_vec1::<f64>().unwrap()[position];
                let difference = (numeric - exact).abs();
                assert!(
                    difference < 1e-6 * (1.0 + exact.abs()),
                    "{} {shape:?}: {numeric} {exact}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn a_zero_row_has_a_zero_direction_and_no_gradient_nor_has_one_that_is_too_short() {
    let rows = [[0.0f32, 0.0], [3.0, -4.0], [3e-30, 4e-30], [3e30, 4e30], [3e-36, 4e-36]];
    let x = Var::new(&rows, &Device::Cpu).unwrap();
    let y = super::unit_norm(x.as_tensor(), None).unwrap();
    let expected = [[0.0f32, 0.0], [0.6, -0.8], [0.6, 0.8], [0.6, 0.8], [0.6, 0.8]];
    for (row, expected) in y.to_vec2::<f32>().unwrap().iter().zip(expected) {
        assert!(row.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{row:?}");
    }
    for forward in [super::unit_norm, reference::unit_norm] {
        let grads = forward(x.as_tensor(), None).unwrap().sum_all().unwrap().backward().unwrap();
        let dx = grads.get(&x).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!([&dx[0], &dx[4]], [&[0.0, 0.0], &[0.0, 0.0]], "what would overflow is left out");
        assert!(dx[2].iter().all(|slope| slope.is_finite() && slope.abs() > 1e27), "{dx:?}");
    }
}

#[test]
fn dropout_keeps_the_mean_and_repeats_from_its_seed() {
    let x = Tensor::ones((100, 300), DType::F32, &Device::Cpu).unwrap();
    let drop = |seed| super::dropout(&x, 0.2, &Seed::new(seed)).unwrap();
    let mean = drop(1).mean_all().unwrap().to_scalar::<f32>().unwrap();
    assert!((mean - 1.0).abs() < 0.02, "{mean}");
    let values = |t: Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(values(drop(1)), values(drop(1)));
    assert_ne!(values(drop(1)), values(drop(2)));
}
