//! Experiment files from outside: every published one resolves, and every mistake has a one-line explanation.

use sgmn_data::fit::Recipe;
use sgmn_data::formats::{self, Format, nfn_cifar};
use sgmn_exp::{
    config::{Data, EvalEvery, Experiment, ExperimentFile, Normalize, PUBLISHED, Task, TrainLength},
    metrics::Criterion,
};
use sgmn_nn::{
    layers::IoPath,
    models::{Direction, ModelConfig},
};

fn resolved(name: &str) -> Experiment {
    ExperimentFile::open(name).unwrap().resolve().unwrap()
}

/// The message of `quick` with one override, as a user sees it.
fn complaint(assignment: &str) -> String {
    let mut file = ExperimentFile::open("quick").unwrap();
    file.set(assignment).unwrap();
    format!("{:#}", file.resolve().unwrap_err())
}

#[test]
fn every_published_experiment_resolves_and_reads_back_equal() {
    for embedded in PUBLISHED {
        let experiment = resolved(embedded.name);
        assert_eq!(experiment.name(), embedded.name);
        let text = experiment.to_toml();
        let again = ExperimentFile::parse("other", &text).unwrap().resolve().unwrap();
        assert_eq!(again, experiment);
        assert_eq!(again.to_toml(), text);
        assert_eq!(again.hash(), experiment.hash());
    }
}

#[test]
fn experiments_of_earlier_versions_keep_their_hashes() {
    for line in include_str!("../data/experiment-hashes.txt").lines() {
        let (hash, name) = line.split_once(' ').unwrap();
        let experiment = resolved(name);
        assert_eq!(experiment.hash(), hash, "{name}");
        let again = ExperimentFile::parse("other", &experiment.to_toml()).unwrap().resolve().unwrap();
        assert_eq!(again, experiment, "{name}");
    }
}

#[test]
fn a_symmetry_that_is_not_said_is_each_layers_own_and_hetero_is_its_earlier_word() {
    let text = resolved("quick-zoo-hetero").to_toml();
    assert!(text.contains("symmetry = \"own\"\n"));
    let read = |text: &str| ExperimentFile::parse("other", text).unwrap().resolve().unwrap();
    let own = read(&text);
    for other in ["", "symmetry = \"hetero\"\n"] {
        let other = read(&text.replace("symmetry = \"own\"\n", other));
        assert_eq!((&other, other.hash()), (&own, own.hash()));
    }
    let forced = read(&text.replace("symmetry = \"own\"\n", "symmetry = \"own\"\nforce_symmetry = true\n"));
    assert_ne!(forced.hash(), own.hash());
}

#[test]
fn checkpoints_every_ten_minutes_are_the_rule_and_others_are_written_down() {
    let written = |assignment: &str| {
        let mut file = ExperimentFile::open("quick").unwrap();
        file.set(assignment).unwrap();
        file.resolve().unwrap()
    };
    assert_eq!(resolved("quick").train().checkpoint_every_minutes, 10.0);
    assert_eq!(written("train.checkpoint_every_minutes=10").hash(), resolved("quick").hash());
    assert!(!resolved("quick").to_toml().contains("minutes"));
    assert!(
        written("train.checkpoint_every_minutes=2.5").to_toml().contains("checkpoint_every_minutes = 2.5")
    );
}

