//! Models that read nets of any architecture: exact under everything that was derived, on all nets of the oracle.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use sgmn_graph::{
    Batch, Graph, Lowering, NodeRole, Seed,
    flow::{FlowNet, Numbers},
};
use sgmn_nn::{
    Normalization, Pass, VarStore,
    models::{Model, ModelConfig, Output},
};
use sgmn_symmetry::flow::{Draw, FlowLowering, derive};

/// Relative difference of outputs that rounding may leave.
const EXACT: [(DType, f64); 2] = [(DType::F64, 1e-9), (DType::F32, 1e-4)];
/// Changes of outputs that are no rounding.
const SEEN: f64 = 1e-7;

const ORDERS: Draw = Draw { orders: true, signs: false, spread: 0.0 };

/// What a model ignores.
#[derive(Clone, Copy, PartialEq)]
enum Ignores {
    All,
    Orders,
    Nothing,
}

/// Models by name, and what they ignore.
fn models() -> Vec<(&'static str, ModelConfig, Ignores)> {
    let scalegmn = |symmetry: &str, direction: &str, io: &str, readout: &str, edges: bool| {
        format!(
            r#"{{"kind": "scalegmn", "symmetry": "{symmetry}", "direction": "{direction}",
            "sign_invariant": "symmetrize", "d_hidden": 6, "n_layers": 2, "d_mlp": [6], "layer_norm": true,
            "dropout": 0, "mlp_dropout": 0, "node_skip": true, "node_embedding": true,
            "edge_embedding": {edges}, "edge_update": {edges}, "edge_features": {edges}, "io_embedding": "sum",
            "message": {{"n_layers": 1, "io": "{io}", "n_mlps": 3, "positional": false}},
            "update": {{"n_layers": 1, "io": "{io}", "n_mlps": 3, "positional": true}},
            "output": {{"kind": "per_graph", "readout": "{readout}", "d_out": 3, "d_rho": 6}},
            "compatibility": "exact"}}"#
        )
    };
    let config = |json: &str| serde_json::from_str(json).unwrap();
    vec![
        ("ScaleGMN", config(&scalegmn("own", "forward", "mlp", "full_graph", true)), Ignores::All),
        ("ScaleGMN-B", config(&scalegmn("own", "bidirectional", "gated", "last_layer", true)), Ignores::All),
        (
            "ScaleGMN without edge features",
            config(&scalegmn("own", "forward", "gated", "full_graph", false)),
            Ignores::All,
        ),
        (
            "ScaleGMN-B without edge features",
            config(&scalegmn("own", "bidirectional", "mlp", "last_layer", false)),
            Ignores::All,
        ),
        (
            "GMN",
            config(&scalegmn("permutation", "bidirectional", "mlp", "full_graph", true)),
            Ignores::Orders,
        ),
        (
            "NG-GNN",
            config(
                r#"{"kind": "ng_gnn", "direction": "bidirectional", "d_hidden": 4, "n_layers": 2, "d_mlp": [5],
                "layer_norm": true, "dropout": 0, "output": {"kind": "per_graph", "d_out": 2}}"#,
            ),
            Ignores::Orders,
        ),
        (
            "NG-T",
            config(
                r#"{"kind": "ng_t", "d_node": 4, "d_edge": 3, "d_attention": 4, "n_heads": 2, "d_node_mlp": 5,
                "d_edge_mlp": 4, "n_layers": 2, "dropout": 0, "output": {"kind": "per_graph", "d_out": 2}}"#,
            ),
            Ignores::Orders,
        ),
        (
            "StatNN",
            config(r#"{"kind": "stat_nn", "d_hidden": [4], "layer_norm": true, "dropout": 0, "d_out": 2}"#),
            Ignores::Orders,
        ),
        (
            "MLP",
            config(
                r#"{"kind": "flat_mlp", "d_hidden": [4], "layer_norm": true, "dropout": 0,
                "output": {"kind": "per_graph", "d_out": 2}}"#,
            ),
            Ignores::Nothing,
        ),
    ]
}

fn oracle() -> Vec<(String, FlowNet)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/oracle");
    let mut nets: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    nets.retain(|path| path.is_dir());
    nets.sort();
    let net = |path: PathBuf| {
        let file = sgmn_data::any_net::open(&path.join("script.onnx"), &Default::default()).unwrap();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), file.net.clone())
    };
    nets.into_iter().map(net).collect()
}

