//! Plans and reports of studies, from folders of runs.

mod full_size;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use candle_core::Device;
use sgmn_data::split::Split;
use sgmn_exp::{
    data::datasets,
    metrics::{Confusion, Criterion},
    reproduction::{
        self, Examples, Nets, Plan, PlannedRun, ReportPart, Request, Results, RunState, Scale, Study,
    },
    run::{
        folder::{RunFacts, RunFolder},
        train::{self, Outcome, Summary},
    },
    show::{MachineFacts, RecordLog, RunRecord, save::write_json},
};

fn request(out: &Path, overrides: &[&str]) -> Request {
    Request {
        scale: Scale::Quick,
        only: Vec::new(),
        studies: vec!["digits".to_owned()],
        fit: false,
        n_seeds: 2,
        overrides: overrides.iter().map(|&assignment| assignment.to_owned()).collect(),
        out: out.to_owned(),
        data_dir: out.join("data"),
        own: None,
    }
}

fn facts(run: &PlannedRun) -> RunFacts {
    let machine = MachineFacts {
        processor: Some("one <fast> processor".to_owned()),
        n_threads: Some(2),
        memory: Some(1 << 34),
        system: "a system".to_owned(),
    };
    let words = std::iter::once("/somewhere/inr-classification".to_owned()).chain(run.arguments.clone());
    RunFacts { experiment: run.experiment.hash(), commit: None, command: words.collect(), machine }
}

/// A finished run with this accuracy, as `inr-classification` leaves it, but for its checkpoints.
fn finish(run: &PlannedRun, accuracy: f64) -> RunFolder {
    let folder = RunFolder::create(&run.folder, &run.experiment, &facts(run)).unwrap();
    let mut log = RecordLog::create(&folder.records()).unwrap();
    for epoch in 1..=3 {
        for split in [Split::Train, Split::Val] {
            let value = accuracy * epoch as f64 / 3.0;
            log.append(&RunRecord {
                split,
                epoch,
                step: 10 * epoch,
                metrics: BTreeMap::from([("loss".to_owned(), 1.0 - value), ("accuracy".to_owned(), value)]),
                repairs: BTreeMap::new(),
                nets_per_second: 100.0,
                waited_seconds: None,
                seconds: epoch as f64,
                unix_time: 0.0,
            })
            .unwrap();
        }
    }
    let mut confusion = Confusion::numbered(10);
    // Ten classes of the same size: chance is 10 %.
    (0..10).for_each(|class| confusion.add(class, 8));
    let summary = Summary {
        name: run.experiment.name().to_owned(),
        experiment: run.experiment.hash(),
        seed: run.seed,
        n_params: 1234,
        n_nets: [run.experiment.train().n_nets.unwrap_or(2000), 250, 500],
        n_skipped: 2,
        best_epoch: 3,
        best_val: accuracy,
        test: BTreeMap::from([("accuracy".to_owned(), accuracy), ("loss".to_owned(), 0.1)]),
        criterion: Criterion::Accuracy,
        pairs: Vec::new(),
        confusion: Some(confusion),
        n_steps: 30,
        seconds: 40.0,
        nets_per_second: 456.0,
    };
    write_json(&folder.summary(), &summary).unwrap();
    folder
}

/// The place of a model's run in a plan.
fn place(runs: &[PlannedRun], method: &str, seed: u64) -> usize {
    runs.iter().position(|run| run.method == method && run.seed == seed).unwrap()
}

fn states(plan: &Plan) -> Vec<RunState> {
    plan.runs.iter().map(|run| run.state).collect()
}

#[test]
fn every_model_comes_with_seed_0_before_any_comes_with_seed_1() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(&request(folder.path(), &["train.epochs=1"])).unwrap();
    let names: Vec<(&str, u64)> = plan.runs.iter().map(|run| (run.method.as_str(), run.seed)).collect();
    let n_models = Study::named("digits").unwrap().rows.len();
    assert_eq!(names[..2], [("MLP", 0), ("Inr2Vec", 0)]);
    assert_eq!(names[n_models], ("MLP", 1));
    assert_eq!(names.len(), 2 * n_models);
    assert!(states(&plan).iter().all(|state| *state == RunState::New));
    let run = &plan.runs[place(&plan.runs, "ScaleGMN", 1)];
    let arguments = run.arguments.join(" ");
    assert_eq!(run.experiment.train().seed, 1);
    let expected = "--experiment quick --set train.epochs=1 --set train.seed=1 --run ";
    assert!(arguments.starts_with(expected), "{arguments}");
    assert!(!arguments.contains("--resume"));
}

