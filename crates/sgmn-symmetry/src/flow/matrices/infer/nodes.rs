//! Candidates for matrices, united and lowered as constraints come in.
//!
//! A node is the unknown matrix of n coordinates. Uniting two nodes says that one matrix follows from the other;
//! cutting says that it is block-diagonal; lowering takes a smaller group; fixing leaves the identity.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    kind::{Group, Kind},
    twist::{Factor, Twist},
};

pub(super) type NodeId = u32;

#[derive(Debug, Default)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    /// How often something was cut or fixed, so that what was followed before is known to be stale.
    pub(super) changes: usize,
}

#[derive(Debug)]
struct Node {
    n: usize,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Free(Kind),
    /// Coordinate i is coordinate `map[i]` of another node, and the matrix is `twist` of that node's.
    Same {
        other: NodeId,
        map: Arc<[u32]>,
        twist: Twist,
    },
    /// Block-diagonal: for each coordinate its part and the coordinate there.
    Parts(Arc<[(NodeId, u32)]>),
    Fixed,
}

/// Positions of a line that together are all coordinates of one free node.
#[derive(Debug, Clone)]
pub(super) struct Bunch {
    pub(super) node: NodeId,
    pub(super) twist: Twist,
    /// Ascending positions on the line.
    pub(super) positions: Vec<u32>,
    /// For each of them the coordinate.
    pub(super) at: Vec<u32>,
}

impl Nodes {
    pub(super) fn fresh(&mut self, n: usize) -> NodeId {
        self.push(n, State::Free(Kind::general()))
    }

    pub(super) fn size(&self, node: NodeId) -> usize {
        self.nodes[node as usize].n
    }

    /// The kind of a free node.
    pub(super) fn kind(&self, node: NodeId) -> Option<&Kind> {
        match &self.nodes[node as usize].state {
            State::Free(kind) => Some(kind),
            _ => None,
        }
    }

    /// Follows coordinates to the free nodes they belong to now; what is fixed is left out. Each bunch holds the given
    /// coordinates of one free node, which need not be all of them.
    pub(super) fn follow(
        &mut self,
        node: NodeId,
        twist: Twist,
        positions: Vec<u32>,
        at: Vec<u32>,
    ) -> Vec<Bunch> {
        let mut found = Vec::new();
        let mut open = vec![Bunch { node, twist, positions, at }];
        while let Some(bunch) = open.pop() {
            self.shorten(bunch.node);
            match &self.nodes[bunch.node as usize].state {
                State::Free(_) => found.push(bunch),
                State::Fixed => {}
                State::Same { other, map, twist } => {
                    let at = bunch.at.iter().map(|i| map[*i as usize]).collect();
                    let outer = if bunch.twist.gains.is_empty() {
                        bunch.twist
                    } else {
                        bunch.twist.pulled(&inverse(map))
                    };
                    let twist = outer.after(twist);
                    open.push(Bunch { node: *other, twist, positions: bunch.positions, at });
                }
                State::Parts(parts) => {
                    let parts = parts.clone();
                    let mut by_part: BTreeMap<NodeId, (Vec<u32>, Vec<u32>)> = BTreeMap::new();
                    for (position, i) in bunch.positions.iter().zip(&bunch.at) {
                        let (part, at) = parts[*i as usize];
                        let entry = by_part.entry(part).or_default();
                        entry.0.push(*position);
                        entry.1.push(at);
                    }
                    for (part, (positions, at)) in by_part {
                        let twist = if bunch.twist.gains.is_empty() {
                            bunch.twist.clone()
                        } else {
                            bunch.twist.pulled(&members(&parts, part, self.size(part)))
                        };
                        open.push(Bunch { node: part, twist, positions, at });
                    }
                }
            }
        }
        found.sort_by(|a, b| a.positions.cmp(&b.positions));
        found
    }

    /// Makes a free node block-diagonal: coordinates with equal labels stay together.
    pub(super) fn cut(&mut self, node: NodeId, labels: &[u32]) {
        let State::Free(kind) = self.nodes[node as usize].state.clone() else { return };
        let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (i, label) in labels.iter().enumerate() {
            groups.entry(*label).or_default().push(i as u32);
        }
        if groups.len() < 2 {
            return;
        }
        let mut parts = vec![(0, 0); labels.len()];
        for order in groups.into_values() {
            let state = kind.pulled(&order).map_or(State::Fixed, State::Free);
            let part = self.push(order.len(), state);
            for (at, i) in order.iter().enumerate() {
                parts[*i as usize] = (part, at as u32);
            }
        }
        self.nodes[node as usize].state = State::Parts(parts.into());
        self.changes += 1;
    }

    /// Leaves the identity.
    pub(super) fn fix(&mut self, node: NodeId) {
        if let State::Free(_) = self.nodes[node as usize].state {
            self.set(node, None);
        }
    }

