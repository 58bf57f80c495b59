//! A net as a list of layers with the tensors of its weights, and how it becomes a flow.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use sgmn_graph::flow::{FlowError, FlowResult, InputKind, Permute, ValueId};

use super::{
    super::{OpenSize, Tensors, compose::Draft, shared::Share},
    document,
    layer::{self, Layer},
    layers,
};
use crate::{Error, Result};

/// A net by its layers, and the tensors that they may use.
#[derive(Debug)]
pub(in crate::any_net) struct Plan {
    /// The file that describes it, for messages.
    pub(in crate::any_net) path: PathBuf,
    /// Names, shapes, and whether numbers are whole.
    pub(in crate::any_net) inputs: Vec<(String, Vec<usize>, bool)>,
    /// Sizes that nobody has said.
    pub(in crate::any_net) open: Vec<OpenSize>,
    /// Names of values that are outputs; the last value if there are none.
    pub(in crate::any_net) outputs: Vec<String>,
    /// The layers in order.
    pub(in crate::any_net) layers: Vec<document::Layer>,
    /// Real tensors of the weights by name.
    pub(in crate::any_net) shares: BTreeMap<String, Share>,
    /// Tensors of other kinds, which nothing can use.
    pub(in crate::any_net) others: BTreeSet<String>,
    /// Tensors that no layer needs to use.
    pub(in crate::any_net) idle: BTreeSet<String>,
    /// The file of the weights, for messages.
    pub(in crate::any_net) of: PathBuf,
}

impl Plan {
    /// How often each kind of layer stands in it.
    pub(in crate::any_net) fn operations(&self) -> BTreeMap<String, usize> {
        let mut operations = BTreeMap::new();
        for layer in &self.layers {
            *operations.entry(layer.op.clone()).or_default() += 1;
        }
        operations
    }

    /// Writes inputs, layers and outputs into a flow.
    ///
    /// # Errors
    /// A layer that its operands or tensors do not fit, by its place; a tensor that no layer uses.
    pub(in crate::any_net) fn lower(&self, tensors: &mut Tensors<'_>) -> Result<()> {
        let mut values: BTreeMap<String, ValueId> = BTreeMap::new();
        let mut last = None;
        for (name, shape, whole) in &self.inputs {
            let kind = if *whole { InputKind::Whole } else { InputKind::Real };
            let value = tensors.flow.input(name, shape.clone(), kind).map_err(Error::flow(&self.path))?;
            values.insert(name.clone(), value);
            last.get_or_insert(value);
        }
        let mut used = BTreeSet::new();
        for spec in &self.layers {
            let step = format!(
                "{} ({}{}{})",
                spec.place,
                spec.op,
                if spec.name.is_empty() { "" } else { " " },
                spec.name
            );
            let value = self
                .layer(tensors, spec, &step, last, &values, &mut used)
                .map_err(Error::flow(&self.path))?;
            for alias in &spec.aliases {
                values.insert(alias.clone(), value);
            }
            last = Some(value);
        }
        self.check_used(&used)?;
        match (&self.outputs[..], last) {
            ([], Some(value)) => tensors.flow.output("output", value),
            (outputs, _) => {
                for name in outputs {
                    let Some(value) = values.get(name) else {
                        let known: Vec<&String> = values.keys().collect();
                        return Err(Error::format(
                            &self.path,
                            format!("an output of {known:?}"),
                            format!("{name:?}"),
                        ));
                    };
                    tensors.flow.output(name, *value);
                }
            }
        }
        Ok(())
    }

    fn layer(
        &self,
        tensors: &mut Tensors<'_>,
        spec: &document::Layer,
        step: &str,
        last: Option<ValueId>,
        values: &BTreeMap<String, ValueId>,
        used: &mut BTreeSet<String>,
    ) -> FlowResult<ValueId> {
        let unknown = |name: &str| {
            let known: Vec<&String> = values.keys().rev().take(12).collect();
            let why = format!("expected the name of an earlier value, such as {known:?}, found {name:?}");
            FlowError::Step { step: step.to_owned(), why }
        };
        let named = |name: &String| values.get(name).copied().ok_or_else(|| unknown(name));
        let from = match &spec.from {
            Some(name) => Some(named(name)?),
            None => last,
        };
        let Some(x) = from else { return Err(unknown("")) };
        let with = spec.with.iter().map(named).collect::<FlowResult<Vec<_>>>()?;
        // Which tensors the layer may ask for is known by their names, before the draft takes the flow.
        let mut bound = BTreeMap::new();
        for (key, name) in layer::names(spec, &self.shares) {
            let Some(share) = self.shares.get(&name) else {
                let whole = if self.others.contains(&name) { "one of another kind" } else { "none" };
                let why = format!("expected a tensor of real numbers {name:?}, found {whole}");
                return Err(FlowError::Step { step: step.to_owned(), why });
            };
            let mut value = tensors.value(share.record)?;
            if !share.order.is_empty() {
                value = tensors.flow.step(Permute { order: share.order.clone() }, &[value], &name)?;
            }
            bound.insert(key, (name, value));
        }
        let draft = Draft { flow: &mut tensors.flow, name: step };
        let mut layer = Layer { draft, spec, x, with, tensors: bound, values, taken: BTreeSet::new() };
        let value = layers::lower(&mut layer)?;
        used.extend(layer.taken);
        Ok(value)
    }

    fn check_used(&self, used: &BTreeSet<String>) -> Result<()> {
        const MOST_LISTED: usize = 12;
        let is_left = |name: &&String| !used.contains(*name) && !self.idle.contains(*name);
        let left: Vec<&String> = self.shares.keys().chain(&self.others).filter(is_left).collect();
        if left.is_empty() {
            return Ok(());
        }
        let more = if left.len() > MOST_LISTED {
            format!(" and {} more", left.len() - MOST_LISTED)
        } else {
            String::new()
        };
        let found = format!("{:?}{more} in {}", &left[..left.len().min(MOST_LISTED)], self.of.display());
        Err(Error::format(&self.path, "every tensor used by a layer or listed under unused", found))
    }
}
