//! Places by computed or listed numbers: embeddings, indexing, gathering.

use sgmn_graph::flow::{Combination, FlowResult, Lookup, Pick, ValueId};

use super::{Calls, one};
use crate::any_net::pt2::call::{Call, Item, Kind};

pub(super) const CALLS: Calls = &[
    ("embedding", embedding),
    ("index", index),
    ("index_select", index_select),
    ("gather", gather),
    ("take_along_dim", gather),
];

fn embedding(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (table, ids) = (call.tensor("weight")?, call.tensor("indices")?);
    one(lookup(call, table, 0, ids)?)
}

/// Places of an axis by numbers; a list that is known now is a fixed list.
fn lookup(call: &mut Call<'_>, x: ValueId, axis: usize, ids: ValueId) -> FlowResult<ValueId> {
    let shape = call.shape(x);
    let Some(known) = call.constant_of(ids).cloned() else {
        return call.step(Lookup { axis }, &[x, ids]);
    };
    let size = shape[axis] as f64;
    let mut places = Vec::with_capacity(known.data().len());
    for id in known.data() {
        let place = if *id < 0.0 { id + size } else { *id };
        if place.fract() != 0.0 || !(0.0..size).contains(&place) {
            return call.fault(format!("places below {size}"), id);
        }
        places.push(place as usize);
    }
    let taken = call.take(x, axis, places)?;
    call.reshape(taken, [&shape[..axis], known.shape(), &shape[axis + 1..]].concat())
}

fn index_select(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (x, ids) = (call.tensor("self")?, call.tensor("index")?);
    let axis = call.axis("dim", call.rank(x))?;
    one(lookup(call, x, axis, ids)?)
}

fn gather(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let ids = call.tensor(if call.has("index") { "index" } else { "indices" })?;
    let axis = call.axis("dim", call.rank(x))?;
    one(call.step(Pick { axis }, &[x, ids])?)
}

/// `x[i, :, j]`: tensors of numbers for some axes, which stand side by side.
fn index(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let mut x = call.tensor("self")?;
    let given = call.optional_tensors("indices")?;
    let kinds = call.kinds("indices");
    let axes: Vec<usize> = (0..given.len()).filter(|axis| given[*axis].is_some()).collect();
    let mut ids: Vec<ValueId> = given.into_iter().flatten().collect();
    let (Some(first), Some(last)) = (axes.first().copied(), axes.last().copied()) else {
        return one(x);
    };
    if last - first + 1 != axes.len() || last >= call.rank(x) {
        return call.fault("indices of axes that stand side by side", format!("axes {axes:?}"));
    }
    if kinds.contains(&Kind::Truth) {
        return match ids[..] {
            [mask] => one(by_mask(call, x, first, mask)?),
            _ => call.fault("one mask", "masks and other indices"),
        };
    }
    if ids.len() > 1 {
        // Several axes become one, with numbers that count through it.
        let shape = call.shape(x);
        let sizes = &shape[first..=last];
        for (id, size) in ids.iter_mut().zip(sizes) {
            *id = counted_from_0(call, *id, *size)?;
        }
        let mut joined = ids[0];
        for (id, size) in ids[1..].iter().zip(&sizes[1..]) {
            let scaled = call.scale(joined, *size as f64)?;
            joined = call.add(scaled, *id)?;
        }
        let flat = [&shape[..first], &[sizes.iter().product()], &shape[last + 1..]].concat();
        x = call.reshape(x, flat)?;
        ids = vec![joined];
    }
    one(lookup(call, x, first, ids[0])?)
}

/// Numbers that may count from the end, counted from the start.
fn counted_from_0(call: &mut Call<'_>, id: ValueId, size: usize) -> FlowResult<ValueId> {
    let nought = call.draft.number(0.0)?;
    let size = call.draft.number(size as f64)?;
    let negative = call.combine(Combination::Less, id, nought)?;
    let more = call.add(id, size)?;
    call.choose(negative, more, id)
}

/// Places where a mask that is known now is not 0.
fn by_mask(call: &mut Call<'_>, x: ValueId, axis: usize, mask: ValueId) -> FlowResult<ValueId> {
    let Some(mask) = call.constant_of(mask).cloned() else {
        return call.fault("a mask that does not depend on the input", "one that does");
    };
    let shape = call.shape(x);
    let n = mask.shape().len();
    if shape.get(axis..axis + n) != Some(mask.shape()) {
        return call
            .fault(format!("a mask for axes of {shape:?} from {axis}"), format!("{:?}", mask.shape()));
    }
    let flat = [&shape[..axis], &[mask.data().len()], &shape[axis + n..]].concat();
    let x = call.reshape(x, flat)?;
    let places = (0..mask.data().len()).filter(|place| mask.data()[*place] != 0.0).collect();
    call.take(x, axis, places)
}
