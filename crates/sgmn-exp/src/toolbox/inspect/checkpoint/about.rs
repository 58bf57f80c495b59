//! In words: what a model was asked, on what it was trained, and how good it is.

use std::io::Write;

use anyhow::Result;
use sgmn_nn::{
    checkpoint::{About, DataFacts, Reached},
    trained::Answers,
};

use crate::metrics::Criterion;

/// Describes what a checkpoint says about itself, a line for each thing.
pub(super) fn describe(about: &About, out: &mut impl Write) -> Result<()> {
    let About { answers, canonicalize, experiment, data, reached } = about;
    writeln!(out, "asked: {}", asked(answers))?;
    if !canonicalize.is_empty() {
        let names: Vec<&str> = canonicalize.iter().map(|symmetry| symmetry.name()).collect();
        writeln!(out, "nets are first brought to the canonical form of: {}", names.join(", "))?;
    }
    if let Some(name) = experiment.as_deref().and_then(name) {
        writeln!(out, "experiment: {name}, in full below")?;
    }
    if let Some(DataFacts { n_nets: [train, val, test], sha256 }) = data {
        writeln!(out, "data: {train} nets to train on, {val} to validate, {test} to test; sha256 {sha256}")?;
    }
    if let Some(Reached { criterion, epoch, validation, test }) = reached {
        let said = |value: f64| match Criterion::of_name(criterion) {
            Some(criterion) => criterion.said(value),
            None => format!("{criterion} {value}"),
        };
        write!(out, "reached: {} on the validation nets in epoch {epoch}", said(*validation))?;
        if let Some(test) = test {
            write!(out, ", {} on the test nets", said(*test))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// More names are counted.
const MOST_NAMES: usize = 20;

fn asked(answers: &Answers) -> String {
    match answers {
        Answers::Classes { names } => {
            let shown = names.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
            let more = names.len().saturating_sub(MOST_NAMES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("which of {} classes a net belongs to: {shown}{more}", names.len())
        }
        Answers::Score {} => "which score in [0, 1] a net reaches".to_owned(),
        Answers::Number { mean, deviation } => {
            format!("which number belongs to a net; those learned from are {mean:.4} ± {deviation:.4}")
        }
        Answers::Changes {} => "how each parameter of a net should be changed".to_owned(),
        Answers::Plain {} => "not said; outputs are plain numbers".to_owned(),
    }
}

/// The name of an experiment.
fn name(experiment: &str) -> Option<String> {
    let table: toml::Table = experiment.parse().ok()?;
    Some(table.get("name")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_described_in_words() {
        let about = About {
            answers: Answers::Classes { names: ["cat", "dog"].map(str::to_owned).into() },
            canonicalize: vec![sgmn_symmetry::Symmetry::Sign],
            experiment: Some("name = \"pets\"\n".to_owned()),
            data: Some(DataFacts { n_nets: [30, 9, 8], sha256: "ab12".to_owned() }),
            reached: Some(Reached {
                criterion: "accuracy".to_owned(),
                epoch: 3,
                validation: 0.5,
                test: Some(0.25),
            }),
        };
        let mut out = Vec::new();
        describe(&about, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "asked: which of 2 classes a net belongs to: cat, dog\n\
             nets are first brought to the canonical form of: sign\n\
             experiment: pets, in full below\n\
             data: 30 nets to train on, 9 to validate, 8 to test; sha256 ab12\n\
             reached: accuracy 50.00 % on the validation nets in epoch 3, accuracy 25.00 % on the test nets\n"
        );
        let many = Answers::Classes { names: (0..25).map(|i| i.to_string()).collect() };
        assert!(asked(&many).ends_with("18, 19 and 5 more"));
    }
}
