//! A net of the zoo on blocks of images, forward and backward.
//!
//! Three convolutions with their activations and dropout, the mean over positions, a dense layer, softmax and
//! cross-entropy. All numbers of a block stay in the second cache; a step touches nothing else but the parameters.

use super::{
    activation::{Dropout, activate},
    architecture::{N_CHANNELS, N_CLASSES, N_ROWS, PLACES, Row, SIDES},
    convolution::{add_rows, first_forward, first_to_kernel, forward, to_input, to_kernel},
};
use crate::{
    fit::simd::{Job, LANES, Lanes, Level},
    formats::cnn_zoo::ZooActivation,
};

/// Images handled together.
pub(super) const BLOCK: usize = 4;
/// Pixels of an image.
pub(super) const N_PIXELS: usize = SIDES[0] * SIDES[0];
/// Positions of an image behind each convolution.
const N_POSITIONS: [usize; 3] = [SIDES[1] * SIDES[1], SIDES[2] * SIDES[2], SIDES[3] * SIDES[3]];
/// Activations of an image, all of which dropout may drop.
pub(super) const N_ACTIVATIONS: usize = (N_POSITIONS[0] + N_POSITIONS[1] + N_POSITIONS[2]) * N_CHANNELS;
/// Multiply-additions of one image: forward (convolutions 24 336 + 82 944 + 9216, dense 160), as many again for the
/// gradients of the parameters, and for those of the inputs all but the first convolution's.
pub(super) const MULTIPLY_ADDS: f64 = 116_656.0 + 116_656.0 + 92_320.0;

/// A net's parameters and everything that a step writes to, allocated once.
#[derive(Debug)]
pub(super) struct Network {
    level: Level,
    activation: ZooActivation,
    /// As [`PLACES`] says; what is not used of a row is 0.
    pub(super) params: Vec<Row>,
    /// Sum over the images since [`Network::clear_gradient`], in the order of the parameters.
    pub(super) gradient: Vec<Row>,
    /// Kernels of the second and third convolution and of the dense layer with inputs and outputs exchanged.
    transposed: [Vec<Row>; 3],
    /// Pixels of a block, from −1 to 1.
    pixels: Vec<f32>,
    classes: [usize; BLOCK],
    stages: [Stage; 3],
}

/// What a block's images are behind one convolution, `[images · positions, 16]` each.
#[derive(Debug)]
struct Stage {
    values: Vec<Row>,
    /// Derivatives of the values with respect to the convolution's result.
    slopes: Vec<Row>,
    /// Derivatives of the loss with respect to the values, then to the convolution's result.
    d_values: Vec<Row>,
}

/// How a net answers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Score {
    /// Sum of the cross-entropies, in nats.
    pub(super) loss: f64,
    /// Images whose class has the largest logit.
    pub(super) n_correct: usize,
}

impl std::ops::AddAssign for Score {
    fn add_assign(&mut self, other: Self) {
        self.loss += other.loss;
        self.n_correct += other.n_correct;
    }
}

impl Network {
    pub(super) fn new(level: Level) -> Self {
        let rows = |n: usize| vec![Row::ZERO; n];
        let stage = |n: usize| {
            let n = BLOCK * n;
            Stage { values: rows(n), slopes: rows(n), d_values: rows(n) }
        };
        Self {
            level,
            activation: ZooActivation::Relu,
            params: rows(N_ROWS),
            gradient: rows(N_ROWS),
            transposed: [1, 2, 3].map(|l: usize| rows(PLACES[l].kernel().len())),
            pixels: vec![0.0; BLOCK * N_PIXELS],
            classes: [0; BLOCK],
            stages: N_POSITIONS.map(stage),
        }
    }

    /// Takes a net.
    pub(super) fn load(&mut self, activation: ZooActivation, params: Vec<Row>) {
        assert_eq!(params.len(), N_ROWS, "rows of parameters");
        (self.activation, self.params) = (activation, params);
    }

