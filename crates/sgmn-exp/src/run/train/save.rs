//! The checkpoints of a run: what a continuation needs, or only what applying the model needs.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Result, bail};
use candle_core::{DType, Device, Tensor};
use sgmn_nn::checkpoint::{Checkpoint, Header};

use super::{
    Diverged, Run,
    begin::{graphs, specs},
    standing::Standing,
};

impl Run<'_> {
    /// Writes a checkpoint, with what a continuation needs or for prediction only.
    pub(super) fn save(&self, path: &Path, resumable: bool) -> Result<()> {
        let vars = self.vars.snapshot()?;
        // One number finds NaN and infinity anywhere: 0 times either is NaN, and so is any sum with it.
        let probes = vars.values().map(|var| (var * 0.0)?.sum_all()).collect::<Result<Vec<_>, _>>()?;
        let probes = Tensor::stack(&probes, 0)?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
        for (name, probe) in vars.keys().zip(probes.to_vec1::<f64>()?) {
            if probe != 0.0 {
                let what = format!("{name} after step {} is not finite", self.standing.n_steps);
                bail!(Diverged::new(what));
            }
        }
        let standing = Standing { seconds: self.seconds(), ..self.standing.clone() };
        let header = Header {
            model: self.experiment.model().clone(),
            specs: specs(&self.pipeline),
            graphs: graphs(&self.pipeline),
            normalization: self.normalization.clone(),
            n_steps: self.optimizer.n_steps(),
            progress: serde_json::to_value(standing)?,
            about: Some(if resumable { self.about.clone() } else { self.about_best() }),
        };
        let mut optimizer = BTreeMap::new();
        if resumable {
            optimizer = self.optimizer.state(&self.vars)?;
            optimizer.extend(self.average.iter().flat_map(|average| average.state(&self.vars)));
        }
        Ok(Checkpoint { header, vars, optimizer }.write(path)?)
    }

    /// Working time of all calls together.
    pub(super) fn seconds(&self) -> f64 {
        self.standing.seconds + self.began.elapsed().as_secs_f64()
    }
}
