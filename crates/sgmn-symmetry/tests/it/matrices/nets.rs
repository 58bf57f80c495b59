//! Small nets that admit matrices, built step by step, and the numbers to try them with.

use rand::RngExt;
use sgmn_graph::{
    Seed,
    flow::{
        Array, Combination, Combine, Concat, Contract, Convolve, Expand, Flow, FlowBuilder, FlowNet,
        Function, Normalize, Permute, Pointwise, Reshape, Role, Slice, Softmax, Take, ValueId,
    },
};

/// Builds a net.
pub(super) struct Net {
    pub(super) flow: FlowBuilder,
}

impl Net {
    pub(super) fn new() -> Self {
        Self { flow: FlowBuilder::new() }
    }

    pub(super) fn input(&mut self, shape: &[usize]) -> ValueId {
        self.flow.input("x", shape.to_vec(), Default::default()).unwrap()
    }

    pub(super) fn param(&mut self, name: &str, shape: &[usize]) -> ValueId {
        self.flow.param(name, shape.to_vec(), Role::Trained).unwrap()
    }

    pub(super) fn constant(&mut self, shape: &[usize], numbers: Vec<f64>) -> ValueId {
        self.flow.constant(Array::new(shape.to_vec(), numbers).unwrap()).unwrap()
    }

    pub(super) fn step(&mut self, op: impl Into<sgmn_graph::flow::Op>, from: &[ValueId]) -> ValueId {
        self.flow.step(op, from, "step").unwrap()
    }

    pub(super) fn shape(&self, x: ValueId) -> Vec<usize> {
        self.flow.shape(x).to_vec()
    }

    pub(super) fn add(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.step(Combine { by: Combination::Add }, &[a, b])
    }

    pub(super) fn subtract(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.step(Combine { by: Combination::Subtract }, &[a, b])
    }

    pub(super) fn multiply(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.step(Combine { by: Combination::Multiply }, &[a, b])
    }

    pub(super) fn apply(&mut self, function: Function, x: ValueId) -> ValueId {
        self.step(Pointwise { function }, &[x])
    }

    /// `x Wᵀ + b` along the last axis, the weight and the bias by name.
    pub(super) fn linear(&mut self, x: ValueId, name: &str, n_out: usize) -> ValueId {
        let bias = self.param(&format!("{name}.bias"), &[n_out]);
        let y = self.map(x, name, n_out);
        self.add(y, bias)
    }

    /// `x Wᵀ`.
    pub(super) fn map(&mut self, x: ValueId, name: &str, n_out: usize) -> ValueId {
        let shape = self.shape(x);
        let weight = self.param(&format!("{name}.weight"), &[n_out, shape[shape.len() - 1]]);
        self.read(x, weight)
    }

    /// `x Wᵀ` with a weight that stands already.
    pub(super) fn read(&mut self, x: ValueId, weight: ValueId) -> ValueId {
        let last = self.shape(x).len() - 1;
        self.step(Contract { batch: vec![], sum: vec![(last, 1)] }, &[x, weight])
    }

    pub(super) fn reshape(&mut self, x: ValueId, shape: &[usize]) -> ValueId {
        self.step(Reshape { shape: shape.to_vec() }, &[x])
    }

    pub(super) fn permute(&mut self, x: ValueId, order: &[usize]) -> ValueId {
        self.step(Permute { order: order.to_vec() }, &[x])
    }

    pub(super) fn slice(
        &mut self,
        x: ValueId,
        axis: usize,
        start: usize,
        step: isize,
        len: usize,
    ) -> ValueId {
        self.step(Slice { axis, start, step, len }, &[x])
    }

    pub(super) fn concat(&mut self, axis: usize, parts: &[ValueId]) -> ValueId {
        self.step(Concat { axis }, parts)
    }

    pub(super) fn norm(&mut self, x: ValueId, centre: bool) -> ValueId {
        let axis = self.shape(x).len() - 1;
        self.step(Normalize { axes: vec![axis], centre, epsilon: 1e-5 }, &[x])
    }

    /// A norm with a gain, and with a shift if it has a centre.
    pub(super) fn gained_norm(&mut self, x: ValueId, name: &str, centre: bool) -> ValueId {
        let n = *self.shape(x).last().unwrap();
        let x = self.norm(x, centre);
        let gain = self.param(&format!("{name}.weight"), &[n]);
        let x = self.multiply(x, gain);
        if !centre {
            return x;
        }
        let shift = self.param(&format!("{name}.bias"), &[n]);
        self.add(x, shift)
    }

