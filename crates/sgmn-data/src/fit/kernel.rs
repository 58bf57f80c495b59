//! The whole image through a SIREN, forward and backward, in blocks of pixels that stay in the nearest cache.
//!
//! Rows are pixels, columns are units: `H_l = sin(ω(W_l H_{l−1} + b_l))`, a linear layer at the end, loss
//! `mean (out − target)²`. Forward keeps sine and cosine of a block; backward turns the cosines into the gradient with
//! respect to the sines' arguments, in place.

use super::{
    backward::{bias_gradient, first_gradient, input_gradient, output_gradient, weight_gradient},
    block::BLOCK,
    forward::{first_layer, hidden_layer, output_layer},
    layer::Layer,
    product::{Buffer, lanes, lanes_mut, padded, sum},
    simd::{Job, LANES, Lanes, Level},
};

/// A SIREN's layers and everything that a step writes to, allocated once.
#[derive(Debug)]
pub(super) struct Kernel {
    level: Level,
    layers: Vec<Layer>,
    n_pixels: usize,
    /// Position of every pixel, `[padded n_pixels, 2]`: column, row.
    positions: Buffer,
    /// What the net should say, one plane a channel, `[C, padded n_pixels]`; zero beyond the image.
    target: Buffer,
    /// Gradient with respect to the first layer's weights, one row an input, `[2, padded n_out]`.
    d_first: Buffer,
    /// Sines of a block, one array a hidden layer, `[BLOCK, padded width]`.
    sines: Vec<Buffer>,
    /// Cosines of a block, then gradients with respect to the sines' arguments.
    cosines: Vec<Buffer>,
    /// Outputs of a block, then the loss's gradient with respect to them, `[C, BLOCK]`.
    out: Buffer,
}

impl Kernel {
    /// A kernel for nets of `widths` (`[2, hidden…, C]`, at least one hidden layer, `omegas` one a hidden layer) on
    /// images of `size` `[H, W]`.
    pub(super) fn new(level: Level, widths: &[usize], omegas: &[f64], offset: f64, size: [usize; 2]) -> Self {
        let n_layers = widths.len() - 1;
        let n_channels = widths[n_layers];
        let layer = |l: usize| match omegas.get(l) {
            Some(&omega) => Layer::new(widths[l], widths[l + 1], omega as f32, 0.0),
            None => Layer::new(widths[l], widths[l + 1], 1.0, offset as f32),
        };
        let n_pixels = size[0] * size[1];
        let mut positions = Buffer::zeros(2 * padded(n_pixels));
        for (pixel, position) in positions.chunks_exact_mut(2).take(n_pixels).enumerate() {
            position[0] = coordinate(pixel % size[1], size[1]);
            position[1] = coordinate(pixel / size[1], size[0]);
        }
        let blocks =
            || widths[1..n_layers].iter().map(|&width| Buffer::zeros(BLOCK * padded(width))).collect();
        Self {
            level,
            layers: (0..n_layers).map(layer).collect(),
            n_pixels,
            positions,
            target: Buffer::zeros(n_channels * padded(n_pixels)),
            d_first: Buffer::zeros(2 * padded(widths[1])),
            sines: blocks(),
            cosines: blocks(),
            out: Buffer::zeros(n_channels * BLOCK),
        }
    }

    /// Number of the net's parameters.
    pub(super) fn n_params(&self) -> usize {
        self.layers.iter().map(Layer::n_params).sum()
    }

    /// Takes a net's parameters, `W_0, b_0, W_1, b_1, …`.
    pub(super) fn load_params(&mut self, mut params: &[f32]) {
        for layer in &mut self.layers {
            let (mine, rest) = params.split_at(layer.n_params());
            layer.load(mine);
            params = rest;
        }
    }

    /// Takes the image to be learned, `[H, W, C]`.
    pub(super) fn load_target(&mut self, image: &[f32]) {
        let n_channels = self.n_channels();
        for (channel, plane) in self.target.chunks_exact_mut(padded(self.n_pixels)).enumerate() {
            for (to, pixel) in plane.iter_mut().zip(image.chunks_exact(n_channels)) {
                *to = pixel[channel];
            }
        }
    }

    /// Forward and backward pass: the mean squared error, the gradient being left for [`Kernel::write_gradient`].
    pub(super) fn step(&mut self) -> f64 {
        self.layers.iter_mut().for_each(Layer::clear_gradient);
        self.d_first.fill(0.0);
        let squares = self.level.run(Step(self));
        for (input, row) in self.d_first.chunks_exact(padded(self.layers[0].n_out)).enumerate() {
            let stride = padded(self.layers[0].n_in);
            for (to, from) in self.layers[0].d_weight.chunks_exact_mut(stride).zip(row) {
                to[input] = *from;
            }
        }
        squares / (self.n_pixels * self.n_channels()) as f64
    }

