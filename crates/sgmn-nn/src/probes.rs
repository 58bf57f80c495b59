//! Learned inputs for nets, and what every unit of a net answers to them.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use sgmn_graph::{GraphBatch, Lowering, Topology};

use crate::{
    Error, Init, Result, VarBuilder,
    models::sizes,
    normalization::LayerScale,
    ops,
    render::{are_usual, check_coordinates, usual_coordinates},
    unpadded::unpadded,
};

/// Where probes come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Generator {
    /// Every value of every probe is learned by itself.
    Free {},
    /// A learned code for each probe, and linear maps that all share, without activations between them.
    Linear {
        /// Numbers of a code.
        d_code: usize,
        /// Widths between the maps; none for one map.
        d_hidden: Vec<usize>,
    },
}

/// Which probes a model has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeConfig {
    /// How many, P.
    pub n: usize,
    /// Height and width of the images that convolutional nets read; absent for nets that read plain values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<[usize; 2]>,
    /// Between which numbers nets read plain values; from −1 to 1 if left out.
    #[serde(default = "usual_coordinates", skip_serializing_if = "are_usual")]
    pub coordinates: [f64; 2],
    /// Where they come from.
    pub generator: Generator,
}

/// The most numbers of all probes.
const MOST_VALUES: usize = 1 << 24;

impl ProbeConfig {
    /// Checks everything that the types do not.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first field that cannot be used.
    pub fn validate(&self) -> Result<()> {
        check_coordinates("model.probes.coordinates", self.coordinates)?;
        if self.image.is_some() && !are_usual(&self.coordinates) {
            let expected = "none, since images are not told by coordinates";
            return Err(Error::config(
                "model.probes.coordinates",
                expected,
                format!("{:?}", self.coordinates),
            ));
        }
        let image = self.image.unwrap_or([1, 1]);
        sizes::check(&[("model.probes.n", &[self.n]), ("model.probes.image", &image)])?;
        let n_values = self.n.saturating_mul(image[0]).saturating_mul(image[1]);
        if n_values > MOST_VALUES {
            let expected = format!("at most {MOST_VALUES} pixels in all images");
            return Err(Error::config("model.probes", expected, n_values));
        }
        if let Generator::Linear { d_code, d_hidden } = &self.generator {
            sizes::check(&[
                ("model.probes.generator.d_code", &[*d_code]),
                ("model.probes.generator.d_hidden", d_hidden),
            ])?;
        }
        Ok(())
    }
}

/// P learned inputs that every net is run on, with its raw parameters.
///
/// ```text
/// free:    u_p                            uniform in [−1, 1] at first
/// linear:  u_p = A_k(… A_1 z_p + a_1 …) + a_k
/// images:  tanh(u_p), pixel by pixel
/// values:  (a + b)/2 + u_p (b − a)/2 for coordinates [a, b]
/// ```
///
/// Units answer with what they compute, so their answers change under a symmetry of the net exactly as the units do, and
/// those of outputs not at all. Codes start standard normal and maps so that coordinates have a standard deviation of 1/2
/// at first: most of them between −1 and 1. Nets get no gradient, probes do.
///
/// Variables: `values` `[P, values]`, or `codes` `[P, d_code]` and `maps.i.weight`, `maps.i.bias`.
///
/// # Source
/// J. Kahana, E. Horwitz, I. Shuval, Y. Hoshen, "Deep Linear Probe Generators for Weight Space Learning", 2025; answers of
/// hidden units as features of their nodes: M. Kofinas et al., "Graph Neural Networks for Learning Equivariant
/// Representations of Neural Networks", 2024.
/// **Departs:** maps of images are plain, not transposed convolutions.
#[derive(Debug, Clone)]
pub struct Probes {
    n: usize,
    /// Height and width; one position where nets read plain values.
    image: [usize; 2],
    is_image: bool,
    coordinates: [f64; 2],
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Free(Tensor),
    Linear { codes: Tensor, maps: Vec<[Tensor; 2]> },
}

/// Standard deviation of coordinates and pixels at first.
const SPREAD: f64 = 0.5;

impl Probes {
    /// Probes for nets of the given architectures, which must read inputs of one shape.
    ///
    /// # Errors
    /// [`Error::Config`] if the configuration cannot be used, nets differ in what they read, or an image is missing, not
    /// asked for, or does not fit a net.
    pub fn new(config: &ProbeConfig, lowering: &Lowering, vars: &VarBuilder) -> Result<Self> {
        config.validate()?;
        let mut n_channels = None;
        let image = config.image.unwrap_or([1, 1]);
        for topology in lowering.topologies() {
            let (width, spec) = (topology.sites()[0].n, topology.spec()?);
            if *n_channels.get_or_insert(width) != width {
                let expected = "nets that read the same number of inputs, since all read the same probes";
                return Err(Error::config(
                    "model.probes",
                    expected,
                    format!("widths {:?}", topology.widths()),
                ));
            }
            if spec.is_convolutional() != config.image.is_some() {
                let (expected, found) = match config.image {
                    None => ("the height and width of the images that the nets read", "none"),
                    Some(_) => ("none, since some nets read plain values", "a height and width"),
                };
                return Err(Error::config("model.probes.image", expected, found));
            }
            ops::NetForm::new(spec, image)
                .map_err(|why| Error::config("model.probes.image", "a size that the nets read", why))?;
        }
        let Some(n_channels) = n_channels else {
            return Err(Error::config("data", "at least one net", "none"));
        };
        let n_values = n_channels * image[0] * image[1];
        let source = match &config.generator {
            Generator::Free {} => {
                Source::Free(vars.var("values", &[config.n, n_values], Init::Uniform { bound: 1.0 })?)
            }
            Generator::Linear { d_code, d_hidden } => {
                let codes = vars.var("codes", &[config.n, *d_code], Init::Normal)?;
                let widths = [&[*d_code], d_hidden.as_slice(), &[n_values]].concat();
                let maps = widths.windows(2).enumerate().map(|(i, pair)| -> Result<[Tensor; 2]> {
                    // Variances stay, and the last map brings them to the wanted spread.
                    let gain = if i + 2 == widths.len() { SPREAD } else { 1.0 };
                    let bound = gain * (3.0 / pair[0] as f64).sqrt();
                    let vars = vars.at("maps").at(i);
                    let weight = vars.var("weight", &[pair[1], pair[0]], Init::Uniform { bound })?;
                    Ok([weight, vars.var("bias", &[pair[1]], Init::Constant(0.0))?])
                });
                Source::Linear { codes, maps: maps.collect::<Result<_>>()? }
            }
        };
        let (is_image, coordinates) = (config.image.is_some(), config.coordinates);
        Ok(Self { n: config.n, image, is_image, coordinates, source })
    }

