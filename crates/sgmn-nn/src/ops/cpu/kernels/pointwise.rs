//! Activations of nets, with their slopes, on numbers that lie one after the other.

use sgmn_graph::Activation;

use crate::ops::cpu::{
    element::Element,
    simd::{Level, level, vectorized},
};

/// Whether an activation has a kernel; the others are composed of candle's operations.
pub(in crate::ops) fn serves(activation: Activation) -> bool {
    use Activation::{Identity, LeakyRelu, Relu, Sine, Tanh};
    matches!(activation, Identity | LeakyRelu { .. } | Relu | Sine { .. } | Tanh)
}

/// `x ← σ(x)`.
pub(in crate::ops) fn activate<T: Element>(activation: Activation, x: &mut [T]) {
    match activation {
        Activation::Sine { omega } => sine(x, T::from_f64(omega)),
        Activation::Tanh => tanh(x),
        Activation::Relu => rectify(x, T::zero()),
        Activation::LeakyRelu { slope } => rectify(x, T::from_f64(slope)),
        Activation::Identity => {}
        other => unreachable!("{other}: asked of `serves` before"),
    }
}

/// `x ← σ(x)` and `slope = σ'(x)`.
pub(in crate::ops) fn activate_with_slope<T: Element>(activation: Activation, x: &mut [T], slope: &mut [T]) {
    match activation {
        Activation::Sine { omega } => sine_with_slope(x, slope, T::from_f64(omega)),
        Activation::Tanh => tanh_with_slope(x, slope),
        Activation::Relu => rectify_with_slope(x, slope, T::zero()),
        Activation::LeakyRelu { slope: leak } => rectify_with_slope(x, slope, T::from_f64(leak)),
        Activation::Identity => slope.fill(T::one()),
        other => unreachable!("{other}: asked of `serves` before"),
    }
}

vectorized! {
    /// `x ← x ⊙ y`.
    fn scale<T, FUSED>(x: &mut [T], y: &[T]) {
        for (x, y) in x.iter_mut().zip(y) {
            *x *= *y;
        }
    }
}

/// `Σ x`, always in the same order.
pub(in crate::ops) fn sum<T: Element>(x: &[T]) -> T {
    let mut lanes = [T::zero(); super::LANES];
    let (whole, rest) = x.as_chunks::<{ super::LANES }>();
    for chunk in whole {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += *x;
        }
    }
    let mut total = super::sum(lanes);
    for x in rest {
        total += *x;
    }
    total
}

/// `x ← sin x`.
pub(in crate::ops) fn sines<T: Element>(x: &mut [T]) {
    sine(x, T::one());
}

vectorized! {
    fn sine<T, FUSED>(x: &mut [T], omega: T) {
        for x in x {
            *x = (omega * *x).sin_cos::<FUSED>().0;
        }
    }
}

vectorized! {
    fn sine_with_slope<T, FUSED>(x: &mut [T], slope: &mut [T], omega: T) {
        for (x, slope) in x.iter_mut().zip(slope) {
            let (sine, cosine) = (omega * *x).sin_cos::<FUSED>();
            *x = sine;
            *slope = omega * cosine;
        }
    }
}

vectorized! {
    fn tanh<T, FUSED>(x: &mut [T]) {
        for x in x {
            *x = tanh_of::<T, FUSED>(*x);
        }
    }
}

vectorized! {
    fn tanh_with_slope<T, FUSED>(x: &mut [T], slope: &mut [T]) {
        for (x, slope) in x.iter_mut().zip(slope) {
            *x = tanh_of::<T, FUSED>(*x);
            *slope = T::one() - *x * *x;
        }
    }
}

/// `1 − 2 / (exp(2x) + 1)`.
#[inline(always)]
fn tanh_of<T: Element, const FUSED: bool>(x: T) -> T {
    let two = T::one() + T::one();
    T::one() - two / ((two * x).exp::<FUSED>() + T::one())
}

vectorized! {
    fn rectify<T, FUSED>(x: &mut [T], leak: T) {
        for x in x {
            *x = if *x > T::zero() { *x } else { leak * *x };
        }
    }
}

vectorized! {
    fn rectify_with_slope<T, FUSED>(x: &mut [T], slope: &mut [T], leak: T) {
        for (x, slope) in x.iter_mut().zip(slope) {
            *slope = if *x > T::zero() { T::one() } else { leak };
            *x *= *slope;
        }
    }
}