#[test]
fn children_keep_what_they_do_not_say() {
    let cifar = resolved("cifar-aug-bidirectional");
    let Data::Files(files) = cifar.data() else { panic!("the nets of NFN are files") };
    let options = nfn_cifar::Options { augmentations: 20, ..nfn_cifar::Options::default() };
    assert_eq!(
        (files.path.as_str(), &files.format),
        ("cifar-inr/siren_cifar_wts", &Format::NfnCifar(options))
    );
    assert_eq!(cifar.pipeline().normalize, Normalize::LayerRms);
    assert_eq!(cifar.task(), &Task::Classify { n_classes: 10 });
    assert_eq!(cifar.train().length(), TrainLength::Steps(300_000));
    assert_eq!(cifar.train().batch_size, 256);
    assert_eq!(cifar.train().weight_decay, 1e-4);
    assert_eq!(cifar.train().eval_every, EvalEvery::Epoch);
    assert_eq!(cifar.train().patience, None);
    let expect = cifar.expect().unwrap();
    assert_eq!(
        (expect.metric, expect.paper_mean, expect.paper_std),
        (Criterion::Accuracy, 0.5695, Some(0.0057))
    );
    let ModelConfig::ScaleGmn(model) = cifar.model() else { panic!("the published models are ScaleGMNs") };
    assert_eq!((model.direction, model.message.io), (Direction::Bidirectional, IoPath::Mlp));
    assert_eq!(model.d_mlp.len(), 1);
    // Another kind of model keeps nothing of the one it stands in for.
    assert!(matches!(resolved("quick-flat-mlp").model(), ModelConfig::FlatMlp(_)));
}

#[test]
fn the_fit_recipe_is_as_published_unless_it_is_overridden() {
    let mut file = ExperimentFile::open("quick").unwrap();
    file.set("data.recipe.max_steps=300").unwrap();
    let experiment = file.resolve().unwrap();
    let Data::Fitted(fitted) = experiment.data() else { panic!("quick fits its own nets") };
    assert_eq!(fitted.recipe, Recipe { max_steps: 300, ..Recipe::default() });
    assert!(experiment.to_toml().contains("goal_psnr_db = 40.0"));
    assert_ne!(experiment.hash(), resolved("quick").hash());
}

