//! The published code's configuration keys and ours: one table, read from left to right and from right to left.

mod keys;
mod own;

use serde_json::{Value, json};

use self::{keys::Keys, own::refuse_our_own};
use super::{
    Blueprint, Compatibility, Direction, OutputConfig, PerGraph, ReadoutRange, ReversedScale, ScaleGmnConfig,
};
use crate::{
    Result,
    layers::{IoPath, Join, Scalings, SignInvariant},
};

/// The part of a published configuration that describes the model.
pub(crate) const PART: &str = "scalegmn_args";

/// The configuration that the published code's `scalegmn_args` describe, with published compatibility.
///
/// Keys that the published code ignores are ignored; keys whose other values no configuration uses must have the value
/// that all use, or be absent; options that are off where nothing is said may be absent too.
///
/// # Errors
/// [`crate::Error::Config`] naming the first key that is missing, of another type, or has a value that is not supported.
pub fn from_published(args: &Value) -> Result<ScaleGmnConfig> {
    let mut config = ScaleGmnConfig {
        compatibility: Compatibility::Published,
        ..ScaleGmnConfig::new(Scalings::Own, Direction::Forward, 1, 1)
    };
    table(&mut Keys::read(PART, args), &mut config)?;
    config.validate()?;
    Ok(config)
}

/// The published code's `scalegmn_args` for a configuration, whatever its compatibility: the reverse of
/// [`from_published`].
///
/// What depends on the nets is not among them: `layer_layout`, and the largest kernel.
///
/// # Errors
/// [`crate::Error::Config`] naming the first option that the published code does not have.
pub fn to_published(config: &ScaleGmnConfig) -> Result<Value> {
    refuse_our_own(config)?;
    let mut keys = Keys::write(PART);
    table(&mut keys, &mut config.clone())?;
    Ok(keys.written())
}

/// Every key, with the field that it stands for.
fn table(keys: &mut Keys<'_>, config: &mut ScaleGmnConfig) -> Result<()> {
    keys.below("positional_encodings", |keys| positions(keys, config))?;
    // Before the keys of `gnn_args`, one of which may replace its dropout.
    keys.below("mlp_args", |keys| mlp(keys, config))?;
    keys.below("gnn_args", |keys| gnn(keys, config))?;
    output(keys, config)?;
    keys.word(
        "symmetry",
        &[
            ("sign", Scalings::Sign),
            ("scale", Scalings::Scale),
            ("hetero", Scalings::Own),
            ("permutation", Scalings::Permutation),
        ],
        &mut config.scalings,
    )?;
    keys.word(
        "direction",
        &[("forward", Direction::Forward), ("bidirectional", Direction::Bidirectional)],
        &mut config.direction,
    )?;
    keys.count("d_hid", &mut config.d_hidden)?;
    keys.count("num_layers", &mut config.n_rounds)?;
    keys.option("gnn_skip_connections", &mut config.node_skip)?;
    keys.option("node_pos_embed", &mut config.node_embedding)?;
    keys.option("edge_pos_embed", &mut config.edge_embedding)?;
    // Bidirectional models ask for it and make no use of it.
    keys.unread("reciprocal", true);
    keys.unread("d_in_v", 1);
    keys.unread("d_in_e", 1);
    keys.unread("graph_init", graph_init(config.d_hidden));
    Ok(())
}

/// The first projections; the width of an edge's numbers follows from the largest kernel, where there is one.
fn graph_init(d_hidden: usize) -> Value {
    json!({
        "d_in_v": 1,
        "d_in_e": 1,
        "project_node_feats": true,
        "project_edge_feats": true,
        "d_node": d_hidden,
        "d_edge": d_hidden,
    })
}

fn positions(keys: &mut Keys<'_>, config: &mut ScaleGmnConfig) -> Result<()> {
    for key in ["equiv_net", "final_linear_pos_embed", "po_as_different_linear", "sum_pos_enc"] {
        keys.always(key, false)?;
    }
    let mut sums = config.io_embedding == Join::Sum;
    keys.truth("sum_on_io", &mut sums)?;
    config.io_embedding = if sums { Join::Sum } else { Join::Product };
    // They belong to `equiv_net`.
    keys.unread("equiv_on_hidden", true);
    keys.unread("layer_equiv_on_hidden", false);
    keys.unread("num_mlps", 3);
    Ok(())
}

fn mlp(keys: &mut Keys<'_>, config: &mut ScaleGmnConfig) -> Result<()> {
    keys.always("activation", "silu")?;
    keys.always("batch_norm", false)?;
    keys.always("bias", true)?;
    keys.always("final_activation", "identity")?;
    keys.always("skip", false)?;
    keys.widths("d_k", &mut config.d_mlp)?;
    keys.truth("layer_norm", &mut config.layer_norm)?;
    keys.number_or_zero("dropout", &mut config.mlp_dropout)
}

