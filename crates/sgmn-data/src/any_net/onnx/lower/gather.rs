//! Numbers by their places.

use sgmn_graph::flow::{Array, Combination, Lookup, Pick};

use super::{Call, Family, Kind, Lower, Operand, Outcome, Value, constants::axis_or, unsupported, wrong};

pub(super) const OPERATORS: Family = &[
    ("Gather", gather),
    ("GatherElements", gather_elements),
    ("GatherND", gather_nd),
    ("OneHot", one_hot),
    ("ScatterElements", scatter_elements),
    ("ScatterND", scatter_nd),
];

/// Places that are known are taken; others are looked up when the net runs.
fn gather(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (x, ids) = (call.input(0)?, call.input(1)?);
    let at = axis_or(lower, call, x, 0)?;
    let own = lower.shape(x);
    let of_ids = lower.shape(ids);
    let Some(known) = lower.tensors.flow.flow().constant(ids.id).cloned() else {
        return Ok(Operand { id: lower.step(Lookup { axis: at }, &[x.id, ids.id])?, kind: x.kind }.into());
    };
    let index: Outcome<Vec<usize>> = known.data().iter().map(|id| place(*id, own[at])).collect();
    let index = index?;
    lower.budget.spend(&[index.len()], 1)?;
    let shape = [&own[..at], &of_ids, &own[at + 1..]].concat();
    let taken = match index[..] {
        [] => lower.slice(x, at, 0, 0)?,
        // Places in a row are a slice, which says more than a list.
        [first, ..] if index.iter().enumerate().all(|(i, place)| *place == first + i) => {
            lower.slice(x, at, first, index.len())?
        }
        _ => lower.take(x, at, index)?,
    };
    Ok(lower.reshape(taken, shape)?.into())
}

/// A place that may be counted from the end.
#[allow(clippy::cast_possible_truncation, reason = "a float beyond the range of i64 becomes its end")]
fn place(id: f64, len: usize) -> Outcome<usize> {
    super::call::axis(id as i64, len).or_else(|_| wrong(format!("expected a place below {len}, found {id}")))
}

fn gather_elements(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (x, ids) = (call.input(0)?, call.input(1)?);
    let axis = axis_or(lower, call, x, 0)?;
    Ok(Operand { id: lower.step(Pick { axis }, &[x.id, ids.id])?, kind: x.kind }.into())
}

/// Slices by tuples of places that are known.
fn gather_nd(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (x, ids) = (call.input(0)?, call.input(1)?);
    if call.int_or("batch_dims", 0)? != 0 {
        return unsupported("batch_dims are not read");
    }
    let own = lower.shape(x);
    let ids = lower.known(ids, "places")?;
    let tuples = Tuples::of(&ids, &own)?;
    let flat =
        lower.reshape(x, vec![own[..tuples.width].iter().product(), own[tuples.width..].iter().product()])?;
    let taken = lower.take(flat, 0, tuples.places)?;
    Ok(lower.reshape(taken, [&tuples.shape, &own[tuples.width..]].concat())?.into())
}

/// Tuples of places along the first axes of a value, each as one place of these axes together.
struct Tuples {
    width: usize,
    shape: Vec<usize>,
    places: Vec<usize>,
}

impl Tuples {
    fn of(ids: &Array, own: &[usize]) -> Outcome<Self> {
        let Some((width, shape)) = ids.shape().split_last() else {
            return wrong("expected tuples of places, found one number");
        };
        if *width > own.len() || *width == 0 {
            return wrong(format!("expected tuples for the axes of {own:?}, found {width} numbers each"));
        }
        let mut places = Vec::new();
        for tuple in ids.data().chunks(*width) {
            let mut at = 0;
            for (id, size) in tuple.iter().zip(own) {
                at = at * size + place(*id, *size)?;
            }
            places.push(at);
        }
        Ok(Self { width: *width, shape: shape.to_vec(), places })
    }
}

