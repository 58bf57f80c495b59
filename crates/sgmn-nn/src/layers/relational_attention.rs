//! Attention whose queries, keys and values know the edge between the two nodes.

use candle_core::Tensor;

use super::{Features, LinearBias, Side, neural_graph::along};
use crate::{
    Init, Result, VarBuilder,
    ops::{EdgeAxis, Rows},
};

/// `y_i = W Σ_j a_ij v_ij + w` over node i itself, the nodes below and the nodes above it, with
/// `a_i = softmax_j(⟨q_ij, k_ij⟩ / √d)` for each head of d channels and
///
/// ```text
/// q_ij = Q x_i + Q' e_ij      k_ij = K x_j + K' e_ij      v_ij = (M e_ij + m) ⊙ V x_j + V' e_ij
/// ```
///
/// Edges read against their direction have maps `Q', K', M, V'` of their own; to itself a node has no edge, and its
/// `v_ii` is `V x_i`.
///
/// Variables: `query`, `key`, `value`, `out`, and below `incoming` and `outgoing` the maps of edges.
///
/// # Source
/// Kofinas et al., ICLR 2024, section 3.2, after Diao and Loynd, "Relational Attention: Generalizing Transformers for
/// Graph-Structured Tasks", ICLR 2023. **Departs:** a node attends to its neighbours, where the published program, whose
/// mask is switched off, lets every node attend to every other.
#[derive(Debug, Clone)]
pub struct RelationalAttention {
    query: Tensor,
    key: Tensor,
    value: Tensor,
    incoming: EdgeMaps,
    outgoing: Option<EdgeMaps>,
    out: LinearBias,
    /// Sums the channels of each head, `[heads, d]`, over √d.
    heads: Tensor,
    n_heads: usize,
}

#[derive(Debug, Clone)]
struct EdgeMaps {
    query: Tensor,
    key: Tensor,
    value: Tensor,
    modulation: LinearBias,
}

/// Widths of a [`RelationalAttention`].
#[derive(Debug, Clone, Copy)]
pub struct AttentionWidths {
    /// Of nodes.
    pub d_node: usize,
    /// Of edges.
    pub d_edge: usize,
    /// Of queries, keys and values, all heads together.
    pub d_attention: usize,
    /// Number of heads, a divisor of `d_attention`.
    pub n_heads: usize,
}

