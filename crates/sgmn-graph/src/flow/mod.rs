//! Any net as a small computation graph, and what it computes, in f64.
//!
//! A [`Flow`] is a list of steps, each an operation ([`Op`]) on values: inputs, parameters, constants and what earlier
//! steps made. All shapes are known and checked when it is built. It holds no numbers of the net; a [`FlowNet`] joins a
//! flow and the numbers of its parameters, as [`Net`](crate::Net) joins a [`NetSpec`](crate::NetSpec) and its numbers.
//! [`run`] computes a flow and is the judge of every symmetry: it knows of no groups. [`random_inputs`] asks a net what
//! it can be asked, and with the feature `testing` random nets over all operations are made up.
//!
//! ```
//! use sgmn_graph::flow::{Array, Contract, FlowBuilder, FlowNet, Function, Pointwise, Role, run};
//!
//! // relu(W x): two inputs, three units.
//! let mut flow = FlowBuilder::new();
//! let x = flow.input("x", vec![1, 2], Default::default())?;
//! let w = flow.param("W", vec![3, 2], Role::Trained)?;
//! let z = flow.step(Contract { batch: vec![], sum: vec![(1, 1)] }, &[x, w], "fc")?;
//! let y = flow.step(Pointwise { function: Function::Relu }, &[z], "relu")?;
//! flow.output("y", y);
//! let net = FlowNet::new(flow.build()?.into(), vec![vec![1.0, 0.0, 0.0, 1.0, 1.0, -1.0].into()])?;
//! let y = run(net.flow(), &net, &[Array::new(vec![1, 2], vec![3.0, 5.0])?])?;
//! assert_eq!(y[0].data(), [3.0, 5.0, 0.0]);
//! # Ok::<(), sgmn_graph::flow::FlowError>(())
//! ```

mod array;
mod builder;
mod chain;
mod convolution;
mod error;
mod grids;
mod inputs;
mod net;
mod ops;
mod parts;
pub mod product;
mod prune;
mod run;
mod shorten;
#[cfg(feature = "testing")]
pub mod testing;
mod threads;
mod walk;

use serde::{Deserialize, Serialize};

pub use array::Array;
pub use builder::FlowBuilder;
pub use error::{FlowError, FlowResult};
pub use inputs::random_inputs;
pub use net::{FlowNet, Numbers, Stored};
pub use ops::{
    Behaviour, Combination, Combine, Concat, Contract, Convolve, Cumulate, Expand, Function, Lookup,
    Normalize, Op, Operation, Pad, Parity, Permute, Pick, Pointwise, Pool, Pooling, Reduce, Reduction,
    Reshape, Select, Slice, Softmax, Take,
};
pub use parts::Parts;
pub use run::{run, run_each};

/// A value of a [`Flow`], by its place in [`Flow::values`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ValueId(pub(crate) u32);

impl ValueId {
    /// The place in [`Flow::values`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A net without its numbers: inputs, parameters, constants, steps, outputs. Values are numbered so that every step
/// stands after what it reads. Made by [`FlowBuilder`].
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    pub(crate) values: Vec<Value>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) params: Vec<Param>,
    pub(crate) consts: Vec<Array>,
    pub(crate) steps: Vec<Step>,
    pub(crate) outputs: Vec<Output>,
}

/// A value: its shape, and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Sizes of its axes.
    pub shape: Vec<usize>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a value comes from; the number counts within its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// An input of [`Flow::inputs`].
    Input(usize),
    /// A parameter of [`Flow::params`].
    Param(usize),
    /// A constant of [`Flow::consts`].
    Const(usize),
    /// The result of a step of [`Flow::steps`].
    Step(usize),
}

/// What the net is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name in the file.
    pub name: String,
    /// Its value.
    pub value: ValueId,
    /// Which numbers make sense.
    pub kind: InputKind,
}

/// Which numbers make sense as an input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// Real numbers.
    #[default]
    Real,
    /// Whole numbers from 0: tokens, positions, masks of 0 and 1.
    Whole,
}

/// A tensor of the net whose numbers may change. Tensors that are fixed (tables, masks) are constants.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Its name in the file.
    pub name: String,
    /// Its value.
    pub value: ValueId,
    /// What its numbers are.
    pub role: Role,
}

/// What the numbers of a parameter are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Learned by gradients.
    Trained,
    /// Gathered from data, as the running statistics of batch normalization.
    Statistic,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is done.
    pub op: Op,
    /// To what, in the order that the operation documents.
    pub from: Vec<ValueId>,
    /// The result.
    pub to: ValueId,
    /// The name of the node in the file, for messages.
    pub name: String,
}

/// What the net answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Its name in the file.
    pub name: String,
    /// Its value.
    pub value: ValueId,
}

impl Flow {
    /// All values, each after those it is made of.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// A value's shape.
    pub fn shape(&self, id: ValueId) -> &[usize] {
        &self.values[id.index()].shape
    }

    /// Where a value comes from.
    pub fn origin(&self, id: ValueId) -> Origin {
        self.values[id.index()].origin
    }

    /// The numbers of a value that is a constant.
    pub fn constant(&self, id: ValueId) -> Option<&Array> {
        match self.origin(id) {
            Origin::Const(i) => Some(&self.consts[i]),
            _ => None,
        }
    }

    /// The inputs, in the order in which [`run`] takes them.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The parameters, in the order of [`FlowNet`]'s numbers.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// The shape of parameter `i`.
    pub fn param_shape(&self, i: usize) -> &[usize] {
        self.shape(self.params[i].value)
    }

    /// Constants, the numbers of which are part of the architecture.
    pub fn consts(&self) -> &[Array] {
        &self.consts
    }

    /// The steps, in an order in which they can be computed.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The outputs.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// How many numbers the parameters have together.
    pub fn n_numbers(&self) -> usize {
        (0..self.params.len()).map(|i| self.param_shape(i).iter().product::<usize>()).sum()
    }

    /// For each value the steps that read it, in order; a step that reads it twice stands twice.
    pub fn readers(&self) -> Vec<Vec<usize>> {
        let mut readers = vec![Vec::new(); self.values.len()];
        for (at, step) in self.steps.iter().enumerate() {
            for from in &step.from {
                readers[from.index()].push(at);
            }
        }
        readers
    }
}