    /// Writes the gradient of the last step in the order of the parameters.
    pub(super) fn write_gradient(&self, mut gradient: &mut [f32]) {
        for layer in &self.layers {
            let (mine, rest) = gradient.split_at_mut(layer.n_params());
            layer.write_gradient(mine);
            gradient = rest;
        }
    }

    /// What the net says at every pixel, `[H, W, C]`.
    pub(super) fn render(&mut self) -> Vec<f32> {
        let mut image = vec![0.0; self.n_pixels * self.n_channels()];
        self.level.run(Render(self, &mut image));
        image
    }

    fn n_channels(&self) -> usize {
        self.layers[self.layers.len() - 1].n_out
    }

    /// Fills `out` for the pixels `start..start + n`.
    #[inline(always)]
    fn forward<L: Lanes, const R: usize, const V: usize>(&mut self, start: usize, n: usize) {
        let positions = &self.positions[2 * start..2 * (start + n)];
        first_layer::<L>(&self.layers[0], positions, &mut self.sines[0], &mut self.cosines[0]);
        let last = self.layers.len() - 1;
        for l in 1..last {
            let (before, after) = self.sines.split_at_mut(l);
            hidden_layer::<L, R, V>(&self.layers[l], n, &before[l - 1], &mut after[0], &mut self.cosines[l]);
        }
        output_layer::<L>(&self.layers[last], n, &self.sines[last - 1], &mut self.out);
    }

    /// Turns `out` into the loss's gradient; returns the sum of squared errors.
    #[inline(always)]
    fn errors<L: Lanes>(&mut self, start: usize, n: usize) -> f64 {
        let n_channels = self.n_channels();
        let scale = L::splat(2.0 / (self.n_pixels * n_channels) as f32);
        let n_real = n.min(self.n_pixels - start);
        let mut total = 0.0;
        for channel in 0..n_channels {
            let out = &mut self.out[channel * BLOCK..channel * BLOCK + n];
            out[n_real..].fill(0.0);
            let plane = &self.target[channel * padded(self.n_pixels) + start..];
            let mut squares = L::splat(0.0);
            for p in (0..n).step_by(LANES) {
                let error = L::load(lanes(plane, p)).mul_add(L::splat(-1.0), L::load(lanes(out, p)));
                squares = error.mul_add(error, squares);
                error.mul(scale).store(lanes_mut(out, p));
            }
            total += f64::from(sum(squares));
        }
        total
    }

    /// Adds a block's part of the gradient to the layers' sums.
    #[inline(always)]
    fn backward<L: Lanes, const R: usize, const V: usize>(&mut self, start: usize, n: usize) {
        let last = self.layers.len() - 1;
        output_gradient::<L>(
            &mut self.layers[last],
            n,
            &self.out,
            &self.sines[last - 1],
            &mut self.cosines[last - 1],
        );
        for l in (1..last).rev() {
            let (before, after) = self.cosines.split_at_mut(l);
            let layer = &mut self.layers[l];
            bias_gradient::<L>(layer, n, &after[0]);
            weight_gradient::<L, R, V>(layer, n, &after[0], &self.sines[l - 1]);
            input_gradient::<L, R, V>(layer, n, &after[0], &mut before[l - 1]);
        }
        let positions = &self.positions[2 * start..2 * (start + n)];
        bias_gradient::<L>(&mut self.layers[0], n, &self.cosines[0]);
        first_gradient::<L>(&self.cosines[0], positions, &mut self.d_first);
    }
}

/// Position of pixel `i` of `n` along one side: evenly from −1 at the first to 1 at the last, −1 if there is but one.
fn coordinate(i: usize, n: usize) -> f32 {
    (2.0 * i as f64 / (n - 1).max(1) as f64 - 1.0) as f32
}

struct Step<'a>(&'a mut Kernel);

impl Job for Step<'_> {
    /// Sum of squared errors.
    type Output = f64;
    #[inline(always)]
    fn run<L: Lanes, const R: usize, const V: usize>(self) -> f64 {
        let mut squares = 0.0;
        for start in (0..self.0.n_pixels).step_by(BLOCK) {
            let n = BLOCK.min(padded(self.0.n_pixels) - start);
            self.0.forward::<L, R, V>(start, n);
            squares += self.0.errors::<L>(start, n);
            self.0.backward::<L, R, V>(start, n);
        }
        squares
    }
}

struct Render<'a>(&'a mut Kernel, &'a mut [f32]);

