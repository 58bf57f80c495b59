//! Facts about the machine and the program: a time without them means nothing.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// The machine on which something was measured; what could not be found out is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineFacts {
    /// Model of the processor.
    pub processor: Option<String>,
    /// Threads that the program may use at once.
    pub n_threads: Option<usize>,
    /// Memory in bytes.
    pub memory: Option<u64>,
    /// Operating system and architecture.
    pub system: String,
}

impl MachineFacts {
    /// Asks the system; Linux tells everything, others only part.
    pub fn read() -> Self {
        let text = |path| std::fs::read_to_string(path).unwrap_or_default();
        let name = entry(&text("/etc/os-release"), "PRETTY_NAME", '=');
        let system =
            [name.unwrap_or_else(|| std::env::consts::OS.to_owned()), std::env::consts::ARCH.to_owned()];
        Self {
            processor: entry(&text("/proc/cpuinfo"), "model name", ':'),
            n_threads: std::thread::available_parallelism().ok().map(Into::into),
            memory: entry(&text("/proc/meminfo"), "MemTotal", ':').and_then(|size| kibibytes(&size)),
            system: system.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", "),
        }
    }

    /// The facts as rows of a table.
    pub fn rows(&self) -> Vec<(String, String)> {
        let unknown = || "unknown".to_owned();
        let memory = self.memory.map(|bytes| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)));
        [
            ("processor", self.processor.clone().unwrap_or_else(unknown)),
            ("threads", self.n_threads.map_or_else(unknown, |n| n.to_string())),
            ("memory", memory.unwrap_or_else(unknown)),
            ("system", self.system.clone()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .to_vec()
    }
}

/// The name of this machine among others; nothing where the system does not say it.
pub fn host() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Commit of the work tree in `folder`, with `+` behind it if files were changed since; nothing outside of one.
pub fn commit(folder: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(folder).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"]).filter(|commit| !commit.is_empty())?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit}+") })
}

/// The value behind the first `key` in lines of the form `key: value`.
fn entry(text: &str, key: &str, separator: char) -> Option<String> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(separator));
    let (_, value) = pairs.find(|(found, _)| found.trim() == key)?;
    Some(value.trim().trim_matches('"').to_owned()).filter(|value| !value.is_empty())
}

fn kibibytes(size: &str) -> Option<u64> {
    size.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_found_among_other_lines() {
        let text = "processor\t: 0\nmodel name\t: Some CPU: fast\nmodel name\t: other\n";
        assert_eq!(entry(text, "model name", ':').as_deref(), Some("Some CPU: fast"));
        assert_eq!(entry("NAME=\"A\"\nPRETTY_NAME=\"A 1\"", "PRETTY_NAME", '=').as_deref(), Some("A 1"));
        assert_eq!(entry("", "model name", ':'), None);
        assert_eq!(kibibytes("16 kB"), Some(16384));
        assert_eq!(kibibytes("lots"), None);
    }

    #[test]
    fn no_commit_outside_of_a_work_tree() {
        assert_eq!(commit(Path::new("/nowhere")), None);
    }
}
