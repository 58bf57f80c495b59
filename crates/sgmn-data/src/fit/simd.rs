//! Sixteen numbers at a time: one loop body, compiled for AVX-512, for AVX2 and for any machine, chosen at run time.
//!
//! AVX-512 and AVX2 do the same additions and multiplications in the same order and give the same bits.
//! Elsewhere `a·b + c` may be rounded twice instead of once, so the last bits can differ; [`arithmetic`] says which.
#![allow(unsafe_code)] // The loops run at a quarter of their speed without the machine's vector instructions.

/// Numbers handled at once: one AVX-512 register, two of AVX2, four of SSE or NEON.
pub(crate) const LANES: usize = 16;

/// Sixteen numbers in registers.
pub(crate) trait Lanes: Copy {
    /// The same number in every lane.
    fn splat(x: f32) -> Self;
    /// Reads sixteen numbers.
    fn load(x: &[f32; LANES]) -> Self;
    /// Writes sixteen numbers.
    fn store(self, x: &mut [f32; LANES]);
    /// `self + other`.
    fn add(self, other: Self) -> Self;
    /// `self · other`.
    fn mul(self, other: Self) -> Self;
    /// `self · factor + term`.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// `self / other`.
    fn div(self, other: Self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// The larger one; `other` where one of them is NaN.
    fn max(self, other: Self) -> Self;
    /// The smaller one; `other` where one of them is NaN.
    fn min(self, other: Self) -> Self;
    /// 1 where the number is above 0, else 0.
    fn is_positive(self) -> Self;
    /// `a · b + c` of single numbers, rounded as [`Lanes::mul_add`] does, for loops that the compiler vectorizes.
    fn mul_add_one(a: f32, b: f32, c: f32) -> f32;
}

/// A computation written once over [`Lanes`] and run on the best that the machine has.
pub(crate) trait Job {
    /// What it returns.
    type Output;
    /// Runs it; products may keep tiles of `ROWS` × (`COLUMNS` × [`LANES`]) numbers in registers.
    ///
    /// Must be `#[inline(always)]`, or it is compiled without the machine's instructions.
    fn run<L: Lanes, const ROWS: usize, const COLUMNS: usize>(self) -> Self::Output;
}

/// A set of instructions that this machine has been seen to possess; there is no other way to hold one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Level {
    /// Everything that this machine can run, the fastest first.
    pub(crate) fn available() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let has_avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if has_avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
                levels.push(Self(Kind::Avx512));
            }
            if has_avx2 {
                levels.push(Self(Kind::Avx2));
            }
        }
        levels.push(Self(Kind::Portable));
        levels
    }

    /// The fastest that this machine can run.
    pub(crate) fn detect() -> Self {
        Self::available()[0]
    }

    /// Whether `a·b + c` is rounded once.
    pub(crate) fn is_fused(self) -> bool {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 | Kind::Avx2 => true,
            Kind::Portable => PORTABLE_IS_FUSED,
        }
    }

    /// Runs a job with these instructions.
    pub(crate) fn run<J: Job>(self, job: J) -> J::Output {
        match self.0 {
            // SAFETY: a `Level` of this kind is only made by `available`, after it has seen these features.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { run_avx512(job) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { run_avx2(job) },
            Kind::Portable => job.run::<[f32; LANES], 4, 1>(),
        }
    }
}

/// How this machine rounds `a·b + c`: `"fused"` or `"plain"`; fits agree bit for bit between machines of one kind.
pub fn arithmetic() -> &'static str {
    if Level::detect().is_fused() { "fused" } else { "plain" }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
fn run_avx512<J: Job>(job: J) -> J::Output {
    // 8 × 2 sums and two rows of the right factor fill 18 of 32 registers and cover the latency of 4 cycles twice.
    job.run::<x86::Wide, 8, 2>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<J: Job>(job: J) -> J::Output {
    // 4 × 1 × two halves: 8 sums in 16 registers.
    job.run::<x86::Narrow, 4, 1>()
}

/// Where every machine of the architecture fuses, the portable loops do so too; elsewhere fusing would call a library.
const PORTABLE_IS_FUSED: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));

