//! Properties of nets and graphs, on random architectures from printed seeds.

use std::sync::Arc;

use candle_core::{DType, Device};
use sgmn_graph::{
    Activation, Batch, Graph, GraphBatch, LayerMap, LayerPool, LayerSpec, LentNet, Lowering, NetSpec,
    PoolWords, Reading, Seed, Topology, eval, lower,
    testing::{
        ACTIVATIONS, input_values, random_cnn, random_mlp, random_net, with_some_pools, without_some_biases,
    },
};

fn random_specs(n: u64) -> impl Iterator<Item = (Seed, Arc<NetSpec>)> {
    (0..n).flat_map(|i| {
        let seed = Seed::new(i);
        let activation = ACTIVATIONS[i as usize % ACTIVATIONS.len()];
        let specs = [random_mlp(seed, activation), random_cnn(seed, activation)];
        let without = specs.clone().map(|spec| without_some_biases(seed, &spec));
        let pooled = with_some_pools(seed, &specs[1]);
        specs.into_iter().chain(without).chain([pooled]).map(move |spec| (seed, spec))
    })
}

#[test]
fn raise_inverts_lower_bit_for_bit() {
    for (seed, spec) in random_specs(60) {
        let net = random_net(seed, &spec);
        let topology = Arc::new(Topology::padded(spec, [5, 4], 7).unwrap());
        let graph = lower(&net, &topology).unwrap();
        assert_eq!(graph.nodes.len(), topology.n_nodes());
        assert_eq!(graph.edges.len(), topology.n_edges() * topology.n_edge_values());
        assert_eq!(graph.raise().unwrap(), net, "{seed:?}");
    }
}

#[test]
fn nodes_and_edges_stand_in_canonical_order() {
    let spec = Arc::new(NetSpec::mlp(&[2, 3, 1], Activation::Tanh, 0.0).unwrap());
    let params: Vec<f64> = (0..spec.n_params()).map(|i| i as f64).collect();
    let topology = Arc::new(Topology::new(spec.clone()).unwrap());
    let graph = lower(&sgmn_graph::Net::new(spec, params).unwrap(), &topology).unwrap();
    // W_0 is 0..6 as [3, 2], b_0 is 6..9, W_1 is 9..12 as [1, 3], b_1 is 12.
    assert_eq!(graph.nodes, [1.0, 1.0, 6.0, 7.0, 8.0, 12.0]);
    assert_eq!(graph.edges, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 9.0, 10.0, 11.0]);
    assert_eq!((topology.node_range(1), topology.edge_range(1)), (2..5, 6..9));
}

#[test]
fn kernels_are_padded_about_their_centre_and_dense_weights_come_first() {
    let spec = Arc::new(NetSpec::cnn_zoo(&[1, 1, 1], Activation::Relu).unwrap());
    let topology = Arc::new(Topology::padded(spec.clone(), [5, 5], 1).unwrap());
    let net = sgmn_graph::Net::new(spec, (1..=12).map(f64::from).collect()).unwrap();
    let graph = lower(&net, &topology).unwrap();
    assert_eq!(graph.edges[6..9], [1.0, 2.0, 3.0]);
    assert_eq!(graph.edges[16..19], [7.0, 8.0, 9.0]);
    assert_eq!(graph.edges[25..28], [11.0, 0.0, 0.0]);
}

