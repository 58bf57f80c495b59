//! Models that read nets: ScaleGMN and others, built from layers that track how features scale.
//!
//! ```text
//! Batch (dense blocks) → Field (numbers and their law) → layers → Model → Output → loss → Gradients → AdamW
//! ```
//!
//! A [`Field`] has a law: how its numbers scale when hidden units of a net are scaled. A product of features multiplies
//! their laws, a sum of features with different laws is an error, and nonlinear maps take only invariants. So a model that
//! runs is equivariant. A [`Model`](models::Model) is built from a [`ModelConfig`](models::ModelConfig) for the
//! architectures of a dataset; its variables are in a [`VarStore`], in a fixed order, under published names.
//!
//! ```
//! use candle_core::{DType, Device};
//! use sgmn_graph::{Activation, Batch, Lowering, Net, NetSpec, Seed, testing};
//! use sgmn_nn::{Field, Normalization, Pass, VarBuilder, layers::{Canon, LinearMap, Scalings}, models::*};
//! use sgmn_symmetry::{ScaleGroup, augment_net};
//!
//! // Batch: three random sine nets as dense blocks of weights and biases.
//! let spec = NetSpec::mlp(&[2, 8, 1], Activation::Sine { omega: 30.0 }, 0.5)?.into();
//! let nets: Vec<Net> = (0..3).map(|i| testing::random_net(Seed::new(i), &spec)).collect();
//! let batch = Batch::from_nets(&nets, DType::F64, &Device::Cpu)?;
//! let graphs = &batch.buckets[0].graphs;
//! assert_eq!(graphs.edges[0].dims(), [3, 8, 2, 1]); // [B, receivers, senders, K]
//!
//! // Field: the biases of the 8 hidden units, which flip their sign with their unit.
//! let biases = Field::nodes(graphs.nodes[1].clone(), ScaleGroup::Sign)?;
//! assert!(!biases.law().is_invariant());
//!
//! // Layers: a linear map without bias keeps the law, a canonical form makes it invariant.
//! let config = ScaleGmnConfig::new(Scalings::Sign, Direction::Forward, 16, 10);
//! let vars = VarBuilder::new(Seed::new(0), DType::F64, &Device::Cpu);
//! let features = LinearMap::new(1, 16, &vars.at("project"))?.forward(&biases)?;
//! assert_eq!(features.law(), biases.law());
//! let canonical = Canon::new(&config.invariants(), 16, &vars.at("canonical"))?;
//! let invariants = canonical.forward(&features, ScaleGroup::Sign, &Pass::eval())?;
//! assert!(invariants.law().is_invariant());
//! assert!(features.add(&invariants).is_err()); // unlike features have no sum
//!
//! // Model: ten numbers for each net, the same for every net of one orbit.
//! let lowering = Lowering::new([&spec])?;
//! let normalization = Normalization::fit(&nets);
//! let model = ModelConfig::ScaleGmn(config);
//! let (model, vars) = model.build(&lowering, normalization, Seed::new(0), DType::F64, &Device::Cpu)?;
//! let numbers = |nets: &[Net]| -> sgmn_nn::Result<Vec<Vec<f64>>> {
//!     let batch = Batch::from_nets(nets, DType::F64, &Device::Cpu)?;
//!     model.forward(&batch, &Pass::eval())?.of_nets(&batch)
//! };
//! let symmetries = Scalings::Sign.respected();
//! let moved = augment_net(Seed::new(1), &nets[0], symmetries, &Default::default())?;
//! let (a, b) = (numbers(&nets)?, numbers(&[moved])?);
//! assert!(a[0].iter().zip(&b[0]).all(|(a, b)| (a - b).abs() < 1e-12));
//! assert!(vars.get("gnn.fw_layers.0.w_e.weight").is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`layers`] | the formulas of the paper, one file each |
//! | [`models`] | configurations and models, published compatibility |
//! | [`ops`] | the only door to the arithmetic |
//! | [`VarStore`], [`checkpoint`] | learned numbers, their start and their file |
//! | [`trained`] | a model from its checkpoint, ready to read nets, and what its answers mean |
//! | [`Probes`] | learned inputs, and what every unit of a net answers to them |
//! | [`render`] | nets run as functions, with gradients into their weights |
//! | [`loss`], [`optim`] | the published training step |
//! | [`tolerance`] | how closely numbers agree |
//! | [`equivariance`] | how far a model is from respecting the symmetries |

pub mod checkpoint;
pub mod equivariance;
mod error;
mod field;
#[cfg(feature = "testing")]
pub mod golden;
pub mod layers;
pub mod loss;
pub mod models;
mod normalization;
pub mod ops;
pub mod optim;
mod pass;
mod probes;
pub mod render;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tolerance;
pub mod trained;
mod unpadded;
mod vars;

pub use error::{Error, Result};
pub use field::Field;
pub use normalization::{LayerScale, Normalization, RmsAccumulator};
pub use pass::Pass;
pub use probes::{Generator, ProbeConfig, Probes};
pub use vars::{Init, Start, VarBuilder, VarStore};
