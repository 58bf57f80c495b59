//! The architectures of the published datasets, so that a model can be built where the data are not at hand.

use std::sync::Arc;

use anyhow::{Result, bail};
use sgmn_data::{
    fit::Recipe,
    formats::{Format, cnn_zoo::ZooActivation},
};
use sgmn_graph::{Activation, NetSpec};

use crate::config::Data;

/// The architectures that the nets of an experiment have.
///
/// # Errors
/// If the format leaves them to the files.
pub fn of_data(data: &Data) -> Result<Vec<Arc<NetSpec>>> {
    match data {
        // Images fitted by experiments are gray.
        Data::Fitted(fitted) => Ok(vec![Arc::new(fitted.recipe.spec(1)?)]),
        Data::Files(files) => of_format(&files.format),
        Data::Trained(trained) => of_zoo(trained.activation),
        Data::Wild(_) => {
            bail!("expected nets that are chains of layers, found a wild zoo, whose nets are of many kinds")
        }
    }
}

/// The architectures of the Small CNN Zoo, published or trained here.
fn of_zoo(activation: Option<ZooActivation>) -> Result<Vec<Arc<NetSpec>>> {
    let activations = match activation {
        None => vec![Activation::Relu, Activation::Tanh],
        Some(activation) => vec![activation.into()],
    };
    let spec = |activation| Ok(Arc::new(NetSpec::cnn_zoo(&ZOO_WIDTHS, activation)?));
    activations.into_iter().map(spec).collect()
}

/// The architectures that the nets of a published format have.
///
/// # Errors
/// If the format leaves them to the files.
pub fn of_format(format: &Format) -> Result<Vec<Arc<NetSpec>>> {
    let siren = |n_channels: usize, output_offset: f64| {
        let recipe = Recipe { output_offset, ..Recipe::default() };
        Ok::<_, anyhow::Error>(Arc::new(recipe.spec(n_channels)?))
    };
    match format {
        Format::DwsMnist(_) | Format::DwsFmnist(_) => Ok(vec![siren(1, 0.5)?]),
        Format::NfnCifar(_) => Ok(vec![siren(3, 0.0)?]),
        Format::CnnZoo(options) => of_zoo(options.activation),
        Format::Packed(_)
        | Format::Flows(_)
        | Format::Folder(_)
        | Format::CnnPark(_)
        | Format::ModelZoo(_) => {
            let name = format.kind().name();
            bail!(
                "expected nets that show their architecture (--nets PATH), since the format {name} may hold any, found none"
            )
        }
    }
}

/// Channels of the Small CNN Zoo's nets.
const ZOO_WIDTHS: [usize; 5] = [1, 16, 16, 16, 10];