    /// Demands that `twist` of a free node's matrix is in a group that holds the contragredients of its members.
    pub(super) fn lower(&mut self, node: NodeId, twist: &Twist, group: Group) {
        let State::Free(kind) = self.nodes[node as usize].state.clone() else { return };
        let demanded = Kind { group, frame: twist.inverse().gains };
        self.set(node, kind.meet(demanded));
    }

    /// Demands that the matrices of two bunches over the same positions are equal, or dual to each other.
    pub(super) fn unite(&mut self, a: &Bunch, b: &Bunch, dual: bool) {
        // An earlier union may have moved either: follow again.
        let (left, right) = (self.again(a), self.again(b));
        let ([a], [b]) = (left.as_slice(), right.as_slice()) else {
            left.iter().chain(&right).for_each(|bunch| self.fix(bunch.node));
            return;
        };
        let relation = if dual { Twist::dual() } else { Twist::default() };
        // Coordinate i of a stands at the position at which coordinate map[i] of b stands.
        let mut map = vec![0; a.at.len()];
        for (i, j) in a.at.iter().zip(&b.at) {
            map[*i as usize] = *j;
        }
        // a.twist(A) = relation(b.twist(B)), written for the coordinates of b.
        let back = inverse(&map);
        let twist = a.twist.pulled(&back).inverse().after(&relation.after(&b.twist));
        if a.node == b.node {
            self.tie(a.node, &map, &twist);
            return;
        }
        let State::Free(kind) = self.nodes[a.node as usize].state.clone() else { return };
        let State::Free(other) = self.nodes[b.node as usize].state.clone() else { return };
        // A = E k E⁻¹ and A = twist(B), so B = twist⁻¹(E k E⁻¹).
        let moved = kind.pulled(&back).map(|kind| Kind {
            frame: twist.inverse().after(&Twist::by(kind.frame)).gains,
            group: kind.group,
        });
        let both = moved.and_then(|kind| kind.meet(other));
        self.set(b.node, both);
        self.nodes[a.node as usize].state = State::Same { other: b.node, map: map.into(), twist };
    }

    /// Demands of one node that its matrix is `twist` of itself with coordinates moved by `map`.
    fn tie(&mut self, node: NodeId, map: &[u32], twist: &Twist) {
        if map.iter().enumerate().any(|(i, j)| i as u32 != *j) {
            return self.fix(node);
        }
        if twist.is_identity() {
            return;
        }
        let State::Free(kind) = self.nodes[node as usize].state.clone() else { return };
        // A = D A⁻ᵀ D⁻¹ holds for A = E Q E⁻¹ with Q orthogonal and E² = D, and for no more.
        let even = twist.gains.iter().all(|factor| factor.power % 2 == 0);
        if twist.dual && even {
            let half = |factor: &Factor| Factor { power: factor.power / 2, ..factor.clone() };
            let demanded = Kind { group: Group::Orthogonal, frame: twist.gains.iter().map(half).collect() };
            self.set(node, kind.meet(demanded));
        } else {
            self.fix(node);
        }
    }

    fn set(&mut self, node: NodeId, kind: Option<Kind>) {
        self.changes += usize::from(kind.is_none());
        self.nodes[node as usize].state = kind.map_or(State::Fixed, State::Free);
    }

    /// A bunch at the free nodes that it belongs to now.
    fn again(&mut self, bunch: &Bunch) -> Vec<Bunch> {
        self.follow(bunch.node, bunch.twist.clone(), bunch.positions.clone(), bunch.at.clone())
    }

    /// Makes a chain of equal nodes one step long.
    fn shorten(&mut self, node: NodeId) {
        loop {
            let State::Same { other, map, twist } = &self.nodes[node as usize].state else { return };
            let State::Same { other: next, map: onward, twist: inner } = &self.nodes[*other as usize].state
            else {
                return;
            };
            let through: Arc<[u32]> = map.iter().map(|i| onward[*i as usize]).collect();
            let outer = if twist.gains.is_empty() { twist.clone() } else { twist.pulled(&inverse(onward)) };
            let state = State::Same { other: *next, map: through, twist: outer.after(inner) };
            self.nodes[node as usize].state = state;
        }
    }

    fn push(&mut self, n: usize, state: State) -> NodeId {
        let id = u32::try_from(self.nodes.len()).expect("nodes are limited by the sizes of a flow");
        self.nodes.push(Node { n, state });
        id
    }
}

/// The coordinates of one part, in the part's order.
fn members(parts: &[(NodeId, u32)], part: NodeId, n: usize) -> Vec<u32> {
    let mut order = vec![0; n];
    for (i, (of, at)) in parts.iter().enumerate() {
        if *of == part {
            order[*at as usize] = i as u32;
        }
    }
    order
}

/// The map back.
pub(super) fn inverse(map: &[u32]) -> Vec<u32> {
    let mut back = vec![0; map.len()];
    for (i, j) in map.iter().enumerate() {
        back[*j as usize] = i as u32;
    }
    back
}
