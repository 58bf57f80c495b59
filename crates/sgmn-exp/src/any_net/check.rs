//! Whether what is inferred of a net is true: random elements keep its function, and what is just outside does not.

use std::{path::Path, time::Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use sgmn_data::any_net::{self, ReadOptions};
use sgmn_graph::{
    Seed,
    flow::{FlowNet, Numbers, Stored},
};
use sgmn_symmetry::flow::Draw;

use super::{
    description::open_sizes,
    facts::{forget_peak, give_back, peak_memory},
    free::{Choice, Dims, Free},
    judge::Judge,
    negatives::{Negative, negatives},
};

/// How much is tried.
#[derive(Debug, Clone, Copy)]
pub struct Trials {
    /// Random elements of each kind.
    pub elements: u64,
    /// Changes outside of the group at most.
    pub negatives: usize,
    /// Random questions that each net is asked.
    pub questions: usize,
    /// Where chance begins.
    pub seed: Seed,
}

/// What was measured of a net.
#[derive(Debug, Clone)]
pub struct Report {
    /// Numbers that may change.
    pub n_numbers: usize,
    /// Steps of the flow.
    pub n_steps: usize,
    /// Continuous dimensions that are free.
    pub dims: Dims,
    /// Signs that are free.
    pub n_signs: usize,
    /// Elements of each kind.
    pub kinds: Vec<KindReport>,
    /// Changes outside of the group.
    pub negatives: Vec<Negative>,
    /// Numbers that an element of all kinds together changed.
    pub n_moved: usize,
    /// How long each stage took.
    pub seconds: Seconds,
    /// Sizes beyond that of the batch that nobody has said.
    pub open_sizes: Vec<String>,
    /// Bytes of the file, and the most memory that was held meanwhile, where the system tells.
    pub file_bytes: Option<u64>,
    /// See `file_bytes`.
    pub peak_bytes: Option<u64>,
}

/// Elements of one kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindReport {
    /// The kind.
    pub kind: &'static str,
    /// How many moved something.
    pub n_moving: u64,
    /// The largest change of an answer.
    pub change: f64,
}

/// Wall-clock time of each stage.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Seconds {
    /// Reading the file.
    pub read: f64,
    /// Inferring what may change.
    pub derive: f64,
    /// Making all numbers of a net changed by orders and scalars.
    pub act: f64,
    /// Making all numbers of a net changed by matrices, those of the matrices included.
    pub mix: f64,
    /// Answering one question.
    pub run: f64,
}

/// What keeps a function may change answers by so much, relative to the largest, in f64. Rounding grows with depth and
/// with scalars; what is no symmetry is seen in the third digit.
pub const KEPT: f64 = 1e-9;

/// Kinds of elements, and what is drawn for each.
const KINDS: [(&str, Choice); 6] = [
    ("orders", spaces(Draw { orders: true, signs: false, spread: 0.0 })),
    ("signs", spaces(Draw { orders: false, signs: true, spread: 0.0 })),
    ("magnitudes", spaces(Draw { orders: false, signs: false, spread: SPREAD })),
    ("matrices", Choice { spaces: None, matrices: true, additions: false }),
    ("additions", Choice { spaces: None, matrices: false, additions: true }),
    ("all together", Choice { spaces: Some(EVERY), matrices: true, additions: true }),
];
const EVERY: Draw = Draw { orders: true, signs: true, spread: SPREAD };
/// Magnitudes go up to a factor of two and back.
const SPREAD: f64 = 0.7;

const fn spaces(draw: Draw) -> Choice {
    Choice { spaces: Some(draw), matrices: false, additions: false }
}

impl Report {
    /// The largest change of an answer by an element.
    pub fn worst(&self) -> f64 {
        self.kinds.iter().map(|kind| kind.change).fold(0.0, f64::max)
    }

    /// Whether all elements kept the function.
    pub fn holds(&self) -> bool {
        self.worst() <= KEPT
    }

