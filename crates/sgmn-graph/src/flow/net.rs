//! A flow and the numbers of its parameters.

use std::{borrow::Cow, sync::Arc};

use super::{Flow, FlowError, FlowResult};

/// Where the numbers of parameters come from: a net, or a net that something was done to.
///
/// [`run`](super::run) asks for each parameter when a step needs it, so a changed net need not exist as a whole.
pub trait Numbers {
    /// The numbers of parameter `param`, row-major.
    fn numbers(&self, param: usize) -> Cow<'_, [f64]>;

    /// Some places of the first axis of parameter `param`, in the order asked for, each `len` numbers: rows of a table
    /// that is too large to be made as a whole. The places exist.
    fn rows(&self, param: usize, places: &[usize], len: usize) -> Vec<f64> {
        let numbers = self.numbers(param);
        places.iter().flat_map(|place| &numbers[place * len..(place + 1) * len]).copied().collect()
    }
}

/// A flow whose parameters have numbers: as many as their shapes say, all finite; checked once, here.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowNet {
    flow: Arc<Flow>,
    params: Vec<Stored>,
}

/// Numbers of one parameter as its file holds them: f32 is exact in half the memory.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    /// Of f32 files and smaller types.
    F32(Arc<[f32]>),
    /// Of f64 files and of what was computed.
    F64(Arc<[f64]>),
}

impl FlowNet {
    /// A net from its flow and the numbers of each parameter, in the order of [`Flow::params`].
    ///
    /// # Errors
    /// [`FlowError::Shape`] if a count differs, [`FlowError::NotFinite`] for a NaN or an infinity, by name.
    pub fn new(flow: Arc<Flow>, params: Vec<Stored>) -> FlowResult<Self> {
        if params.len() != flow.params().len() {
            return Err(FlowError::shape("parameters", flow.params().len(), params.len()));
        }
        for (i, stored) in params.iter().enumerate() {
            let param = &flow.params()[i];
            let expected: usize = flow.param_shape(i).iter().product();
            if stored.len() != expected {
                return Err(FlowError::shape(&param.name, expected, stored.len()));
            }
            if let Some((index, value)) = stored.first_not_finite() {
                return Err(FlowError::NotFinite { param: param.name.clone(), index, value });
            }
        }
        Ok(Self { flow, params })
    }

    /// The flow.
    pub fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// The numbers of each parameter as they are held.
    pub fn stored(&self) -> &[Stored] {
        &self.params
    }

    /// The same net on an equal flow, which many nets share.
    ///
    /// # Panics
    /// If the flow is another one.
    pub fn sharing(self, flow: &Arc<Flow>) -> Self {
        assert!(Arc::ptr_eq(&self.flow, flow) || self.flow == *flow, "a net was given another flow");
        Self { flow: flow.clone(), params: self.params }
    }

    /// The same flow with the numbers of another source, in f64.
    ///
    /// # Errors
    /// As [`FlowNet::new`].
    pub fn with(&self, numbers: &dyn Numbers) -> FlowResult<Self> {
        let params = (0..self.params.len()).map(|i| Stored::F64(numbers.numbers(i).into())).collect();
        Self::new(self.flow.clone(), params)
    }
}

impl Numbers for FlowNet {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        match &self.params[param] {
            Stored::F64(values) => Cow::Borrowed(values),
            Stored::F32(values) => values.iter().map(|value| f64::from(*value)).collect(),
        }
    }

    fn rows(&self, param: usize, places: &[usize], len: usize) -> Vec<f64> {
        let range = |place: &usize| place * len..(place + 1) * len;
        match &self.params[param] {
            Stored::F64(values) => places.iter().flat_map(|place| &values[range(place)]).copied().collect(),
            Stored::F32(values) => {
                places.iter().flat_map(|place| &values[range(place)]).map(|value| f64::from(*value)).collect()
            }
        }
    }
}

impl Stored {
    /// How many numbers.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn first_not_finite(&self) -> Option<(usize, f64)> {
        match self {
            Self::F32(values) => {
                values.iter().position(|value| !value.is_finite()).map(|at| (at, f64::from(values[at])))
            }
            Self::F64(values) => {
                values.iter().position(|value| !value.is_finite()).map(|at| (at, values[at]))
            }
        }
    }
}

impl From<Vec<f64>> for Stored {
    fn from(values: Vec<f64>) -> Self {
        Self::F64(values.into())
    }
}

impl From<Vec<f32>> for Stored {
    fn from(values: Vec<f32>) -> Self {
        Self::F32(values.into())
    }
}
