//! What an element does, in words: a line for each space that it moves.

use anyhow::Result;
use sgmn_graph::flow::Flow;
use sgmn_symmetry::flow::{
    matrices::Block,
    transport::{Addition, SpaceMove, Transport},
};

use super::Free;

/// Names in one line at most.
const MOST_NAMES: usize = 2;

/// A space, its size, and what is done there.
pub type Row = [String; 3];

/// What an element does, a row for each space in which it does more than `rounding`.
///
/// # Errors
/// An element that is none of the group.
pub fn words(transport: &Transport, free: &Free, rounding: f64) -> Result<Vec<Row>> {
    let flow = free.spaces.flow();
    let mut rows: Vec<Row> = Vec::new();
    for space in free.spaces.moves(&transport.element)? {
        let done = done(&space);
        if !done.is_empty() {
            let (name, unit) = match space.order {
                Some(at) => (format!("o{}", at + 1), "unit"),
                None => ("scalars".to_owned(), "scalar"),
            };
            let what = format!("{}, in {}", done.join(", "), names(flow, &space.params));
            rows.push([name, count(space.n, unit), what]);
        }
    }
    for (at, space) in free.matrices.iter().enumerate().filter(|(at, _)| transport.mixes(*at)) {
        let mixed = transport.turning.blocks()[at].iter().filter(|block| departs(block) > rounding).count();
        if mixed == 0 {
            continue;
        }
        let each =
            if space.blocks > 1 { format!("{mixed} of {} blocks", space.blocks) } else { "all".to_owned() };
        let mut params: Vec<usize> = space.holders.iter().map(|holder| holder.param).collect();
        params.dedup();
        let what =
            format!("{each} mixed by a matrix of {}, in {}", space.kind.words(space.n), names(flow, &params));
        rows.push(["matrices".to_owned(), format!("{} × {}", space.n, space.n), what]);
    }
    rows.extend(transport.additions.iter().map(|addition| added(addition, free)));
    Ok(rows)
}

/// How far a matrix is from the identity.
fn departs(block: &Block) -> f64 {
    let one = Block::identity(block.n());
    block.matrix().iter().zip(one.matrix()).fold(0.0, |most, (a, b)| f64::max(most, (a - b).abs()))
}

/// What is done in a space of orders and scalars; nothing if it is rounding.
fn done(space: &SpaceMove) -> Vec<String> {
    let mut done = Vec::new();
    if space.reordered > 0 {
        done.push(format!("{} of {} reordered", space.reordered, space.n));
    }
    if space.flipped > 0 {
        done.push(format!("{} flipped", count(space.flipped, "sign")));
    }
    let (least, most) = space.magnitudes;
    let [low, high] = [least, most].map(|scale| format!("{scale:.4}"));
    if low != "1.0000" || high != "1.0000" {
        done.push(if low == high { format!("scale {low}") } else { format!("scales {low} to {high}") });
    }
    done
}

fn added(addition: &Addition, free: &Free) -> Row {
    let freedom = &free.freedoms[addition.freedom];
    let amounts = addition.change.amounts();
    let changed = amounts.iter().filter(|amount| **amount != 0.0).count();
    let largest = amounts.iter().fold(0.0, |most, amount| f64::max(most, amount.abs()));
    let words = format!("added, up to {largest:.2e}: {}", freedom.words);
    [freedom.rule.name().to_owned(), count(changed, "number"), words]
}

fn names(flow: &Flow, params: &[usize]) -> String {
    let shown = params.iter().take(MOST_NAMES).map(|param| flow.params()[*param].name.as_str());
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if params.len() > MOST_NAMES {
        text += &format!(" and {} more", params.len() - MOST_NAMES);
    }
    text
}

fn count(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}
