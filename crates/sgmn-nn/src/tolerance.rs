//! The tolerances that this crate claims and its tests hold, all in one place: changing one changes a claim.
//!
//! `docs/numerics.md` shows them; a test compares the two. Those of symmetries are in [`sgmn_symmetry::tolerance`].

macro_rules! table {
    ($(#[doc = $bounds:literal] $name:ident = $value:literal,)*) => {
        $(#[doc = concat!("Largest", $bounds)] pub const $name: f64 = $value;)*

        /// Every tolerance: its name, its value, and what it bounds.
        pub const TABLE: &[(&str, f64, &str)] = &[$((stringify!($name), $value, $bounds)),*];
    };
}

table! {
    /// error of outputs against golden files in f64; two right implementations differ by rounding alone, some 2e-15
    GOLDEN_OUTPUT_F64 = 1e-9,
    /// error of gradients against golden files in f64; rounding alone makes some 1e-13
    GOLDEN_GRADIENT_F64 = 1e-7,
    /// error of outputs against golden files in f32: ten times what the published program itself loses by rounding
    GOLDEN_OUTPUT_F32 = 1e-5,
    /// error of gradients against golden files in f32
    GOLDEN_GRADIENT_F32 = 3e-4,
    /// difference of a model's gradients from central differences, f64
    GRADIENT = 1e-7,
    /// difference of two ways to the same numbers in f64, such as a net read alone and among others
    SAME = 1e-12,
    /// equivariance error that may still be chance where a model does not have a symmetry: one that breaks it errs by more
    BROKEN = 1e-3,
    /// difference of an operation from its plain form in f64, values and gradients
    OPERATION_F64 = 1e-12,
    /// difference of an operation from its plain form in f32, values and gradients
    OPERATION_F32 = 2e-5,
    /// difference of a chain of operations in one pass from the same one by one in f64
    CHAIN_F64 = 1e-11,
    /// difference of a chain of operations in one pass from the same one by one in f32
    CHAIN_F32 = 3e-4,
    /// difference of a kernel from its plain form on the same device: f32 arithmetic in two orders differs by some 1e-6
    KERNEL = 1e-4,
    /// error of outputs and gradients of a model on a device in f32 against f64 on the CPU; the CPU in f32 comes to 8e-5
    DEVICE_OUTPUT = 3e-4,
    /// error of the loss in any of five steps on a device in f32 against f64 on the CPU, which comes to 4e-7 in f32
    DEVICE_LOSS = 1e-4,
    /// distance of outputs in tf32 and bf16 from f32: bf16 has 8 significant bits, and some ten products stand in a row
    ROUNDED_OUTPUT = 2e-2,
    /// distance of all gradients together in tf32 and bf16 from f32: they pass twice as many products
    ROUNDED_GRADIENT = 8e-2,
    /// error of a net of ReLUs run by messages, which gates compute exactly but for rounding
    SIMULATED_RELU = 1e-14,
    /// error of a net of tanh or sine run by messages, whose gates are fitted
    SIMULATED_SMOOTH = 1e-12,
    /// error of one fitted gate, whose values are of order 1
    SIMULATED_GATE = 5e-13,
}
