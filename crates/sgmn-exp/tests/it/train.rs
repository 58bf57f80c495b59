//! Training from outside: what was stopped goes on to the same bits, whatever runs it learns, whatever fails says why.

mod binary;
mod composed;
mod edit;
mod own;
mod predict;
mod refusals;
pub(crate) mod setup;

use candle_core::{DType, Device};
use sgmn_data::{Dataset, Sample, Source, split::Split};
use sgmn_exp::{
    config::Experiment,
    data::{
        datasets,
        pipeline::{Pipeline, PreparedBatch},
    },
    metrics::Criterion,
    run::train::{Outcome, of_copies},
    show::read_records,
};
use sgmn_graph::Seed;

use self::setup::{Place, facts, tensor_bits, tiny};

/// Experiments that together use everything a continuation has to restore.
fn experiments() -> Vec<(&'static str, Experiment)> {
    const MOVED: &str = "pipeline.augment=[{kind=\"move_inputs\",degrees=20,shift=0.1,mirror=true},\
                         {kind=\"scale_outputs\",contrast=0.2}]";
    const RANDOM_ACTION: &str =
        "pipeline.augment=[{ kind = \"random_action\", symmetries = [\"permutation\", \"sign\"] }]";
    vec![
        ("epochs", tiny(&[])),
        (
            "changed-nets",
            tiny(&[
                "pipeline.canonicalize=[\"phase\", \"sign\"]",
                RANDOM_ACTION,
                "model.direction=bidirectional",
            ]),
        ),
        ("steps", tiny(&["train.steps=9", "train.eval_every=2", "train.checkpoint_every_epochs=2"])),
        (
            "patience",
            tiny(&["train.epochs=9", "train.eval_every=1", "train.patience=2", "train.learning_rate=1e-9"]),
        ),
        ("clipped", tiny(&["train.epochs=1", "train.clip_norm=0.01"])),
        ("rounded", tiny(&["train.epochs=1", "train.precision=bf16"])),
        (
            "muon",
            tiny(&[
                "train.epochs=1",
                "train.optimizer=muon",
                "pipeline.augment=[{kind=\"add_noise\",deviation=0.1}]",
            ]),
        ),
        (
            "moved",
            tiny(&[MOVED, "train.epochs=2", "train.decay=cosine", "train.average=0.9", "train.n_nets=12"]),
        ),
    ]
}

#[test]
fn a_run_that_is_stopped_after_every_step_ends_with_the_same_bits() {
    let place = Place::new();
    for (name, experiment) in experiments() {
        let straight = place.finish(name, &experiment);
        let stopped = format!("{name}-stopped");
        // A flag that is always up stops each call after one step: in the middle and at the end of every epoch.
        let mut n_calls = 1;
        while let Outcome::Interrupted = place.run(&stopped, &experiment, true).unwrap() {
            n_calls += 1;
        }
        assert_eq!(n_calls, straight.n_steps, "{name}: the last step ends the run");
        assert_eq!(facts(&place.run_path(&stopped)), facts(&place.run_path(name)), "{name}");
    }
}

#[cfg(feature = "cuda")]
#[test]
fn a_run_on_a_cuda_device_goes_on_as_if_it_had_not_been_stopped() {
    if sgmn_exp::run::device::open(sgmn_exp::config::DeviceKind::Cuda).is_err() {
        return;
    }
    let place = Place::new();
    for precision in ["f32", "tf32", "bf16"] {
        let experiment = tiny(&["train.device=cuda", &format!("train.precision={precision}")]);
        let straight = place.finish(precision, &experiment);
        let stopped = format!("{precision}-stopped");
        while let Outcome::Interrupted = place.run(&stopped, &experiment, true).unwrap() {}
        assert_eq!(facts(&place.run_path(&stopped)), facts(&place.run_path(precision)), "{precision}");
        assert!(straight.test["loss"].is_finite());
    }
}

#[test]
fn a_run_on_some_of_the_training_nets_reads_no_others_and_tests_on_all() {
    let place = Place::new();
    let some = place.finish("some", &tiny(&["train.n_nets=20"]));
    assert_eq!((some.n_nets, some.n_steps), ([20, 9, 9], 3 * 20_u64.div_ceil(8)));
    let message = format!("{:#}", place.run("more", &tiny(&["train.n_nets=31"]), false).unwrap_err());
    assert_eq!(message, "train.n_nets: expected at most 30, the training nets there are, found 31");
}

#[test]
fn a_rate_that_falls_changes_what_is_learned() {
    let place = Place::new();
    place.finish("constant", &tiny(&[]));
    place.finish("falling", &tiny(&["train.decay=cosine"]));
    assert_ne!(facts(&place.run_path("falling")), facts(&place.run_path("constant")));
}

#[test]
fn a_model_of_moved_nets_is_tested_on_moved_copies_too() {
    let place = Place::new();
    let copies = of_copies(Criterion::Accuracy);
    let still = "pipeline.augment=[{kind=\"move_inputs\",degrees=0}]";
    let test = |name: &str, changes: &[&str]| place.finish(name, &tiny(changes)).test;
    assert_eq!(test("plain", &["train.epochs=1"]).get(&copies), None);
    let of_still = test("still", &["train.epochs=1", still]);
    assert_eq!(of_still[&copies], of_still["accuracy"], "copies that are not moved say what the nets say");
    let (_, moved) = experiments().pop().unwrap();
    assert!(place.finish("moved", &moved).test.contains_key(&copies));
}