impl RelationalAttention {
    /// Attention of the given widths; `hears_above` says whether nodes attend to those above them too.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(widths: AttentionWidths, hears_above: bool, vars: &VarBuilder) -> Result<Self> {
        let AttentionWidths { d_node, d_edge, d_attention, n_heads } = widths;
        let edges = |name: &str| EdgeMaps::new(d_edge, d_attention, &vars.at(name));
        let query = map(d_node, d_attention, "query", vars)?;
        let d_head = d_attention / n_heads;
        let size = 1.0 / (d_head as f64).sqrt();
        let of_head = |i: usize| if i % d_attention / d_head == i / d_attention { size } else { 0.0 };
        let heads: Vec<f64> = (0..n_heads * d_attention).map(of_head).collect();
        Ok(Self {
            key: map(d_node, d_attention, "key", vars)?,
            value: map(d_node, d_attention, "value", vars)?,
            incoming: edges("incoming")?,
            outgoing: if hears_above { Some(edges("outgoing")?) } else { None },
            out: LinearBias::new(d_attention, d_node, &vars.at("out"))?,
            heads: Tensor::from_vec(heads, (n_heads, d_attention), query.device())?
                .to_dtype(query.dtype())?,
            query,
            n_heads,
        })
    }

    /// What each node of a site gathers: of all blocks together where one enters and one leaves, as in chains; else of
    /// each block by itself, and summed.
    ///
    /// # Shapes
    /// Result `[B, n, d_node]`.
    ///
    /// # Errors
    /// If shapes differ.
    pub fn forward(&self, features: &Features, site: usize) -> Result<Rows> {
        let own = &features.nodes[site];
        let incoming = features.incoming(site)?;
        let outgoing = if self.outgoing.is_some() { features.outgoing(site)? } else { Vec::new() };
        let dense = incoming.iter().chain(&outgoing).all(Side::is_dense);
        if dense && incoming.len() <= 1 && outgoing.len() <= 1 {
            return self.out.forward(&self.gather(own, incoming.first(), outgoing.first())?);
        }
        let of_incoming = incoming.iter().map(|side| (side, [Some(side), None]));
        let of_outgoing = outgoing.iter().map(|side| (side, [None, Some(side)]));
        let mut total: Option<Rows> = None;
        for (side, [incoming, outgoing]) in of_incoming.chain(of_outgoing) {
            let heard = side.returned(self.gather(&side.gathered(own)?, incoming, outgoing)?)?;
            total = Some(match total {
                Some(total) => total.add(&heard)?,
                None => heard,
            });
        }
        self.out.forward(&total.expect("several blocks"))
    }

    /// What nodes gather of themselves and of a block at each side.
    fn gather(&self, own: &Rows, incoming: Option<&Side<'_>>, outgoing: Option<&Side<'_>>) -> Result<Rows> {
        let query = own.linear(&self.query)?;
        let itself = self.row(&query, &own.linear(&self.key)?, &own.linear(&self.value)?)?;
        let incoming = incoming.map(|side| {
            let axes = [EdgeAxis::Receivers, EdgeAxis::Senders];
            self.rows(&self.incoming, side.edges, &query, &side.others, axes)
        });
        let outgoing = outgoing.zip(self.outgoing.as_ref()).map(|(side, maps)| {
            self.rows(maps, side.edges, &query, &side.others, [EdgeAxis::Senders, EdgeAxis::Receivers])
        });
        let (incoming, outgoing) = (incoming.transpose()?, outgoing.transpose()?);
        Ok(itself.attend(incoming.as_ref(), outgoing.as_ref(), self.n_heads)?)
    }

    /// Logits and values along the edges of one block; the axes are those of the nodes that attend and are attended to.
    fn rows(
        &self,
        maps: &EdgeMaps,
        edges: &Rows,
        query: &Rows,
        others: &Rows,
        [own, other]: [EdgeAxis; 2],
    ) -> Result<Rows> {
        let query = along(edges, query, own)?.add(&edges.linear(&maps.query)?)?;
        let key = along(edges, &others.linear(&self.key)?, other)?.add(&edges.linear(&maps.key)?)?;
        let value = along(edges, &others.linear(&self.value)?, other)?;
        let value = maps.modulation.forward(edges)?.mul(&value)?.add(&edges.linear(&maps.value)?)?;
        self.row(&query, &key, &value)
    }

    /// `[⟨q, k⟩ / √d of each head, v]`.
    fn row(&self, query: &Rows, key: &Rows, value: &Rows) -> Result<Rows> {
        let logits = query.mul(key)?.linear(&self.heads)?;
        Ok(Rows::concat(&[&logits, value])?)
    }
}

impl EdgeMaps {
    fn new(d_edge: usize, d_attention: usize, vars: &VarBuilder) -> Result<Self> {
        Ok(Self {
            query: map(d_edge, d_attention, "query", vars)?,
            key: map(d_edge, d_attention, "key", vars)?,
            value: map(d_edge, d_attention, "value", vars)?,
            // Around 1 at the start, so that values are heard.
            modulation: LinearBias::with_bias(
                d_edge,
                d_attention,
                Init::Constant(1.0),
                &vars.at("modulation"),
            )?,
        })
    }
}

/// The weight of a linear map without bias.
fn map(d_in: usize, d_out: usize, name: &str, vars: &VarBuilder) -> Result<Tensor> {
    vars.at(name).var("weight", &[d_out, d_in], Init::Linear { n_in: d_in })
}
