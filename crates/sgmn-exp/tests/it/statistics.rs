//! Statistics of nets whose numbers are known, and `sgmn stats` as a person meets it.

use std::{path::Path, sync::Arc};

use assert_cmd::Command;
use sgmn_data::{Sample as Item, Source, Target};
use sgmn_exp::show::{
    Bar, Block, DistributionAxis, DistributionPlot, DistributionRow, Page, Section,
    statistics::{Measured, NetsOfShare, Sample, Statistics, blocks, figures, tables},
};
use sgmn_graph::{Activation, Net, NetSpec, Seed, testing};
use sgmn_symmetry::{ScaleGroup, Symmetry, canonicalize_net};

/// Nets in memory.
struct Nets(Vec<Net>);

impl Source for Nets {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, i: usize) -> sgmn_data::Result<Item> {
        Ok(Item { id: i.to_string(), net: self.0[i].clone(), target: Target::None })
    }
}

fn of(nets: Vec<Net>) -> Statistics {
    Statistics::of(&Nets(nets), Sample::All, &|| {}).unwrap()
}

fn shares(nets: &[(usize, usize, u64)]) -> Vec<NetsOfShare> {
    let share = |&(n_signed, n_positive, n_nets)| NetsOfShare { n_signed, n_positive, n_nets };
    nets.iter().map(share).collect()
}

fn range(measured: &Measured) -> (f64, f64) {
    let quantiles = measured.norms.quantiles.unwrap();
    (quantiles.smallest, quantiles.largest)
}

/// Two nets 2 → 3 → 1 of which everything can be computed by hand.
fn two_nets() -> Vec<Net> {
    let spec = Arc::new(NetSpec::mlp(&[2, 3, 1], Activation::Sine { omega: 30.0 }, 0.0).unwrap());
    let first = [
        3.0, 4.0, 0.0, -5.0, 6.0, -6.0, /* biases */ 0.5, -0.25, 0.0, /* outputs */ 1.0, 2.0, -2.0,
        8.0,
    ];
    let second = [
        0.0, 0.0, 5.0, 12.0, 1.0, 0.0, /* biases */ 1.0, 2.0, 4.0, /* outputs */ -1.0, 0.0, 0.0,
        -0.5,
    ];
    [first, second].map(|params| Net::new(spec.clone(), params.to_vec()).unwrap()).to_vec()
}

#[test]
fn norms_and_signs_are_those_computed_by_hand() {
    let statistics = of(two_nets());
    assert_eq!((statistics.n_nets, statistics.n_available, statistics.architectures.len()), (2, 2, 1));
    let [hidden, outputs] = statistics.layers.as_slice() else { panic!("expected two layers") };
    assert_eq!((hidden.layer, outputs.layer), (Some(0), None));
    assert_eq!((&hidden.groups, &outputs.groups), (&vec![ScaleGroup::Sign], &vec![ScaleGroup::Trivial]));

    // ‖w‖ of the hidden units: 5, 5, 6√2; 0, 13, 1.
    let weights = &hidden.weights;
    assert_eq!((weights.norms.n, weights.norms.n_zeros, range(weights)), (6, 1, (0.0, 13.0)));
    let median = weights.norms.quantiles.unwrap().median;
    assert!((median / 5.0 - 1.0).abs() < 0.006, "{median}");
    assert_eq!(weights.norms.histogram.values().sum::<u64>(), 5);
    // Σ w: 7, −5, 0; 0, 17, 1.
    assert_eq!((weights.signs.n, weights.signs.n_zeros, weights.signs.n_positive), (6, 2, 3));
    assert_eq!(weights.signs.nets, shares(&[(2, 1, 1), (2, 2, 1)]));
    // b: 0.5, −0.25, 0; 1, 2, 4.
    let biases = &hidden.biases;
    assert_eq!((biases.norms.n_zeros, range(biases)), (1, (0.0, 4.0)));
    assert_eq!((biases.signs.n_zeros, biases.signs.share_positive()), (1, Some(0.8)));
    assert_eq!(biases.signs.nets, shares(&[(2, 1, 1), (3, 3, 1)]));

    assert_eq!((range(&outputs.weights), range(&outputs.biases)), ((1.0, 3.0), (0.5, 8.0)));
    assert_eq!(outputs.weights.signs.nets, shares(&[(1, 0, 1), (1, 1, 1)]));
    let text = statistics.nets_in_words();
    assert_eq!(text, "2 nets: perceptron 2 → 3 → 1, 13 parameters, sine 30.");
}

