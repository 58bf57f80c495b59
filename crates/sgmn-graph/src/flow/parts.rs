//! A flow as plain data, to be written and read; what is read is built again step by step, and so it is checked.

use serde::{Deserialize, Serialize};

use super::{Array, Flow, FlowBuilder, FlowError, FlowResult, InputKind, Op, Origin, Output, Role, ValueId};

/// What [`Flow`] is made of, in the order in which it is built. It may hold anything: [`Flow::of_parts`] checks it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    values: Vec<Made>,
    outputs: Vec<Named>,
}

/// A value, and where it comes from; others are named by their places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Made {
    Input { name: String, shape: Vec<usize>, kind: InputKind },
    Param { name: String, shape: Vec<usize>, role: Role },
    Const { shape: Vec<usize>, numbers: Vec<Number> },
    Step { op: Op, from: Vec<usize>, name: String },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
    value: usize,
}

/// A number in text: infinite ones are words, for JSON and others have no numbers for them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Number {
    Finite(f64),
    Other(Word),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Word {
    #[serde(rename = "inf")]
    Infinity,
    #[serde(rename = "-inf")]
    NegativeInfinity,
    #[serde(rename = "nan")]
    Nan,
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        match number {
            f64::INFINITY => Self::Other(Word::Infinity),
            f64::NEG_INFINITY => Self::Other(Word::NegativeInfinity),
            _ if number.is_nan() => Self::Other(Word::Nan),
            _ => Self::Finite(number),
        }
    }
}

impl From<Number> for f64 {
    fn from(number: Number) -> Self {
        match number {
            Number::Finite(number) => number,
            Number::Other(Word::Infinity) => f64::INFINITY,
            Number::Other(Word::NegativeInfinity) => f64::NEG_INFINITY,
            Number::Other(Word::Nan) => f64::NAN,
        }
    }
}

/// For `#[serde(with = "...")]` at a number of an operation that may be infinite.
pub(super) mod number {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Number;

    pub(in crate::flow) fn serialize<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
        Number::from(*number).serialize(to)
    }

    pub(in crate::flow) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Number::deserialize(from).map(f64::from)
    }
}

impl Flow {
    /// The flow as plain data.
    pub fn parts(&self) -> Parts {
        let made = |at: usize| match self.values[at].origin {
            Origin::Input(i) => {
                let (name, shape) = (self.inputs[i].name.clone(), self.values[at].shape.clone());
                Made::Input { name, shape, kind: self.inputs[i].kind }
            }
            Origin::Param(i) => {
                let (name, shape) = (self.params[i].name.clone(), self.values[at].shape.clone());
                Made::Param { name, shape, role: self.params[i].role }
            }
            Origin::Const(i) => {
                let numbers = self.consts[i].data().iter().map(|number| (*number).into()).collect();
                Made::Const { shape: self.consts[i].shape().to_vec(), numbers }
            }
            Origin::Step(i) => {
                let step = &self.steps[i];
                let from = step.from.iter().map(|from| from.index()).collect();
                Made::Step { op: step.op.clone(), from, name: step.name.clone() }
            }
        };
        let named = |Output { name, value }: &Output| Named { name: name.clone(), value: value.index() };
        Parts {
            values: (0..self.values.len()).map(made).collect(),
            outputs: self.outputs.iter().map(named).collect(),
        }
    }

    /// The flow of plain data.
    ///
    /// # Errors
    /// Those of [`FlowBuilder`], and [`FlowError::Shape`] for a value that does not stand behind what it is made of, or that
    /// no flow holds: a step on constants alone or one that changes nothing, and what no output needs.
    pub fn of_parts(parts: Parts) -> FlowResult<Self> {
        let n_values = parts.values.len();
        let mut flow = FlowBuilder::new();
        for (at, made) in parts.values.into_iter().enumerate() {
            let id = match made {
                Made::Input { name, shape, kind } => flow.input(&name, shape, kind)?,
                Made::Param { name, shape, role } => flow.param(&name, shape, role)?,
                Made::Const { shape, numbers } => {
                    flow.constant(Array::new(shape, numbers.into_iter().map(f64::from).collect())?)?
                }
                Made::Step { op, from, name } => {
                    let from = from.iter().map(|place| known(*place, at)).collect::<FlowResult<Vec<_>>>()?;
                    flow.step(op, &from, &name)?
                }
            };
            if id.index() != at {
                let found = format!("value {}, which it is as well", id.index());
                return Err(FlowError::shape(format!("value {at}"), "a value of its own", found));
            }
        }
        for Named { name, value } in parts.outputs {
            let value = known(value, n_values)?;
            flow.output(&name, value);
        }
        let flow = flow.build()?;
        match flow.values.len() == n_values {
            true => Ok(flow),
            false => Err(FlowError::shape("values", "those that outputs need", n_values)),
        }
    }
}

