//! The machine that measured, and whether it had anything else to do.

use std::{process::Command, thread::available_parallelism, time::Duration};

use crate::repository;

/// Instruction sets that decide how fast products and elementary functions are, as Linux names them.
const INSTRUCTIONS: [&str; 6] = ["avx2", "fma", "avx512f", "avx512dq", "avx512_bf16", "asimd"];

/// The machine and the program, as rows of a table.
pub(super) fn facts() -> Vec<[String; 2]> {
    let text = |path| std::fs::read_to_string(path).unwrap_or_default();
    let (cpu, release) = (text("/proc/cpuinfo"), text("/etc/os-release"));
    let flags = entry(&cpu, "flags", ':').or_else(|| entry(&cpu, "Features", ':'));
    let instructions = flags.map(|flags| known_instructions(&flags));
    let memory = entry(&text("/proc/meminfo"), "MemTotal", ':').and_then(|size| gibibytes(&size));
    let threads = available_parallelism().ok().map(|n| n.to_string());
    let system = entry(&release, "PRETTY_NAME", '=').unwrap_or_else(|| std::env::consts::OS.to_owned());
    let kernel = said("uname", &["-sr"]).map_or(String::new(), |kernel| format!(", {kernel}"));
    let commit = said("git", &["rev-parse", "HEAD"]);
    let changed = said("git", &["status", "--porcelain", "--untracked-files=no"]);
    let commit = commit.map(|commit| match changed {
        Some(_) => format!("{commit}, files changed since"),
        None => commit,
    });
    let unknown = |value: Option<String>| value.unwrap_or_else(|| "unknown".to_owned());
    [
        ("processor", unknown(entry(&cpu, "model name", ':'))),
        ("cores used", unknown(threads)),
        ("instruction sets", unknown(instructions)),
        ("memory", unknown(memory)),
        ("system", format!("{system}{kernel}, {}", std::env::consts::ARCH)),
        ("compiler", unknown(said("rustc", &["--version"]))),
        ("commit", unknown(commit)),
    ]
    .map(|(key, value)| [key.to_owned(), value])
    .to_vec()
}

/// How busy the machine was with other things, before and while measuring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quiet {
    /// Processes that wanted to run, averaged over the minute before the command built anything.
    pub(super) load: Option<f64>,
    /// Share of the machine that other processes and other guests of the host took just before the first measurement.
    pub(super) before: Option<f64>,
    /// The same while measuring.
    pub(super) during: Option<f64>,
}

impl Quiet {
    /// What is wrong with the machine's quiet, if anything.
    pub(super) fn warning(&self) -> Option<String> {
        const MOST_LOAD: f64 = 1.0;
        const MOST_SHARE: f64 = 0.05;
        let mut why = Vec::new();
        if let Some(load) = self.load.filter(|load| *load >= MOST_LOAD) {
            why.push(format!("the load average was {load:.2} before the start"));
        }
        let shares = [(self.before, "just before the first measurement"), (self.during, "while measuring")];
        for (share, when) in shares {
            if let Some(share) = share.filter(|share| *share >= MOST_SHARE) {
                why.push(format!("others took {:.0} % of the machine {when}", 100.0 * share));
            }
        }
        (!why.is_empty()).then(|| format!("The machine was not quiet: {}.", why.join(", ")))
    }

    /// As rows of the table of facts.
    pub(super) fn rows(&self) -> Vec<[String; 2]> {
        let number = |value: Option<String>| value.unwrap_or_else(|| "unknown".to_owned());
        let percent = |share: Option<f64>| number(share.map(|share| format!("{:.1} %", 100.0 * share)));
        [
            ("load average before the start", number(self.load.map(|load| format!("{load:.2}")))),
            ("taken by others before measuring", percent(self.before)),
            ("taken by others while measuring", percent(self.during)),
        ]
        .map(|(key, value)| [key.to_owned(), value])
        .to_vec()
    }
}

/// The load average of the last minute.
pub(super) fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// Share of the machine that others take, looked at for three seconds in which this program sleeps.
pub(super) fn share_of_others() -> Option<f64> {
    let began = Ticks::now()?;
    std::thread::sleep(Duration::from_secs(3));
    began.share_of_others(Ticks::now()?)
}

