//! Nets of any size: residual convolutional ones and transformers, as flows with random numbers.

use std::sync::Arc;

use sgmn_graph::{
    Seed,
    flow::{
        Combination, Combine, Contract, Convolve, Flow, FlowBuilder, FlowNet, Function, InputKind, Lookup,
        Normalize, Op, Permute, Pointwise, Reduce, Reduction, Reshape, Role, Softmax, ValueId,
    },
    normal,
};

/// A family of nets, deeper and wider the more numbers they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Residual blocks of two convolutions of 3 by 3 behind a stem, the mean over places, ten outputs.
    Convolutions,
    /// Transformer blocks with layer norms behind a table of 256 tokens, which is not tied to the outputs.
    Transformers,
}

impl Family {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "convolutions" => Self::Convolutions,
            "transformers" => Self::Transformers,
            other => panic!("expected convolutions or transformers, found {other}"),
        }
    }

    /// A flow of about so many numbers.
    pub(crate) fn flow(self, n_numbers: f64) -> Arc<Flow> {
        // From the smallest nets on, width and depth grow together, width faster, as in published families.
        let growth = n_numbers / 1e4;
        Arc::new(match self {
            Self::Convolutions => {
                let n_blocks = (4.0 * growth.powf(1.0 / 6.0)).round();
                convolutions(n_blocks as usize, (n_numbers / (18.0 * n_blocks)).sqrt().round() as usize)
            }
            Self::Transformers => {
                let n_blocks = (2.0 * growth.powf(0.25)).round();
                // 12 d² numbers a block and two tables of 256 d.
                let half = 256.0 / (12.0 * n_blocks);
                let width = (half * half + n_numbers / (12.0 * n_blocks)).sqrt() - half;
                let n_heads = (width / 64.0).round().max(2.0);
                transformer(n_blocks as usize, n_heads as usize, (width / n_heads).round() as usize)
            }
        })
    }
}

/// A net of normal numbers that keep the size of what passes through.
pub(crate) fn random(flow: &Arc<Flow>, seed: u64) -> FlowNet {
    let numbers = |param: usize| {
        let mut rng = Seed::new(seed).index(param as u64).rng();
        let shape = flow.param_shape(param);
        let size = (shape[1..].iter().product::<usize>() as f64).sqrt().recip();
        let values: Vec<f32> =
            (0..shape.iter().product()).map(|_| (size * normal(&mut rng)) as f32).collect();
        values.into()
    };
    FlowNet::new(flow.clone(), (0..flow.params().len()).map(numbers).collect()).unwrap()
}

/// A flow under construction, and the name of what is built.
struct Builder {
    flow: FlowBuilder,
}

impl Builder {
    fn param(&mut self, name: String, shape: &[usize]) -> ValueId {
        self.flow.param(&name, shape.to_vec(), Role::Trained).unwrap()
    }

    fn step(&mut self, op: impl Into<Op>, from: &[ValueId]) -> ValueId {
        self.flow.step(op, from, "step").unwrap()
    }

    fn combine(&mut self, by: Combination, a: ValueId, b: ValueId) -> ValueId {
        self.step(Combine { by }, &[a, b])
    }

    fn add(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.combine(Combination::Add, a, b)
    }

    fn apply(&mut self, function: Function, x: ValueId) -> ValueId {
        self.step(Pointwise { function }, &[x])
    }

    /// `x Wᵀ + b` over the last axis.
    fn linear(&mut self, x: ValueId, name: &str, n_out: usize) -> ValueId {
        let last = self.flow.shape(x).len() - 1;
        let weight = self.param(format!("{name}.weight"), &[n_out, self.flow.shape(x)[last]]);
        let y = self.step(Contract { batch: vec![], sum: vec![(last, 1)] }, &[x, weight]);
        let bias = self.param(format!("{name}.bias"), &[n_out]);
        self.add(y, bias)
    }

