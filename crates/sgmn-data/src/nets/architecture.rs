//! The architecture of a chain of layers: what shapes tell, what a person or the file says, and what is left open.

use sgmn_graph::{Activation, ActivationWords, LayerMap, LayerPool, LayerSpec, NetSpec, Reading};

use super::{
    chain::{Fault, Layer},
    names,
    options::NetOptions,
    parts::Role,
    unsaid::Unsaid,
};

/// What is known of a net besides its tensors: a person's word goes before the file's.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Said {
    pub(super) chain: bool,
    pub(super) activation: Option<ActivationWords>,
    pub(super) output_activation: Option<Activation>,
    pub(super) output_offset: Option<f64>,
}

/// The architecture, or `None` with what is missing in `unsaid`.
///
/// # Errors
/// What was expected and found, if something that is said contradicts the weights.
pub(super) fn spec(
    layers: &[Layer],
    said: &Said,
    options: &NetOptions,
    unsaid: &mut Vec<Unsaid>,
    notes: &mut Vec<String>,
) -> Result<Option<NetSpec>, Fault> {
    if !said.chain
        && let Some(layer) = layers.iter().find(|layer| names::may_skip(&layer.part.name))
    {
        let what = format!("whether parts such as {:?} add their input to their output", layer.part.name);
        unsaid.push(Unsaid::new(
            what,
            "--chain if they do not; --architecture FILE.toml to describe the net if they do",
        ));
    }
    let mut maps: Vec<LayerMap> = Vec::new();
    for layer in layers {
        match map(layer, maps.last().copied(), options, unsaid)? {
            Some(map) => maps.push(map),
            None => break,
        }
    }
    if let Some(l) =
        maps.iter().position(|map| matches!(map, LayerMap::Linear { reading: Reading::GlobalAverage, .. }))
    {
        notes.push(format!("{} reads the mean over all places of each channel", layers[l].part.name));
    }
    let pools = pools(layers, options, unsaid)?;
    let n_hidden = layers.len() - 1;
    let activations = match &said.activation {
        Some(words) => {
            words.for_layers(n_hidden).map_err(|why| ("activations that fit".to_owned(), why.to_string()))?
        }
        None if n_hidden == 0 => Vec::new(),
        None => {
            unsaid.push(Unsaid::new(
                "the activation of its hidden layers",
                "--activation WORD, or one for each: WORD,WORD,…",
            ));
            return Ok(None);
        }
    };
    if maps.len() < layers.len() {
        return Ok(None);
    }
    let output = said.output_activation.unwrap_or(Activation::Identity);
    let offset = said.output_offset.unwrap_or_else(|| {
        let grey = grey_offset(layers, &activations);
        if grey != 0.0 {
            notes.push(format!("the output is shifted by {grey}, as in the published MNIST INRs of this form; --output-offset says otherwise"));
        }
        grey
    });
    let specs = maps.into_iter().zip(activations.into_iter().chain([output])).zip(layers).zip(pools);
    let specs = specs.map(|(((map, activation), layer), pool)| LayerSpec {
        map,
        activation,
        bias: layer.part.tensor(Role::Bias).is_some() || !layer.norms.is_empty(),
        pool,
    });
    let spec = NetSpec::new(specs.collect(), offset);
    spec.map(Some).map_err(|why| ("layers that form a net".to_owned(), why.to_string()))
}

/// The offset that makes a net of zeros grey in the INRs published with DWSNets, known by their whole signature: names,
/// widths and activations.
fn grey_offset(layers: &[Layer], activations: &[Activation]) -> f64 {
    const LAYERS: [(&str, [usize; 2]); 3] = [("seq.0", [32, 2]), ("seq.1", [32, 32]), ("seq.2", [1, 32])];
    let is_sine = activations.iter().all(|activation| *activation == Activation::Sine { omega: 30.0 });
    let same = layers.len() == LAYERS.len()
        && layers.iter().zip(LAYERS).all(|(layer, (name, shape))| {
            layer.part.name == name
                && layer.part.weight_shape() == shape
                && layer.part.tensor(Role::Bias).is_some()
        });
    if same && is_sine { 0.5 } else { 0.0 }
}

