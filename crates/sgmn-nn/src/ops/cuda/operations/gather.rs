//! What nodes gather from their edges by other means than a sum.

use candle_core::{Result, Shape, Tensor};

use super::four;
use crate::ops::{
    EdgeAxis,
    cuda::{
        adapter::{Operation, Operation3, apply1, apply3, run},
        launch::{Attention, Launch, Moments},
    },
};

struct Aggregate(EdgeAxis);

struct Attend {
    n_heads: usize,
    /// Edges that enter and that leave each node.
    n_edges: [usize; 2],
}

pub(in crate::ops) fn aggregate(e: &Tensor, axis: EdgeAxis) -> Result<Tensor> {
    e.dims4()?;
    apply1(Aggregate(axis), e)
}

pub(in crate::ops) fn attend(
    own: &Tensor,
    incoming: Option<&Tensor>,
    outgoing: Option<&Tensor>,
    n_heads: usize,
) -> Result<Tensor> {
    // In the place of edges that are not there stands something of which nothing is read.
    let missing = own.detach();
    let side = |edges: Option<&Tensor>, axis: usize| match edges.filter(|edges| edges.elem_count() > 0) {
        Some(edges) => Ok::<_, candle_core::Error>((edges.clone(), edges.dim(axis)?)),
        None => Ok((missing.clone(), 0)),
    };
    let ((incoming, n_incoming), (outgoing, n_outgoing)) = (side(incoming, 2)?, side(outgoing, 1)?);
    apply3(Attend { n_heads, n_edges: [n_incoming, n_outgoing] }, own, &incoming, &outgoing)
}

impl Operation for Aggregate {
    fn forward(&self, dims: &[&[usize]]) -> (Launch, Shape) {
        let [b, r, s, h] = four(dims[0]);
        let n_kept = if self.0 == EdgeAxis::Senders { r } else { s };
        (Moments::of_edges([b, r, s, h], self.0).aggregate(), (b, n_kept, 4 * h).into())
    }
    fn backward(&self, inputs: &[&Tensor], grad: &Tensor) -> Result<Vec<Tensor>> {
        let e = inputs[0];
        let dx = run(&Moments::of_edges(four(e.dims()), self.0).aggregate_grad(), &[e, grad])?;
        Ok(vec![dx.reshape(e.shape())?])
    }
}

impl Attend {
    fn sizes(&self, own: &[usize]) -> Attention {
        let &Self { n_heads, n_edges } = self;
        Attention { n_nets: own[0], n_nodes: own[1], n_edges, n_heads, width: own[2] - n_heads }
    }
}

impl Operation3 for Attend {
    fn forward(&self, [own, ..]: [&[usize]; 3]) -> (Launch, Shape) {
        let sizes = self.sizes(own);
        (sizes.attend(), (sizes.n_nets, sizes.n_nodes, sizes.width).into())
    }
    fn backward(&self, inputs: [&Tensor; 3], grad: &Tensor) -> Result<[Option<Tensor>; 3]> {
        let sizes = self.sizes(inputs[0].dims());
        let [own, incoming, outgoing] = inputs;
        let out = run(&sizes.attend_grad(), &[own, incoming, outgoing, grad])?;
        let lengths = sizes.lengths();
        let part = |i: usize| {
            let start = lengths[..i].iter().sum();
            let there = lengths[i] > 0;
            there.then(|| out.narrow(0, start, lengths[i])?.reshape(inputs[i].shape())).transpose()
        };
        Ok([part(0)?, part(1)?, part(2)?])
    }
}
