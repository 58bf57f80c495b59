//! The building blocks of the models, each the formula of its name.

mod canon;
mod edge_update;
mod embedding;
mod film_message;
mod implicit_decoder;
mod layout;
mod linear;
mod message;
mod mlp;
mod neural_graph;
mod node_update;
mod param_spaces;
mod permutation_linear;
mod readout;
mod relational_attention;
mod reversed;
mod scale_eq;
mod scale_inv;
mod scalings;

pub use canon::Canon;
pub use edge_update::EdgeUpdate;
pub use embedding::{EdgeEmbedding, Join, NodeEmbedding, TypeOrder};
pub use film_message::FilmMessage;
pub(crate) use film_message::N_STATISTICS;
pub use implicit_decoder::ImplicitDecoder;
pub use layout::Layout;
pub(crate) use layout::hidden_of;
pub use linear::{LinearBias, LinearMap};
pub use message::{Message, Trust};
pub use mlp::{Mlp, MlpConfig};
pub(crate) use neural_graph::with_ends;
pub use neural_graph::{Features, NeuralGraph, RmsNorm};
pub use node_update::NodeUpdate;
pub use param_spaces::{Channels, Ends, ParamFeatures, ParamSpaces};
pub use permutation_linear::PermutationLinear;
pub use readout::{Readout, ReadoutConfig, Reads};
pub use relational_attention::{AttentionWidths, RelationalAttention};
pub use reversed::RelativeMessage;
pub use scale_eq::{IoPath, ScaleEq, ScaleEqConfig};
pub use scale_inv::{OwnMaps, ScaleInv, Widths};
pub use scalings::{InvariantConfig, NormGuard, Scalings, SignInvariant};

/// What the node that is computed stands for: input and output nodes do not scale and may have maps of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An input of the net.
    Input,
    /// A hidden unit.
    Hidden,
    /// An output of the net.
    Output,
}

impl Role {
    /// The role of node layer `layer` among `n_layers` of them.
    pub fn of(layer: usize, n_layers: usize) -> Self {
        match layer {
            0 => Self::Input,
            l if l + 1 == n_layers => Self::Output,
            _ => Self::Hidden,
        }
    }
}
