//! Images that nets are shown, as options.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sgmn_data::fit::Images;
use sgmn_graph::flow::{Array, Flow};

use crate::{
    any_net::path::{Pixels, Questions, image_inputs},
    data::datasets,
};

/// Which images, and how they become inputs.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Images")]
pub(super) struct ImageArgs {
    /// Folder of IDX files, or `mini` for the digits that come with this program
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
    /// How many: the first of the test set to be asked, the first of the training set to estimate or align on
    #[arg(long, value_name = "N", default_value_t = 100, requires = "images")]
    n_images: usize,
    /// What is subtracted from pixels between 0 and 1, and what they are divided by then
    #[arg(long, value_name = "MEAN,STD", requires = "images", value_parser = pixels, default_value = "0,1")]
    normalize: Pixels,
    /// Show images at this part of their size, as means of N x N pixels: 2 for nets of `sgmn zoo --kind wild`
    #[arg(long, value_name = "N", default_value_t = 1, requires = "images")]
    shrink: usize,
}

fn pixels(text: &str) -> Result<Pixels, String> {
    let fault = || format!("expected MEAN,STD with STD above 0, found {text:?}");
    let (mean, std) = text.split_once(',').ok_or_else(fault)?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let (mean, std) = number(mean).zip(number(std)).filter(|(_, std)| *std > 0.0).ok_or_else(fault)?;
    Ok(Pixels { mean, std })
}

impl ImageArgs {
    /// The folder that was given.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.images.as_deref()
    }

    /// Test images with their labels, as questions to a net; absent if no images were given.
    pub(super) fn questions(&self, flow: &Flow) -> Result<Option<Questions>> {
        let ask = |(_, test): (Images, Images)| Questions::images(flow, &test, self.n_images, self.normalize);
        self.sets()?.map(ask).transpose()
    }

    /// Training images, as inputs of a net; an error that names the option that needs them if no images were given.
    pub(super) fn training(&self, flow: &Flow, option: &str) -> Result<Vec<Vec<Array>>> {
        let (train, _) = self
            .sets()?
            .with_context(|| format!("{option}: expected images, found none; --images says which"))?;
        image_inputs(flow, &train, self.n_images, self.normalize)
    }

    fn sets(&self) -> Result<Option<(Images, Images)>> {
        let Some(path) = &self.images else { return Ok(None) };
        let name = path.to_str().context("--images: expected letters, found bytes that are none")?;
        let (train, test) = datasets::image_sets(name, Path::new(""))?;
        let shrunk = |images: &Images| images.shrunk(self.shrink).context("--shrink");
        Ok(Some((shrunk(&train)?, shrunk(&test)?)))
    }
}
