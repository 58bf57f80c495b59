//! What is known of a net of the wild zoo, in numbers and in words.

use super::{Residual, Trained};
use crate::zoo::population::word;

/// What is known of a net, each fact with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Numbers: accuracies in [0, 1], losses in nats, what was drawn.
    pub numbers: Vec<(&'static str, f64)>,
    /// Words: what was chosen.
    pub words: Vec<(&'static str, String)>,
}

impl Facts {
    /// The facts of a net.
    pub fn of(net: &Trained) -> Self {
        let Trained { architecture, training, n_diverged, numbers, train, test } = net;
        let convolutional = architecture.convolutional.as_ref();
        let yes_or_no = |fact: bool| if fact { "yes" } else { "no" }.to_owned();
        let none = || "none".to_owned();
        Self {
            numbers: vec![
                ("test_accuracy", test.accuracy),
                ("test_loss", test.loss),
                ("train_accuracy", train.accuracy),
                ("train_loss", train.loss),
                ("learning_rate", training.learning_rate),
                ("l2", training.l2),
                ("epochs", training.epochs.into()),
                ("train_fraction", training.train_fraction),
                ("label_noise", training.label_noise),
                ("init_std", training.init_std),
                ("draw", (*n_diverged).into()),
                ("depth", architecture.widths.len() as f64),
                ("n_numbers", numbers.len() as f64),
            ],
            words: vec![
                ("kind", architecture.kind().to_owned()),
                ("activation", architecture.activation.name().to_owned()),
                ("norm", word(architecture.norm)),
                ("residual", yes_or_no(architecture.residual != Residual::None)),
                ("mixing", convolutional.map_or_else(none, |c| word(c.mixing))),
                ("head", convolutional.map_or_else(none, |c| word(c.head))),
                ("optimizer", word(training.optimizer)),
                ("w_init", word(training.w_init)),
                ("labels", if training.label_noise > 0.0 { "noisy" } else { "right" }.to_owned()),
            ],
        }
    }
}