/// Rows replaced at known places: rows of both values side by side, each place by the last one that was put there.
fn scatter_nd(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (x, ids, updates) = (call.input(0)?, call.input(1)?, call.input(2)?);
    only_replacing(call)?;
    let own = lower.shape(x);
    let ids = lower.known(ids, "places")?;
    let tuples = Tuples::of(&ids, &own)?;
    let (rows, len) = (own[..tuples.width].iter().product(), own[tuples.width..].iter().product());
    let updates = lower.reshape(updates, vec![tuples.places.len(), len])?;
    let flat = lower.reshape(x, vec![rows, len])?;
    let result = lower.replaced(flat, rows, updates, &tuples.places)?;
    Ok(lower.reshape(result, own)?.into())
}

fn scatter_elements(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (x, ids, updates) = (call.input(0)?, call.input(1)?, call.input(2)?);
    only_replacing(call)?;
    let at = axis_or(lower, call, x, 0)?;
    let own = lower.shape(x);
    let ids = lower.known(ids, "places")?;
    if ids.shape().len() != own.len() {
        return wrong(format!("expected places for {own:?}, found {:?}", ids.shape()));
    }
    let of_ids = ids.strides();
    let mut places = Vec::new();
    for (i, id) in ids.data().iter().enumerate() {
        let mut flat = 0usize;
        for axis in 0..own.len() {
            let along = i / of_ids[axis] % ids.shape()[axis];
            let along = if axis == at { place(*id, own[axis])? } else { along };
            if along >= own[axis] {
                return wrong(format!("expected places for {own:?}, found {:?}", ids.shape()));
            }
            flat = flat * own[axis] + along;
        }
        places.push(flat);
    }
    let count = own.iter().product();
    let flat = lower.reshape(x, vec![count, 1])?;
    let updates = lower.reshape(updates, vec![places.len(), 1])?;
    let result = lower.replaced(flat, count, updates, &places)?;
    Ok(lower.reshape(result, own)?.into())
}

fn only_replacing(call: &Call<'_>) -> Outcome<()> {
    match call.text_or("reduction", "none")? {
        "none" => Ok(()),
        other => unsupported(format!("reduction {other:?} is not read")),
    }
}

impl Lower<'_, '_> {
    /// Rows of x with those at some places replaced.
    fn replaced(&mut self, x: Operand, rows: usize, by: Operand, places: &[usize]) -> Outcome<Operand> {
        self.budget.spend(&[rows, 2], 1)?;
        let mut index: Vec<usize> = (0..rows).collect();
        for (i, place) in places.iter().enumerate() {
            index[*place] = rows + i;
        }
        let both = self.concat(&[x, by], 0)?;
        self.take(both, 0, index)
    }
}

/// `on` where a place is the id, `off` elsewhere.
#[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn one_hot(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (ids, values) = (call.input(0)?, call.input(2)?);
    let depth = lower.known_number(call.input(1)?, "its depth")?;
    let pair = lower.known(values, "its two values")?;
    let [off, on] = pair.data()[..] else {
        return wrong(format!("expected two values, found {:?}", pair.shape()));
    };
    #[allow(clippy::cast_possible_truncation, reason = "a float beyond the range of i64 becomes its end")]
    let depth = super::call::size(depth as i64)?;
    let shape = lower.shape(ids);
    let at = super::call::axis(call.int_or("axis", -1)?, shape.len() + 1)?;
    let wide = [&shape[..at], &[1], &shape[at..]].concat();
    let ids = lower.reshape(ids, wide)?;
    let count = lower.scalar(depth as f64, Kind::Whole)?;
    // Numbers below 0 count from the end; those beyond both ends name no place.
    let zero = lower.scalar(0.0, Kind::Whole)?;
    let below = lower.combine(Combination::Less, ids, zero)?;
    let moved = lower.multiply(below, count)?;
    let ids = lower.add(ids, moved)?;
    lower.budget.spend(&[depth], 1)?;
    let mut places = vec![1; shape.len() + 1 - at];
    places[0] = depth;
    let places =
        lower.constant(Array::new(places, (0..depth).map(|place| place as f64).collect())?, Kind::Whole)?;
    let hot = lower.combine(Combination::Equal, ids, places)?;
    let scaled = lower.scale(hot, on - off)?;
    let off = lower.scalar(off, values.kind)?;
    let result = if lower.uniform(off) == Some(0.0) { scaled } else { lower.add(scaled, off)? };
    Ok(Operand { id: result.id, kind: values.kind }.into())
}
