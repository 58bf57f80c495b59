//! What a person may say about the file of a net that the file does not say itself.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use sgmn_data::any_net::{self, ReadOptions};

/// How to read a net of any architecture.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(
    next_help_heading = "Nets of any architecture (.onnx, .pt2, published folders, tensors with --architecture)"
)]
pub struct NetArgs {
    /// A tensor that stays as it is; NAME* for all that begin so
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    fixed: Vec<String>,
    /// A tensor that may change whatever it looks like; NAME* for all that begin so
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    trained: Vec<String>,
    /// A size that the file leaves open, such as batch=2; 1 if left out
    #[arg(long = "size", value_name = "NAME=N", value_parser = size)]
    sizes: Vec<(String, usize)>,
    /// The shape of an input that the file leaves open, such as image=1x3x224x224
    #[arg(long = "input", value_name = "NAME=SHAPE", value_parser = shape)]
    inputs: Vec<(String, Vec<usize>)>,
    /// An input that is one known number everywhere, such as sampling_rate=16000
    #[arg(long = "value", value_name = "NAME=X", value_parser = value)]
    values: Vec<(String, f64)>,
    /// For a file of tensors alone: the description of the net
    #[arg(long, value_name = "FILE.toml")]
    architecture: Option<PathBuf>,
}

impl NetArgs {
    /// As the reader takes them.
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            sizes: self.sizes.iter().cloned().collect(),
            inputs: self.inputs.iter().cloned().collect(),
            values: self.values.iter().cloned().collect::<BTreeMap<_, _>>(),
            fixed: self.fixed.clone(),
            trained: self.trained.clone(),
            architecture: self.architecture.clone(),
        }
    }

    /// Whether a path is read as a net of any architecture: by its ending, by what is in it, or because a description is
    /// given.
    pub fn take(&self, path: &Path) -> bool {
        const ENDINGS: [&str; 3] = ["onnx", "ort", "pt2"];
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
        self.architecture.is_some()
            || ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
            || any_net::has_graph(path)
    }
}

fn named(text: &str) -> Result<(&str, &str), String> {
    text.split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| format!("expected NAME=..., found {text:?}"))
}

fn size(text: &str) -> Result<(String, usize), String> {
    let (name, size) = named(text)?;
    let size = size.parse().map_err(|_| format!("expected NAME=N with a whole number, found {text:?}"))?;
    Ok((name.to_owned(), size))
}

fn shape(text: &str) -> Result<(String, Vec<usize>), String> {
    let (name, sizes) = named(text)?;
    let sizes =
        sizes.split(['x', ',']).filter(|size| !size.is_empty()).map(str::parse).collect::<Result<_, _>>();
    let sizes =
        sizes.map_err(|_| format!("expected NAME=SHAPE such as image=1x3x224x224, found {text:?}"))?;
    Ok((name.to_owned(), sizes))
}

fn value(text: &str) -> Result<(String, f64), String> {
    let (name, value) = named(text)?;
    let value = value.parse().map_err(|_| format!("expected NAME=X with a number, found {text:?}"))?;
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_shapes_and_values_are_read_by_name() {
        assert_eq!(size("batch=2"), Ok(("batch".to_owned(), 2)));
        assert_eq!(shape("x=1x3x8x8"), Ok(("x".to_owned(), vec![1, 3, 8, 8])));
        assert_eq!(shape("x="), Ok(("x".to_owned(), vec![])), "one number has no axes");
        assert_eq!(value("rate=16e3"), Ok(("rate".to_owned(), 16000.0)));
        for text in ["batch", "=2", "batch=two"] {
            assert!(size(text).unwrap_err().contains("expected NAME="), "{text}");
        }
        assert!(shape("x=1xa").unwrap_err().contains("image=1x3x224x224"));
    }

    #[test]
    fn nets_of_any_architecture_are_known_by_their_ending_or_a_description() {
        let args = NetArgs::default();
        assert!(args.take(Path::new("a/net.ONNX")) && args.take(Path::new("net.pt2")));
        assert!(!args.take(Path::new("net.safetensors")) && !args.take(Path::new("quick")));
        let described = NetArgs { architecture: Some("net.toml".into()), ..NetArgs::default() };
        assert!(described.take(Path::new("net.safetensors")));
    }
}
