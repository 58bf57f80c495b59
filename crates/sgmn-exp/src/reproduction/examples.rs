//! Single nets to look at: the image, what its net draws, and what a trained model says about the net.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use candle_core::{DType, Device};
use sgmn_data::{Source, Target, fit::SirenRenderer, formats::packed::Reader};
use sgmn_graph::Net;

use super::{plan::Request, results::RunResult};
use crate::{
    apply,
    config::{Data, Experiment, Fitted},
    data::datasets,
    metrics::argmax,
    show::{Image, ImageGrid},
};

/// Test nets that are looked at; more would only take longer to find the same.
const N_NETS: usize = 500;
/// Nets in one grid.
const N_SHOWN: usize = 10;
/// Nets that a model reads at once.
const BATCH_SIZE: usize = 100;

/// Test nets with what a model says about them.
#[derive(Debug, Clone)]
pub struct Examples {
    /// The first test nets, one of each class, by class.
    pub of_each_class: Vec<Example>,
    /// The first test nets that the model reads wrongly.
    pub mistakes: Vec<Example>,
}

/// One net.
#[derive(Debug, Clone)]
pub struct Example {
    /// The image above what the net draws.
    pub picture: Image,
    /// Its class.
    pub class: u32,
    /// The class that the model gives it.
    pub predicted: usize,
    /// The share of its belief that the model gives to that class, in [0, 1].
    pub probability: f64,
    /// Peak signal-to-noise ratio of what the net draws, in decibels.
    pub psnr_db: f64,
}

impl Examples {
    /// Looks at the test nets with the best model of a run; nothing if the images are not gray or not here.
    ///
    /// # Errors
    /// If the checkpoint or the file of the nets is damaged, or they do not fit each other.
    pub fn new(request: &Request, run: &RunResult) -> Result<Option<Self>> {
        let experiment = run.folder.experiment()?;
        let Data::Fitted(fitted) = experiment.data() else { return Ok(None) };
        let path = datasets::fitted_path(fitted, &request.data_dir);
        if !path.exists() {
            return Ok(None);
        }
        let reader = Reader::open(&path)?;
        let items: Vec<usize> = reader.splits().test.iter().copied().take(N_NETS).collect();
        let nets = items.iter().map(|&item| Ok(reader.get(item)?.net)).collect::<Result<Vec<Net>>>()?;
        let beliefs = beliefs(run, &experiment, &nets)?;
        let Some(mut pictures) = Pictures::open(fitted, request, reader)? else { return Ok(None) };

        let mut first_of = BTreeMap::new();
        let mut mistakes = Vec::new();
        for (&item, belief) in items.iter().zip(&beliefs) {
            let Target::Class(class) = pictures.reader.target(item) else { continue };
            let predicted = argmax(belief).context("all logits of a net are NaN")?;
            if predicted != class as usize && mistakes.len() < N_SHOWN {
                mistakes.push(pictures.example(item, class, predicted, belief)?);
            }
            if first_of.len() < N_SHOWN && !first_of.contains_key(&class) {
                first_of.insert(class, pictures.example(item, class, predicted, belief)?);
            }
        }
        Ok(Some(Self { of_each_class: first_of.into_values().collect(), mistakes }))
    }
}

impl Example {
    /// All examples as a grid.
    pub fn grid(examples: &[Self], caption: &str) -> ImageGrid {
        let image = |example: &Self| {
            let Self { class, predicted, probability, psnr_db, picture } = example;
            let caption = format!("{class} → {predicted} · {:.0} % · {psnr_db:.1} dB", 100.0 * probability);
            (caption, picture.clone())
        };
        ImageGrid { caption: caption.to_owned(), images: examples.iter().map(image).collect(), zoom: 3 }
    }
}

/// Peak signal-to-noise ratio of a drawing, `−10 log₁₀ mean (drawing − image)²`, in decibels; brightness runs from 0 to 1.
pub fn psnr_db(image: &[f32], drawing: &[f32]) -> f64 {
    let square = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
    let squares: f64 = image.iter().zip(drawing).map(square).sum();
    -10.0 * (squares / image.len() as f64).log10()
}

/// Images and nets of one request.
struct Pictures {
    reader: Reader,
    images: sgmn_data::fit::Images,
    /// Position of an image by the name of its net.
    position: BTreeMap<String, usize>,
    renderer: SirenRenderer,
    size: [usize; 2],
}

impl Pictures {
    fn open(fitted: &Fitted, request: &Request, reader: Reader) -> Result<Option<Self>> {
        let (images, ids, _) = datasets::images(fitted, &request.data_dir)?;
        let [height, width, n_channels] = images.size();
        let [spec] = reader.specs() else { return Ok(None) };
        if n_channels != 1 {
            return Ok(None);
        }
        let size = [height, width];
        let renderer = SirenRenderer::new(spec, size)?;
        let position = ids.into_iter().enumerate().map(|(i, id)| (id, i)).collect();
        Ok(Some(Self { reader, images, position, renderer, size }))
    }

    fn example(&mut self, item: usize, class: u32, predicted: usize, belief: &[f64]) -> Result<Example> {
        let id = self.reader.id(item);
        let position =
            self.position.get(id).with_context(|| format!("net {id}: expected an image of this name"))?;
        let image = self.images.image(*position);
        let params: Vec<f64> = self.reader.row(item).iter().map(|&value| f64::from(value)).collect();
        let drawing = self.renderer.render(&params)?;
        Ok(Example {
            picture: self.one_above_the_other(image, &drawing)?,
            class,
            predicted,
            probability: belief[predicted],
            psnr_db: psnr_db(image, &drawing),
        })
    }

    fn one_above_the_other(&self, image: &[f32], drawing: &[f32]) -> Result<Image> {
        /// Rows between the two, gray so that they show in light and in dark.
        const N_GAP_ROWS: usize = 1;
        const GAP: f64 = 0.5;
        let [height, width] = self.size;
        let mut values: Vec<f64> = image.iter().map(|&value| f64::from(value)).collect();
        values.extend(std::iter::repeat_n(GAP, N_GAP_ROWS * width));
        values.extend(drawing.iter().map(|&value| f64::from(value)));
        Image::from_brightness(u32::try_from(width)?, u32::try_from(2 * height + N_GAP_ROWS)?, &values)
    }
}

/// Probabilities of the classes for each net, by the best model of a run.
fn beliefs(run: &RunResult, experiment: &Experiment, nets: &[Net]) -> Result<Vec<Vec<f64>>> {
    let path = run.folder.best_checkpoint();
    let trained = apply::open(&path, Some(experiment), DType::F32, &Device::Cpu)?;
    let mut beliefs = Vec::with_capacity(nets.len());
    for nets in nets.chunks(BATCH_SIZE) {
        beliefs.extend(trained.predict(nets).with_context(|| path.display().to_string())?);
    }
    Ok(beliefs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_that_is_off_by_a_tenth_everywhere_has_20_decibels() {
        assert!((psnr_db(&[0.0, 0.5], &[0.1, 0.4]) - 20.0).abs() < 1e-5);
    }
}
