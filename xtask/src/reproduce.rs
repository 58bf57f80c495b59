//! `cargo xtask reproduce`: the paper's experiments from end to end, on two cores in minutes.
//!
//! Nets are made once, every model is trained with seed 0, then with further seeds while time allows, and a report is
//! written. What is finished is never done again: the same command goes on where an earlier call stopped.

mod children;
mod data;

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use serde::Deserialize;

use self::children::{Children, Ended, Programs};
use crate::{
    device::Device,
    repository::{self, describe},
};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// At scale paper: fit the INRs of MNIST and F-MNIST to images here instead of reading the published ones
    #[arg(long)]
    fit: bool,
    /// Exactly so many runs of each model, however long they take [default: up to 3; at scale quick while time allows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: Option<u64>,
    /// Time in minutes within which runs with further seeds have to fit; seed 0 of each model is always run [default: 25
    /// at scale quick, elsewhere no limit]
    #[arg(long, value_name = "MINUTES", conflicts_with = "seeds")]
    minutes: Option<f64>,
    /// Where the models are trained; cuda and metal are built for with the feature of that name
    #[arg(long, value_enum, value_name = "DEVICE", default_value_t = Device::Cpu)]
    device: Device,
    /// Folder of runs and report [default: target/reproduce, for other scales a folder of their name in it]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Folder that holds one folder per dataset [default: data in the repository]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Write the report of the runs that are there, without making any
    #[arg(long)]
    report_only: bool,
    /// Also copy the report with its figures to docs/results and its tables to README.md, to be committed
    #[arg(long, conflicts_with = "overrides")]
    save_results: bool,
    /// Override one value of every experiment, for tests of this command
    #[arg(long = "set", value_name = "KEY=VALUE", hide = true)]
    overrides: Vec<String>,
}

/// Which models are trained on which nets.
#[derive(Args, Clone)]
pub(crate) struct Which {
    /// How much work
    #[arg(long, value_enum, default_value_t = Scale::Quick)]
    scale: Scale,
    /// Only this part of the report; may be repeated
    #[arg(long, value_enum, value_name = "PART")]
    pub(crate) only: Vec<Part>,
    /// Only the study of this name, as the report calls it; may be repeated
    #[arg(long = "study", value_name = "NAME")]
    studies: Vec<String>,
    /// Train only the model of this name, as the report calls it, such as "NG-GNN"; may be repeated
    #[arg(long = "method", value_name = "NAME")]
    methods: Vec<String>,
}

/// How much work.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scale {
    /// Small models on the data that come with the project: minutes on two cores
    Quick,
    /// Larger models on thousands of nets, made here from images of digits: a night on a laptop
    Small,
    /// The published configurations on the published data: days on a processor
    Paper,
}

/// A part of the report.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// What does an INR draw?
    Classification,
    /// How accurate is a CNN?
    Generalization,
    /// How must an INR's weights change so that its image does?
    Editing,
    /// What is each part of the model worth?
    Ablations,
}

/// Seeds of each model, if time allows.
const N_SEEDS: u64 = 3;
/// Minutes of a quick reproduction.
const QUICK_MINUTES: f64 = 25.0;
/// Where results are kept that are committed.
const RESULTS: &str = "docs/results";
/// What shows their tables.
const README: &str = "README.md";

/// What `sgmn-report plan` prints.
#[derive(Deserialize)]
struct Plan {
    studies: Vec<Study>,
    runs: Vec<Run>,
}

/// One study of the plan.
#[derive(Deserialize)]
struct Study {
    name: String,
    manifests: Vec<String>,
}

/// One run of the plan, as far as this command needs to know.
#[derive(Deserialize)]
struct Run {
    study: String,
    method: String,
    seed: u64,
    folder: PathBuf,
    avoided: Option<PathBuf>,
    program: String,
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
    Diverged,
    Finished,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let job = Job::new(arguments)?;
    let programs = Programs::build(arguments.device)?;
    let mut job = RunningJob { job, programs, children: Children::listen()?, began: Instant::now() };
    let failed = if arguments.report_only { Vec::new() } else { job.make()? };
    job.report()?;
    ensure!(failed.is_empty(), "runs that failed, see above: {}", failed.join("; "));
    Ok(())
}

