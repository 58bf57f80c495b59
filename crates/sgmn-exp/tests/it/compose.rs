//! Experiments from parts: what they were as whole files, names, refusals, and parts of one's own.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use sgmn_exp::config::{Composition, DataPart, ExperimentFile, ModelPart, SizePart, TaskKind, TrainLength};
use sgmn_graph::{Activation, Lowering, NetSpec};

fn composed(data: &str, task: Option<TaskKind>, model: &str, size: &str) -> anyhow::Result<Composition> {
    Composition::new(DataPart::open(data)?, task, ModelPart::open(model)?, SizePart::open(size)?)
}

fn complaint<T: std::fmt::Debug>(result: anyhow::Result<T>) -> String {
    let message = format!("{:#}", result.unwrap_err());
    assert!(!message.contains('\n'), "{message:?} has more than one line");
    message
}

/// A file of this text in a folder.
fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn every_experiment_of_version_0_1_is_a_composition() {
    // That these resolve to what they were is seen by their hashes, in `config.rs`.
    for line in include_str!("../data/compositions.txt").lines() {
        let [name, data, task, model, size] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("expected five words, found {line:?}");
        };
        let named = Composition::named(name).unwrap().unwrap();
        let parts = [named.data().name(), named.task().name(), named.model().name(), named.size().name()];
        assert_eq!(parts, [data, task, model, size], "{name}");
        let same = ExperimentFile::compose(&named).resolve().unwrap();
        let experiment = ExperimentFile::open(name).unwrap().resolve().unwrap();
        let settings = |toml: String| toml.split_once('\n').unwrap().1.to_owned();
        assert_eq!(settings(experiment.to_toml()), settings(same.to_toml()));
        assert_eq!(experiment.name(), name);
    }
}

#[test]
fn all_parts_compose_under_names_of_their_own_or_say_why_not() {
    let mut names = BTreeSet::new();
    let mut refusals = BTreeSet::new();
    for data in DataPart::all() {
        for (task, model, size) in data.tasks().collect::<Vec<_>>().into_iter().flat_map(|task| {
            let models = ModelPart::all().chain(ModelPart::variants());
            models.flat_map(move |model| SizePart::all().map(move |size| (task, model.clone(), size)))
        }) {
            let refused = model.answers(task).err();
            match (Composition::new(data.clone(), Some(task), model, size), refused) {
                (Ok(composition), None) => {
                    let name = composition.name();
                    let experiment = ExperimentFile::compose(&composition).resolve().unwrap();
                    assert_eq!((experiment.name(), experiment.task().kind()), (name.as_str(), task));
                    assert_eq!(ExperimentFile::open(&name).unwrap().resolve().unwrap(), experiment);
                    assert!(names.insert(name.clone()), "{name} means two compositions");
                    let title = composition.model().title(&experiment);
                    assert!(!title.contains(['{', '?', '"']), "{name}: {title}");
                }
                (Err(error), Some(refused)) => {
                    assert_eq!(error.to_string(), refused.to_string());
                    refusals.insert(error.to_string());
                }
                (found, refused) => panic!("{found:?}, {refused:?}"),
            }
        }
    }
    let expected = "model stat-nn: it says numbers about whole nets and changes no parameter, so it cannot edit; expected \
                    one of bidirectional, dws, flat-mlp, gmn, gmn-augmented, nfn-hnp, nfn-np, ng-gnn, ng-gnn-probes, ng-t, \
                    ng-t-probes, scalegmn, scalegmn-probes";
    assert!(refusals.contains(expected), "{refusals:?}");
    assert!(refusals.contains("model averaged-8: expected a task among edit, found classify"));
}

#[test]
fn sizes_are_read_on_data_that_there_are() {
    for size in SizePart::all() {
        let named = Composition::named(size.name()).unwrap().unwrap();
        assert_eq!(named.name(), size.name());
    }
}

#[test]
fn trainings_on_fewer_nets_read_as_many() {
    let all = 55_000;
    for (task, tolerance) in [("", 0.03), ("-editing", 0.2)] {
        let net_steps = |size: &str| {
            let experiment = ExperimentFile::open(&format!("{size}{task}")).unwrap().resolve().unwrap();
            let train = experiment.train();
            let TrainLength::Epochs(epochs) = train.length() else { panic!("{size} counts epochs") };
            (train.n_nets.unwrap_or(all) as u64 * epochs) as f64
        };
        for size in ["small-1k", "small-3k", "small-10k", "small-30k"] {
            let ratio = net_steps(size) / net_steps("small");
            assert!((ratio - 1.0).abs() < tolerance, "{size}{task}: {ratio}");
        }
    }
}

