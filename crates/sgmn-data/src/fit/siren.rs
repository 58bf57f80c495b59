//! Fits SIRENs to images, one net a task, on all cores.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use rayon::prelude::*;
use sgmn_graph::Seed;

use super::{Images, Recipe, adam::Adam, kernel::Kernel, simd::Level};
use crate::{Error, Result};

/// A fitted net.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// Its parameters, `W_0, b_0, W_1, b_1, …`, each row-major in PyTorch's layout.
    pub params: Vec<f32>,
    /// Peak signal-to-noise ratio of these very parameters, `−10 log₁₀ mse`, in decibels.
    pub psnr_db: f64,
    /// Updates made.
    pub n_steps: u32,
}

/// How far a population is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Nets finished, those of earlier calls included.
    pub n_done: usize,
    /// Nets asked for.
    pub n_total: usize,
    /// Nets finished by this call.
    pub n_done_now: usize,
    /// Of those, how many reached the recipe's goal.
    pub n_reached_now: usize,
    /// Time since this call began, in seconds.
    pub seconds: f64,
}

/// Fits one net to one image `[H, W, C]`, `size` being `[H, W, C]`.
///
/// The result depends on the arguments only (and, in its last bits, on [`super::arithmetic`]).
///
/// # Errors
/// [`Error::Config`] if the image does not have this size or holds a number that is not finite, if the recipe cannot
/// be used, or if the fit diverges.
pub fn fit_one(image: &[f32], size: [usize; 3], recipe: &Recipe, seed: &Seed) -> Result<Fitted> {
    let images = Images::new(size, image.to_vec(), None)?;
    if images.len() != 1 {
        return Err(Error::Config {
            field: "image".into(),
            expected: format!("one image of size {size:?}"),
            found: format!("{} values", image.len()),
        });
    }
    recipe.validate()?;
    Fitter::new(recipe, size).fit(image, seed, &AtomicBool::new(false))
}

/// Fits one net to every image; net `i` starts from `seed.child("fit").index(i)`.
///
/// `sink` takes each net with its number as soon as it is finished, in no particular order, one at a time; `progress`
/// is called after it. A net depends on its image, the recipe and its seed only: not on the number of threads, nor on
/// the other images.
///
/// # Errors
/// [`Error::Interrupted`] soon after `stop` becomes true; [`Error::Config`] as [`fit_one`]; whatever `sink` returns.
pub fn fit_all(
    images: &Images,
    recipe: &Recipe,
    seed: &Seed,
    sink: impl FnMut(usize, Fitted) -> Result<()> + Send,
    progress: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Result<()> {
    let all: Vec<usize> = (0..images.len()).collect();
    fit_some(images, (&all, all.len()), recipe, seed, sink, progress, stop)
}

/// [`fit_all`] for the images of these numbers only, the last ones of so many that were asked for.
pub(super) fn fit_some(
    images: &Images,
    (numbers, n_total): (&[usize], usize),
    recipe: &Recipe,
    seed: &Seed,
    sink: impl FnMut(usize, Fitted) -> Result<()> + Send,
    progress: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Result<()> {
    recipe.validate()?;
    let began = Instant::now();
    let n_before = n_total - numbers.len();
    let collector = Mutex::new((sink, 0, 0));
    let seed = seed.child("fit");
    let fit = |fitter: &mut Fitter<'_>, &i: &usize| -> Result<()> {
        let fitted = fitter.fit(images.image(i), &seed.index(i as u64), stop)?;
        let reached = usize::from(fitted.psnr_db >= recipe.goal_psnr_db);
        let mut collector =
            collector.lock().expect("no holder of the lock panics, or the panic is passed on");
        let (sink, n_done_now, n_reached_now) = &mut *collector;
        sink(i, fitted)?;
        *n_done_now += 1;
        *n_reached_now += reached;
        progress(Progress {
            n_done: n_before + *n_done_now,
            n_total,
            n_done_now: *n_done_now,
            n_reached_now: *n_reached_now,
            seconds: began.elapsed().as_secs_f64(),
        });
        Ok(())
    };
    numbers.par_iter().with_max_len(1).try_for_each_init(|| Fitter::new(recipe, images.size()), fit)
}

/// Everything needed to fit one net after the other, allocated once.
struct Fitter<'a> {
    recipe: &'a Recipe,
    n_channels: usize,
    kernel: Kernel,
    adam: Adam,
    gradient: Vec<f32>,
}

impl<'a> Fitter<'a> {
    /// A fitter for images of this size; the recipe has been validated.
    fn new(recipe: &'a Recipe, [height, width, n_channels]: [usize; 3]) -> Self {
        let level = Level::detect();
        let omegas = vec![recipe.omega; recipe.hidden.len()];
        let kernel =
            Kernel::new(level, &recipe.widths(n_channels), &omegas, recipe.output_offset, [height, width]);
        let n_params = kernel.n_params();
        let adam = Adam::new(level, recipe, n_params);
        Self { recipe, n_channels, kernel, adam, gradient: vec![0.0; n_params] }
    }

    /// Fits one net; [`Error::Interrupted`] if `stop` becomes true first.
    fn fit(&mut self, image: &[f32], seed: &Seed, stop: &AtomicBool) -> Result<Fitted> {
        let mut params = self.recipe.start(self.n_channels, seed);
        self.adam.restart();
        self.kernel.load_target(image);
        for n_steps in 0.. {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            self.kernel.load_params(&params);
            let psnr_db = -10.0 * self.kernel.step().log10();
            if psnr_db.is_nan() || psnr_db == f64::NEG_INFINITY {
                return Err(Error::Config {
                    field: "learning_rate".into(),
                    expected: "a rate at which every fit stays finite".into(),
                    found: format!("{}, which diverged after {n_steps} steps", self.recipe.learning_rate),
                });
            }
            if psnr_db >= self.recipe.goal_psnr_db || n_steps == self.recipe.max_steps {
                return Ok(Fitted { params, psnr_db, n_steps });
            }
            self.kernel.write_gradient(&mut self.gradient);
            self.adam.update(&mut params, &self.gradient);
        }
        unreachable!("the step count reaches max_steps, a u32")
    }
}