/// Makes the runs of a request once for each list of assignments, each in a folder of its own below `out`, and has what
/// came of them written down by the step of `sgmn-report` that `report` words.
pub(crate) fn grid(
    which: &Which,
    n_seeds: u64,
    data_dir: Option<&Path>,
    out: &Path,
    points: &[(String, String)],
    report: &[String],
) -> Result<()> {
    let arguments = |out: PathBuf, overrides: Vec<String>| Arguments {
        which: which.clone(),
        fit: false,
        seeds: Some(n_seeds),
        minutes: None,
        device: Device::Cpu,
        out: Some(repository::root().join(out)),
        data_dir: data_dir.map(Path::to_path_buf),
        report_only: false,
        save_results: false,
        overrides,
    };
    let mut whole = arguments(out.to_path_buf(), Vec::new());
    // The nets of `cargo xtask reproduce` at the same scale.
    let of_reproduce = match which.scale {
        Scale::Quick => "target/reproduce/data",
        Scale::Small | Scale::Paper => "data",
    };
    let data_dir = data_dir.map_or_else(|| repository::root().join(of_reproduce), Path::to_path_buf);
    whole.data_dir = Some(data_dir.clone());
    let job = Job::new(&whole)?;
    let mut programs = Programs::build(whole.device)?;
    let mut children = Children::listen()?;
    let began = Instant::now();
    let mut failed = Vec::new();
    for (place, (folder, assignment)) in points.iter().enumerate() {
        println!("\n== {assignment} ({} of {})", place + 1, points.len());
        let mut arguments = arguments(out.join(folder), vec![assignment.clone()]);
        arguments.data_dir = Some(data_dir.clone());
        let mut point = RunningJob { job: Job::new(&arguments)?, programs, children, began };
        failed.extend(point.make()?);
        RunningJob { programs, children, .. } = point;
    }
    let job = RunningJob { job, programs, children, began };
    let mut command = job.programs.named("sgmn-report")?;
    command.args(report).args(&job.job.options);
    match job.children.run(&mut command)? {
        Ended::Well => {}
        Ended::Interrupted => job.stop(),
    }
    ensure!(failed.is_empty(), "runs that failed, see above: {}", failed.join("; "));
    Ok(())
}

/// Everything that the arguments decide.
struct Job<'a> {
    arguments: &'a Arguments,
    /// Options that every call of `sgmn-report` gets.
    options: Vec<String>,
    /// Folder of the nets, from the root of the repository.
    data_dir: PathBuf,
    /// Minutes for further seeds.
    minutes: f64,
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
        let scale = arguments.which.scale;
        let minutes = arguments.minutes.unwrap_or(match scale {
            Scale::Quick => QUICK_MINUTES,
            Scale::Small | Scale::Paper => f64::INFINITY,
        });
        ensure!(minutes >= 0.0, "--minutes: expected a number of minutes, found {minutes}");
        let name = word(scale);
        let out = arguments.out.clone().map(from_root).transpose()?;
        let out = out.unwrap_or_else(|| match scale {
            Scale::Quick => PathBuf::from("target/reproduce"),
            Scale::Small | Scale::Paper => Path::new("target/reproduce").join(&name),
        });
        let data_dir = match (arguments.data_dir.clone(), scale) {
            (Some(folder), _) => from_root(folder)?,
            // Everything that is read at this scale is made on the way, and goes with the rest.
            (None, Scale::Quick) => out.join("data"),
            (None, Scale::Small | Scale::Paper) => PathBuf::from("data"),
        };
        let mut options = Vec::new();
        let mut push = |option: &str, value: String| options.extend([option.to_owned(), value]);
        push("--scale", name);
        arguments.which.only.iter().for_each(|part| push("--only", word(*part)));
        arguments.which.studies.iter().for_each(|study| push("--study", study.clone()));
        push("--seeds", arguments.seeds.unwrap_or(N_SEEDS).to_string());
        push("--out", out.display().to_string());
        push("--data-dir", data_dir.display().to_string());
        for assignment in arguments.device.assignment().iter().chain(&arguments.overrides) {
            push("--set", assignment.clone());
        }
        if arguments.fit {
            options.push("--fit".to_owned());
        }
        Ok(Self { arguments, options, data_dir, minutes })
    }

    /// The words that a person types to get the same.
    fn command(&self) -> String {
        let words: Vec<String> = env::args().skip(1).filter(|word| word != "--report-only").collect();
        format!("cargo xtask {}", words.join(" "))
    }
}

