//! Sums of products by letters.

use sgmn_graph::flow::Reduction;

use super::{Call, Family, Fault, Lower, Operand, Outcome, Value, unsupported, wrong};

pub(super) const OPERATORS: Family = &[("Einsum", einsum)];

/// An axis: a letter, or a place of the ellipsis counted from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Dots(usize),
    Letter(char),
}

/// A value with the labels of its axes.
struct Term {
    value: Operand,
    labels: Vec<Label>,
}

fn einsum(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let equation: String = call.text_or("equation", "")?.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (equation.as_str(), None),
    };
    let texts: Vec<&str> = left.split(',').collect();
    let operands = call.all()?;
    if texts.len() != operands.len() {
        return wrong(format!(
            "expected {} operands for {equation:?}, found {}",
            texts.len(),
            operands.len()
        ));
    }
    let mut terms = Vec::new();
    let mut dots = 0;
    for (text, value) in texts.into_iter().zip(operands) {
        let labels = labels(text, Some(lower.rank(value)), 0)?;
        dots = dots.max(labels.iter().filter(|label| matches!(label, Label::Dots(_))).count());
        if labels.iter().enumerate().any(|(at, label)| labels[..at].contains(label)) {
            return unsupported(format!("a letter twice in one operand ({equation:?}) is not read"));
        }
        terms.push(Term { value, labels });
    }
    let result = match right {
        Some(right) => labels(right, None, dots)?,
        None => implied(&terms, dots),
    };
    let mut terms = terms.into_iter();
    let Some(mut term) = terms.next() else { return wrong("expected an operand, found none") };
    let mut rest: Vec<Term> = terms.collect();
    while !rest.is_empty() {
        let next = rest.remove(0);
        let needed =
            |label: &Label| result.contains(label) || rest.iter().any(|term| term.labels.contains(label));
        term = multiply(lower, term, next, &needed)?;
    }
    let term = sum(lower, term, &|label| result.contains(label))?;
    if term.labels.len() != result.len() {
        return wrong(format!("expected each letter of the result in an operand, found {equation:?}"));
    }
    let order: Option<Vec<usize>> =
        result.iter().map(|label| term.labels.iter().position(|known| known == label)).collect();
    let Some(order) = order else {
        return wrong(format!("expected each letter of the result in an operand, found {equation:?}"));
    };
    Ok(lower.permute(term.value, order)?.into())
}

/// The labels of a text; an ellipsis stands for as many axes as the rank leaves, or for `dots`.
fn labels(text: &str, rank: Option<usize>, dots: usize) -> Outcome<Vec<Label>> {
    let (before, after) = match text.split_once("...") {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    };
    let letters = before.chars().count() + after.map_or(0, |after| after.chars().count());
    if !before.chars().chain(after.unwrap_or_default().chars()).all(char::is_alphabetic) {
        return wrong(format!("expected letters, found {text:?}"));
    }
    let dots = match (rank, after) {
        (Some(rank), Some(_)) => rank.checked_sub(letters),
        (Some(rank), None) => (rank == letters).then_some(0),
        (None, after) => Some(if after.is_some() { dots } else { 0 }),
    };
    let Some(dots) = dots else {
        return Err(Fault::Wrong(format!("expected letters for {} axes, found {text:?}", rank.unwrap_or(0))));
    };
    let ellipsis = (0..dots).rev().map(Label::Dots);
    let letter = |text: &str| text.chars().map(Label::Letter).collect::<Vec<_>>();
    Ok(letter(before).into_iter().chain(ellipsis).chain(letter(after.unwrap_or_default())).collect())
}

/// The result without an arrow: the ellipsis, then letters that stand once, in order of the alphabet.
fn implied(terms: &[Term], dots: usize) -> Vec<Label> {
    let all = || terms.iter().flat_map(|term| term.labels.iter().copied());
    let mut letters: Vec<Label> = all()
        .filter(|label| {
            matches!(label, Label::Letter(_)) && all().filter(|other| other == label).count() == 1
        })
        .collect();
    letters.sort_unstable();
    (0..dots).rev().map(Label::Dots).chain(letters).collect()
}

/// The sum over labels that nobody needs.
fn sum(lower: &mut Lower<'_, '_>, term: Term, needed: &dyn Fn(&Label) -> bool) -> Outcome<Term> {
    let axes: Vec<usize> = (0..term.labels.len()).filter(|axis| !needed(&term.labels[*axis])).collect();
    if axes.is_empty() {
        return Ok(term);
    }
    let value = lower.reduce(Reduction::Sum, term.value, axes, false)?;
    Ok(Term { value, labels: term.labels.into_iter().filter(|label| needed(label)).collect() })
}

/// The product of two terms, summed over labels that nobody else needs.
fn multiply(
    lower: &mut Lower<'_, '_>,
    left: Term,
    right: Term,
    needed: &dyn Fn(&Label) -> bool,
) -> Outcome<Term> {
    let (a, b) = (left.labels.clone(), right.labels.clone());
    let left = sum(lower, left, &|label| needed(label) || b.contains(label))?;
    let right = sum(lower, right, &|label| needed(label) || a.contains(label))?;
    // A shared axis of size 1 on one side only is dropped there: it broadcasts.
    let (left, right) = (drop_ones(lower, left, &right)?, right);
    let (right, left) = (drop_ones(lower, right, &left)?, left);
    let place = |labels: &[Label], label: &Label| labels.iter().position(|known| known == label);
    let (mut batch, mut over) = (Vec::new(), Vec::new());
    let mut labels = Vec::new();
    for (axis, label) in left.labels.iter().enumerate() {
        if let Some(other) = place(&right.labels, label) {
            if needed(label) {
                batch.push((axis, other));
                labels.push(*label);
            } else {
                over.push((axis, other));
            }
        }
    }
    labels.extend(left.labels.iter().filter(|label| !right.labels.contains(label)));
    labels.extend(right.labels.iter().filter(|label| !left.labels.contains(label)));
    let value = lower.contract(left.value, right.value, batch, over)?;
    Ok(Term { value, labels })
}

/// A term without axes of size 1 that another term has with another size.
fn drop_ones(lower: &mut Lower<'_, '_>, term: Term, other: &Term) -> Outcome<Term> {
    let (own, theirs) = (lower.shape(term.value), lower.shape(other.value));
    let drop = |axis: usize| {
        let place = other.labels.iter().position(|label| *label == term.labels[axis]);
        own[axis] == 1 && place.is_some_and(|place| theirs[place] != 1)
    };
    let kept: Vec<usize> = (0..own.len()).filter(|axis| !drop(*axis)).collect();
    if kept.len() == own.len() {
        return Ok(term);
    }
    let value = lower.reshape(term.value, kept.iter().map(|axis| own[*axis]).collect())?;
    Ok(Term { value, labels: kept.iter().map(|axis| term.labels[*axis]).collect() })
}
