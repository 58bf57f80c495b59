//! The text by which an architecture is known in checkpoints, letter by letter.
//!
//! It is what `Debug` printed when the first checkpoints were written. New kinds of layers and activations get a text of
//! their own here; those that are there never change, whatever becomes of the types.

use super::{LayerMap, LayerPool, LayerSpec, Reading};
use crate::{PoolAt, PoolKind};

pub(super) fn of(layers: &[LayerSpec], output_offset: f64) -> String {
    let layers: Vec<String> = layers
        .iter()
        .map(|LayerSpec { map, activation, bias, pool }| {
            // The first checkpoints knew of no layer without a bias, and of no pooling.
            let bias = if *bias { "" } else { ", bias: false" };
            let pool = pool.map_or(String::new(), |pool| format!(", pool: {}", of_pool(&pool)));
            format!(
                "LayerSpec {{ map: {}, activation: {}{bias}{pool} }}",
                of_map(map),
                activation.fingerprint()
            )
        })
        .collect();
    format!("[{}]+{output_offset}", layers.join(", "))
}

fn pair([a, b]: [usize; 2]) -> String {
    format!("[{a}, {b}]")
}

fn of_pool(pool: &LayerPool) -> String {
    let kind = match pool.kind {
        PoolKind::Max => "Max",
        PoolKind::Mean => "Mean",
    };
    let at = match pool.at {
        PoolAt::BeforeActivation => "BeforeActivation",
        PoolAt::AfterActivation => "AfterActivation",
    };
    format!(
        "LayerPool {{ kind: {kind}, window: {}, stride: {}, padding: {}, at: {at} }}",
        pair(pool.window),
        pair(pool.stride),
        pair(pool.padding)
    )
}

fn of_map(map: &LayerMap) -> String {
    match *map {
        LayerMap::Linear { n_in, n_out, reading } => {
            let reading = match reading {
                Reading::Direct => "Direct".to_owned(),
                Reading::GlobalAverage => "GlobalAverage".to_owned(),
                Reading::Flatten { positions } => format!("Flatten {{ positions: {positions} }}"),
            };
            format!("Linear {{ n_in: {n_in}, n_out: {n_out}, reading: {reading} }}")
        }
        LayerMap::Conv { n_in, n_out, kernel, stride, padding } => format!(
            "Conv {{ n_in: {n_in}, n_out: {n_out}, kernel: {}, stride: {}, padding: {} }}",
            pair(kernel),
            pair(stride),
            pair(padding)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Activation;

    #[test]
    fn fingerprints_are_those_of_the_first_checkpoints() {
        let linear = |reading| LayerMap::Linear { n_in: 2, n_out: 3, reading };
        let conv = LayerMap::Conv { n_in: 1, n_out: 16, kernel: [3, 3], stride: [2, 1], padding: [0, 1] };
        let layer = LayerSpec::new;
        for (layers, offset, expected) in [
            (
                vec![
                    layer(linear(Reading::Direct), Activation::Sine { omega: 30.0 }),
                    layer(linear(Reading::Flatten { positions: 9 }), Activation::Identity),
                ],
                0.5,
                "[LayerSpec { map: Linear { n_in: 2, n_out: 3, reading: Direct }, activation: Sine { omega: 30.0 } }, \
                 LayerSpec { map: Linear { n_in: 2, n_out: 3, reading: Flatten { positions: 9 } }, activation: Identity }]+0.5",
            ),
            (
                vec![
                    layer(conv, Activation::LeakyRelu { slope: 0.01 }),
                    layer(linear(Reading::GlobalAverage), Activation::Relu),
                ],
                0.0,
                "[LayerSpec { map: Conv { n_in: 1, n_out: 16, kernel: [3, 3], stride: [2, 1], padding: [0, 1] }, \
                 activation: LeakyRelu { slope: 0.01 } }, \
                 LayerSpec { map: Linear { n_in: 2, n_out: 3, reading: GlobalAverage }, activation: Relu }]+0",
            ),
        ] {
            assert_eq!(of(&layers, offset), expected);
            // As long as the types print so themselves, every kind can be compared.
            let printed =
                format!("{layers:?}+{offset}").replace(", bias: true", "").replace(", pool: None", "");
            assert_eq!(expected, printed);
        }
        let without = layer(linear(Reading::Direct), Activation::Softplus { beta: 1.0 }).without_bias();
        let expected = "[LayerSpec { map: Linear { n_in: 2, n_out: 3, reading: Direct }, \
                        activation: Softplus { beta: 1.0 }, bias: false }]+0";
        assert_eq!(of(&[without], 0.0), expected);
        assert_eq!(expected, format!("{:?}+0", [without]).replace(", pool: None", ""));
        let pool: LayerPool = "max:3x2:2:1:before".parse().unwrap();
        let pooled = layer(conv, Activation::Relu).with_pool(pool);
        let expected = "[LayerSpec { map: Conv { n_in: 1, n_out: 16, kernel: [3, 3], stride: [2, 1], padding: [0, 1] }, \
                        activation: Relu, pool: LayerPool { kind: Max, window: [3, 2], stride: [2, 2], padding: [1, 1], \
                        at: BeforeActivation } }]+0";
        assert_eq!(of(&[pooled], 0.0), expected);
        let other = pooled.with_pool(LayerPool { kind: PoolKind::Mean, at: PoolAt::AfterActivation, ..pool });
        assert_eq!(of(&[other], 0.0), expected.replace("Max", "Mean").replace("Before", "After"));
        for activation in crate::testing::ACTIVATIONS {
            assert_eq!(activation.fingerprint(), format!("{activation:?}"));
        }
    }
}
