//! What is kept of a run that edits: the edited test nets as a packed file, and a picture of some of them.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::{Context, Result, bail, ensure};
use candle_core::{DType, Device, Tensor};
use sgmn_data::{
    Dataset, Sample, Source, Target,
    formats::packed::{Item, Reader, Writer},
    split::Split,
};
use sgmn_graph::{Batch, Bucket, Net};
use sgmn_nn::models::{Output, ParamDeltas};

use crate::{
    config::Task,
    data::{
        datasets::{self, Material},
        pipeline::PreparedBatch,
    },
    editing::Easel,
    run::folder::RunFolder,
    show::{Colors, Image, ImageGrid, byte, save::write_atomic},
};

/// Nets in the figure of a run.
const N_SHOWN: usize = 10;
/// Size on screen of one pixel, in CSS pixels.
const ZOOM: u32 = 3;

/// Writes the edited test nets into the folder of a run as `edited.packed`, and some of them as `plots/edited.png`: what
/// they drew above what they should draw above what they draw.
///
/// # Errors
/// If a batch fails, a number is not finite, or a file cannot be written.
pub fn keep(
    easel: &Easel,
    dataset: &Dataset,
    answers: impl Iterator<Item = Result<(PreparedBatch, Output)>>,
    folder: &RunFolder,
) -> Result<()> {
    let provenance = BTreeMap::from([("edited by".to_owned(), folder.experiment()?.hash())]);
    let mut writer = Writer::create(&folder.edited(), provenance)?;
    for answer in answers {
        let (asked, output) = answer?;
        for (position, copies) in output.edited(&asked.batch)?.into_iter().enumerate() {
            let id = dataset.source.get(asked.items[position])?.id;
            let copies = copies.with_context(|| id.clone())?;
            let target = asked.targets[position];
            items(&id, copies, target, Some(Split::Test)).try_for_each(|item| writer.push(item))?;
        }
    }
    writer.finish()?;
    let strips = examples(easel, dataset, &Reader::open(&folder.edited())?, N_SHOWN)?;
    let images: Vec<&Strip> = strips.iter().collect();
    write_atomic(&folder.plots().join("edited.png"), &side_by_side(&images)?.to_png()?)
}

/// Test nets of a finished run before, as they should be, and after, one above the other; the caption gives the error.
/// Nothing if its nets are no longer there.
///
/// # Errors
/// If the run does not edit or is not finished, or its nets or images are damaged.
pub fn grid(folder: &RunFolder, data_dir: &Path, n_shown: usize, caption: &str) -> Result<Option<ImageGrid>> {
    let experiment = folder.experiment()?;
    let Task::Edit(task) = experiment.task() else {
        bail!("{}: expected a run that edits nets", folder.path().display())
    };
    let Some(Material { dataset, pictures }) = datasets::existing_material(&experiment, data_dir)? else {
        return Ok(None);
    };
    let easel = Easel::new(task, pictures.map(Arc::new))?;
    let strips = examples(&easel, &dataset, &Reader::open(&folder.edited())?, n_shown)?;
    let images = strips.iter().map(|strip| Ok((strip.caption(), side_by_side(&[strip])?)));
    Ok(Some(ImageGrid { caption: caption.to_owned(), images: images.collect::<Result<_>>()?, zoom: ZOOM }))
}

/// One net: three pictures `[H, W, C]`, brightness from 0 to 1.
struct Strip {
    /// Before, target, after.
    pictures: [Vec<f32>; 3],
    size: [usize; 3],
}

impl Strip {
    /// Mean squared errors before and after.
    fn caption(&self) -> String {
        let [before, target, after] = &self.pictures;
        let error = |picture: &[f32]| -> f64 {
            let squares = picture.iter().zip(target).map(|(a, b)| f64::from(a - b).powi(2));
            100.0 * squares.sum::<f64>() / target.len() as f64
        };
        format!("{:.2} → {:.2} · 10⁻²", error(before), error(after))
    }
}

