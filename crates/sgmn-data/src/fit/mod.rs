//! Makes populations of nets: fits thousands of small INRs to images, on all cores, resumable, repeatable from a seed.
//!
//! [`Images`] and a [`Recipe`] go in; [`fit_one`] fits one net, [`fit_all`] hands over every net as it is finished,
//! and [`fit_to_packed`] and [`fit_to_safetensors`] keep a journal, survive being killed, and leave a dataset.
//! Several workers make one by [`fit_shard`], and [`gather_to_packed`] or [`gather_to_safetensors`].
//! [`SirenRenderer`] shows what a net has learned; [`sin_cos_of`] is the sine of both.

mod adam;
mod backward;
mod block;
mod finished;
mod forward;
mod images;
mod kernel;
mod layer;
mod population;
mod product;
mod recipe;
mod render;
pub(crate) mod simd;
mod sine;
mod siren;
mod summary;

pub use images::Images;
pub use population::{
    Request, fit_shard, fit_to_packed, fit_to_safetensors, gather_to_packed, gather_to_safetensors,
};
pub use recipe::Recipe;
pub use render::SirenRenderer;
pub use simd::arithmetic;
pub use sine::sin_cos_of;
pub use siren::{Fitted, Progress, fit_all, fit_one};
pub use summary::Summary;
