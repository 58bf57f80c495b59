//! How the cost of a training step grows with the batch, the width of the nets and their number.

use std::{cell::RefCell, sync::Arc};

use sgmn_graph::{NetSpec, Topology};
use sgmn_nn::{
    Normalization,
    models::{Direction, ModelConfig},
    testing::{Running, Setting, Task, case, gated, inr, random_nets},
};

use crate::rounds::{Effort, Entrant, fact, rounds};

/// Width of the model's features where nets are large or many.
const D_SMALL: usize = 32;

/// Measures along one axis; every name ends with the place on it, and the edges of one net are told beside it.
pub(crate) fn run(axis: &str, effort: Effort) {
    match axis {
        "batch" => batch(effort),
        "width" => width(effort),
        "nets" => nets(effort),
        other => panic!("expected batch, width or nets, found {other}"),
    }
}

/// Steps of the published configuration on 1 to 128 nets at once.
fn batch(effort: Effort) {
    let case = case("mnist").unwrap();
    let sizes = (0..8).map(|k| 1 << k);
    let places = sizes.map(|n_nets| Place::new(format!("batch/{n_nets}"), &case.spec, n_nets)).collect();
    steps(effort, case.running(&Setting::default()).unwrap(), places);
}

/// Steps on nets of ever wider hidden layers, as many as hold about a million edges together.
fn width(effort: Effort) {
    const N_EDGES: usize = 1_060_000;
    let mut specs = Vec::new();
    let mut places = Vec::new();
    for n_hidden in (4..=10).map(|k| 1 << k) {
        let spec = inr(n_hidden);
        let n_nets = (N_EDGES / n_edges(&spec)).clamp(1, 8);
        places.push(Place::new(format!("width/{n_hidden}"), &spec, n_nets));
        specs.push(spec);
    }
    let config = gated(Direction::Forward, D_SMALL, false);
    steps(
        effort,
        Running::new(
            &ModelConfig::ScaleGmn(config.clone()),
            &specs,
            Normalization::none(),
            &Setting::default(),
        )
        .unwrap(),
        places,
    );
}

/// Epochs over ever more nets: they are lowered and collated, and a step is made on every 32.
fn nets(effort: Effort) {
    const BATCH_SIZE: usize = 32;
    let (spec, config) = (inr(32), gated(Direction::Forward, D_SMALL, false));
    let all = random_nets(&spec, 1024);
    let setting = Setting::default();
    let config = ModelConfig::ScaleGmn(config);
    let running =
        Running::new(&config, std::slice::from_ref(&spec), Normalization::none(), &setting).unwrap();
    let running = RefCell::new(running);
    let epoch = &|n_nets: usize| {
        for nets in all[..n_nets].chunks(BATCH_SIZE) {
            running.borrow_mut().step(&Task::of(nets, &setting).unwrap()).unwrap();
        }
    };
    let mut entrants: Vec<Entrant<'_>> = (5..=10)
        .map(|k| 1 << k)
        .map(|n_nets| {
            let name = format!("nets/{n_nets}");
            fact(&format!("{name}/n_edges"), n_edges(&spec) as f64);
            Entrant::new(name, n_nets as f64, move || epoch(n_nets))
        })
        .collect();
    rounds(effort.of_seconds(30.0), &mut entrants);
}

/// A place on an axis: what a step there reads.
struct Place {
    name: String,
    n_nets: usize,
    task: Task,
}

impl Place {
    fn new(name: String, spec: &Arc<NetSpec>, n_nets: usize) -> Self {
        fact(&format!("{name}/n_edges"), n_edges(spec) as f64);
        Self { name, n_nets, task: Task::random(spec, n_nets, &Setting::default()).unwrap() }
    }
}

/// Times a step at every place, by one model.
fn steps(effort: Effort, running: Running, places: Vec<Place>) {
    let running = &RefCell::new(running);
    let mut entrants: Vec<Entrant<'_>> = places
        .iter()
        .map(|Place { name, n_nets, task }| {
            Entrant::new(name.clone(), *n_nets as f64, move || {
                running.borrow_mut().step(task).unwrap();
            })
        })
        .collect();
    rounds(effort.of_seconds(40.0), &mut entrants);
}

fn n_edges(spec: &Arc<NetSpec>) -> usize {
    Topology::new(spec.clone()).unwrap().n_edges()
}
