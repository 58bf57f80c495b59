//! Writes a zoo as it is published: weights, what is known about each row, the places of tensors, the order of rows.

use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};
use serde::Serialize;

use super::ZooActivation;
use crate::{Error, Result, bytes::atomic::AtomicFile, containers::npy};

/// A line of `metrics.csv.gz`, with the zoo's columns in its order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Line {
    #[serde(rename = "config.activation")]
    pub(crate) activation: ZooActivation,
    #[serde(rename = "config.b_init")]
    pub(crate) b_init: String,
    #[serde(rename = "config.dataset")]
    pub(crate) dataset: String,
    #[serde(rename = "config.dnn_architecture")]
    pub(crate) dnn_architecture: String,
    #[serde(rename = "config.dropout")]
    pub(crate) dropout: f64,
    #[serde(rename = "config.epochs")]
    pub(crate) epochs: u32,
    #[serde(rename = "config.epochs_between_checkpoints")]
    pub(crate) epochs_between_checkpoints: u32,
    #[serde(rename = "config.init_std")]
    pub(crate) init_std: f64,
    #[serde(rename = "config.l2reg")]
    pub(crate) l2reg: f64,
    #[serde(rename = "config.learning_rate")]
    pub(crate) learning_rate: f64,
    #[serde(rename = "config.num_layers")]
    pub(crate) num_layers: u32,
    #[serde(rename = "config.num_units")]
    pub(crate) num_units: u32,
    #[serde(rename = "config.optimizer")]
    pub(crate) optimizer: String,
    #[serde(rename = "config.random_seed")]
    pub(crate) random_seed: u64,
    #[serde(rename = "config.train_fraction")]
    pub(crate) train_fraction: f64,
    #[serde(rename = "config.w_init")]
    pub(crate) w_init: String,
    pub(crate) modeldir: String,
    /// Epochs before the row's net.
    pub(crate) step: u32,
    pub(crate) test_accuracy: f64,
    pub(crate) test_loss: f64,
    pub(crate) train_accuracy: f64,
    pub(crate) train_loss: f64,
    /// Epochs of the whole training.
    pub(crate) laststep: u32,
}

/// A zoo being written into a folder, row by row.
pub(crate) struct Writer {
    folder: PathBuf,
    weights: AtomicFile,
    metrics: csv::Writer<GzEncoder<Vec<u8>>>,
    n_rows_left: usize,
    n_columns: usize,
}

impl Writer {
    /// Starts a zoo of `n_rows` rows of `n_columns` parameters.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder takes no new file.
    pub(crate) fn create(folder: &Path, n_rows: usize, n_columns: usize) -> Result<Self> {
        let mut weights = AtomicFile::create(&folder.join("weights.npy"))?;
        weights.write(&npy::f32_header([n_rows, n_columns]))?;
        let metrics = csv::Writer::from_writer(GzEncoder::new(Vec::new(), Compression::default()));
        Ok(Self { folder: folder.to_owned(), weights, metrics, n_rows_left: n_rows, n_columns })
    }

    /// Appends a row.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk is full or gone.
    ///
    /// # Panics
    /// If the row has another length than promised.
    pub(crate) fn push(&mut self, line: &Line, params: &[f32]) -> Result<()> {
        assert_eq!(params.len(), self.n_columns, "parameters of a row");
        self.n_rows_left = self.n_rows_left.checked_sub(1).expect("no more rows than promised");
        for param in params {
            self.weights.write(&param.to_le_bytes())?;
        }
        self.metrics.serialize(line).map_err(|why| Error::io(self.metrics_path())(why.into()))
    }

    /// Writes the layout, and the order of the rows as `NAME_split.csv`.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk is full or gone.
    ///
    /// # Panics
    /// If rows are missing.
    pub(crate) fn finish(self, layout: &str, name: &str, order: &[usize]) -> Result<()> {
        assert_eq!(self.n_rows_left, 0, "rows that were promised");
        let path = self.metrics_path();
        let Self { folder, weights, metrics, .. } = self;
        weights.commit()?;
        let gz = metrics.into_inner().map_err(|failed| Error::io(&path)(std::io::Error::other(failed.to_string())))?;
        write(&path, &gz.finish().map_err(Error::io(&path))?)?;
        write(&folder.join("layout.csv"), layout.as_bytes())?;
        let order: String = order.iter().map(|row| format!("{row}\n")).collect();
        write(&folder.join(format!("{name}_split.csv")), order.as_bytes())
    }

    fn metrics_path(&self) -> PathBuf {
        self.folder.join("metrics.csv.gz")
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write(bytes)?;
    file.commit()
}
