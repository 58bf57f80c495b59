//! The decoder of Inr2Vec: what a net says at a coordinate, told from the net's embedding.

use candle_core::{Device, Tensor};

use super::LinearBias;
use crate::{
    Result, VarBuilder,
    ops::{EdgeAxis, Rows, Symmetrize},
};

/// Hidden layers before the skip connection joins, and after it.
const N_BEFORE: usize = 2;
const N_AFTER: usize = 2;

/// `(z, c) ↦ W A(B(σ(W_in u + b_in)) + σ(W_skip u + b_skip)) + b` with `u = [z, γ(c)]`, `σ = SiLU`, and two hidden layers
/// each in B and A.
///
/// `γ(c) = [c, sin c, cos c, sin 2c, cos 2c, sin 4c, …]` up to the given number of frequencies.
///
/// Variables: `in`, `skip`, `before.0`, …, `after.0`, …, `out`, each with `weight` and `bias`.
///
/// # Source
/// L. De Luigi et al., "Deep Learning on Implicit Neural Representations of Shapes", ICLR 2023, with ReLU for SiLU and ten
/// frequencies.
#[derive(Debug)]
pub struct ImplicitDecoder {
    first: LinearBias,
    skip: LinearBias,
    before: Vec<LinearBias>,
    after: Vec<LinearBias>,
    out: LinearBias,
    d_embedding: usize,
    n_frequencies: usize,
}

impl ImplicitDecoder {
    /// A decoder of embeddings of width `d_embedding`, for nets between the given numbers of inputs and outputs.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(
        d_embedding: usize,
        n_frequencies: usize,
        d_hidden: usize,
        [n_in, n_out]: [usize; 2],
        vars: &VarBuilder,
    ) -> Result<Self> {
        let d_in = d_embedding + n_in * (1 + 2 * n_frequencies);
        let hidden = |name: &str, n: usize| -> Result<Vec<LinearBias>> {
            (0..n).map(|i| LinearBias::new(d_hidden, d_hidden, &vars.at(name).at(i))).collect()
        };
        Ok(Self {
            first: LinearBias::new(d_in, d_hidden, &vars.at("in"))?,
            skip: LinearBias::new(d_in, d_hidden, &vars.at("skip"))?,
            before: hidden("before", N_BEFORE)?,
            after: hidden("after", N_AFTER)?,
            out: LinearBias::new(d_hidden, n_out, &vars.at("out"))?,
            d_embedding,
            n_frequencies,
        })
    }

    /// The value of every net at every point.
    ///
    /// # Shapes
    /// embeddings `[B, d_embedding]`, points P of one width each, result `[P, B, n_out]`.
    ///
    /// # Errors
    /// If widths differ.
    pub fn forward(&self, embeddings: &Tensor, points: &[Vec<f64>]) -> Result<Tensor> {
        let codes: Vec<Vec<f64>> = points.iter().map(|point| self.code(point)).collect();
        let codes =
            Tensor::new(codes, &Device::Cpu)?.to_dtype(embeddings.dtype())?.to_device(embeddings.device())?;
        let (nets, points) = (embeddings.unsqueeze(0)?, codes.unsqueeze(0)?);
        let mut hidden = self.meet(&self.first, &nets, &points)?;
        for layer in &self.before {
            hidden = activated(layer, &hidden)?;
        }
        hidden = hidden.add(&self.meet(&self.skip, &nets, &points)?)?;
        for layer in &self.after {
            hidden = activated(layer, &hidden)?;
        }
        Ok(self.out.forward(&hidden)?.tensor()?.squeeze(0)?)
    }

    /// `σ(W [z, γ] + b)` for every point and net, each product done once for its factor: points enter as the receivers and
    /// nets as the senders of one block of edges `[1, P, B, d_hidden]`.
    fn meet(&self, layer: &LinearBias, nets: &Tensor, points: &Tensor) -> Result<Rows> {
        let d_code = layer.weight.dim(1)? - self.d_embedding;
        let part =
            |x: &Tensor, start: usize, width: usize, n_others: usize, axis: EdgeAxis| -> Result<Rows> {
                let weight = layer.weight.narrow(1, start, width)?.contiguous()?;
                Ok(Rows::spread(&Rows::nodes(x.clone())?.linear(&weight)?, n_others, axis)?)
            };
        let of_nets = part(nets, 0, self.d_embedding, points.dim(1)?, EdgeAxis::Senders)?;
        let of_points = part(points, self.d_embedding, d_code, nets.dim(1)?, EdgeAxis::Receivers)?;
        Ok(of_nets.add(&of_points)?.bias_silu(&layer.bias, Symmetrize::No)?)
    }

    /// γ of a point.
    fn code(&self, point: &[f64]) -> Vec<f64> {
        let waves = (0..self.n_frequencies).flat_map(|k| {
            let frequency = 2f64.powi(k as i32);
            [f64::sin, f64::cos]
                .into_iter()
                .flat_map(move |wave| point.iter().map(move |c| wave(frequency * c)))
        });
        point.iter().copied().chain(waves).collect()
    }
}

/// `σ(W x + b)`.
fn activated(layer: &LinearBias, x: &Rows) -> Result<Rows> {
    Ok(x.linear(&layer.weight)?.bias_silu(&layer.bias, Symmetrize::No)?)
}

#[cfg(test)]
mod tests {
    use candle_core::DType;
    use sgmn_graph::Seed;

    use super::*;

    #[test]
    fn a_value_depends_on_its_own_net_and_point_alone() {
        let vars = VarBuilder::new(Seed::new(0), DType::F64, &Device::Cpu);
        let decoder = ImplicitDecoder::new(3, 2, 8, [2, 1], &vars).unwrap();
        assert_eq!(decoder.code(&[0.5]), [0.5, 0.5f64.sin(), 0.5f64.cos(), 1f64.sin(), 1f64.cos()]);
        let nets = Tensor::new(&[[0.1, 0.2, -0.3], [1.0, -2.0, 0.5]], &Device::Cpu).unwrap();
        let points = [vec![0.5, -0.5], vec![0.1, 0.9], vec![-1.0, 0.0]];
        let all = decoder.forward(&nets, &points).unwrap();
        assert_eq!(all.dims(), [3, 2, 1]);
        let all = all.squeeze(2).unwrap().to_vec2::<f64>().unwrap();
        for (point, of_nets) in points.iter().zip(&all) {
            for (net, value) in of_nets.iter().enumerate() {
                let alone =
                    decoder.forward(&nets.narrow(0, net, 1).unwrap(), std::slice::from_ref(point)).unwrap();
                let alone = alone.flatten_all().unwrap().to_vec1::<f64>().unwrap()[0];
                assert!((alone - value).abs() < 1e-12, "point {point:?}, net {net}");
            }
        }
        assert!((all[0][0] - all[1][0]).abs() > 1e-4 && (all[0][0] - all[0][1]).abs() > 1e-4, "{all:?}");
    }
}
