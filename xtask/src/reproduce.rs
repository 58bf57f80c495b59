//! `cargo xtask reproduce`: the main job from end to end, on two cores in minutes.
//!
//! Nets are fitted once, every model is trained with seed 0, then with further seeds while time allows, and a report is
//! written. What is finished is never done again: the same command goes on where an earlier call stopped.

mod children;
mod dataset;

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Deserialize;

use self::{
    children::{Children, Ended, Programs, describe},
    dataset::Dataset,
};
use crate::{device::Device, repository};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Nets to read; all but `mini` are the published ones, with the published configurations: days on a processor
    #[arg(long, value_enum, default_value_t = Dataset::Mini)]
    dataset: Dataset,
    /// Fit the nets of the dataset to its images here instead of reading the published ones: hours for 70,000
    #[arg(long)]
    fit: bool,
    /// Exactly so many runs of each model, however long they take [default: up to 3 while time allows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: Option<u64>,
    /// Time in minutes within which runs with further seeds have to fit; seed 0 of each model is always run
    #[arg(long, value_name = "MINUTES", default_value_t = 10.0, conflicts_with = "seeds")]
    minutes: f64,
    /// Where the models are trained; cuda and metal are built for with the feature of that name
    #[arg(long, value_enum, value_name = "DEVICE", default_value_t = Device::Cpu)]
    device: Device,
    /// Folder of runs and report [default: target/reproduce, for other datasets a folder of their name in it]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Folder that holds one folder per dataset [default: data in the repository]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Write the report of the runs that are there, without making any
    #[arg(long)]
    report_only: bool,
    /// Also copy the table with its figures to docs/results, to be committed
    #[arg(long, conflicts_with = "overrides")]
    save_results: bool,
    /// Override one value of every experiment, for tests of this command
    #[arg(long = "set", value_name = "KEY=VALUE", hide = true)]
    overrides: Vec<String>,
}

/// Seeds of each model, if time allows.
const N_SEEDS: u64 = 3;
/// Where results are kept that are committed.
const RESULTS: &str = "docs/results";

/// What `sgmn-report plan` prints.
#[derive(Deserialize)]
struct Plan {
    runs: Vec<Run>,
}

/// One run of the plan, as far as this command needs to know.
#[derive(Deserialize)]
struct Run {
    model: String,
    seed: u64,
    folder: PathBuf,
    avoided: Option<PathBuf>,
    arguments: Vec<String>,
    state: State,
    /// Working time of a finished run.
    seconds: Option<f64>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum State {
    New,
    Unfinished,
    Finished,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let job = Job::new(arguments)?;
    let programs = Programs::build(arguments.device)?;
    let mut job = RunningJob { job, programs, children: Children::listen()?, began: Instant::now() };
    if !arguments.report_only {
        job.fit()?;
        job.train()?;
    }
    job.report()
}

/// Everything that the arguments decide.
struct Job<'a> {
    arguments: &'a Arguments,
    /// Options that every call of `sgmn-report` gets.
    options: Vec<String>,
}

struct RunningJob<'a> {
    job: Job<'a>,
    programs: Programs,
    children: Children,
    began: Instant,
}

impl<'a> Job<'a> {
    /// Checks what can be checked before anything is built.
    fn new(arguments: &'a Arguments) -> Result<Self> {
        ensure!(
            arguments.minutes.is_finite() && arguments.minutes >= 0.0,
            "--minutes: expected a number of minutes, found {}",
            arguments.minutes
        );
        let dataset = arguments.dataset;
        let out = arguments.out.clone().map(from_root).transpose()?;
        let out = out.unwrap_or_else(|| match dataset {
            Dataset::Mini => PathBuf::from("target/reproduce"),
            other => Path::new("target/reproduce").join(other.name()),
        });
        let data_dir = arguments.data_dir.clone().map_or(Ok(PathBuf::from("data")), from_root)?;
        let nets = dataset.nets(&data_dir, &out, arguments.fit)?;
        let n_seeds = arguments.seeds.unwrap_or(N_SEEDS);
        let mut options = Vec::new();
        let mut push = |option: &str, value: String| options.extend([option.to_owned(), value]);
        push("--study", dataset.name().to_owned());
        push("--seeds", n_seeds.to_string());
        push("--out", out.display().to_string());
        push("--data-dir", nets.data_dir.display().to_string());
        let device = arguments.device.assignment();
        for assignment in nets.overrides.iter().chain(&device).chain(&arguments.overrides) {
            push("--set", assignment.clone());
        }
        Ok(Self { arguments, options })
    }

    /// The words that a person types to get the same.
    fn command(&self) -> String {
        let words: Vec<String> = env::args().skip(1).filter(|word| word != "--report-only").collect();
        format!("cargo xtask {}", words.join(" "))
    }
}

