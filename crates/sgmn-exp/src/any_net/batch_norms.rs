//! Statistics of batch norms, estimated again from data: what a mean of nets needs.
//!
//! Units of a net between two others vary less than those of either, and the means of their statistics do not know of it.
//! So the mean and the variance of what each norm reads are taken anew on some inputs, norm after norm: a norm is estimated
//! once those before it are.
//!
//! # Source
//! The idea is that of Jordan et al. 2022, "REPAIR: REnormalizing Permuted Activations for Interpolation Repair"
//! (arXiv:2211.08403). **Departs:** the published program runs the whole net in the mode of training, so that each batch is
//! normalized by itself; here all inputs count as one batch.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::{Result, bail, ensure};
use sgmn_graph::flow::{
    Array, Combination, Combine, Flow, Function, Numbers, Op, Origin, Pointwise, Role, ValueId, run_each,
};

use super::judge::Replaced;

/// The batch norms of a flow, and inputs to estimate their statistics on.
#[derive(Debug)]
pub struct BatchNorms {
    flow: Arc<Flow>,
    inputs: Vec<Vec<Array>>,
    /// Those that others follow first.
    norms: Vec<Norm>,
}

/// `(x − μ) · γ (σ² + ε)^(−1/2) + β`.
#[derive(Debug)]
struct Norm {
    /// x.
    from: ValueId,
    /// The axis of units; absent if there is one unit.
    axis: Option<usize>,
    /// The parameters μ and σ².
    mean: usize,
    variance: usize,
    /// How many norms the longest way from an input to x passes.
    depth: usize,
}

impl BatchNorms {
    /// Finds the norms with running statistics.
    ///
    /// # Errors
    /// A flow without such norms, statistics that several of them share, no inputs.
    pub fn new(flow: &Arc<Flow>, inputs: Vec<Vec<Array>>) -> Result<Self> {
        ensure!(!inputs.is_empty(), "expected inputs to estimate statistics on, found none");
        let readers = flow.readers();
        let mut depths = vec![0; flow.values().len()];
        let mut norms: Vec<Norm> = Vec::new();
        for step in flow.steps() {
            let depth = step.from.iter().map(|id| depths[id.index()]).max().unwrap_or(0);
            let readers = readers[step.to.index()].iter().copied();
            let found = centred(flow, &step.op, &step.from)
                .zip(readers.into_iter().find_map(|reader| variance(flow, reader, step.to)));
            depths[step.to.index()] = depth + usize::from(found.is_some());
            let Some(((from, axis, mean), variance)) = found else { continue };
            let n = axis.map_or(1, |axis| flow.shape(from)[axis]);
            let numbers = |param: usize| flow.param_shape(param).iter().product::<usize>();
            if numbers(mean) == n && numbers(variance) == n {
                norms.push(Norm { from, axis, mean, variance, depth });
            }
        }
        let mut taken = BTreeSet::new();
        for param in norms.iter().flat_map(|norm| [norm.mean, norm.variance]) {
            let name = &flow.params()[param].name;
            ensure!(taken.insert(param), "{name}: expected one norm that reads it, found several");
        }
        if norms.is_empty() {
            bail!("expected a net with batch norms and running statistics, found none in it");
        }
        norms.sort_by_key(|norm| norm.depth);
        Ok(Self { flow: flow.clone(), inputs, norms })
    }

    /// How many norms there are.
    pub fn n_norms(&self) -> usize {
        self.norms.len()
    }

    /// The names of statistics that belong to no norm of this kind, and stay as they are.
    pub fn left(&self) -> Vec<&str> {
        let is_found =
            |param: usize| self.norms.iter().any(|norm| norm.mean == param || norm.variance == param);
        let params = self.flow.params().iter().enumerate();
        let left = params.filter(|(at, param)| param.role == Role::Statistic && !is_found(*at));
        left.map(|(_, param)| param.name.as_str()).collect()
    }

    /// The numbers of a net of this flow with all statistics estimated; the inputs are run once for each norm on the longest
    /// way.
    ///
    /// # Errors
    /// A net that cannot be computed, activations that are not finite.
    pub fn estimated<'a>(&self, net: &'a dyn Numbers) -> Result<Replaced<'a>> {
        let mut replaced = Replaced::new(&self.flow, net);
        for norms in self.norms.chunk_by(|a, b| a.depth == b.depth) {
            let mut moments: Vec<Moments> = norms.iter().map(|norm| Moments::new(norm, &self.flow)).collect();
            for inputs in &self.inputs {
                let mut see = |id: ValueId, array: &Array| {
                    let of_value = norms.iter().zip(&mut moments).filter(|(norm, _)| norm.from == id);
                    of_value.for_each(|(_, moments)| moments.see(array.data()));
                };
                for (input, array) in self.flow.inputs().iter().zip(inputs) {
                    see(input.value, array);
                }
                run_each(&self.flow, &replaced, inputs, &mut see)?;
            }
            for (norm, moments) in norms.iter().zip(moments) {
                let name = &self.flow.params()[norm.variance].name;
                let Moments { n, mean, squares, .. } = moments;
                let variance: Vec<f64> = squares.iter().map(|sum| sum / n).collect();
                ensure!(
                    mean.iter().chain(&variance).all(|number| number.is_finite()),
                    "{name}: expected finite activations to estimate it on, found others"
                );
                replaced.set(norm.mean, mean);
                replaced.set(norm.variance, variance);
            }
        }
        Ok(replaced)
    }
}