#[test]
fn patience_ends_a_run_before_its_time() {
    let place = Place::new();
    // Too small a rate to change any answer: the first evaluation stays the best.
    let (name, experiment) = experiments().swap_remove(3);
    let summary = place.finish(name, &experiment);
    assert_eq!(
        (summary.n_steps, summary.best_epoch),
        (3, 1),
        "one best evaluation and two that are not better"
    );
}

#[test]
fn a_run_that_was_killed_goes_on_from_its_last_checkpoint_without_later_records() {
    let place = Place::new();
    // Records come every step, checkpoints for continuation every second epoch of four steps.
    let experiment = tiny(&["train.epochs=5", "train.eval_every=1", "train.checkpoint_every_epochs=2"]);
    place.finish("straight", &experiment);
    let folder = place.folder_of("killed", &experiment);
    let last = folder.last_checkpoint();
    let n_records = || read_records(&folder.records()).unwrap().len();
    // Nine steps, and then the state on disk as it is if the process dies at step 9: the checkpoint of step 8.
    let mut at_step_8 = Vec::new();
    for step in 1..=9 {
        assert!(matches!(place.run("killed", &experiment, true).unwrap(), Outcome::Interrupted));
        if step == 8 {
            at_step_8 = std::fs::read(&last).unwrap();
        }
    }
    assert_eq!(n_records(), 18);
    std::fs::write(&last, at_step_8).unwrap();
    // A torn line and the temporary file of a checkpoint are what a crash can leave beside it.
    let log = std::fs::read(folder.records()).unwrap();
    std::fs::write(folder.records(), [&log[..], b"{\"split\":\"tr"].concat()).unwrap();
    std::fs::write(last.with_extension("safetensors.tmp"), b"half").unwrap();
    assert!(matches!(place.run("killed", &experiment, true).unwrap(), Outcome::Interrupted));
    assert_eq!(n_records(), 18, "records of step 9 were dropped and came again");
    place.finish("killed", &experiment);
    assert_eq!(facts(folder.path()), facts(&place.run_path("straight")));
    // Before the first checkpoint nothing is kept: the run begins again.
    std::fs::remove_file(&last).unwrap();
    place.finish("killed", &experiment);
    assert_eq!(facts(folder.path()), facts(&place.run_path("straight")));
}

#[test]
fn a_finished_run_may_be_resumed_and_stays_as_it_is() {
    let place = Place::new();
    let experiment = tiny(&[]);
    place.finish("run", &experiment);
    let before = facts(&place.run_path("run"));
    place.finish("run", &experiment);
    assert_eq!(facts(&place.run_path("run")), before);
}

#[test]
fn batches_do_not_depend_on_the_number_of_workers() {
    let place = Place::new();
    let batches = |workers: usize, first: usize| -> Vec<PreparedBatch> {
        let workers = format!("pipeline.workers={workers}");
        let (_, experiment) = experiments().swap_remove(1);
        let mut file = sgmn_exp::config::ExperimentFile::parse("copy", &experiment.to_toml()).unwrap();
        file.set(&workers).unwrap();
        let experiment = file.resolve().unwrap();
        let dataset = datasets::open(experiment.data(), place.path(), &false.into()).unwrap();
        let (pipeline, _) =
            Pipeline::new(dataset, experiment.pipeline(), Seed::new(1), DType::F32, &Device::Cpu).unwrap();
        let training = pipeline.training_batches(2, 8, first);
        training.into_iter().chain(pipeline.batches(Split::Val, 4)).map(Result::unwrap).collect()
    };
    let bits = |batch: &PreparedBatch| -> Vec<Vec<u8>> {
        let buckets = batch.batch.buckets.iter().map(|bucket| &bucket.graphs);
        buckets.flat_map(|graphs| graphs.nodes.iter().chain(&graphs.edges)).map(tensor_bits).collect()
    };
    let one = batches(1, 0);
    assert_eq!(one.iter().map(|batch| batch.targets.len()).collect::<Vec<_>>(), [8, 8, 8, 6, 4, 4, 1]);
    for workers in [2, 3] {
        for (found, expected) in batches(workers, 0).iter().zip(&one) {
            assert_eq!((&found.targets, bits(found)), (&expected.targets, bits(expected)));
        }
    }
    // Beginning in the middle of an epoch leaves out batches and changes none.
    let later = batches(2, 2);
    assert_eq!(later.len(), one.len() - 2);
    for (found, expected) in later.iter().zip(&one[2..]) {
        assert_eq!((&found.targets, bits(found)), (&expected.targets, bits(expected)));
    }
}

