//! What reports on full-size data show beside the tables: accuracy against training nets, the ceiling of τ.

use std::collections::BTreeMap;

use sgmn_exp::{
    metrics::Criterion,
    reproduction::{self, Plan, PlannedRun, ReportPart, Request, Scale},
    run::train::Summary,
    show::save::{read_json, write_json},
};

use super::{finish, read, request};

#[test]
fn accuracy_against_training_nets_is_one_figure_and_one_table() {
    let folder = tempfile::tempdir().unwrap();
    let request = Request {
        scale: Scale::Small,
        only: vec![ReportPart::Growth],
        studies: Vec::new(),
        ..request(folder.path(), &[])
    };
    let runs = Plan::new(&request).unwrap().runs;
    assert_eq!(runs.iter().filter(|run| run.seed == 0).count(), 5 * 5);
    // The last numbers are the runs of the table of digits.
    let of_table = Request { only: Vec::new(), studies: vec!["small-digits".to_owned()], ..request.clone() };
    let table = Plan::new(&of_table).unwrap().runs;
    let shared = runs.iter().filter(|run| table.iter().any(|other| other.folder == run.folder));
    assert_eq!(shared.count(), 2 * 5);
    for (n_nets, accuracy) in [(1000, 0.2), (3000, 0.4), (55_000, 0.9)] {
        let is_step = |run: &&PlannedRun| {
            run.method == "ScaleGMN"
                && run.seed == 0
                && run.experiment.train().n_nets.unwrap_or(55_000) == n_nets
        };
        finish(runs.iter().find(is_step).unwrap(), accuracy);
    }
    let report = reproduction::write(&request, "").unwrap();
    let [(title, table)] = report.tables.as_slice() else { panic!("one part has one table") };
    assert_eq!(title, "Accuracy against training nets");
    assert_eq!(table.header[1], "here: 1,000 training nets, accuracy %");
    let row = table.rows.iter().find(|row| row[0] == "ScaleGMN").unwrap();
    assert_eq!(row[1..], ["20.00", "40.00", "not run", "not run", "90.00"]);
    let markdown = read(&report.markdown);
    assert!(markdown.contains("](small-digits-1k-growth.svg)"), "{markdown}");
    assert!(markdown.contains("\nNot run: GMN; NG-GNN; DWS; Probes alone, 64. "), "{markdown}");
}

#[test]
fn a_report_says_what_the_noise_of_few_test_images_leaves_of_tau() {
    let folder = tempfile::tempdir().unwrap();
    let studies = ["zoo-relu", "zoo-tanh"].map(str::to_owned).to_vec();
    let request = Request { studies, n_seeds: 1, ..request(folder.path(), &[]) };
    let runs = Plan::new(&request).unwrap().runs;
    for study in ["zoo-relu", "zoo-tanh"] {
        let folder = finish(runs.iter().find(|run| run.study == study).unwrap(), 0.5);
        let mut summary: Summary = read_json(&folder.summary()).unwrap();
        summary.criterion = Criterion::Tau;
        summary.test = BTreeMap::from([("tau".to_owned(), 0.5)]);
        summary.pairs = (0..100).map(|i| [0.5, 0.1 + 0.008 * f64::from(i)]).collect();
        write_json(&folder.summary(), &summary).unwrap();
    }
    let markdown = read(&reproduction::write(&request, "").unwrap().markdown);
    for nets in ["own zoo, ReLU", "own zoo, tanh"] {
        let sentence = format!("{nets}: accuracies were measured on 500 test images. Repeating the test");
        assert!(markdown.contains(&sentence), "{markdown}");
    }
}