#[test]
fn a_batch_holds_one_dense_block_a_layer() {
    let spec = Arc::new(NetSpec::mlp(&[2, 3, 4, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap());
    let topology = Arc::new(Topology::new(spec.clone()).unwrap());
    let graphs: Vec<Graph> =
        (0..5).map(|i| lower(&random_net(Seed::new(i), &spec), &topology).unwrap()).collect();
    let batch = GraphBatch::collate(&graphs, DType::F64, &Device::Cpu).unwrap();
    assert_eq!(batch.edges[1].dims(), [5, 4, 3, 1]);
    let block = batch.edges[1].get(3).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
    assert_eq!(block, graphs[3].edges[topology.edge_range(1)]);
    assert!(GraphBatch::collate(&[], DType::F32, &Device::Cpu).is_err());
}

#[test]
fn different_architectures_share_a_batch_in_buckets() {
    let nets: Vec<_> = random_specs(6).map(|(seed, spec)| random_net(seed, &spec)).collect();
    let nets = [nets.clone(), nets].concat();
    let batch = Batch::from_nets(&nets, DType::F64, &Device::Cpu).unwrap();
    assert_eq!(batch.n_nets(), nets.len());
    for bucket in &batch.buckets {
        for position in &bucket.positions {
            assert_eq!(nets[*position].spec(), bucket.graphs.topology.spec().unwrap());
        }
    }
    let widths: Vec<_> = batch.buckets.iter().map(|b| b.graphs.topology.n_edge_values()).collect();
    assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "one edge width: {widths:?}");
    let other = random_net(Seed::new(99), &random_mlp(Seed::new(99), Activation::Relu));
    assert!(Lowering::new(nets.iter().map(|net| net.spec())).unwrap().lower(&other).is_err());
}

#[test]
fn nets_that_are_lent_collate_to_the_bits_of_their_graphs() {
    // Nets of many architectures, kernels padded to one width, and one architecture twice.
    let specs: Vec<_> = random_specs(4).map(|(_, spec)| spec).collect();
    let specs = [specs.clone(), specs].concat();
    let lowering = Lowering::new(&specs).unwrap();
    let rows: Vec<Vec<f32>> = specs
        .iter()
        .enumerate()
        .map(|(i, spec)| {
            let net = random_net(Seed::new(i as u64), spec);
            let mut row: Vec<f32> = net.params().iter().map(|value| *value as f32).collect();
            (row[0], row[1]) = (-0.0, f32::MIN_POSITIVE / 4.0);
            row
        })
        .collect();
    let lent: Vec<_> = specs.iter().zip(&rows).map(|(spec, row)| LentNet::new(spec, row).unwrap()).collect();
    let graphs: Vec<_> = specs
        .iter()
        .zip(&rows)
        .map(|(spec, row)| {
            let params = row.iter().map(|value| f64::from(*value)).collect();
            lowering.lower(&sgmn_graph::Net::new(spec.clone(), params).unwrap()).unwrap()
        })
        .collect();
    // f64 holds the numbers of all types.
    let bits = |tensor: &candle_core::Tensor| -> Vec<u64> {
        let values = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
        values.into_iter().map(f64::to_bits).collect()
    };
    for dtype in [DType::F64, DType::F32, DType::BF16, DType::F16] {
        let expected = Batch::collate(&graphs, dtype, &Device::Cpu).unwrap();
        let found = Batch::from_lent(&lowering, &lent, dtype, &Device::Cpu).unwrap();
        assert_eq!(found.buckets.len(), specs.len() / 2);
        for (found, expected) in found.buckets.iter().zip(&expected.buckets) {
            assert_eq!(found.positions, expected.positions);
            let (found, expected) = (&found.graphs, &expected.graphs);
            assert!(Arc::ptr_eq(&found.topology, &expected.topology));
            let tensors = |batch: &GraphBatch| [batch.nodes.clone(), batch.edges.clone()].concat();
            for (found, expected) in tensors(found).iter().zip(&tensors(expected)) {
                assert_eq!((found.dims(), found.dtype()), (expected.dims(), dtype));
                assert_eq!(bits(found), bits(expected));
            }
        }
    }
    assert!(Batch::from_lent(&lowering, &[], DType::F32, &Device::Cpu).is_err());
    let other = random_mlp(Seed::new(99), Activation::Relu);
    let zeros = vec![0.0; other.n_params()];
    let stranger = LentNet::new(&other, &zeros).unwrap();
    let refusal = Batch::from_lent(&lowering, &[stranger], DType::F32, &Device::Cpu).unwrap_err();
    assert!(refusal.to_string().starts_with("spec of a net: expected"), "{refusal}");
}

#[test]
fn a_net_without_a_bias_computes_what_one_with_a_bias_of_zero_does_and_has_fewer_numbers() {
    for (seed, spec) in random_specs(30) {
        let without = without_some_biases(seed, &spec);
        let net = random_net(seed, &without);
        let mut params = Vec::new();
        for (l, layer) in spec.layers().iter().enumerate() {
            params.extend_from_slice(net.weight(l));
            match net.bias(l) {
                [] if layer.bias => params.resize(params.len() + layer.map.n_out(), 0.0),
                bias => params.extend_from_slice(bias),
            }
        }
        assert!(params.len() > net.params().len() || spec == without, "{seed:?}");
        let zeros = sgmn_graph::Net::new(spec.clone(), params).unwrap();
        let input = input_values(seed, &spec);
        assert_eq!(eval::run(&net, &input).unwrap(), eval::run(&zeros, &input).unwrap(), "{seed:?}");
        // Models see the same graph: a bias that is absent is a 0 there.
        let lowering = Lowering::new([&spec, &without]).unwrap();
        let graphs = [&net, &zeros].map(|net| lowering.lower(net).unwrap());
        assert_eq!(graphs[0].nodes, graphs[1].nodes, "{seed:?}");
        assert_eq!(graphs[0].edges, graphs[1].edges, "{seed:?}");
        assert_eq!(graphs[0].raise().unwrap(), net, "{seed:?}");
        assert!(spec == without || spec.fingerprint() != without.fingerprint());
    }
}

#[test]
fn a_spec_says_nothing_of_biases_that_are_there() {
    let spec = NetSpec::mlp(&[2, 3, 1], Activation::Elu { alpha: 1.0 }, 0.0).unwrap();
    let text = serde_json::to_string(&spec).unwrap();
    assert!(!text.contains("bias"), "{text}");
    assert_eq!(serde_json::from_str::<NetSpec>(&text).unwrap(), spec);
    let without = spec.without_biases();
    assert_eq!(without.n_params(), 2 * 3 + 3);
    assert_eq!((without.bias_range(0), without.weight_range(1)), (6..6, 6..9));
    let text = serde_json::to_string(&without).unwrap();
    assert_eq!(text.matches("\"bias\":false").count(), 2, "{text}");
    assert_eq!(serde_json::from_str::<NetSpec>(&text).unwrap(), without);
}

/// A convolution from one channel to two, and what is said about pooling behind it.
fn pooled(activation: Activation, word: &str) -> LayerSpec {
    let map = LayerMap::Conv { n_in: 1, n_out: 2, kernel: [1, 1], stride: [1, 1], padding: [0, 0] };
    let words: PoolWords = word.parse().expect("a word that is known");
    let pools = words.for_convolutions(1).expect("one word for one convolution");
    LayerSpec { pool: pools[0], ..LayerSpec::new(map, activation) }
}

#[test]
fn a_spec_says_nothing_of_pooling_that_is_not_there() {
    let spec = |word| NetSpec::new(vec![pooled(Activation::Relu, word)], 0.0).unwrap();
    assert!(!serde_json::to_string(&spec("none")).unwrap().contains("pool"));
    let text = serde_json::to_string(&spec("max:3x2:2:1x0:before")).unwrap();
    let expected =
        r#""pool":{"kind":"max","window":[3,2],"stride":[2,2],"padding":[1,0],"at":"before_activation"}"#;
    assert!(text.contains(expected), "{text}");
    assert_eq!(serde_json::from_str::<NetSpec>(&text).unwrap(), spec("max:3x2:2:1x0:before"));
    let unknown = text.replace("\"at\"", "\"ceil\":true,\"at\"");
    assert!(serde_json::from_str::<NetSpec>(&unknown).is_err());
}

#[test]
fn pooling_stands_where_it_is_said_to_stand() {
    let run = |activation, word| {
        let spec = Arc::new(NetSpec::new(vec![pooled(activation, word)], 0.0).unwrap());
        // One channel is the image, the other one its negative.
        let net = sgmn_graph::Net::new(spec, vec![1.0, -1.0, 0.0, 0.0]).unwrap();
        eval::run_image(&net, &[3.0, -1.0, 2.0, -4.0, 9.0, 9.0], [2, 3]).unwrap()
    };
    // The last column is left over.
    assert_eq!(run(Activation::Identity, "max:2:after"), [9.0, 4.0]);
    assert_eq!(run(Activation::Identity, "mean:2:after"), [1.75, -1.75]);
    assert_eq!(run(Activation::Identity, "max:2x1:after"), [3.0, 9.0, 9.0, 4.0, 1.0, -2.0]);
    assert_eq!(run(Activation::Relu, "mean:2:before"), [1.75, 0.0]);
    assert_eq!(run(Activation::Relu, "mean:2:after"), [3.0, 1.25]);
    // A rising activation commutes with a maximum.
    assert_eq!(run(Activation::Tanh, "max:2:before"), run(Activation::Tanh, "max:2:after"));
}

#[test]
fn contradictory_specs_are_refused() {
    let linear = LayerMap::Linear { n_in: 2, n_out: 1, reading: Reading::Direct };
    let layer = LayerSpec { map: linear, ..pooled(Activation::Relu, "max:2:after") };
    let message = NetSpec::new(vec![layer], 0.0).unwrap_err().to_string();
    assert_eq!(message, "layer 0: only what a convolution computes is pooled");
    let pool = LayerPool { padding: [2, 0], ..layer.pool.unwrap() };
    let wide = NetSpec::new(vec![pooled(Activation::Relu, "none").with_pool(pool)], 0.0);
    let expected = "layer 0: pooling with padding 2, expected at most half the window, 1";
    assert_eq!(wide.unwrap_err().to_string(), expected);

    for (widths, why) in
        [(vec![], "at least one layer"), (vec![3], "at least one layer"), (vec![2, 0, 1], "is 0")]
    {
        let message = NetSpec::mlp(&widths, Activation::Relu, 0.0).unwrap_err().to_string();
        assert!(message.contains(why), "{message}");
    }
    let mixed = NetSpec::mixed_mlp(&[2, 3, 3, 1], &[Activation::Relu], 0.0).unwrap_err().to_string();
    assert!(mixed.contains("expected an activation for each of 2 hidden layers, found 1"), "{mixed}");
    let kernel = [1 << 33, 1 << 33];
    let map = LayerMap::Conv { n_in: 1, n_out: 1, kernel, stride: [1, 1], padding: [0, 0] };
    let huge = NetSpec::new(vec![LayerSpec::new(map, Activation::Relu)], 0.0);
    assert!(huge.unwrap_err().to_string().contains("more than"));
    assert!(NetSpec::mlp(&[1 << 40, 1 << 40], Activation::Relu, 0.0).is_err());
    let omega = NetSpec::mlp(&[2, 2, 1], Activation::Sine { omega: 0.0 }, 0.0);
    assert!(omega.unwrap_err().to_string().contains("omega"));
}
