//! How far a model is from respecting the symmetries of nets, measured.

use candle_core::{DType, Device};
use sgmn_graph::{Batch, Lowering, Net};
use sgmn_symmetry::check::{Report, Trials, equivariance_error, invariance_error};

use crate::{
    Pass, Result,
    models::{Model, Output},
};

/// The largest error of a model under random elements of the given symmetries: of invariance, `f(g·x) = f(x)`, if it
/// returns numbers for each net; of equivariance, `f(g·x) = g·f(x)`, if it returns changes of their parameters.
///
/// Elements act on the nets in f64; only then are they rounded to `dtype`, so in f32 the error is the model's.
/// The model must have been built for nets of `lowering`, with variables of `dtype` on `device`.
///
/// # Errors
/// If the nets do not fit the model, or the model fails.
///
/// ```
/// use candle_core::{DType, Device};
/// use sgmn_graph::{Activation, Lowering, NetSpec, Seed, testing};
/// use sgmn_nn::{Normalization, equivariance::symmetry_error, layers::Scalings, models::*};
/// use sgmn_symmetry::{check::Trials, tolerance};
///
/// let spec = NetSpec::mlp(&[2, 6, 1], Activation::Relu, 0.0)?.into();
/// let nets: Vec<_> = (0..4).map(|i| testing::random_net(Seed::new(i), &spec)).collect();
/// let config = ModelConfig::ScaleGmn(ScaleGmnConfig::new(Scalings::Scale, Direction::Bidirectional, 8, 3));
/// let lowering = Lowering::new([&spec])?;
/// let (model, _) = config.build(&lowering, Normalization::none(), Seed::new(0), DType::F64, &Device::Cpu)?;
///
/// let trials = Trials::new(Seed::new(1), Scalings::Scale.respected(), 3);
/// let report = symmetry_error(&*model, &trials, &nets, &lowering, DType::F64, &Device::Cpu)?;
/// assert!(report.within(tolerance::MODEL_F64), "{report}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn symmetry_error(
    model: &dyn Model,
    trials: &Trials,
    nets: &[Net],
    lowering: &Lowering,
    dtype: DType,
    device: &Device,
) -> Result<Report> {
    let run = |nets: &[Net]| -> Result<(Output, Batch)> {
        let graphs = nets.iter().map(|net| lowering.lower(net)).collect::<Result<Vec<_>, _>>()?;
        let batch = Batch::collate(&graphs, dtype, device)?;
        Ok((model.forward(&batch, &Pass::eval())?, batch))
    };
    let copy = |nets: &[Net], i| run(nets).and_then(|(output, batch)| output.copy(i).of_nets(&batch));
    let output = run(nets)?.0;
    if matches!(output, Output::PerGraph(_)) {
        return Ok(invariance_error(trials, nets, |nets| copy(nets, 0))?);
    }
    let mut report = equivariance_error(trials, nets, |nets| copy(nets, 0))?;
    for i in 1..output.n_copies() {
        let other = equivariance_error(trials, nets, |nets| copy(nets, i))?;
        if other.worst > report.worst {
            report = other;
        }
    }
    Ok(report)
}

impl Output {
    /// Changed copies of each net; 1 for numbers of whole nets.
    pub fn n_copies(&self) -> usize {
        match self {
            Self::PerGraph(_) => 1,
            Self::PerParam(deltas) => deltas.first().map_or(1, Vec::len),
        }
    }

    /// The changes of copy `i` alone; numbers of whole nets as they are.
    ///
    /// # Panics
    /// If there are fewer copies.
    pub fn copy(&self, i: usize) -> Self {
        match self {
            Self::PerGraph(rows) => Self::PerGraph(rows.clone()),
            Self::PerParam(deltas) => {
                Self::PerParam(deltas.iter().map(|copies| vec![copies[i].clone()]).collect())
            }
        }
    }
}