/// The value at a place that stands before another.
fn known(place: usize, before: usize) -> FlowResult<ValueId> {
    match u32::try_from(place) {
        Ok(id) if place < before => Ok(ValueId(id)),
        _ => Err(FlowError::shape("a value", format!("a place below {before}"), place)),
    }
}

#[cfg(test)]
#[cfg(feature = "testing")]
mod tests {
    use crate::{
        Seed,
        flow::{
            Array, Combination, Combine, Flow, FlowBuilder, Function, InputKind, Pad, Parts, Pointwise,
            testing::{random_flow, random_wide_flow},
        },
    };

    fn text(flow: &Flow) -> String {
        serde_json::to_string(&flow.parts()).unwrap()
    }

    fn read(text: &str) -> Result<Flow, String> {
        let parts: Parts = serde_json::from_str(text).map_err(|why| why.to_string())?;
        Flow::of_parts(parts).map_err(|why| why.to_string())
    }

    #[test]
    fn random_flows_over_all_operations_come_back_from_text() {
        for seed in 0..40 {
            for net in [random_flow(Seed::new(seed), 8), random_wide_flow(Seed::new(seed), 8)] {
                assert_eq!(read(&text(net.flow())).as_ref(), Ok(&**net.flow()), "seed {seed}");
            }
        }
    }

    #[test]
    fn infinite_bounds_and_constants_come_back_from_text() {
        let mut flow = FlowBuilder::new();
        let x = flow.input("x", vec![2], InputKind::Real).unwrap();
        let mask = flow.constant(Array::new(vec![3], vec![0.0, f64::NEG_INFINITY, 0.1]).unwrap()).unwrap();
        let padded = flow.step(Pad { amounts: vec![(0, 1)], value: f64::INFINITY }, &[x], "pad").unwrap();
        let sum = flow.step(Combine { by: Combination::Add }, &[padded, mask], "mask").unwrap();
        let function = Function::Clip { low: f64::NEG_INFINITY, high: 6.0 };
        let y = flow.step(Pointwise { function }, &[sum], "clip").unwrap();
        flow.output("y", y);
        let flow = flow.build().unwrap();
        assert_eq!(read(&text(&flow)), Ok(flow));
    }

    #[test]
    fn places_that_come_later_and_values_that_nobody_needs_are_refused() {
        let input = r#"{"input":{"name":"x","shape":[2],"kind":"real"}}"#;
        let step = |from: usize| {
            format!(r#"{{"step":{{"op":{{"pointwise":{{"function":"relu"}}}},"from":[{from}],"name":"r"}}}}"#)
        };
        let flow = |values: &[&str], output: usize| {
            format!(r#"{{"values":[{}],"outputs":[{{"name":"y","value":{output}}}]}}"#, values.join(","))
        };
        assert!(read(&flow(&[input, &step(0)], 1)).is_ok());
        assert!(read(&flow(&[input, &step(1)], 1)).unwrap_err().contains("a place below 1"));
        assert!(read(&flow(&[input, &step(0)], 2)).unwrap_err().contains("a place below 2"));
        assert!(
            read(&flow(&[input, &step(0), &step(0)], 1)).unwrap_err().contains("those that outputs need")
        );
        let trivial = r#"{"step":{"op":{"reshape":{"shape":[2]}},"from":[0],"name":"same"}}"#;
        assert!(read(&flow(&[input, trivial], 1)).unwrap_err().contains("a value of its own"));
        let huge = r#"{"const":{"shape":[4000000000000],"numbers":[]}}"#;
        assert!(read(&flow(&[input, huge], 1)).is_err());
    }
}
