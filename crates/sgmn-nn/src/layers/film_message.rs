//! Messages whose edge modulates what its two ends say, gathered by four statistics.

use super::{LinearBias, neural_graph::along};
use crate::{
    Init, Result, VarBuilder,
    ops::{self, EdgeAxis, Rows},
};

/// `m_ij = γ(e_ij) ⊙ (A x_i + C x_j + c) + β(e_ij)` with affine γ and β, gathered as `[mean, deviation, min, max]`.
///
/// Variables: `scale`, `shift`, `receiver`, `sender`.
///
/// # Source
/// Kofinas et al., ICLR 2024, section 3.1, on the aggregation of Corso et al., "Principal Neighbourhood Aggregation for
/// Graph Nets", NeurIPS 2020.
#[derive(Debug, Clone)]
pub struct FilmMessage {
    scale: LinearBias,
    shift: LinearBias,
    receiver: LinearBias,
    sender: LinearBias,
}

/// Statistics by which messages are gathered.
pub(crate) const N_STATISTICS: usize = 4;

impl FilmMessage {
    /// Messages between nodes and along edges of `d` channels.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(d: usize, vars: &VarBuilder) -> Result<Self> {
        let linear = |name: &str| LinearBias::new(d, d, &vars.at(name));
        Ok(Self {
            // Around 1 at the start, so that the ends are heard.
            scale: LinearBias::with_bias(d, d, Init::Constant(1.0), &vars.at("scale"))?,
            shift: linear("shift")?,
            receiver: linear("receiver")?,
            sender: linear("sender")?,
        })
    }

    /// What each node of the axis that is kept hears along one block of edges.
    ///
    /// # Shapes
    /// edges `[B, R, S, d]`, `hearing` the nodes that remain and `speaking` those of the axis `over`, `[B, ·, d]`; result
    /// `[B, n, 4d]` for the n nodes that remain.
    ///
    /// # Errors
    /// If shapes differ.
    pub fn forward(&self, edges: &Rows, hearing: &Rows, speaking: &Rows, over: EdgeAxis) -> Result<Rows> {
        let kept = match over {
            EdgeAxis::Senders => EdgeAxis::Receivers,
            EdgeAxis::Receivers => EdgeAxis::Senders,
        };
        let hearing = along(edges, &self.receiver.forward(hearing)?, kept)?;
        let speaking = along(edges, &self.sender.forward(speaking)?, over)?;
        let message = self.scale.forward(edges)?.mul(&hearing.add(&speaking)?)?;
        let message = message.add(&self.shift.forward(edges)?)?;
        Ok(Rows::nodes(ops::aggregate(&message.tensor()?, over)?)?)
    }
}
