//! Tensors gathered by the part of a net that they belong to: an affine map or a norm, with what their names say of them.

use crate::containers::TensorRef;

/// What a tensor is to its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// A weight as PyTorch has it: outputs first.
    Weight,
    /// A weight as Keras and Flax have it: outputs last.
    Kernel,
    /// A bias, or what a norm adds.
    Bias,
    /// What a norm multiplies by.
    Gain,
    /// Mean of a batch norm.
    Mean,
    /// Variance of a batch norm.
    Variance,
    /// Number of batches that a batch norm saw; no parameter.
    Counter,
    /// Lengths of the rows of a weight that is given by length and direction (weight norm).
    Length,
    /// Their directions.
    Direction,
    /// A weight before it is divided by its largest singular value (spectral norm).
    Original,
    /// Left singular vector of a spectral norm.
    Left,
    /// Right singular vector of a spectral norm, or the directions of the older weight norm.
    Right,
}

/// Endings of names, longest first where one ends another.
const ENDINGS: [(&str, Role); 24] = [
    ("parametrizations.weight.original0", Role::Length),
    ("parametrizations.weight.original1", Role::Direction),
    ("parametrizations.weight.original", Role::Original),
    ("parametrizations.weight.0._u", Role::Left),
    ("parametrizations.weight.0._v", Role::Right),
    ("num_batches_tracked", Role::Counter),
    ("moving_variance", Role::Variance),
    ("moving_mean", Role::Mean),
    ("running_mean", Role::Mean),
    ("running_var", Role::Variance),
    ("weight_orig", Role::Original),
    ("weight_g", Role::Length),
    ("weight_u", Role::Left),
    ("weight_v", Role::Right),
    ("vars.0", Role::Kernel),
    ("vars.1", Role::Bias),
    ("weight", Role::Weight),
    ("kernel", Role::Kernel),
    ("bias", Role::Bias),
    ("gamma", Role::Gain),
    ("scale", Role::Gain),
    ("beta", Role::Bias),
    ("mean", Role::Mean),
    ("var", Role::Variance),
];

/// Tensors of one part.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// What stands before the endings, such as `seq.0`.
    pub(super) name: String,
    tensors: Vec<(Role, TensorRef)>,
}

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A weight of two axes or more, whatever form it has, with or without a bias.
    Affine,
    /// A norm with statistics of its own.
    BatchNorm,
    /// Gains and shifts of another norm.
    Norm,
}

/// Tensors by part, and the names that tell nothing.
#[derive(Debug)]
pub(super) struct Parts {
    /// In the order of the file.
    pub(super) parts: Vec<Part>,
    /// Tensors whose names no part has.
    pub(super) others: Vec<String>,
}

/// Sorts tensors into parts.
pub(super) fn parts(tensors: &[(String, TensorRef)]) -> Parts {
    let mut found = Parts { parts: Vec::new(), others: Vec::new() };
    let mut places: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for (name, tensor) in tensors {
        let Some((part, role)) = split(name) else {
            found.others.push(name.clone());
            continue;
        };
        let at = *places.entry(part.clone()).or_insert_with(|| {
            found.parts.push(Part { name: part, tensors: Vec::new() });
            found.parts.len() - 1
        });
        found.parts[at].tensors.push((role, tensor.clone()));
    }
    found
}

/// Part and role in a name; `layer/kernel:0` is a name of `layer` too.
pub(super) fn split(name: &str) -> Option<(String, Role)> {
    let plain = name.strip_suffix(":0").unwrap_or(name).replace('/', ".");
    ENDINGS.iter().find_map(|(ending, role)| {
        let part = plain.strip_suffix(ending)?;
        (part.is_empty() || part.ends_with('.')).then(|| (part.trim_end_matches('.').to_owned(), *role))
    })
}