    /// How many probes, P.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The probes.
    ///
    /// # Shapes
    /// `[P, channels · positions]`, channel-major.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn inputs(&self) -> Result<Tensor> {
        let values = match &self.source {
            Source::Free(values) => values.clone(),
            Source::Linear { codes, maps } => {
                let mut x = codes.clone();
                for [weight, bias] in maps {
                    x = ops::add_bias(&ops::linear(&x, weight)?, bias)?;
                }
                x
            }
        };
        if self.is_image {
            return Ok(values.tanh()?);
        }
        if are_usual(&self.coordinates) {
            return Ok(values);
        }
        let [first, last] = self.coordinates;
        Ok(values.affine((last - first) / 2.0, (first + last) / 2.0)?)
    }

    /// What the units of each node layer compute on each probe: channels of images as the mean over their positions,
    /// outputs with the net's offset; the first layer holds the probes.
    ///
    /// # Shapes
    /// For each node layer `[B, n_l, P]`.
    ///
    /// # Errors
    /// If the nets are of other architectures than the probes were made for.
    pub fn responses(&self, graphs: &GraphBatch) -> Result<Vec<Tensor>> {
        let topology = &graphs.topology;
        let form = ops::NetForm::new(topology.spec()?, self.image)?;
        // One probe a column, as the nets are run.
        let inputs = self.inputs()?.t()?.contiguous()?;
        let units = ops::run_nets(&params(graphs)?, &form, &inputs)?;
        let n_channels = topology.widths()[0];
        let channels = inputs.reshape((1, n_channels, self.image[0] * self.image[1], self.n))?.mean(2)?;
        let mut layers = vec![channels.broadcast_as((graphs.n_graphs(), n_channels, self.n))?];
        let mut start = 0;
        for width in form.widths() {
            layers.push(units.narrow(1, start, width)?);
            start += width;
        }
        let offset = topology.spec()?.output_offset();
        if let Some(outputs) = layers.last_mut().filter(|_| offset != 0.0) {
            *outputs = (&*outputs + offset)?;
        }
        Ok(layers)
    }

    /// What the nets compute on each probe.
    ///
    /// # Shapes
    /// `[B, P, n_out]`.
    ///
    /// # Errors
    /// As [`Probes::responses`].
    pub fn outputs(&self, graphs: &GraphBatch) -> Result<Tensor> {
        let outputs = self.responses(graphs)?.pop().expect("a net has an output layer");
        Ok(outputs.transpose(1, 2)?.contiguous()?)
    }

    /// One size for the responses of each node layer, about their root mean square, from the sizes of the parameters
    /// alone: `h'² ≈ n_in w² h² + b²` before an activation, half of it after a rectifier and at most 1 after a sine or tanh.
    ///
    /// Responses divided by it are of the order of 1, and no symmetry is touched.
    pub fn sizes(topology: &Topology, scales: &[LayerScale]) -> Result<Vec<f64>> {
        let spec = topology.spec()?;
        let mut square: f64 = SPREAD * SPREAD;
        let mut sizes = vec![1.0];
        for (l, scale) in scales.iter().enumerate() {
            let layer = &spec.layers()[l];
            let n_in = topology.widths()[l] * layer.map.n_edge_values();
            let bias = if layer.bias { scale.bias } else { 0.0 };
            let sum = n_in as f64 * scale.weight.powi(2) * square + bias.powi(2);
            square = layer.activation.mean_square(sum);
            sizes.push(if square > 0.0 && square.is_finite() { square.sqrt() } else { 1.0 });
        }
        Ok(sizes)
    }
}

/// The raw parameters of a bucket's nets in the order `W_0, b_0, W_1, …`, without padding, `[B, n]`; zeros for biases that
/// are absent.
fn params(graphs: &GraphBatch) -> Result<Tensor> {
    let topology = &graphs.topology;
    let mut parts = Vec::with_capacity(2 * topology.n_layers());
    for (l, edges) in graphs.edges.iter().enumerate() {
        parts.push(unpadded(topology, l, edges)?.flatten_from(1)?);
        parts.push(graphs.nodes[l + 1].flatten_from(1)?);
    }
    Ok(Tensor::cat(&parts, 1)?.detach())
}
