//! Scripts by which engines start the workers of a plan: short, to be read and changed.

use std::path::Path;

use anyhow::{Context, Result};

/// Who starts the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Engine {
    /// A job array, for `sbatch`
    Slurm,
    /// A task array, to be run by sh
    Hyperqueue,
    /// An Indexed Job, for `kubectl apply`
    Kubernetes,
    /// A Makefile: here, or over ssh on machines that share the folder
    Make,
}

/// What a script is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Script<'a> {
    /// Path of the plan.
    pub(super) plan: &'a Path,
    /// Number of its shards.
    pub(super) n_shards: usize,
    /// Cores of each.
    pub(super) cpus: u16,
    /// Container image, for Kubernetes.
    pub(super) image: &'a str,
    /// Volume claim, for Kubernetes.
    pub(super) claim: &'a str,
}

impl Script<'_> {
    /// The script for an engine.
    ///
    /// # Errors
    /// If the path of the plan is not text.
    pub(super) fn of(&self, engine: Engine) -> Result<String> {
        let text = self.plan.to_str();
        let text = text.with_context(|| format!("{}: expected a path in UTF-8", self.plan.display()))?;
        let stem = self.plan.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let (template, plan) = match engine {
            Engine::Slurm => (SLURM, for_shell(text)),
            Engine::Hyperqueue => (HYPERQUEUE, for_shell(text)),
            Engine::Kubernetes => (KUBERNETES, serde_json::to_string(text)?),
            Engine::Make => (MAKE, for_shell(text).replace('$', "$$")),
        };
        let [image, claim] = [self.image, self.claim].map(serde_json::to_string);
        let values = [
            ("{n}", self.n_shards.to_string()),
            ("{last}", (self.n_shards - 1).to_string()),
            ("{cpus}", self.cpus.to_string()),
            ("{name}", label(&stem)),
            ("{image}", image?),
            ("{claim}", claim?),
            // Last: a path may hold anything.
            ("{plan}", plan),
        ];
        Ok(values.iter().fold(template.to_owned(), |script, (key, value)| script.replace(key, value)))
    }
}

const SLURM: &str = include_str!("templates/slurm.sh");
const HYPERQUEUE: &str = include_str!("templates/hyperqueue.sh");
const KUBERNETES: &str = include_str!("templates/kubernetes.yaml");
const MAKE: &str = include_str!("templates/make.mk");

/// A word as a shell reads it.
fn for_shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A name that every engine takes: at most 50 small letters, digits and hyphens, a letter or digit at both ends.
fn label(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let label: String = name.chars().map(letter).take(50).collect();
    let label = label.trim_matches('-');
    if label.is_empty() { "sgmn".to_owned() } else { label.to_owned() }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn scripts_are_filled_in_and_quote_what_a_shell_would_take_apart() {
        for engine in Engine::value_variants() {
            let script = |path: &str| {
                let plan = Path::new(path);
                Script { plan, n_shards: 7, cpus: 2, image: "a/b:1", claim: "c" }.of(*engine).unwrap()
            };
            let plain = script("My_digits.toml");
            assert!(plain.contains("My_digits.toml") && plain.contains("work"), "{plain}");
            assert!(
                !plain.contains("{n}") && !plain.contains("{plan}") && !plain.contains("{name}"),
                "{plain}"
            );
            assert!(plain.lines().count() < 40, "{plain}");
            let quoted = script("it's; here.toml");
            let expected = match engine {
                Engine::Kubernetes => "\"it's; here.toml\"",
                _ => "'it'\\''s; here.toml'",
            };
            assert!(quoted.contains(expected), "{quoted}");
        }
        assert_eq!(label("-My_digits."), "my-digits");
    }
}
