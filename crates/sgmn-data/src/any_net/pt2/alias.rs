//! Tensors that look at the numbers of others: what a change in place does to them.
//!
//! In a trace, `x[0] = 1` is a slice of x and a call that fills the slice. A flow has no places to change, so the change
//! becomes a new x, put together from the old one and the part, and everything that looks at x is looked at again.

use std::collections::BTreeMap;

use sgmn_graph::flow::{FlowResult, ValueId};

use super::{call::Item, seen::Seen};
use crate::any_net::compose::Draft;

/// Who looks at whom, in the order of the calls.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    looks: Vec<Look>,
    of: BTreeMap<String, usize>,
}

#[derive(Debug)]
struct Look {
    name: String,
    at: String,
    how: Seen,
    shape: Vec<usize>,
}

impl Aliases {
    /// Notes that a tensor of this shape looks at another one.
    pub(super) fn note(&mut self, name: &str, at: &str, how: Seen, shape: Vec<usize>) {
        if name != at {
            self.of.insert(name.to_owned(), self.looks.len());
            self.looks.push(Look { name: name.to_owned(), at: at.to_owned(), how, shape });
        }
    }

    /// Carries a change of `name` to all that share its numbers. `read_later` tells which of them matter.
    pub(super) fn changed(
        &self,
        name: &str,
        to: ValueId,
        values: &mut BTreeMap<String, Item>,
        draft: &mut Draft<'_>,
        read_later: &dyn Fn(&str) -> bool,
    ) -> FlowResult<()> {
        values.insert(name.to_owned(), Item::Tensor(to));
        let root = self.root(name);
        let shares = |other: &str| self.root(other) == root;
        let matters = |other: &str| other != name && read_later(other) && shares(other);
        if !matters(root) && !self.looks.iter().any(|look| matters(&look.name)) {
            return Ok(());
        }
        let (mut at, mut value) = (name, to);
        while let Some(look) = self.of.get(at).map(|i| &self.looks[*i]) {
            let Some(Item::Tensor(whole)) = values.get(&look.at).copied() else {
                return draft.fault("a tensor that can be changed in place", format!("{:?}", look.at));
            };
            value = write_back(draft, look, whole, value)?;
            values.insert(look.at.clone(), Item::Tensor(value));
            at = &look.at;
        }
        for look in &self.looks {
            if let (true, Some(Item::Tensor(whole))) = (shares(&look.name), values.get(&look.at).copied()) {
                // What nobody reads may be seen in ways that cannot be followed.
                if look.how != Seen::Otherwise {
                    let seen = look_again(draft, look, whole)?;
                    values.insert(look.name.clone(), Item::Tensor(seen));
                } else if matters(&look.name) {
                    return refuse(draft, look);
                } else {
                    values.insert(look.name.clone(), Item::Absent);
                }
            }
        }
        Ok(())
    }

    fn root<'a>(&'a self, name: &'a str) -> &'a str {
        let mut at = name;
        // Each tensor looks at one that was there before it, so this ends.
        while let Some(i) = self.of.get(at) {
            at = &self.looks[*i].at;
        }
        at
    }
}

fn look_again(draft: &mut Draft<'_>, look: &Look, whole: ValueId) -> FlowResult<ValueId> {
    match &look.how {
        Seen::Same => Ok(whole),
        Seen::Reshaped => draft.reshape(whole, look.shape.clone()),
        Seen::Permuted(order) => draft.permute(whole, order.clone()),
        Seen::Part { axis, start, select: true, .. } => draft.select(whole, *axis, *start),
        Seen::Part { axis, start, len, select: false } => draft.slice(whole, *axis, *start, *len),
        Seen::Otherwise => refuse(draft, look),
    }
}

/// The whole with another part.
fn write_back(draft: &mut Draft<'_>, look: &Look, whole: ValueId, part: ValueId) -> FlowResult<ValueId> {
    let shape = draft.shape(whole);
    match &look.how {
        Seen::Same => Ok(part),
        Seen::Reshaped => draft.reshape(part, shape),
        Seen::Permuted(order) => {
            let mut back = vec![0; order.len()];
            for (to, from) in order.iter().enumerate() {
                back[*from] = to;
            }
            draft.permute(part, back)
        }
        Seen::Part { axis, start, len, select } => {
            let part = if *select { draft.unsqueeze(part, *axis)? } else { part };
            let end = start + len;
            let mut parts = Vec::new();
            if *start > 0 {
                parts.push(draft.slice(whole, *axis, 0, *start)?);
            }
            if *len > 0 {
                parts.push(part);
            }
            if end < shape[*axis] {
                parts.push(draft.slice(whole, *axis, end, shape[*axis] - end)?);
            }
            draft.concat(&parts, *axis)
        }
        Seen::Otherwise => refuse(draft, look),
    }
}

fn refuse<T>(draft: &Draft<'_>, look: &Look) -> FlowResult<T> {
    let found = format!("{:?}, which sees {:?} in a way that cannot be followed", look.name, look.at);
    draft.fault("a change in place that all who see it can follow", found)
}
