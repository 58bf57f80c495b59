//! The images that nets were fitted to, by the nets' names.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use sgmn_data::{Dataset, Target, fit::Images, split::Split};

use super::Pixels;
use crate::data::datasets;

/// The image of each item of a dataset.
#[derive(Debug)]
pub struct Pictures {
    /// Training images, test images.
    sets: [Images; 2],
    /// By item: the set of its image, and the place there; none for items that are in no split.
    of_items: Vec<Option<(usize, usize)>>,
}

impl Pictures {
    /// The images in a folder of IDX files below `data_dir`, or `mini`, that the nets of a dataset were fitted to.
    ///
    /// # Errors
    /// If files are missing or damaged, a net's name does not say which image it draws, or the two disagree on the class.
    pub fn open(folder: &str, dataset: &Dataset, data_dir: &Path) -> Result<Self> {
        let sets = <[Images; 2]>::from(datasets::image_sets(folder, data_dir)?);
        ensure!(
            sets[0].size() == sets[1].size(),
            "{folder}: expected training and test images of one size, found {:?} and {:?}",
            sets[0].size(),
            sets[1].size()
        );
        let mut of_items = vec![None; dataset.source.len()];
        for &item in Split::ALL.iter().flat_map(|split| dataset.splits.get(*split)) {
            let sample = dataset.source.get(item)?;
            let place = place(&sample.id).with_context(|| {
                format!(
                    "net {}: expected a name that says which image it draws, as `train-5` or `mnist_png_testing_7_5`",
                    sample.id
                )
            })?;
            let (set, i) = place;
            if i >= sets[set].len() {
                bail!("net {}: expected one of {} images of {folder}", sample.id, sets[set].len());
            }
            if let (Target::Class(class), Some(label)) = (sample.target, sets[set].label(i))
                && class != label
            {
                bail!(
                    "net {}: expected an image of class {class} in {folder}, found one of {label}",
                    sample.id
                );
            }
            of_items[item] = Some(place);
        }
        Ok(Self { sets, of_items })
    }

    /// The image of an item.
    ///
    /// # Errors
    /// If the item is in no split.
    pub fn image(&self, item: usize) -> Result<Pixels<'_>> {
        let place = self.of_items.get(item).copied().flatten();
        let (set, i) = place.with_context(|| format!("item {item}: expected an image of it, found none"))?;
        Ok(Pixels { values: self.sets[set].image(i), size: self.size() })
    }

    /// Height, width and channels of every image.
    pub fn size(&self) -> [usize; 3] {
        self.sets[0].size()
    }
}

/// Which image a net of this name draws: training (0) or test (1), and its place in the file.
///
/// Nets fitted here are named `train-{place}`, those of DWSNets `mnist_png_training_{class}_{place}`.
fn place(name: &str) -> Option<(usize, usize)> {
    let (part, place) = match name.strip_prefix("mnist_png_") {
        Some(rest) => {
            let (part, rest) = rest.split_once('_')?;
            (part, rest.split_once('_')?.1)
        }
        None => name.split_once('-')?,
    };
    let set = match part {
        "train" | "training" => 0,
        "test" | "testing" => 1,
        _ => return None,
    };
    Some((set, place.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn names_say_which_image_a_net_draws() {
        assert_eq!(place("train-17"), Some((0, 17)));
        assert_eq!(place("test-0"), Some((1, 0)));
        assert_eq!(place("mnist_png_training_5_59999"), Some((0, 59_999)));
        assert_eq!(place("mnist_png_testing_0_12"), Some((1, 12)));
        for name in ["", "net-4", "train-", "mnist_png_training_5", "test/model_3.pth"] {
            assert_eq!(place(name), None, "{name}");
        }
    }
}
