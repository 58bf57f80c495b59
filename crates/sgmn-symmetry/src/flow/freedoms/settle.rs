//! Carries a net to the canonical point of each of its freedoms.

use std::borrow::Cow;

use sgmn_graph::flow::{Flow, FlowNet, FlowResult, Numbers, Stored};

use super::{Freedom, Rule, freedoms};

/// What settling did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// How many freedoms of each rule changed numbers, in the order of [`Rule::ALL`].
    pub changed: Vec<(Rule, usize)>,
    /// Freedoms whose change would not have been finite, or never came to rest; they are left as they were.
    pub left: usize,
}

/// Rounds at most; what one rule moves can move what another one had settled, but not in circles.
const ROUNDS: usize = 4;

/// The net of the same function in which every freedom is at its canonical point: what nobody sees is 0, biases that can
/// move stand in the last place that may hold them, phases lie within half a period around 0, and the largest weight of
/// each sigmoid unit is positive. Settling twice is settling once; nets that differ by freedoms meet.
///
/// # Errors
/// None that settling causes: those of [`FlowNet::new`].
pub fn settle(net: &FlowNet) -> FlowResult<(FlowNet, Settled)> {
    settle_by(net, &freedoms(net.flow()))
}

/// As [`settle`], for many nets of one flow, whose freedoms were found once.
pub(in crate::flow) fn settle_by(net: &FlowNet, freedoms: &[Freedom]) -> FlowResult<(FlowNet, Settled)> {
    let (changed, settled) = settled(net.flow(), net, freedoms);
    let stored = net.stored().iter().zip(changed).map(|(stored, changed)| match changed {
        Some(numbers) => Stored::from(numbers),
        None => stored.clone(),
    });
    Ok((FlowNet::new(net.flow().clone(), stored.collect())?, settled))
}

/// As [`settle_by`], of a net that need not exist as a whole: the numbers of the parameters that settling changes.
pub(in crate::flow) fn settled(
    flow: &Flow,
    net: &dyn Numbers,
    freedoms: &[Freedom],
) -> (Vec<Option<Vec<f64>>>, Settled) {
    let mut overlay = Overlay { net, changed: vec![None; flow.params().len()] };
    let mut counts = vec![0; Rule::ALL.len()];
    let mut left = 0;
    let mut touched = vec![false; freedoms.len()];
    for _ in 0..ROUNDS {
        let mut rests = true;
        left = 0;
        for (freedom, touched) in freedoms.iter().zip(&mut touched) {
            match overlay.settle(freedom) {
                Outcome::Rests => {}
                Outcome::Left => left += 1,
                Outcome::Changed => {
                    rests = false;
                    let place = Rule::ALL.iter().position(|rule| *rule == freedom.rule);
                    counts[place.expect("every rule is in the list")] += usize::from(!*touched);
                    *touched = true;
                }
            }
        }
        if rests {
            break;
        }
    }
    let changed = Rule::ALL.iter().copied().zip(counts).filter(|(_, count)| *count > 0).collect();
    (overlay.changed, Settled { changed, left })
}

enum Outcome {
    Rests,
    Left,
    Changed,
}

/// A net with some parameters replaced.
struct Overlay<'a> {
    net: &'a dyn Numbers,
    changed: Vec<Option<Vec<f64>>>,
}

impl Overlay<'_> {
    fn settle(&mut self, freedom: &Freedom) -> Outcome {
        let change = freedom.settled(self);
        if change.is_none() {
            return Outcome::Rests;
        }
        let changed = freedom.act(self, change);
        let moved: Vec<Vec<f64>> =
            freedom.params.iter().map(|param| changed.numbers(*param).into_owned()).collect();
        if moved.iter().flatten().any(|number| !number.is_finite()) {
            return Outcome::Left;
        }
        freedom.params.iter().zip(moved).for_each(|(param, numbers)| self.changed[*param] = Some(numbers));
        Outcome::Changed
    }
}

impl Numbers for Overlay<'_> {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        match &self.changed[param] {
            Some(numbers) => Cow::Borrowed(numbers),
            None => self.net.numbers(param),
        }
    }
}
