//! How an INR is fitted: its shape, where it starts, how it learns, when it stops.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use sgmn_graph::{Activation, NetSpec, Seed};

use crate::{Error, Result};

/// How an INR is fitted to an image.
///
/// The net maps a pixel's position (column, row), each from −1 to 1 over the image, to its channels in [0, 1]:
/// `h = sin(ω(Wh + b))` in every hidden layer, then a linear layer and a constant `output_offset`.
/// It learns by Adam on the mean squared error over all pixels.
///
/// # Source
/// [`Recipe::default`] is the recipe by which the MNIST and F-MNIST INRs of DWS (Navon et al., 2023) were fitted,
/// whose nets are SIRENs (Sitzmann et al., 2020).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Widths of the hidden layers, at least one.
    pub hidden: Vec<usize>,
    /// ω of every sine, in radians per unit of pre-activation.
    pub omega: f64,
    /// Added to the output; 0.5 lets an untrained net say gray.
    pub output_offset: f64,
    /// Adam's learning rate per step.
    pub learning_rate: f64,
    /// Adam's decay rates of the gradient's mean and of its mean square, in [0, 1).
    pub betas: [f64; 2],
    /// Added to Adam's denominator.
    pub epsilon: f64,
    /// Most updates of one net.
    pub max_steps: u32,
    /// A net is finished once its peak signal-to-noise ratio, `−10 log₁₀ mse`, reaches this many decibels.
    pub goal_psnr_db: f64,
}

impl Default for Recipe {
    /// The recipe of DWS: two layers of 32 units, ω 30, Adam at 5e-4, up to 1000 steps, stop at 40 dB.
    fn default() -> Self {
        Self {
            hidden: vec![32, 32],
            omega: 30.0,
            output_offset: 0.5,
            learning_rate: 5e-4,
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            max_steps: 1000,
            goal_psnr_db: 40.0,
        }
    }
}

/// An INR reads the column and the row of a pixel.
const N_INPUTS: usize = 2;
/// A wider or deeper net is taken for a mistake.
const MAX_SIZE: usize = 4096;

impl Recipe {
    /// The architecture for images of `n_channels`.
    ///
    /// # Errors
    /// [`Error::Config`] if a value of the recipe cannot be used.
    pub fn spec(&self, n_channels: usize) -> Result<NetSpec> {
        self.validate()?;
        let config = |why: sgmn_graph::Error| Error::Config {
            field: "hidden".into(),
            expected: "widths of a net".into(),
            found: why.to_string(),
        };
        let widths = self.widths(n_channels);
        NetSpec::mlp(&widths, Activation::Sine { omega: self.omega }, self.output_offset).map_err(config)
    }

    /// Parameters of an unfitted net, `W_0, b_0, W_1, b_1, …`, uniform within ±limit.
    ///
    /// The limit is `1 / n_in` for the weights of the first layer, `sqrt(6 / n_in) / ω` for those of later hidden
    /// layers, `1 / sqrt(n_in)` for weights and bias of the last (PyTorch's default); hidden biases are 0.
    pub fn start(&self, n_channels: usize, seed: &Seed) -> Vec<f32> {
        let mut rng = seed.child("start").rng();
        let widths = self.widths(n_channels);
        let mut params = Vec::new();
        for (l, pair) in widths.windows(2).enumerate() {
            let [n_in, n_out] = [pair[0], pair[1]];
            let is_last = l == self.hidden.len();
            let limit = match l {
                0 => 1.0 / n_in as f64,
                _ if is_last => 1.0 / (n_in as f64).sqrt(),
                _ => (6.0 / n_in as f64).sqrt() / self.omega,
            };
            params.extend((0..n_in * n_out).map(|_| uniform(&mut rng, limit)));
            params.extend((0..n_out).map(|_| if is_last { uniform(&mut rng, limit) } else { 0.0 }));
        }
        params
    }

    /// Checks that every value can be used.
    ///
    /// # Errors
    /// [`Error::Config`] names the first field that cannot.
    pub fn validate(&self) -> Result<()> {
        let demand = |holds: bool, field: &str, expected: &str, found: String| {
            if holds {
                return Ok(());
            }
            Err(Error::Config { field: field.into(), expected: expected.into(), found })
        };
        let widths_fit = self.hidden.iter().all(|width| (1..=MAX_SIZE).contains(width));
        let hidden = format!("{:?}", self.hidden);
        demand(
            widths_fit && (1..=MAX_SIZE).contains(&self.hidden.len()),
            "hidden",
            "widths from 1 to 4096",
            hidden,
        )?;
        for (field, value) in
            [("omega", self.omega), ("learning_rate", self.learning_rate), ("epsilon", self.epsilon)]
        {
            demand(value.is_finite() && value > 0.0, field, "a number above 0", value.to_string())?;
        }
        demand(self.output_offset.is_finite(), "output_offset", "a number", self.output_offset.to_string())?;
        let betas_fit = self.betas.iter().all(|beta| (0.0..1.0).contains(beta));
        demand(betas_fit, "betas", "two numbers in [0, 1)", format!("{:?}", self.betas))?;
        demand(
            !self.goal_psnr_db.is_nan(),
            "goal_psnr_db",
            "a number of decibels",
            self.goal_psnr_db.to_string(),
        )
    }

    /// All widths, `[2, hidden…, n_channels]`.
    pub(super) fn widths(&self, n_channels: usize) -> Vec<usize> {
        let mut widths = vec![N_INPUTS];
        widths.extend(&self.hidden);
        widths.push(n_channels);
        widths
    }
}

fn uniform(rng: &mut impl Rng, limit: f64) -> f32 {
    let unit: f64 = rng.random();
    ((2.0 * unit - 1.0) * limit) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_has_the_limits_of_the_recipe() {
        let params = Recipe::default().start(1, &Seed::new(3));
        let largest =
            |range: std::ops::Range<usize>| params[range].iter().fold(0.0f32, |max, x| max.max(x.abs()));
        let limits =
            [(0..64, 0.5), (96..1120, (6.0f32 / 32.0).sqrt() / 30.0), (1152..1185, 1.0 / 32.0f32.sqrt())];
        for (range, limit) in limits {
            assert!(largest(range.clone()) <= limit && largest(range) > 0.9 * limit);
        }
        assert_eq!(largest(64..96).max(largest(1120..1152)), 0.0);
        assert_eq!(params.len(), Recipe::default().spec(1).unwrap().n_params());
    }

    #[test]
    fn a_recipe_that_cannot_work_names_its_field() {
        let refuses = |change: fn(&mut Recipe), field: &str| {
            let mut recipe = Recipe::default();
            change(&mut recipe);
            let message = recipe.validate().unwrap_err().to_string();
            assert!(message.starts_with(field), "{message}");
        };
        refuses(|recipe| recipe.hidden = vec![], "hidden");
        refuses(|recipe| recipe.hidden = vec![0], "hidden");
        refuses(|recipe| recipe.learning_rate = f64::NAN, "learning_rate");
        refuses(|recipe| recipe.betas[1] = 1.0, "betas");
        refuses(|recipe| recipe.goal_psnr_db = f64::NAN, "goal_psnr_db");
    }
}