    /// Begins a step: no gradient yet, and the parameters will not change before its end.
    pub(super) fn clear_gradient(&mut self) {
        self.gradient.fill(Row::ZERO);
        for (transposed, place) in self.transposed.iter_mut().zip(&PLACES[1..]) {
            let kernel = self.params[place.kernel()].as_chunks::<N_CHANNELS>().0;
            for (to, from) in transposed.as_chunks_mut::<N_CHANNELS>().0.iter_mut().zip(kernel) {
                for (i, row) in from.iter().enumerate() {
                    for (o, &value) in row.0.iter().enumerate() {
                        to[o].0[i] = value;
                    }
                }
            }
        }
    }

    /// Puts an image `[28²]` of a class into the block.
    pub(super) fn load_image(&mut self, i: usize, image: &[f32], class: usize) {
        for (to, from) in self.pixels[i * N_PIXELS..(i + 1) * N_PIXELS].iter_mut().zip(image) {
            *to = 2.0 * from - 1.0;
        }
        self.classes[i] = class;
    }

    /// What the net says of the block's first `n` images; the gradient of their losses' sum, times `weight`, is added.
    ///
    /// `dropout` comes with the place of the block's first activation.
    pub(super) fn learn(&mut self, n: usize, weight: f32, dropout: Option<(Dropout, u32)>) -> Score {
        self.level.run(Learn { net: self, n, weight, dropout })
    }

    /// What the net says of the block's first `n` images.
    pub(super) fn answer(&mut self, n: usize) -> Score {
        self.level.run(Answer { net: self, n })
    }
}

impl Network {
    /// Fills the stages; the logits of every image.
    #[inline(always)]
    fn forward<L: Lanes, const COLUMNS: usize>(
        &mut self,
        n: usize,
        dropout: Option<(Dropout, u32)>,
    ) -> [Row; BLOCK] {
        let Self { params, stages: [first, second, third], activation, .. } = self;
        let [a, b, c, dense] = PLACES.map(|place| (&params[place.kernel()], &params[place.bias]));
        let images = self.pixels.as_chunks::<N_PIXELS>().0.iter();
        for (pixels, out) in images.zip(first.values.chunks_exact_mut(N_POSITIONS[0])).take(n) {
            first_forward::<L>(pixels, a.0, a.1, out);
        }
        finish::<L>(*activation, first, n * N_POSITIONS[0], dropout, [0, N_POSITIONS[0]]);

        let out = &mut second.values[..n * N_POSITIONS[1]];
        // Twelve sums cover the latency of multiply-add where there are registers for them.
        if COLUMNS == 2 {
            forward::<L, { SIDES[1] }, { SIDES[2] }, 12>(&first.values, b.0, b.1, out);
        } else {
            forward::<L, { SIDES[1] }, { SIDES[2] }, 6>(&first.values, b.0, b.1, out);
        }
        finish::<L>(*activation, second, n * N_POSITIONS[1], dropout, [N_POSITIONS[0], N_POSITIONS[1]]);

        // What lies behind the last image of a block that is not full is computed too, and not looked at.
        if COLUMNS == 2 {
            forward::<L, { SIDES[2] }, { SIDES[3] }, 8>(&second.values, c.0, c.1, &mut third.values);
        } else {
            forward::<L, { SIDES[2] }, { SIDES[3] }, 4>(&second.values, c.0, c.1, &mut third.values);
        }
        finish::<L>(
            *activation,
            third,
            n * N_POSITIONS[2],
            dropout,
            [N_POSITIONS[0] + N_POSITIONS[1], N_POSITIONS[2]],
        );

        let mut logits = [Row::ZERO; BLOCK];
        for (logits, values) in logits.iter_mut().zip(third.values.chunks_exact(N_POSITIONS[2])).take(n) {
            let pooled = pool::<L>(values);
            let mut sum = L::load(&dense.1.0);
            for (c, row) in dense.0.iter().enumerate() {
                sum = L::splat(pooled.0[c]).mul_add(L::load(&row.0), sum);
            }
            sum.store(&mut logits.0);
        }
        logits
    }

