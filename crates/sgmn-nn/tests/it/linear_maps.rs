//! The linear layer of DWS and NFN is every linear map that commutes with the order of units, each once: held against the
//! rank of the equations `M P(g) = P(g) M`.

use candle_core::{DType, Tensor};
use sgmn_graph::Seed;
use sgmn_nn::{
    VarBuilder, VarStore,
    layers::{Channels, Ends, ParamFeatures, ParamSpaces, PermutationLinear},
    ops::Rows,
};

use crate::setup::device;

/// The number of linearly independent rows, by elimination with the largest pivots.
fn rank(mut rows: Vec<Vec<f64>>) -> usize {
    let n_columns = rows.first().map_or(0, Vec::len);
    let mut rank = 0;
    for column in 0..n_columns {
        let size = |row: &Vec<f64>| row[column].abs();
        let Some(best) = (rank..rows.len()).max_by(|a, b| size(&rows[*a]).total_cmp(&size(&rows[*b]))) else {
            break;
        };
        if size(&rows[best]) < 1e-9 {
            continue;
        }
        rows.swap(rank, best);
        let (done, open) = rows.split_at_mut(rank + 1);
        let pivot = &done[rank];
        for row in open {
            let factor = row[column] / pivot[column];
            if factor != 0.0 {
                row[column..].iter_mut().zip(&pivot[column..]).for_each(|(x, p)| *x -= factor * p);
            }
        }
        rank += 1;
    }
    rank
}

/// A tiny architecture and the channels of its features.
struct Case {
    widths: Vec<usize>,
    channels: Channels,
    ends: Ends,
}

impl Case {
    fn new(widths: &[usize], ends: Ends) -> Self {
        Self { widths: widths.to_vec(), channels: Channels::equal(widths.len() - 1, 1), ends }
    }

    fn n_layers(&self) -> usize {
        self.widths.len() - 1
    }

    fn spaces(&self) -> ParamSpaces {
        let (n_in, n_out) = (self.widths[0], self.widths[self.n_layers()]);
        ParamSpaces { n_layers: self.n_layers(), n_in, n_out, ends: self.ends }
    }

    /// For every coordinate the layer of its space, its receiver, its sender (none for biases) and its channel.
    fn coordinates(&self) -> Vec<(usize, usize, Option<usize>, usize)> {
        let mut found = Vec::new();
        for l in 0..self.n_layers() {
            for r in 0..self.widths[l + 1] {
                for s in 0..self.widths[l] {
                    found.extend((0..self.channels.weights[l]).map(|k| (l, r, Some(s), k)));
                }
            }
            for r in 0..self.widths[l + 1] {
                found.extend((0..self.channels.biases[l]).map(|k| (l, r, None, k)));
            }
        }
        found
    }

    /// Generators of the group, each as the place to which it brings every coordinate: of every permuted layer the exchange
    /// of two units and the shift by one.
    fn generators(&self) -> Vec<Vec<usize>> {
        let coordinates = self.coordinates();
        let mut found = Vec::new();
        for m in 0..=self.n_layers() {
            if self.ends == Ends::Fixed && (m == 0 || m == self.n_layers()) {
                continue;
            }
            let n = self.widths[m];
            let exchange = |unit: usize| match unit {
                0 => 1 % n,
                1 => 0,
                other => other,
            };
            let shift = |unit: usize| (unit + 1) % n;
            for moved in [&exchange as &dyn Fn(usize) -> usize, &shift] {
                let place = |&(l, r, s, k): &(usize, usize, Option<usize>, usize)| {
                    let r = if l + 1 == m { moved(r) } else { r };
                    let s = if l == m { s.map(moved) } else { s };
                    coordinates.iter().position(|other| *other == (l, r, s, k)).unwrap()
                };
                found.push(coordinates.iter().map(place).collect());
            }
        }
        found
    }

    /// The dimension of the space of matrices that commute with the group, from the equations of its generators.
    fn n_commuting(&self) -> usize {
        let n = self.coordinates().len();
        let mut equations = Vec::new();
        for places in self.generators() {
            for i in 0..n {
                for j in 0..n {
                    // (P M)(P i, j) = M(i, j) and (M P)(i, j) = M(i, P j).
                    let mut equation = vec![0.0; n * n];
                    equation[places[i] * n + places[j]] += 1.0;
                    equation[i * n + j] -= 1.0;
                    if equation.iter().any(|x| *x != 0.0) {
                        equations.push(equation);
                    }
                }
            }
        }
        n * n - rank(equations)
    }

    /// The dimension of the space of vectors that the group leaves alone.
    fn n_fixed(&self) -> usize {
        let n = self.coordinates().len();
        let mut equations = Vec::new();
        for places in self.generators() {
            for i in 0..n {
                let mut equation = vec![0.0; n];
                equation[places[i]] += 1.0;
                equation[i] -= 1.0;
                equations.push(equation);
            }
        }
        n - rank(equations)
    }

