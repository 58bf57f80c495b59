//! Examiners: how far any closure is from respecting the symmetries, and how far they are from keeping a function.
//!
//! ```
//! use sgmn_graph::{Activation, NetSpec, Seed, testing};
//! use sgmn_symmetry::{Symmetry, check};
//! let spec = NetSpec::mlp(&[2, 5, 1], Activation::Tanh, 0.0)?.into();
//! let nets: Vec<_> = (0..3).map(|i| testing::random_net(Seed::new(i), &spec)).collect();
//! let trials = check::Trials::new(Seed::new(0), &[Symmetry::Permutation, Symmetry::Sign], 4);
//!
//! // The sum of squares of a net's parameters knows neither order nor sign; their sum does.
//! let sum = |f: fn(f64) -> f64| move |nets: &[sgmn_graph::Net]| {
//!     Ok::<_, sgmn_graph::Error>(nets.iter().map(|net| vec![net.params().iter().map(|w| f(*w)).sum()]).collect())
//! };
//! assert!(check::invariance_error(&trials, &nets, sum(|w| w * w))?.within(1e-12));
//! assert!(!check::invariance_error(&trials, &nets, sum(|w| w))?.within(0.1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{collections::BTreeMap, error, fmt, ops::Range, sync::Arc};

use serde::{Deserialize, Serialize};
use sgmn_graph::{Net, NetSpec, Seed, Topology, eval, lower};

use crate::{Element, Error, Ranges, Result, Symmetry, sample};

/// Which random elements an examination tries on each net.
#[derive(Debug, Clone)]
pub struct Trials {
    /// Where chance comes from.
    pub seed: Seed,
    /// The symmetries; at each unit those count that its activation admits.
    pub symmetries: Vec<Symmetry>,
    /// Elements a net.
    pub n_elements: usize,
    /// Ranges of the elements.
    pub ranges: Ranges,
}

/// The worst that an examination found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Largest difference between what was found and what should have been, relative to the largest magnitude of
    /// what should have been in the same tensor over all nets; infinite if a number is not finite.
    pub worst: f64,
    /// The trial in which it was found, from 0.
    pub element: usize,
    /// The net, from 0.
    pub net: usize,
    /// The output or parameter, for example `output 3` or `layer 1 weight 5`.
    pub position: String,
    /// Number of elements tried, over all nets.
    pub n_elements: usize,
    /// How many of them changed anything; with none an examination says nothing.
    pub n_moving: usize,
}

/// How far a closure from nets to vectors is from being invariant, `f(g·x) = f(x)`.
///
/// # Shapes
/// `f` is given all nets at once and returns one vector for each, in their order; a net's vector has the same length
/// however the net is moved.
///
/// # Errors
/// [`Error::Closure`] if `f` fails, [`Error::Shape`] if it returns too few or too many numbers.
pub fn invariance_error<E>(
    trials: &Trials,
    nets: &[Net],
    mut f: impl FnMut(&[Net]) -> Result<Vec<Vec<f64>>, E>,
) -> Result<Report>
where
    E: Into<Box<dyn error::Error + Send + Sync>>,
{
    let expected = outputs(nets, f(nets), None)?;
    examine(
        trials,
        nets,
        |_, moved, _| {
            let found = outputs(moved, f(moved), Some(&expected))?;
            Ok((expected.clone(), found))
        },
        |_, len| vec![("output".to_owned(), 0..len)],
    )
}

/// How far a closure from nets to changes of their parameters is from being equivariant, `f(g·x) = g·f(x)`.
///
/// Changes move linearly: like the parameters, but without shifts of the bias.
///
/// # Shapes
/// `f` is given all nets at once and returns one vector for each, as long and in the same order as its parameters.
///
/// # Errors
/// [`Error::Closure`] if `f` fails, [`Error::Shape`] if it returns too few or too many numbers.
pub fn equivariance_error<E>(
    trials: &Trials,
    nets: &[Net],
    mut f: impl FnMut(&[Net]) -> Result<Vec<Vec<f64>>, E>,
) -> Result<Report>
where
    E: Into<Box<dyn error::Error + Send + Sync>>,
{
    let params: Vec<Vec<f64>> = nets.iter().map(|net| net.params().to_vec()).collect();
    let before = outputs(nets, f(nets), Some(&params))?;
    examine(
        trials,
        nets,
        |elements, moved, topologies| {
            let carried = before.iter().zip(nets).zip(elements.iter().zip(topologies)).map(
                |((delta, net), (g, topology))| {
                    let delta = Net::new(net.spec().clone(), delta.clone())?;
                    Ok(g.act_on_delta(&lower(&delta, topology)?)?.raise()?.params().to_vec())
                },
            );
            Ok((carried.collect::<Result<_>>()?, outputs(moved, f(moved), Some(&params))?))
        },
        |spec, _| param_tensors(spec),
    )
}

/// How far the symmetries are from keeping what nets compute, by the interpreter: 0 up to rounding, always.
///
/// `inputs` gives the inputs on which a net is run.
///
/// # Errors
/// Those of [`eval::run`].
pub fn function_error(
    trials: &Trials,
    nets: &[Net],
    inputs: impl Fn(&Net) -> Vec<Vec<f64>>,
) -> Result<Report> {
    let run = |net: &Net| -> Result<Vec<f64>, sgmn_graph::Error> {
        let outputs = inputs(net).iter().map(|input| eval::run(net, input)).collect::<Result<Vec<_>, _>>()?;
        Ok(outputs.concat())
    };
    invariance_error(trials, nets, |nets| nets.iter().map(run).collect::<Result<Vec<_>, _>>())
}