#[test]
fn a_plan_finds_out_how_far_runs_are() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(folder.path(), &[]);
    let plan = Plan::new(&request).unwrap();
    finish(&plan.runs[0], 0.8);
    RunFolder::create(&plan.runs[1].folder, &plan.runs[1].experiment, &facts(&plan.runs[1])).unwrap();
    let plan = Plan::new(&request).unwrap();
    assert_eq!(
        states(&plan)[..3],
        [RunState::Finished { seconds: 40.0 }, RunState::Unfinished, RunState::New]
    );
    assert_eq!(plan.runs[1].arguments.last().unwrap(), "--resume");

    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["runs"][0]["state"], "finished");
    assert_eq!(json["runs"][0]["seconds"], 40.0);
    assert_eq!(json["runs"][1]["state"], "unfinished");
}

#[test]
fn a_run_of_other_settings_is_kept_and_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    let before = Plan::new(&request(folder.path(), &["train.epochs=1"])).unwrap();
    finish(&before.runs[0], 0.8);
    let run = &Plan::new(&request(folder.path(), &["train.epochs=2"])).unwrap().runs[0];
    assert_eq!((run.state, run.avoided.as_ref()), (RunState::New, Some(&before.runs[0].folder)));
    finish(run, 0.9);
    for (overrides, expected) in [("train.epochs=1", &before.runs[0].folder), ("train.epochs=2", &run.folder)]
    {
        let run = &Plan::new(&request(folder.path(), &[overrides])).unwrap().runs[0];
        assert_eq!((run.state, &run.folder), (RunState::Finished { seconds: 40.0 }, expected));
    }
}

#[test]
fn a_summary_of_another_version_means_that_the_run_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(folder.path(), &[]);
    let run = finish(&Plan::new(&request).unwrap().runs[0], 0.8);
    std::fs::write(run.summary(), "{\"accuracy\": 1}").unwrap();
    assert_eq!(Plan::new(&request).unwrap().runs[0].state, RunState::Unfinished);
}

fn read(path: &PathBuf) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_report_shows_means_over_seeds_the_paper_and_what_was_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(folder.path(), &[]);
    let plan = Plan::new(&request).unwrap();
    // ScaleGMN with both seeds, MLP with one, the others not at all.
    for (method, seed, accuracy) in [("ScaleGMN", 0, 0.80), ("ScaleGMN", 1, 0.84), ("MLP", 0, 0.11)] {
        finish(&plan.runs[place(&plan.runs, method, seed)], accuracy);
    }
    let report = reproduction::write(&request, "cargo xtask reproduce").unwrap();
    let markdown = read(&report.markdown);
    let table: Vec<&str> = markdown.lines().filter(|line| line.starts_with("| ")).collect();
    let cells = |line: &str| -> Vec<String> { line.split('|').map(|cell| cell.trim().to_owned()).collect() };
    let row = |method: &str| {
        let line = table.iter().find(|line| line.starts_with(&format!("| {method} "))).unwrap();
        cells(line)[2..4].join(", ")
    };
    assert_eq!(cells(table[0])[2..4].join(", "), "here: INRs of digits, accuracy %, paper: MNIST");
    assert_eq!(row("ScaleGMN"), "82.00 ± 2.83, 96.57 ± 0.10");
    assert_eq!(row("MLP"), "11.00 ≈ chance, 17.55 ± 0.01");
    assert_eq!(row("chance: always the commonest class"), "10.00, –");
    assert!(!table.iter().any(|line| line.starts_with("| GMN ") || line.starts_with("| DWS ")));
    assert!(markdown.contains("\nNot run: Inr2Vec; ") && markdown.contains("; GMN; "), "{markdown}");
    assert_eq!(row("elsewhere: ProbeGen, runs the nets on 128 probes"), "–, 98.40");
    let finding = "ScaleGMN is, with too few seeds to know the spread, ahead of MLP, 82.00 ± 2.83 against 11.00 \
                   (accuracy %, 2 seeds and one seed).";
    assert!(markdown.contains(finding), "{markdown}");
    assert!(markdown.contains(": 2 nets could not be read and were left out; `skipped.csv`"), "{markdown}");
    assert!(!markdown.contains("ScaleGMN beats GMN"), "{markdown}");
    assert!(markdown.contains("| nets to train on "), "{markdown}");
    assert!(markdown.contains("| model.d_hidden "), "{markdown}");
    assert!(markdown.contains("```sh\ncargo xtask reproduce\n```"), "{markdown}");
    assert!(
        markdown.contains("```sh\ncargo run --bin inr-classification -- --experiment quick"),
        "{markdown}"
    );
    let hours = cells(table.iter().find(|line| line.starts_with("| digits ")).unwrap());
    assert_eq!(hours[2..5], ["INRs of digits", "3", "2.0 min"]);
    assert!(!markdown.contains("/somewhere"), "the place of the program means nothing elsewhere");
    assert!(markdown.contains("one <fast> processor") && !markdown.contains("Not the experiments"));

    let html = read(&report.html);
    assert!(html.contains("<svg role=\"img\"") && html.contains("one &lt;fast&gt; processor"));
    for figure in &report.figures {
        let name = figure.file_name().unwrap().to_str().unwrap();
        assert!(markdown.contains(&format!("]({name})")) && read(figure).contains("<svg"), "{name}");
    }

    let saved = report.save(&folder.path().join("docs"), "quick").unwrap();
    assert_eq!(read(&saved), markdown);
    assert!(saved.with_file_name("digits-accuracy.svg").is_file());
}

