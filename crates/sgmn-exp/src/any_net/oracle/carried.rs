//! Which parameters of the oracle a file holds, and in which form.

use std::collections::{BTreeMap, BTreeSet};

use sgmn_graph::flow::{Array, FlowNet, Numbers};
use sgmn_symmetry::flow::{Declared, DeclaredParam};

use super::{
    form::Form,
    truth::{Folder, Tensor},
};
use crate::any_net::judge::Replaced;

/// For each parameter of a flow the parameter of the oracle that it holds, if it holds one.
pub(super) struct Carried<'a> {
    folder: &'a Folder,
    net: &'a FlowNet,
    params: Vec<Option<(&'a str, Form)>>,
}

impl<'a> Carried<'a> {
    /// Finds out; `kind` is the name of the file without its ending.
    ///
    /// # Errors
    /// A tensor that should hold a parameter and has other numbers.
    pub(super) fn find(folder: &'a Folder, net: &'a FlowNet, kind: &str) -> Result<Self, String> {
        let listed = folder.truth.onnx.get(kind).map(|file| &file.tensors);
        let one = |(i, param): (usize, &sgmn_graph::flow::Param)| {
            let numbers = net.numbers(i);
            let holds = |name: &str, word: &str| {
                let array = folder.params.get(name)?;
                let forms = Form::of_word(word, array.shape()).into_iter();
                forms
                    .filter(|_| array.data().len() == numbers.len())
                    .find(|f| f.held(array.data()) == *numbers)
            };
            // A tensor's own name is the surest; names that the writer gave to computed tensors say nothing.
            let tensor = listed.and_then(|tensors| tensors.get(&param.name));
            let computed = matches!(tensor, Some(Tensor { param: None, .. }));
            let known = folder.data_name(&param.name).filter(|_| !computed);
            if let Some((name, form)) = known.and_then(|name| Some((name, holds(name, "same")?))) {
                return Ok(Some((name, form)));
            }
            match tensor {
                None if known.is_some() => {
                    Err(format!("numbers of {}: other than the parameter's", param.name))
                }
                None | Some(Tensor { param: None, .. }) => Ok(None),
                Some(Tensor { param: Some(name), form }) => match (folder.data_name(name), holds(name, form))
                {
                    (Some(name), Some(form)) => Ok(Some((name, form))),
                    _ => Err(format!("numbers of {}: other than those of {name} ({form})", param.name)),
                },
            }
        };
        let params = net.flow().params().iter().enumerate().map(one).collect::<Result<_, String>>()?;
        Ok(Self { folder, net, params })
    }

    /// How many parameters of the flow are parameters of the oracle.
    pub(super) fn len(&self) -> usize {
        self.params.iter().flatten().count()
    }

    /// Whether a parameter of the flow is one of the oracle.
    pub(super) fn holds(&self, param: usize) -> bool {
        self.params[param].is_some()
    }

    /// Axes of parameters of the flow in the text of which one of some terms stands.
    pub(super) fn axes_with(&self, terms: &[&str]) -> BTreeSet<(usize, usize)> {
        let declared = self.declared().map(|declared| declared.params).unwrap_or_default();
        let with = |text: &String| text.split(' ').any(|term| terms.contains(&term));
        declared
            .iter()
            .flat_map(|param| {
                param
                    .axes
                    .iter()
                    .enumerate()
                    .filter(|(_, text)| with(text))
                    .map(|(axis, _)| (param.param, axis))
            })
            .collect()
    }

    /// Whether the file holds every parameter of the oracle.
    pub(super) fn is_whole(&self) -> bool {
        self.lacks(self.folder.params.keys()).is_none()
    }

    /// The first of some parameters that the file does not hold.
    pub(super) fn lacks<'b>(&self, mut names: impl Iterator<Item = &'b String>) -> Option<&'b str> {
        let held: BTreeSet<&str> = self.params.iter().flatten().map(|(name, _)| *name).collect();
        let frozen = |name: &str| self.folder.truth.frozen.iter().any(|frozen| frozen == name);
        names.find(|name| !held.contains(name.as_str()) && !frozen(name)).map(String::as_str)
    }

    /// The net with the numbers of a set of changed parameters; absent if the file does not hold one of them.
    pub(super) fn with(&self, changed: &BTreeMap<String, Array>) -> Option<Replaced<'a>> {
        if self.lacks(changed.keys()).is_some() {
            return None;
        }
        let mut replaced = Replaced::new(self.net.flow(), self.net);
        for (i, carried) in self.params.iter().enumerate() {
            if let Some((name, form)) = carried
                && let Some(array) = changed.get(*name)
            {
                replaced.set(i, form.held(array.data()));
            }
        }
        Some(replaced)
    }

    /// The truth about the parameters that the file holds, in its form.
    ///
    /// # Errors
    /// A text that cannot be carried over to the form.
    pub(super) fn declared(&self) -> Result<Declared, String> {
        let truth = &self.folder.truth;
        let split = |text: &str| -> Vec<String> {
            if text == "one for all" { Vec::new() } else { text.split('.').map(str::to_owned).collect() }
        };
        let mut params = Vec::new();
        for (i, carried) in self.params.iter().enumerate() {
            let Some((name, form)) = carried else { continue };
            let shape = self.folder.params[*name].shape();
            // What has several names is held to the law of each.
            for name in self.folder.names_of(name) {
                let Some(param) = truth.params.get(name) else { continue };
                let held = self.net.flow().param_shape(i);
                let texts = form.texts(param, shape, held);
                let (axes, flat) = texts
                    .ok_or_else(|| format!("{name}: expected axes that fit {held:?}, found {shape:?}"))?;
                params.push(DeclaredParam { param: i, axes, flat });
            }
        }
        Ok(Declared {
            orders: truth
                .orders
                .iter()
                .map(|(name, order)| (name.clone(), (order.n, order.over.clone())))
                .collect(),
            scales: truth
                .scales
                .iter()
                .map(|(name, s)| (name.clone(), (split(&s.on), s.group.clone())))
                .collect(),
            matrices: truth
                .matrices
                .iter()
                .map(|(name, m)| (name.clone(), (split(&m.on), m.kind.clone())))
                .collect(),
            params,
        })
    }
}

impl Folder {
    /// The name under which the numbers of a parameter stand.
    fn data_name(&self, name: &str) -> Option<&str> {
        self.names_of(name)
            .into_iter()
            .find_map(|name| self.params.get_key_value(name))
            .map(|(name, _)| name.as_str())
    }

    /// All names of a parameter, its own first.
    fn names_of<'b>(&'b self, name: &'b str) -> Vec<&'b str> {
        let others = self.truth.tied.iter().filter(|group| group.iter().any(|one| one == name)).flatten();
        std::iter::once(name).chain(others.map(String::as_str).filter(|other| *other != name)).collect()
    }
}
