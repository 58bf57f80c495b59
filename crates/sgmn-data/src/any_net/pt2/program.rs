//! What `models/NAME.json` says: the calls of a traced net, which of its tensors are parameters, and their types.
//!
//! The structs follow the schema that `torch.export.save` writes, version 8 (`schema_version.major`); fields that do
//! not matter here are skipped. The nesting of the JSON is bounded by its parser.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::IgnoredAny};

/// The schema that is understood; a new major version breaks readers.
pub(super) const SCHEMA: i64 = 8;

/// A whole file.
#[derive(Debug, Deserialize)]
pub(super) struct Program {
    pub(super) graph_module: Module,
    /// For symbols of sizes, the smallest and the largest value.
    #[serde(default)]
    pub(super) range_constraints: BTreeMap<String, Range>,
}

/// The part of a file that tells its version; read before all else is believed.
#[derive(Debug, Deserialize)]
pub(super) struct Versioned {
    pub(super) schema_version: Version,
}

/// A version of the schema.
#[derive(Debug, Deserialize)]
pub(super) struct Version {
    pub(super) major: i64,
    pub(super) minor: i64,
}

/// Bounds of a symbol; without bound where they are absent.
#[derive(Debug, Deserialize)]
pub(super) struct Range {
    #[serde(default)]
    pub(super) min_val: Option<Number>,
}

/// The graph and what its inputs and outputs are.
#[derive(Debug, Deserialize)]
pub(super) struct Module {
    pub(super) graph: Graph,
    pub(super) signature: Signature,
}

/// A list of calls.
#[derive(Debug, Deserialize)]
pub(super) struct Graph {
    pub(super) inputs: Vec<Argument>,
    pub(super) outputs: Vec<Argument>,
    pub(super) nodes: Vec<Node>,
    pub(super) tensor_values: BTreeMap<String, TensorMeta>,
}

/// One call.
#[derive(Debug, Deserialize)]
pub(super) struct Node {
    /// The function: `torch.ops.aten.add.Tensor`.
    pub(super) target: String,
    pub(super) inputs: Vec<NamedArgument>,
    pub(super) outputs: Vec<Argument>,
    /// The node's name; older files have none.
    #[serde(default)]
    pub(super) name: Option<String>,
}

/// An argument with its name in the function's declaration.
#[derive(Debug, Deserialize)]
pub(super) struct NamedArgument {
    pub(super) name: String,
    pub(super) arg: Argument,
}

/// Any argument or result of a call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Argument {
    AsNone(IgnoredAny),
    AsTensor(Named),
    AsTensors(Vec<Named>),
    AsOptionalTensor(OptionalTensor),
    AsOptionalTensors(Vec<OptionalTensor>),
    AsInt(i64),
    AsInts(Vec<i64>),
    AsFloat(Number),
    AsFloats(Vec<Number>),
    AsBool(bool),
    AsString(String),
    AsSymInt(Symbolic),
    AsSymInts(Vec<Symbolic>),
    AsSymFloat(Symbolic),
    AsSymFloats(Vec<Symbolic>),
    AsSymBool(Symbolic),
    AsScalarType(i64),
    AsMemoryFormat(IgnoredAny),
    AsLayout(IgnoredAny),
    AsDevice(IgnoredAny),
    AsGraph(Box<SubGraph>),
    /// Kinds that no call here takes.
    #[serde(untagged)]
    Other(IgnoredAny),
}

/// A graph inside of a call.
#[derive(Debug, Deserialize)]
pub(super) struct SubGraph {
    pub(super) graph: Graph,
}

/// A reference to a value.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
}

/// A reference to a value, or nothing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OptionalTensor {
    AsTensor(Named),
    AsNone(IgnoredAny),
}

/// A number, or the name of one that earlier calls made.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::enum_variant_names, reason = "the words of the schema")]
pub(super) enum Symbolic {
    AsName(String),
    AsInt(i64),
    AsFloat(Number),
    AsBool(bool),
}

/// Shape, type and place of a tensor.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct TensorMeta {
    pub(super) dtype: i64,
    pub(super) sizes: Vec<Size>,
    pub(super) strides: Vec<Size>,
    pub(super) storage_offset: Size,
    pub(super) layout: i64,
}

/// A size: a number or an expression in symbols.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Size {
    AsInt(i64),
    AsExpr(Expression),
}

/// An expression in symbols, as sympy's `srepr` writes it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Expression {
    pub(super) expr_str: String,
}

/// What the inputs and outputs of a graph are.
#[derive(Debug, Deserialize)]
pub(super) struct Signature {
    pub(super) input_specs: Vec<InputSpec>,
    pub(super) output_specs: Vec<OutputSpec>,
}

/// What one input of a graph is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum InputSpec {
    UserInput(Argued),
    Parameter {
        arg: Named,
        parameter_name: String,
    },
    Buffer {
        arg: Named,
        buffer_name: String,
    },
    TensorConstant {
        arg: Named,
        tensor_constant_name: String,
    },
    ConstantInput {
        name: String,
        value: Argument,
    },
    #[serde(untagged)]
    Other(BTreeMap<String, IgnoredAny>),
}

/// What one output of a graph is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OutputSpec {
    UserOutput(Argued),
    LossOutput {
        arg: Named,
    },
    /// Changes of buffers, which one answer of the net does not show.
    BufferMutation(IgnoredAny),
    /// Changes of inputs, and what only training has.
    #[serde(untagged)]
    Other(IgnoredAny),
}

/// An input or output by the caller's side.
#[derive(Debug, Deserialize)]
pub(super) struct Argued {
    pub(super) arg: Argument,
}

/// Where the numbers of tensors stand: `data/weights/NAME_weights_config.json`.
#[derive(Debug, Deserialize)]
pub(super) struct PayloadConfig {
    pub(super) config: BTreeMap<String, Payload>,
}

/// Where the numbers of one tensor stand.
#[derive(Debug, Deserialize)]
pub(super) struct Payload {
    pub(super) path_name: String,
    pub(super) use_pickle: bool,
    pub(super) tensor_meta: Option<TensorMeta>,
}

/// A number; what JSON has no word for is written as a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number(pub(super) f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(f64),
            Text(String),
        }
        match Form::deserialize(from)? {
            Form::Number(value) => Ok(Self(value)),
            Form::Text(text) => match text.as_str() {
                "Infinity" | "inf" => Ok(Self(f64::INFINITY)),
                "-Infinity" | "-inf" => Ok(Self(f64::NEG_INFINITY)),
                "NaN" | "nan" => Ok(Self(f64::NAN)),
                _ => Err(serde::de::Error::custom(format!("expected a number, found {text:?}"))),
            },
        }
    }
}