/// The first test nets.
fn examples(easel: &Easel, dataset: &Dataset, edited: &Reader, n_shown: usize) -> Result<Vec<Strip>> {
    let items: Vec<usize> = dataset.splits.test.iter().copied().take(n_shown).collect();
    let n_test = dataset.splits.test.len();
    ensure!(
        n_test > 0 && edited.len().is_multiple_of(n_test),
        "expected edited copies of {n_test} test nets, found {} nets",
        edited.len()
    );
    let n_copies = edited.len() / n_test;
    let places: BTreeMap<&str, usize> = (0..edited.len()).map(|i| (edited.id(i), i)).collect();
    let picture = |tensor: &Tensor| -> Result<Vec<f32>> { Ok(tensor.flatten_all()?.to_vec1::<f32>()?) };
    let one = |&item: &usize| -> Result<Strip> {
        let Sample { id, net, .. } = dataset.source.get(item)?;
        let bucket = bucket_of(&net)?;
        let copies = (0..n_copies).map(|c| {
            let name = copy_name(&id, c, n_copies);
            let place =
                places.get(name.as_str()).with_context(|| format!("expected an edited net {name}"))?;
            difference(&bucket, &bucket_of(&edited.get(*place)?.net)?)
        });
        let before = easel.before(&bucket)?;
        let target = easel.target(&bucket, &[item])?;
        let after = easel.after(&bucket, &copies.collect::<Result<Vec<_>>>()?)?;
        let size = [easel.size()[0], easel.size()[1], before.dims3()?.2];
        Ok(Strip { pictures: [picture(&before)?, picture(&target)?, picture(&after)?], size })
    };
    items.iter().map(one).collect()
}

fn bucket_of(net: &Net) -> Result<Bucket> {
    let mut batch = Batch::from_nets(std::slice::from_ref(net), DType::F32, &Device::Cpu)?;
    Ok(batch.buckets.remove(0))
}

/// The changes from one net to another of its architecture.
fn difference(from: &Bucket, to: &Bucket) -> Result<ParamDeltas> {
    let pairs = |from: &[Tensor], to: &[Tensor]| -> Result<Vec<Tensor>> {
        Ok(from.iter().zip(to).map(|(from, to)| to - from).collect::<Result<_, _>>()?)
    };
    let weights = pairs(&from.graphs.edges, &to.graphs.edges)?;
    let biases = pairs(&from.graphs.nodes[1..], &to.graphs.nodes[1..])?;
    let biases = biases.iter().map(|biases| biases.squeeze(2)).collect::<Result<_, _>>()?;
    Ok(ParamDeltas { weights, biases })
}

/// The changed copies of a net as rows of a packed file: the net keeps its name; of several copies each has a number
/// behind it, `NAME-copy0`.
pub(crate) fn items(
    id: &str,
    copies: Vec<Net>,
    target: Target,
    split: Option<Split>,
) -> impl Iterator<Item = Item> {
    let n_copies = copies.len();
    copies.into_iter().enumerate().map(move |(copy, net)| Item {
        id: copy_name(id, copy, n_copies),
        spec: net.spec().clone(),
        params: net.params().iter().map(|value| *value as f32).collect(),
        target,
        split,
    })
}

fn copy_name(id: &str, copy: usize, n_copies: usize) -> String {
    if n_copies == 1 { id.to_owned() } else { format!("{id}-copy{copy}") }
}

/// Strips beside each other as one image.
fn side_by_side(strips: &[&Strip]) -> Result<Image> {
    /// Pixels between two pictures.
    const GAP: usize = 1;
    /// Their brightness: gray shows in light and in dark.
    const GAP_BRIGHTNESS: u8 = 128;
    let [height, width, n_channels] = strips.first().context("expected a test net, found none")?.size;
    let colors = if n_channels == 3 { Colors::Rgb } else { Colors::Gray };
    let (full_height, full_width) = (3 * (height + GAP) - GAP, strips.len() * (width + GAP) - GAP);
    let mut pixels = vec![GAP_BRIGHTNESS; full_height * full_width * colors.n_channels()];
    for (s, strip) in strips.iter().enumerate() {
        for (p, picture) in strip.pictures.iter().enumerate() {
            for (row, values) in picture.chunks_exact(width * n_channels).enumerate() {
                let start = (p * (height + GAP) + row) * full_width + s * (width + GAP);
                let to = pixels[start * colors.n_channels()..].chunks_exact_mut(colors.n_channels());
                for (to, pixel) in to.zip(values.chunks_exact(n_channels)) {
                    // Of another number of channels than three the first is shown.
                    to.iter_mut().zip(pixel).for_each(|(to, value)| *to = byte(f64::from(*value)));
                }
            }
        }
    }
    Image::with_colors(u32::try_from(full_width)?, u32::try_from(full_height)?, colors, pixels)
}
