//! What is in the file of a net, and what may change in it, in words and counts.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sgmn_data::any_net::{FixedTensor, FlowFile};
use sgmn_graph::flow::{Flow, Role, ValueId};
use sgmn_symmetry::{
    ScaleGroup,
    flow::{Holder, Spaces},
};

use super::{
    adapter::{Touched, touched},
    free::{Dims, Free},
    side::{Side, sides},
};

/// A net as a person meets it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// The kind of file.
    pub container: String,
    /// The program that wrote it, where it says so.
    pub writer: Option<String>,
    /// Operations as the file names them, and how often each is used.
    pub operations: BTreeMap<String, usize>,
    /// Steps of the flow into which they were turned.
    pub n_steps: usize,
    /// Inputs and outputs with their shapes.
    pub inputs: Vec<Tensor>,
    /// See `inputs`.
    pub outputs: Vec<Tensor>,
    /// Sizes beyond that of the batch that nobody has said, and that are as small as can be.
    pub open_sizes: Vec<String>,
    /// What may change, among them so many statistics of data.
    pub parameters: Vec<Tensor>,
    /// Parameters that are gathered from data, not learned.
    pub n_statistics: usize,
    /// Numbers of all parameters.
    pub n_numbers: usize,
    /// Float tensors that stay, and why.
    pub fixed: Vec<Fixed>,
    /// Of an adapter: what it changes in a larger net.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub touched: Vec<Touched>,
    /// Sets of units that may be reordered.
    pub orders: Vec<Order>,
    /// Scalars that are free beside those of single units.
    pub scalars: Vec<Scalars>,
    /// Matrices that mix units.
    pub matrices: Vec<MatrixSpace>,
    /// What may be added.
    pub additions: Vec<Addition>,
    /// Continuous dimensions.
    pub dims: Dims,
    /// Signs that are free.
    pub signs: usize,
}

/// Matrices that may stand between what is linear.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MatrixSpace {
    /// Which matrices, in words.
    pub group: String,
    /// Units of a block.
    pub n: usize,
    /// Blocks, each with a matrix of its own.
    pub blocks: usize,
    /// Continuous dimensions.
    pub dims: usize,
    /// Where they stand.
    pub held_by: Vec<String>,
}

/// Something that may be added.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Addition {
    /// The rule that found it.
    pub rule: &'static str,
    /// What may change and what follows.
    pub words: String,
    /// Continuous dimensions; 0 if discrete.
    pub dims: usize,
}

/// A named tensor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tensor {
    /// Its name in the file.
    pub name: String,
    /// Sizes of its axes.
    pub shape: Vec<usize>,
}

/// A tensor that stays.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fixed {
    /// Its name in the file.
    pub name: String,
    /// Sizes of its axes.
    pub shape: Vec<usize>,
    /// Why it stays.
    pub why: String,
}

/// Units that take each other's places.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Order {
    /// How it is called here.
    pub name: String,
    /// How many units.
    pub n: usize,
    /// How many such sets, each reordered by itself.
    pub sets: usize,
    /// The orders it stands over: one set for each of their units.
    pub over: Vec<String>,
    /// The scalars that its units admit, in words, such as `positive`.
    pub scalars: Vec<String>,
    /// Parameters that make the values of its units.
    pub written_by: Vec<String>,
    /// Parameters that are applied to them.
    pub read_by: Vec<String>,
    /// Parameters that hold them otherwise, such as gains.
    pub held_by: Vec<String>,
}

/// Scalars that belong to no order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scalars {
    /// How many.
    pub n: usize,
    /// From which group each is chosen, in words.
    pub group: &'static str,
    /// The parameters that they multiply or divide.
    pub parameters: Vec<String>,
}

