//! `cargo xtask ci`: everything that has to pass, cheapest first, ending with a dry run for a GPU and the tests.
//!
//! All steps share the dev profile, so that nothing heavy is built twice.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use cargo_metadata::Message;
use clap::Args;

use crate::{check_cuda, check_gpu, check_metal, repository, tidy};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Also type-check the features `cuda` and `metal`.
    #[arg(long)]
    full: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let cargo = repository::cargo;
    repository::run(&mut cargo(&["fmt", "--all", "--check"]))?;
    println!("$ cargo xtask tidy");
    tidy::run()?;
    repository::run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    repository::run(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    if arguments.full {
        println!("$ cargo xtask check-cuda");
        check_cuda::run()?;
        println!("$ cargo xtask check-metal");
        check_metal::run()?;
    }
    examples()?;
    println!("$ cargo xtask check-gpu --dry-run");
    check_gpu::quick()?;
    // Without building them: that would compile everything below once more, in another profile.
    repository::run(&mut cargo(&[
        "package",
        "--workspace",
        "--exclude",
        "xtask",
        "--no-verify",
        "--allow-dirty",
        "--quiet",
    ]))?;
    nothing_is_built_twice()?;
    repository::run(&mut cargo(&["test", "--workspace"]))
}

/// Calls of cargo from this program, such as those of `cargo xtask reproduce`, leave nothing to build to a call from a
/// shell.
fn nothing_is_built_twice() -> Result<()> {
    repository::run(&mut repository::cargo(&["build", "--workspace", "--quiet"]))?;
    let mut help = repository::cargo(&["xtask", "reproduce", "--help"]);
    println!("$ {}", repository::describe(&help));
    let output = help.stderr(Stdio::inherit()).output().context("could not start cargo")?;
    ensure!(output.status.success(), "cargo xtask reproduce --help failed with {}", output.status);
    let mut again = repository::cargo(&["build", "--workspace", "--quiet", "--message-format=json"]);
    println!("$ {}", repository::describe(&again));
    let output = again.stderr(Stdio::inherit()).output().context("could not start cargo")?;
    for message in Message::parse_stream(output.stdout.as_slice()) {
        if let Message::CompilerArtifact(artifact) = message.context("a message of cargo")? {
            ensure!(
                artifact.fresh,
                "{}: expected nothing to build, and it was built again",
                artifact.target.name
            );
        }
    }
    Ok(())
}

/// Builds all examples and runs the quick ones: those that their package does not list in
/// `package.metadata.ci.slow-examples`.
fn examples() -> Result<()> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .current_dir(repository::root())
        .no_deps()
        .exec()
        .context("cargo metadata")?;
    let is_slow = |package: &cargo_metadata::PackageId, name: &str| {
        let list = &metadata[package].metadata["ci"]["slow-examples"];
        list.as_array().is_some_and(|list| list.iter().any(|slow| slow == name))
    };
    if !metadata.packages.iter().flat_map(|p| &p.targets).any(cargo_metadata::Target::is_example) {
        return Ok(());
    }
    // With --workspace the examples get the very dependencies that the tests will use.
    let mut build = repository::cargo(&[
        "build",
        "--workspace",
        "--examples",
        "--quiet",
        "--message-format=json-render-diagnostics",
    ]);
    println!("$ {}", repository::describe(&build));
    let output = build.stderr(Stdio::inherit()).output().context("could not start cargo")?;
    ensure!(output.status.success(), "the examples do not build");
    let mut built = Vec::new();
    for message in Message::parse_stream(output.stdout.as_slice()) {
        if let Message::CompilerArtifact(artifact) = message.context("a message of cargo")?
            && artifact.target.is_example()
            && !is_slow(&artifact.package_id, &artifact.target.name)
            && let Some(program) = artifact.executable
        {
            built.push((artifact.target.name, program));
        }
    }
    built.sort();
    for (name, program) in built {
        println!("$ cargo run --example {name}");
        let output = Command::new(program)
            .current_dir(repository::root())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .with_context(|| format!("could not start the example {name}"))?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the example {name} failed with {}: {}", output.status, told.trim());
    }
    Ok(())
}
