//! From nodes to matrices: which parameter axes hold each free node, and which nodes are blocks of one space.

use std::collections::BTreeMap;

use super::{
    super::{Gain, Holder, Kind, Matrix, Side},
    Inference,
    kind::{self, Group},
    nodes::{Bunch, NodeId},
    twist::{Factor, Twist},
};

/// A bunch on an axis of a parameter.
struct Held {
    param: usize,
    axis: usize,
    bunch: Bunch,
}

/// What two blocks of one space have in common: all but where they begin.
type Signature = (Kind, usize, Vec<(usize, usize, bool, Vec<usize>, Vec<(usize, i32)>)>);

pub(super) fn collect(inference: &mut Inference<'_>) -> Vec<Matrix> {
    let mut held: BTreeMap<NodeId, Vec<Held>> = BTreeMap::new();
    for (param, nodes) in inference.param_nodes.clone().iter().enumerate() {
        for (axis, node) in nodes.iter().enumerate() {
            let Some(node) = *node else { continue };
            let all: Vec<u32> = (0..inference.nodes.size(node) as u32).collect();
            for bunch in inference.nodes.follow(node, Twist::default(), all.clone(), all) {
                // A matrix of one coordinate is a scale.
                if inference.nodes.size(bunch.node) > 1 {
                    held.entry(bunch.node).or_default().push(Held { param, axis, bunch });
                }
            }
        }
    }
    let mut spaces: Vec<(Signature, Matrix)> = Vec::new();
    let mut known: BTreeMap<Signature, usize> = BTreeMap::new();
    let mut blocks: Vec<Matrix> = held.into_iter().map(|(node, held)| block(inference, node, held)).collect();
    // Two units that keep their sum can only change places, which is an order.
    blocks.retain(|block| block.dims() > 0);
    blocks.sort_by_key(|block| {
        (block.holders[0].param, block.holders[0].axis, block.holders[0].places.clone())
    });
    for block in blocks {
        let signature = signature(&block);
        match known.get(&signature) {
            Some(at) => {
                let space = &mut spaces[*at].1;
                let number = space.blocks;
                space
                    .holders
                    .extend(block.holders.into_iter().map(|holder| Holder { block: number, ..holder }));
                space.blocks += 1;
            }
            None => {
                known.insert(signature.clone(), spaces.len());
                spaces.push((signature, block));
            }
        }
    }
    spaces.into_iter().map(|(_, space)| space).collect()
}

/// One node as a space of one block, in the frame in which most holders need no gain.
fn block(inference: &Inference<'_>, node: NodeId, mut held: Vec<Held>) -> Matrix {
    held.sort_by(|a, b| (a.param, a.axis, &a.bunch.positions).cmp(&(b.param, b.axis, &b.bunch.positions)));
    let kind = inference.nodes.kind(node).expect("only free nodes are followed to");
    let plain =
        |frame: &Twist| held.iter().filter(|held| held.bunch.twist.after(frame).gains.is_empty()).count();
    // The node's matrix is `frame` of the space's.
    let frame = match kind.group {
        Group::General => {
            let frames = held.iter().map(|held| Twist::by(held.bunch.twist.inverse().gains));
            let best =
                frames.map(|frame| (plain(&frame), frame)).reduce(|a, b| if b.0 > a.0 { b } else { a });
            best.map(|(_, frame)| frame).unwrap_or_default()
        }
        _ => Twist::by(kind.frame.clone()),
    };
    let frame = if held[0].bunch.twist.dual { frame.after(&Twist::dual()) } else { frame };
    // Coordinates in the order in which the first holder has them.
    let order = &held[0].bunch.at;
    let kind = kind::Kind { group: kind.group.clone(), frame: Vec::new() };
    let kind = match kind.pulled(order).map(|kind| kind.group) {
        None | Some(Group::General) => Kind::General,
        Some(Group::Orthogonal) => Kind::Orthogonal,
        Some(Group::KeepsOnes) => Kind::OrthogonalKeepingOnes,
        Some(Group::Pairs { partner, unit }) => {
            let pairs =
                partner.iter().enumerate().map(|(i, j)| (i, *j as usize)).filter(|(i, j)| i < j).collect();
            if unit { Kind::UnitPairs(pairs) } else { Kind::Pairs(pairs) }
        }
    };
    let holders = held.iter().map(|held| {
        let twist = held.bunch.twist.after(&frame).pulled(order);
        let mut places = vec![0; order.len()];
        for (position, at) in held.bunch.positions.iter().zip(&held.bunch.at) {
            places[*at as usize] = *position as usize;
        }
        Holder {
            block: 0,
            param: held.param,
            axis: held.axis,
            places: order.iter().map(|at| places[*at as usize]).collect(),
            side: if twist.dual { Side::Dual } else { Side::Plain },
            gains: twist.gains.iter().map(gain).collect(),
        }
    });
    Matrix { kind, n: order.len(), blocks: 1, holders: holders.collect() }
}

fn gain(factor: &Factor) -> Gain {
    let places = factor.places.iter().map(|place| *place as usize).collect();
    Gain { value: factor.value, places, power: factor.power }
}

fn signature(block: &Matrix) -> Signature {
    let holders = block.holders.iter().map(|holder| {
        let first = holder.places[0];
        let pattern = holder.places.iter().map(|place| place.wrapping_sub(first)).collect();
        let gains = holder.gains.iter().map(|gain| (gain.value.index(), gain.power)).collect();
        (holder.param, holder.axis, holder.side == Side::Dual, pattern, gains)
    });
    (block.kind.clone(), block.n, holders.collect())
}