#[test]
fn a_run_that_diverged_is_not_made_again_and_says_so_in_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(folder.path(), &[]);
    let runs = Plan::new(&request).unwrap().runs;
    finish(&runs[0], 0.8);
    let place = place(&runs, "ScaleGMN-B", 0);
    let diverged =
        RunFolder::create(&runs[place].folder, &runs[place].experiment, &facts(&runs[place])).unwrap();
    write_json(&diverged.diverged(), &train::Diverged::new("the loss is NaN")).unwrap();
    let plan = Plan::new(&request).unwrap();
    assert_eq!(plan.runs[place].state, RunState::Diverged);
    assert_eq!(serde_json::to_value(&plan).unwrap()["runs"][place]["state"], "diverged");
    let report = reproduction::write(&request, "").unwrap();
    let row = report.tables[0].1.rows.iter().find(|row| row[0] == "ScaleGMN-B").unwrap().clone();
    assert_eq!(row[1], "diverged");
}

#[test]
fn overrides_are_confessed() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(folder.path(), &["train.epochs=1"]);
    finish(&Plan::new(&request).unwrap().runs[2], 0.3);
    let report = reproduction::write(&request, "cargo xtask reproduce").unwrap();
    assert!(
        read(&report.markdown)
            .contains("Not the experiments as they are: every run was made with train.epochs=1.")
    );
}

#[test]
fn a_report_of_nothing_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let message = reproduction::write(&request(folder.path(), &[]), "").unwrap_err().to_string();
    assert!(message.ends_with("runs: expected at least one finished run, found none"), "{message}");
}

#[test]
fn a_published_study_stands_beside_the_papers_column_on_the_same_nets() {
    let folder = tempfile::tempdir().unwrap();
    let request = Request {
        scale: Scale::Paper,
        studies: vec!["fmnist".to_owned()],
        n_seeds: 1,
        ..request(folder.path(), &[])
    };
    finish(&Plan::new(&request).unwrap().runs[0], 0.9757);
    let report = reproduction::write(&request, "cargo xtask reproduce --scale paper").unwrap();
    let [(title, table)] = report.tables.as_slice() else { panic!("one part has one table") };
    assert_eq!((title.as_str(), table.header[1].as_str()), ("INR classification", "paper: MNIST"));
    let row = table.rows.iter().find(|row| row[0] == "ScaleGMN").unwrap();
    assert_eq!(row[1..4], ["96.57 ± 0.10", "97.57", "80.46 ± 0.32"]);
    let markdown = read(&report.markdown);
    let setting = markdown.lines().find(|line| line.starts_with("| pipeline.normalize ")).unwrap();
    assert!(setting.contains("layer_rms") && setting.contains(" none "), "{setting}");
}

