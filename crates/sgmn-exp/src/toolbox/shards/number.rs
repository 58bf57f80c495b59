//! Which shard a worker makes: what its caller says, or what an engine says in the environment.
//!
//! This is the one place where the environment is read, and a shard's number the one thing that is read there.

use anyhow::{Context, Result, bail, ensure};
use sgmn_data::Shard;

/// The variables by which engines number their tasks from 0, in the order in which they are asked.
///
/// An array comes before the rank of a process: a task of a Slurm array is also process 0 of itself.
const VARIABLES: [&str; 5] =
    ["SLURM_ARRAY_TASK_ID", "HQ_TASK_ID", "JOB_COMPLETION_INDEX", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK"];

/// What a caller says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// One shard.
    Number(usize),
    /// All, one after the other.
    All,
}

impl std::str::FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("all", _) => Ok(Self::All),
            (_, Ok(number)) => Ok(Self::Number(number)),
            _ => Err("expected a number from 0, or all".to_owned()),
        }
    }
}

/// The shards to make, of `count`, and who says so.
///
/// # Errors
/// If nobody says, or the number is not one of the plan.
pub(super) fn shards(wanted: Option<Wanted>, count: usize) -> Result<(Vec<Shard>, String)> {
    #[allow(
        clippy::disallowed_methods,
        reason = "engines number their tasks here, and no number of a result depends on it"
    )]
    let read = |name: &str| std::env::var(name).ok();
    chosen(wanted, count, read)
}

fn chosen(
    wanted: Option<Wanted>,
    count: usize,
    read: impl Fn(&str) -> Option<String>,
) -> Result<(Vec<Shard>, String)> {
    let said = VARIABLES.iter().find_map(|name| Some((*name, read(name)?)));
    let (number, source) = match (wanted, said) {
        (Some(Wanted::All), _) => return Ok((Shard::all(count).collect(), "--shard".to_owned())),
        (Some(Wanted::Number(number)), _) => (number, "--shard".to_owned()),
        (None, Some((name, text))) => {
            let number = text.trim().parse();
            let number = number.ok().with_context(|| format!("{name}: expected a number, found {text:?}"))?;
            (number, name.to_owned())
        }
        (None, None) if count == 1 => (0, "the only one".to_owned()),
        (None, None) => bail!(
            "--shard: expected the number of a shard, 0 to {}, here or in one of {}, found none; --shard all makes all",
            count - 1,
            VARIABLES.join(", ")
        ),
    };
    ensure!(number < count, "{source}: expected a shard of the plan, 0 to {}, found {number}", count - 1);
    Ok((vec![Shard { number, count }], source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(wanted: Option<&str>, count: usize, said: &[(&str, &str)]) -> Result<usize> {
        let read =
            |name: &str| said.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
        let (shards, _) = chosen(wanted.map(|text| text.parse().unwrap()), count, read)?;
        assert_eq!(shards.len(), 1);
        Ok(shards[0].number)
    }

    #[test]
    fn the_caller_comes_before_the_engine_and_an_array_before_a_rank() {
        let slurm = [("SLURM_PROCID", "0"), ("SLURM_ARRAY_TASK_ID", "4")];
        assert_eq!(number(None, 7, &slurm).unwrap(), 4);
        assert_eq!(number(Some("2"), 7, &slurm).unwrap(), 2);
        assert_eq!(number(None, 7, &[("OMPI_COMM_WORLD_RANK", "6")]).unwrap(), 6);
        assert_eq!(number(None, 1, &[]).unwrap(), 0);
        let (all, _) = chosen(Some(Wanted::All), 3, |_| None).unwrap();
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn a_number_outside_of_the_plan_is_an_error_and_so_is_none() {
        for (wanted, said, expected) in [
            (Some("7"), vec![], "--shard: expected a shard of the plan, 0 to 6, found 7"),
            (None, vec![("HQ_TASK_ID", "7")], "HQ_TASK_ID: expected a shard of the plan"),
            (None, vec![("HQ_TASK_ID", "x")], "HQ_TASK_ID: expected a number, found \"x\""),
            (None, vec![], "--shard: expected the number of a shard"),
        ] {
            let message = number(wanted, 7, &said).unwrap_err().to_string();
            assert!(message.starts_with(expected), "{message}");
        }
        assert!("-1".parse::<Wanted>().is_err());
    }
}