    /// Adds the gradient, given that of the logits of `n` images.
    #[inline(always)]
    fn backward<L: Lanes, const COLUMNS: usize>(&mut self, n: usize, d_logits: &[Row; BLOCK]) {
        let Self { gradient, transposed, stages: [first, second, third], .. } = self;
        let per_image =
            third.values.chunks_exact(N_POSITIONS[2]).zip(third.d_values.chunks_exact_mut(N_POSITIONS[2]));
        for (d_logits, (values, d_values)) in d_logits.iter().zip(per_image).take(n) {
            let pooled = pool::<L>(values);
            let mut d_pooled = L::splat(0.0);
            for (class, row) in transposed[2].iter().take(N_CLASSES).enumerate() {
                d_pooled = L::splat(d_logits.0[class]).mul_add(L::load(&row.0), d_pooled);
            }
            d_pooled = d_pooled.mul(L::splat(1.0 / N_POSITIONS[2] as f32));
            for row in d_values {
                d_pooled.store(&mut row.0);
            }
            let d_logits = L::load(&d_logits.0);
            for (c, row) in gradient[PLACES[3].kernel()].iter_mut().enumerate() {
                L::splat(pooled.0[c]).mul_add(d_logits, L::load(&row.0)).store(&mut row.0);
            }
            let bias = &mut gradient[PLACES[3].bias].0;
            L::load(bias).add(d_logits).store(bias);
        }

        let d_third = times_slopes::<L>(third, n * N_POSITIONS[2]);
        add_rows::<L>(d_third, &mut gradient[PLACES[2].bias]);
        let d_kernel = &mut gradient[PLACES[2].kernel()];
        let d_second = &mut second.d_values[..n * N_POSITIONS[1]];
        d_second.fill(Row::ZERO);
        if COLUMNS == 2 {
            to_kernel::<L, { SIDES[2] }, { SIDES[3] }, LANES>(&second.values, d_third, d_kernel);
        } else {
            to_kernel::<L, { SIDES[2] }, { SIDES[3] }, 4>(&second.values, d_third, d_kernel);
        }
        if COLUMNS == 2 && n.is_multiple_of(2) {
            to_input::<L, { SIDES[2] }, { SIDES[3] }, 8>(d_third, &transposed[1], d_second);
        } else {
            to_input::<L, { SIDES[2] }, { SIDES[3] }, 4>(d_third, &transposed[1], d_second);
        }

        let d_second = times_slopes::<L>(second, n * N_POSITIONS[1]);
        add_rows::<L>(d_second, &mut gradient[PLACES[1].bias]);
        let d_kernel = &mut gradient[PLACES[1].kernel()];
        let d_first = &mut first.d_values[..n * N_POSITIONS[0]];
        d_first.fill(Row::ZERO);
        if COLUMNS == 2 {
            to_kernel::<L, { SIDES[1] }, { SIDES[2] }, LANES>(&first.values, d_second, d_kernel);
            to_input::<L, { SIDES[1] }, { SIDES[2] }, 12>(d_second, &transposed[0], d_first);
        } else {
            to_kernel::<L, { SIDES[1] }, { SIDES[2] }, 4>(&first.values, d_second, d_kernel);
            to_input::<L, { SIDES[1] }, { SIDES[2] }, 6>(d_second, &transposed[0], d_first);
        }

        let d_first = times_slopes::<L>(first, n * N_POSITIONS[0]);
        add_rows::<L>(d_first, &mut gradient[PLACES[0].bias]);
        let images = self.pixels.as_chunks::<N_PIXELS>().0.iter();
        for (pixels, d) in images.zip(d_first.chunks_exact(N_POSITIONS[0])) {
            first_to_kernel::<L>(pixels, d, &mut gradient[PLACES[0].kernel()]);
        }
    }
}

