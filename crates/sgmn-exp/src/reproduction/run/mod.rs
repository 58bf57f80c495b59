//! Makes what a plan is missing: nets first, then runs as long as there is time for them, each in a process of its own.
//!
//! What is finished is never made again, so a call that was stopped is continued by the same call.

mod children;
mod missing;

use std::{
    path::PathBuf,
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use sgmn_data::Error;

use self::children::{Children, typed};
use super::{
    nets,
    plan::{Plan, PlannedRun, Request, RunState},
    rates::Grid,
};

/// Which runs of a plan are made.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// Models by their names in the report; none for all.
    pub methods: Vec<String>,
    /// The one seed that is run; none for all.
    pub seed: Option<u64>,
    /// The time within which runs with further seeds have to fit; seed 0 of each model is always run.
    pub time: Duration,
    /// Folder of the descriptions of what can be fetched, `NAME.toml` each.
    pub manifests: PathBuf,
}

/// Makes the nets and the runs of a request that are missing, as long as there is time.
///
/// A run that fails does not keep the others from being made; the names of such runs are returned.
///
/// # Errors
/// If nothing can be run, nets cannot be made, or the work was interrupted.
pub fn run(request: &Request, wishes: &Wishes, stop: &AtomicBool) -> Result<Vec<String>> {
    let runner =
        Runner { request, wishes, stop, children: Children::beside_this(stop)?, began: Instant::now() };
    runner.run(Plan::new(request)?)
}

/// Makes a grid: the runs of its request once at every rate, each in a folder of its own. The names of runs that failed
/// are returned.
///
/// # Errors
/// As [`run`].
pub fn run_grid(grid: &Grid, wishes: &Wishes, stop: &AtomicBool) -> Result<Vec<String>> {
    let mut failed = Vec::new();
    for (place, &rate) in grid.rates.iter().enumerate() {
        eprintln!("\n== train.learning_rate={rate:e} ({} of {})", place + 1, grid.rates.len());
        failed.extend(run(&grid.request(rate), wishes, stop)?);
    }
    Ok(failed)
}

struct Runner<'a> {
    request: &'a Request,
    wishes: &'a Wishes,
    stop: &'a AtomicBool,
    children: Children<'a>,
    began: Instant,
}

