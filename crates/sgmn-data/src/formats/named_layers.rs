//! From named tensors (`seq.0.weight`, `seq.0.bias`, ...) to the layers of a net and its parameters in order.

use std::sync::{Arc, Mutex, PoisonError};

use sgmn_graph::NetSpec;

use crate::containers::Tensor;

/// One layer as a file has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NamedLayer {
    /// What stands before `.weight` and `.bias`.
    pub(super) name: String,
    /// `[n_out, n_in]` or `[n_out, n_in, kh, kw]`.
    pub(super) weight_shape: Vec<usize>,
    /// Whether it has a bias.
    pub(super) bias: bool,
    /// The weight, then the bias, if there is one.
    params: Vec<f64>,
}

/// What was expected and what was found.
pub(super) type Fault = (String, String);

/// Pairs weights with biases, where they have one, and sorts the layers by name, numbers inside names by value (`seq.2` before `seq.10`).
///
/// # Errors
/// If a tensor is neither weight nor bias, a bias has no weight, a tensor is not of floats, or has an impossible shape.
pub(super) fn from_tensors(tensors: Vec<(String, Tensor)>) -> Result<Vec<NamedLayer>, Fault> {
    let mut sorted: Vec<(Vec<Piece>, String, &str, Tensor)> = Vec::new();
    for (name, tensor) in tensors {
        let Some((layer, kind)) = split_kind(&name) else {
            return fault("tensors named LAYER.weight and LAYER.bias", format!("{name:?}"));
        };
        sorted.push((pieces(layer), layer.to_owned(), kind, tensor));
    }
    // Weight before bias: the reverse of the alphabet.
    sorted.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)).then(b.2.cmp(a.2)));
    if sorted.is_empty() {
        return fault("at least one LAYER.weight with its LAYER.bias", "no tensors");
    }
    let mut layers = Vec::new();
    let mut tensors = sorted.into_iter().peekable();
    while let Some((_, name, kind, weight)) = tensors.next() {
        if kind != "weight" {
            return fault(
                format!("one {name}.weight and at most one {name}.bias"),
                format!("{name}.{kind} without its partner"),
            );
        }
        let bias = tensors.next_if(|(_, partner, kind, _)| *partner == name && *kind == "bias");
        layers.push(layer(name, weight, bias.map(|(_, _, _, bias)| bias))?);
    }
    Ok(layers)
}

/// Widths of a chain of linear layers with biases, from input to output.
///
/// # Errors
/// If a layer is not linear or has no bias, or neighbours disagree on their width.
pub(super) fn widths(layers: &[NamedLayer]) -> Result<Vec<usize>, Fault> {
    let mut widths: Vec<usize> = Vec::new();
    for NamedLayer { name, weight_shape, bias, .. } in layers {
        if !bias {
            return fault(format!("one {name}.bias"), format!("{name}.weight without its partner"));
        }
        let &[n_out, n_in] = &weight_shape[..] else {
            return fault(format!("a matrix {name}.weight"), format!("shape {weight_shape:?}"));
        };
        if let Some(&before) = widths.last()
            && before != n_in
        {
            return fault(format!("{name}.weight of shape [_, {before}]"), format!("[{n_out}, {n_in}]"));
        }
        if widths.is_empty() {
            widths.push(n_in);
        }
        widths.push(n_out);
    }
    Ok(widths)
}

/// All parameters, `W_0, b_0, W_1, b_1, ...`, without the biases that layers do not have.
pub(super) fn params(layers: Vec<NamedLayer>) -> Vec<f64> {
    layers.into_iter().flat_map(|layer| layer.params).collect()
}

/// Architectures that were met, so that equal nets of a dataset share one.
#[derive(Debug, Default)]
pub(super) struct Architectures {
    known: Mutex<Vec<Arc<NetSpec>>>,
}

impl Architectures {
    /// The shared copy of an architecture.
    pub(super) fn share(&self, spec: NetSpec) -> Arc<NetSpec> {
        // A panic while the lock was held cannot leave the list half changed: pushing is the last step.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = known.iter().find(|shared| ***shared == spec) {
            return shared.clone();
        }
        let shared = Arc::new(spec);
        known.push(shared.clone());
        shared
    }
}

