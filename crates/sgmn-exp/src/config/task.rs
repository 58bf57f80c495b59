//! `[task]`: the question that is asked about a net.

use anyhow::{Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use sgmn_nn::render::{self, Axes};

use super::check;

/// The question, with what its loss and metrics need to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Task {
    /// Which of several classes does the net belong to? Cross-entropy, accuracy.
    Classify {
        /// Number of classes.
        n_classes: usize,
    },
    /// Which change of the weights of an INR makes it draw the edited image? Squared error of pixels.
    Edit(EditTask),
    /// Which score in [0, 1] does the net reach? Squared error of a sigmoid, Kendall's τ.
    Predict {},
    /// Which number belongs to the net, of any size? Squared error in standard deviations of the training nets, R².
    Regress {},
}

/// The question alone, by its word in `task.kind` and on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TaskKind {
    /// Which of several classes does the net belong to?
    Classify,
    /// Which score in [0, 1] does the net reach?
    Predict,
    /// Which number belongs to the net, of any size?
    Regress,
    /// Which change of the weights of an INR makes it draw the edited image?
    Edit,
}

/// The programs that train models, in the order of the report.
pub const PROGRAMS: [&str; 3] = ["inr-classification", "generalization-prediction", "inr-editing"];

impl TaskKind {
    /// All questions.
    pub const ALL: [Self; 4] = [Self::Classify, Self::Predict, Self::Regress, Self::Edit];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classify => "classify",
            Self::Predict => "predict",
            Self::Regress => "regress",
            Self::Edit => "edit",
        }
    }

    /// The program whose experiments ask this question.
    pub fn program(self) -> &'static str {
        match self {
            Self::Classify => PROGRAMS[0],
            Self::Edit => PROGRAMS[2],
            Self::Predict | Self::Regress => PROGRAMS[1],
        }
    }
}

impl Task {
    /// The question alone.
    pub fn kind(&self) -> TaskKind {
        match self {
            Self::Classify { .. } => TaskKind::Classify,
            Self::Edit(_) => TaskKind::Edit,
            Self::Predict {} => TaskKind::Predict,
            Self::Regress {} => TaskKind::Regress,
        }
    }

    /// The program whose experiments ask this question.
    pub fn program(&self) -> &'static str {
        self.kind().program()
    }

    pub(super) fn validate(&self) -> Result<()> {
        match self {
            Self::Classify { n_classes } => check::at_least("task.n_classes", 2, *n_classes),
            Self::Edit(task) => task.validate(),
            Self::Predict {} | Self::Regress {} => Ok(()),
        }
    }
}

/// Which edit, and of what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditTask {
    /// What is done to images.
    pub edit: Edit,
    /// Which image is edited.
    pub target: EditTarget,
    /// Where the images lie: a folder of IDX files, or `mini`; left out, those that the nets were fitted to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<String>,
    /// Height and width of a drawing; an image has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<[usize; 2]>,
    /// What the nets say for black and for white.
    #[serde(default = "zero_to_one", skip_serializing_if = "is_zero_to_one")]
    pub brightness: [f64; 2],
    /// Which coordinate the nets read first.
    #[serde(default, skip_serializing_if = "is_default")]
    pub axes: Axes,
    /// What the nets read at the first and at the last pixel of a row or column; −1 and 1 if left out.
    #[serde(default = "usual_coordinates", skip_serializing_if = "are_usual")]
    pub coordinates: [f64; 2],
}

/// What is done to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// Every pixel becomes the largest of the 3 × 3 around it.
    Dilate,
    /// Every pixel moves away from the mean brightness, by half its distance.
    Contrast,
}

/// Which image is edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EditTarget {
    /// The one that the net was fitted to.
    Image,
    /// The one that the net draws: no images are needed.
    Drawing,
}

impl EditTask {
    fn validate(&self) -> Result<()> {
        match (self.target, &self.images, self.size) {
            (EditTarget::Image, _, Some(_)) => {
                bail!("task.size: expected nothing, since an image has its own size, found a size")
            }
            (EditTarget::Drawing, Some(images), _) => {
                bail!("task.images: expected nothing, since the target is what nets draw, found {images:?}")
            }
            (EditTarget::Drawing, None, None) => {
                bail!("task.size: expected height and width of what nets draw, found nothing")
            }
            (EditTarget::Image, Some(images), None) => check::inner_path("task.images", images)?,
            (EditTarget::Image, None, None) => {}
            (EditTarget::Drawing, None, Some(size)) => check::at_least("task.size", 1, size[0].min(size[1]))?,
        }
        render::check_coordinates("task.coordinates", self.coordinates)?;
        let [black, white] = self.brightness;
        if black.is_finite() && white.is_finite() && black < white {
            Ok(())
        } else {
            bail!(
                "task.brightness: expected a number for black and a larger one for white, found {black} and {white}"
            )
        }
    }
}

fn zero_to_one() -> [f64; 2] {
    [0.0, 1.0]
}

fn is_zero_to_one(brightness: &[f64; 2]) -> bool {
    *brightness == zero_to_one()
}

fn usual_coordinates() -> [f64; 2] {
    render::COORDINATES
}

fn are_usual(coordinates: &[f64; 2]) -> bool {
    *coordinates == render::COORDINATES
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
