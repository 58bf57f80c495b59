//! Holds each file of a folder against what is known of its net.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Result;
use sgmn_data::any_net::{self, FlowFile, ReadOptions};
use sgmn_graph::{
    Seed,
    flow::{Array, FlowNet, Numbers},
};
use sgmn_symmetry::flow::{Difference, Draw, relate};

use super::{carried::Carried, spaces, truth::Folder};
use crate::any_net::{
    free::{Choice, Free},
    judge::{Judge, relative},
};

/// What was found out about a file.
#[derive(Debug)]
pub struct Proof {
    /// The file.
    pub file: PathBuf,
    /// One after the other; nothing is looked at after a file that cannot be read.
    pub facts: Vec<Fact>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// What, in a few words.
    pub what: String,
    /// The number that was measured, or what was found.
    pub found: String,
    /// Whether it is as it should be.
    pub holds: bool,
}

/// Answers of files that hold rounded tables and folded norms.
const ANSWERS_F32: f64 = 1e-5;
/// Answers of files that hold the very parameters from which they were computed.
const ANSWERS_EXACT: f64 = 1e-10;
/// What keeps a function may change answers by so much, in f64.
const KEPT: f64 = 1e-10;
/// Canonical forms of one orbit differ by so much, relative to the largest number of each parameter.
const MEET: f64 = 1e-9;
/// What does not keep a function changes answers by so much at least.
const SEEN: f64 = 1e-3;
/// What is drawn and must keep the function.
const CHOICES: [(&str, Choice); 4] = [
    ("orders and scales", Choice { spaces: Some(EVERY), matrices: false, additions: false }),
    ("random matrices", Choice { spaces: None, matrices: true, additions: false }),
    ("random additions", Choice { spaces: None, matrices: false, additions: true }),
    ("all together", Choice { spaces: Some(EVERY), matrices: true, additions: true }),
];
const EVERY: Draw = Draw { orders: true, signs: true, spread: 0.7 };
/// Elements that are drawn of each for each file.
const N_ELEMENTS: u64 = 3;
/// Random questions beside those of the folder.
const N_QUESTIONS: u64 = 2;

impl Proof {
    /// Whether everything is as it should be.
    pub fn holds(&self) -> bool {
        self.facts.iter().all(|fact| fact.holds)
    }
}

impl Fact {
    fn below(what: impl Into<String>, found: f64, most: f64) -> Self {
        let holds = found <= most;
        let found =
            if holds { format!("{found:.1e}") } else { format!("{found:.1e}, expected {most:.0e} at most") };
        Self { what: what.into(), found, holds }
    }

    fn above(what: impl Into<String>, found: f64, least: f64) -> Self {
        let holds = found >= least;
        let found = if holds {
            format!("{found:.1e}")
        } else {
            format!("{found:.1e}, expected {least:.0e} at least")
        };
        Self { what: what.into(), found, holds }
    }

    fn said(what: &str, found: Result<String, String>) -> Self {
        match found {
            Ok(found) => Self::right(what, found),
            Err(found) => Self::wrong(what, found),
        }
    }

    fn right(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { what: what.into(), found: found.into(), holds: true }
    }

    fn wrong(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { what: what.into(), found: found.into(), holds: false }
    }
}

/// Proves every file of a folder, in the order of their names.
///
/// # Errors
/// A folder that is not one of the oracle; files that fail are no errors but facts.
pub fn prove(path: &Path) -> Result<Vec<Proof>> {
    let folder = Folder::open(path)?;
    let mut proofs = Vec::new();
    let mut n_whole = 0;
    for name in ["dynamo.onnx", "script.onnx", "unfused.onnx", "export.pt2"] {
        let file = path.join(name);
        if file.exists() {
            let (facts, whole) = of_file(&folder, &file, name);
            n_whole += usize::from(whole);
            proofs.push(Proof { file, facts });
        }
    }
    if proofs.is_empty() || n_whole == 0 {
        let fact = Fact::wrong("files", "none holds all parameters, so twins were not looked at");
        proofs.push(Proof { file: path.to_owned(), facts: vec![fact] });
    }
    let twin = path.join("twin.onnx");
    if twin.exists() {
        proofs.push(Proof { facts: of_twin(&folder, &twin), file: twin });
    }
    let foreign = path.join("ort.onnx");
    if foreign.exists() {
        proofs.push(Proof { facts: vec![of_foreign(&folder, &foreign)], file: foreign });
    }
    Ok(proofs)
}

/// Everything about a file, and whether it holds all parameters.
fn of_file(folder: &Folder, path: &Path, name: &str) -> (Vec<Fact>, bool) {
    let mut facts = Vec::new();
    let file = match open(folder, path, name) {
        Ok(file) => file,
        Err(why) => return (vec![Fact::wrong("reading", why)], false),
    };
    let whole = look(folder, &file, name, &mut facts).unwrap_or_else(|why| {
        facts.push(Fact::wrong("computing", why.to_string()));
        false
    });
    (facts, whole)
}

