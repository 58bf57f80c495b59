//! The building blocks of random flows: one function each, and all of them in one list.

mod attention;
mod convolutions;
mod functions;
mod gates;
mod norms;
mod parts;
mod places;
mod recurrent;
mod units;
mod weights;

pub(super) use functions::{ANALYTIC, SMOOTH};

use super::draft::{Draft, Form, Stream};

/// A part of a net as architectures use it.
pub struct Block {
    /// Its name.
    pub name: &'static str,
    /// What it can be applied to.
    pub forms: &'static [Form],
    /// Puts it behind a stream.
    pub build: fn(&mut Draft, Stream) -> Stream,
}

const ANY: &[Form] = &[Form::Row, Form::Tokens, Form::Signal, Form::Image];
const SPREAD: &[Form] = &[Form::Tokens, Form::Signal, Form::Image];
const GRID: &[Form] = &[Form::Signal, Form::Image];
const VECTORS: &[Form] = &[Form::Row, Form::Tokens];
const ROW: &[Form] = &[Form::Row];
const TOKENS: &[Form] = &[Form::Tokens];
const IMAGE: &[Form] = &[Form::Image];

macro_rules! blocks {
    ($($module:ident :: $name:ident on $forms:ident),* $(,)?) => {
        /// All blocks.
        pub const BLOCKS: &[Block] =
            &[$(Block { name: stringify!($name), forms: $forms, build: $module::$name }),*];
    };
}

blocks! {
    attention::additive_attention on TOKENS,
    attention::cross_attention on TOKENS,
    attention::linear_attention on TOKENS,
    attention::pooled_attention on TOKENS,
    attention::relative_attention on TOKENS,
    attention::rotary_attention on TOKENS,
    attention::self_attention on TOKENS,
    convolutions::depthwise on GRID,
    convolutions::dilated on GRID,
    convolutions::grouped on GRID,
    convolutions::inverted_bottleneck on GRID,
    convolutions::plain on GRID,
    convolutions::strided on GRID,
    convolutions::token_convolution on TOKENS,
    convolutions::transposed on GRID,
    functions::activation on ANY,
    functions::comparison on ANY,
    functions::fourier on VECTORS,
    functions::guarded on ANY,
    functions::learned_phase on ANY,
    functions::limits on ANY,
    functions::logic on ANY,
    functions::slope on ANY,
    functions::steps on ANY,
    functions::two_numbers on ANY,
    gates::bilinear on ROW,
    gates::experts on VECTORS,
    gates::factors on VECTORS,
    gates::film on ANY,
    gates::gated_mlp on ANY,
    gates::gated_units on ANY,
    gates::hard_choice on VECTORS,
    gates::largest_picked on VECTORS,
    gates::memory on VECTORS,
    gates::places_gated on TOKENS,
    gates::spatial_gate on GRID,
    gates::squeeze_excitation on SPREAD,
    norms::batch_norm on ANY,
    norms::group_norm on GRID,
    norms::instance_norm on SPREAD,
    norms::layer_norm on ANY,
    norms::length_one on ANY,
    norms::norm_of_all on SPREAD,
    norms::norm_written_out on ANY,
    norms::rms_norm on ANY,
    norms::shares on ANY,
    parts::aside on ANY,
    parts::branches on ANY,
    parts::dense_connection on ANY,
    parts::mlp on ANY,
    parts::post_norm on ANY,
    parts::residual on ANY,
    parts::second_input on ANY,
    places::accumulated on SPREAD,
    places::class_token on TOKENS,
    places::flattened on SPREAD,
    places::interpolated on GRID,
    places::less_their_reduction on SPREAD,
    places::masked on SPREAD,
    places::mirrored on SPREAD,
    places::mixed on SPREAD,
    places::padded on SPREAD,
    places::patches on IMAGE,
    places::pixel_shuffle on IMAGE,
    places::pooled on GRID,
    places::positions on SPREAD,
    places::reduced on SPREAD,
    places::repeated on SPREAD,
    places::shifted on SPREAD,
    places::to_other_form on ANY,
    recurrent::gated_recurrence on TOKENS,
    recurrent::long_memory on TOKENS,
    recurrent::plain_recurrence on TOKENS,
    units::centred on ANY,
    units::copied on VECTORS,
    units::cumulated on ANY,
    units::fixed_scales on ANY,
    units::halves on ANY,
    units::learned_scales on ANY,
    units::maxout on VECTORS,
    units::padded_units on ANY,
    units::reordered on ANY,
    units::scalar_parameters on ANY,
    units::shuffled on GRID,
    units::some_masked on ANY,
    weights::low_rank on VECTORS,
    weights::masked_weight on VECTORS,
    weights::normalized_weight on VECTORS,
    weights::of_one_vector on VECTORS,
    weights::positive_weight on VECTORS,
    weights::put_together on VECTORS,
    weights::repeated_layer on VECTORS,
    weights::scaled_weight on VECTORS,
    weights::sliced_weight on VECTORS,
    weights::tied_back on VECTORS,
    weights::weight_of_places on TOKENS,
}

/// Blocks that lose nothing of what they read, if all widths are equal: no jumps, no fixed maps that leave something
/// out, no maps to fewer units or places.
const KEEPING: &[&str] = &[
    "activation",
    "additive_attention",
    "aside",
    "batch_norm",
    "bilinear",
    "branches",
    "class_token",
    "cross_attention",
    "depthwise",
    "dilated",
    "experts",
    "film",
    "fixed_scales",
    "flattened",
    "gated_mlp",
    "gated_recurrence",
    "gated_units",
    "guarded",
    "halves",
    "instance_norm",
    "layer_norm",
    "learned_phase",
    "learned_scales",
    "length_one",
    "linear_attention",
    "long_memory",
    "low_rank",
    "memory",
    "mixed",
    "mlp",
    "norm_of_all",
    "norm_written_out",
    "normalized_weight",
    "of_one_vector",
    "places_gated",
    "plain",
    "plain_recurrence",
    "pooled_attention",
    "positions",
    "positive_weight",
    "post_norm",
    "put_together",
    "relative_attention",
    "repeated_layer",
    "residual",
    "rms_norm",
    "rotary_attention",
    "scalar_parameters",
    "scaled_weight",
    "second_input",
    "self_attention",
    "shares",
    "sliced_weight",
    "squeeze_excitation",
    "strided",
    "tied_back",
    "token_convolution",
    "weight_of_places",
];

/// A random block, of those that take this form.
pub(super) fn random_block(draft: &mut Draft, form: Form) -> &'static Block {
    let fitting: Vec<&Block> = BLOCKS
        .iter()
        .filter(|block| block.forms.contains(&form) && (!draft.wide || KEEPING.contains(&block.name)))
        .collect();
    draft.one_of(&fitting)
}

/// Applies a block; its steps are named by it.
pub(super) fn apply(draft: &mut Draft, block: &'static Block, x: Stream) -> Stream {
    let outer = std::mem::replace(&mut draft.block, block.name);
    draft.depth += 1;
    let y = (block.build)(draft, x);
    draft.depth -= 1;
    draft.block = outer;
    y
}
