//! A zoo of our own: trains thousands of the Small CNN Zoo's networks on grey images of 28 × 28, many at once.
//!
//! Two sets of [`Images`](crate::fit::Images) and a [`Recipe`] make a [`Request`]; [`train_one`] trains one net,
//! [`train_to_zoo`] all of them, keeps a journal, survives being killed, and leaves the zoo's own files, which
//! [`cnn_zoo::open`](crate::formats::cnn_zoo::open) and the published Python code read.
//!
//! A net has three convolutions of 16 channels, 3 × 3, stride 2, no padding (28 → 13 → 6 → 2 positions a side), each with
//! ReLU or tanh and then dropout, the mean over positions, and a dense layer to 10 logits: 4970 parameters. It learns
//! softmax cross-entropy plus a penalty on weights by SGD, Adam or RMSprop, from pixels scaled to [−1, 1].
//!
//! # Source
//! Unterthiner et al. 2020, *Predicting Neural Network Accuracy from Weights*, with the program and the README of
//! `dnn_predict_accuracy` in google-research. From the program: layers, order of activation and dropout, no padding
//! (Keras's default), pixels, penalty, names of optimizers and starts, batches of 512 with incomplete ones dropped,
//! biases from zero, evaluation without dropout, and that losses contain the penalty. From the README: 86 epochs,
//! checkpoints, columns, fractions. From memory of the paper's appendix: the ranges of
//! [`Hyperparameters`].
//!
//! **Departs:** batches are smaller for small sets of images ([`Recipe::published`]). Images are shuffled as a whole
//! instead of through a buffer of 1024. Chance is of each net's own, where the zoo gave every net the seed 42. Accuracy
//! on training images counts all of them, where the zoo dropped an incomplete batch. A net whose numbers leave the
//! finite ones is drawn again, and counted.

mod activation;
mod architecture;
mod convolution;
mod draws;
mod each;
mod hyperparameters;
mod network;
mod population;
mod recipe;
mod start;
mod summary;
mod train;
mod update;
pub mod wild;

pub use each::Progress;
pub use hyperparameters::{Hyperparameters, Optimizer, WeightInit};
pub use population::{Request, gather_to_zoo, train_shard, train_to_zoo};
pub use recipe::Recipe;
pub use summary::Summary;
pub use train::{Checkpoint, Evaluation, Trained, train_one};

#[cfg(test)]
mod gradients;
