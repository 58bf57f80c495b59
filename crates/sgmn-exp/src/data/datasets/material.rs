//! Everything that an experiment reads: its nets, and their images where it asks about them.

use std::{path::Path, sync::atomic::AtomicBool};

use anyhow::{Result, bail};
use sgmn_data::Dataset;

use super::{exists, open, open_existing};
use crate::{
    config::{Data, EditTarget, EditTask, Experiment, Task},
    editing::Pictures,
};

/// The nets of an experiment, and their images where the experiment asks about them.
#[derive(Debug)]
pub struct Material {
    /// The nets.
    pub dataset: Dataset,
    /// The image of each net.
    pub pictures: Option<Pictures>,
}

impl Material {
    fn new(dataset: Dataset, folder: Option<&str>, data_dir: &Path) -> Result<Self> {
        let pictures = folder.map(|folder| Pictures::open(folder, &dataset, data_dir)).transpose()?;
        Ok(Self { dataset, pictures })
    }
}

impl From<Dataset> for Material {
    fn from(dataset: Dataset) -> Self {
        Self { dataset, pictures: None }
    }
}

/// Opens everything that an experiment reads, see [`open`].
///
/// # Errors
/// As [`open`] and [`Pictures::open`].
pub fn material(experiment: &Experiment, data_dir: &Path, stop: &AtomicBool) -> Result<Material> {
    let folder = folder_of_images(experiment)?;
    Material::new(open(experiment.data(), data_dir, stop)?, folder, data_dir)
}

/// The same, of nets that were opened already.
///
/// # Errors
/// As [`Pictures::open`].
pub fn material_of(experiment: &Experiment, dataset: Dataset, data_dir: &Path) -> Result<Material> {
    Material::new(dataset, folder_of_images(experiment)?, data_dir)
}

/// What [`material`] opens, if it is there: nothing is packed, fitted or trained.
///
/// # Errors
/// If the nets or their images are damaged.
pub fn existing_material(experiment: &Experiment, data_dir: &Path) -> Result<Option<Material>> {
    if !exists(experiment.data(), data_dir)? {
        return Ok(None);
    }
    let folder = folder_of_images(experiment)?;
    Material::new(open_existing(experiment.data(), data_dir)?, folder, data_dir).map(Some)
}

/// The folder of the images that an experiment asks about, if it does.
fn folder_of_images(experiment: &Experiment) -> Result<Option<&str>> {
    let Task::Edit(EditTask { target: EditTarget::Image, images, .. }) = experiment.task() else {
        return Ok(None);
    };
    match (images, experiment.data()) {
        (Some(folder), _) => Ok(Some(folder)),
        (None, Data::Fitted(fitted)) => Ok(Some(&fitted.images)),
        (None, _) => {
            bail!(
                "task.images: expected the folder of the images that the nets were fitted to, found nothing"
            )
        }
    }
}
