//! `cargo xtask datasets`: what is published, and bringing it here.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use indicatif::{BinaryBytes, ProgressBar, ProgressStyle};
use sgmn_data::{
    fetch::{self, Event, Finding, Places, State},
    manifest::Manifest,
};

use crate::repository;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Folder that holds one folder per dataset [default: data in the repository]
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Address of a mirror of the Hugging Face Hub
    #[arg(long, global = true, value_name = "URL")]
    hub_endpoint: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Every dataset with a manifest, and whether it is here.
    List,
    /// Download, check and unpack.
    Fetch {
        /// Names, as `list` shows them.
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Compare what is here with the manifests, without the network.
    Verify {
        /// Names, as `list` shows them.
        #[arg(required = true)]
        names: Vec<String>,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let manifests = repository::root().join("datasets");
    let data_dir = arguments.data_dir.clone();
    let places = Places {
        data_dir: data_dir.unwrap_or_else(|| repository::shown(&repository::root().join("data"))),
        hub_endpoint: arguments.hub_endpoint.clone(),
    };
    match &arguments.command {
        Command::List => list(&manifests, &places),
        // Every name is looked up before the first is worked on: a slip of the pen must not cost an hour.
        Command::Fetch { names } => {
            for manifest in named(&manifests, names)? {
                fetch_one(&manifest, &places)?;
            }
            Ok(())
        }
        Command::Verify { names } => {
            let mut n_wrong = 0;
            for manifest in named(&manifests, names)? {
                n_wrong += verify_one(&manifest, &places);
            }
            if n_wrong > 0 {
                bail!("{n_wrong} files are missing or not what the manifests describe");
            }
            Ok(())
        }
    }
}

fn named(manifests: &Path, names: &[String]) -> Result<Vec<Manifest>> {
    Ok(names.iter().map(|name| Manifest::named(manifests, name)).collect::<Result<_, _>>()?)
}

fn list(manifests: &Path, places: &Places) -> Result<()> {
    let rows: Vec<[String; 4]> = Manifest::all(manifests)?
        .iter()
        .map(|manifest| {
            let state = match (manifest.is_embedded(), fetch::is_present(manifest, places)) {
                (true, _) => "embedded",
                (false, true) => "here",
                (false, false) => "-",
            };
            let size = match manifest.size() {
                (_, true) => "unknown".into(),
                (bytes, false) => BinaryBytes(bytes).to_string(),
            };
            [manifest.name.clone(), state.into(), size, manifest.title.clone()]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (names, states, sizes) = (width(0), width(1), width(2));
    for [name, state, size, title] in &rows {
        println!("{name:names$}  {state:states$}  {size:>sizes$}  {title}");
    }
    Ok(())
}

fn fetch_one(manifest: &Manifest, places: &Places) -> Result<()> {
    println!("{}: {}", manifest.name, manifest.title);
    println!("  license: {}", manifest.license);
    let mut bars = Bars::default();
    let findings = fetch::fetch(manifest, places, &mut |event| bars.show(event));
    bars.finish();
    for finding in findings? {
        report(&finding);
    }
    Ok(())
}

/// Prints what is found and returns how many files are wrong.
fn verify_one(manifest: &Manifest, places: &Places) -> usize {
    println!("{}: {}", manifest.name, manifest.title);
    let mut bars = Bars::default();
    let findings = fetch::verify(manifest, places, &mut |event| bars.show(event));
    bars.finish();
    findings.iter().for_each(report);
    if findings.iter().any(|f| matches!(f.state, State::Missing)) {
        println!(
            "  fetch it with: cargo xtask datasets fetch {}; {}",
            manifest.name,
            fetch::by_hand(manifest, places)
        );
    }
    findings.iter().filter(|f| matches!(f.state, State::Missing | State::Wrong(_))).count()
}

fn report(finding: &Finding) {
    let path = repository::shown(&finding.path);
    let path = path.display();
    match &finding.state {
        State::Verified => println!("  verified   {path}"),
        State::Unchecked { sha256, size_bytes } => {
            println!(
                "  here       {path}: {size_bytes} bytes, sha256 {sha256} (none is published to compare with)"
            );
        }
        State::Unpacked { n_files } => println!("  unpacked   {path}: {n_files} files"),
        State::Missing => println!("  missing    {path}"),
        State::Wrong(error) => println!("  wrong      {error}"),
    }
}

/// One progress bar at a time, for the file and the phase that is at work.
#[derive(Default)]
struct Bars {
    current: Option<(String, ProgressBar)>,
}

impl Bars {
    fn show(&mut self, event: Event<'_>) {
        let (phase, file, done, total) = match event {
            Event::Downloaded { file, bytes, total } => ("download", file, bytes, total),
            Event::Checked { file, bytes, total } => ("checksum", file, bytes, Some(total)),
            Event::Unpacked { file, n_entries } => ("unpack", file, n_entries, None),
        };
        let name = format!("{phase} {file}");
        if self.current.as_ref().is_none_or(|(current, _)| *current != name) {
            self.finish();
            let bar = ProgressBar::new(total.unwrap_or(0)).with_style(style(phase, total));
            bar.set_message(name.clone());
            // The speed is measured from here: bytes of an earlier call are not this call's.
            bar.reset_eta();
            bar.enable_steady_tick(Duration::from_millis(200));
            self.current = Some((name, bar));
        }
        if let Some((_, bar)) = &self.current {
            bar.set_position(done);
        }
    }

    fn finish(&mut self) {
        if let Some((_, bar)) = self.current.take() {
            bar.finish_and_clear();
        }
    }
}

fn style(phase: &str, total: Option<u64>) -> ProgressStyle {
    let template = match (phase, total) {
        ("unpack", _) => "  {msg} {pos} entries {spinner}",
        (_, Some(_)) => "  {msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}",
        (_, None) => "  {msg} {binary_bytes} {binary_bytes_per_sec} {spinner}",
    };
    ProgressStyle::with_template(template).expect("the templates above are well-formed")
}