#[test]
fn unknown_parts_list_the_known_ones() {
    for (found, expected) in [
        (
            complaint(DataPart::open("mini")),
            "data: expected one of fmnist-inrs-full, fmnist-zoo-relu-full, fmnist-zoo-tanh-full, mini-inrs, mnist-inrs-full, wild, wild-held-out, wild-labels, wild-optimizer, zoo-hetero, zoo-hetero-full, zoo-relu, zoo-relu-full, zoo-tanh, zoo-tanh-full, or the path",
        ),
        (complaint(ModelPart::open("gnn")), "model: expected one of bidirectional, dws, "),
        (
            complaint(SizePart::open("tiny")),
            "size: expected one of best, best-10k, best-10k-adamw, best-10k-constant, best-10k-last, best-10k-noise, best-10k-plain, best-10k-still, quick, small, small-10k, small-1k, small-30k, small-3k, wide, or the path of a TOML file, found \"tiny\"",
        ),
        (
            complaint(composed("zoo-relu", Some(TaskKind::Edit), "gmn", "quick")),
            "data zoo-relu: expected a task among predict, regress, found edit",
        ),
        (
            complaint(ExperimentFile::open("quick-zoo-tanh-gnm")),
            "a task of zoo-tanh (predict, regress) or a model (bidirectional, dws, ",
        ),
        (complaint(ExperimentFile::open("quick-editing-stat-nn")), "so it cannot edit"),
    ] {
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn parts_of_ones_own_are_one_file_each() {
    let folder = tempfile::tempdir().unwrap();
    let model = write(
        folder.path(),
        "wide.toml",
        "# A wider GMN.\ninherits = \"gmn\"\n[model]\nd_hidden = 50\n[[when]]\nsize = \"long\"\nset.model.dropout = 0.3\n",
    );
    let size = write(folder.path(), "long.toml", "inherits = \"quick\"\n[train]\nepochs = 99\n");
    let data = write(
        folder.path(),
        "mine.toml",
        "nets = \"perceptrons\"\n[data]\nkind = \"packed\"\npath = \"my.packed\"\n[[task]]\nkind = \"classify\"\nn_classes = 7\n",
    );
    let composition = composed(&data, None, &model, &size).unwrap();
    assert_eq!(composition.name(), "long-mine-wide");
    assert_eq!((composition.model().sentence(), composition.model().knows()), ("A wider GMN", "A wider GMN"));
    let experiment = ExperimentFile::compose(&composition).resolve().unwrap();
    assert_eq!(composition.model().title(&experiment), "wide");
    let text = experiment.to_toml();
    for line in ["d_hidden = 50", "dropout = 0.3", "d_out = 7", "epochs = 99", "symmetry = \"permutation\""] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[test]
fn a_part_that_makes_no_sense_names_its_file_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = |text: &str| write(folder.path(), "part.toml", text);
    let of_model = |text: &str| complaint(composed("mini-inrs", None, &path(text), "quick"));
    for (text, expected) in [
        (
            "knws = \"x\"",
            "unknown key `knws`, expected one of inherits, when, title, knows, tasks, data, pipeline, ",
        ),
        ("model = 3", "model: expected a table of settings, found 3"),
        ("[[when]]\nsize = \"quick\"\nset.modl.a = 1", "unknown key `when.set.modl`, expected one of data, "),
        (
            "[[when]]\nsize = \"smal\"\nset.model.a = 1",
            "when.size: expected the name of a part, found \"smal\"",
        ),
        ("[[when]]\ntask = \"guess\"\nset.model.a = 1", "when: "),
        ("[[when]]\nsizes = \"small\"\nset.model.a = 1", "when: unknown field `sizes`"),
        ("[[when]]\nsize = []\nset.model.a = 1", "found an empty list"),
        ("inherits = \"gnm\"", "inherits: expected one of bidirectional, "),
        ("inherits = \"part.toml\"", "inherits: expected a chain of parents that ends, found "),
        ("tasks = \"all\"", "tasks: "),
    ] {
        let found = of_model(text);
        assert!(found.contains(expected) && found.contains("part"), "{text}: {found}");
    }
    let of_data = |text: &str| complaint(DataPart::open(&path(text)));
    for (text, expected) in [
        ("[data]\nkind = \"packed\"", "expected `nets`, one of perceptrons, cnns and any, found nothing"),
        ("nets = \"cnns\"", "expected one [[task]] at least, found none"),
        ("nets = \"cnns\"\n[[task]]\nn_classes = 2", "task: expected a `kind`, found none"),
        ("nets = \"cnn\"", "nets: "),
    ] {
        let found = of_data(text);
        assert!(found.contains(expected), "{text}: {found}");
    }
}

#[test]
fn later_parents_of_an_experiment_win() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "long.toml", "[train]\nepochs = 77\nbatch_size = 5\n");
    let child = write(
        folder.path(),
        "child.toml",
        "inherits = [\"quick-dws\", \"long.toml\"]\n[train]\nbatch_size = 8\n",
    );
    let experiment = ExperimentFile::open(&child).unwrap().resolve().unwrap();
    assert_eq!((experiment.name(), experiment.train().batch_size), ("child", 8));
    let text = experiment.to_toml();
    assert!(text.contains("epochs = 77") && text.contains("kind = \"dws\""), "{text}");
}

#[test]
fn a_model_says_which_architectures_it_cannot_read() {
    let mlp = |widths: &[usize]| Arc::new(NetSpec::mlp(widths, Activation::Relu, 0.0).unwrap());
    let two_depths = [mlp(&[2, 8, 1]), mlp(&[2, 8, 8, 1])];
    let reads = |model: &str| {
        let composition = composed("mini-inrs", None, model, "quick").unwrap();
        let mut file = ExperimentFile::compose(&composition);
        if model == "scalegmn" {
            file.set("model.symmetry=own").unwrap();
        }
        file.resolve().unwrap().reads(&Lowering::new(&two_depths).unwrap())
    };
    reads("scalegmn").unwrap();
    reads("stat-nn").unwrap();
    assert!(complaint(reads("flat-mlp")).contains("a model that reads any architecture"));
}