#[test]
fn a_channel_is_a_unit_with_all_its_kernels() {
    let spec = Arc::new(NetSpec::cnn_zoo(&[2, 2, 1], Activation::Relu).unwrap());
    let mut params = vec![0.0; spec.n_params()];
    // Channel 0: two kernels of ones; channel 1: one −2 in its second kernel.
    params[..18].fill(1.0);
    params[18 + 9] = -2.0;
    let statistics = of(vec![Net::new(spec, params).unwrap()]);
    let convolution = &statistics.layers[0];
    assert_eq!(convolution.groups, [ScaleGroup::Positive]);
    assert_eq!(range(&convolution.weights), (2.0, 18f64.sqrt()));
    assert_eq!(convolution.weights.signs.nets, shares(&[(2, 1, 1)]));
    assert!(convolution.biases.signs.nets.is_empty(), "biases that are all 0 have no share");
    assert!(convolution.maps.contains("conv 3×3") && convolution.activations.contains("ReLU"));
}

/// Nets of one to three hidden layers.
fn many_nets(n: u64) -> Vec<Net> {
    let net = |i: u64| {
        let activation = [Activation::Tanh, Activation::Relu][i as usize % 2];
        testing::random_net(Seed::new(i), &testing::random_mlp(Seed::new(i), activation))
    };
    (0..n).map(net).collect()
}

#[test]
fn outputs_stay_apart_where_depths_differ_and_threads_change_nothing() {
    let nets = many_nets(60);
    let n_of = |l: usize| nets.iter().filter(move |net| net.spec().layers().len() > l + 1);
    let statistics = of(nets.clone());
    assert_eq!(statistics.layers.len(), 4);
    for (l, layer) in statistics.layers[..3].iter().enumerate() {
        let n_units: usize = n_of(l).map(|net| net.bias(l).len()).sum();
        assert_eq!((layer.layer, layer.biases.norms.n), (Some(l), n_units as u64));
        assert_eq!(layer.groups, [ScaleGroup::Sign, ScaleGroup::Positive]);
    }
    let n_outputs: usize = nets.iter().map(|net| net.bias(net.spec().layers().len() - 1).len()).sum();
    assert_eq!(statistics.layers[3].biases.norms.n, n_outputs as u64);
    assert!(statistics.nets_in_words().contains("layers are pooled by their position"));
    for n_threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        assert_eq!(pool.install(|| of(nets.clone())), statistics);
    }
}

#[test]
fn a_flip_of_every_unit_turns_the_shares_around_and_keeps_the_norms() {
    let nets = two_nets();
    let flip = |net: &Net| {
        let first = net.spec().bias_range(0).end;
        let turned = |(i, value): (usize, &f64)| if i < first { -value } else { *value };
        Net::new(net.spec().clone(), net.params().iter().enumerate().map(turned).collect()).unwrap()
    };
    let flipped = of(nets.iter().map(flip).collect());
    let [before, after] = [&of(nets), &flipped].map(|statistics| statistics.layers[0].clone());
    for (before, after) in [(before.weights, after.weights), (before.biases, after.biases)] {
        assert_eq!(before.norms, after.norms);
        let share = |measured: &Measured| measured.signs.share_positive().unwrap();
        assert!((share(&before) + share(&after) - 1.0).abs() < 1e-12);
    }
}

#[test]
fn canonical_forms_are_seen_as_settled_signs_and_random_nets_as_coins() {
    let spec = Arc::new(NetSpec::mlp(&[1, 16, 1], Activation::Tanh, 0.0).unwrap());
    let nets: Vec<Net> = (0..400).map(|i| testing::random_net(Seed::new(i), &spec)).collect();
    let canonical = nets.iter().map(|net| canonicalize_net(net, &[Symmetry::Sign]).unwrap().0).collect();
    let signs = |nets| of(nets).layers[0].weights.signs.clone();
    let (random, canonical) = (signs(nets), signs(canonical));
    let [observed, expected] = [random.of_nets(), random.of_coins()];
    for part in [0.05, 0.5, 0.95] {
        let (found, coins) = (observed.quantile(part).unwrap(), expected.quantile(part).unwrap());
        assert!((found - coins).abs() <= 1.0 / 16.0 + 1e-12, "{found} for {coins}");
    }
    assert!((random.share_positive().unwrap() - 0.5).abs() < 0.03);
    assert_eq!(canonical.share_positive(), Some(1.0), "the only incoming weight is made positive");
}