/// Activation and dropout of a stage's first `n` rows; an image has `per_image` rows, the first of which is number
/// `before` among the rows that dropout counts.
#[inline(always)]
fn finish<L: Lanes>(
    activation: ZooActivation,
    stage: &mut Stage,
    n: usize,
    dropout: Option<(Dropout, u32)>,
    [before, per_image]: [usize; 2],
) {
    let (values, slopes) = (&mut stage.values[..n], &mut stage.slopes[..n]);
    activate::<L>(activation, values, slopes);
    if let Some((dropout, start)) = dropout {
        let images = values.chunks_exact_mut(per_image).zip(slopes.chunks_exact_mut(per_image));
        for (i, (values, slopes)) in images.enumerate() {
            let place = (i * N_ACTIVATIONS + before * N_CHANNELS) as u32;
            dropout.apply::<L>(start.wrapping_add(place), values, slopes);
        }
    }
}

/// The gradient with respect to the convolution's result, in place of that with respect to the values.
#[inline(always)]
fn times_slopes<L: Lanes>(stage: &mut Stage, n: usize) -> &[Row] {
    let d_values = &mut stage.d_values[..n];
    for (d, slopes) in d_values.iter_mut().zip(&stage.slopes) {
        L::load(&d.0).mul(L::load(&slopes.0)).store(&mut d.0);
    }
    d_values
}

/// Mean over the positions of an image.
#[inline(always)]
fn pool<L: Lanes>(values: &[Row]) -> Row {
    let mut sum = L::splat(0.0);
    for row in values {
        sum = sum.add(L::load(&row.0));
    }
    let mut mean = Row::ZERO;
    sum.mul(L::splat(1.0 / N_POSITIONS[2] as f32)).store(&mut mean.0);
    mean
}

/// Score and gradient with respect to the logits, times `weight`, of one image.
fn cross_entropy(logits: &Row, class: usize, weight: f32) -> (Score, Row) {
    let logits = logits.0.first_chunk::<N_CLASSES>().expect("a row is longer than the classes");
    let largest = logits.iter().fold(f32::NEG_INFINITY, |largest, &logit| largest.max(logit));
    let powers = logits.map(|logit| f64::from(logit - largest).exp());
    let total: f64 = powers.iter().sum();
    let loss = total.ln() - f64::from(logits[class] - largest);
    let mut d = Row::ZERO;
    for (i, power) in powers.into_iter().enumerate() {
        d.0[i] = weight * (power / total - f64::from(u8::from(i == class))) as f32;
    }
    // The first of equal ones is the answer, as NumPy's argmax has it.
    let answer = logits.iter().position(|&logit| logit == largest);
    (Score { loss, n_correct: usize::from(answer == Some(class)) }, d)
}

struct Learn<'a> {
    net: &'a mut Network,
    n: usize,
    weight: f32,
    dropout: Option<(Dropout, u32)>,
}

impl Job for Learn<'_> {
    type Output = Score;

    #[inline(always)]
    fn run<L: Lanes, const ROWS: usize, const COLUMNS: usize>(self) -> Score {
        let Self { net, n, weight, dropout } = self;
        let logits = net.forward::<L, COLUMNS>(n, dropout);
        let mut score = Score::default();
        let mut d_logits = [Row::ZERO; BLOCK];
        for i in 0..n {
            let (one, d) = cross_entropy(&logits[i], net.classes[i], weight);
            score += one;
            d_logits[i] = d;
        }
        net.backward::<L, COLUMNS>(n, &d_logits);
        score
    }
}

struct Answer<'a> {
    net: &'a mut Network,
    n: usize,
}

impl Job for Answer<'_> {
    type Output = Score;

    #[inline(always)]
    fn run<L: Lanes, const ROWS: usize, const COLUMNS: usize>(self) -> Score {
        let logits = self.net.forward::<L, COLUMNS>(self.n, None);
        let mut score = Score::default();
        for (logits, &class) in logits.iter().zip(&self.net.classes).take(self.n) {
            score += cross_entropy(logits, class, 0.0).0;
        }
        score
    }
}
