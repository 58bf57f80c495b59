//! One run: the device it computes on, the folder it is kept in, the training loop, and what the programs share.

pub mod device;
pub mod edited;
pub mod folder;
pub mod interrupt;
pub mod launch;
pub mod train;