#[test]
fn a_zoo_to_be_trained_reads_back_and_is_checked() {
    let resolve = |assignments: &[&str]| {
        let text = "inherits = \"quick\"\n[data]\nkind = \"trained\"\nimages = \"mini\"\nn_nets = 8\nepochs = 2\nzoo_seed = 1\n";
        let mut file = ExperimentFile::parse("zoo", text).unwrap();
        assignments.iter().for_each(|assignment| file.set(assignment).unwrap());
        file.resolve()
    };
    for assignments in [&[][..], &["data.activation=tanh"]] {
        let experiment = resolve(assignments).unwrap();
        assert!(matches!(experiment.data(), Data::Trained(trained) if trained.n_nets == 8));
        let again = ExperimentFile::parse("again", &experiment.to_toml()).unwrap().resolve().unwrap();
        assert_eq!(again.data(), experiment.data());
    }
    for (assignment, expected) in [
        ("data.n_nets=3", "data.n_nets: expected at least 4"),
        ("data.epochs=0", "data.epochs: expected at least 1"),
        (
            "data.activation=sine",
            "data.activation: expected relu or tanh, the activations of the zoo, found \"sine\"",
        ),
        ("data.fit_seed=1", "data.fit_seed: unknown field `fit_seed`"),
    ] {
        let message = format!("{:#}", resolve(&[assignment]).unwrap_err());
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn every_format_can_be_named_and_reads_back() {
    for format in formats::ALL {
        let mut file = ExperimentFile::open("quick").unwrap();
        file.set(&format!("data.kind={}", format.name())).unwrap();
        file.set("data.path=some/nets").unwrap();
        let experiment = file.resolve().unwrap();
        let again = ExperimentFile::parse("again", &experiment.to_toml()).unwrap().resolve().unwrap();
        assert_eq!(again, experiment);
        let mut file = ExperimentFile::parse("again", &experiment.to_toml()).unwrap();
        file.set("data.colour=1").unwrap();
        let message = format!("{:#}", file.resolve().unwrap_err());
        assert!(message.starts_with("experiment again: data.colour: unknown field `colour`"), "{message}");
    }
}

#[test]
fn overrides_end_in_the_resolved_file() {
    let mut file = ExperimentFile::open("quick").unwrap();
    for assignment in
        ["train.seed=3", "train.steps=7", "train.device=cuda", "pipeline.canonicalize=[\"phase\", \"sign\"]"]
    {
        file.set(assignment).unwrap();
    }
    let experiment = file.resolve().unwrap();
    assert_eq!(experiment.train().length(), TrainLength::Steps(7));
    let text = experiment.to_toml();
    for line in ["seed = 3", "steps = 7", "device = \"cuda\"", "canonicalize = [\"phase\", \"sign\"]"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("epochs = 12"));
}

#[test]
fn rounded_products_are_written_down_and_exact_ones_are_the_rule() {
    let resolve = |assignments: &[&str]| {
        let mut file = ExperimentFile::open("quick").unwrap();
        assignments.iter().for_each(|assignment| file.set(assignment).unwrap());
        file.resolve()
    };
    let written = |assignments: &[&str]| resolve(assignments).unwrap().to_toml();
    assert!(written(&["train.precision=bf16"]).contains("precision = \"bf16\""));
    assert!(written(&["train.precision=tf32", "train.device=cuda"]).contains("precision = \"tf32\""));
    // A file from before there was a choice is the same experiment, to its hash.
    assert!(!written(&[]).contains("precision"));
    assert!(written(&["train.keep_mib=0"]).contains("keep_mib = 0"));
    assert!(!written(&[]).contains("keep_mib"));
    let message = resolve(&["train.precision=bf16", "train.dtype=f64"]).unwrap_err();
    let expected = "train.precision: expected f32, since variables are f64, found bf16";
    assert_eq!(format!("{message:#}"), format!("experiment quick: {expected}"));
}

#[test]
fn values_out_of_range_name_their_key() {
    for (assignment, message) in [
        ("train.batch_size=0", "train.batch_size: expected at least 1, found 0"),
        ("train.epochs=0", "train.epochs: expected at least 1, found 0"),
        ("train.learning_rate=nan", "train.learning_rate: expected a number above 0, found NaN"),
        ("train.weight_decay=-1", "train.weight_decay: expected 0 or more, found -1"),
        ("train.clip_norm=0", "train.clip_norm: expected a number above 0, found 0"),
        (
            "train.checkpoint_every_minutes=0",
            "train.checkpoint_every_minutes: expected a number above 0, found 0",
        ),
        ("train.eval_every=0", "train.eval_every: expected at least 1, found 0"),
        ("pipeline.workers=0", "pipeline.workers: expected at least 1, found 0"),
        (
            "train.precision=tf32",
            "train.precision: expected f32 or bf16, since only a CUDA device has tf32, found tf32",
        ),
        ("task.n_classes=1", "task.n_classes: expected at least 2, found 1"),
        ("data.n_train=0", "data.n_train: expected at least 1, found 0"),
        ("data.recipe.omega=0", "data.recipe.omega: expected a number above 0, found 0"),
        (
            "data.images=../secret",
            "data.images: expected a path below the data folder, without '..', found \"../secret\"",
        ),
    ] {
        assert_eq!(complaint(assignment), format!("experiment quick: {message}"));
    }
}

#[test]
fn unknown_keys_and_words_list_the_known_ones() {
    for (assignment, parts) in [
        ("train.batchsize=3", &["experiment quick: train.batchsize: ", "`batchsize`", "`batch_size`"][..]),
        ("data.path=x", &["data.path: ", "`n_train`"]),
        ("data.kind=zip", &["data: unknown kind `zip`", "`cnn_zoo`", "`fitted`"]),
        ("data.recipe.steps=x", &["data.recipe.steps: ", "`max_steps`"]),
        ("task.kind=guess", &["task: ", "`guess`", "`classify`"]),
        ("train.device=tpu", &["train.device: ", "`tpu`", "`cuda`"]),
        ("train.precision=f16", &["train.precision: ", "`f16`", "`bf16`"]),
        ("train.eval_every=often", &["train.eval_every: ", "often", "\"epoch\" or a number of steps"]),
        ("pipeline.canonicalize=[\"rotation\"]", &["pipeline.canonicalize: ", "`rotation`", "`phase`"]),
        ("training.seed=1", &["unknown key `training`", "data, pipeline, model, task, train, expect"]),
    ] {
        let message = complaint(assignment);
        for part in parts {
            assert!(message.contains(part), "{message:?} lacks {part:?}");
        }
        assert!(!message.contains('\n'), "{message:?} has more than one line");
    }
}

#[test]
fn a_value_of_the_wrong_type_names_its_key() {
    for (assignment, key) in [
        ("train.batch_size=many", "train.batch_size: invalid "),
        ("train.seed=-1", "train.seed: invalid "),
        ("train.learning_rate=true", "train.learning_rate: invalid "),
        ("data.n_train=2.5", "data.n_train: invalid "),
        ("data.recipe.omega=fast", "data.recipe.omega: invalid "),
        ("pipeline.workers=two", "pipeline.workers: invalid "),
        ("task.n_classes=ten", "task.n_classes: invalid "),
    ] {
        let message = complaint(assignment);
        assert!(message.contains(key), "{message:?} lacks {key:?}");
    }
}

#[test]
fn epochs_and_steps_exclude_each_other() {
    let both = resolved("quick").to_toml().replace("epochs = 12", "epochs = 12\nsteps = 5");
    let message = format!("{:#}", ExperimentFile::parse("both", &both).unwrap().resolve().unwrap_err());
    assert_eq!(message, "experiment both: train: expected one of `epochs` and `steps`, found both");
    let neither = both.replace("epochs = 12\nsteps = 5\n", "");
    let message = format!("{:#}", ExperimentFile::parse("neither", &neither).unwrap().resolve().unwrap_err());
    assert_eq!(message, "experiment neither: train: expected one of `epochs` and `steps`, found neither");
}

#[test]
fn a_missing_part_is_named() {
    let file = ExperimentFile::parse("empty", "").unwrap();
    assert_eq!(
        format!("{:#}", file.resolve().unwrap_err()),
        "experiment empty: expected a part [data], found none"
    );
}

#[test]
fn files_inherit_from_neighbors_and_from_embedded_ones() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.toml"), "inherits = \"quick\"\n[train]\nseed = 5\n").unwrap();
    let child = folder.path().join("child.toml");
    std::fs::write(&child, "inherits = \"mine.toml\"\n[train]\nbatch_size = 8\n").unwrap();
    let experiment = resolved(child.to_str().unwrap());
    assert_eq!(experiment.name(), "child");
    assert_eq!((experiment.train().seed, experiment.train().batch_size), (5, 8));
}

