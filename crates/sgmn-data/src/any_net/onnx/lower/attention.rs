//! Attention and rotary codes, written out in products, sums and shares.

use sgmn_graph::flow::{Array, Combination, Function, Select, Softmax};

use super::{Call, Family, Kind, Lower, Operand, Outcome, Value, call::size, unsupported, wrong};

pub(super) const OPERATORS: Family = &[("Attention", attention), ("RotaryEmbedding", rotary)];

/// `softmax(q kᵀ · scale + mask) v` for each head; fewer heads of k and v serve several of q each.
#[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn attention(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    for i in 4..=6 {
        if call.optional(i)?.is_some() {
            return unsupported("keys and values of the past are not read");
        }
    }
    if (1..=3).any(|i| call.has_output(i)) {
        return unsupported("keys, values and scores as outputs are not read");
    }
    let [q, k, v] = [call.input(0)?, call.input(1)?, call.input(2)?];
    let flat = lower.rank(q) == 3;
    let heads = |name: &'static str| call.int(name)?.map(size).transpose();
    let (n_q, n_kv) = (heads("q_num_heads")?, heads("kv_num_heads")?);
    let [q, k, v] = [by_heads(lower, q, n_q)?, by_heads(lower, k, n_kv)?, by_heads(lower, v, n_kv)?];
    let (of_q, of_k, of_v) = (lower.shape(q), lower.shape(k), lower.shape(v));
    let (batch, n_q, n_kv) = (of_q[0], of_q[1], of_k[1]);
    if n_kv == 0 || n_q % n_kv != 0 || of_v[1] != n_kv {
        return wrong(format!(
            "expected heads of k and v that divide those of q, found {of_q:?}, {of_k:?}, {of_v:?}"
        ));
    }
    let copies = n_q / n_kv;
    let repeated = |lower: &mut Lower<'_, '_>, x: Operand| -> Outcome<Operand> {
        let [batch, heads, places, width] = lower.shape(x)[..] else { return wrong("expected four axes") };
        let x = lower.reshape(x, vec![batch, heads, 1, places, width])?;
        let x = lower.expand(x, vec![batch, heads, copies, places, width])?;
        lower.reshape(x, vec![batch, heads * copies, places, width])
    };
    let (k, v) = if copies == 1 { (k, v) } else { (repeated(lower, k)?, repeated(lower, v)?) };
    let scores = lower.contract(q, k, vec![(0, 0), (1, 1)], vec![(3, 3)])?;
    let mut scores = lower.scale(scores, call.float_or("scale", 1.0 / (of_q[3] as f64).sqrt())?)?;
    let cap = call.float_or("softcap", 0.0)?;
    if cap != 0.0 {
        let small = lower.scale(scores, 1.0 / cap)?;
        let kept = lower.pointwise(Function::Tanh, small)?;
        scores = lower.scale(kept, cap)?;
    }
    if call.flag("is_causal", false)? {
        scores = causal(lower, scores, of_q[2], of_k[2])?;
    }
    if let Some(mask) = call.optional(3)? {
        scores = match mask.kind {
            Kind::Truth => {
                let never = lower.scalar(f64::NEG_INFINITY, Kind::Real)?;
                let id = lower.step(Select, &[mask.id, scores.id, never.id])?;
                Operand { id, kind: Kind::Real }
            }
            _ => lower.add(scores, mask)?,
        };
    }
    let shares = Operand { id: lower.step(Softmax { axis: 3, log: false }, &[scores.id])?, kind: Kind::Real };
    let result = lower.contract(shares, v, vec![(0, 0), (1, 1)], vec![(3, 2)])?;
    if !flat {
        return Ok(result.into());
    }
    let result = lower.permute(result, vec![0, 2, 1, 3])?;
    Ok(lower.reshape(result, vec![batch, of_q[2], n_q * of_v[3]])?.into())
}

/// `[batch, heads, places, width]`; from three axes by the number of heads.
fn by_heads(lower: &mut Lower<'_, '_>, x: Operand, heads: Option<usize>) -> Outcome<Operand> {
    let shape = lower.shape(x);
    match (&shape[..], heads) {
        ([_, _, _, _], _) => Ok(x),
        ([batch, places, width], Some(heads)) if heads > 0 && width % heads == 0 => {
            let x = lower.reshape(x, vec![*batch, *places, heads, width / heads])?;
            lower.permute(x, vec![0, 2, 1, 3])
        }
        _ => wrong(format!("expected four axes, or three and a number of heads, found {shape:?}")),
    }
}