struct Reader {
    lowering: Lowering,
    flow: FlowLowering,
}

impl Reader {
    fn of(net: &FlowNet) -> Self {
        let flow = FlowLowering::new(net.flow()).unwrap();
        Self { lowering: Lowering::of_topologies(vec![flow.topology().clone()]).unwrap(), flow }
    }

    fn graph(&self, net: &FlowNet) -> Graph {
        let (graph, repairs) = self.flow.lower(net).unwrap();
        assert_eq!(repairs.total(), 0);
        graph
    }

    fn model(&self, config: &ModelConfig, dtype: DType) -> (Box<dyn Model>, VarStore) {
        config.build(&self.lowering, Normalization::none(), Seed::new(1), dtype, &Device::Cpu).unwrap()
    }
}

fn outputs(model: &dyn Model, graphs: &[Graph], dtype: DType) -> Vec<Vec<f64>> {
    let batch = Batch::collate(graphs, dtype, &Device::Cpu).unwrap();
    model.forward(&batch, &Pass::eval()).unwrap().of_nets(&batch).unwrap()
}

fn acted(net: &FlowNet, draw: &Draw, seed: u64) -> FlowNet {
    net.with(&derive(net.flow()).sample(Seed::new(seed), draw).act(net)).unwrap()
}

/// A net of the same flow that is no twin: every number is changed a little, in a way of its own.
fn another(net: &FlowNet) -> FlowNet {
    let changed = |param: usize| {
        let numbers = net.numbers(param);
        let change = |(i, x): (usize, &f64)| x * (1.0 + 0.1 * ((i % 7) as f64 - 3.0));
        numbers.iter().enumerate().map(change).collect::<Vec<f64>>().into()
    };
    FlowNet::new(net.flow().clone(), (0..net.flow().params().len()).map(changed).collect()).unwrap()
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    let size = a.iter().fold(1e-300_f64, |size, x| size.max(x.abs()));
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / size).fold(0.0, f64::max)
}

#[test]
fn models_ignore_what_they_claim_to_and_nothing_else_on_nets_of_any_architecture() {
    for (name, net) in oracle() {
        let reader = Reader::of(&net);
        let twins: Vec<Graph> =
            (0..2).map(|seed| reader.graph(&acted(&net, &Draw::default(), seed))).collect();
        let reordered: Vec<Graph> = (0..2).map(|seed| reader.graph(&acted(&net, &ORDERS, seed))).collect();
        let (graph, other) = (reader.graph(&net), reader.graph(&another(&net)));
        for (model_name, config, ignores) in models() {
            for (dtype, tolerance) in EXACT {
                let (model, _) = reader.model(&config, dtype);
                let of = |graph: &Graph| outputs(&*model, std::slice::from_ref(graph), dtype).remove(0);
                let own = of(&graph);
                let twins = match ignores {
                    Ignores::All => &twins[..],
                    Ignores::Orders => &reordered,
                    Ignores::Nothing => &[],
                };
                for twin in twins {
                    let error = apart(&own, &of(twin));
                    assert!(
                        error < tolerance,
                        "{name}, {model_name}, {dtype:?}: a twin differs by {error:e}"
                    );
                }
                let seen = apart(&own, &of(&other));
                assert!(seen > SEEN, "{name}, {model_name}, {dtype:?}: another net differs by {seen:e} only");
            }
        }
    }
}

#[test]
fn a_model_of_permutations_sees_scalars() {
    for (name, net) in oracle() {
        let reader = Reader::of(&net);
        // Nets whose scalars are all shared, or fixed with matrices, have none that a reader sees.
        let scales = |site: &sgmn_graph::Site| {
            site.behaviour.is_some_and(|b| b.degree.is_some() || b.parity == sgmn_graph::flow::Parity::Odd)
        };
        if !reader.flow.topology().sites().iter().any(scales) {
            continue;
        }
        let (_, config, _) = models().into_iter().find(|(name, ..)| *name == "GMN").unwrap();
        let (model, _) = reader.model(&config, DType::F64);
        let graphs = [reader.graph(&net), reader.graph(&acted(&net, &Draw::default(), 3))];
        let rows = outputs(&*model, &graphs, DType::F64);
        assert!(apart(&rows[0], &rows[1]) > SEEN, "{name}");
    }
}

