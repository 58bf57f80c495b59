//! The architectures of the Model Zoo collections: **the only place that knows them.**
//!
//! Their programs build three convolutions without padding, with a maximum over 2 × 2 positions between most of them and
//! their activations, then two linear layers, the first of which reads all positions of all channels. Where the maximum
//! stands is not written in a checkpoint; the kind of net and the kernels tell.
//!
//! | `model::type` | kernels | maximum behind |
//! | --- | --- | --- |
//! | `CNN`, `CNN2` | 5, 5, 2 | the first two |
//! | `CNN3` | 3, 3, 3 | all |

use sgmn_graph::{Activation, LayerMap, LayerPool, LayerSpec, NetSpec, PoolAt, PoolKind, Reading};

use super::params::Params;

/// A form of convolutional nets: the kinds that have it, the sides of its kernels, and which are pooled.
struct Form {
    kinds: &'static [&'static str],
    kernels: [usize; 3],
    pooled: [bool; 3],
}

const FORMS: [Form; 2] = [
    Form { kinds: &["CNN", "CNN2"], kernels: [5, 5, 2], pooled: [true, true, false] },
    Form { kinds: &["CNN3"], kernels: [3, 3, 3], pooled: [true, true, true] },
];

/// The architecture of a net with these weights, or why it cannot be said.
pub(super) fn spec(params: &Params, layers: &[(String, Vec<usize>)]) -> Result<NetSpec, String> {
    let pooled = pooled(params.kind.as_deref(), layers)?;
    let activation = activation(params.nonlinearity.as_deref())?;
    let mut specs: Vec<LayerSpec> = Vec::new();
    for (l, (name, shape)) in layers.iter().enumerate() {
        let map = match shape[..] {
            [n_out, n_in, kh, kw] => {
                LayerMap::Conv { n_in, n_out, kernel: [kh, kw], stride: [1, 1], padding: [0, 0] }
            }
            [n_out, n_columns] => match specs.last().map(|before| before.map) {
                Some(LayerMap::Conv { n_out: channels, .. }) if n_columns % channels == 0 => {
                    let reading = Reading::Flatten { positions: n_columns / channels };
                    LayerMap::Linear { n_in: channels, n_out, reading }
                }
                _ => LayerMap::Linear { n_in: n_columns, n_out, reading: Reading::Direct },
            },
            _ => {
                return Err(format!(
                    "{name}.weight of shape {shape:?}, which is neither linear nor a convolution of images"
                ));
            }
        };
        let is_last = l + 1 == layers.len();
        let layer = LayerSpec::new(map, if is_last { Activation::Identity } else { activation });
        let window = LayerPool::side_by_side(PoolKind::Max, [2, 2], PoolAt::BeforeActivation);
        specs.push(if pooled.get(l) == Some(&true) { layer.with_pool(window) } else { layer });
    }
    NetSpec::new(specs, 0.0).map_err(|why| why.to_string())
}

/// Which of the convolutions, which come first, are pooled.
fn pooled(kind: Option<&str>, layers: &[(String, Vec<usize>)]) -> Result<&'static [bool], String> {
    if let Some(kind) = kind
        && kind != "MLP"
        && !FORMS.iter().any(|form| form.kinds.contains(&kind))
    {
        return Err(format!(
            "nets of the kind {kind:?} (model::type), which are no chains, cannot be represented"
        ));
    }
    let kernels: Vec<&[usize]> = layers.iter().filter_map(|(_, shape)| shape.get(2..)).filter(|k| !k.is_empty()).collect();
    if kernels.is_empty() {
        return Ok(&[]);
    }
    let fits = |form: &&Form| {
        kernels.len() == form.kernels.len()
            && kernels.iter().zip(form.kernels).all(|(found, side)| **found == [side, side])
            && kind.is_none_or(|kind| form.kinds.contains(&kind))
    };
    let known: Vec<String> = FORMS.iter().map(|form| format!("{} has {:?}", form.kinds.join(" and "), form.kernels)).collect();
    FORMS.iter().find(fits).map(|form| &form.pooled[..]).ok_or_else(|| {
        let kind = kind.map_or("a net that does not say model::type".to_owned(), |kind| format!("a net of the kind {kind:?} (model::type)"));
        format!("{kind} with kernels {kernels:?}, so that nothing says where it pools ({})", known.join(", "))
    })
}

/// The activation that `model::nlin` names, with the constants that PyTorch gives it.
fn activation(word: Option<&str>) -> Result<Activation, String> {
    let word = word.ok_or("params.json without model::nlin, the activation")?;
    match word {
        "leakyrelu" => Ok(Activation::LeakyRelu { slope: 0.01 }),
        word => word.parse::<Activation>().map_err(|why| format!("model::nlin: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Option<&str>, kernels: &[usize]) -> Result<NetSpec, String> {
        let params = Params { kind: kind.map(str::to_owned), nonlinearity: Some("tanh".to_owned()) };
        let conv = |(l, side): (usize, &usize)| {
            (format!("module_list.{l}"), vec![2, if l == 0 { 1 } else { 2 }, *side, *side])
        };
        let linear = [("module_list.9".to_owned(), vec![3, 2 * 9])];
        spec(&params, &kernels.iter().enumerate().map(conv).chain(linear).collect::<Vec<_>>())
    }

    #[test]
    fn maxima_stand_where_the_programs_of_the_zoos_build_them() {
        let pools = |kind, kernels: &[usize]| -> Vec<String> {
            let spec = read(kind, kernels).unwrap();
            spec.layers().iter().map(|layer| layer.nonlinearity().to_string()).collect()
        };
        let (pooled, plain) = ("max:2:before, tanh", "tanh");
        for kind in [Some("CNN"), Some("CNN2"), None] {
            assert_eq!(pools(kind, &[5, 5, 2]), [pooled, pooled, plain, "identity"]);
        }
        for kind in [Some("CNN3"), None] {
            assert_eq!(pools(kind, &[3, 3, 3]), [pooled, pooled, pooled, "identity"]);
        }
        assert_eq!(pools(Some("MLP"), &[]), ["identity"]);
    }

    #[test]
    fn nets_whose_pooling_nobody_knows_are_refused() {
        for (kind, kernels) in [(Some("CNN3"), &[5, 5, 2][..]), (Some("MLP"), &[3, 3, 3]), (None, &[3, 3])] {
            let why = read(kind, kernels).unwrap_err();
            assert!(why.contains("so that nothing says where it pools (CNN and CNN2 has [5, 5, 2]"), "{why}");
        }
        assert!(read(Some("Resnet18"), &[3, 3, 3]).unwrap_err().contains("no chains"));
    }
}