impl Description {
    /// Describes a file.
    pub fn of(file: &FlowFile) -> Self {
        let flow = file.net.flow();
        let about = file.about();
        let free = Free::of(flow);
        let tensor =
            |name: &str, value: ValueId| Tensor { name: name.to_owned(), shape: flow.shape(value).to_vec() };
        let (orders, scalars) = orders(&free.spaces);
        let matrices = free.matrices.iter().map(|matrix| MatrixSpace {
            group: matrix.kind.words(matrix.n),
            n: matrix.n,
            blocks: matrix.blocks,
            dims: matrix.dims(),
            held_by: matrix.axes(flow),
        });
        let additions = free.freedoms.iter().map(|freedom| Addition {
            rule: freedom.rule.name(),
            words: freedom.words.clone(),
            dims: freedom.dims,
        });
        Self {
            container: about.container.into_owned(),
            writer: about.writer,
            operations: about.operations,
            n_steps: flow.steps().len(),
            inputs: flow.inputs().iter().map(|input| tensor(&input.name, input.value)).collect(),
            open_sizes: open_sizes(file),
            outputs: flow.outputs().iter().map(|output| tensor(&output.name, output.value)).collect(),
            parameters: flow.params().iter().map(|param| tensor(&param.name, param.value)).collect(),
            n_statistics: flow.params().iter().filter(|param| param.role == Role::Statistic).count(),
            n_numbers: flow.n_numbers(),
            fixed: file.fixed.iter().map(Fixed::from).collect(),
            touched: touched(file),
            orders,
            scalars,
            matrices: matrices.collect(),
            additions: additions.collect(),
            dims: free.dims(),
            signs: free.signs(),
        }
    }
}

/// Names of sizes that nobody has said, but for those of a first axis: a batch of one shows all there is, one token or
/// one pixel does not.
pub fn open_sizes(file: &FlowFile) -> Vec<String> {
    let beyond = file.open_sizes().into_iter().filter(|size| size.axis > 0);
    beyond.map(|size| size.name).collect::<BTreeSet<_>>().into_iter().collect()
}

/// What is to be said about sizes that nobody has said; nothing if there are none.
pub fn note_of_sizes(open: &[String]) -> Option<String> {
    (!open.is_empty()).then(|| {
        format!(
            "note: {} left open by the file and taken as small as can be; with one token or pixel more is free than with \
             several, so say --size or --input as the net is used",
            if let [one] = open { format!("{one} is") } else { format!("{} are", open.join(", ")) }
        )
    })
}

impl From<&FixedTensor> for Fixed {
    fn from(tensor: &FixedTensor) -> Self {
        Self { name: tensor.name.clone(), shape: tensor.shape.clone(), why: tensor.why.clone() }
    }
}

/// The word for a group of scalars.
pub fn word(group: ScaleGroup) -> &'static str {
    match group {
        ScaleGroup::Trivial => "none",
        ScaleGroup::Sign => "sign",
        ScaleGroup::Positive => "positive",
        ScaleGroup::NonZero => "nonzero",
    }
}

/// Orders with the scalars of their units, and the scalars that are left.
fn orders(spaces: &Spaces) -> (Vec<Order>, Vec<Scalars>) {
    let flow = spaces.flow();
    let sides = sides(flow);
    let name = |at: usize| format!("o{}", at + 1);
    let mut orders: Vec<Order> = Vec::new();
    for (at, order) in spaces.orders().iter().enumerate() {
        let of_side = |wanted: Option<Side>| {
            let own = order.holders.iter().filter(|holder| side(flow, &sides, holder) == wanted);
            names(flow, own.map(|holder| holder.param))
        };
        orders.push(Order {
            name: name(at),
            n: order.n,
            sets: order.sets,
            over: order.over.iter().map(|at| name(*at)).collect(),
            scalars: Vec::new(),
            written_by: of_side(Some(Side::Writes)),
            read_by: of_side(Some(Side::Reads)),
            held_by: of_side(None),
        });
    }
    let mut left = Vec::new();
    for scale in spaces.scales() {
        match scale.order.and_then(|at| orders.get_mut(at)) {
            Some(order) => {
                let n_units = order.n * order.sets;
                let word = word(scale.group);
                let words = if scale.n == n_units { word.to_owned() } else { format!("{} {word}", scale.n) };
                order.scalars.push(words);
            }
            None => left.push(Scalars {
                n: scale.n,
                group: word(scale.group),
                parameters: names(flow, scale.params.iter().copied()),
            }),
        }
    }
    (orders, left)
}

fn side(flow: &Flow, sides: &[Vec<Option<Side>>], holder: &Holder) -> Option<Side> {
    match holder.axes[..] {
        [axis] if axis < flow.param_shape(holder.param).len() => sides[holder.param][axis],
        _ => None,
    }
}

fn names(flow: &Flow, params: impl Iterator<Item = usize>) -> Vec<String> {
    let params: BTreeSet<usize> = params.collect();
    params.into_iter().map(|param| flow.params()[param].name.clone()).collect()
}
