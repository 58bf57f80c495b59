//! Matrices and additions that are not allowed.

use anyhow::Result;
use rand::seq::SliceRandom;
use sgmn_graph::{Seed, flow::Numbers};
use sgmn_symmetry::flow::{
    freedoms::{Freedom, Rule},
    matrices::{Kind, Matrix, MatrixElement},
};

use super::{Fault, MOST_VARIANTS, Negative, SEEN};
use crate::any_net::{
    free::Free,
    judge::{Judge, Replaced},
};

/// Matrices from outside of the group of a space, and matrices that act in one parameter only.
pub(super) fn matrices(free: &Free, judge: &Judge<'_>, seed: Seed, n: usize) -> Result<Vec<Negative>> {
    let net = judge.net();
    let mut spaces: Vec<&Matrix> = free.matrices.iter().collect();
    spaces.shuffle(&mut seed.child("order").rng());
    let mut found = Vec::new();
    for (at, space) in spaces.into_iter().enumerate() {
        if found.len() >= n {
            break;
        }
        let seed = seed.index(at as u64);
        let place =
            space.axes(net.flow()).first().map_or_else(String::new, |axis| format!("{space} from {axis} on"));
        let mut attempt = |fault, wrong: Vec<Matrix>| -> Result<()> {
            let mut change = 0.0;
            for wrong in wrong {
                let wrong = [wrong];
                let element = MatrixElement::sample(&wrong, seed);
                let mixed = element.act(net.flow(), &wrong, net)?;
                change = f64::max(change, judge.change_of_first(&mixed)?);
                if change >= SEEN {
                    break;
                }
            }
            found.push(Negative { fault, place: place.clone(), change });
            Ok(())
        };
        let larger = match &space.kind {
            Kind::General => None,
            Kind::UnitPairs(pairs) => Some(Kind::Pairs(pairs.clone())),
            Kind::OrthogonalKeepingOnes => Some(Kind::Orthogonal),
            Kind::Orthogonal | Kind::Pairs(_) => Some(Kind::General),
        };
        if let Some(kind) = larger {
            attempt(Fault::MatrixOfLarger, vec![Matrix { kind, ..space.clone() }])?;
        }
        let mut params: Vec<usize> = space.holders.iter().map(|holder| holder.param).collect();
        params.dedup();
        if params.iter().any(|param| *param != params[0]) {
            let alone = |param: &usize| Matrix {
                holders: space.holders.iter().filter(|holder| holder.param == *param).cloned().collect(),
                ..space.clone()
            };
            attempt(Fault::MatrixInOnePlace, params.iter().take(MOST_VARIANTS).map(alone).collect())?;
        }
    }
    Ok(found)
}

/// Additions that only one of the parameters of a freedom follows.
pub(super) fn additions(free: &Free, judge: &Judge<'_>, seed: Seed, n: usize) -> Result<Vec<Negative>> {
    let net = judge.net();
    // Where nobody sees a direction, each parameter may move along it alone.
    let tied = |freedom: &&Freedom| freedom.params.len() > 1 && freedom.rule != Rule::Unseen;
    let mut freedoms: Vec<&Freedom> = free.freedoms.iter().filter(tied).collect();
    freedoms.shuffle(&mut seed.child("order").rng());
    let mut found = Vec::new();
    for (at, freedom) in freedoms.into_iter().take(n).enumerate() {
        let drawn = freedom.draw(seed.index(at as u64), net);
        let changed = freedom.act(net, drawn);
        let mut change = 0.0;
        for param in freedom.params.iter().take(MOST_VARIANTS) {
            let mut alone = Replaced::new(net.flow(), net);
            alone.set(*param, changed.numbers(*param).into_owned());
            change = f64::max(change, judge.change_of_first(&alone)?);
            if change >= SEEN {
                break;
            }
        }
        found.push(Negative { fault: Fault::AdditionInOnePlace, place: freedom.words.clone(), change });
    }
    Ok(found)
}