    fn convolution(&mut self, x: ValueId, name: &str, n_out: usize) -> ValueId {
        let weight = self.param(format!("{name}.weight"), &[n_out, self.flow.shape(x)[1], 3, 3]);
        let op = Convolve {
            stride: vec![1; 2],
            padding: vec![(1, 1); 2],
            dilation: vec![1; 2],
            groups: 1,
            transposed: None,
        };
        let y = self.step(op, &[x, weight]);
        let bias = self.param(format!("{name}.bias"), &[n_out]);
        let bias = self.step(Reshape { shape: vec![n_out, 1, 1] }, &[bias]);
        self.add(y, bias)
    }

    fn layer_norm(&mut self, x: ValueId, name: &str) -> ValueId {
        let last = self.flow.shape(x).len() - 1;
        let n = self.flow.shape(x)[last];
        let y = self.step(Normalize { axes: vec![last], centre: true, epsilon: 1e-5 }, &[x]);
        let gain = self.param(format!("{name}.weight"), &[n]);
        let y = self.combine(Combination::Multiply, y, gain);
        let shift = self.param(format!("{name}.bias"), &[n]);
        self.add(y, shift)
    }

    fn output(mut self, y: ValueId) -> Flow {
        self.flow.output("y", y);
        self.flow.build().unwrap()
    }
}

fn convolutions(n_blocks: usize, width: usize) -> Flow {
    let mut net = Builder { flow: FlowBuilder::new() };
    let x = net.flow.input("image", vec![1, 3, 4, 4], InputKind::Real).unwrap();
    let mut stream = net.convolution(x, "stem", width);
    for block in 0..n_blocks {
        let y = net.apply(Function::Relu, stream);
        let y = net.convolution(y, &format!("{block}.first"), width);
        let y = net.apply(Function::Relu, y);
        let y = net.convolution(y, &format!("{block}.second"), width);
        stream = net.add(stream, y);
    }
    let y = net.apply(Function::Relu, stream);
    let y = net.step(Reduce { by: Reduction::Mean, axes: vec![2, 3], keep: false }, &[y]);
    let y = net.linear(y, "head", 10);
    net.output(y)
}

fn transformer(n_blocks: usize, n_heads: usize, d_head: usize) -> Flow {
    const N_TOKENS: usize = 4;
    const N_WORDS: usize = 256;
    let width = n_heads * d_head;
    let mut net = Builder { flow: FlowBuilder::new() };
    let tokens = net.flow.input("tokens", vec![1, N_TOKENS], InputKind::Whole).unwrap();
    let table = net.param("table".into(), &[N_WORDS, width]);
    let mut stream = net.step(Lookup { axis: 0 }, &[table, tokens]);
    for block in 0..n_blocks {
        let x = net.layer_norm(stream, &format!("{block}.norm"));
        let heads = ["q", "k", "v"].map(|name| {
            let y = net.linear(x, &format!("{block}.{name}"), width);
            let y = net.step(Reshape { shape: vec![1, N_TOKENS, n_heads, d_head] }, &[y]);
            net.step(Permute { order: vec![0, 2, 1, 3] }, &[y])
        });
        let [q, k, v] = heads;
        let scores = net.step(Contract { batch: vec![(0, 0), (1, 1)], sum: vec![(3, 3)] }, &[q, k]);
        let shares = net.step(Softmax { axis: 3, log: false }, &[scores]);
        let y = net.step(Contract { batch: vec![(0, 0), (1, 1)], sum: vec![(3, 2)] }, &[shares, v]);
        let y = net.step(Permute { order: vec![0, 2, 1, 3] }, &[y]);
        let y = net.step(Reshape { shape: vec![1, N_TOKENS, width] }, &[y]);
        let y = net.linear(y, &format!("{block}.o"), width);
        stream = net.add(stream, y);
        let x = net.layer_norm(stream, &format!("{block}.norm_2"));
        let y = net.linear(x, &format!("{block}.up"), 4 * width);
        let y = net.apply(Function::Gelu, y);
        let y = net.linear(y, &format!("{block}.down"), width);
        stream = net.add(stream, y);
    }
    let x = net.layer_norm(stream, "norm");
    let y = net.linear(x, "words", N_WORDS);
    net.output(y)
}
