//! The net inside a file: which dictionaries of named tensors it holds, and which of them is meant.

use crate::{
    Error, Result,
    containers::{Key, TensorRef, Tree, Value, module_tensors},
};

use super::parts::{self, Role};

/// A dictionary that looks like the weights of a net.
#[derive(Debug, Clone)]
pub struct Inside {
    /// Keys that lead to it, joined by dots; empty for the file itself.
    pub path: String,
    /// Named tensors, in the order of the file.
    pub tensors: Vec<(String, TensorRef)>,
    /// Entries beside the tensors.
    pub(super) others: Vec<(String, Value)>,
}

/// Deepest dictionary looked into; readers of containers bound it too.
const MAX_DEPTH: usize = 64;
/// Names of wrappers that programs put before all names of a net.
const WRAPPERS: [&str; 3] = ["module.", "_orig_mod.", "model."];

/// All nets in a file, in its order.
pub fn all(tree: &Tree) -> Vec<Inside> {
    let mut found = Vec::new();
    walk(&tree.root, &mut Vec::new(), &mut found);
    found
}

/// The only net in a file, or the one under a path of keys and beginnings of names, such as `model_state_dict.encoder`.
///
/// # Errors
/// [`Error::Format`] if there is none; [`Error::Unsaid`] if there are several; both list what is there.
pub fn one(tree: &Tree, under: Option<&str>) -> Result<Inside> {
    let mut found = all(tree);
    if let Some(under) = under {
        let under = under.trim_matches(['.', '/']).replace('/', ".");
        return below(&found, &under).ok_or_else(|| {
            Error::format(tree.path(), format!("weights under {under:?}"), listed(tree, &found))
        });
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Error::format(tree.path(), "named weights of a net", listed(tree, &found))),
        _ => Err(Error::unsaid(
            tree.path(),
            format!("which of several nets is meant: {}", listed(tree, &found)),
            "--under PATH",
        )),
    }
}

/// The net whose path it is, or the tensors of a net that begin so.
fn below(found: &[Inside], under: &str) -> Option<Inside> {
    if let Some(exact) = found.iter().find(|inside| inside.path == under) {
        return Some(exact.clone());
    }
    found.iter().find_map(|inside| {
        let rest = match inside.path.as_str() {
            "" => under,
            path => under.strip_prefix(path)?.strip_prefix('.')?,
        };
        let prefix = format!("{rest}.");
        let below = |(name, tensor): &(String, TensorRef)| {
            Some((name.strip_prefix(&prefix)?.to_owned(), tensor.clone()))
        };
        let tensors: Vec<_> = inside.tensors.iter().filter_map(below).collect();
        let found = Inside { path: under.to_owned(), tensors, others: inside.others.clone() };
        (!found.tensors.is_empty()).then_some(found)
    })
}

fn walk(value: &Value, path: &mut Vec<String>, found: &mut Vec<Inside>) {
    if path.len() > MAX_DEPTH {
        return;
    }
    if let Some(tensors) = module_tensors(value) {
        if tensors.iter().any(is_weight) {
            found.push(Inside { path: path.join("."), tensors: unwrapped(tensors), others: Vec::new() });
        }
        return;
    }
    let children: Vec<(String, &Value)> = match value {
        Value::Dict(entries) => entries.iter().map(|(key, value)| (text(key), value)).collect(),
        Value::List(items) => items.iter().enumerate().map(|(i, item)| (i.to_string(), item)).collect(),
        Value::Opaque { state: Some(state), .. } => return walk(state, path, found),
        _ => return,
    };
    if is_net(value) {
        let (mut tensors, mut others) = (Vec::new(), Vec::new());
        flatten(value, "", 0, &mut tensors, &mut others);
        found.push(Inside { path: path.join("."), tensors: unwrapped(tensors), others });
        return;
    }
    for (key, child) in children {
        path.push(key);
        walk(child, path, found);
        path.pop();
    }
}

/// Whether a dictionary holds a weight, or parts of a net: dictionaries that hold a bare `kernel` or `weight`, or the
/// `vars` of Keras.
fn is_net(value: &Value) -> bool {
    let Value::Dict(entries) = value else { return false };
    let is_part = |value: &Value| match value {
        Value::Dict(entries) => entries.iter().any(|(key, value)| {
            match value {
            Value::Tensor(tensor) => is_bare(&text(key), tensor),
            Value::Dict(vars) if text(key) == "vars" => vars.iter().any(|(key, value)| {
                matches!(value, Value::Tensor(tensor) if is_bare(&format!("vars.{}", text(key)), tensor))
            }),
            _ => false,
        }
        }),
        _ => false,
    };
    entries.iter().any(|(key, value)| match value {
        Value::Tensor(tensor) => is_weight(&(text(key), tensor.clone())),
        other => is_part(other),
    })
}

/// Whether a tensor is a weight whose name is nothing but the word for it.
fn is_bare(name: &str, tensor: &TensorRef) -> bool {
    let bare = matches!(parts::split(name), Some((part, Role::Weight | Role::Kernel)) if part.is_empty());
    bare && tensor.shape.len() > 1
}

/// Whether a tensor is the weight of an affine map, by its name and shape.
fn is_weight((name, tensor): &(String, TensorRef)) -> bool {
    tensor.shape.len() > 1 && parts::split(name).is_some()
}

/// Tensors of a dictionary and of the dictionaries in it, with names joined by dots.
fn flatten(
    value: &Value,
    prefix: &str,
    depth: usize,
    tensors: &mut Vec<(String, TensorRef)>,
    others: &mut Vec<(String, Value)>,
) {
    let Value::Dict(entries) = value else { return };
    for (key, value) in entries {
        let name = if prefix.is_empty() { text(key) } else { format!("{prefix}.{}", text(key)) };
        match value {
            Value::Tensor(tensor) => tensors.push((name, tensor.clone())),
            Value::Dict(_) if depth < MAX_DEPTH => flatten(value, &name, depth + 1, tensors, others),
            other => others.push((name, other.clone())),
        }
    }
}

/// Names without the wrappers that all of them begin with.
fn unwrapped(mut tensors: Vec<(String, TensorRef)>) -> Vec<(String, TensorRef)> {
    while let Some(wrapper) = WRAPPERS.iter().find(|wrapper| {
        let mut names = tensors.iter().filter(|(name, _)| name != "label");
        names.clone().count() > 0 && names.all(|(name, _)| name.starts_with(**wrapper))
    }) {
        for (name, _) in &mut tensors {
            *name = name.strip_prefix(wrapper).unwrap_or(name).to_owned();
        }
    }
    tensors
}

fn text(key: &Key) -> String {
    match key {
        Key::Text(text) | Key::Other(text) => text.clone(),
        Key::Int(number) => number.to_string(),
    }
}

/// What is in the file, for messages.
fn listed(tree: &Tree, found: &[Inside]) -> String {
    const MOST: usize = 12;
    if found.is_empty() {
        let keys: Vec<String> = match &tree.root {
            Value::Dict(entries) => entries.iter().take(MOST).map(|(key, _)| text(key)).collect(),
            _ => Vec::new(),
        };
        return if keys.is_empty() { "none".to_owned() } else { format!("the keys {}", keys.join(", ")) };
    }
    let one = |inside: &Inside| {
        format!(
            "{} ({} tensors)",
            if inside.path.is_empty() { "." } else { &inside.path },
            inside.tensors.len()
        )
    };
    let mut shown: Vec<String> = found.iter().take(MOST).map(one).collect();
    if found.len() > MOST {
        shown.push(format!("and {} more", found.len() - MOST));
    }
    shown.join(", ")
}
