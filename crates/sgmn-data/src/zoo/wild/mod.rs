//! A wild zoo: small nets of many architectures, trained many ways on grey images of 28 × 28.
//!
//! A [`Request`] says how many; [`train_one`] trains one net, [`train_to_flows`] all of them into a folder with a
//! [packed file of flows](crate::formats::flows) and a table, keeps a journal, and survives being killed.
//!
//! ```text
//! architecture   what is drawn for some nets in a row: layers, widths, activation, norm, residual or not
//! steps          the same as a list of steps, with the names and shapes of their tensors
//! text           the same as an architecture file, from which everyone reads the net as a flow
//! training       what is drawn for one net: optimizer, rate, epochs, wrong labels, start
//! network        the steps on batches, with candle's gradients      convolve, product   the maps among them
//! learner        its numbers, updates and evaluations               train        one net, from start to test
//! facts          what is known of a net, in numbers and words        population   all nets, into their folder
//! ```
//!
//! Nets read the images at half their size (means of 2 × 2 pixels, from 0 to 1), so a net takes a second. They learn
//! softmax cross-entropy plus a penalty on weights. All chance of a net comes from the seed and its number: a net is
//! the same however many are trained, and in how many calls. A net is trained alone, on one core: its batches fit the
//! nearest caches, and those of many nets at once would not.

mod architecture;
mod convolve;
mod facts;
mod images;
mod learner;
mod network;
mod population;
mod product;
mod steps;
mod text;
mod train;
mod training;

pub use architecture::{Architecture, Convolutional, Head, Mixing, Norm};
pub use facts::Facts;
pub use population::{METRICS, NETS, Request, gather_to_flows, train_shard, train_to_flows};
pub use train::{Trained, train_one};
pub use training::Training;

#[cfg(test)]
mod tests;