/// Scores of places that come later become −∞.
fn causal(lower: &mut Lower<'_, '_>, scores: Operand, of_q: usize, of_k: usize) -> Outcome<Operand> {
    lower.budget.spend(&[of_q, of_k], 1)?;
    let mut mask = Array::full(vec![of_q, of_k], 0.0);
    for (at, keep) in mask.data_mut().iter_mut().enumerate() {
        *keep = f64::from(u8::from(at % of_k <= at / of_k));
    }
    let mask = lower.tensors.flow.constant(mask)?;
    let never = lower.scalar(f64::NEG_INFINITY, Kind::Real)?;
    let id = lower.step(Select, &[mask, scores.id, never.id])?;
    Ok(Operand { id, kind: Kind::Real })
}

/// Pairs of channels turned by angles whose cosines and sines are given: `(a cos − b sin, a sin + b cos)`.
fn rotary(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let (mut cos, mut sin) = (call.input(1)?, call.input(2)?);
    if let Some(positions) = call.optional(3)? {
        for table in [&mut cos, &mut sin] {
            let id = lower.step(sgmn_graph::flow::Lookup { axis: 0 }, &[table.id, positions.id])?;
            *table = Operand { id, kind: table.kind };
        }
    }
    let flat = lower.rank(x) == 3;
    let heads = call.int("num_heads")?.map(size).transpose()?.filter(|heads| *heads > 0);
    let own = lower.shape(x);
    let x = by_heads(lower, x, heads)?;
    let [batch, n_heads, places, width] = lower.shape(x)[..] else { return wrong("expected four axes") };
    let turned = match size(call.int_or("rotary_embedding_dim", 0)?)? {
        0 => width,
        turned => turned,
    };
    if turned > width || turned % 2 != 0 {
        return wrong(format!("expected an even width of at most {width}, found {turned}"));
    }
    let half = turned / 2;
    let (rotated, rest) = (lower.slice(x, 3, 0, turned)?, lower.slice(x, 3, turned, width - turned)?);
    let neighbours = call.flag("interleaved", false)?;
    let split = if neighbours { [half, 2] } else { [2, half] };
    let axis = if neighbours { 4 } else { 3 };
    let pairs = lower.reshape(rotated, vec![batch, n_heads, places, split[0], split[1]])?;
    let one = lower.slice(pairs, axis, 0, 1)?;
    let other = lower.slice(pairs, axis, 1, 1)?;
    let flat_pair = vec![batch, n_heads, places, half];
    let (a, b) = (lower.reshape(one, flat_pair.clone())?, lower.reshape(other, flat_pair)?);
    // Tables are [batch, places, half], the same for all heads.
    for table in [&mut cos, &mut sin] {
        let shape = lower.shape(*table);
        let [of_batch, of_places, of_half] = shape[..] else {
            return wrong(format!("expected tables of three axes, found {shape:?}"));
        };
        *table = lower.reshape(*table, vec![of_batch, 1, of_places, of_half])?;
    }
    let by = |lower: &mut Lower<'_, '_>, x: Operand, y: Operand, how: Combination, u: Operand, v: Operand| {
        let left = lower.multiply(x, u)?;
        let right = lower.multiply(y, v)?;
        lower.combine(how, left, right)
    };
    let first = by(lower, a, b, Combination::Subtract, cos, sin)?;
    let second = by(lower, a, b, Combination::Add, sin, cos)?;
    let mut wide = vec![batch, n_heads, places, half];
    wide.insert(axis, 1);
    let (first, second) = (lower.reshape(first, wide.clone())?, lower.reshape(second, wide)?);
    let both = lower.concat(&[first, second], axis)?;
    let both = lower.reshape(both, vec![batch, n_heads, places, turned])?;
    let result = if turned == width { both } else { lower.concat(&[both, rest], 3)? };
    if !flat {
        return Ok(result.into());
    }
    let result = lower.permute(result, vec![0, 2, 1, 3])?;
    Ok(lower.reshape(result, own)?.into())
}
