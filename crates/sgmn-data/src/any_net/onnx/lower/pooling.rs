//! Maxima and means over windows.

use sgmn_graph::flow::{Pool, Pooling, Reduction};

use super::{
    Call, Family, Lower, Operand, Outcome, Value, call::size, convolution::Window, unsupported, wrong,
};

pub(super) const OPERATORS: Family = &[
    ("AveragePool", average),
    ("GlobalAveragePool", |lower, call| global(lower, call, Reduction::Mean)),
    ("GlobalMaxPool", |lower, call| global(lower, call, Reduction::Maximum)),
    ("MaxPool", maximum),
];

fn maximum(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    if call.has_output(1) {
        return unsupported("the places of maxima (output 1) are not read");
    }
    pool(lower, call, Pooling::Maximum)
}

fn average(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let counts_padding = call.flag("count_include_pad", false)?;
    pool(lower, call, Pooling::Mean { counts_padding })
}

fn pool(lower: &mut Lower<'_, '_>, call: &Call<'_>, by: Pooling) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let shape = lower.shape(x);
    let kernel: Outcome<Vec<usize>> =
        call.ints("kernel_shape")?.unwrap_or_default().iter().map(|value| size(*value)).collect();
    let window = kernel?;
    if shape.len() < 3 || window.len() != shape.len() - 2 {
        return wrong(format!("expected a kernel for the spatial axes of {shape:?}, found {window:?}"));
    }
    let Window { stride, dilation, padding } = Window::of(call, &shape[2..], &window)?;
    let ceil = call.flag("ceil_mode", false)?;
    let id = lower.step(Pool { by, window, stride, padding, dilation, ceil }, &[x.id])?;
    Ok(Operand { id, kind: x.kind }.into())
}

fn global(lower: &mut Lower<'_, '_>, call: &Call<'_>, by: Reduction) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let axes = (2..lower.rank(x)).collect();
    Ok(lower.reduce(by, x, axes, true)?.into())
}