fn gnn(keys: &mut Keys<'_>, config: &mut ScaleGmnConfig) -> Result<()> {
    keys.always("aggregator", "add")?;
    for key in [
        "layer_norm",
        "message_fn_skip_connections",
        "update_node_feats_fn_skip_connections",
        "update_as_act",
    ] {
        keys.always(key, false)?;
    }
    keys.unread("update_as_act_arg", "sum");
    keys.unread("d_hid", config.d_hidden);

    keys.number_or_zero("dropout", &mut config.dropout)?;
    let mut everywhere = false;
    keys.option("dropout_all", &mut everywhere)?;
    if everywhere {
        config.mlp_dropout = config.dropout;
    }
    let mut symmetrizes = config.sign_invariant == SignInvariant::Symmetrize;
    keys.truth("sign_symmetrization", &mut symmetrizes)?;
    config.sign_invariant = if symmetrizes { SignInvariant::Symmetrize } else { SignInvariant::Absolute };
    keys.truth("update_edge_attr", &mut config.edge_update)?;

    let mut mlp_on_io = config.message.io == IoPath::Mlp;
    keys.option("mlp_on_io", &mut mlp_on_io)?;
    for (short, long, form) in
        [("msg", "message_fn", &mut config.message), ("upd", "update_node_feats_fn", &mut config.update)]
    {
        keys.count(&format!("{long}_layers"), &mut form.n_layers)?;
        // Which layers input and output nodes pass. Other ways than these are taken by no published configuration.
        let (of_layers, gated) =
            (format!("layer_{short}_equiv_on_hidden"), format!("{short}_equiv_on_hidden"));
        if mlp_on_io {
            // They pass none.
            keys.unread(&of_layers, false);
            keys.unread(&gated, true);
        } else {
            keys.always(&of_layers, false)?;
            keys.only(&gated, true)?;
        }
        form.io = if mlp_on_io { IoPath::Mlp } else { IoPath::Gated };
        keys.count(&format!("{short}_num_mlps"), &mut form.n_mlps)?;
        keys.option(&format!("pos_embed_{short}"), &mut form.positional)?;
    }
    Ok(())
}

fn output(keys: &mut Keys<'_>, config: &mut ScaleGmnConfig) -> Result<()> {
    let (mut changes, mut initial_scale) = match config.output {
        OutputConfig::PerParam { initial_scale, .. } => (true, initial_scale),
        OutputConfig::PerGraph(_) => (false, 0.0),
    };
    keys.option("equivariant", &mut changes)?;
    keys.always("concat_mlp_directions", false)?;
    if changes {
        keys.number("out_scale", &mut initial_scale)?;
        config.output = OutputConfig::PerParam { initial_scale, n_copies: 1 };
        return Ok(());
    }
    let mut per_graph = match &config.output {
        OutputConfig::PerGraph(per_graph) => per_graph.clone(),
        OutputConfig::PerParam { .. } => PerGraph { readout: ReadoutRange::LastLayer, d_out: 1, d_rho: 1 },
    };
    keys.word(
        "readout_range",
        &[("last_layer", ReadoutRange::LastLayer), ("full_graph", ReadoutRange::FullGraph)],
        &mut per_graph.readout,
    )?;
    keys.below("readout_args", |keys| {
        keys.count("d_out", &mut per_graph.d_out)?;
        keys.count("d_rho", &mut per_graph.d_rho)
    })?;
    config.output = OutputConfig::PerGraph(per_graph);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published() -> ScaleGmnConfig {
        ScaleGmnConfig {
            compatibility: Compatibility::Published,
            ..ScaleGmnConfig::new(Scalings::Sign, Direction::Forward, 8, 3)
        }
    }

    #[test]
    fn what_is_written_is_read_back_for_every_option() {
        let small = published();
        let form =
            |io, n_mlps, positional| crate::layers::ScaleEqConfig { n_layers: 2, io, n_mlps, positional };
        let mut configs = vec![small.clone()];
        configs.push(ScaleGmnConfig {
            message: form(IoPath::Gated, 3, true),
            update: form(IoPath::Gated, 2, false),
            ..small.clone()
        });
        for scalings in [Scalings::Scale, Scalings::Own, Scalings::Permutation] {
            configs.push(ScaleGmnConfig { scalings, direction: Direction::Bidirectional, ..small.clone() });
        }
        configs.push(ScaleGmnConfig {
            sign_invariant: SignInvariant::Absolute,
            io_embedding: Join::Product,
            dropout: 0.25,
            mlp_dropout: 0.125,
            node_skip: false,
            edge_embedding: true,
            layer_norm: false,
            d_mlp: vec![8, 8],
            output: OutputConfig::PerParam { initial_scale: 0.01, n_copies: 1 },
            ..small.clone()
        });
        let readout = PerGraph { readout: ReadoutRange::FullGraph, d_out: 7, d_rho: 8 };
        configs.push(ScaleGmnConfig { output: OutputConfig::PerGraph(readout), ..small });
        for config in configs {
            let written = to_published(&config).unwrap();
            assert_eq!(from_published(&written).unwrap(), config, "{written}");
        }
    }

    #[test]
    fn ways_that_no_configuration_takes_are_refused_by_their_keys() {
        let mut gated = published();
        for form in [&mut gated.message, &mut gated.update] {
            form.io = IoPath::Gated;
        }
        let written = to_published(&gated).unwrap();
        for (key, value) in [
            ("concat_mlp_directions", true),
            ("gnn_args.layer_msg_equiv_on_hidden", true),
            ("gnn_args.upd_equiv_on_hidden", false),
        ] {
            let mut changed = written.clone();
            *changed.pointer_mut(&format!("/{}", key.replace('.', "/"))).unwrap() = value.into();
            let message = from_published(&changed).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{PART}.{key}: expected {}", !value)), "{message}");
        }
    }
}