fn look(folder: &Folder, file: &FlowFile, name: &str, facts: &mut Vec<Fact>) -> Result<bool> {
    let net = &file.net;
    let mut questions = vec![vec![folder.x.clone()]];
    for i in 0..N_QUESTIONS {
        questions.push(sgmn_graph::flow::random_inputs(net.flow(), Seed::new(i).child("prove")));
    }
    let judge = Judge::new(net, questions)?;
    let exact = name.ends_with(".pt2");
    facts.push(answers(folder, &judge, if exact { ANSWERS_EXACT } else { ANSWERS_F32 }));

    let kind = name.split('.').next().unwrap_or(name);
    let carried = match Carried::find(folder, net, kind) {
        Ok(carried) => carried,
        Err(why) => {
            facts.push(Fact::wrong("tensors", why));
            return Ok(false);
        }
    };
    let free = Free::of(net.flow());
    facts.push(match carried.declared() {
        Err(why) => Fact::wrong("spaces", why),
        Ok(declared) => match declared.check(&free.spaces) {
            Ok(()) => Fact::right("spaces", format!("as said of {} parameters", carried.len())),
            Err(why) => Fact::wrong("spaces", why.to_string()),
        },
    });
    facts.push(Fact::said("orders", spaces::orders(folder, &free)));
    facts.push(Fact::said("matrices", spaces::matrices(folder, &free, &carried)));
    if carried.is_whole() {
        facts.push(Fact::said("dimensions", spaces::dims(folder, &free)));
    }
    for (what, choice) in CHOICES {
        let mut worst: f64 = 0.0;
        for i in 0..N_ELEMENTS {
            let seed = Seed::new(i).child(what);
            if let Some(change) = free.draw(net, &choice, seed, |changed| judge.change(changed))? {
                worst = worst.max(change?);
            }
        }
        facts.push(Fact::below(what, worst, KEPT));
    }

    for (what, set) in &folder.twins {
        if let Some(twin) = carried.with(set) {
            facts.push(Fact::below(format!("twin {what}"), judge.change_of_first(&twin)?, KEPT));
            facts.push(form(net, &twin, what));
        }
    }
    for (what, set) in &folder.negatives {
        if let Some(negative) = carried.with(set) {
            facts.push(Fact::above(format!("negative {what:?}"), judge.change_of_first(&negative)?, SEEN));
        }
    }
    Ok(carried.is_whole())
}

/// Whether a net and its twin have one canonical form.
fn form(net: &FlowNet, twin: &dyn Numbers, what: &str) -> Fact {
    let words = format!("form of twin {what}");
    let relation =
        net.with(twin).map_err(sgmn_symmetry::Error::from).and_then(|twin| relate(net, &twin, MEET));
    let relation = match relation {
        Ok(relation) => relation,
        Err(why) => return Fact::wrong(words, why.to_string()),
    };
    let (distance, repairs) = (relation.largest(), relation.repairs);
    match &relation.first {
        None => Fact::below(words, distance, MEET),
        Some(Difference { param, index, .. }) => Fact::wrong(
            words,
            format!(
                "{distance:.1e}, first at {param} number {index}, {repairs} choices undecided; expected {MEET:.0e} at most"
            ),
        ),
    }
}

/// A file that gives the answers of the net.
fn of_twin(folder: &Folder, path: &Path) -> Vec<Fact> {
    let found = open(folder, path, "dynamo.onnx").and_then(|file| {
        let judge = Judge::new(&file.net, vec![vec![folder.x.clone()]]).map_err(|why| why.to_string())?;
        Ok(answers(folder, &judge, ANSWERS_F32))
    });
    vec![found.unwrap_or_else(|why| Fact::wrong("reading", why))]
}

/// A file with operations that only its writer knows.
fn of_foreign(folder: &Folder, path: &Path) -> Fact {
    const WHAT: &str = "refused";
    let ops = |kind: &str| folder.truth.onnx.get(kind).map(|file| &file.ops);
    let standard: Vec<&String> = ops("dynamo").into_iter().flat_map(BTreeMap::keys).collect();
    let foreign: Vec<&String> =
        ops("ort").into_iter().flat_map(BTreeMap::keys).filter(|op| !standard.contains(op)).collect();
    match any_net::open(path, &ReadOptions::default()) {
        Ok(_) => Fact::wrong(WHAT, format!("it was read, expected a refusal of one of {foreign:?}")),
        Err(why) => {
            let why = why.to_string();
            match foreign.iter().find(|op| why.contains(op.as_str())) {
                Some(op) => Fact::right(WHAT, format!("by the name of {op}")),
                None => Fact::wrong(WHAT, format!("{why}; expected the name of one of {foreign:?}")),
            }
        }
    }
}

/// Whether the answers are those of the folder.
fn answers(folder: &Folder, judge: &Judge<'_>, most: f64) -> Fact {
    const WHAT: &str = "answers";
    match judge.answers() {
        [first, ..] if first.len() == 1 && first[0].shape() == folder.y.shape() => {
            Fact::below(WHAT, relative(folder.y.data(), first[0].data()), most)
        }
        [first, ..] => {
            let shapes: Vec<&[usize]> = first.iter().map(Array::shape).collect();
            Fact::wrong(WHAT, format!("shapes {shapes:?}, expected {:?}", folder.y.shape()))
        }
        [] => Fact::wrong(WHAT, "none"),
    }
}

/// Opens a file at the shape of the folder's input.
fn open(folder: &Folder, path: &Path, name: &str) -> Result<FlowFile, String> {
    let listed = folder.truth.onnx.get(name.split('.').next().unwrap_or(name));
    // Of a program, every tensor has its name; of other files, those that are listed.
    let in_file = |frozen: &&String| listed.is_none_or(|file| file.tensors.contains_key(*frozen));
    let fixed = folder.truth.frozen.iter().filter(in_file).cloned().collect();
    let mut options = ReadOptions { fixed, ..ReadOptions::default() };
    let shown = |why: sgmn_data::Error| why.to_string();
    let file = any_net::open(path, &options).map_err(shown)?;
    let [input] = file.net.flow().inputs() else {
        return Err(format!("expected one input, found {}", file.net.flow().inputs().len()));
    };
    if file.net.flow().shape(input.value) == folder.x.shape() {
        return Ok(file);
    }
    options.inputs.insert(input.name.clone(), folder.x.shape().to_vec());
    any_net::open(path, &options).map_err(shown)
}
