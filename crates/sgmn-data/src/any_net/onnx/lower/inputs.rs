//! Inputs of a net, with the sizes that its file leaves open.

use sgmn_graph::flow::{Array, InputKind};

use super::{Entry, Kind, Lower, Operand, Value};
use crate::{
    Error, Result,
    any_net::onnx::{
        element::Element,
        model::{Graph, Size, ValueInfo},
    },
};

impl<'a> Lower<'a, '_> {
    /// Inputs of the net, with the sizes that the user gives to open ones.
    pub(super) fn inputs(&mut self, graph: &'a Graph) -> Result<()> {
        let initial =
            |name: &str| graph.initializers.iter().any(|i| self.onnx.model.tensors[*i].name == name);
        let asked: Vec<&ValueInfo> = graph.inputs.iter().filter(|input| !initial(&input.name)).collect();
        let options = &self.onnx.options;
        let mut sizes: Vec<&str> = Vec::new();
        for size in asked.iter().filter_map(|input| input.shape.as_ref()).flatten() {
            if let Size::Named(name) = size {
                sizes.push(name);
            }
        }
        sizes.sort_unstable();
        sizes.dedup();
        let names: Vec<&str> = asked.iter().map(|input| input.name.as_str()).collect();
        options.check_inputs(&sizes, &names)?;
        for input in asked {
            let shape = self.input_shape(input)?;
            let fault = Error::flow(&self.onnx.path);
            let kind = Element::of(input.element).kind();
            let id = match options.values.get(&input.name) {
                Some(value) => {
                    let fits = self.budget.spend(&shape, 1).map_err(|why| self.error(&input.name, why));
                    fits?;
                    self.tensors.flow.constant(Array::full(shape, *value)).map_err(fault)?
                }
                None => {
                    let real = if kind == Kind::Real { InputKind::Real } else { InputKind::Whole };
                    self.tensors.flow.input(&input.name, shape, real).map_err(fault)?
                }
            };
            let value = Value::Tensor(Operand { id, kind });
            self.define(&input.name, Entry::Made(value)).map_err(|fault| self.error("inputs", fault))?;
        }
        Ok(())
    }

    fn input_shape(&self, input: &ValueInfo) -> Result<Vec<usize>> {
        let options = &self.onnx.options;
        if input.element == 0 {
            let expected = format!("a tensor as input {:?}", input.name);
            return Err(Error::format(&self.onnx.path, expected, "something else"));
        }
        let found = |size: &Size| match size {
            Size::Known(size) => *size,
            Size::Named(name) => options.sizes.get(name).copied().unwrap_or(1),
            Size::Open => 1,
        };
        match (options.inputs.get(&input.name), &input.shape) {
            (None, Some(shape)) => Ok(shape.iter().map(found).collect()),
            (Some(given), None) => Ok(given.clone()),
            (Some(given), Some(shape)) => {
                let open =
                    |(size, given): (&Size, &usize)| !matches!(size, Size::Known(known) if known != given);
                if shape.len() == given.len() && shape.iter().zip(given).all(open) {
                    return Ok(given.clone());
                }
                let expected = shape.iter().map(|size| match size {
                    Size::Known(size) => size.to_string(),
                    Size::Named(name) => name.clone(),
                    Size::Open => "?".to_owned(),
                });
                let expected = format!("[{}]", expected.collect::<Vec<_>>().join(", "));
                Err(Error::Config {
                    field: format!("inputs.{}", input.name),
                    expected,
                    found: format!("{given:?}"),
                })
            }
            (None, None) => Err(Error::Config {
                field: format!("inputs.{}", input.name),
                expected: "a shape, for the file gives none".to_owned(),
                found: "nothing".to_owned(),
            }),
        }
    }
}
