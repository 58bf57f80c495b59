//! Small datasets and experiments for the tests of training, and what two runs must have in common.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use candle_core::{Device, Tensor};
use sgmn_data::{
    Target,
    formats::packed::{Item, Writer},
    split::Split,
};
use sgmn_exp::{
    config::{Experiment, ExperimentFile},
    data::datasets,
    run::{
        device,
        folder::{RunFacts, RunFolder},
        train::{self, Outcome, Summary},
    },
    show::{MachineFacts, RunRecord, read_records},
};
use sgmn_graph::{Activation, NetSpec, Seed, testing};
use sgmn_nn::checkpoint::Checkpoint;
use tempfile::TempDir;

/// Classes of the small datasets.
pub(crate) const N_CLASSES: u32 = 3;

/// What the tests lay over `quick`: a tiny model on nets of a file, in short epochs whose last batch is not full.
const TINY: &[&str] = &[
    "data.kind=packed",
    "data.path=nets.packed",
    "model.d_hidden=8",
    "model.n_layers=2",
    "model.d_mlp=[8]",
    "model.dropout=0.2",
    "model.output.d_rho=8",
    "model.output.d_out=3",
    "task.n_classes=3",
    "train.batch_size=8",
    "train.epochs=3",
    "train.warmup_steps=4",
];

/// A folder with nets in it, and room for runs.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    /// 30 random sine nets to train on, 9 to validate and 9 to test.
    pub(crate) fn new() -> Self {
        Self::with([30, 9, 9])
    }

    /// Random sine nets; the class of a net is the size of its last layer, which no symmetry of theirs changes.
    pub(crate) fn with(n_nets: [usize; 3]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_nets(&folder.path().join("nets.packed"), n_nets, |i| Target::Class(i as u32 % N_CLASSES));
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The run of an experiment in a folder of this name, in this process, until it ends or is stopped.
    pub(crate) fn run(&self, name: &str, experiment: &Experiment, stop: bool) -> anyhow::Result<Outcome> {
        let stop = AtomicBool::new(stop);
        let material = datasets::material(experiment, self.path(), &stop)?;
        let device = device::open(experiment.train().device)?;
        train::run(experiment, material, &self.folder_of(name, experiment), &device, &stop)
    }

    /// The same, which must come to its end.
    pub(crate) fn finish(&self, name: &str, experiment: &Experiment) -> Summary {
        match self.run(name, experiment, false).unwrap() {
            Outcome::Finished(summary) => summary,
            Outcome::Interrupted => panic!("nobody stopped {name}"),
        }
    }

    /// The folder of a run, made if it is not there yet.
    pub(crate) fn folder_of(&self, name: &str, experiment: &Experiment) -> RunFolder {
        let path = self.run_path(name);
        let facts = RunFacts {
            experiment: experiment.hash(),
            commit: None,
            command: Vec::new(),
            machine: MachineFacts::read(),
        };
        RunFolder::open(&path).or_else(|_| RunFolder::create(&path, experiment, &facts)).unwrap()
    }

    pub(crate) fn run_path(&self, name: &str) -> PathBuf {
        self.path().join("runs").join(name)
    }
}

/// Writes random sine nets with the targets that the rule gives them.
pub(crate) fn write_nets(path: &Path, n_nets: [usize; 3], target: impl Fn(usize) -> Target) {
    let spec = Arc::new(NetSpec::mlp(&[2, 5, 5, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap());
    let mut writer = Writer::create(path, BTreeMap::new()).unwrap();
    for (split, n) in Split::ALL.into_iter().zip(n_nets) {
        for i in 0..n {
            let seed = Seed::new(7).child(split.name()).index(i as u64);
            let net = testing::random_net(seed, &spec);
            let mut params: Vec<f32> = net.params().iter().map(|&value| value as f32).collect();
            let factor = [1.0, 2.0, 4.0][i % N_CLASSES as usize];
            params[spec.weight_range(2)].iter_mut().for_each(|weight| *weight *= factor);
            let id = format!("{}-{i}", split.name());
            writer
                .push(Item { id, spec: spec.clone(), params, target: target(i), split: Some(split) })
                .unwrap();
        }
    }
    writer.finish().unwrap();
}

/// The tiny experiment with further overrides.
pub(crate) fn tiny(overrides: &[&str]) -> Experiment {
    let mut file = ExperimentFile::parse("tiny", "inherits = \"quick\"").unwrap();
    for assignment in TINY.iter().chain(overrides) {
        file.set(assignment).unwrap();
    }
    file.resolve().unwrap()
}

/// Everything about a run that must not depend on when it was stopped or on how many threads it ran.
#[derive(Debug, PartialEq)]
pub(crate) struct Facts {
    last: BTreeMap<String, Vec<u8>>,
    best: BTreeMap<String, Vec<u8>>,
    records: Vec<RunRecord>,
    test: BTreeMap<String, u64>,
    best_val: u64,
    best_epoch: u64,
    n_steps: u64,
}

/// Reads them from the folder of a finished run.
pub(crate) fn facts(path: &Path) -> Facts {
    let folder = RunFolder::open(path).unwrap();
    let summary: Summary = sgmn_exp::show::save::read_json(&folder.summary()).unwrap();
    let mut records = read_records(&folder.records()).unwrap();
    for record in &mut records {
        // How long it took is not a result.
        (record.nets_per_second, record.seconds, record.unix_time) = (0.0, 0.0, 0.0);
        record.waited_seconds = None;
    }
    Facts {
        last: bits(&folder.last_checkpoint()),
        best: bits(&folder.best_checkpoint()),
        records,
        test: summary.test.into_iter().map(|(name, value)| (name, value.to_bits())).collect(),
        best_val: summary.best_val.to_bits(),
        best_epoch: summary.best_epoch,
        n_steps: summary.n_steps,
    }
}

/// The bits of all tensors of a checkpoint, those of the optimizer too.
pub(crate) fn bits(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let Checkpoint { vars, optimizer, .. } = Checkpoint::read(path, &Device::Cpu).unwrap();
    let named = vars
        .into_iter()
        .chain(optimizer.into_iter().map(|(name, tensor)| (format!("optimizer.{name}"), tensor)));
    named.map(|(name, tensor)| (name, tensor_bits(&tensor))).collect()
}

/// The bytes of a tensor of 32-bit numbers.
pub(crate) fn tensor_bits(tensor: &Tensor) -> Vec<u8> {
    let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