    /// `[tokens, heads · n]` to `[heads, tokens, n]`.
    pub(super) fn heads(&mut self, x: ValueId, heads: usize) -> ValueId {
        let [tokens, width] = self.shape(x)[..] else { panic!("tokens and units") };
        let x = self.reshape(x, &[tokens, heads, width / heads]);
        self.permute(x, &[1, 0, 2])
    }

    /// Attention of queries to keys and values, each `[heads, tokens, n]`; to `[tokens, heads · n]`.
    pub(super) fn attend(&mut self, q: ValueId, k: ValueId, v: ValueId) -> ValueId {
        let [heads, tokens, n] = self.shape(q)[..] else { panic!("heads, tokens, units") };
        let scores = self.step(Contract { batch: vec![(0, 0)], sum: vec![(2, 2)] }, &[q, k]);
        let by = self.constant(&[], vec![0.4]);
        let scores = self.multiply(scores, by);
        let shares = self.step(Softmax { axis: 2, log: false }, &[scores]);
        let y = self.step(Contract { batch: vec![(0, 0)], sum: vec![(2, 1)] }, &[shares, v]);
        let y = self.permute(y, &[1, 0, 2]);
        self.reshape(y, &[tokens, heads * n])
    }

    /// Queries, keys and values, attention and output.
    pub(super) fn attention(&mut self, x: ValueId, heads: usize, n: usize) -> ValueId {
        let [q, k, v] = ["q", "k", "v"].map(|name| {
            let y = self.linear(x, name, heads * n);
            self.heads(y, heads)
        });
        let y = self.attend(q, k, v);
        let width = *self.shape(x).last().unwrap();
        self.linear(y, "o", width)
    }

    /// Each key or value head for several query heads.
    pub(super) fn repeat_heads(&mut self, x: ValueId, times: usize) -> ValueId {
        let [heads, tokens, n] = self.shape(x)[..] else { panic!("heads, tokens, units") };
        let x = self.reshape(x, &[heads, 1, tokens, n]);
        let x = self.step(Expand { shape: vec![heads, times, tokens, n] }, &[x]);
        self.reshape(x, &[heads * times, tokens, n])
    }

    /// Cosines and sines of a rotary code, `[tokens, n]`, and which coordinate has which angle.
    fn tables(&mut self, tokens: usize, n: usize, angle_of: impl Fn(usize) -> usize) -> (ValueId, ValueId) {
        let angle = |i: usize| ((i / n) as f64) * 0.3f64.powi(angle_of(i % n) as i32);
        let cosines = (0..tokens * n).map(|i| angle(i).cos()).collect();
        let sines = (0..tokens * n).map(|i| angle(i).sin()).collect();
        (self.constant(&[tokens, n], cosines), self.constant(&[tokens, n], sines))
    }

    /// A rotary code of halves: coordinates i and i + n/2 are a pair.
    pub(super) fn rotary_halves(&mut self, x: ValueId) -> ValueId {
        let [_, tokens, n] = self.shape(x)[..] else { panic!("heads, tokens, units") };
        let (cosines, sines) = self.tables(tokens, n, |i| i % (n / 2));
        let (a, b) = (self.slice(x, 2, 0, 1, n / 2), self.slice(x, 2, n / 2, 1, n / 2));
        let b = self.apply(Function::Negate, b);
        let turned = self.concat(2, &[b, a]);
        let (x, turned) = (self.multiply(x, cosines), self.multiply(turned, sines));
        self.add(x, turned)
    }

