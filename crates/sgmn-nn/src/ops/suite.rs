//! Every operation against its reference: values and gradients, both number types, empty and single axes.
//!
//! Behind the feature `testing`, so that a device can be put to the test too.

use candle_core::{DType, Device, Result, Tensor, Var, bail};
use sgmn_graph::{Activation, NetSpec, Reading, Seed, normal};

use super::{
    EdgeAxis, NetForm, Symmetrize,
    nets::trial::{ACTIVATIONS, cnn},
    reference,
};

pub(super) type Op = Box<dyn Fn(&[Tensor]) -> Result<Tensor>>;

/// An operation on inputs of certain shapes.
pub struct Case {
    /// The operation.
    pub name: &'static str,
    /// Shapes of its inputs.
    pub shapes: Vec<Vec<usize>>,
    op: Op,
    reference: Op,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.name, self.shapes)
    }
}

impl Case {
    /// The largest difference between the operation on a device in a number type and its reference on the CPU in f64,
    /// over result and gradients, each relative to the largest number of its tensor.
    ///
    /// # Errors
    /// What either says, or that shapes differ.
    pub fn difference(&self, device: &Device, dtype: DType) -> Result<f64> {
        let ours = run(&self.op, &self.inputs(device, dtype)?)?;
        let theirs = run(&self.reference, &self.inputs(&Device::Cpu, DType::F64)?)?;
        let mut worst = 0.0;
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let difference = worst_difference(ours, theirs)?;
            // NaN is no small difference, and max would drop it.
            worst = if difference.is_nan() { f64::INFINITY } else { difference.max(worst) };
        }
        Ok(worst)
    }

    /// Whether an input or the result has no numbers.
    ///
    /// # Errors
    /// What the reference says on the CPU.
    pub fn is_empty(&self) -> Result<bool> {
        if self.shapes.iter().any(|shape| shape.contains(&0)) {
            return Ok(true);
        }
        let inputs = self.inputs(&Device::Cpu, DType::F64)?;
        let inputs: Vec<Tensor> = inputs.iter().map(|var| var.as_tensor().clone()).collect();
        Ok((self.reference)(&inputs)?.elem_count() == 0)
    }

    /// Random inputs, rounded to f32 so that every number type begins with the same numbers.
    fn inputs(&self, device: &Device, dtype: DType) -> Result<Vec<Var>> {
        let random = |(i, shape): (usize, &Vec<usize>)| {
            let numbers = random(shape, Seed::new(7).index(i as u64), DType::F32)?;
            Var::from_tensor(&numbers.to_dtype(dtype)?.to_device(device)?)
        };
        self.shapes.iter().enumerate().map(random).collect()
    }
}