impl Job for Render<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes, const R: usize, const V: usize>(self) {
        let Self(kernel, image) = self;
        let n_channels = kernel.n_channels();
        for (block, pixels) in image.chunks_mut(BLOCK * n_channels).enumerate() {
            let start = block * BLOCK;
            kernel.forward::<L, R, V>(start, BLOCK.min(padded(kernel.n_pixels) - start));
            for (p, pixel) in pixels.chunks_exact_mut(n_channels).enumerate() {
                for (channel, value) in pixel.iter_mut().enumerate() {
                    *value = kernel.out[channel * BLOCK + p];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rand::RngExt;
    use sgmn_graph::{Activation, Net, NetSpec, Seed, eval};

    use super::*;

    const OMEGA: f64 = 30.0;

    /// A net, an image and their kernel; single precision holds every number exactly.
    struct Case {
        spec: Arc<NetSpec>,
        size: [usize; 2],
        params: Vec<f32>,
        image: Vec<f32>,
    }

    impl Case {
        fn new(widths: &[usize], size: [usize; 2]) -> Self {
            let spec =
                Arc::new(NetSpec::mlp(widths, Activation::Sine { omega: OMEGA }, 0.5).expect("a valid net"));
            let mut rng = Seed::new(11).child(&format!("{widths:?}")).rng();
            let params = (0..spec.n_params()).map(|_| rng.random_range(-0.06f32..0.06)).collect();
            let n_values = size[0] * size[1] * widths[widths.len() - 1];
            let image = (0..n_values).map(|_| rng.random_range(0.0f32..1.0)).collect();
            Self { spec, size, params, image }
        }

        fn all() -> Vec<Self> {
            vec![
                Self::new(&[2, 32, 32, 1], [4, 20]),
                Self::new(&[2, 7, 20, 3], [5, 17]),
                Self::new(&[2, 48, 4], [1, 1]),
                Self::new(&[2, 3, 40, 5, 2], [9, 3]),
            ]
        }

        fn kernel(&self, level: Level) -> Kernel {
            let widths = self.spec.widths();
            let omegas = vec![OMEGA; widths.len() - 2];
            let mut kernel = Kernel::new(level, &widths, &omegas, 0.5, self.size);
            kernel.load_params(&self.params);
            kernel.load_target(&self.image);
            kernel
        }

        /// What the judge says, `[H, W, C]`.
        fn judge(&self, params: &[f64]) -> Vec<f64> {
            let net = Net::new(Arc::clone(&self.spec), params.to_vec()).expect("parameters of the net");
            let positions =
                (0..self.size[0]).flat_map(|row| (0..self.size[1]).map(move |column| (row, column)));
            positions
                .flat_map(|(row, column)| {
                    let position = [coordinate(column, self.size[1]), coordinate(row, self.size[0])];
                    eval::run(&net, &position.map(f64::from)).expect("two inputs")
                })
                .collect()
        }

        /// Mean squared error by the judge.
        fn loss(&self, params: &[f64]) -> f64 {
            let out = self.judge(params);
            let squares = out.iter().zip(&self.image).map(|(out, pixel)| (out - f64::from(*pixel)).powi(2));
            squares.sum::<f64>() / out.len() as f64
        }

        fn params(&self) -> Vec<f64> {
            self.params.iter().map(|&param| f64::from(param)).collect()
        }
    }

    #[test]
    fn loss_and_gradient_agree_with_the_judge_and_its_central_differences() {
        for case in Case::all() {
            let mut params = case.params();
            let loss = case.loss(&params);
            let step = 1e-6;
            let differences: Vec<f64> = (0..params.len())
                .map(|i| {
                    let param = params[i];
                    params[i] = param + step;
                    let above = case.loss(&params);
                    params[i] = param - step;
                    let below = case.loss(&params);
                    params[i] = param;
                    (above - below) / (2.0 * step)
                })
                .collect();
            let largest = differences.iter().fold(0.0f64, |max, x| max.max(x.abs()));
            for level in Level::available() {
                let mut kernel = case.kernel(level);
                let mut gradient = vec![0.0; params.len()];
                // A second step must not add to the first.
                kernel.step();
                assert!((kernel.step() / loss - 1.0).abs() < 1e-5);
                kernel.write_gradient(&mut gradient);
                for (i, (got, expected)) in gradient.iter().zip(&differences).enumerate() {
                    let error = (f64::from(*got) - expected).abs() / largest;
                    assert!(
                        error < 1e-5,
                        "{:?} {level:?} parameter {i}: {got} for {expected}",
                        case.spec.widths()
                    );
                }
            }
        }
    }

    #[test]
    fn a_rendering_agrees_with_the_judge() {
        for case in Case::all() {
            let expected = case.judge(&case.params());
            let got = case.kernel(Level::detect()).render();
            assert_eq!(got.len(), expected.len());
            for (got, expected) in got.iter().zip(expected) {
                assert!((f64::from(*got) - expected).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn machines_that_fuse_agree_bit_for_bit() {
        for case in Case::all() {
            let results = Level::available().into_iter().filter(|level| level.is_fused()).map(|level| {
                let mut kernel = case.kernel(level);
                let mut numbers = vec![0.0; case.params.len()];
                let loss = kernel.step();
                kernel.write_gradient(&mut numbers);
                numbers.extend(kernel.render());
                (loss.to_bits(), numbers.into_iter().map(f32::to_bits).collect::<Vec<_>>())
            });
            let results: Vec<_> = results.collect();
            assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
        }
    }
}
