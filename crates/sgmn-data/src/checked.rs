//! A dataset without its bad nets: every item is read once before training.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use crate::{
    Error, FlowSample, Result, Sample, Source,
    skip::{OnBadNet, note, refuse_nothing},
    source::{Dataset, LentSample},
    split::Splits,
};

/// Items read at once: enough to keep all cores busy, few enough for any memory.
const BLOCK: usize = 256;

impl Dataset {
    /// Reads every item once and leaves out the bad ones, if [`Dataset::on_bad_net`] allows it; otherwise nothing is
    /// read. `progress` is told, after every block, how many items are done and how many there are.
    ///
    /// Items keep their order, and the split is that of the items that stay. What was left out is noted and listed.
    ///
    /// # Errors
    /// [`Error::Format`] if no item is good, with what is wrong with the first; [`Error::Interrupted`] soon after `stop`
    /// becomes true.
    pub fn checked(self, mut progress: impl FnMut(usize, usize), stop: &AtomicBool) -> Result<Self> {
        if self.on_bad_net == OnBadNet::Error {
            return Ok(self);
        }
        let n_items = self.source.len();
        let assignment = self.splits.assignment(n_items)?;
        let (mut kept, mut skipped) = (Vec::new(), Vec::new());
        for start in (0..n_items).step_by(BLOCK) {
            let end = (start + BLOCK).min(n_items);
            let read = |i| {
                if stop.load(Ordering::Relaxed) {
                    Err(Error::Interrupted)
                } else {
                    match self.source.has_flows() {
                        true => self.source.flow(i).map(drop),
                        false => self.source.get(i).map(drop),
                    }
                }
            };
            let block: Vec<Result<()>> = (start..end).into_par_iter().map(read).collect();
            for (i, read) in (start..end).zip(block) {
                kept.extend(self.on_bad_net.take(read, || self.source.name(i), &mut skipped)?.map(|()| i));
            }
            progress(end, n_items);
        }
        refuse_nothing(kept.len(), &skipped)?;
        let splits = Splits::from_assignment(kept.iter().map(|&i| assignment[i]));
        let mut notes = self.notes;
        notes.extend(note(&skipped));
        let source = Box::new(Kept { source: self.source, kept });
        let skipped = self.skipped.into_iter().chain(skipped).collect();
        Ok(Self { source, splits, notes, skipped, ..self })
    }
}

/// The items of a source that are good.
struct Kept {
    source: Box<dyn Source>,
    kept: Vec<usize>,
}

impl Source for Kept {
    fn len(&self) -> usize {
        self.kept.len()
    }

    fn get(&self, i: usize) -> Result<Sample> {
        self.source.get(self.kept[i])
    }

    fn name(&self, i: usize) -> String {
        self.source.name(self.kept[i])
    }

    fn lend(&self, i: usize) -> Result<Option<LentSample<'_>>> {
        self.source.lend(self.kept[i])
    }

    fn flow(&self, i: usize) -> Result<Option<FlowSample>> {
        self.source.flow(self.kept[i])
    }

    fn has_flows(&self) -> bool {
        self.source.has_flows()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sgmn_graph::{Activation, Net, NetSpec};

    use super::*;
    use crate::{Target, skip::write_skipped, split::Split};

    /// Items of which every third is bad.
    struct Thirds(usize);

    impl Source for Thirds {
        fn len(&self) -> usize {
            self.0
        }

        fn get(&self, i: usize) -> Result<Sample> {
            if i.is_multiple_of(3) {
                return Err(Error::format("nets", "a good net", format!("NaN in {i}")));
            }
            let spec = Arc::new(NetSpec::mlp(&[1, 1], Activation::Tanh, 0.0).unwrap());
            Ok(Sample {
                id: i.to_string(),
                net: Net::new(spec, vec![i as f64, 0.0]).unwrap(),
                target: Target::None,
            })
        }
    }

    fn dataset(n: usize, on_bad_net: OnBadNet) -> Dataset {
        let parts = [Split::Train, Split::Val];
        let splits = Splits::from_assignment((0..n).map(|i| Some(parts[i % 2])));
        Dataset { on_bad_net, ..Dataset::new(Thirds(n), splits) }
    }

    #[test]
    fn bad_nets_are_left_out_counted_and_named_and_the_split_follows() {
        let checked = dataset(7, OnBadNet::Skip).checked(|_, _| {}, &AtomicBool::new(false)).unwrap();
        let ids: Vec<String> = (0..checked.source.len()).map(|i| checked.source.get(i).unwrap().id).collect();
        assert_eq!(ids, ["1", "2", "4", "5"]);
        assert_eq!(checked.splits, Splits { train: vec![1, 2], val: vec![0, 3], test: vec![] });
        assert_eq!(
            checked.skipped.iter().map(|one| one.net.as_str()).collect::<Vec<_>>(),
            ["item 0", "item 3", "item 6"]
        );
        let why = "expected a good net, found NaN in 0";
        assert_eq!(checked.notes, [format!("3 net(s) left out, the first: item 0: {why}")]);

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.skipped.csv");
        write_skipped(&path, &checked.skipped[..1]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("net,why\nitem 0,\"{why}\"\n"));
    }

    #[test]
    fn nothing_is_read_where_bad_nets_are_errors_and_nothing_good_is_an_error() {
        let stop = AtomicBool::new(false);
        let same = dataset(7, OnBadNet::Error).checked(|_, _| panic!("read"), &stop).unwrap();
        assert!(same.source.len() == 7 && same.skipped.is_empty());
        let message = dataset(1, OnBadNet::Skip).checked(|_, _| {}, &stop).unwrap_err().to_string();
        assert!(message.contains("expected at least one net that can be read, found none of 1"), "{message}");
        stop.store(true, Ordering::Relaxed);
        assert!(matches!(dataset(7, OnBadNet::Skip).checked(|_, _| {}, &stop), Err(Error::Interrupted)));
    }
}
