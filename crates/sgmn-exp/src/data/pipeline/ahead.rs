//! Batches that are made ahead on a thread of their own, and how long whoever takes them had to wait.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, sync_channel},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use candle_core::Device;

use super::PreparedBatch;

/// Batches in a fixed order, prepared while earlier ones are worked on.
///
/// Dropping it ends the preparation.
#[derive(Debug)]
pub struct Batches<T = PreparedBatch> {
    receiver: Receiver<Result<T>>,
    waiting: Waiting,
}

impl<T: Send + 'static> Batches<T> {
    /// Begins to make `n_batches` batches; `prepare` is called for each in turn, on one other thread. A batch is on the
    /// device when it is handed out.
    pub(crate) fn ahead(
        n_batches: usize,
        waiting: Waiting,
        device: Device,
        prepare: impl Fn(usize) -> Result<T> + Send + 'static,
    ) -> Self {
        // A CUDA device keeps a queue for each thread, and no other queue waits for this thread's uploads.
        let prepare = move |i| {
            let prepared = prepare(i)?;
            device.synchronize()?;
            Ok(prepared)
        };
        // Two batches ahead hide the preparation; more would only hold memory.
        const AHEAD: usize = 2;
        let (sender, receiver) = sync_channel(AHEAD);
        std::thread::spawn(move || {
            for i in 0..n_batches {
                // A panic here would otherwise look like the end of the batches.
                let prepared = catch_unwind(AssertUnwindSafe(|| prepare(i)))
                    .unwrap_or_else(|_| Err(anyhow!("preparing batch {i} panicked")));
                // A receiver that went away wants no more batches.
                if sender.send(prepared).is_err() {
                    break;
                }
            }
        });
        Self { receiver, waiting }
    }
}

impl<T> Iterator for Batches<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let began = Instant::now();
        let next = self.receiver.recv().ok();
        self.waiting.add(began.elapsed());
        next
    }
}

/// Time spent waiting for batches, added up over all who wait.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiting {
    nanoseconds: Arc<AtomicU64>,
}

impl Waiting {
    fn add(&self, time: Duration) {
        // Five hundred years fit.
        self.nanoseconds.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// The time since the last call.
    pub(super) fn take(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.swap(0, Ordering::Relaxed))
    }
}