impl Trials {
    /// Trials with the usual [`Ranges`].
    pub fn new(seed: Seed, symmetries: &[Symmetry], n_elements: usize) -> Self {
        Self { seed, symmetries: symmetries.to_vec(), n_elements, ranges: Ranges::default() }
    }
}

impl Report {
    /// Whether the worst is within a tolerance and anything was moved at all.
    pub fn within(&self, tolerance: f64) -> bool {
        self.n_moving > 0 && self.worst <= tolerance
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worst, element, net, position, n_elements, n_moving } = self;
        write!(f, "worst relative error {worst:.1e} at {position} of net {net} under element {element}")?;
        write!(f, " ({n_elements} elements, {n_moving} of them moving)")
    }
}

/// What should be and what is, one vector a net.
type Compared = (Vec<Vec<f64>>, Vec<Vec<f64>>);

/// Moves all nets by their elements, trial by trial, and looks for the worst of what `compare` puts side by side.
/// `tensors` names the runs of a net's vector that are measured by their own largest magnitude.
fn examine(
    trials: &Trials,
    nets: &[Net],
    mut compare: impl FnMut(&[Element], &[Net], &[Arc<Topology>]) -> Result<Compared>,
    tensors: impl Fn(&NetSpec, usize) -> Vec<Tensor>,
) -> Result<Report> {
    let topologies = nets.iter().map(|net| Ok(Arc::new(Topology::new(net.spec().clone())?)));
    let topologies = topologies.collect::<Result<Vec<_>>>()?;
    let mut report = Report {
        worst: 0.0,
        element: 0,
        net: 0,
        position: "any position".to_owned(),
        n_elements: trials.n_elements * nets.len(),
        n_moving: 0,
    };
    for trial in 0..trials.n_elements {
        let seed = |net: usize| trials.seed.child("element").index(trial as u64).index(net as u64);
        let draw = |(i, topology): (usize, &Arc<Topology>)| {
            sample(seed(i), topology, &trials.symmetries, &trials.ranges)
        };
        let elements = topologies.iter().enumerate().map(draw).collect::<Result<Vec<_>>>()?;
        report.n_moving += elements.iter().filter(|element| !element.is_identity()).count();
        let moves = nets.iter().zip(&topologies).zip(&elements);
        let moved =
            moves.map(|((net, topology), element)| Ok(element.act(&lower(net, topology)?)?.raise()?));
        let moved = moved.collect::<Result<Vec<_>>>()?;
        let (expected, found) = compare(&elements, &moved, &topologies)?;

        let tensors: Vec<Vec<Tensor>> =
            nets.iter().zip(&expected).map(|(net, values)| tensors(net.spec(), values.len())).collect();
        let mut largest: BTreeMap<&str, f64> = BTreeMap::new();
        for (tensors, expected) in tensors.iter().zip(&expected) {
            for (name, range) in tensors {
                let scale = largest.entry(name).or_default();
                *scale = expected[range.clone()].iter().fold(*scale, |scale, value| scale.max(value.abs()));
            }
        }
        for (i, (tensors, (expected, found))) in tensors.iter().zip(expected.iter().zip(&found)).enumerate() {
            for (name, range) in tensors {
                for at in range.clone() {
                    let error = relative(found[at] - expected[at], largest[name.as_str()]);
                    if error > report.worst {
                        let position = format!("{name} {}", at - range.start);
                        report = Report { worst: error, element: trial, net: i, position, ..report };
                    }
                }
            }
        }
    }
    Ok(report)
}

/// A difference in units of a magnitude; infinite where it is not a number, so that no NaN passes for a small error.
fn relative(difference: f64, magnitude: f64) -> f64 {
    match difference.abs() / magnitude {
        _ if difference == 0.0 => 0.0,
        error if error.is_nan() => f64::INFINITY,
        error => error,
    }
}

/// The closure's outputs, if they are one vector a net, as long as those `like` which they must be.
fn outputs<E>(
    nets: &[Net],
    outputs: Result<Vec<Vec<f64>>, E>,
    like: Option<&[Vec<f64>]>,
) -> Result<Vec<Vec<f64>>>
where
    E: Into<Box<dyn error::Error + Send + Sync>>,
{
    let outputs = outputs.map_err(|error| Error::Closure(error.into()))?;
    let fault = |what: String, expected, found| Err(Error::Shape { what, expected, found });
    if outputs.len() != nets.len() {
        return fault("vectors returned by the closure".to_owned(), nets.len(), outputs.len());
    }
    for (i, (found, expected)) in outputs.iter().zip(like.unwrap_or(&outputs)).enumerate() {
        if found.len() != expected.len() {
            return fault(
                format!("numbers returned by the closure for net {i}"),
                expected.len(),
                found.len(),
            );
        }
    }
    Ok(outputs)
}

/// A name, and a range of a vector.
type Tensor = (String, Range<usize>);

/// The parameter tensors of a net.
fn param_tensors(spec: &NetSpec) -> Vec<Tensor> {
    let layer = |l| {
        [(format!("layer {l} weight"), spec.weight_range(l)), (format!("layer {l} bias"), spec.bias_range(l))]
    };
    (0..spec.layers().len()).flat_map(layer).collect()
}