#[test]
fn a_sample_is_drawn_once_and_follows_its_seed() {
    let spec = Arc::new(NetSpec::mlp(&[1, 1, 1], Activation::Tanh, 0.0).unwrap());
    // The bias of the hidden unit is 2 to the power of the net's position: the histogram tells who was read.
    let net = |i: i32| Net::new(spec.clone(), vec![1.0, 2f64.powi(i), 1.0, 1.0]).unwrap();
    let nets = Nets((0..100).map(net).collect());
    let read = |n_nets, seed| {
        let sample = Sample::Drawn { n_nets, seed: Seed::new(seed) };
        Statistics::of(&nets, sample, &|| {}).unwrap()
    };
    let ten = read(10, 0);
    let bins = &ten.layers[0].biases.norms.histogram;
    assert_eq!((ten.n_nets, ten.n_available, bins.len()), (10, 100, 10), "no net is read twice");
    assert!(bins.keys().any(|bin| *bin > 64 * 50), "not only the first nets: {bins:?}");
    assert_eq!(read(10, 0), ten);
    assert_ne!(read(10, 1), ten);
    assert_eq!(read(1000, 0), Statistics::of(&nets, Sample::All, &|| {}).unwrap());
    assert!(ten.nets_in_words().starts_with("10 of 100 nets, drawn at random: "));
}

#[test]
fn no_nets_are_an_error() {
    let message = Statistics::of(&Nets(vec![]), Sample::All, &|| {}).unwrap_err().to_string();
    assert_eq!(message, "expected at least one net, found none");
}

#[test]
fn a_page_gets_three_figures_and_two_tables() {
    let statistics = of(many_nets(60));
    let [norms, signs] = tables(&statistics);
    assert_eq!((norms.rows.len(), signs.rows.len()), (8, 8));
    for table in [&norms, &signs] {
        assert!(table.rows.iter().all(|row| row.len() == table.header.len()), "{table:?}");
    }
    let blocks = blocks("nets", "random nets", &statistics).unwrap();
    let n_figures = blocks.iter().filter(|block| matches!(block, Block::Figure(..))).count();
    assert_eq!((blocks.len(), n_figures), (5, 3));
    let section = Section { title: "s".to_owned(), blocks };
    let page = Page { title: "t".to_owned(), introduction: String::new(), sections: vec![section] };
    let html = page.to_html().unwrap();
    assert!(!html.contains("#000000") && !html.contains("NaN") && html.contains("flips of a fair coin"));

    // Biases that are all 0 have nothing to draw.
    let spec = Arc::new(NetSpec::mlp(&[2, 2, 1], Activation::Relu, 0.0).unwrap());
    let params = vec![1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 5.0, 6.0, 0.0];
    let names: Vec<String> = figures("one net", &of(vec![Net::new(spec.clone(), params).unwrap()]))
        .unwrap()
        .into_iter()
        .map(|figure| figure.name)
        .collect();
    assert_eq!(names, ["weight-norms", "signs"]);
    let empty = of(vec![Net::new(spec.clone(), vec![0.0; spec.n_params()]).unwrap()]);
    assert!(figures("nothing", &empty).unwrap().is_empty());
    assert!(tables(&empty)[0].rows[0].contains(&"100.0 %".to_owned()));
}

#[test]
fn extreme_norms_can_be_drawn() {
    let spec = Arc::new(NetSpec::mlp(&[1, 2, 1], Activation::Relu, 0.0).unwrap());
    for [low, high] in [[5e-324, 1e308], [1.0, 1.0], [1e-3, 1.000_001e-3]] {
        let net = Net::new(spec.clone(), vec![low, high, low, -high, low, high, -low]).unwrap();
        let statistics = of(vec![net]);
        assert_eq!(figures("extremes", &statistics).unwrap().len(), 3);
        let text = serde_json::to_string(&statistics).unwrap();
        assert_eq!(serde_json::from_str::<Statistics>(&text).unwrap().layers.len(), 2);
    }
}

#[test]
fn a_distribution_is_drawn_bar_by_bar() {
    let bar = |low, height| Bar { low, high: 2.0 * low, height };
    let row = DistributionRow {
        label: vec!["a < b".to_owned()],
        bars: vec![bar(1.0, 2.0), bar(2.0, 0.0), bar(4.0, 1.0)],
        mark: Some(3.0),
        ..DistributionRow::default()
    };
    let plot = |axis, rows| DistributionPlot {
        title: "norms".to_owned(),
        x_label: "‖w‖".to_owned(),
        axis,
        rows,
        reference: None,
    };
    let svg = plot(DistributionAxis::Logarithmic(1.0, 8.0), vec![row.clone()]).to_svg().unwrap();
    // A bar between the two holds nothing; without it they are one shape.
    assert_eq!(svg.to_file().matches("<polygon").count(), 2);
    let touching = DistributionRow { bars: vec![bar(1.0, 2.0), bar(2.0, 1.0)], ..row.clone() };
    let together = plot(DistributionAxis::Logarithmic(1.0, 8.0), vec![touching]).to_svg().unwrap();
    assert_eq!(together.to_file().matches("<polygon").count(), 1);
    assert!(svg.to_inline().contains("currentColor") && svg.to_file().contains("a &lt; b"));
    for (low, high) in [(0.0, 1.0), (2.0, 1.0), (1.0, f64::INFINITY), (f64::NAN, 1.0)] {
        let message = plot(DistributionAxis::Logarithmic(low, high), vec![row.clone()]).to_svg().unwrap_err();
        assert!(message.to_string().contains("expected an axis from a positive number"), "{message}");
    }
    assert!(plot(DistributionAxis::Share, vec![]).to_svg().is_err());
}

