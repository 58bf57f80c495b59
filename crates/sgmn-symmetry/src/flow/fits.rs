//! Whether an element belongs to the group that was inferred.

use std::collections::BTreeMap;

use super::{
    FlowElement, Spaces,
    derive::{Label, Scale},
    element::unlike,
};
use crate::Result;

/// Scalars agree if they do to this, relatively: elements that were composed often are rounded often.
const CLOSE: f64 = 1e-9;

impl Spaces {
    /// Whether an element is one of the group: units of one label go one way everywhere, to units of their orbit, within
    /// what they stand under; and the scalars are those of one choice of free numbers.
    ///
    /// # Errors
    /// [`Error::Unlike`](crate::Error::Unlike) with the parameter and the first fact that does not hold.
    pub fn check_fits(&self, element: &FlowElement) -> Result<()> {
        self.identity().check_like(element)?;
        let image = self.image_of(element)?;
        let mut logs: BTreeMap<u32, f64> = BTreeMap::new();
        let mut signs: BTreeMap<u32, bool> = BTreeMap::new();
        // Numbers that stand alone are known first, then all others must follow from them.
        for known in [true, false] {
            self.see_all(element, known, (&mut logs, &mut signs))?;
        }
        for holding in self.holdings_in_order() {
            let name = &self.flow.params()[holding.param].name;
            for (group, part) in holding.motion.groups.iter().zip(&element.params[holding.param].parts) {
                if self.derived.moved(group, &image).as_ref() != Some(&part.from) {
                    return Err(unlike(
                        &format!("order of {name}"),
                        "that of its units elsewhere",
                        "another one",
                    ));
                }
            }
        }
        Ok(())
    }

    /// The free numbers of an element, by their variables: logarithms of magnitudes and signs, as far as they stand alone
    /// somewhere.
    pub(super) fn variables_of(
        &self,
        element: &FlowElement,
    ) -> Result<(BTreeMap<u32, f64>, BTreeMap<u32, bool>)> {
        let (mut logs, mut signs) = (BTreeMap::new(), BTreeMap::new());
        self.see_all(element, true, (&mut logs, &mut signs))?;
        Ok((logs, signs))
    }

    fn see_all(
        &self,
        element: &FlowElement,
        learn: bool,
        (logs, signs): (&mut BTreeMap<u32, f64>, &mut BTreeMap<u32, bool>),
    ) -> Result<()> {
        for holding in self.holdings_in_order() {
            let found = &element.params[holding.param];
            let name = &self.flow.params()[holding.param].name;
            self.see(holding.motion.scalar, found.scalar, learn, name, (logs, signs))?;
            for (group, part) in holding.motion.groups.iter().zip(&found.parts) {
                for (id, scale) in group.scales.iter().zip(&part.scales) {
                    self.see(*id, *scale, learn, name, (logs, signs))?;
                }
            }
        }
        Ok(())
    }

    /// For each label the one whose numbers take its place.
    pub(super) fn image_of(&self, element: &FlowElement) -> Result<Vec<Label>> {
        let orbits = &self.derived.orbits;
        let mut image: BTreeMap<Label, Label> = BTreeMap::new();
        for holding in self.holdings_in_order() {
            let name = &self.flow.params()[holding.param].name;
            for (group, part) in holding.motion.groups.iter().zip(&element.params[holding.param].parts) {
                for (new, old) in part.from.iter().enumerate() {
                    let label = orbits.find(group.labels[new]);
                    let Some(from) = group.labels.get(*old as usize).map(|from| orbits.find(*from)) else {
                        return Err(unlike(
                            &format!("order of {name}"),
                            format!("below {}", group.len()),
                            old,
                        ));
                    };
                    let known = *image.entry(label).or_insert(from);
                    if known != from || orbits.color(label) != orbits.color(from) {
                        let expected = "each unit in one place, and a unit of its orbit there";
                        return Err(unlike(
                            &format!("order of {name}"),
                            expected,
                            format!("index {new} from {old}"),
                        ));
                    }
                }
            }
        }
        // What units stand under goes with them.
        let mut open: Vec<(Label, Label)> = image.iter().map(|(label, from)| (*label, *from)).collect();
        while let Some((label, from)) = open.pop() {
            for (kind, parent) in orbits.parents(label) {
                let above: Vec<Label> =
                    orbits.parents(from).iter().filter(|(other, _)| other == kind).map(|(_, p)| *p).collect();
                let [above] = above[..] else { continue };
                match image.get(parent) {
                    Some(known) if *known != above => {
                        return Err(unlike("order of blocks", "units that stay together", "units that part"));
                    }
                    Some(_) => {}
                    None => {
                        image.insert(*parent, above);
                        open.push((*parent, above));
                    }
                }
            }
        }
        let all = orbits.standing().iter();
        Ok(all.map(|label| image.get(label).copied().unwrap_or(*label)).collect())
    }

    /// Learns a free number from a scalar in which it stands alone, or holds a scalar against what is known.
    fn see(
        &self,
        id: super::derive::ScaleId,
        found: f64,
        learn: bool,
        name: &str,
        (logs, signs): (&mut BTreeMap<u32, f64>, &mut BTreeMap<u32, bool>),
    ) -> Result<()> {
        let Scale { log, sign } = self.derived.reduced(id);
        let fault = |expected: String| Err(unlike(&format!("scalar of {name}"), expected, found));
        if !(found.is_finite() && found != 0.0) {
            return fault("a finite number other than 0".to_owned());
        }
        if learn {
            if let [(var, by)] = log.0[..] {
                logs.entry(var).or_insert(found.abs().ln() / by.to_f64());
            }
            if let [(var, _)] = sign.0[..] {
                signs.entry(var).or_insert(found < 0.0);
            }
            return Ok(());
        }
        // What stands alone nowhere is not held against anything.
        let size: Option<f64> =
            log.0.iter().map(|(var, by)| logs.get(var).map(|log| log * by.to_f64())).sum();
        let negative: Option<bool> =
            sign.0.iter().try_fold(false, |negative, (var, _)| signs.get(var).map(|sign| negative ^ sign));
        if let Some(size) = size
            && (found.abs().ln() - size).abs() > CLOSE * size.abs().max(1.0)
        {
            return fault(format!("magnitude {:.6}", size.exp()));
        }
        if negative.is_some_and(|negative| negative != (found < 0.0)) {
            return fault("the other sign".to_owned());
        }
        Ok(())
    }
}