/// What `x − μ` subtracts: x, the axis of units, and μ.
fn centred(flow: &Flow, op: &Op, from: &[ValueId]) -> Option<(ValueId, Option<usize>, usize)> {
    let (Op::Combine(Combine { by: Combination::Subtract }), [x, by]) = (op, from) else { return None };
    let mean = statistic(flow, *by)?;
    let (shape, of_mean) = (flow.shape(*x), flow.shape(*by));
    let first = shape.len().checked_sub(of_mean.len())?;
    let mut wide = (0..of_mean.len()).filter(|axis| of_mean[*axis] > 1).map(|axis| first + axis);
    let (axis, None) = (wide.next(), wide.next()) else { return None };
    Some((*x, axis, mean))
}

/// The σ² by whose root a step divides a value.
fn variance(flow: &Flow, step: usize, value: ValueId) -> Option<usize> {
    let step = &flow.steps()[step];
    let Op::Combine(Combine { by }) = step.op else { return None };
    match (by, step.from.as_slice()) {
        (Combination::Multiply, [a, b]) if *a == value => rooted(flow, *b, -0.5),
        (Combination::Multiply, [a, b]) if *b == value => rooted(flow, *a, -0.5),
        (Combination::Divide, [a, b]) if *a == value => rooted(flow, *b, 0.5),
        _ => None,
    }
}

/// The σ² in a value `γ (σ² + ε)^exponent`.
fn rooted(flow: &Flow, id: ValueId, exponent: f64) -> Option<usize> {
    let Origin::Step(step) = flow.origin(id) else { return None };
    let step = &flow.steps()[step];
    match &step.op {
        Op::Reshape(_) => rooted(flow, step.from[0], exponent),
        Op::Combine(Combine { by: Combination::Multiply }) => {
            step.from.iter().find_map(|factor| rooted(flow, *factor, exponent))
        }
        Op::Pointwise(Pointwise { function: Function::Power { exponent: found } }) if *found == exponent => {
            let inner = step.from[0];
            statistic(flow, inner).or_else(|| {
                let Origin::Step(step) = flow.origin(inner) else { return None };
                let step = &flow.steps()[step];
                let Op::Combine(Combine { by: Combination::Add }) = step.op else { return None };
                let [a, b] = step.from[..] else { return None };
                let (sum, epsilon) = if flow.constant(b).is_some() { (a, b) } else { (b, a) };
                flow.constant(epsilon).and_then(|_| statistic(flow, sum))
            })
        }
        _ => None,
    }
}

/// The statistic that a value is, perhaps in another shape.
fn statistic(flow: &Flow, id: ValueId) -> Option<usize> {
    match flow.origin(id) {
        Origin::Param(param) => (flow.params()[param].role == Role::Statistic).then_some(param),
        Origin::Step(step) => match &flow.steps()[step] {
            step if matches!(step.op, Op::Reshape(_)) => statistic(flow, step.from[0]),
            _ => None,
        },
        _ => None,
    }
}

/// Means and squares of what a norm reads, a unit each.
struct Moments {
    /// Sizes before the axis of units, along it, and behind it.
    sizes: [usize; 3],
    /// How many numbers of each unit were seen.
    n: f64,
    mean: Vec<f64>,
    /// Sums of squared departures from the mean.
    squares: Vec<f64>,
}

impl Moments {
    fn new(norm: &Norm, flow: &Flow) -> Self {
        let shape = flow.shape(norm.from);
        let sizes = match norm.axis {
            Some(axis) => [shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product()],
            None => [1, 1, shape.iter().product()],
        };
        Self { sizes, n: 0.0, mean: vec![0.0; sizes[1]], squares: vec![0.0; sizes[1]] }
    }

    /// Joins the moments of these numbers to those of what was seen before.
    fn see(&mut self, numbers: &[f64]) {
        let [before, n_units, behind] = self.sizes;
        let n = (before * behind) as f64;
        for unit in 0..n_units {
            let of_unit = || (0..before).flat_map(|at| &numbers[(at * n_units + unit) * behind..][..behind]);
            let mean = of_unit().sum::<f64>() / n;
            let squares: f64 = of_unit().map(|x| (x - mean) * (x - mean)).sum();
            let apart = mean - self.mean[unit];
            self.squares[unit] += squares + apart * apart * self.n * n / (self.n + n);
            self.mean[unit] += apart * n / (self.n + n);
        }
        self.n += n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_do_not_depend_on_how_numbers_are_parted() {
        let numbers: Vec<f64> = (0..24).map(|i| f64::from(i * i % 7)).collect();
        let of = |sizes: [usize; 3], parts: usize| {
            let mut moments =
                Moments { sizes, n: 0.0, mean: vec![0.0; sizes[1]], squares: vec![0.0; sizes[1]] };
            numbers.chunks(numbers.len() / parts).for_each(|part| moments.see(part));
            moments
        };
        let (whole, parted) = (of([4, 2, 3], 1), of([1, 2, 3], 4));
        assert_eq!((whole.n, parted.n), (12.0, 12.0));
        for unit in 0..2 {
            let of_unit: Vec<f64> =
                (0..4).flat_map(|at| &numbers[(at * 2 + unit) * 3..][..3]).copied().collect();
            let mean = of_unit.iter().sum::<f64>() / 12.0;
            let squares: f64 = of_unit.iter().map(|x| (x - mean).powi(2)).sum();
            for moments in [&whole, &parted] {
                assert!((moments.mean[unit] - mean).abs() < 1e-12);
                assert!((moments.squares[unit] - squares).abs() < 1e-12);
            }
        }
    }
}
