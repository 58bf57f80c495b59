//! Vector code without a second source: one body, compiled for the instruction sets found at run time.

use super::element::Element;

/// The widest instruction set that this machine has and the kernels are compiled for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Asks the machine; the answer is cached by the standard library.
pub(super) fn level() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        let has_fma = is_x86_feature_detected!("fma");
        if has_fma
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
        {
            return Level::Avx512;
        }
        if has_fma && is_x86_feature_detected!("avx2") {
            return Level::Avx2;
        }
    }
    Level::Portable
}

/// Defines a function whose body is compiled once for each [`Level`]; calls go to the best one.
///
/// The body may name the constant in brackets, which says whether the level has fused multiply-adds.
macro_rules! vectorized {
    ($(#[$doc:meta])* fn $name:ident<T, $fused:ident>($($arg:ident: $ty:ty),* $(,)?) $body:block) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments, reason = "slices of one row block travel side by side")]
        #[allow(unsafe_code, reason = "calls into code compiled for instruction sets that were found at run time")]
        pub(in crate::ops) fn $name<T: Element>($($arg: $ty),*) {
            #[inline(always)]
            fn body<T: Element, const $fused: bool>($($arg: $ty),*) $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2<T: Element>($($arg: $ty),*) { body::<T, true>($($arg),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,fma")]
            fn avx512<T: Element>($($arg: $ty),*) { body::<T, true>($($arg),*) }
            match level() {
                Level::Portable => body::<T, false>($($arg),*),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `level` has found AVX2 and FMA on this machine.
                Level::Avx2 => unsafe { avx2($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `level` has found these five sets on this machine.
                Level::Avx512 => unsafe { avx512($($arg),*) },
            }
        }
    };
}
pub(super) use vectorized;

/// `exp(x)` in f32 without branches or tables, relative error below 2e-7; flushed outside [-87, 88].
///
/// Range reduction `x = n ln 2 + r`, `|r| ≤ ln 2 / 2`, then a polynomial of degree 6 in r.
#[inline(always)]
pub(super) fn exp<const FUSED: bool>(x: f32) -> f32 {
    // Beyond these the result would leave the normal numbers.
    let x = x.clamp(-87.0, 88.0);
    // Adding and subtracting 1.5·2²³ rounds to the nearest integer, which then stands in the low mantissa bits.
    const ROUND: f32 = 12_582_912.0;
    let shifted = x.times_plus::<FUSED>(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 in two parts, so that n ln 2 is subtracted almost exactly.
    let r = n.times_plus::<FUSED>(2.121_944_4e-4, n.times_plus::<FUSED>(-0.693_359_4, x));
    // Coefficients of 1/k! for k = 6 … 0; the rest of the series is below 1.2e-7 for |r| ≤ 0.347.
    let mut p = 1.0 / 720.0;
    for c in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = p.times_plus::<FUSED>(r, c);
    }
    let exponent = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32).wrapping_add(127) << 23;
    p * f32::from_bits(exponent as u32)
}

/// `(sin x, cos x)` in f32 without branches or tables, absolute error below 2e-7 for |x| up to some thousands; beyond
/// a million only the bounds hold.
///
/// Range reduction `x = n π/2 + r`, `|r| ≤ π/4`, then a polynomial each for sine and cosine of r; n modulo 4 says which is
/// which, and their signs.
#[inline(always)]
pub(super) fn sin_cos<const FUSED: bool>(x: f32) -> (f32, f32) {
    // As in `exp`: the nearest integer, which then stands in the low mantissa bits.
    const ROUND: f32 = 12_582_912.0;
    let shifted = x.times_plus::<FUSED>(std::f32::consts::FRAC_2_PI, ROUND);
    let n = shifted - ROUND;
    // π/2 in three parts, so that n π/2 is subtracted almost exactly.
    let mut r = n.times_plus::<FUSED>(-1.570_312_5, x);
    r = n.times_plus::<FUSED>(-4.837_513e-4, r);
    r = n.times_plus::<FUSED>(-7.549_79e-8, r);
    // Nothing but rounding reaches the ends, unless x is so large that n was not an integer near it.
    let r = r.clamp(-0.8, 0.8);
    let square = r * r;
    // Coefficients fitted to the interval, as in Moshier's Cephes library.
    let mut odd = -1.951_529_6e-4;
    for c in [8.332_161e-3, -1.666_665_5e-1] {
        odd = odd.times_plus::<FUSED>(square, c);
    }
    let sine = odd.times_plus::<FUSED>(square * r, r);
    let mut even = 2.443_315_7e-5;
    for c in [-1.388_731_6e-3, 4.166_664_6e-2, -0.5, 1.0] {
        even = even.times_plus::<FUSED>(square, c);
    }
    let quadrant = shifted.to_bits();
    let is_odd = quadrant & 1 == 1;
    let (s, c) = if is_odd { (even, sine) } else { (sine, even) };
    // Bit 1 of the quadrant turns the sine; the cosine runs one quadrant ahead.
    let turned = |value: f32, quadrant: u32| f32::from_bits(value.to_bits() ^ ((quadrant & 2) << 30));
    (turned(s, quadrant), turned(c, quadrant.wrapping_add(1)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn sine_and_cosine_are_accurate_for_the_angles_of_sirens() {
        let mut worst: f64 = 0.0;
        for i in -2_000_000..2_000_000 {
            let x = i as f32 / 1024.0;
            let (sine, cosine) = f64::from(x).sin_cos();
            for (s, c) in [super::sin_cos::<false>(x), super::sin_cos::<true>(x)] {
                worst = worst.max((f64::from(s) - sine).abs()).max((f64::from(c) - cosine).abs());
            }
        }
        assert!(worst < 2e-7, "absolute error {worst:e}");
        for x in [1e8f32, -3e20, f32::MAX] {
            let (s, c) = super::sin_cos::<true>(x);
            assert!(s.abs() <= 1.1 && c.abs() <= 1.1, "{x}: {s}, {c}");
        }
        assert!(super::sin_cos::<true>(f32::NAN).0.is_nan());
    }

    #[test]
    fn exp_is_accurate_over_its_range() {
        let mut worst: f64 = 0.0;
        for i in -86_000..88_000 {
            let x = i as f32 / 1000.0;
            let exact = f64::from(x).exp();
            for value in [super::exp::<false>(x), super::exp::<true>(x)] {
                worst = worst.max((f64::from(value) - exact).abs() / exact);
            }
        }
        assert!(worst < 3e-7, "relative error {worst:e}");
    }
}