/// All operations, each on shapes that reach its branches.
///
/// # Errors
/// If an input cannot be made.
pub fn cases() -> Result<Vec<Case>> {
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
    for [b, r, s, k, h] in
        [[1, 1, 1, 1, 1], [2, 5, 4, 1, 8], [3, 4, 2, 3, 5], [2, 1, 3, 7, 4], [6, 1, 1, 9, 3], [0, 2, 3, 2, 4]]
    {
        for axis in [EdgeAxis::Receivers, EdgeAxis::Senders] {
            let n = if axis == EdgeAxis::Senders { s } else { r };
            case(
                "weigh",
                vec![vec![b, r, s, k], vec![k, h], vec![b, n, h]],
                Box::new(move |x| super::weigh(&x[0], &x[1], &x[2], axis)),
                Box::new(move |x| reference::weigh(&x[0], &x[1], &x[2], axis)),
            );
            // Numbers of nets, which no variable stands behind.
            let w = random(&[b, r, s, k], Seed::new(4), DType::F32)?;
            let of_data = |weigh: Weigh| -> Op {
                let w = w.clone();
                Box::new(move |x| {
                    weigh(&w.to_dtype(x[0].dtype())?.to_device(x[0].device())?, &x[0], &x[1], axis)
                })
            };
            case(
                "weigh, data",
                vec![vec![k, h], vec![b, n, h]],
                of_data(super::weigh),
                of_data(reference::weigh),
            );
        }
    }
    for (shape, n) in [(vec![3, 4, 5, 1], 8), (vec![2, 3, 9], 1), (vec![0, 2, 1], 4), (vec![1, 5000], 3)] {
        let op = move |sines: Sines| -> Op {
            let frequencies: Vec<f64> = (0..n).map(|k| 1.5f64.powi(k)).collect();
            Box::new(move |x| sines(&x[0], &frequencies))
        };
        case("sines", vec![shape], op(super::sines), op(reference::sines));
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
                let x = random(&[inputs, widths[0]], Seed::new(3), DType::F32)?;
                let op = |run: RunMlps| -> Op {
                    let (activations, x) = (activations.clone(), x.clone());
                    Box::new(move |p| {
                        let x = x.to_dtype(p[0].dtype())?.to_device(p[0].device())?;
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
                let spec = if is_cnn {
                    cnn(activation, Reading::GlobalAverage)
                } else {
                    NetSpec::mlp(&[2, 9, 5, 1], activation, 0.0)
                };
                let form = NetForm::new(&spec.map_err(candle_core::Error::wrap)?, image)
                    .map_err(candle_core::Error::wrap)?;
                let params = random(&[nets, form.n_params()], Seed::new(3), DType::F32)?;
                let params = (params * 0.4)?;
                let op = |run: RunNets| -> Op {
                    let (form, params) = (form.clone(), params.clone());
                    Box::new(move |x| {
                        let params = params.to_dtype(x[0].dtype())?.to_device(x[0].device())?;
                        run(&params, &form, &x[0])
                    })
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
    Ok(cases)
}

type RunNets = fn(&Tensor, &NetForm, &Tensor) -> Result<Tensor>;
type Weigh = fn(&Tensor, &Tensor, &Tensor, EdgeAxis) -> Result<Tensor>;
type Sines = fn(&Tensor, &[f64]) -> Result<Tensor>;
type Attend = fn(&Tensor, Option<&Tensor>, Option<&Tensor>, usize) -> Result<Tensor>;
type RunMlps = fn(&[Tensor], &[Tensor], &[Activation], &Tensor) -> Result<Tensor>;

pub(super) fn random(shape: &[usize], seed: Seed, dtype: DType) -> Result<Tensor> {
    let mut rng = seed.rng();
    let values: Vec<f64> = (0..shape.iter().product()).map(|_| normal(&mut rng)).collect();
    Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)
}

/// The result and the gradients of `Σ result ⊙ cotangent`.
pub(super) fn run(op: &Op, inputs: &[Var]) -> Result<Vec<Tensor>> {
    let inputs_as_tensors: Vec<Tensor> = inputs.iter().map(|var| var.as_tensor().clone()).collect();
    let result = op(&inputs_as_tensors)?;
    let cotangent = random(result.dims(), Seed::new(5), result.dtype())?.to_device(result.device())?;
    let grads = (&result * cotangent)?.sum_all()?.backward()?;
    let grad = |var: &Var| grads.get(var).map_or_else(|| var.zeros_like(), |grad| Ok(grad.clone()));
    std::iter::once(Ok(result)).chain(inputs.iter().map(grad)).collect()
}

/// The largest difference, relative to the largest number of `b`.
pub(super) fn worst_difference(a: &Tensor, b: &Tensor) -> Result<f64> {
    if a.dims() != b.dims() {
        bail!("expected a tensor of shape {:?}, found {:?}", b.dims(), a.dims());
    }
    if a.elem_count() == 0 {
        return Ok(0.0);
    }
    let values =
        |t: &Tensor| t.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
    let (a, b) = (values(a)?, values(b)?);
    let largest = b.iter().fold(1e-30, |m: f64, v| m.max(v.abs()));
    // A width of one normalizes to zero exactly; there only rounding is left to compare.
    let differences = a.iter().zip(&b).map(|(a, b)| (a - b).abs());
    let worst = differences.fold(0.0, |worst: f64, d| if d.is_nan() { f64::INFINITY } else { worst.max(d) });
    Ok(worst / largest.max(1e-3))
}

#[cfg(test)]
mod proofs;