/// Time that the processors spent, in the system's ticks since it started.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ticks {
    all: f64,
    busy: f64,
    /// Of this process and of its children that have ended.
    ours: f64,
}

impl Ticks {
    pub(super) fn now() -> Option<Self> {
        let text = |path| std::fs::read_to_string(path).ok();
        Self::parse(&text("/proc/stat")?, &text("/proc/self/stat")?)
    }

    fn parse(machine: &str, process: &str) -> Option<Self> {
        let line = machine.lines().next()?.strip_prefix("cpu ")?;
        // user, nice, system, idle, iowait, irq, softirq, steal; what guests take is in the first two already.
        let ticks: Vec<f64> = line.split_whitespace().take(8).map_while(|word| word.parse().ok()).collect();
        let all: f64 = ticks.iter().sum();
        let idle = ticks.get(3)? + ticks.get(4)?;
        // The name of a process may hold spaces; behind it the 12th to the 15th word are its times and its children's.
        let (_, behind) = process.rsplit_once(')')?;
        let ours: Vec<f64> =
            behind.split_whitespace().skip(11).take(4).map_while(|word| word.parse().ok()).collect();
        Some(Self { all, busy: all - idle, ours: ours.iter().sum() })
    }

    /// The share of others in the time from here to `end`.
    pub(super) fn share_of_others(self, end: Self) -> Option<f64> {
        let all = end.all - self.all;
        let others = (end.busy - self.busy) - (end.ours - self.ours);
        (all > 0.0).then(|| (others / all).max(0.0))
    }
}

fn known_instructions(flags: &str) -> String {
    let found: Vec<&str> = INSTRUCTIONS
        .into_iter()
        .filter(|known| flags.split_whitespace().any(|flag| flag == *known))
        .collect();
    if found.is_empty() { "none of the known ones".to_owned() } else { found.join(", ") }
}

/// The value behind the first `key` in lines of the form `key: value`.
fn entry(text: &str, key: &str, separator: char) -> Option<String> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(separator));
    let (_, value) = pairs.find(|(found, _)| found.trim() == key)?;
    Some(value.trim().trim_matches('"').to_owned()).filter(|value| !value.is_empty())
}

fn gibibytes(size: &str) -> Option<String> {
    let kibibytes: f64 = size.strip_suffix("kB")?.trim().parse().ok()?;
    Some(format!("{:.1} GiB", kibibytes / f64::from(1 << 20)))
}

/// What a program says, if it says anything.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(repository::root()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_the_benchmarks_is_not_taken_for_time_of_others() {
        let process =
            |own: u64, children: u64| format!("7 (a b) c) R 1 1 1 0 -1 0 0 0 0 0 {own} 0 {children} 0 20");
        let began = Ticks::parse("cpu  100 0 0 900 0 0 0 0 0 0\ncpu0 1", &process(10, 20)).unwrap();
        let end = Ticks::parse("cpu  150 0 10 980 10 0 0 50 0 0\n", &process(15, 65)).unwrap();
        // 200 ticks, of which 110 were busy, 50 of them ours.
        assert_eq!(began.share_of_others(end), Some(0.3));
        assert_eq!(began.share_of_others(began), None);
        assert_eq!(Ticks::parse("", ""), None);
    }

    #[test]
    fn noise_is_named_and_quiet_is_not() {
        let quiet = Quiet { load: Some(0.4), before: Some(0.01), during: None };
        assert_eq!(quiet.warning(), None);
        let loud = Quiet { load: Some(2.25), during: Some(0.31), ..quiet };
        let warning = loud.warning().unwrap();
        assert!(warning.contains("2.25") && warning.contains("31 %") && !warning.contains("just before"));
    }

    #[test]
    fn facts_are_found_among_other_lines() {
        let text = "processor\t: 0\nmodel name\t: Some CPU: fast\nflags\t\t: fpu avx2 avx512f_x fma\n";
        assert_eq!(entry(text, "model name", ':').as_deref(), Some("Some CPU: fast"));
        assert_eq!(known_instructions(&entry(text, "flags", ':').unwrap()), "avx2, fma");
        assert_eq!(gibibytes("16777216 kB").as_deref(), Some("16.0 GiB"));
    }
}
