//! An architecture as a list of steps, and the tensors that they have.

use super::architecture::{Architecture, Convolutional, Head, Mixing, Norm, Residual, SIDE};
use crate::{any_net::architecture::TensorShape, zoo::architecture::N_CLASSES};

/// ε of both norms, PyTorch's.
pub(super) const EPSILON: f64 = 1e-5;

/// One thing that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A linear map or a convolution.
    Map(Map),
    /// A norm of so many units or channels.
    Norm { name: String, norm: Norm, n: usize },
    /// The activation.
    Activation,
    /// Remembers the value, for [`Step::Add`].
    Keep,
    /// Adds what was remembered.
    Add,
    /// `[C, H, W]` to `[C H W]`.
    Flatten,
    /// `[C, H, W]` to `[C]`.
    Average,
}

/// A linear map or a convolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Map {
    /// What its tensors' names begin with.
    pub(super) name: String,
    pub(super) n_in: usize,
    pub(super) n_out: usize,
    pub(super) has_bias: bool,
    /// Of a convolution.
    pub(super) window: Option<Window>,
}

/// Where a convolution looks, with `kernel / 2` zeros on each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Rows and columns of what it reads.
    pub(super) side: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) groups: usize,
}

/// What a tensor of a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A matrix or a kernel.
    Weight,
    /// Added by a map.
    Bias,
    /// Multiplied by a norm.
    Gain,
    /// Added by a norm.
    Shift,
    /// Mean of a batch norm, gathered from data.
    Mean,
    /// Variance of a batch norm, gathered from data.
    Variance,
}

impl Architecture {
    /// The steps in order. `Keep` stands before layers that are added, `Add` behind them.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let (mut side, mut n_in) = match self.convolutional {
            Some(_) => (SIDE, 1),
            None => (1, SIDE * SIDE),
        };
        // The last of some layers that are added together.
        let mut last = None;
        for (l, &n_out) in self.widths.iter().enumerate() {
            if last.is_none_or(|last| last < l) && self.begins(l) {
                steps.push(Step::Keep);
                last = Some(l + self.residual.n_layers() - 1);
            }
            let name = format!("layers.{l}");
            match &self.convolutional {
                None => steps.push(self.map(format!("{name}.map"), [n_in, n_out], None)),
                Some(convolutional) => {
                    side = self.convolve(convolutional, l, [n_in, n_out], side, &mut steps);
                }
            }
            if self.norm != Norm::None {
                steps.push(Step::Norm { name: format!("{name}.norm"), norm: self.norm, n: n_out });
            }
            let add = (last == Some(l)).then_some(Step::Add);
            let (before, behind) = if self.residual == Residual::Block { (add, None) } else { (None, add) };
            steps.extend(before.into_iter().chain([Step::Activation]).chain(behind));
            n_in = n_out;
        }
        match self.convolutional.as_ref().map(|convolutional| convolutional.head) {
            None => {}
            Some(Head::Flatten) => {
                steps.push(Step::Flatten);
                n_in *= side * side;
            }
            Some(Head::Average) => steps.push(Step::Average),
        }
        let head = Map { name: "head".to_owned(), n_in, n_out: N_CLASSES, has_bias: true, window: None };
        steps.push(Step::Map(head));
        steps
    }

    /// Whether layers that are added to what they read begin here: all have the shape of that.
    fn begins(&self, l: usize) -> bool {
        let layers = l..l + self.residual.n_layers();
        let stride =
            |l: usize| self.convolutional.as_ref().map_or(1, |convolutional| convolutional.strides[l]);
        // The first layer reads the image, not a stream.
        l > 0
            && !layers.is_empty()
            && layers.end <= self.widths.len()
            && layers.into_iter().all(|at| self.widths[at] == self.widths[l - 1] && stride(at) == 1)
    }

    /// Adds the convolutions of a layer; the side of what they give.
    fn convolve(
        &self,
        convolutional: &Convolutional,
        l: usize,
        [n_in, n_out]: [usize; 2],
        side: usize,
        steps: &mut Vec<Step>,
    ) -> usize {
        let kernel = if l == 0 { convolutional.kernel } else { 3 };
        // One channel has no groups.
        let groups = if l == 0 { 1 } else { convolutional.mixing.groups(n_in) };
        let window = Window { side, kernel, stride: convolutional.strides[l], groups };
        let name = format!("layers.{l}");
        if l > 0 && convolutional.mixing == Mixing::Depthwise {
            let spread = Map {
                name: format!("{name}.depthwise"),
                n_in,
                n_out: n_in,
                has_bias: false,
                window: Some(window),
            };
            steps.push(Step::Map(spread));
            let place = Window { side: window.side_out(), kernel: 1, stride: 1, groups: 1 };
            steps.push(self.map(format!("{name}.map"), [n_in, n_out], Some(place)));
        } else {
            steps.push(self.map(format!("{name}.map"), [n_in, n_out], Some(window)));
        }
        window.side_out()
    }

    /// A hidden map; behind it a norm would take a bias away again, or brings its own.
    fn map(&self, name: String, [n_in, n_out]: [usize; 2], window: Option<Window>) -> Step {
        Step::Map(Map { name, n_in, n_out, has_bias: self.norm == Norm::None, window })
    }
}

impl Window {
    /// Rows and columns of what it gives.
    pub(super) fn side_out(&self) -> usize {
        (self.side + 2 * (self.kernel / 2) - self.kernel) / self.stride + 1
    }
}

impl Map {
    /// Numbers that an output is made of, its bias left out.
    pub(super) fn fan_in(&self) -> usize {
        self.window.map_or(self.n_in, |window| window.kernel * window.kernel * self.n_in / window.groups)
    }

    /// The shape of its weight in PyTorch: `[out, in]` or `[out, in / groups, kernel, kernel]`.
    fn shape(&self) -> Vec<usize> {
        match self.window {
            None => vec![self.n_out, self.n_in],
            Some(Window { kernel, groups, .. }) => vec![self.n_out, self.n_in / groups, kernel, kernel],
        }
    }
}

impl Step {
    /// Its tensors as PyTorch names and shapes them.
    pub(super) fn tensors(&self) -> Vec<(Part, TensorShape)> {
        let tensor = |part, name: &str, ending: &str, shape: Vec<usize>| {
            (part, TensorShape { name: format!("{name}.{ending}"), shape })
        };
        match self {
            Self::Map(map) => {
                let bias = map.has_bias.then(|| tensor(Part::Bias, &map.name, "bias", vec![map.n_out]));
                std::iter::once(tensor(Part::Weight, &map.name, "weight", map.shape())).chain(bias).collect()
            }
            Self::Norm { name, norm, n } => {
                let mut parts = vec![(Part::Gain, "weight"), (Part::Shift, "bias")];
                if *norm == Norm::Batch {
                    parts.extend([(Part::Mean, "running_mean"), (Part::Variance, "running_var")]);
                }
                parts.into_iter().map(|(part, ending)| tensor(part, name, ending, vec![*n])).collect()
            }
            Self::Activation | Self::Keep | Self::Add | Self::Flatten | Self::Average => Vec::new(),
        }
    }
}
