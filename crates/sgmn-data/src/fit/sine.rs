//! Sine and cosine of sixteen angles at once, in single precision.

use super::simd::{Job, LANES, Lanes, Level};

/// Writes `sin x` and `cos x` of every angle, in radians: the fitter's own, by the machine's vector instructions.
///
/// Accuracy holds for |x| up to some hundreds: 1e-7 absolute, and 2 units in the last place of results of at least 2⁻⁷.
///
/// # Shapes
/// Three slices of one length.
///
/// # Panics
/// If lengths differ.
pub fn sin_cos_of(angles: &[f32], sines: &mut [f32], cosines: &mut [f32]) {
    assert_eq!(angles.len(), sines.len(), "angles and sines");
    assert_eq!(angles.len(), cosines.len(), "angles and cosines");
    Level::detect().run(Many { angles, sines, cosines });
}

struct Many<'a> {
    angles: &'a [f32],
    sines: &'a mut [f32],
    cosines: &'a mut [f32],
}

impl Job for Many<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes, const ROWS: usize, const COLUMNS: usize>(self) {
        let results = self.sines.chunks_mut(LANES).zip(self.cosines.chunks_mut(LANES));
        for (angles, (sines, cosines)) in self.angles.chunks(LANES).zip(results) {
            let mut x = [0.0; LANES];
            x[..angles.len()].copy_from_slice(angles);
            let (sin, cos) = sin_cos::<L>(&x);
            sines.copy_from_slice(&sin[..sines.len()]);
            cosines.copy_from_slice(&cos[..cosines.len()]);
        }
    }
}

/// `(sin x, cos x)` lane by lane, `x` in radians.
///
/// The angle is reduced by multiples of π/2 to [−π/4, π/4] and both polynomials are evaluated there.
/// The coefficients are those of `sinf` and `cosf` in Moshier's Cephes library.
/// Against f64 over |x| ≤ 400 (the test below): at most 1e-7 absolute everywhere, and at most 2 units in the last place
/// of the result where that is at least 2⁻⁷ in magnitude. Over every f32 from 2⁻¹² to 400, tried once, it was 9.3e-8 and
/// 1.56 units. Beyond |x| of about 10⁴ accuracy fades.
#[inline(always)]
pub(super) fn sin_cos<L: Lanes>(x: &[f32; LANES]) -> ([f32; LANES], [f32; LANES]) {
    let mut sines = [0.0; LANES];
    let mut cosines = [0.0; LANES];
    for i in 0..LANES {
        let shifted = L::mul_add_one(x[i], std::f32::consts::FRAC_2_PI, TO_INTEGER);
        let quadrant = shifted.to_bits();
        let n = shifted - TO_INTEGER;
        let mut r = x[i];
        for part in HALF_PI {
            r = L::mul_add_one(-n, part, r);
        }
        let r2 = r * r;
        let odd = L::mul_add_one(L::mul_add_one(SINE[0], r2, SINE[1]), r2, SINE[2]);
        let sine = L::mul_add_one(odd, r2 * r, r);
        let even = L::mul_add_one(L::mul_add_one(COSINE[0], r2, COSINE[1]), r2, COSINE[2]);
        let cosine = L::mul_add_one(even * r2, r2, L::mul_add_one(-0.5, r2, 1.0));
        let (a, b) = if quadrant & 1 == 1 { (cosine, sine) } else { (sine, cosine) };
        // Bit 1 of the quadrant, moved to the sign bit, turns the sine; the cosine runs one quadrant ahead.
        sines[i] = f32::from_bits(a.to_bits() ^ ((quadrant & 2) << 30));
        cosines[i] = f32::from_bits(b.to_bits() ^ ((quadrant.wrapping_add(1) & 2) << 30));
    }
    (sines, cosines)
}

/// 1.5·2²³: adding it rounds to an integer and leaves that integer in the low bits of the mantissa.
const TO_INTEGER: f32 = 12_582_912.0;
/// π/2 in three parts, each so short that its product with a quadrant number is exact or nearly so (Cody and Waite).
const HALF_PI: [f32; 3] = [1.570_312_5, 4.837_513e-4, 7.549_79e-8];
/// sin r ≈ r + r³·(…), highest power first.
const SINE: [f32; 3] = [-1.951_529_6e-4, 8.332_161e-3, -1.666_665_5e-1];
/// cos r ≈ 1 − r²/2 + r⁴·(…), highest power first.
const COSINE: [f32; 3] = [2.443_315_7e-5, -1.388_731_6e-3, 4.166_664_6e-2];

#[cfg(test)]
mod tests {
    use super::super::simd::{Job, LANES, Lanes, Level};
    use super::sin_cos;

    struct Both<'a>(&'a [f32; LANES]);

    impl Job for Both<'_> {
        type Output = ([f32; LANES], [f32; LANES]);
        #[inline(always)]
        fn run<L: Lanes, const ROWS: usize, const COLUMNS: usize>(self) -> Self::Output {
            sin_cos::<L>(self.0)
        }
    }

    /// Worst errors over |x| ≤ 400: absolute, and in units in the last place where the result is at least 2⁻⁷.
    fn worst_errors(level: Level) -> (f64, f64) {
        let (mut absolute, mut ulps) = (0.0f64, 0.0f64);
        let mut check = |got: f32, exact: f64| {
            let error = (f64::from(got) - exact).abs();
            absolute = absolute.max(error);
            if exact.abs() >= 1.0 / 128.0 {
                let ulp = 2f64.powi(exact.abs().log2().floor() as i32 - 23);
                ulps = ulps.max(error / ulp);
            }
        };
        // Evenly over the range, then evenly over the numbers there are, small ones too, with signs in turn.
        let n = 1_000_000;
        let even = (0..n).map(|i| ((f64::from(i) / f64::from(n) * 2.0 - 1.0) * 400.0) as f32);
        let bits = (2f32.powi(-12).to_bits()..400f32.to_bits()).step_by(101);
        let dense = bits.map(|bits| f32::from_bits(bits ^ (bits & 1) << 31));
        let angles: Vec<f32> = even.chain(dense).collect();
        for x in angles.as_chunks::<LANES>().0 {
            let (sines, cosines) = level.run(Both(x));
            for i in 0..LANES {
                let (sine, cosine) = f64::from(x[i]).sin_cos();
                check(sines[i], sine);
                check(cosines[i], cosine);
            }
        }
        (absolute, ulps)
    }

    #[test]
    fn sine_and_cosine_are_right_to_the_last_bits() {
        for level in Level::available() {
            let (absolute, ulps) = worst_errors(level);
            assert!(absolute <= 1e-7 && ulps <= 2.0, "{level:?}: {absolute:e} absolute, {ulps} ulp");
        }
    }

    #[test]
    fn slices_of_any_length_are_read_to_their_end() {
        for n in [0, 1, LANES, LANES + 1, 3 * LANES - 1] {
            let angles: Vec<f32> = (0..n).map(|i| i as f32 - 9.5).collect();
            let (mut sines, mut cosines) = (vec![9.0; n], vec![9.0; n]);
            super::sin_cos_of(&angles, &mut sines, &mut cosines);
            for (x, (s, c)) in angles.iter().zip(sines.iter().zip(&cosines)) {
                assert!((s - x.sin()).abs() < 1e-6 && (c - x.cos()).abs() < 1e-6, "{x} of {n}");
            }
        }
    }

    #[test]
    fn special_angles_are_exact() {
        let (sines, cosines) = Level::detect().run(Both(&[0.0; LANES]));
        assert_eq!((sines, cosines), ([0.0; LANES], [1.0; LANES]));
    }
}