impl Part {
    /// The tensor of a role.
    pub(super) fn tensor(&self, role: Role) -> Option<&TensorRef> {
        self.tensors.iter().find(|(known, _)| *known == role).map(|(_, tensor)| tensor)
    }

    /// What the part is; what is wrong with it if it is nothing known.
    pub(super) fn kind(&self) -> Result<Kind, String> {
        let has = |role| self.tensor(role).is_some();
        let is_table = |role| self.tensor(role).is_some_and(|tensor| tensor.shape.len() > 1);
        let name = &self.name;
        let mut roles: Vec<Role> = self.tensors.iter().map(|(role, _)| *role).collect();
        roles.sort_unstable();
        if roles.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(format!("two tensors of {name} have one meaning"));
        }
        let only = |known: &[Role]| roles.iter().all(|role| known.contains(role));
        use Role::{
            Bias, Counter, Direction, Gain, Kernel, Left, Length, Mean, Original, Right, Variance, Weight,
        };
        if has(Mean) && has(Variance) && only(&[Weight, Gain, Bias, Mean, Variance, Counter]) {
            Ok(Kind::BatchNorm)
        } else if (is_table(Weight) && only(&[Weight, Bias]))
            || (is_table(Kernel) && only(&[Kernel, Bias]))
            || (has(Length)
                && (is_table(Direction) || is_table(Right))
                && only(&[Length, Direction, Right, Bias]))
            || (is_table(Original) && has(Left) && only(&[Original, Left, Right, Bias]))
        {
            Ok(Kind::Affine)
        } else if only(&[Weight, Gain, Bias]) && (has(Weight) || has(Gain)) {
            Ok(Kind::Norm)
        } else if roles == [Bias] {
            Err(format!("{name} has a bias and no weight"))
        } else {
            Err(format!("{name} has {roles:?}, which are no map and no norm that is known"))
        }
    }

    /// Whether another part has the very same tensors.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.tensors == other.tensors
    }

    /// The tensor that has the shape of the weight.
    pub(super) fn weight(&self) -> Option<&TensorRef> {
        let direction = || self.tensor(Role::Direction).or_else(|| self.tensor(Role::Right));
        [Role::Weight, Role::Kernel, Role::Original]
            .into_iter()
            .find_map(|role| self.tensor(role))
            .or_else(|| direction().filter(|_| self.tensor(Role::Length).is_some()))
    }

    /// Shape of the weight with outputs and inputs first, as PyTorch has it.
    pub(super) fn weight_shape(&self) -> Vec<usize> {
        let shape = self.weight().map(|tensor| tensor.shape.clone()).unwrap_or_default();
        match (self.tensor(Role::Kernel), &shape[..]) {
            (Some(_), [places @ .., n_in, n_out]) => [&[*n_out, *n_in], places].concat(),
            _ => shape,
        }
    }

    /// Whether the weight must be computed from several tensors.
    pub(super) fn is_reparametrized(&self) -> bool {
        self.tensor(Role::Weight).is_none() && self.tensor(Role::Kernel).is_none()
    }

    /// Units or channels that a norm works on.
    pub(super) fn norm_width(&self) -> usize {
        let tensor = [Role::Mean, Role::Weight, Role::Gain].into_iter().find_map(|role| self.tensor(role));
        tensor.map_or(0, |tensor| tensor.shape.iter().product())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_where_their_meaning_begins() {
        let split = |name: &str| split(name);
        assert_eq!(split("seq.0.weight"), Some(("seq.0".into(), Role::Weight)));
        assert_eq!(split("weight"), Some((String::new(), Role::Weight)));
        assert_eq!(split("0.parametrizations.weight.original1"), Some(("0".into(), Role::Direction)));
        assert_eq!(split("sequential/dense_1/kernel:0"), Some(("sequential.dense_1".into(), Role::Kernel)));
        assert_eq!(split("attn.in_proj_weight"), None, "an ending must be a whole part of the name");
        assert_eq!(split("position_ids"), None);
    }
}