fn samples(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sgmn-data/testdata/formats").join(name);
    path.to_str().unwrap().to_owned()
}

fn sgmn(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sgmn")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn stats_prints_a_table_and_writes_figures_and_numbers() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("figures");
    let call = |more: &[&str]| {
        let zoo = samples("smallcnnzoo");
        let options = ["--option", "activation=relu", "--out", folder.to_str().unwrap()];
        sgmn(&[&["stats", &zoo][..], &options, more].concat())
    };
    let (code, out, err) = call(&[]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("convolutional net 1 → 16 → 16 → 16 → 10, 4970 parameters, ReLU"), "{out}");
    assert_eq!(out.lines().filter(|line| line.starts_with("| layer 2 ")).count(), 4, "{out}");
    assert!(out.contains("q > 0") && out.contains("| outputs"), "{out}");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    for name in ["weight-norms.svg", "bias-norms.svg", "signs.svg"] {
        assert!(out.contains(name) && read(name).contains("smallcnnzoo"));
    }
    let numbers: Statistics = serde_json::from_str(&read("statistics.json")).unwrap();
    assert_eq!(numbers.layers.len(), 4);

    let (code, _, err) = call(&[]);
    assert_eq!(code, Some(1));
    assert!(err.contains("weight-norms.svg: expected nothing there yet"), "{err}");
    let (code, out, err) = call(&["--force", "--nets", "1"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.starts_with("1 of ") && read("statistics.json").contains("\"n_nets\": 1,"), "{out}");
}

#[test]
fn stats_reads_every_kind_of_dataset_a_single_net_and_nets_of_an_experiment() {
    let place = tempfile::tempdir().unwrap();
    let experiment = place.path().join("mine.toml");
    std::fs::write(&experiment, "inherits = \"mnist\"\n[data]\npath = \"mnist-inrs\"\n").unwrap();
    let experiment = experiment.to_str().unwrap();
    let net = samples("mnist-inrs/mnist_png_training_5_0/checkpoints/model_final.pth");
    for (arguments, said) in [
        (vec!["stats", &samples("mnist-inrs")], "4 nets: perceptron 2 → 32 → 32 → 1"),
        (vec!["stats", &samples("fmnist_inrs")], "3 nets: "),
        (vec!["stats", &samples("siren_cifar_wts")], "nets: perceptron 2 → 32 → 32 → 3"),
        (vec!["stats", &samples("smallcnnzoo")], "layers are pooled by their position"),
        (vec!["stats", &net, "--activation", "siren"], "1 net: perceptron"),
        (vec!["stats", experiment, "--data-dir", &samples("")], "4 nets: perceptron 2 → 32 → 32 → 1"),
    ] {
        let (code, out, err) = sgmn(&arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {err}");
        assert!(out.contains(said), "{arguments:?}: {out}");
    }
}

#[test]
fn faults_of_the_caller_are_one_line_each() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let (empty, damaged) = (path("empty"), path("damaged"));
    std::fs::create_dir(&empty).unwrap();
    std::fs::create_dir(&damaged).unwrap();
    std::fs::write(Path::new(&damaged).join("a.safetensors"), b"\x08\0\0\0\0\0\0\0notatens").unwrap();
    let images = samples("mnist_images.idx.gz");
    for (arguments, said) in [
        (
            vec!["stats", "nowhere"],
            "nowhere: expected a file, a folder, or the name of data or an experiment",
        ),
        (vec!["stats", &empty], "empty: expected "),
        (vec!["stats", &damaged], "a.safetensors"),
        (vec!["stats", &images], "expected nets, found images"),
        (vec!["stats", "quick", "--data-dir", &empty], "expected the nets of the experiment, found nothing"),
        (vec!["stats", "mnist", "--data-dir", &empty], "expected the nets of the experiment, found nothing"),
        (vec!["stats", &images, "--nets", "0"], "--nets"),
        (vec!["stats", &samples("smallcnnzoo"), "--out", &images], "mnist_images.idx.gz"),
    ] {
        let (code, _, err) = sgmn(&arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {err}");
        let lines: Vec<&str> = err.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(lines.len() == 1 && lines[0].contains(said), "{arguments:?}: {err}");
    }
}