/// The map of a layer after another; `None` if it is not certain.
fn map(
    layer: &Layer,
    before: Option<LayerMap>,
    options: &NetOptions,
    unsaid: &mut Vec<Unsaid>,
) -> Result<Option<LayerMap>, Fault> {
    let name = &layer.part.name;
    let (n_out, n_in, kernel) = match layer.part.weight_shape()[..] {
        [n_out, n_columns] => {
            let Some(LayerMap::Conv { n_out: channels, .. }) = before else {
                return Ok(Some(LayerMap::Linear { n_in: n_columns, n_out, reading: Reading::Direct }));
            };
            let reading = match n_columns / channels {
                1 => Reading::GlobalAverage,
                positions => Reading::Flatten { positions },
            };
            return Ok(Some(LayerMap::Linear { n_in: channels, n_out, reading }));
        }
        // A kernel of one row reads sequences as images of one row.
        [n_out, n_in, size] => (n_out, n_in, [1, size]),
        [n_out, n_in, height, width] => (n_out, n_in, [height, width]),
        _ => {
            return Err((
                format!("two to four axes of {name}.weight"),
                format!("{:?}", layer.part.weight_shape()),
            ));
        }
    };
    match (before, options.channels) {
        (None, Some(channels)) if channels != n_in => {
            let expected = format!("{name}.weight that reads all {channels} channels, in one group");
            return Err((
                expected,
                format!("{n_in} for each output: groups, which --architecture FILE.toml describes"),
            ));
        }
        // One input for each of several outputs: an image of one channel, or of one channel for each group.
        (None, None) if n_in == 1 && n_out > 1 => {
            let what =
                format!("whether {name} reads images of one channel, or each of several channels by itself");
            unsaid.push(Unsaid::new(what, "--channels 1; --architecture FILE.toml if it has groups"));
        }
        _ => {}
    }
    let Some(convolution) = options.convolution else {
        if !unsaid.iter().any(|unsaid| unsaid.answer == STEPS) {
            unsaid.push(Unsaid::new("step and padding of its convolutions", STEPS));
        }
        return Ok(None);
    };
    let (stride, padding) = (along(layer, convolution.stride, 1), along(layer, convolution.padding, 0));
    Ok(Some(LayerMap::Conv { n_in, n_out, kernel, stride, padding }))
}

const STEPS: &str = "--stride N --padding N";

/// The pooling of each layer; what is not said of convolutions is added to `unsaid`.
fn pools(
    layers: &[Layer],
    options: &NetOptions,
    unsaid: &mut Vec<Unsaid>,
) -> Result<Vec<Option<LayerPool>>, Fault> {
    let is_convolution = |layer: &&Layer| layer.part.weight_shape().len() > 2;
    let n_convolutions = layers.iter().filter(is_convolution).count();
    let said = match &options.pool {
        Some(words) => words
            .for_convolutions(n_convolutions)
            .map_err(|why| ("pooling that fits".to_owned(), why.to_string()))?,
        None => {
            if n_convolutions > 0 {
                unsaid.push(Unsaid::new(
                    "whether its convolutions are pooled, and where",
                    "--pool none, --pool max:2:after, or one for each convolution: --pool max:2:after,none",
                ));
            }
            Vec::new()
        }
    };
    let mut said = said.into_iter();
    let mut pool = |layer: &Layer| {
        if !is_convolution(&layer) {
            return None;
        }
        let LayerPool { kind, window, stride, padding, at } = said.next().flatten()?;
        let [window, stride] = [window, stride].map(|sizes| along(layer, sizes, 1));
        Some(LayerPool { kind, window, stride, padding: along(layer, padding, 0), at })
    };
    Ok(layers.iter().map(&mut pool).collect())
}

/// Sizes in rows and columns for a layer of images; for one of sequences, which have one row, `none` in rows.
fn along(layer: &Layer, sizes: [usize; 2], none: usize) -> [usize; 2] {
    if layer.part.weight_shape().len() == 3 { [none, sizes[1]] } else { sizes }
}
