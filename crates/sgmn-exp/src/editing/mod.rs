//! Edits of INRs: what a net draws before and after its weights are changed, and what it should draw.
//!
//! - [`Easel`]: pictures of a batch of nets, before, after, and the target;
//! - [`Edit::apply`](crate::config::Edit::apply): what an edit does to an image;
//! - [`Pictures`]: the images that nets were fitted to;
//! - [`run::edited`](crate::run::edited): edited nets as files, and side by side for a person.

mod filter;
mod pictures;

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use candle_core::{DType, Device, Tensor};
use sgmn_graph::{Bucket, NetSpec};
use sgmn_nn::{
    models::{Output, ParamDeltas},
    ops::no_grad,
    render::{Grid, NetTensors, Renderer},
};

pub use self::{filter::Pixels, pictures::Pictures};
use crate::config::{EditTarget, EditTask};

/// Draws nets, and knows what they should look like.
#[derive(Debug, Clone)]
pub struct Easel {
    task: EditTask,
    size: [usize; 2],
    pictures: Option<Arc<Pictures>>,
}

impl Easel {
    /// The pictures of an editing task; images where the task is about them.
    ///
    /// # Errors
    /// If the task is about images and there are none.
    pub fn new(task: &EditTask, pictures: Option<Arc<Pictures>>) -> Result<Self> {
        let size = match (task.target, &pictures) {
            (EditTarget::Drawing, _) => {
                task.size.context("task.size: expected height and width, found none")?
            }
            (EditTarget::Image, Some(pictures)) => [pictures.size()[0], pictures.size()[1]],
            (EditTarget::Image, None) => bail!("task.target: expected images beside the nets, found none"),
        };
        Ok(Self { task: task.clone(), size, pictures })
    }

    /// Whether nets of this architecture draw pictures that can be edited.
    ///
    /// # Errors
    /// If they do not, naming their widths.
    pub fn check(&self, spec: &NetSpec) -> Result<()> {
        let widths = spec.widths();
        let said = || widths.iter().map(usize::to_string).collect::<Vec<_>>().join("-");
        let n_channels = widths[widths.len() - 1];
        ensure!(
            widths[0] == 2 && matches!(n_channels, 1 | 3) && !spec.is_convolutional(),
            "task.kind: expected nets that draw pictures, from the 2 coordinates of a pixel to 1 or 3 channels, \
             found nets of widths {}",
            said()
        );
        if let (EditTarget::Image, Some(pictures)) = (self.task.target, &self.pictures) {
            ensure!(
                pictures.size()[2] == n_channels,
                "task.images: expected images of {n_channels} channels, as nets of widths {} draw, found {}",
                said(),
                pictures.size()[2]
            );
        }
        Renderer::new(spec, &self.grid()).with_context(|| format!("nets of widths {}", said()))?;
        Ok(())
    }

    /// What the nets of a bucket draw as they are, `[B, H · W, C]`, brightness from 0 to 1.
    ///
    /// # Errors
    /// If they are no INRs.
    pub fn before(&self, bucket: &Bucket) -> Result<Tensor> {
        self.draw(&NetTensors::of(&bucket.graphs)?, bucket.graphs.topology.spec()?)
    }

    /// What the changed nets of a bucket draw, the mean of all copies of a net, `[B, H · W, C]`.
    ///
    /// # Errors
    /// If they are no INRs, or the changes are those of other nets.
    pub fn after(&self, bucket: &Bucket, copies: &[ParamDeltas]) -> Result<Tensor> {
        let changed = |deltas| NetTensors::changed(&bucket.graphs, deltas);
        let changed = copies.iter().map(changed).collect::<sgmn_nn::Result<Vec<_>>>()?;
        let drawn = self.draw(&NetTensors::stack(&changed)?, bucket.graphs.topology.spec()?)?;
        let (_, n_pixels, n_channels) = drawn.dims3()?;
        let by_copy = drawn.reshape((copies.len(), bucket.positions.len(), n_pixels, n_channels))?;
        Ok(if copies.len() == 1 { by_copy.squeeze(0)? } else { by_copy.mean(0)? })
    }

    /// What the nets of a bucket should draw; `items` are those of the batch.
    ///
    /// # Errors
    /// If an item has no image.
    pub fn target(&self, bucket: &Bucket, items: &[usize]) -> Result<Tensor> {
        let n_nets = bucket.positions.len();
        let n_pixels = self.size[0] * self.size[1];
        let n_channels = *bucket.graphs.topology.widths().last().context("a net has layers")?;
        let size = [self.size[0], self.size[1], n_channels];
        let like = &bucket.graphs.nodes[0];
        let mut values = Vec::with_capacity(n_nets * n_pixels * n_channels);
        match (self.task.target, &self.pictures) {
            (EditTarget::Image, Some(pictures)) => {
                ensure!(
                    pictures.size() == size,
                    "images: expected {n_channels} channels as the nets have, found {}",
                    pictures.size()[2]
                );
                for &position in &bucket.positions {
                    values.extend(self.task.edit.apply(pictures.image(items[position])?));
                }
            }
            _ => {
                let drawn = no_grad(|| self.before(bucket))?.to_device(&Device::Cpu)?;
                let drawn = drawn.to_dtype(DType::F32)?.flatten_all()?;
                for image in drawn.to_vec1::<f32>()?.chunks_exact(n_pixels * n_channels) {
                    values.extend(self.task.edit.apply(Pixels { values: image, size }));
                }
            }
        }
        let target = Tensor::from_vec(values, (n_nets, n_pixels, n_channels), &Device::Cpu)?;
        Ok(target.to_dtype(like.dtype())?.to_device(like.device())?)
    }

    /// Height and width of the pictures.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    fn grid(&self) -> Grid {
        Grid { size: self.size, axes: self.task.axes, coordinates: self.task.coordinates }
    }

    fn draw(&self, nets: &NetTensors, spec: &NetSpec) -> Result<Tensor> {
        let drawn = Renderer::new(spec, &self.grid())?.render(nets)?;
        let [black, white] = self.task.brightness;
        if [black, white] == [0.0, 1.0] {
            return Ok(drawn);
        }
        Ok(((drawn - black)? / (white - black))?)
    }
}

/// The changes that a model returned.
///
/// # Errors
/// If it returned numbers of whole nets.
pub fn deltas(output: &Output) -> Result<&[Vec<ParamDeltas>]> {
    match output {
        Output::PerParam(deltas) => Ok(deltas),
        Output::PerGraph(_) => {
            bail!("model.output.kind: expected `per_param` for an edit, found `per_graph`")
        }
    }
}