    /// How many changes outside of the group were seen.
    pub fn n_seen(&self) -> usize {
        self.negatives.iter().filter(|negative| negative.is_seen()).count()
    }
}

/// Reads a net and measures it.
///
/// # Errors
/// A file that cannot be read, or a net that cannot be computed on random inputs.
pub fn check_file(path: &Path, options: &ReadOptions, trials: &Trials) -> Result<Report> {
    forget_peak();
    let start = Instant::now();
    let file = any_net::open(path, options)?;
    give_back();
    let report = check(&file.net, start.elapsed().as_secs_f64(), trials);
    let report = report.with_context(|| path.display().to_string())?;
    // Of a folder, the settings say nothing of its size.
    let is_one = path.is_file() && path.extension().is_none_or(|ending| ending != "json");
    let file_bytes = std::fs::metadata(path).ok().filter(|_| is_one).map(|facts| facts.len());
    let open_sizes = open_sizes(&file);
    Ok(Report { open_sizes, file_bytes, peak_bytes: peak_memory(), ..report })
}

/// Measures a net that was read in so many seconds.
///
/// # Errors
/// A net that cannot be computed on random inputs.
pub fn check(net: &FlowNet, read: f64, trials: &Trials) -> Result<Report> {
    let start = Instant::now();
    let free = Free::of(net.flow());
    let derive = start.elapsed().as_secs_f64();
    give_back();

    let start = Instant::now();
    let judge = Judge::random(net, trials.seed.child("questions"), trials.questions)?;
    let run = start.elapsed().as_secs_f64() / trials.questions.max(1) as f64;

    let (n_moved, act) = acted(&free, net, trials.seed);
    let mix = mixed(&free, net, trials.seed)?;
    let mut kinds = Vec::new();
    for (kind, choice) in KINDS {
        let mut report = KindReport { kind, n_moving: 0, change: 0.0 };
        for i in 0..trials.elements {
            let seed = trials.seed.child(kind).index(i);
            if let Some(change) = free.draw(net, &choice, seed, |changed| judge.change(changed))? {
                report.n_moving += 1;
                report.change = f64::max(report.change, change?);
            }
        }
        kinds.push(report);
    }
    let negatives = negatives(&free, &judge, trials.seed.child("negatives"), trials.negatives)?;
    Ok(Report {
        n_numbers: net.flow().n_numbers(),
        n_steps: net.flow().steps().len(),
        dims: free.dims(),
        n_signs: free.signs(),
        kinds,
        negatives,
        n_moved,
        seconds: Seconds { read, derive, act, mix, run },
        open_sizes: Vec::new(),
        file_bytes: None,
        peak_bytes: None,
    })
}

/// How many numbers an element of orders and scalars changes, and how long it took to make all of them.
fn acted(free: &Free, net: &FlowNet, seed: Seed) -> (usize, f64) {
    let element = free.spaces.sample(seed.child("moved"), &Draw::default());
    let acted = element.act(net);
    let (mut n_moved, mut seconds) = (0, 0.0);
    for param in 0..net.flow().params().len() {
        let start = Instant::now();
        let new = acted.numbers(param);
        seconds += start.elapsed().as_secs_f64();
        n_moved += match &net.stored()[param] {
            Stored::F32(old) => {
                old.iter().zip(new.iter()).filter(|(old, new)| f64::from(**old) != **new).count()
            }
            Stored::F64(old) => old.iter().zip(new.iter()).filter(|(old, new)| old != new).count(),
        };
    }
    (n_moved, seconds)
}

/// How long it takes to draw a matrix for each block of each space and to make all numbers with them.
fn mixed(free: &Free, net: &FlowNet, seed: Seed) -> Result<f64> {
    let start = Instant::now();
    let matrices = Choice { spaces: None, matrices: true, additions: false };
    free.draw(net, &matrices, seed.child("mixed"), |mixed| {
        (0..net.flow().params().len()).for_each(|param| drop(mixed.numbers(param)));
    })?;
    Ok(start.elapsed().as_secs_f64())
}
