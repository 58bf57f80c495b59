//! What a person may say about files that do not say it themselves.

use clap::Args;
use sgmn_data::{
    formats::FormatKind,
    nets::{Convolution, LayerOrder, NetOptions},
};
use sgmn_graph::{Activation, ActivationWords, PoolWords};

/// How to read what files do not say themselves.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Reading")]
pub(crate) struct ReadArgs {
    /// Format of a dataset; found out if left out
    #[arg(long = "from", value_name = "FORMAT")]
    pub(crate) format: Option<FormatKind>,
    /// An option of the dataset's format, such as augmentations=20
    #[arg(long = "option", value_name = "KEY=VALUE")]
    options: Vec<String>,
    /// Where targets of a folder of nets stand: a table of labels, folder or name; short for --option labels=WHERE
    #[arg(long = "labels-from", value_name = "WHERE")]
    labels: Option<String>,
    /// What is to be learned of them: label, score, or a column of the table; short for --option target=WHAT
    #[arg(long, value_name = "WHAT")]
    target: Option<String>,
    /// Where the net stands in its file: keys and beginnings of names, such as model_state_dict.encoder
    #[arg(long, value_name = "PATH")]
    under: Option<String>,
    /// Order of the layers: all names with commas between them; `file` as they stand in the file, `names` as names count
    #[arg(long, value_name = "NAMES", value_parser = order)]
    order: Option<LayerOrder>,
    /// Tensors that are left out; * stands for anything
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    ignore: Vec<String>,
    /// Fold batch norms, which must stand directly behind their maps, weight norms and spectral norms into the maps
    #[arg(long)]
    fold: bool,
    /// ε of the batch norms to fold; PyTorch's is 1e-5, Keras's 1e-3, if nobody changed it
    #[arg(long, value_name = "NUMBER")]
    epsilon: Option<f64>,
    /// Each layer reads the one before it and nothing else: no residual connections, whatever the names
    #[arg(long)]
    chain: bool,
    /// Activations of the hidden layers, one for all or one for each: sine:30, relu, sine:30,sine:1; an unknown word lists all
    #[arg(long, value_name = "WORDS")]
    activation: Option<ActivationWords>,
    /// Activation of the last layer; none if left out
    #[arg(long, value_name = "WORD")]
    output_activation: Option<Activation>,
    /// Constant added to the output of nets that do not say theirs
    #[arg(long, allow_negative_numbers = true)]
    output_offset: Option<f64>,
    /// Channels of the images that the first convolution reads
    #[arg(long, value_name = "N")]
    channels: Option<usize>,
    /// Step of the convolutions of nets that do not say theirs
    #[arg(long, requires = "padding", value_name = "N")]
    stride: Option<usize>,
    /// Zeros around the input of these convolutions
    #[arg(long, requires = "stride", value_name = "N")]
    padding: Option<usize>,
    /// Pooling of these convolutions, one for all or one for each, with its window and where it stands: none, max:2:after
    /// the activation, mean:3:2:1:before with stride 2 and padding 1
    #[arg(long, value_name = "WORDS")]
    pool: Option<PoolWords>,
}

impl ReadArgs {
    /// Options of the dataset's format, as `KEY=VALUE`.
    pub(crate) fn options(&self) -> Vec<String> {
        let short = [("labels", &self.labels), ("target", &self.target)];
        let said = short.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_ref()?)));
        self.options.iter().cloned().chain(said).collect()
    }

    /// Where the net stands in its file.
    pub(crate) fn under(&self) -> Option<&str> {
        self.under.as_deref()
    }

    /// As the readers take them.
    pub(crate) fn net_options(&self) -> NetOptions {
        let convolution = self
            .stride
            .zip(self.padding)
            .map(|(stride, padding)| Convolution { stride: [stride; 2], padding: [padding; 2] });
        NetOptions {
            under: self.under.clone(),
            order: self.order.clone(),
            ignore: self.ignore.clone(),
            fold: self.fold,
            epsilon: self.epsilon,
            chain: self.chain,
            channels: self.channels,
            activation: self.activation.clone(),
            output_activation: self.output_activation,
            output_offset: self.output_offset,
            convolution,
            pool: self.pool.clone(),
        }
    }
}

fn order(text: &str) -> Result<LayerOrder, std::convert::Infallible> {
    Ok(LayerOrder::from(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_words_are_options_of_the_format() {
        let read = ReadArgs {
            options: vec!["classes=[\"a\"]".to_owned()],
            labels: Some("runs.csv".to_owned()),
            target: Some("accuracy".to_owned()),
            ..ReadArgs::default()
        };
        assert_eq!(read.options(), ["classes=[\"a\"]", "labels=runs.csv", "target=accuracy"]);
    }
}