impl Lanes for [f32; LANES] {
    #[inline(always)]
    fn splat(x: f32) -> Self {
        [x; LANES]
    }
    #[inline(always)]
    fn load(x: &[f32; LANES]) -> Self {
        *x
    }
    #[inline(always)]
    fn store(self, x: &mut [f32; LANES]) {
        *x = self;
    }
    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        for (a, b) in self.iter_mut().zip(other) {
            *a += b;
        }
        self
    }
    #[inline(always)]
    fn mul(mut self, other: Self) -> Self {
        for (a, b) in self.iter_mut().zip(other) {
            *a *= b;
        }
        self
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, mut term: Self) -> Self {
        for i in 0..LANES {
            term[i] = Self::mul_add_one(self[i], factor[i], term[i]);
        }
        term
    }
    #[inline(always)]
    fn div(mut self, other: Self) -> Self {
        for (a, b) in self.iter_mut().zip(other) {
            *a /= b;
        }
        self
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.map(f32::sqrt)
    }
    #[inline(always)]
    fn max(mut self, other: Self) -> Self {
        for (a, b) in self.iter_mut().zip(other) {
            *a = if *a > b { *a } else { b };
        }
        self
    }
    #[inline(always)]
    fn min(mut self, other: Self) -> Self {
        for (a, b) in self.iter_mut().zip(other) {
            *a = if *a < b { *a } else { b };
        }
        self
    }
    #[inline(always)]
    fn is_positive(self) -> Self {
        self.map(|x| if x > 0.0 { 1.0 } else { 0.0 })
    }
    #[inline(always)]
    fn mul_add_one(a: f32, b: f32, c: f32) -> f32 {
        if PORTABLE_IS_FUSED { a.mul_add(b, c) } else { a * b + c }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{LANES, Lanes};

    /// One AVX-512 register. Used inside [`super::run_avx512`] only.
    #[derive(Clone, Copy)]
    pub(super) struct Wide(__m512);

    /// Two AVX2 registers. Used inside [`super::run_avx2`] only.
    #[derive(Clone, Copy)]
    pub(super) struct Narrow(__m256, __m256);

    // SAFETY, for every block below: the two types are private to this file and named only in functions compiled for
    // the features that the instructions need, which a `Level` proves present; loads and stores are unaligned and
    // stay inside an array of sixteen numbers.
    #[allow(clippy::undocumented_unsafe_blocks)] // One argument for all, above.
    impl Lanes for Wide {
        #[inline(always)]
        fn splat(x: f32) -> Self {
            unsafe { Self(_mm512_set1_ps(x)) }
        }
        #[inline(always)]
        fn load(x: &[f32; LANES]) -> Self {
            unsafe { Self(_mm512_loadu_ps(x.as_ptr())) }
        }
        #[inline(always)]
        fn store(self, x: &mut [f32; LANES]) {
            unsafe { _mm512_storeu_ps(x.as_mut_ptr(), self.0) }
        }
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            unsafe { Self(_mm512_add_ps(self.0, other.0)) }
        }
        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            unsafe { Self(_mm512_mul_ps(self.0, other.0)) }
        }
        #[inline(always)]
        fn mul_add(self, factor: Self, term: Self) -> Self {
            unsafe { Self(_mm512_fmadd_ps(self.0, factor.0, term.0)) }
        }
        #[inline(always)]
        fn div(self, other: Self) -> Self {
            unsafe { Self(_mm512_div_ps(self.0, other.0)) }
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            unsafe { Self(_mm512_sqrt_ps(self.0)) }
        }
        #[inline(always)]
        fn max(self, other: Self) -> Self {
            unsafe { Self(_mm512_max_ps(self.0, other.0)) }
        }
        #[inline(always)]
        fn min(self, other: Self) -> Self {
            unsafe { Self(_mm512_min_ps(self.0, other.0)) }
        }
        #[inline(always)]
        fn is_positive(self) -> Self {
            unsafe {
                let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, _mm512_setzero_ps());
                Self(_mm512_maskz_mov_ps(above, _mm512_set1_ps(1.0)))
            }
        }
        #[inline(always)]
        fn mul_add_one(a: f32, b: f32, c: f32) -> f32 {
            a.mul_add(b, c)
        }
    }

    #[allow(clippy::undocumented_unsafe_blocks)] // As above.
    impl Lanes for Narrow {
        #[inline(always)]
        fn splat(x: f32) -> Self {
            unsafe { Self(_mm256_set1_ps(x), _mm256_set1_ps(x)) }
        }
        #[inline(always)]
        fn load(x: &[f32; LANES]) -> Self {
            unsafe { Self(_mm256_loadu_ps(x.as_ptr()), _mm256_loadu_ps(x.as_ptr().add(8))) }
        }
        #[inline(always)]
        fn store(self, x: &mut [f32; LANES]) {
            unsafe {
                _mm256_storeu_ps(x.as_mut_ptr(), self.0);
                _mm256_storeu_ps(x.as_mut_ptr().add(8), self.1);
            }
        }
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
        }
        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            unsafe { Self(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
        }
        #[inline(always)]
        fn mul_add(self, factor: Self, term: Self) -> Self {
            unsafe {
                Self(_mm256_fmadd_ps(self.0, factor.0, term.0), _mm256_fmadd_ps(self.1, factor.1, term.1))
            }
        }
        #[inline(always)]
        fn div(self, other: Self) -> Self {
            unsafe { Self(_mm256_div_ps(self.0, other.0), _mm256_div_ps(self.1, other.1)) }
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            unsafe { Self(_mm256_sqrt_ps(self.0), _mm256_sqrt_ps(self.1)) }
        }
        #[inline(always)]
        fn max(self, other: Self) -> Self {
            unsafe { Self(_mm256_max_ps(self.0, other.0), _mm256_max_ps(self.1, other.1)) }
        }
        #[inline(always)]
        fn min(self, other: Self) -> Self {
            unsafe { Self(_mm256_min_ps(self.0, other.0), _mm256_min_ps(self.1, other.1)) }
        }
        #[inline(always)]
        fn is_positive(self) -> Self {
            unsafe {
                let (zero, one) = (_mm256_setzero_ps(), _mm256_set1_ps(1.0));
                let above = |x| _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(x, zero), one);
                Self(above(self.0), above(self.1))
            }
        }
        #[inline(always)]
        fn mul_add_one(a: f32, b: f32, c: f32) -> f32 {
            a.mul_add(b, c)
        }
    }
}
