//! A wild zoo trained here: when it is first needed, kept for everyone who asks about the same nets.

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use anyhow::{Context, Result};
use sgmn_data::{
    Dataset,
    formats::flows,
    zoo::wild::{NETS, Request},
};
use sgmn_graph::Seed;

use super::{
    image_sets,
    kept::kept_digest,
    make::make_once,
    trained::{describe, name, train_wild},
};
use crate::config::Wild;

/// Where the zoo of a request is kept: the name holds a digest of the request.
///
/// What is asked about the nets, and which are held out, does not enter: all questions share a zoo.
pub fn wild_path(wild: &Wild, data_dir: &Path) -> PathBuf {
    let nets = Wild { target: String::new(), held_out: None, ..wild.clone() };
    let request = serde_json::to_vec(&nets).expect("a request is plain numbers and names");
    data_dir.join("zoo").join(format!("wild-{}-{}", name(&wild.images), kept_digest(&request)))
}

/// Opens the zoo of a request, training it first if it does not exist yet.
pub(super) fn open(wild: &Wild, data_dir: &Path, stop: &AtomicBool) -> Result<Dataset> {
    let path = wild_path(wild, data_dir);
    make_once(&path, stop, || {
        let (train, test) = image_sets(&wild.images, data_dir)?;
        let parent = path.parent().expect("the path was joined to a folder");
        std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        let request = Request {
            train: &train,
            test: &test,
            dataset: &name(&wild.images),
            n_nets: wild.n_nets,
            per_architecture: wild.per_architecture,
            most_epochs: wild.most_epochs,
            seed: &Seed::new(wild.zoo_seed),
        };
        let summary = train_wild(&request, &path, stop)?;
        eprintln!("{} -> {}", describe(&summary, "nets"), path.display());
        Ok(())
    })?;
    read(wild, &path)
}

/// Opens a finished zoo.
pub(super) fn read(wild: &Wild, path: &Path) -> Result<Dataset> {
    Ok(flows::open(&path.join(NETS), &wild.options())?)
}
