//! `docs/tutorial.md`, `docs/merge-two-nets.md` and `sgmn compare`: every command that stands there is run as it stands
//! there.

use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

/// The commands of a page, in order: the lines of its blocks of shell.
fn commands(page: &str) -> Vec<&str> {
    let mut is_shell = false;
    let mut commands = Vec::new();
    for line in page.lines() {
        match line {
            "```sh" => is_shell = true,
            "```" => is_shell = false,
            command if is_shell => commands.push(command),
            _ => {}
        }
    }
    commands
}

/// Runs a command in a folder; what it printed.
fn run(command: &str, folder: &Path) -> String {
    let mut words = command.split_whitespace();
    let program = match words.next().unwrap() {
        "sgmn" => env!("CARGO_BIN_EXE_sgmn"),
        "inr-classification" => env!("CARGO_BIN_EXE_inr-classification"),
        other => panic!("{other}: a program that this test does not know"),
    };
    let output = Command::new(program).args(words).current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {said}");
    String::from_utf8(output.stdout).unwrap() + &said
}

fn read(folder: &TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.path().join(name)).unwrap()
}

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)).unwrap()
}

#[test]
fn every_command_of_the_page_about_merging_does_what_it_says() {
    let page = page("merge-two-nets.md");
    let folder = tempfile::tempdir().unwrap();
    let said: Vec<(&str, String)> =
        commands(&page).into_iter().map(|command| (command, run(command, folder.path()))).collect();
    let of = |start: &str| {
        said.iter()
            .filter(|(command, _)| command.starts_with(start))
            .map(|(_, said)| said)
            .collect::<Vec<_>>()
    };
    // The barrier after alignment is lower than before.
    let line = of("sgmn interpolate")[0].lines().find(|line| line.starts_with("barrier: ")).unwrap();
    let numbers: Vec<f64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(numbers.len() == 2 && numbers[1] < numbers[0], "{line}");
    assert!(read(&folder, "barrier.svg").starts_with("<svg"));
    // The merged net knows digits, as its parents do.
    let table = of("sgmn interpolate")[1];
    let right = |at: &str| -> f64 {
        let row = table.lines().find(|line| line.starts_with(at)).unwrap();
        row.split('|').nth(3).unwrap().trim().trim_end_matches(" %").parse().unwrap()
    };
    assert!(right("| 0.000") > 70.0 && right("| 1.000") > 50.0, "{table}");
}

#[test]
fn every_command_of_the_tutorial_does_what_it_says() {
    let page = page("tutorial.md");
    let folder = tempfile::tempdir().unwrap();
    let commands = commands(&page);
    for command in &commands {
        run(command, folder.path());
    }
    let report = read(&folder, "comparison/report.md");
    let rows: Vec<&str> = report.lines().filter(|line| line.starts_with("| ")).collect();
    assert!(rows[1].starts_with("| ---") && rows[2].starts_with("| chance"), "{report}");
    assert_eq!(
        rows.iter().filter(|row| ["| MLP", "| GMN", "| ScaleGMN"].iter().any(|m| row.starts_with(m))).count()
            % 3,
        0
    );
    assert_eq!(read(&folder, "answers.csv").lines().count(), 301);

    // The same call finds everything finished, and the table is the same.
    let compare = commands.iter().find(|command| command.starts_with("sgmn compare")).unwrap();
    let again = run(compare, folder.path());
    assert_eq!(again.matches("finished earlier").count(), 3, "{again}");
    assert_eq!(read(&folder, "comparison/report.md"), report);
}

#[test]
fn models_that_cannot_read_the_nets_are_named_with_the_reason_and_a_table_of_none_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    run("sgmn zoo --images mini --n 20 --epochs 1 --checkpoints none --out zoo", folder.path());
    let compare =
        "sgmn compare zoo --option step=1 --seeds 1 --rates 1e-3 --set train.epochs=1 --out c --models";
    run(&format!("{compare} stat-nn,flat-mlp"), folder.path());
    let report = read(&folder, "c/report.md");
    assert!(
        report.contains("- flat-mlp: model.kind: expected a model that reads any architecture"),
        "{report}"
    );
    assert!(report.contains("| StatNN "), "{report}");

    let words = format!("{compare} flat-mlp");
    let output = Command::new(env!("CARGO_BIN_EXE_sgmn"))
        .args(words.split_whitespace().skip(1))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("expected a model that can read these nets"), "{said}");
}