impl RunningJob<'_> {
    /// Makes nets and runs; the names of runs that failed are returned.
    fn make(&mut self) -> Result<Vec<String>> {
        let runs = self.plan()?.runs;
        let is_model = |method: &String| runs.iter().any(|run| run.method == *method);
        if let Some(unknown) = self.job.arguments.which.methods.iter().find(|method| !is_model(method)) {
            let mut known: Vec<&str> = runs.iter().map(|run| run.method.as_str()).collect();
            known.sort_unstable();
            known.dedup();
            bail!("--method: expected one of {}, found {unknown:?}", known.join("; "));
        }
        let absent = self.absent()?;
        self.make_nets(&absent)?;
        self.train(&absent)
    }

    /// The studies whose data are not here; each is named with what to do about it.
    fn absent(&self) -> Result<Vec<String>> {
        let studies = self.plan()?.studies;
        let mut absent = Vec::new();
        for study in &studies {
            let mut is_here = true;
            for manifest in &study.manifests {
                if let Some(reason) = data::missing(manifest, &self.job.data_dir)? {
                    println!("{}: not run: {reason}", study.name);
                    is_here = false;
                }
            }
            if !is_here {
                absent.push(study.name.clone());
            }
        }
        ensure!(
            absent.len() < studies.len(),
            "expected the data of one study at least, found none; see above"
        );
        Ok(absent)
    }

    /// Makes the nets that are made here and do not exist yet.
    fn make_nets(&self, absent: &[String]) -> Result<()> {
        println!("\n[nets] what the models read; what has to be made is made once");
        let mut command = self.sgmn_report("nets")?;
        for study in self.plan()?.studies.iter().filter(|study| !absent.contains(&study.name)) {
            command.args(["--study", &study.name]);
        }
        println!("$ {}", describe(&command));
        match self.children.run(&mut command)? {
            Ended::Well => Ok(()),
            Ended::Interrupted => self.stop(),
        }
    }

    /// Makes the runs of the plan that are missing and for which there is time.
    ///
    /// One that fails does not keep the others from being made; the names of such runs are returned.
    fn train(&self, absent: &[String]) -> Result<Vec<String>> {
        let mut failed = Vec::new();
        let n_runs = self.plan()?.runs.len();
        for place in 0..n_runs {
            // What is on the disk now decides, nothing is remembered.
            let plan = self.plan()?;
            let run = &plan.runs[place];
            let asked_for = &self.job.arguments.which.methods;
            if !asked_for.is_empty() && !asked_for.contains(&run.method) {
                continue;
            }
            println!(
                "\n[{}/{n_runs}] {}: {}, seed {} ({} since the start)",
                place + 1,
                run.study,
                run.method,
                run.seed,
                clock(self.began.elapsed())
            );
            if let (State::Finished, Some(seconds)) = (&run.state, run.seconds) {
                println!("finished earlier in {seconds:.0} s: {}", run.folder.display());
                continue;
            }
            if run.state == State::Diverged {
                println!("diverged earlier, and would again: {}", run.folder.display());
                continue;
            }
            if absent.contains(&run.study) {
                println!("not run: its nets are not here");
                continue;
            }
            if let Some(reason) = self.no_time_for(run, &plan) {
                println!("not run: {reason}");
                continue;
            }
            if let Some(avoided) = &run.avoided {
                println!("{} holds a run of other settings; this one goes beside it", avoided.display());
            }
            let mut command = self.programs.named(&run.program)?;
            command.args(&run.arguments);
            println!("$ {}", describe(&command));
            match self.children.run(&mut command) {
                Ok(Ended::Well) => {}
                Ok(Ended::Interrupted) => self.stop(),
                // A result too, and the report shows it as one.
                Err(_) if self.plan()?.runs[place].state == State::Diverged => println!("diverged"),
                Err(error) => {
                    println!("failed: {error:#}");
                    failed.push(format!("{}: {}, seed {}", run.study, run.method, run.seed));
                }
            }
        }
        Ok(failed)
    }

    /// Why a run is not begun: a run with a further seed has to fit into the rest of the time.
    fn no_time_for(&self, run: &Run, plan: &Plan) -> Option<String> {
        if run.seed == 0 || self.job.arguments.seeds.is_some() {
            return None;
        }
        let rest = 60.0 * self.job.minutes - self.began.elapsed().as_secs_f64();
        let mut earlier = plan.runs.iter().filter(|other| {
            (&other.study, &other.method) == (&run.study, &run.method) && other.seed + 1 == run.seed
        });
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
        let mut command = self.sgmn_report("write")?;
        command.args(["--command", &self.job.command()]);
        if self.job.arguments.save_results {
            command.args(["--save", RESULTS, "--show-in", README]);
        }
        match self.children.run(&mut command)? {
            Ended::Well => Ok(()),
            Ended::Interrupted => self.stop(),
        }
    }

    fn plan(&self) -> Result<Plan> {
        let mut command = self.sgmn_report("plan")?;
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

    fn sgmn_report(&self, step: &str) -> Result<Command> {
        let mut command = self.programs.named("sgmn-report")?;
        command.arg(step).args(&self.job.options);
        Ok(command)
    }

    /// Ends as shells expect it of a program that Ctrl-C ended.
    fn stop(&self) -> ! {
        println!("stopped; the same command goes on from here");
        std::process::exit(children::INTERRUPTED)
    }
}

/// A choice as it is typed.
fn word(choice: impl ValueEnum) -> String {
    choice.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
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
        let text = r#"{"studies": [{"name": "s", "manifests": []}, {"name": "t", "manifests": ["m"]}], "runs": [
            {"study": "s", "method": "A", "seed": 0, "folder": "r/a", "state": "finished", "seconds": 1.5,
             "program": "p", "arguments": []},
            {"study": "s", "method": "A", "seed": 1, "folder": "r/b", "avoided": "r/c", "state": "new",
             "program": "p", "arguments": ["--run"]}
        ]}"#;
        let plan: Plan = serde_json::from_str(text).unwrap();
        assert_eq!(plan.studies[1].manifests, ["m"]);
        assert!(plan.runs[0].state == State::Finished && plan.runs[0].seconds == Some(1.5));
        assert!(plan.runs[1].state == State::New && plan.runs[1].avoided.is_some());
    }
}