#[test]
fn ablations_share_the_runs_of_the_tables_and_get_further_seeds_last() {
    let folder = tempfile::tempdir().unwrap();
    let studies = ["digits", "ablations-digits"].map(str::to_owned).to_vec();
    let request = Request { studies, ..request(folder.path(), &[]) };
    let runs = Plan::new(&request).unwrap().runs;
    let quick = runs.iter().filter(|run| run.experiment.name() == "quick" && run.seed == 0);
    assert_eq!(quick.count(), 1);
    let first =
        |study: &str, seed: u64| runs.iter().position(|run| run.study == study && run.seed == seed).unwrap();
    assert!(first("ablations-digits", 0) < first("digits", 1));
    assert!(first("digits", 1) < first("ablations-digits", 1));
    finish(&runs[place(&runs, "ScaleGMN", 0)], 0.5);
    let ablations = Results::read(&request).unwrap();
    let ablations = ablations.of(ReportPart::Ablations).next().unwrap();
    assert_eq!(ablations.rows[0].runs.len(), 1, "the run of the table counts here too");

    // A difference is of the same seeds: the first row has seed 1 too, which no other row has.
    finish(&runs[place(&runs, "ScaleGMN", 1)], 0.9);
    finish(&runs[first("ablations-digits", 0)], 0.6);
    let report = reproduction::write(&request, "").unwrap();
    let (_, table) = &report.tables[1];
    assert_eq!((table.rows[0][2].as_str(), table.rows[1][3].as_str()), ("70.00 ± 28.28", "+10.00"));
}

#[test]
fn tables_are_put_between_two_lines_of_a_file_and_nothing_else_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(folder.path(), &[]);
    finish(&Plan::new(&request).unwrap().runs[0], 0.8);
    let report = reproduction::write(&request, "").unwrap();
    let file = folder.path().join("file.md");
    std::fs::write(&file, "before\n<!-- results quick -->\nold\n<!-- /results quick -->\nafter\n").unwrap();
    report.show_in(&file, "quick").unwrap();
    let text = read(&file);
    assert!(text.starts_with("before\n<!-- results quick -->\n\nINR classification:\n\n| method "), "{text}");
    assert!(text.ends_with("|\n\n<!-- /results quick -->\nafter\n") && !text.contains("old"), "{text}");
    std::fs::write(&file, "nothing of the kind").unwrap();
    let message = report.show_in(&file, "quick").unwrap_err().to_string();
    assert!(
        message.contains("expected the lines <!-- results quick --> and <!-- /results quick -->"),
        "{message}"
    );
}

#[test]
fn the_report_of_a_real_run_shows_digits_as_their_nets_draw_them() {
    let folder = tempfile::tempdir().unwrap();
    let overrides =
        ["data.n_train=12", "data.n_val=4", "data.n_test=20", "train.epochs=1", "train.batch_size=4"];
    let request = request(folder.path(), &overrides);
    let (plan, stop) = (Plan::new(&request).unwrap(), AtomicBool::new(false));
    reproduction::make_nets(&request, &stop).unwrap();
    let run = plan.runs.iter().find(|run| run.method == "MLP").unwrap();
    let run_folder = RunFolder::create(&run.folder, &run.experiment, &facts(run)).unwrap();
    let dataset = datasets::open(run.experiment.data(), &request.data_dir, &stop).unwrap();
    let Outcome::Finished(summary) =
        train::run(&run.experiment, dataset, &run_folder, &Device::Cpu, &stop).unwrap()
    else {
        panic!("nobody asked the run to stop");
    };

    let results = Results::read(&request).unwrap();
    let examples = Examples::new(&request, results.studies[0].best().unwrap().1).unwrap().unwrap();
    assert!(!examples.of_each_class.is_empty());
    for example in examples.of_each_class.iter().chain(&examples.mistakes) {
        // The recipe stops at 40 dB or after its last step; a picture of another net has about 10 dB.
        assert!(example.psnr_db > 25.0, "{}", example.psnr_db);
        assert_eq!((example.picture.width(), example.picture.height()), (28, 57));
        assert!((0.1..=1.0).contains(&example.probability));
    }
    // What the checkpoint says here is what it said at the end of the run.
    let n_wrong = 20.0 * (1.0 - summary.test["accuracy"]);
    assert_eq!(examples.mistakes.len(), (n_wrong.round() as usize).min(10));

    let nets = Nets::of(&request, Study::named("digits").unwrap()).unwrap().unwrap();
    assert!(nets.n_nets == 36 && nets.seconds.is_some() && nets.fit.is_some());
    let report = reproduction::write(&request, "cargo xtask reproduce").unwrap();
    let html = read(&report.html);
    assert!(html.contains("data:image/png;base64,") && html.contains("36 sine networks"));
}
