//! Whole modules: the parameters and buffers of an object of PyTorch's, by the names that its state dict would have.

use super::value::{Key, TensorRef, Value};

/// The tensors of a pickled or scripted module: parameters, then buffers, then those of the modules inside, each under
/// the names that lead to it (`layer1.0.weight`), in the order in which they were registered. `None` for anything else.
///
/// A pickled module has `_parameters`, `_buffers` and `_modules`; buffers that are not part of its state dict are left
/// out. A scripted one (`__torch__...`) has all of them as attributes.
pub fn module_tensors(value: &Value) -> Option<Vec<(String, TensorRef)>> {
    let kind = kind(value)?;
    let mut tensors = Vec::new();
    collect(value, kind, "", &mut tensors);
    Some(tensors)
}

/// How a module keeps its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pickled,
    Scripted,
}

fn kind(value: &Value) -> Option<Kind> {
    let Value::Opaque { class, .. } = value else { return None };
    let registers = ["_parameters", "_buffers", "_modules"];
    if registers.iter().all(|name| matches!(value.get(name), Some(Value::Dict(_)))) {
        Some(Kind::Pickled)
    } else if class.starts_with("__torch__.") && value.entries().is_some() {
        Some(Kind::Scripted)
    } else {
        None
    }
}

/// Collects below a prefix. Values are nested a bounded number of times, so this ends.
fn collect(module: &Value, kind: Kind, prefix: &str, tensors: &mut Vec<(String, TensorRef)>) {
    let named = |name: &Key| format!("{prefix}{name}");
    let entries = |register: &str| module.get(register).and_then(Value::entries).unwrap_or_default();
    let (own, inner): (Vec<_>, Vec<_>) = match kind {
        Kind::Pickled => {
            let passing = entry_texts(module.get("_non_persistent_buffers_set"));
            let buffers =
                entries("_buffers").iter().filter(|(name, _)| !passing.contains(&name.to_string().as_str()));
            (entries("_parameters").iter().chain(buffers).collect(), entries("_modules").iter().collect())
        }
        Kind::Scripted => module
            .entries()
            .unwrap_or_default()
            .iter()
            .partition(|(_, value)| matches!(value, Value::Tensor(_))),
    };
    for (name, value) in own {
        if let Value::Tensor(tensor) = value {
            tensors.push((named(name), tensor.clone()));
        }
    }
    for (name, value) in inner {
        if let Some(kind) = self::kind(value) {
            collect(value, kind, &format!("{}.", named(name)), tensors);
        }
    }
}

/// The texts of a set.
fn entry_texts(value: Option<&Value>) -> Vec<&str> {
    let items = match value {
        Some(Value::Opaque { state: Some(state), .. }) => match &**state {
            Value::List(items) => items.as_slice(),
            _ => &[],
        },
        Some(Value::List(items)) => items,
        _ => &[],
    };
    let texts = items.iter().filter_map(|item| match item {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}
