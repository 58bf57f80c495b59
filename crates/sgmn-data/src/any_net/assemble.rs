//! From the graph and the tensors of a container to a [`FlowFile`]: the graph is lowered until it is known which
//! tensors may move.

use std::{collections::BTreeMap, path::Path};

use rayon::prelude::*;
use sgmn_graph::flow::{
    Array, Flow, FlowBuilder, FlowError, FlowNet, FlowResult, Origin, Permute, Role, Stored, ValueId,
};

use super::{
    Container, FileTensor, FixedTensor, FlowFile, OpenSize, ReadOptions,
    numbers::Facts,
    roles::{self, Decision, Hint},
    ties::{self, Tie},
};
use crate::{Error, Result};

pub(crate) use super::roles::Known;

/// A float tensor of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    /// Its name in the file; no two records share one.
    pub(crate) name: String,
    /// Its shape.
    pub(crate) shape: Vec<usize>,
    /// Its numbers.
    pub(crate) numbers: Stored,
    /// What the file says about it, if it says so.
    pub(crate) known: Option<Known>,
}

/// A flow in the making, and the tensors that its steps ask for.
pub(crate) struct Tensors<'a> {
    /// The flow.
    pub(crate) flow: FlowBuilder,
    records: &'a [Record],
    decisions: &'a [Decision],
    ties: &'a [Option<Tie>],
    bound: Vec<Option<ValueId>>,
    record_of: BTreeMap<ValueId, usize>,
    hints: Vec<Hint>,
}

/// Rounds at most until all roles are known; each round settles at least one tensor, most settle all.
const MOST_ROUNDS: usize = 100;

/// Finds out which records may move and which are one, and lowers the graph with that.
///
/// # Errors
/// Those of the container; two records of one name; options that name no record; a parameter that is not finite.
pub(crate) fn assemble(
    path: &Path,
    container: Box<dyn Container>,
    records: Vec<Record>,
    options: &ReadOptions,
) -> Result<FlowFile> {
    check_names(path, &records, options)?;
    let facts: Vec<Facts> = records.par_iter().map(|record| Facts::of(&record.numbers)).collect();
    let tables = roles::tables(&records, &facts);
    let mut hints = vec![Hint::default(); records.len()];
    for _ in 0..MOST_ROUNDS {
        let decisions = roles::decide(&records, &facts, &tables, &hints, options);
        let may = |i: usize| !container.knows_ties() && decisions[i] == Decision::Param(Role::Trained);
        let ties = ties::find(&records, &facts, may);
        let mut tensors = Tensors::new(&records, &decisions, &ties, hints.clone());
        let lowered = container.lower(&mut tensors);
        let Tensors { flow, hints: mut found, .. } = tensors;
        let flow = match lowered {
            Ok(()) => Some(flow.build().map_err(Error::flow(path))?),
            // A tensor whose numbers an operation must know was taken for a parameter: again, with what is known now.
            Err(_) if roles::decide(&records, &facts, &tables, &found, options) != decisions => None,
            Err(why) => return Err(with_hint(why, &container.open_sizes())),
        };
        if let Some(flow) = flow {
            let places: BTreeMap<&str, usize> =
                records.iter().enumerate().map(|(i, record)| (record.name.as_str(), i)).collect();
            for param in roles::angles(&flow) {
                found[places[flow.params()[param].name.as_str()]].angles = true;
            }
            if roles::decide(&records, &facts, &tables, &found, options) == decisions {
                check_trained(path, &records, &decisions, &found)?;
                return finish(path, container, records, flow, &decisions, &ties);
            }
        }
        hints = found;
    }
    Err(Error::format(path, format!("roles of tensors that settle in {MOST_ROUNDS} rounds"), "none"))
}

/// The flow of a graph all of whose records may move, none of them tied; their numbers need not be there.
///
/// # Errors
/// Those of the container, also for an operation that must know numbers; an output that is missing.
pub(super) fn assemble_without_numbers(
    path: &Path,
    records: &[Record],
    roles: &[Role],
    lower: impl FnOnce(&mut Tensors<'_>) -> Result<()>,
) -> Result<Flow> {
    let decisions: Vec<Decision> = roles.iter().map(|role| Decision::Param(*role)).collect();
    let ties = vec![None; records.len()];
    let mut tensors = Tensors::new(records, &decisions, &ties, vec![Hint::default(); records.len()]);
    lower(&mut tensors)?;
    tensors.flow.build().map_err(Error::flow(path))
}

/// An error of shapes, with the sizes that were left open beyond that of the batch: the user may say others.
fn with_hint(error: Error, open: &[OpenSize]) -> Error {
    let mut names: Vec<&str> =
        open.iter().filter(|size| size.axis > 0).map(|size| size.name.as_str()).collect();
    names.dedup();
    if names.is_empty() {
        return error;
    }
    let hint = format!(
        "; left open by the file, and as small as can be, are: {} (--size, --input)",
        names.join(", ")
    );
    match error {
        Error::Flow { path, source: FlowError::Step { step, why } } => {
            Error::Flow { path, source: FlowError::Step { step, why: why + &hint } }
        }
        Error::Flow { path, source: FlowError::Shape { what, expected, found } } => {
            Error::Flow { path, source: FlowError::Shape { what, expected, found: found + &hint } }
        }
        other => other,
    }
}

fn check_names(path: &Path, records: &[Record], options: &ReadOptions) -> Result<()> {
    let mut names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::format(path, "tensors of different names", format!("two named {:?}", pair[0])));
    }
    options.check_tensors(&names)
}

