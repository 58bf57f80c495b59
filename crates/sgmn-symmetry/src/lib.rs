//! What may change in a net without changing its function.
//!
//! A unit computes `σ(w·x + b)`, and the next layer reads it through outgoing weights v. If its activation commutes with a
//! scalar, `σ(q x) = q σ(x)`, then `(q w, q b, v/q)` computes the same. Hidden units may also be reordered, and the phase
//! of a sine may be shifted by half periods. These changes form a group that acts on nets; all nets of one orbit compute
//! the same function:
//!
//! | activation | reorder | scale a unit by | shift its bias by |
//! | --- | --- | --- | --- |
//! | sine of ω | yes | ±1 ([`Symmetry::Sign`]) | m·π/ω, with `(−1)^m` on v ([`Symmetry::Phase`]) |
//! | tanh | yes | ±1 | |
//! | ReLU, leaky ReLU | yes | q > 0 ([`Symmetry::Positive`]) | |
//! | none (identity) | yes | q ≠ 0 ([`Symmetry::NonZero`]) | |
//! | Gaussian | yes | ±1 on w and b alone, since it is even ([`Symmetry::Mirror`]) | |
//! | SiLU, GELU, sigmoid, softplus, ELU, SELU, Mish, Hardswish, ReLU6 | yes ([`Symmetry::Permutation`]) | | |
//!
//! A layer without biases has all of these except the shifts.
//!
//! [`sample`] draws an [`Element`], which [composes](Element::compose), [inverts](Element::inverse) and
//! [acts](Element::act); [`canonicalize`] chooses one net of each orbit; [`check`] measures how far any closure is from
//! respecting these symmetries. A [`Law`] says how a feature inside a model scales. This crate has no
//! learned numbers, and it never asks for the kind of a layer: it reads only the facts of a
//! [`Topology`](sgmn_graph::Topology).
//!
//! ```
//! use std::sync::Arc;
//! use sgmn_graph::{Activation, Net, NetSpec, Seed, Topology, eval};
//! use sgmn_symmetry::{Ranges, Symmetry, canonicalize_net, sample};
//!
//! let spec = Arc::new(NetSpec::mlp(&[2, 3, 1], Activation::Sine { omega: 30.0 }, 0.5)?);
//! let net = Net::new(spec.clone(), (1..14).map(|i| f64::from(i).cos() / 10.0).collect())?;
//!
//! let element = sample(Seed::new(7), &Topology::new(spec)?, Symmetry::ALL, &Ranges::default())?;
//! let other = element.act_on_net(&net)?;
//! assert_ne!(other, net); // other numbers,
//! let at = [0.25, -0.5];
//! assert!((eval::run(&other, &at)?[0] - eval::run(&net, &at)?[0]).abs() < 1e-12); // the same function.
//!
//! let (a, _) = canonicalize_net(&net, Symmetry::ALL)?;
//! let (b, _) = canonicalize_net(&other, Symmetry::ALL)?;
//! assert!(a.params().iter().zip(b.params()).all(|(a, b)| (a - b).abs() < 1e-12)); // One orbit, one form.
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod act;
mod canonical;
pub mod check;
mod element;
mod error;
pub mod flow;
mod group;
mod law;
mod moved;
mod sample;
mod scaling;
mod sites;
mod symmetries;
pub mod tolerance;

pub use canonical::{Canonical, Repairs, canonicalize, canonicalize_net};
pub use element::{Element, LayerElement};
pub use error::{Error, Result};
pub use group::ScaleGroup;
pub use law::{Law, Place};
pub use moved::{InputMap, Levels, Motion, OutputMap};
pub use sample::{Ranges, augment, augment_net, sample};
pub use scaling::Scaling;
pub use sites::{Site, Sites};
pub use symmetries::Symmetry;
