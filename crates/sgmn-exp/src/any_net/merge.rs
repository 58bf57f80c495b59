//! Nets of one flow, moved near each other and averaged.

use std::borrow::Cow;

use anyhow::{Result, ensure};
use sgmn_graph::flow::{FlowNet, Numbers};
use sgmn_symmetry::flow::{
    align::{AlignOptions, Alignment, Method, align},
    freedoms::freedoms,
    matrices::matrices,
};

/// A net that was moved near another one.
#[derive(Debug, Clone)]
pub struct Moved {
    /// What was done to it.
    pub alignment: Alignment,
    /// The net afterwards: the same function.
    pub net: FlowNet,
}

/// Moves `b` as near to `a` as is found by this method.
///
/// # Errors
/// Nets of different flows, and nets whose gains cannot be computed.
pub fn moved(a: &FlowNet, b: &FlowNet, method: Method<'_>, options: &AlignOptions) -> Result<Moved> {
    let alignment = align(a, b, method, options)?;
    let flow = b.flow();
    let net = alignment.transport.act(b, &matrices(flow), &freedoms(flow))?;
    Ok(Moved { alignment, net })
}

/// A net on the straight line between two nets of one flow: `(1 − t) a + t b`, number by number.
#[derive(Debug, Clone, Copy)]
pub struct Between<'a> {
    /// The net at t = 0.
    pub a: &'a FlowNet,
    /// The net at t = 1.
    pub b: &'a FlowNet,
    /// Where between them.
    pub t: f64,
}

impl Numbers for Between<'_> {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        let (a, b) = (self.a.numbers(param), self.b.numbers(param));
        a.iter().zip(b.iter()).map(|(a, b)| (1.0 - self.t) * a + self.t * b).collect()
    }
}

/// A weighted mean of nets of one flow.
struct Mean<'a> {
    nets: Vec<&'a FlowNet>,
    /// Sum to 1.
    weights: &'a [f64],
}

impl Numbers for Mean<'_> {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        let mut sum = vec![0.0; self.nets.first().map_or(0, |net| net.stored()[param].len())];
        for (net, weight) in self.nets.iter().zip(self.weights) {
            sum.iter_mut().zip(net.numbers(param).iter()).for_each(|(sum, value)| *sum += weight * value);
        }
        Cow::Owned(sum)
    }
}

/// The mean of some nets.
#[derive(Debug, Clone)]
pub struct Merged {
    /// The mean.
    pub net: FlowNet,
    /// For each net but the first, how it was moved near the first one.
    pub moved: Vec<Alignment>,
}

/// The weighted mean of nets of one flow, the others moved near the first one. Further rounds move all of them near the mean
/// of the round before, and take the mean anew. Scalars of a net that is moved become those of the net it is moved to, so
/// that the mean is the one that is taken between canonical points, seen from the first net.
///
/// # Errors
/// As [`moved`]; weights that are not as many as the nets, are not finite, or sum to 0.
pub fn merge(
    nets: &[&FlowNet],
    weights: &[f64],
    rounds: usize,
    method: Method<'_>,
    options: &AlignOptions,
) -> Result<Merged> {
    ensure!(
        weights.len() == nets.len(),
        "weights: expected {}, one a net, found {}",
        nets.len(),
        weights.len()
    );
    let sum: f64 = weights.iter().sum();
    ensure!(
        sum.is_finite() && sum != 0.0,
        "weights: expected finite numbers that do not sum to 0, found the sum {sum}"
    );
    let weights: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
    let (first, others) =
        nets.split_first().ok_or_else(|| anyhow::anyhow!("expected at least one net, found none"))?;
    let (mut near, mut alignments) = (vec![(*first).clone()], Vec::new());
    for net in others {
        let Moved { alignment, net } = moved(first, net, method, options)?;
        alignments.push(alignment);
        near.push(net);
    }
    let mean = |nets: &[FlowNet]| first.with(&Mean { nets: nets.iter().collect(), weights: &weights });
    let mut net = mean(&near)?;
    for _ in 1..rounds {
        near = near.iter().map(|one| Ok(moved(&net, one, method, options)?.net)).collect::<Result<_>>()?;
        net = mean(&near)?;
    }
    Ok(Merged { net, moved: alignments })
}