impl Runner<'_> {
    fn run(&self, mut plan: Plan) -> Result<Vec<String>> {
        self.check_methods(&plan)?;
        let absent = self.absent(&plan)?;
        eprintln!("\n[nets] what the models read; what has to be made is made once");
        let here = plan.studies.iter().map(|study| study.name).filter(|name| !absent.contains(name));
        let request = Request { studies: here.map(str::to_owned).collect(), ..self.request.clone() };
        nets::make(&request, self.stop)?;
        if !self.wishes.methods.is_empty() {
            plan.runs.retain(|run| self.wishes.methods.contains(&run.method));
        }
        plan.runs.retain(|run| self.wishes.seed.is_none_or(|seed| run.seed == seed));
        self.train(&mut plan, &absent)
    }

    fn check_methods(&self, plan: &Plan) -> Result<()> {
        let mut known: Vec<&str> = plan.runs.iter().map(|run| run.method.as_str()).collect();
        known.sort_unstable();
        known.dedup();
        if let Some(unknown) = self.wishes.methods.iter().find(|method| !known.contains(&method.as_str())) {
            bail!("--method: expected one of {}, found {unknown:?}", known.join("; "));
        }
        Ok(())
    }

    /// The studies whose data are not here; each is named with what to do about it.
    fn absent(&self, plan: &Plan) -> Result<Vec<&'static str>> {
        let mut absent = Vec::new();
        for study in &plan.studies {
            let mut is_here = true;
            for manifest in &study.manifests {
                if let Some(reason) =
                    missing::missing(&self.wishes.manifests, manifest, &self.request.data_dir)?
                {
                    eprintln!("{}: not run: {reason}", study.name);
                    is_here = false;
                }
            }
            if !is_here {
                absent.push(study.name);
            }
        }
        ensure!(
            absent.len() < plan.studies.len(),
            "expected the data of one study at least, found none; see above"
        );
        Ok(absent)
    }

    fn train(&self, plan: &mut Plan, absent: &[&str]) -> Result<Vec<String>> {
        let mut failed = Vec::new();
        let n_runs = plan.runs.len();
        for place in 0..n_runs {
            plan.runs[place].look_again()?;
            let run = &plan.runs[place];
            eprintln!(
                "\n[{}/{n_runs}] {}: {}, seed {} ({} since the start)",
                place + 1,
                run.study,
                run.method,
                run.seed,
                clock(self.began.elapsed())
            );
            if let Some(reason) = self.reason_against(run, plan, absent) {
                eprintln!("{reason}");
                continue;
            }
            if let Some(avoided) = &run.avoided {
                eprintln!("{} holds a run of other settings; this one goes beside it", avoided.display());
            }
            if let Some(rest) = self.rest(plan, place) {
                eprintln!("about {} for this and all that is missing", clock(rest));
            }
            let mut command = self.children.command(run.program, &run.arguments)?;
            eprintln!("$ {}", typed(&command));
            let made = self.children.run(&mut command);
            plan.runs[place].look_again()?;
            let run = &plan.runs[place];
            match made {
                Ok(()) => {}
                Err(error) if matches!(error.downcast_ref(), Some(Error::Interrupted)) => return Err(error),
                // A result too, and the report shows it as one.
                Err(_) if run.state == RunState::Diverged => eprintln!("diverged"),
                Err(error) => {
                    eprintln!("failed: {error:#}");
                    failed.push(format!("{}: {}, seed {}", run.study, run.method, run.seed));
                }
            }
        }
        Ok(failed)
    }

    /// About how long the runs from a place on will take: each as long as the model took with another seed or setting, or
    /// else as the finished ones on average; nothing before one has finished.
    fn rest(&self, plan: &Plan, place: usize) -> Option<Duration> {
        let seconds = |run: &PlannedRun| match run.state {
            RunState::Finished { seconds } => Some(seconds),
            _ => None,
        };
        let finished: Vec<(&str, f64)> =
            plan.runs.iter().filter_map(|run| Some((run.method.as_str(), seconds(run)?))).collect();
        let mean = finished.iter().map(|(_, seconds)| seconds).sum::<f64>() / finished.len() as f64;
        let open =
            plan.runs[place..].iter().filter(|run| matches!(run.state, RunState::New | RunState::Unfinished));
        let of_run = |run: &PlannedRun| {
            finished.iter().find(|(method, _)| *method == run.method).map_or(mean, |(_, seconds)| *seconds)
        };
        (!finished.is_empty()).then(|| Duration::from_secs_f64(open.map(of_run).sum()))
    }

    /// Why a run is not begun, in a sentence; nothing if it is.
    fn reason_against(&self, run: &PlannedRun, plan: &Plan, absent: &[&str]) -> Option<String> {
        match run.state {
            RunState::Finished { seconds } => {
                Some(format!("finished earlier in {seconds:.0} s: {}", run.folder.display()))
            }
            RunState::Diverged => {
                Some(format!("diverged earlier, and would again: {}", run.folder.display()))
            }
            _ if absent.contains(&run.study) => Some("not run: its nets are not here".to_owned()),
            _ => self.no_time_for(run, plan).map(|reason| format!("not run: {reason}")),
        }
    }

    /// A run with a further seed has to fit into the rest of the time.
    fn no_time_for(&self, run: &PlannedRun, plan: &Plan) -> Option<String> {
        if run.seed == 0 || self.wishes.time == Duration::MAX {
            return None;
        }
        let rest = self.wishes.time.saturating_sub(self.began.elapsed()).as_secs_f64();
        let earlier = plan.runs.iter().find(|other| {
            (other.study, &other.method) == (run.study, &run.method) && other.seed + 1 == run.seed
        });
        match earlier?.state {
            RunState::Finished { seconds } if seconds <= rest => None,
            RunState::Finished { seconds } => Some(format!(
                "some {seconds:.0} s do not fit into the {rest:.0} s that are left (--seeds N takes all the time it needs)"
            )),
            _ => Some(format!("neither was seed {}", run.seed - 1)),
        }
    }
}

/// A time as minutes and seconds.
pub fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    format!("{}:{:02} min", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_reads_like_a_clock() {
        assert_eq!(clock(Duration::from_secs(9)), "0:09 min");
        assert_eq!(clock(Duration::from_secs(754)), "12:34 min");
    }
}
