//! The numbers that make a ScaleGMN run the nets it reads.

use sgmn_graph::NetSpec;

use super::{Gates, Sample, Wanted, maps::Maps};

/// The channels of a node; models of the forward pass have the first two.
pub(super) const BIAS: usize = 0;
pub(super) const ACTIVATION: usize = 1;
pub(super) const GRADIENT: usize = 2;
pub(super) const TARGET: usize = 3;

/// SiLUs of a perceptron that adds up values and gradients: two for each sum.
pub(super) const MOST_SUMS: usize = 4;

/// First projections, embeddings, and the scales of the output.
pub(super) fn write_start(maps: &mut Maps, spec: &NetSpec, sample: &Sample, wanted: Wanted) {
    let (n_in, n_layers) = (sample.input.len(), spec.layers().len());
    maps.set("construct_graph.proj_bias.weight", BIAS, 0, 1.0);
    maps.set("construct_graph.proj_weight.weight", 0, 0, 1.0);
    let embedding = "positional_embeddings.pos_embed";
    for (j, x) in sample.input.iter().enumerate() {
        maps.set(embedding, j, ACTIVATION, *x);
    }
    for l in 0..n_layers - 1 {
        maps.set(embedding, n_in + l, BIAS, 1.0);
    }
    for (i, t) in sample.target.iter().enumerate() {
        let row = n_in + n_layers - 1 + i;
        maps.set(embedding, row, BIAS, spec.output_offset());
        if wanted == Wanted::Gradients {
            maps.set(embedding, row, TARGET, -t);
        }
    }
    maps.fill_all(|name| name.starts_with("weight_scale.") || name.starts_with("bias_scale."), 1.0);
    // Gates are 1 where nothing else is said: no weights, last bias 1.
    let is_gate = |name: &str| {
        ["phi", "phi_in", "phi_last"].iter().any(|phi| name.ends_with(&format!(".{phi}.fc.1.bias")))
    };
    maps.fill_all(is_gate, 1.0);
}

/// Round `k` of messages and updates.
pub(super) fn write_round(maps: &mut Maps, gates: &Gates, wanted: Wanted, k: usize, is_last: bool) {
    let d = wanted.n_channels();
    let mut write_message = |path: &str, channel: usize| {
        maps.set(&format!("{path}.w_e.weight"), channel, 0, 1.0);
        maps.set(&format!("{path}.w_v.weight"), channel, channel, 1.0);
        maps.set(&format!("{path}.message_fn.eq_layers.0.W.weight"), channel, channel, 1.0);
    };
    write_message(&format!("gnn.fw_layers.{k}"), ACTIVATION);
    let (update, edge_update) = match wanted {
        Wanted::Activations => {
            let layer = format!("gnn.fw_layers.{k}");
            (format!("{layer}.update_node_feats_fn"), format!("{layer}.update_edge_attr_fn"))
        }
        Wanted::Gradients => {
            write_message(&format!("gnn.bw_layers.{k}"), GRADIENT);
            (format!("gnn.update_node_feats_fn.{k}"), format!("gnn.fw_update_edge_attr_fn.{k}"))
        }
    };
    maps.set(&format!("{edge_update}.W.weight"), 0, 0, 1.0);

    // What the last round returns stands in its only channel.
    let returned = if wanted == Wanted::Activations { ACTIVATION } else { GRADIENT };
    let kept: Vec<usize> = match (is_last, wanted) {
        (true, _) => vec![returned],
        (false, Wanted::Activations) => vec![ACTIVATION],
        (false, Wanted::Gradients) => vec![ACTIVATION, GRADIENT],
    };
    let row = |channel: usize| if is_last { 0 } else { channel };
    if !is_last {
        let skip = format!("gnn.skip_layers.{k}.weight");
        maps.set(&skip, BIAS, BIAS, 1.0);
        if wanted == Wanted::Gradients {
            maps.set(&skip, TARGET, TARGET, 1.0);
        }
    }

    // The update reads [x, m, m′], d channels each, and adds up some of them.
    let (heard, heard_back) = (d + ACTIVATION, 2 * d + GRADIENT);
    let sums = |values: &[usize], gradients: &[usize]| -> Vec<(usize, Vec<usize>)> {
        let of_gradients = (wanted == Wanted::Gradients).then(|| (GRADIENT, gradients.to_vec()));
        std::iter::once((ACTIVATION, values.to_vec())).chain(of_gradients).collect()
    };
    for (channel, columns) in sums(&[BIAS, heard], &[heard_back]) {
        for column in columns {
            maps.set(&format!("{update}.eq_layers.0.W.weight"), channel, column, 1.0);
        }
    }
    for channel in &kept {
        maps.set(&format!("{update}.eq_layers.1.W.weight"), row(*channel), *channel, 1.0);
    }
    let returned: Vec<_> = kept.iter().map(|channel| (row(*channel), vec![*channel])).collect();
    for (end, sums) in
        [("in", sums(&[ACTIVATION], &[heard_back])), ("last", sums(&[BIAS, heard], &[BIAS, heard, TARGET]))]
    {
        write_sums(maps, &format!("{update}.eq_layers_{end}.0.rho"), &sums);
        write_sums(maps, &format!("{update}.eq_layers_{end}.1.rho"), &returned);
    }
    for (name, of_channels) in &gates.branches {
        let phi = format!("{update}.eq_layers.1.g.{name}.phi");
        for (channel, gate) in of_channels.iter().filter(|(channel, _)| kept.contains(channel)) {
            maps.set_vector(&format!("{phi}.fc.1.bias"), row(*channel), gate.constant);
            for (u, unit) in gate.units.iter().enumerate() {
                // All gates of a branch are sums of the same SiLUs of the canonical pre-activation.
                maps.set(&format!("{phi}.fc.0.weight"), u, ACTIVATION, unit.slope);
                maps.set_vector(&format!("{phi}.fc.0.bias"), u, unit.shift);
                maps.set(&format!("{phi}.fc.1.weight"), row(*channel), u, unit.amount);
            }
        }
    }
}

/// A perceptron of one hidden layer that adds up columns of its input, exactly: `silu(s) − silu(−s) = s`.
fn write_sums(maps: &mut Maps, rho: &str, sums: &[(usize, Vec<usize>)]) {
    for (k, (row, columns)) in sums.iter().enumerate() {
        for (unit, sign) in [(2 * k, 1.0), (2 * k + 1, -1.0)] {
            for column in columns {
                maps.set(&format!("{rho}.fc.0.weight"), unit, *column, sign);
            }
            maps.set(&format!("{rho}.fc.1.weight"), *row, unit, sign);
        }
    }
}
