//! What can be said about a question before the first step: which parts of the dataset cannot answer it.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use sgmn_data::{Target, split::Split};

use super::classify::name;
use crate::config::Task;

/// Looks at what is asked about the nets of each part of the dataset; returns what a person should know. `classes` are
/// the names of their classes, if these have any.
///
/// # Errors
/// If the validation nets cannot tell one model from another: their numbers are all equal, so that no order and no
/// variance of them can be right or wrong.
pub fn before(
    task: &Task,
    classes: Option<&[String]>,
    targets: impl Fn(Split) -> Vec<Target>,
) -> Result<Vec<String>> {
    let parts = Split::ALL.map(|split| (split, targets(split)));
    match task {
        Task::Classify { .. } => Ok(of_classes(&parts, classes)),
        Task::Predict {} => numbers(&parts, "Kendall's τ"),
        Task::Regress {} => numbers(&parts, "R²"),
        Task::Edit(_) => Ok(Vec::new()),
    }
}

fn numbers(parts: &[(Split, Vec<Target>)], criterion: &str) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    for (split, targets) in parts {
        let mut scores = targets.iter().filter_map(|target| match target {
            Target::Score(score) => Some(*score),
            Target::Class(_) | Target::None => None,
        });
        let Some(first) = scores.next() else { continue };
        if scores.any(|score| score != first) {
            continue;
        }
        let found =
            if targets.len() == 1 { "one net".to_owned() } else { format!("{first} for each of them") };
        match split {
            Split::Val => bail!(
                "data: expected scores of {} nets that differ, since {criterion} is not defined without, found {found}",
                said(*split)
            ),
            Split::Train => notes.push(format!("the scores of {} nets do not differ: {found}", said(*split))),
            Split::Test => notes.push(format!(
                "the scores of {} nets do not differ: {found}; {criterion} will not be reported",
                said(*split)
            )),
        }
    }
    Ok(notes)
}

fn of_classes(parts: &[(Split, Vec<Target>)], names: Option<&[String]>) -> Vec<String> {
    let said_class = |class: &u32| name(*class as usize, names);
    let of = |targets: &[Target]| -> BTreeSet<u32> {
        let class = |target: &Target| match target {
            Target::Class(class) => Some(*class),
            Target::Score(_) | Target::None => None,
        };
        targets.iter().filter_map(class).collect()
    };
    let mut notes = Vec::new();
    let mut learned = None;
    for (split, targets) in parts {
        let found = of(targets);
        if let (1, Some(class)) = (found.len(), found.first()) {
            notes.push(format!("all {} nets are of class {}", said(*split), said_class(class)));
        }
        match &learned {
            None => learned = Some(found),
            Some(learned) => {
                let unknown: Vec<String> = found.difference(learned).map(said_class).collect();
                if !unknown.is_empty() {
                    let classes = unknown.join(", ");
                    notes.push(format!(
                        "no training net has a class of some {} nets: {classes}",
                        said(*split)
                    ));
                }
            }
        }
    }
    notes
}

fn said(split: Split) -> &'static str {
    match split {
        Split::Train => "training",
        Split::Val => "validation",
        Split::Test => "test",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(task: &Task, train: &[Target], val: &[Target], test: &[Target]) -> Result<Vec<String>> {
        before(task, Some(&["cat".to_owned()]), |split| {
            match split {
                Split::Train => train,
                Split::Val => val,
                Split::Test => test,
            }
            .to_vec()
        })
    }

    #[test]
    fn equal_scores_of_validation_nets_are_an_error_and_others_a_note() {
        let [a, b] = [Target::Score(0.25), Target::Score(0.5)];
        for task in [Task::Predict {}, Task::Regress {}] {
            assert!(of(&task, &[a, b], &[a, b], &[b, a]).unwrap().is_empty());
            let criterion = if task == (Task::Predict {}) { "Kendall's τ" } else { "R²" };
            for (val, found) in [(&[a, a][..], "0.25 for each of them"), (&[b], "one net")] {
                let message = of(&task, &[a, b], val, &[b, a]).unwrap_err().to_string();
                assert_eq!(
                    message,
                    format!(
                        "data: expected scores of validation nets that differ, since {criterion} is not defined \
                         without, found {found}"
                    )
                );
            }
            let notes = of(&task, &[a, b], &[a, b], &[b, b]).unwrap();
            assert_eq!(notes.len(), 1);
            assert!(notes[0].starts_with("the scores of test nets do not differ: 0.5 for each"), "{notes:?}");
        }
    }

    #[test]
    fn classes_that_cannot_be_learned_or_told_apart_are_noted() {
        let [a, b, c] = [0, 1, 2].map(Target::Class);
        let task = Task::Classify { n_classes: 3 };
        assert!(of(&task, &[a, b, c], &[a, b], &[b, c]).unwrap().is_empty());
        assert_eq!(
            of(&task, &[a, b], &[a, a], &[b, c]).unwrap(),
            ["all validation nets are of class cat", "no training net has a class of some test nets: 2"]
        );
    }
}