/// Refuses a tensor that the user named as trained and an operation must know when the net is read.
fn check_trained(path: &Path, records: &[Record], decisions: &[Decision], hints: &[Hint]) -> Result<()> {
    for (i, hint) in hints.iter().enumerate() {
        if let (Some(why), Decision::Param(_)) = (&hint.constant, &decisions[i]) {
            let name = &records[i].name;
            return Err(Error::format(
                path,
                format!("a tensor that may change under `trained`: {name:?}"),
                why,
            ));
        }
    }
    Ok(())
}

fn finish(
    path: &Path,
    container: Box<dyn Container>,
    mut records: Vec<Record>,
    flow: Flow,
    decisions: &[Decision],
    ties: &[Option<Tie>],
) -> Result<FlowFile> {
    let param_of: BTreeMap<&str, usize> =
        flow.params().iter().enumerate().map(|(i, param)| (param.name.as_str(), i)).collect();
    let mut places = vec![None; records.len()];
    let mut fixed = Vec::new();
    for (i, record) in records.iter().enumerate() {
        let tie = ties[i].unwrap_or(Tie { to: i, transposed: false });
        let why = match (&decisions[i], param_of.get(records[tie.to].name.as_str())) {
            (Decision::Fixed(why), _) => why.clone(),
            (Decision::Param(_), None) => "no output depends on it".to_owned(),
            (Decision::Param(_), Some(param)) => {
                let (name, param) = (record.name.clone(), *param);
                places[i] = Some(FileTensor { name, param, transposed: tie.transposed });
                continue;
            }
        };
        fixed.push(FixedTensor { name: record.name.clone(), shape: record.shape.clone(), why });
    }
    let mut stored = vec![None; flow.params().len()];
    for (i, record) in records.iter_mut().enumerate() {
        let numbers = std::mem::replace(&mut record.numbers, Vec::<f32>::new().into());
        if let (Some(place), None) = (&places[i], ties[i]) {
            stored[place.param] = Some(numbers);
        }
    }
    let stored: Option<Vec<Stored>> = stored.into_iter().collect();
    let stored = stored.expect("every parameter of a flow is the first record of its numbers");
    let net = FlowNet::new(flow.into(), stored).map_err(Error::flow(path))?;
    Ok(FlowFile {
        net,
        tensors: places.iter().flatten().cloned().collect(),
        fixed,
        records: places,
        container,
    })
}

impl<'a> Tensors<'a> {
    fn new(
        records: &'a [Record],
        decisions: &'a [Decision],
        ties: &'a [Option<Tie>],
        hints: Vec<Hint>,
    ) -> Self {
        let bound = vec![None; records.len()];
        Self { flow: FlowBuilder::new(), records, decisions, ties, bound, record_of: BTreeMap::new(), hints }
    }

    /// Record `i` as a value: a parameter, a transposed parameter, or a constant.
    ///
    /// # Errors
    /// A size beyond the limits of flows.
    pub(crate) fn value(&mut self, i: usize) -> FlowResult<ValueId> {
        if let Some(value) = self.bound[i] {
            return Ok(value);
        }
        let record = &self.records[i];
        let value = match (&self.decisions[i], self.ties[i]) {
            (Decision::Fixed(_), _) => self.flow.constant(array(record)?)?,
            (Decision::Param(role), None) => self.flow.param(&record.name, record.shape.clone(), *role)?,
            (Decision::Param(_), Some(Tie { to, transposed })) => {
                let first = self.value(to)?;
                let order = Permute { order: vec![1, 0] };
                if transposed { self.flow.step(order, &[first], &record.name)? } else { first }
            }
        };
        self.bound[i] = Some(value);
        self.record_of.entry(value).or_insert(i);
        Ok(value)
    }

    /// Tells that a value stands where a parameter belongs; it may be any value, only records learn from it.
    pub(crate) fn is_param(&mut self, value: ValueId, role: Role) {
        if let Some(record) = self.record_of.get(&value) {
            self.hints[*record].param.get_or_insert(role);
        }
    }

    /// The numbers of a value that an operation must know now. `None` if it depends on an input; if it depends on
    /// tensors that were taken for parameters, these are remembered as fixed and the graph will be lowered again.
    pub(crate) fn constant(&mut self, value: ValueId, why: &str) -> Option<Array> {
        if let Some(array) = self.flow.flow().constant(value) {
            return Some(array.clone());
        }
        let mut leaves = Vec::new();
        let mut open = vec![value];
        let mut seen = std::collections::BTreeSet::new();
        while let Some(value) = open.pop() {
            match self.flow.flow().origin(value) {
                _ if !seen.insert(value) => {}
                Origin::Const(_) => {}
                Origin::Input(_) => return None,
                Origin::Param(i) => leaves.push(self.flow.flow().params()[i].value),
                Origin::Step(i) => open.extend(&self.flow.flow().steps()[i].from),
            }
        }
        for leaf in leaves {
            if let Some(record) = self.record_of.get(&leaf) {
                self.hints[*record].constant.get_or_insert_with(|| why.to_owned());
            }
        }
        let record = *self.record_of.get(&value)?;
        array(&self.records[record]).ok()
    }
}

fn array(record: &Record) -> FlowResult<Array> {
    let data = match &record.numbers {
        Stored::F64(values) => values.to_vec(),
        Stored::F32(values) => values.iter().map(|value| f64::from(*value)).collect(),
    };
    Array::new(record.shape.clone(), data)
}