fn fault<T>(expected: impl Into<String>, found: impl Into<String>) -> Result<T, Fault> {
    Err((expected.into(), found.into()))
}

fn split_kind(name: &str) -> Option<(&str, &'static str)> {
    ["weight", "bias"].into_iter().find_map(|kind| Some((name.strip_suffix(kind)?.strip_suffix('.')?, kind)))
}

fn layer(name: String, weight: Tensor, bias: Option<Tensor>) -> Result<NamedLayer, Fault> {
    if !matches!(weight.shape.len(), 2 | 4) || weight.shape.contains(&0) {
        let expected =
            format!("{name}.weight of shape [out, in] or [out, in, height, width], none of them 0");
        return fault(expected, format!("{:?}", weight.shape));
    }
    if let Some(bias) = bias.as_ref().filter(|bias| bias.shape != weight.shape[..1]) {
        return fault(format!("{name}.bias of shape [{}]", weight.shape[0]), format!("{:?}", bias.shape));
    }
    let mut params = Vec::new();
    for tensor in [Some(&weight), bias.as_ref()].into_iter().flatten() {
        let Some(values) = tensor.floats() else {
            return fault(format!("{name} of floating-point numbers"), format!("{:?}", tensor.element));
        };
        params.extend_from_slice(values);
    }
    Ok(NamedLayer { name, bias: bias.is_some(), params, weight_shape: weight.shape })
}

/// A piece of a name, for sorting as people count.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Number(u64),
    Text(String),
}

fn pieces(name: &str) -> Vec<Piece> {
    name.as_bytes()
        .chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit())
        .map(|piece| {
            let text = String::from_utf8_lossy(piece);
            text.parse().map_or_else(|_| Piece::Text(text.into_owned()), Piece::Number)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::containers::{ElementType, Values};

    fn tensor(shape: &[usize]) -> Tensor {
        let values = Values::Float(vec![0.5; shape.iter().product()]);
        Tensor { element: ElementType::F32, shape: shape.to_vec(), values }
    }

    fn named(entries: &[(&str, &[usize])]) -> Vec<(String, Tensor)> {
        entries.iter().map(|(name, shape)| ((*name).to_owned(), tensor(shape))).collect()
    }

    #[test]
    fn layers_are_sorted_by_number_and_chained() {
        let tensors = named(&[
            ("seq.10.bias", &[1]),
            ("seq.10.weight", &[1, 3]),
            ("seq.2.bias", &[3]),
            ("seq.2.weight", &[3, 2]),
        ]);
        let layers = from_tensors(tensors).unwrap();
        assert_eq!(layers.iter().map(|layer| layer.name.as_str()).collect::<Vec<_>>(), ["seq.2", "seq.10"]);
        assert_eq!(widths(&layers).unwrap(), [2, 3, 1]);
        assert_eq!(params(layers).len(), 13);
    }

    #[test]
    fn missing_partners_wrong_shapes_and_broken_chains_are_refused() {
        let found = |entries: &[(&str, &[usize])]| from_tensors(named(entries)).unwrap_err().1;
        let without = from_tensors(named(&[("a.weight", &[2, 2])])).unwrap();
        assert_eq!((without[0].bias, params(without.clone()).len()), (false, 4));
        assert_eq!(widths(&without).unwrap_err().1, "a.weight without its partner");
        assert_eq!(found(&[("a.bias", &[2])]), "a.bias without its partner");
        assert_eq!(found(&[("a.scale", &[2])]), "\"a.scale\"");
        assert_eq!(found(&[("a.weight", &[2, 2]), ("a.bias", &[3])]), "[3]");
        assert_eq!(found(&[("a.weight", &[2, 0]), ("a.bias", &[2])]), "[2, 0]");
        let broken = [("a.weight", &[2, 2][..]), ("a.bias", &[2]), ("b.weight", &[1, 3]), ("b.bias", &[1])];
        assert_eq!(widths(&from_tensors(named(&broken)).unwrap()).unwrap_err().1, "[1, 3]");
    }
}