impl RunningJob<'_> {
    /// Fits the nets that all models read, or finds that they are there.
    fn fit(&self) -> Result<()> {
        println!("\n[nets] look for the networks that all models read; what is to be fitted is fitted once");
        let mut command = self.sgmn_report("fit");
        println!("$ {}", describe(&command));
        match self.children.run(&mut command)? {
            Ended::Well => Ok(()),
            Ended::Interrupted => self.stop(),
        }
    }

    /// Makes the runs of the plan that are missing and for which there is time.
    fn train(&self) -> Result<()> {
        let n_runs = self.plan()?.runs.len();
        for place in 0..n_runs {
            // What is on the disk now decides, nothing is remembered.
            let plan = self.plan()?;
            let run = &plan.runs[place];
            println!(
                "\n[{}/{n_runs}] {}, seed {} ({} since the start)",
                place + 1,
                run.model,
                run.seed,
                clock(self.began.elapsed())
            );
            if let (State::Finished, Some(seconds)) = (&run.state, run.seconds) {
                println!("finished earlier in {seconds:.0} s: {}", run.folder.display());
                continue;
            }
            if let Some(reason) = self.no_time_for(run, &plan) {
                println!("not run: {reason}");
                continue;
            }
            if let Some(avoided) = &run.avoided {
                println!("{} holds a run of other settings; this one goes beside it", avoided.display());
            }
            let mut command = self.programs.inr_classification();
            command.args(&run.arguments);
            println!("$ {}", describe(&command));
            match self.children.run(&mut command)? {
                Ended::Well => {}
                Ended::Interrupted => self.stop(),
            }
        }
        Ok(())
    }

    /// Why a run is not begun: a run with a further seed has to fit into the rest of the time.
    fn no_time_for(&self, run: &Run, plan: &Plan) -> Option<String> {
        if run.seed == 0 || self.job.arguments.seeds.is_some() {
            return None;
        }
        let rest = 60.0 * self.job.arguments.minutes - self.began.elapsed().as_secs_f64();
        let mut earlier =
            plan.runs.iter().filter(|other| other.model == run.model && other.seed + 1 == run.seed);
        match earlier.next().and_then(|run| run.seconds) {
            Some(seconds) if seconds <= rest => None,
            Some(seconds) => Some(format!(
                "some {seconds:.0} s do not fit into the {:.0} s that are left (--seeds {N_SEEDS} takes all the time it needs)",
                rest.max(0.0)
            )),
            None => Some(format!("neither was seed {}", run.seed - 1)),
        }
    }

    fn report(&mut self) -> Result<()> {
        println!("\n[report] ({} since the start)\n", clock(self.began.elapsed()));
        let mut command = self.sgmn_report("write");
        command.args(["--command", &self.job.command()]);
        if self.job.arguments.save_results {
            command.args(["--save", RESULTS]);
        }
        match self.children.run(&mut command)? {
            Ended::Well => Ok(()),
            Ended::Interrupted => self.stop(),
        }
    }

    fn plan(&self) -> Result<Plan> {
        let mut command = self.sgmn_report("plan");
        let output =
            command.stderr(std::process::Stdio::inherit()).output().context("could not start sgmn-report")?;
        if self.children.are_stopped() {
            self.stop();
        }
        if !output.status.success() {
            bail!("failed with {}: {}", output.status, describe(&command));
        }
        serde_json::from_slice(&output.stdout).context("the plan of sgmn-report")
    }

    fn sgmn_report(&self, step: &str) -> Command {
        let mut command = self.programs.sgmn_report();
        command.arg(step).args(&self.job.options);
        command
    }

    /// Ends as shells expect it of a program that Ctrl-C ended.
    fn stop(&self) -> ! {
        println!("stopped; the same command goes on from here");
        std::process::exit(children::INTERRUPTED)
    }
}

/// A path as it reads in the root of the repository, where all commands run.
fn from_root(path: PathBuf) -> Result<PathBuf> {
    let path = env::current_dir()?.join(path);
    Ok(path.strip_prefix(repository::root()).map(Path::to_path_buf).unwrap_or(path))
}

fn clock(elapsed: Duration) -> String {
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

    #[test]
    fn a_plan_reads_as_the_report_program_prints_it() {
        let text = r#"{"runs": [
            {"model": "A", "seed": 0, "folder": "r/a", "state": "finished", "seconds": 1.5, "arguments": []},
            {"model": "A", "seed": 1, "folder": "r/b", "avoided": "r/c", "state": "new", "arguments": ["--run"]}
        ]}"#;
        let plan: Plan = serde_json::from_str(text).unwrap();
        assert!(plan.runs[0].state == State::Finished && plan.runs[0].seconds == Some(1.5));
        assert!(plan.runs[1].state == State::New && plan.runs[1].avoided.is_some());
    }
}