#[test]
fn parents_in_a_circle_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one.toml", "two.toml"].map(|name| folder.path().join(name));
    std::fs::write(&one, "inherits = \"two.toml\"").unwrap();
    std::fs::write(&two, "inherits = \"./one.toml\"").unwrap();
    let message = format!("{:#}", ExperimentFile::open(one.to_str().unwrap()).unwrap_err());
    assert!(message.starts_with("inherits: expected a chain of parents that ends, found "), "{message}");
    assert_eq!(message.matches("one.toml").count(), 2, "{message}");
}

#[test]
fn unreadable_experiments_are_explained() {
    let message = format!("{:#}", ExperimentFile::open("mnits").unwrap_err());
    assert!(message.contains("found \"mnits\"") && message.contains("mnist-bidirectional"), "{message}");
    let message = format!("{:#}", ExperimentFile::open("absent.toml").unwrap_err());
    assert!(message.starts_with("experiment absent.toml: "), "{message}");
    let message = format!("{:#}", ExperimentFile::parse("broken", "[train\nseed = 1").unwrap_err());
    assert!(message.starts_with("experiment broken: ") && !message.contains('\n'), "{message}");
}

#[test]
fn an_unknown_key_of_the_output_is_refused() {
    let mut file = ExperimentFile::open("quick").unwrap();
    file.set("model.output={kind=\"per_param\", initial_scale=0.01, nonsense=1}").unwrap();
    let message = format!("{:#}", file.resolve().unwrap_err());
    assert!(message.contains("nonsense"), "{message}");
}
