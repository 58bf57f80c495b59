//! Trains many nets at once, a net a task.

use std::{sync::Mutex, time::Instant};

use rayon::prelude::*;

use crate::Result;

/// How far a zoo is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Nets finished, those of earlier calls included.
    pub n_done: usize,
    /// Nets asked for.
    pub n_total: usize,
    /// Nets finished by this call.
    pub n_done_now: usize,
    /// Images learned by the nets finished by this call: forward, backward and their share of an update.
    pub n_images_now: u64,
    /// Time since this call began, in seconds.
    pub seconds: f64,
}

/// Trains the nets of these numbers, of `n_nets`; `sink` takes each as soon as it is finished, in no particular order,
/// one at a time. Every thread begins with a `trainer` of its own, which returns a net and the images that it learned.
/// The images of all.
///
/// # Errors
/// Whatever `train` and `sink` return.
pub(super) fn train_each<Trainer, Net: Send>(
    n_nets: usize,
    numbers: &[usize],
    trainer: impl Fn() -> Trainer + Sync + Send,
    train: impl Fn(&mut Trainer, usize) -> Result<(Net, u64)> + Sync + Send,
    sink: impl FnMut(usize, Net) -> Result<()> + Send,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<u64> {
    let began = Instant::now();
    let n_before = n_nets - numbers.len();
    let collector = Mutex::new((sink, 0, 0));
    let one = |trainer: &mut Trainer, &i: &usize| -> Result<()> {
        let (trained, n_images) = train(trainer, i)?;
        let mut collector =
            collector.lock().expect("no holder of the lock panics, or the panic is passed on");
        let (sink, n_done_now, n_images_now) = &mut *collector;
        sink(i, trained)?;
        *n_done_now += 1;
        *n_images_now += n_images;
        progress(Progress {
            n_done: n_before + *n_done_now,
            n_total: n_nets,
            n_done_now: *n_done_now,
            n_images_now: *n_images_now,
            seconds: began.elapsed().as_secs_f64(),
        });
        Ok(())
    };
    numbers.par_iter().with_max_len(1).try_for_each_init(trainer, one)?;
    let (_, _, n_images) = collector.into_inner().expect("no holder of the lock panics");
    Ok(n_images)
}