#[test]
fn training_nets_are_moved_at_their_ends_and_no_others_are() {
    let place = Place::new();
    let edges = |experiment: &Experiment, epoch: u64| -> [Vec<Vec<u8>>; 2] {
        let dataset = datasets::open(experiment.data(), place.path(), &false.into()).unwrap();
        let (pipeline, _) =
            Pipeline::new(dataset, experiment.pipeline(), Seed::new(1), DType::F32, &Device::Cpu).unwrap();
        // All nets at once, so that epochs differ in the order of their nets alone; nets in the order of their items.
        [pipeline.training_batches(epoch, 30, 0), pipeline.batches(Split::Val, 9)].map(|mut batches| {
            let batch = batches.next().unwrap().unwrap();
            let graphs = &batch.batch.buckets[0].graphs;
            let mut places: Vec<usize> = (0..batch.items.len()).collect();
            places.sort_by_key(|place| batch.items[*place]);
            let in_order = |tensor: &candle_core::Tensor| {
                let rows = places.iter().map(|place| tensor.get(*place).unwrap());
                rows.flat_map(|row| tensor_bits(&row)).collect()
            };
            graphs.edges.iter().map(in_order).collect()
        })
    };
    let (_, moved) = experiments().pop().unwrap();
    let (plain, once, again) = (edges(&tiny(&[]), 0), edges(&moved, 0), edges(&moved, 1));
    let last = plain[0].len() - 1;
    for (l, weights) in plain[0].iter().enumerate() {
        let is_end = l == 0 || l == last;
        assert_eq!(*weights != once[0][l], is_end, "layer {l}");
        assert_eq!(once[0][l] != again[0][l], is_end, "each epoch has moves of its own, layer {l}");
    }
    assert_eq!((&once[1], &again[1]), (&plain[1], &plain[1]), "validation nets stay");
}

/// A packed file that lends nothing.
struct Copied(Box<dyn Source>);

impl Source for Copied {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, i: usize) -> sgmn_data::Result<Sample> {
        self.0.get(i)
    }
}

#[test]
fn nets_that_a_file_lends_make_the_same_batches_as_their_copies() {
    let place = Place::new();
    let experiment = tiny(&[]);
    let batches = |copied: bool, dtype| -> Vec<PreparedBatch> {
        let dataset = datasets::open(experiment.data(), place.path(), &false.into()).unwrap();
        assert!(dataset.source.lend(0).unwrap().is_some(), "a packed file lends");
        let Dataset { source, .. } = dataset;
        let source = if copied { Box::new(Copied(source)) } else { source };
        let dataset = Dataset { source, ..dataset };
        let (pipeline, _) =
            Pipeline::new(dataset, experiment.pipeline(), Seed::new(1), dtype, &Device::Cpu).unwrap();
        pipeline
            .training_batches(0, 8, 0)
            .chain(pipeline.batches(Split::Test, 4))
            .map(Result::unwrap)
            .collect()
    };
    let facts = |batch: &PreparedBatch| {
        let bits = batch.batch.buckets.iter().flat_map(|bucket| {
            bucket.graphs.nodes.iter().chain(&bucket.graphs.edges).map(|tensor| {
                let values =
                    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
                (
                    tensor.dtype(),
                    tensor.dims().to_vec(),
                    values.into_iter().map(f64::to_bits).collect::<Vec<_>>(),
                )
            })
        });
        (batch.targets.clone(), batch.repairs, bits.collect::<Vec<_>>())
    };
    for dtype in [DType::F32, DType::F64] {
        let (lent, copied) = (batches(false, dtype), batches(true, dtype));
        assert_eq!(lent.len(), 4 + 3);
        assert_eq!(lent.len(), copied.len());
        assert!(lent.iter().zip(&copied).all(|(lent, copied)| facts(lent) == facts(copied)), "{dtype:?}");
    }
}

#[test]
fn every_epoch_has_an_order_of_its_own_over_all_nets() {
    let place = Place::new();
    let experiment = tiny(&[]);
    let dataset = datasets::open(experiment.data(), place.path(), &false.into()).unwrap();
    let (pipeline, _) =
        Pipeline::new(dataset, experiment.pipeline(), Seed::new(1), DType::F32, &Device::Cpu).unwrap();
    let orders = [0, 1].map(|epoch| pipeline.epoch_order(epoch));
    assert_ne!(orders[0], orders[1]);
    for mut order in orders {
        order.sort_unstable();
        assert_eq!(order, (0..30).collect::<Vec<_>>());
    }
}

#[test]
fn a_model_learns_32_nets_by_heart() {
    let place = Place::with([32, 3, 3]);
    let experiment = tiny(&[
        "model.d_hidden=16",
        "model.d_mlp=[16]",
        "model.dropout=0.0",
        "train.epochs=40",
        "train.learning_rate=5e-3",
        "train.weight_decay=0.0",
    ]);
    place.finish("run", &experiment);
    let records = read_records(&place.folder_of("run", &experiment).records()).unwrap();
    let train: Vec<f64> = records
        .iter()
        .filter(|record| record.split == sgmn_data::split::Split::Train)
        .map(|record| record.metrics["accuracy"])
        .collect();
    assert_eq!(train.len(), 40);
    let learned = train.last().unwrap();
    assert!(*learned > 0.9, "accuracy over the epochs: {train:?}");
}