    fn features(&self, rows: &Tensor) -> ParamFeatures {
        let b = rows.dim(0).unwrap();
        let mut start = 0;
        let mut next = |n: usize| {
            start += n;
            rows.narrow(1, start - n, n).unwrap()
        };
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for l in 0..self.n_layers() {
            let (r, s) = (self.widths[l + 1], self.widths[l]);
            let (k, kb) = (self.channels.weights[l], self.channels.biases[l]);
            weights.push(Rows::edges(next(r * s * k).reshape((b, r, s, k)).unwrap()).unwrap());
            biases.push(Rows::nodes(next(r * kb).reshape((b, r, kb)).unwrap()).unwrap());
        }
        ParamFeatures { weights, biases }
    }

    /// The layer's outputs on a batch of vectors, `[B][n]`.
    fn run(&self, layer: &PermutationLinear, rows: &Tensor) -> Vec<Vec<f64>> {
        let y = layer.forward(&self.features(rows)).unwrap();
        let flat = |rows: &Rows| rows.tensor().unwrap().flatten_from(1).unwrap();
        let parts: Vec<Tensor> =
            y.weights.iter().zip(&y.biases).flat_map(|(w, b)| [flat(w), flat(b)]).collect();
        Tensor::cat(&parts, 1).unwrap().to_vec2().unwrap()
    }

    fn layer(&self) -> (PermutationLinear, VarStore) {
        let vars = VarBuilder::new(Seed::new(1), DType::F64, &device());
        let (channels, spaces) = (&self.channels, self.spaces());
        let layer = PermutationLinear::new(spaces, channels, channels, true, &vars).unwrap();
        (layer, vars.finish())
    }

    /// Panics unless the layer's matrices are a basis of all that commute, and its biases of all fixed vectors.
    fn hold(&self, what: &str) {
        let (layer, vars) = self.layer();
        let n = self.coordinates().len();
        let basis = Tensor::eye(n, DType::F64, &device()).unwrap();
        let origin = basis.zeros_like().unwrap();
        vars.iter().for_each(|(_, var)| var.set(&var.zeros_like().unwrap()).unwrap());
        let (mut matrices, mut shifts) = (Vec::new(), Vec::new());
        for (name, var) in vars.iter() {
            for i in 0..var.elem_count() {
                let mut values = vec![0.0; var.elem_count()];
                values[i] = 1.0;
                var.set(&Tensor::from_vec(values, var.dims(), &device()).unwrap()).unwrap();
                if name.ends_with("bias") {
                    shifts.push(self.run(&layer, &origin).swap_remove(0));
                } else {
                    // Row j is the image of the basis vector j.
                    matrices.push(self.run(&layer, &basis).concat());
                }
            }
            var.set(&var.zeros_like().unwrap()).unwrap();
        }
        for places in self.generators() {
            for matrix in &matrices {
                let commutes = (0..n).all(|j| {
                    (0..n).all(|i| (matrix[j * n + i] - matrix[places[j] * n + places[i]]).abs() < 1e-12)
                });
                assert!(commutes, "{what}: a map does not commute with {places:?}");
            }
            for shift in &shifts {
                assert!((0..n).all(|i| shift[i] == shift[places[i]]), "{what}: a bias is moved");
            }
        }
        let (n_matrices, n_shifts) = (matrices.len(), shifts.len());
        let (expected, fixed) = (self.n_commuting(), self.n_fixed());
        println!("{what}: {n} numbers, {expected} maps, {fixed} biases");
        // All commute, so as many independent ones as there can be span the same space.
        assert_eq!((rank(matrices), rank(shifts)), (expected, fixed), "{what}: maps and biases");
        assert_eq!((n_matrices, n_shifts), (expected, fixed), "{what}: each map and bias once");
    }
}

#[test]
fn with_fixed_ends_the_layer_is_every_map_that_commutes_each_once() {
    for widths in [&[2, 2, 3, 2][..], &[1, 2, 2, 2], &[2, 3, 2], &[2, 2, 2, 2, 1], &[2, 2]] {
        Case::new(widths, Ends::Fixed).hold(&format!("fixed ends, {widths:?}"));
    }
}

#[test]
fn with_permuted_ends_the_layer_is_every_map_that_commutes_each_once() {
    for widths in [&[2, 2, 3, 2][..], &[2, 3, 2], &[2, 2, 2, 2, 2], &[3, 2]] {
        Case::new(widths, Ends::Permuted).hold(&format!("permuted ends, {widths:?}"));
    }
}

#[test]
fn entries_of_kernels_are_channels() {
    for ends in [Ends::Fixed, Ends::Permuted] {
        let channels = Channels { weights: vec![2, 1, 2], biases: vec![1, 2, 1] };
        let widths = if ends == Ends::Fixed { vec![1, 2, 2, 2] } else { vec![2, 2, 2, 2] };
        Case { channels, ..Case::new(&widths, ends) }.hold(&format!("{ends:?} ends, channels"));
    }
}