    /// A rotary code of neighbours, `(2i, 2i+1)`: even and odd ones apart, then side by side again.
    pub(super) fn rotary_neighbours(&mut self, x: ValueId) -> ValueId {
        let [heads, tokens, n] = self.shape(x)[..] else { panic!("heads, tokens, units") };
        let (cosines, sines) = self.tables(tokens, n / 2, |i| i);
        let (a, b) = (self.slice(x, 2, 0, 2, n / 2), self.slice(x, 2, 1, 2, n / 2));
        let (ac, bs) = (self.multiply(a, cosines), self.multiply(b, sines));
        let (r#as, bc) = (self.multiply(a, sines), self.multiply(b, cosines));
        let (even, odd) = (self.subtract(ac, bs), self.add(r#as, bc));
        let [even, odd] = [even, odd].map(|x| self.reshape(x, &[heads, tokens, n / 2, 1]));
        let x = self.concat(3, &[even, odd]);
        self.reshape(x, &[heads, tokens, n])
    }

    /// A rotary code of the first coordinates only.
    pub(super) fn rotary_partly(&mut self, x: ValueId, turned: usize) -> ValueId {
        let n = self.shape(x)[2];
        let (first, rest) = (self.slice(x, 2, 0, 1, turned), self.slice(x, 2, turned, 1, n - turned));
        let first = self.rotary_halves(first);
        self.concat(2, &[first, rest])
    }

    /// A convolution of 1 × 1 and batch normalization with running statistics, written out.
    pub(super) fn conv_bn(&mut self, x: ValueId, name: &str, n_out: usize) -> ValueId {
        let n_in = self.shape(x)[1];
        let weight = self.param(&format!("{name}.weight"), &[n_out, n_in, 1, 1]);
        let conv = Convolve {
            stride: vec![1; 2],
            padding: vec![(0, 0); 2],
            dilation: vec![1; 2],
            groups: 1,
            transposed: None,
        };
        let x = self.step(conv, &[x, weight]);
        let [mean, variance, gain, shift] =
            ["mean", "variance", "gain", "shift"].map(|what| self.param(&format!("{name}.{what}"), &[n_out]));
        let epsilon = self.constant(&[], vec![1e-5]);
        let power = self.apply(Function::Absolute, variance);
        let power = self.add(power, epsilon);
        let root = self.apply(Function::Power { exponent: -0.5 }, power);
        let by = self.multiply(gain, root);
        let [mean, by, shift] = [mean, by, shift].map(|value| self.reshape(value, &[n_out, 1, 1]));
        let x = self.subtract(x, mean);
        let x = self.multiply(x, by);
        self.add(x, shift)
    }

    pub(super) fn take(&mut self, x: ValueId, axis: usize, index: &[usize]) -> ValueId {
        self.step(Take { axis, index: index.to_vec() }, &[x])
    }

    /// The flow, with one output.
    pub(super) fn done(mut self, y: ValueId) -> Flow {
        self.flow.output("y", y);
        self.flow.build().unwrap()
    }
}

/// Numbers for a flow, of magnitude around a half, none near 0.
pub(super) fn numbers(flow: Flow, seed: u64) -> FlowNet {
    let mut rng = Seed::new(seed).child("numbers").rng();
    let params = (0..flow.params().len()).map(|i| {
        let count: usize = flow.param_shape(i).iter().product();
        let mut draw = || {
            let value: f64 = 0.1 + 0.8 * rng.random::<f64>();
            if rng.random_bool(0.5) { -value } else { value }
        };
        (0..count).map(|_| draw()).collect::<Vec<f64>>().into()
    });
    let params = params.collect();
    FlowNet::new(flow.into(), params).unwrap()
}

/// The nets on which all properties are tried, by name.
pub(super) fn all() -> Vec<(&'static str, Flow)> {
    vec![
        ("attention", attention()),
        ("grouped queries", grouped_queries(Rotary::None)),
        ("rotary halves", grouped_queries(Rotary::Halves)),
        ("rotary neighbours", grouped_queries(Rotary::Neighbours)),
        ("partial rotary", grouped_queries(Rotary::Partial)),
        ("linear stream", linear_stream()),
        ("RMS stream", rms_stream(false)),
        ("layer norm stream", layer_norm_stream()),
        ("bottleneck", bottleneck()),
        ("fused heads", fused_heads()),
    ]
}

/// One layer of attention from an input to an output: 2 heads of 3.
pub(super) fn attention() -> Flow {
    let mut net = Net::new();
    let x = net.input(&[4, 5]);
    let y = net.attention(x, 2, 3);
    net.done(y)
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Rotary {
    None,
    Halves,
    Neighbours,
    Partial,
}

/// 4 query heads of 6 over 2 key heads.
pub(super) fn grouped_queries(rotary: Rotary) -> Flow {
    let mut net = Net::new();
    let x = net.input(&[4, 5]);
    let [q, k, v] = [("q", 4), ("k", 2), ("v", 2)].map(|(name, heads)| {
        let y = net.linear(x, name, heads * 6);
        net.heads(y, heads)
    });
    let [q, k] = [q, k].map(|x| match rotary {
        Rotary::None => x,
        Rotary::Halves => net.rotary_halves(x),
        Rotary::Neighbours => net.rotary_neighbours(x),
        Rotary::Partial => net.rotary_partly(x, 4),
    });
    let [k, v] = [k, v].map(|x| net.repeat_heads(x, 2));
    let y = net.attend(q, k, v);
    let y = net.linear(y, "o", 3);
    net.done(y)
}

/// A residual stream of 5 without norms, two branches with a nonlinearity of 6 and 7.
pub(super) fn linear_stream() -> Flow {
    let mut net = Net::new();
    let x = net.input(&[2, 3]);
    let mut x = net.linear(x, "stem", 5);
    for (branch, hidden) in [("a", 6), ("b", 7)] {
        let y = net.linear(x, &format!("{branch}.up"), hidden);
        let y = net.apply(Function::Relu, y);
        let y = net.linear(y, &format!("{branch}.down"), 5);
        x = net.add(x, y);
    }
    let y = net.linear(x, "head", 2);
    net.done(y)
}

/// A stream that norms without centre read, with gains; `tied`: the embedding reads it too.
pub(super) fn rms_stream(tied: bool) -> Flow {
    let mut net = Net::new();
    let ids = net.flow.input("ids", vec![4], sgmn_graph::flow::InputKind::Whole).unwrap();
    let table = net.param("embedding", &[7, 6]);
    let mut x = net.step(sgmn_graph::flow::Lookup { axis: 0 }, &[table, ids]);
    for block in ["a", "b"] {
        let y = net.gained_norm(x, &format!("{block}.norm"), false);
        let gate = net.map(y, &format!("{block}.gate"), 5);
        let gate = net.apply(Function::Silu, gate);
        let up = net.map(y, &format!("{block}.up"), 5);
        let y = net.multiply(gate, up);
        let y = net.map(y, &format!("{block}.down"), 6);
        x = net.add(x, y);
    }
    let x = net.gained_norm(x, "norm", false);
    let y = if tied { net.read(x, table) } else { net.map(x, "head", 3) };
    net.done(y)
}

/// A stream that layer norms read.
pub(super) fn layer_norm_stream() -> Flow {
    let mut net = Net::new();
    let x = net.input(&[3, 9]);
    let x = net.linear(x, "stem", 6);
    let y = net.gained_norm(x, "norm", true);
    let y = net.linear(y, "up", 5);
    let y = net.apply(Function::Gelu, y);
    let y = net.linear(y, "down", 6);
    let x = net.add(x, y);
    let x = net.gained_norm(x, "last", true);
    let y = net.linear(x, "head", 2);
    net.done(y)
}

/// A stream of 4 channels between nonlinear parts, written through batch normalization.
pub(super) fn bottleneck() -> Flow {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 2, 2]);
    let x = net.conv_bn(x, "stem", 6);
    let x = net.apply(Function::Relu, x);
    let x = net.conv_bn(x, "first", 4);
    let y = net.conv_bn(x, "up", 5);
    let y = net.apply(Function::Relu, y);
    let y = net.conv_bn(y, "down", 4);
    let x = net.add(x, y);
    let y = net.conv_bn(x, "last", 2);
    net.done(y)
}

/// Queries, keys and values from one parameter, `[tokens, 3 · heads · n]`, as vision transformers have it, with a class
/// token in front and a stream that layer norms read.
pub(super) fn fused_heads() -> Flow {
    let (tokens, width, heads, n) = (3, 6, 2, 3);
    let mut net = Net::new();
    let x = net.input(&[2, 5]);
    let x = net.linear(x, "stem", width);
    let class = net.param("class", &[1, width]);
    let x = net.concat(0, &[class, x]);
    let places = net.param("places", &[tokens, width]);
    let x = net.add(x, places);
    let y = net.gained_norm(x, "norm", true);
    let y = net.linear(y, "qkv", 3 * width);
    let y = net.reshape(y, &[tokens, 3, heads, n]);
    let y = net.permute(y, &[1, 2, 0, 3]);
    let [q, k, v] = [0, 1, 2].map(|i| {
        let y = net.take(y, 0, &[i]);
        net.reshape(y, &[heads, tokens, n])
    });
    let y = net.attend(q, k, v);
    let y = net.linear(y, "o", width);
    let x = net.add(x, y);
    let x = net.gained_norm(x, "last", true);
    let x = net.slice(x, 0, 0, 1, 1);
    let y = net.linear(x, "head", 2);
    net.done(y)
}
