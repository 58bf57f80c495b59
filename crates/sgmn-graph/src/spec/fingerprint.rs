//! The text by which an architecture is known in checkpoints, letter by letter.
//!
//! It is what `Debug` printed when the first checkpoints were written. New kinds of layers and activations get a text of
//! their own here; those that are there never change, whatever becomes of the types.

use super::{LayerMap, LayerSpec, Reading};

pub(super) fn of(layers: &[LayerSpec], output_offset: f64) -> String {
    let layers: Vec<String> = layers
        .iter()
        .map(|LayerSpec { map, activation, bias }| {
            // The first checkpoints knew of no layer without a bias.
            let bias = if *bias { "" } else { ", bias: false" };
            format!("LayerSpec {{ map: {}, activation: {}{bias} }}", of_map(map), activation.fingerprint())
        })
        .collect();
    format!("[{}]+{output_offset}", layers.join(", "))
}

fn of_map(map: &LayerMap) -> String {
    let pair = |[a, b]: [usize; 2]| format!("[{a}, {b}]");
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
            assert_eq!(expected, format!("{layers:?}+{offset}").replace(", bias: true", ""));
        }
        let without = layer(linear(Reading::Direct), Activation::Softplus { beta: 1.0 }).without_bias();
        let expected = "[LayerSpec { map: Linear { n_in: 2, n_out: 3, reading: Direct }, \
                        activation: Softplus { beta: 1.0 }, bias: false }]+0";
        assert_eq!(of(&[without], 0.0), expected);
        assert_eq!(expected, format!("{:?}+0", [without]));
        for activation in crate::testing::ACTIVATIONS {
            assert_eq!(activation.fingerprint(), format!("{activation:?}"));
        }
    }
}
