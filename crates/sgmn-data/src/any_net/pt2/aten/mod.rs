//! What the calls of PyTorch mean, in the operations of a flow: a list of peers, each a file with a few calls of a kind.

mod arithmetic;
mod attention;
mod change;
mod convolution;
mod create;
mod index;
mod join;
mod layout;
mod linear;
mod logic;
mod norm;
mod parts;
mod pointwise;
mod pool;
mod recurrent;
mod reduce;
mod resize;
mod sizes;

use sgmn_graph::flow::{FlowResult, ValueId};

use super::call::{Call, Item};

/// How a call is lowered: its results, in order.
pub(super) type Rule = fn(&mut Call<'_>) -> FlowResult<Vec<Item>>;

/// The calls of a peer: names without overload and without the underscore of calls in place.
type Calls = &'static [(&'static str, Rule)];

/// All peers, sorted by name.
const PEERS: &[Calls] = &[
    arithmetic::CALLS,
    attention::CALLS,
    change::CALLS,
    convolution::CALLS,
    create::CALLS,
    index::CALLS,
    join::CALLS,
    layout::CALLS,
    linear::CALLS,
    logic::CALLS,
    norm::CALLS,
    parts::CALLS,
    pointwise::CALLS,
    pool::CALLS,
    recurrent::CALLS,
    reduce::CALLS,
    resize::CALLS,
    sizes::CALLS,
];

/// A function that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function {
    /// Its name in the list.
    pub(super) name: &'static str,
    /// Whether its first operand changes.
    pub(super) in_place: bool,
}

/// The rule of a target: `torch.ops.aten.relu_.default`, `_operator.mul`.
pub(super) fn find(target: &str) -> Option<(Function, Rule)> {
    let rule = |name: &str| {
        let calls = PEERS.iter().copied().flatten();
        calls.copied().find(|(known, _)| *known == name)
    };
    let Some(call) = target.strip_prefix("torch.ops.aten.") else {
        let (name, rule) = rule(target)?;
        return Some((Function { name, in_place: false }, rule));
    };
    let name = call.split('.').next().unwrap_or(call);
    if call.ends_with(".out") {
        return None;
    }
    if let Some((name, rule)) = rule(name) {
        return Some((Function { name, in_place: false }, rule));
    }
    let bare = name.strip_suffix('_').filter(|bare| !bare.ends_with('_'))?;
    rule(bare).map(|(name, rule)| (Function { name, in_place: true }, rule))
}

/// The results of a call that has one.
fn one(value: ValueId) -> FlowResult<Vec<Item>> {
    Ok(vec![Item::Tensor(value)])
}

/// The results of a call of which nets use the first only.
fn first(value: ValueId, others: usize) -> FlowResult<Vec<Item>> {
    let mut items = vec![Item::Tensor(value)];
    items.resize(1 + others, Item::Absent);
    Ok(items)
}

/// The results of a call that has many.
fn many(values: Vec<ValueId>) -> FlowResult<Vec<Item>> {
    Ok(values.into_iter().map(Item::Tensor).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_has_one_rule() {
        let mut names: Vec<&str> = PEERS.iter().copied().flatten().map(|(name, _)| *name).collect();
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
        assert_eq!(twice, None);
    }

    #[test]
    fn calls_in_place_are_told_from_others() {
        let in_place = |target| find(target).map(|(function, _)| (function.name, function.in_place));
        assert_eq!(in_place("torch.ops.aten.relu_.default"), Some(("relu", true)));
        assert_eq!(in_place("torch.ops.aten.relu.default"), Some(("relu", false)));
        assert_eq!(in_place("torch.ops.aten.__and__.Tensor"), Some(("__and__", false)));
        assert_eq!(in_place("torch.ops.aten.nonsense.default"), None);
        assert_eq!(in_place("torch.ops.other.relu.default"), None);
        assert_eq!(in_place("os.system"), None);
    }
}