#[test]
fn every_variable_is_reached_unless_the_model_says_so() {
    for (name, net) in oracle() {
        let reader = Reader::of(&net);
        let graphs = [reader.graph(&net), reader.graph(&another(&net))];
        let batch = Batch::collate(&graphs, DType::F64, &Device::Cpu).unwrap();
        for (model_name, config, _) in models() {
            let (model, vars) = reader.model(&config, DType::F64);
            let Output::PerGraph(rows) = model.forward(&batch, &Pass::eval()).unwrap() else { panic!() };
            let grads = rows.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let forgotten: Vec<&str> = vars
                .iter()
                .filter(|(name, var)| grads.get(var).is_none() && !model.may_lack_gradient(name))
                .map(|(name, _)| name)
                .collect();
            assert!(forgotten.is_empty(), "{name}, {model_name}: no gradient for {forgotten:?}");
        }
    }
}

#[test]
fn nets_of_many_architectures_share_a_batch_and_leave_each_other_alone() {
    let wanted = ["cnn_flatten", "mlp_tanh", "siren"];
    let nets: Vec<FlowNet> = oracle()
        .into_iter()
        .filter(|(name, _)| wanted.contains(&name.as_str()))
        .map(|(_, net)| net)
        .collect();
    let readers: Vec<Reader> = nets.iter().map(Reader::of).collect();
    let graphs: Vec<Graph> = readers.iter().zip(&nets).map(|(reader, net)| reader.graph(net)).collect();
    // They differ in inputs and outputs too.
    let ends = |role| graphs.iter().map(move |graph| graph.topology.n_of(role)).collect::<Vec<_>>();
    assert!(ends(NodeRole::Output).windows(2).any(|two| two[0] != two[1]));
    let lowering =
        Lowering::of_topologies(graphs.iter().map(|graph| graph.topology.clone()).collect()).unwrap();
    for (name, config, _) in models() {
        let (model, _) =
            config.build(&lowering, Normalization::none(), Seed::new(1), DType::F64, &Device::Cpu).unwrap();
        let together = outputs(&*model, &graphs, DType::F64);
        for (graph, row) in graphs.iter().zip(together) {
            let alone = outputs(&*model, std::slice::from_ref(graph), DType::F64).remove(0);
            assert!(apart(&alone, &row) < 1e-12, "{name}");
        }
    }
}

#[test]
fn models_of_chains_say_so() {
    let (_, net) = oracle().into_iter().find(|(name, _)| name == "resnet_basic").unwrap();
    let reader = Reader::of(&net);
    let refused = |json: &str| {
        let config: ModelConfig = serde_json::from_str(json).unwrap();
        let built =
            config.build(&reader.lowering, Normalization::none(), Seed::new(1), DType::F64, &Device::Cpu);
        let message = built.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(
            message.starts_with("model.kind: expected a model that reads nets which are no chain"),
            "{json}: {message}"
        );
    };
    let output = r#""output": {"kind": "per_graph", "d_out": 1}"#;
    refused(&format!(
        r#"{{"kind": "dws", "d_hidden": 4, "n_layers": 2, "bias": true, "layer_norm": true, "dropout": 0, "d_head": [], {output}}}"#
    ));
}

#[test]
fn hidden_sites_are_written_and_read() {
    // A scalar read with the wrong sign would found sites apart, of zeros, which ignore everything.
    for (name, net) in oracle() {
        if !["cnn_flatten", "mlp_tanh", "resnet_basic", "siren", "vgg_bn"].contains(&name.as_str()) {
            continue;
        }
        let topology = Reader::of(&net).flow.topology().clone();
        for (at, site) in topology.sites().iter().enumerate().filter(|(_, s)| s.role == NodeRole::Hidden) {
            let ends = [topology.blocks_into(at).count(), topology.blocks_out_of(at).count()];
            assert!(ends.iter().all(|n| *n > 0), "{name}: site {at}, {site:?}: blocks in and out {ends:?}");
        }
    }
}
