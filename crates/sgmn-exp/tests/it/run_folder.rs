//! The folder of a run from outside.

use sgmn_exp::{
    config::ExperimentFile,
    run::folder::{RunFacts, RunFolder},
    show::{
        MachineFacts,
        save::{read_json, write_atomic},
    },
};

fn facts(hash: String) -> RunFacts {
    RunFacts {
        experiment: hash,
        commit: Some("0123abc".to_owned()),
        command: vec!["inr-classification".to_owned(), "--experiment".to_owned(), "quick".to_owned()],
        machine: MachineFacts::read(),
    }
}

#[test]
fn a_run_folder_gives_back_its_experiment_and_its_facts() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("runs").join("quick");
    let experiment = ExperimentFile::open("quick").unwrap().resolve().unwrap();
    let facts = facts(experiment.hash());
    RunFolder::create(&path, &experiment, &facts).unwrap();
    let folder = RunFolder::open(&path).unwrap();
    assert_eq!(folder.experiment().unwrap(), experiment);
    assert_eq!(read_json::<RunFacts>(&folder.facts()).unwrap(), facts);
    assert!(folder.last_checkpoint().parent().unwrap().is_dir());
    assert!(folder.plot("curves").parent().unwrap().is_dir());
    let message = RunFolder::create(&path, &experiment, &facts).unwrap_err().to_string();
    assert!(message.ends_with("expected a new folder, found a run; --resume continues it"), "{message}");
}

#[test]
fn a_folder_without_a_run_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let message = RunFolder::open(root.path()).unwrap_err().to_string();
    assert!(message.ends_with("expected the folder of a run, found no resolved.toml in it"), "{message}");
}

#[test]
fn an_atomic_write_replaces_the_whole_file_and_leaves_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    write_atomic(&path, b"a long first content").unwrap();
    write_atomic(&path, b"short").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"short");
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    assert!(write_atomic(&root.path().join("absent").join("file"), b"").is_err());
}
