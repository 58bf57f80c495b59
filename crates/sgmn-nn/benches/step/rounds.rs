//! Timing of several things in turn, round after round, so that a machine that is slow for a while slows all alike.

use std::time::{Duration, Instant};

/// How much time measuring may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    Quick,
    Full,
}

/// Time for the rounds, and rounds that are made even if they take longer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    time: Duration,
    n_least: usize,
}

impl Effort {
    /// So many seconds, or a fifth of them; six rounds are the fewest that have a 95 % interval.
    pub(crate) fn of_seconds(self, seconds: f64) -> Budget {
        match self {
            Self::Full => Budget { time: Duration::from_secs_f64(seconds), n_least: 6 },
            Self::Quick => Budget { time: Duration::from_secs_f64(seconds / 5.0), n_least: 2 },
        }
    }
}

impl Budget {
    /// The same time with another number of rounds that are made even if they take longer. With one round, first calls
    /// that take all of the time are enough.
    #[allow(dead_code, reason = "for programs whose calls take long")]
    pub(crate) fn at_least(self, n_least: usize) -> Self {
        Self { n_least, ..self }
    }
}

/// One of the things that are timed.
pub(crate) struct Entrant<'a> {
    name: String,
    /// What one call does: nets, or floating-point operations.
    elements: f64,
    call: Box<dyn FnMut() + 'a>,
    n_calls: usize,
    seconds: Vec<f64>,
}

impl<'a> Entrant<'a> {
    pub(crate) fn new(name: String, elements: f64, call: impl FnMut() + 'a) -> Self {
        Self { name, elements, call: Box::new(call), n_calls: 1, seconds: Vec::new() }
    }

    /// Seconds of one call, averaged over as many as fill a sample.
    fn sample(&mut self) -> f64 {
        let began = Instant::now();
        (0..self.n_calls).for_each(|_| (self.call)());
        began.elapsed().as_secs_f64() / self.n_calls as f64
    }
}

/// Times everyone in turn and prints a line each: `samples NAME ELEMENTS SECONDS…`, one number a round.
pub(crate) fn rounds(budget: Budget, entrants: &mut [Entrant<'_>]) {
    /// A sample lasts at least so long, in seconds, or one call.
    const LEAST_SAMPLE: f64 = 0.2;
    const MOST_ROUNDS: usize = 40;
    let mut first = Vec::new();
    for entrant in entrants.iter_mut() {
        // The first call meets cold caches and fresh memory; a long one is right enough to count calls by.
        let mut seconds = entrant.sample();
        if seconds < LEAST_SAMPLE {
            seconds = entrant.sample();
        }
        entrant.n_calls = (LEAST_SAMPLE / seconds).ceil().max(1.0) as usize;
        first.push(seconds);
    }
    let is_enough = budget.n_least == 1 && first.iter().sum::<f64>() >= budget.time.as_secs_f64();
    if is_enough {
        entrants.iter_mut().zip(first).for_each(|(entrant, seconds)| entrant.seconds.push(seconds));
    }
    let began = Instant::now();
    for n_done in 0..if is_enough { 0 } else { MOST_ROUNDS } {
        if n_done >= budget.n_least && began.elapsed() >= budget.time {
            break;
        }
        for entrant in entrants.iter_mut() {
            let seconds = entrant.sample();
            entrant.seconds.push(seconds);
        }
    }
    for Entrant { name, elements, seconds, .. } in entrants {
        let seconds: Vec<String> = seconds.iter().map(|seconds| format!("{seconds:e}")).collect();
        println!("samples {name} {elements} {}", seconds.join(" "));
    }
}

/// Prints a number that no clock told.
pub(crate) fn fact(name: &str, value: f64) {
    println!("fact {name} {value}");
}

/// The most memory this process ever held, where the system tells.
pub(crate) fn peak(name: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    if let Some(kibibytes) = kibibytes {
        fact(&format!("{name}/peak_bytes"), 1024.0 * kibibytes);
    }
}
