//! Layers broken on purpose: the checker must find every one of them.

use candle_core::{DType, Tensor};
use sgmn_graph::{Activation, Batch, Lowering, Seed};
use sgmn_nn::{
    Field, Init, Pass, Result, VarBuilder,
    equivariance::symmetry_error,
    layers::{LinearMap, Mlp, Role, ScaleEq, Scalings, Widths},
    models::{Direction, Model, Output, ScaleGmnConfig},
    tolerance::BROKEN,
};
use sgmn_symmetry::{Law, ScaleGroup, check::Trials, tolerance};

use crate::setup::{device, nets, plain_mlps};

/// What is wrong with a model.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// A bias is added to features that scale.
    Bias,
    /// A feature that scales is declared invariant and passed through a perceptron.
    WrongExponent,
    /// The sum over hidden nodes depends on their order.
    Order,
}

/// `Σ_i (Σ_channels ScaleEq(P b_i) / b_i)²` over the biases of the first hidden layer: invariant if the stack is
/// equivariant.
struct Tiny {
    fault: Fault,
    group: ScaleGroup,
    project: LinearMap,
    bias: Tensor,
    stack: ScaleEq,
    mlp: Mlp,
}

const D: usize = 4;

impl Tiny {
    fn new(fault: Fault, scalings: Scalings) -> Self {
        let vars = VarBuilder::new(Seed::new(3), DType::F64, &device());
        let config = ScaleGmnConfig::new(scalings, Direction::Forward, D, 2);
        let invariants = config.invariants();
        let widths = Widths { d_in: D, d_extra: 0, d_out: D };
        Self {
            fault,
            group: if scalings == Scalings::Sign { ScaleGroup::Sign } else { ScaleGroup::Positive },
            project: LinearMap::new(1, D, &vars.at("project")).unwrap(),
            bias: vars.var("bias", &[D], Init::Normal).unwrap(),
            stack: ScaleEq::new(&config.message, &invariants, D, widths, &vars.at("stack")).unwrap(),
            mlp: Mlp::new(&invariants.mlp, D, 2, &vars.at("mlp")).unwrap(),
        }
    }
}

impl Model for Tiny {
    fn forward(&self, batch: &Batch, pass: &Pass) -> Result<Output> {
        let graphs = &batch.buckets[0].graphs;
        let mut x = self.project.forward(&Field::nodes(graphs.nodes[1].clone(), self.group)?)?;
        match self.fault {
            Fault::None => {}
            Fault::Bias => x = x.map_equivariant(|values| Ok(values.add_bias(&self.bias)?))?,
            Fault::WrongExponent => x = x.relabel(Law::INVARIANT),
            Fault::Order => {
                x = x.map_equivariant(|values| {
                    let weights = Tensor::arange(0.0, values.dims()[1] as f64, &device())?;
                    Ok(values.tensor()?.broadcast_mul(&weights.reshape((1, (), 1))?)?.into())
                })?;
            }
        }
        let x = match self.fault {
            Fault::WrongExponent => x.map_invariant(self.mlp.forward(x.invariant("a lie")?, pass)?),
            _ => self.stack.forward(&x, None, Role::Hidden, self.group, pass)?,
        };
        let x = x.values().tensor()?.sum(2)?;
        // Squares undo signs, ratios undo scales; the sum undoes the order.
        let squares = x.sqr()?;
        let bias = graphs.nodes[1].squeeze(2)?.sqr()?;
        Ok(Output::PerGraph((squares / bias)?.sum_keepdim(1)?))
    }

    fn may_lack_gradient(&self, _name: &str) -> bool {
        false
    }
}

#[test]
fn a_broken_layer_fails_the_check_and_the_sound_one_passes() {
    for (symmetry, activation) in [(Scalings::Sign, Activation::Tanh), (Scalings::Scale, Activation::Relu)] {
        let specs = plain_mlps(activation);
        let nets = nets(Seed::new(8), &specs, 4);
        let lowering = Lowering::new(&specs).unwrap();
        let trials = Trials::new(Seed::new(9), symmetry.respected(), 4);
        for fault in [Fault::None, Fault::Bias, Fault::WrongExponent, Fault::Order] {
            let model = Tiny::new(fault, symmetry);
            let report = symmetry_error(&model, &trials, &nets, &lowering, DType::F64, &device()).unwrap();
            println!("{symmetry:?}, {fault:?}: {report}");
            assert_eq!(report.within(tolerance::MODEL_F64), fault == Fault::None, "{fault:?}: {report}");
            assert!(fault == Fault::None || report.worst > BROKEN, "{fault:?}: {report}");
        }
    }
}

#[test]
fn the_laws_refuse_what_the_check_would_find() {
    let group = ScaleGroup::Positive;
    let ones = |shape: &[usize]| Tensor::ones(shape, DType::F64, &device()).unwrap();
    let edges = Field::edges(ones(&[1, 2, 3, D]), group, group).unwrap();
    let receivers = Field::nodes(ones(&[1, 2, D]), group).unwrap();
    // The published reversed message; a sum of unlike features; a perceptron of a feature that scales.
    let message = edges.reversed().mul_sender(&receivers).unwrap();
    assert!(message.sum_senders().unwrap_err().to_string().contains("free of its sender's scale"));
    let invariant = receivers.map_invariant(ones(&[1, 2, D]));
    assert!(receivers.add(&invariant).unwrap_err().to_string().contains("sum"));
    assert!(Field::concat(&[&invariant, &receivers]).unwrap_err().to_string().contains("concatenation"));
    assert!(receivers.invariant("perceptron").unwrap_err().to_string().contains("perceptron"));
}
