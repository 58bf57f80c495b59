//! The published code's configuration keys, read into ours.

use serde_json::Value;

use super::{
    Blueprint, Compatibility, Direction, EquivariantConfig, IoEmbedding, IoPath, OutputConfig, PerGraph,
    ReadoutRange, ScaleGmnConfig, SignInvariant, Symmetry,
};
use crate::{Error, Result, vars::Start};

/// The configuration that the published code's `scalegmn_args` describe, with published compatibility.
///
/// Keys that the published code ignores are ignored; keys whose other values no configuration uses must have the value
/// that all use, or be absent; options that are off where nothing is said may be absent too.
///
/// # Errors
/// [`Error::Config`] naming the first key that is missing, of another type, or has a value that is not supported.
pub fn from_published(args: &Value) -> Result<ScaleGmnConfig> {
    let keys = Keys { value: args, path: "scalegmn_args".to_owned() };
    let gnn = keys.below("gnn_args")?;
    let mlp = keys.below("mlp_args")?;
    let positions = keys.below("positional_encodings")?;
    for (keys, key, expected) in [
        (&gnn, "aggregator", Value::from("add")),
        (&gnn, "layer_norm", Value::from(false)),
        (&gnn, "message_fn_skip_connections", Value::from(false)),
        (&gnn, "update_node_feats_fn_skip_connections", Value::from(false)),
        (&gnn, "update_as_act", Value::from(false)),
        (&mlp, "activation", Value::from("silu")),
        (&mlp, "batch_norm", Value::from(false)),
        (&mlp, "bias", Value::from(true)),
        (&mlp, "final_activation", Value::from("identity")),
        (&mlp, "skip", Value::from(false)),
        (&positions, "equiv_net", Value::from(false)),
        (&positions, "final_linear_pos_embed", Value::from(false)),
        (&positions, "po_as_different_linear", Value::from(false)),
        (&positions, "sum_pos_enc", Value::from(false)),
    ] {
        keys.demand(key, &expected)?;
    }
    let equivariant = |short: &str, long: &str| -> Result<EquivariantConfig> {
        let io = match (
            gnn.flag("mlp_on_io")?,
            gnn.flag(&format!("layer_{short}_equiv_on_hidden"))?,
            gnn.flag(&format!("{short}_equiv_on_hidden"))?,
        ) {
            (true, ..) => IoPath::Mlp,
            (false, true, _) => IoPath::Equivariant,
            (false, false, true) => IoPath::Gated,
            (false, false, false) => IoPath::Shared,
        };
        Ok(EquivariantConfig {
            n_layers: gnn.usize(&format!("{long}_layers"))?,
            io,
            n_mlps: gnn.usize(&format!("{short}_num_mlps"))?,
            positional: gnn.flag(&format!("pos_embed_{short}"))?,
        })
    };
    let output = if keys.flag("equivariant")? {
        OutputConfig::PerParam { initial_scale: keys.number("out_scale")?, n_copies: 1 }
    } else {
        let readout = keys.below("readout_args")?;
        OutputConfig::PerGraph(PerGraph {
            readout: keys.choice(
                "readout_range",
                &[("last_layer", ReadoutRange::LastLayer), ("full_graph", ReadoutRange::FullGraph)],
            )?,
            d_out: readout.usize("d_out")?,
            d_rho: readout.usize("d_rho")?,
            mlp_directions: keys.flag("concat_mlp_directions")?,
        })
    };
    let dropout = gnn.number_or_zero("dropout")?;
    let config = ScaleGmnConfig {
        symmetry: keys.choice(
            "symmetry",
            &[
                ("sign", Symmetry::Sign),
                ("scale", Symmetry::Scale),
                ("hetero", Symmetry::Own),
                ("permutation", Symmetry::Permutation),
            ],
        )?,
        force_symmetry: false,
        direction: keys.choice(
            "direction",
            &[("forward", Direction::Forward), ("bidirectional", Direction::Bidirectional)],
        )?,
        reversed_scale: None,
        sign_invariant: if gnn.bool("sign_symmetrization")? {
            SignInvariant::Symmetrize
        } else {
            SignInvariant::Absolute
        },
        d_hidden: keys.usize("d_hid")?,
        n_layers: keys.usize("num_layers")?,
        d_mlp: mlp.widths("d_k")?,
        layer_norm: mlp.bool("layer_norm")?,
        dropout,
        mlp_dropout: if gnn.flag("dropout_all")? { dropout } else { mlp.number_or_zero("dropout")? },
        node_skip: keys.flag("gnn_skip_connections")?,
        node_embedding: keys.flag("node_pos_embed")?,
        edge_embedding: keys.flag("edge_pos_embed")?,
        io_embedding: if positions.bool("sum_on_io")? { IoEmbedding::Sum } else { IoEmbedding::Product },
        message: equivariant("msg", "message_fn")?,
        update: equivariant("upd", "update_node_feats_fn")?,
        edge_update: gnn.bool("update_edge_attr")?,
        output,
        compatibility: Compatibility::Published,
        start: Start::Pytorch,
        probes: None,
    };
    config.validate()?;
    Ok(config)
}

/// A JSON object and where it stands.
struct Keys<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Keys<'a> {
    fn get(&self, key: &str, expected: &str) -> Result<&'a Value> {
        let found = if self.value.is_object() { "nothing" } else { "no object around it" };
        self.value.get(key).ok_or_else(|| Error::config(format!("{}.{key}", self.path), expected, found))
    }

    fn typed<T>(&self, key: &str, expected: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<T> {
        let value = self.get(key, expected)?;
        read(value).ok_or_else(|| Error::config(format!("{}.{key}", self.path), expected, value))
    }

    fn below(&self, key: &str) -> Result<Keys<'a>> {
        let value = self.typed(key, "an object", |value| value.is_object().then_some(value))?;
        Ok(Keys { value, path: format!("{}.{key}", self.path) })
    }

    fn bool(&self, key: &str) -> Result<bool> {
        self.typed(key, "true or false", Value::as_bool)
    }

    fn usize(&self, key: &str) -> Result<usize> {
        self.typed(key, "a count", |value| value.as_u64()?.try_into().ok())
    }

    fn number(&self, key: &str) -> Result<f64> {
        self.typed(key, "a number", Value::as_f64)
    }

    /// A number that is 0 where nothing is said.
    fn number_or_zero(&self, key: &str) -> Result<f64> {
        if self.has(key) { self.number(key) } else { Ok(0.0) }
    }

    /// An option that is off where nothing is said.
    fn flag(&self, key: &str) -> Result<bool> {
        Ok(self.has(key) && self.bool(key)?)
    }

    fn has(&self, key: &str) -> bool {
        self.value.get(key).is_some_and(|value| !value.is_null())
    }

    fn widths(&self, key: &str) -> Result<Vec<usize>> {
        self.typed(key, "a list of widths", |value| {
            value.as_array()?.iter().map(|width| width.as_u64()?.try_into().ok()).collect()
        })
    }

    fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<T> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        self.typed(key, &names.join(" or "), |value| {
            choices.iter().find(|(name, _)| value.as_str() == Some(name)).map(|(_, choice)| *choice)
        })
    }

    fn demand(&self, key: &str, expected: &Value) -> Result<()> {
        if !self.has(key) {
            return Ok(());
        }
        self.typed(key, &expected.to_string(), |value| (value == expected).then_some(()))
    }
}
