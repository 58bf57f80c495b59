//! `sgmn plan`, `work` and `gather`: the same bytes as the command alone, one worker a shard, missing runs named.

use super::{Place, images, refuse, sgmn, succeed};

/// What `fit` is asked for, without the place of its result.
fn fit<'a>(images: &'a str, labels: &'a str) -> Vec<&'a str> {
    vec![
        "fit", "--images", images, "--labels", labels, "--hidden", "4", "--steps", "3", "--shares", "0.5,0.2",
    ]
}

#[test]
fn seven_shards_make_the_file_that_one_command_makes() {
    let place = Place::new();
    let [images, labels] = images(&place, 9);
    let [whole, out, plan] = ["a.packed", "b.packed", "plan.toml"].map(|name| place.path(name));
    succeed(&[&fit(&images, &labels)[..], &["--out", &whole]].concat());

    let command = [&fit(&images, &labels)[..], &["--out", &out]].concat();
    let planned = [&["plan", "--shards", "7", "--out", &plan][..], &command].concat();
    let said = succeed(&planned);
    assert!(said.contains("7 shards"), "{said}");
    let script =
        succeed(&[&["plan", "--shards", "7", "--out", &plan, "--emit", "slurm"][..], &command].concat());
    assert!(script.contains("--array=0-6"), "{script}");

    succeed(&["work", &plan, "--shard", "3"]);
    let missing = refuse(&["gather", &plan]);
    assert!(missing.ends_with("found none of the numbers 0, 1, 2, 4, 5, 6"), "{missing}");
    let said = succeed(&["work", &plan, "--shard", "all"]);
    assert!(said.contains("shard 3 of 7: was there already"), "{said}");
    let said = succeed(&["gather", &plan]);
    assert!(said.contains("all 9 nets were there already"), "{said}");
    assert!(std::fs::read(&whole).unwrap() == std::fs::read(&out).unwrap(), "the bytes differ");
    // A late worker finds nothing to do.
    succeed(&["work", &plan, "--shard", "0"]);
}

#[test]
fn a_plan_is_refused_where_its_items_would_be_others() {
    let place = Place::new();
    let [images, labels] = images(&place, 4);
    let [out, plan] = ["b.packed", "plan.toml"].map(|name| place.path(name));
    let command = [&fit(&images, &labels)[..], &["--out", &out]].concat();
    let planned =
        |shards: &'static str| [&["plan", "--shards", shards, "--out", &plan][..], &command].concat();
    let message = refuse(&planned("5"));
    assert!(message.contains("--shards: expected 1 to 4"), "{message}");
    succeed(&planned("2"));
    let message = refuse(&planned("3"));
    assert!(message.contains("expected no file or this very plan"), "{message}");
    let message = refuse(&["work", &plan, "--shard", "2"]);
    assert!(message.contains("--shard: expected a shard of the plan, 0 to 1, found 2"), "{message}");

    let written = std::fs::read_to_string(&plan).unwrap();
    std::fs::write(&plan, written.replace("arithmetic = \"", "arithmetic = \"un")).unwrap();
    let message = refuse(&["work", &plan, "--shard", "0"]);
    assert!(message.contains("arithmetic is \"un") && message.contains(" here"), "{message}");
    std::fs::write(&plan, written.replace("version = 1", "version = 2")).unwrap();
    assert!(refuse(&["gather", &plan]).contains("version: expected 1, found 2"));
    std::fs::write(&plan, written.replace("n_shards", "n_parts")).unwrap();
    assert!(refuse(&["gather", &plan]).contains("expected a plan"));
    std::fs::write(&plan, written.replace("\"fit\"", "\"inspect\"")).unwrap();
    assert!(refuse(&["gather", &plan]).contains("unrecognized subcommand"));
}

#[test]
fn the_engine_says_which_shard() {
    let place = Place::new();
    let [images, labels] = images(&place, 3);
    let [out, plan] = ["b.packed", "plan.toml"].map(|name| place.path(name));
    let command = [&fit(&images, &labels)[..], &["--out", &out]].concat();
    succeed(&[&["plan", "--shards", "3", "--out", &plan][..], &command].concat());
    let work = |name: &str, number: &str| {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_sgmn"));
        command.args(["work", &plan]).env(name, number).output().unwrap()
    };
    let done = work("HQ_TASK_ID", "2");
    assert!(done.status.success() && String::from_utf8_lossy(&done.stdout).contains("shard 2 of 3"));
    assert!(!work("JOB_COMPLETION_INDEX", "3").status.success());
}

#[test]
fn runs_are_made_one_by_one_and_those_that_are_missing_are_named() {
    let place = Place::new();
    let [images, labels] = images(&place, 12);
    let [nets, out, plan] = ["nets.packed", "best", "plan.toml"].map(|name| place.path(name));
    succeed(&[&fit(&images, &labels)[..], &["--out", &nets]].concat());
    let compare = ["compare", &nets, "--models", "flat-mlp,dws", "--seeds", "2", "--rates", "1e-3"];
    let short = ["--set", "train.epochs=1", "--out", &out];
    succeed(&[&["plan", "--shards", "4", "--out", &plan][..], &compare, &short].concat());
    let written = std::fs::read_to_string(&plan).unwrap();
    assert_eq!(written.matches("[[runs]]").count(), 4, "{written}");

    let said = succeed(&["work", &plan, "--shard", "0"]);
    assert!(said.contains("shard 0 of 4: all 1 runs are done"), "{said}");
    let gathered = sgmn(&["gather", &plan]);
    assert_eq!(gathered.code, Some(1), "{}", gathered.err);
    assert_eq!(gathered.out.matches(": not run").count(), 3, "{}", gathered.out);
    succeed(&["work", &plan, "--shard", "all"]);
    let said = succeed(&["gather", &plan]);
    assert!(said.contains("report: ") && !said.contains("missing"), "{said}");
}
