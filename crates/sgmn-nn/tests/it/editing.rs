//! Edits of nets: an edit of a transformed net is the transformed edit, and draws the same picture.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use sgmn_graph::{Activation, Batch, Lowering, Net, NetSpec, Seed, eval};
use sgmn_nn::{
    Normalization, Pass,
    equivariance::symmetry_error,
    layers::Scalings,
    models::{Blueprint, Direction, Model, Output, OutputConfig, ScaleGmnConfig},
    render::{Axes, Grid, NetTensors, Renderer},
    tolerance::SAME,
};
use sgmn_symmetry::{Element, Ranges, check::Trials, sample, tolerance};

use crate::setup::{DIRECTIONS, build, device, nets};

const SIZE: [usize; 2] = [5, 4];

fn inr() -> Arc<NetSpec> {
    Arc::new(NetSpec::mlp(&[2, 6, 5, 3], Activation::Sine { omega: 30.0 }, 0.5).unwrap())
}

/// Weights about as large as those of an INR: larger ones would make the picture noise.
fn inrs(n: u64) -> Vec<Net> {
    let shrink = |net: Net| {
        let params = net.params().iter().map(|param| 0.05 * param).collect();
        Net::new(net.spec().clone(), params).unwrap()
    };
    nets(Seed::new(2), &[inr()], n).into_iter().map(shrink).collect()
}

fn editor(direction: Direction, n_copies: usize) -> ScaleGmnConfig {
    ScaleGmnConfig {
        output: OutputConfig::PerParam { initial_scale: 0.5, n_copies },
        ..ScaleGmnConfig::new(Scalings::Sign, direction, 6, 1)
    }
}

/// Parameters of the edited copies of every net, and their pictures.
fn edit(model: &dyn Model, lowering: &Lowering, nets: &[Net]) -> (Vec<Vec<f64>>, Vec<Tensor>) {
    let graphs: Vec<_> = nets.iter().map(|net| lowering.lower(net).unwrap()).collect();
    let batch = Batch::collate(&graphs, DType::F64, &device()).unwrap();
    let output = model.forward(&batch, &Pass::eval()).unwrap();
    let n_copies = output.n_copies();
    let deltas = output.of_nets(&batch).unwrap();
    let edited = nets.iter().zip(deltas).map(|(net, delta)| {
        let old = net.params().iter().cycle();
        old.zip(&delta).map(|(old, delta)| old + delta).take(n_copies * net.params().len()).collect()
    });
    let Output::PerParam(copies) = &output else { panic!("expected changes") };
    let renderer = Renderer::new(&inr(), &Grid::new(SIZE)).unwrap();
    let graphs = &batch.buckets[0].graphs;
    let draw = |delta| renderer.render(&NetTensors::changed(graphs, delta).unwrap()).unwrap();
    (edited.collect(), copies[0].iter().map(draw).collect())
}

fn distance(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap()
}

#[test]
fn an_edit_of_a_transformed_net_is_the_transformed_edit_and_draws_the_same() {
    let nets = inrs(3);
    for direction in DIRECTIONS {
        for n_copies in [1, 3] {
            let config = editor(direction, n_copies);
            let (model, _, lowering) = build(&config, &[inr()], Normalization::fit(&nets), DType::F64);
            let (edited, pictures) = edit(&*model, &lowering, &nets);
            let element = |(i, net): (usize, &Net)| -> Element {
                let graph = lowering.lower(net).unwrap();
                sample(
                    Seed::new(4).index(i as u64),
                    &graph.topology,
                    Scalings::Sign.respected(),
                    &Ranges::default(),
                )
                .unwrap()
            };
            let elements: Vec<_> = nets.iter().enumerate().map(element).collect();
            let act = |element: &Element, params: Vec<f64>| -> Net {
                let net = Net::new(inr(), params).unwrap();
                element.act(&lowering.lower(&net).unwrap()).unwrap().raise().unwrap()
            };
            let moved: Vec<Net> =
                nets.iter().zip(&elements).map(|(net, g)| act(g, net.params().to_vec())).collect();
            assert!(nets.iter().zip(&moved).all(|(a, b)| a.params() != b.params()), "nothing moved");
            let (edited_moved, pictures_moved) = edit(&*model, &lowering, &moved);
            for ((before, after), element) in edited.iter().zip(&edited_moved).zip(&elements) {
                let copies =
                    before.chunks(before.len() / n_copies).zip(after.chunks(before.len() / n_copies));
                for (before, after) in copies {
                    let expected = act(element, before.to_vec());
                    for (a, b) in expected.params().iter().zip(after) {
                        assert!((a - b).abs() < SAME, "{direction:?}, {n_copies} copies: {a} and {b}");
                    }
                }
            }
            assert_eq!(pictures.len(), n_copies);
            for (a, b) in pictures.iter().zip(&pictures_moved) {
                assert!(distance(a, b) < 1e-11, "{direction:?}, {n_copies} copies: {:e}", distance(a, b));
            }
            // And by the house's own examination.
            let trials = Trials::new(Seed::new(6), Scalings::Sign.respected(), 2);
            let report = symmetry_error(&*model, &trials, &nets, &lowering, DType::F64, &device()).unwrap();
            assert!(report.within(tolerance::MODEL_F64), "{report}");
        }
    }
}

#[test]
fn copies_start_different_and_all_change_the_picture() {
    let nets = inrs(2);
    for direction in DIRECTIONS {
        let (model, _, lowering) =
            build(&editor(direction, 3), &[inr()], Normalization::fit(&nets), DType::F64);
        let (_, pictures) = edit(&*model, &lowering, &nets);
        let batch = Batch::from_nets(&nets, DType::F64, &device()).unwrap();
        let Output::PerParam(deltas) = model.forward(&batch, &Pass::eval()).unwrap() else {
            panic!("expected changes")
        };
        for (i, other) in [(0, 1), (0, 2), (1, 2)] {
            let (a, b) = (&deltas[0][i], &deltas[0][other]);
            let pairs = a.weights.iter().zip(&b.weights).chain(a.biases.iter().zip(&b.biases));
            for (l, (a, b)) in pairs.enumerate() {
                assert!(distance(a, b) > 1e-9, "{direction:?}: tensor {l} of copies {i} and {other} is one");
            }
        }
        let own = NetTensors::of(&batch.buckets[0].graphs).unwrap();
        let unedited = Renderer::new(&inr(), &Grid::new(SIZE)).unwrap().render(&own).unwrap();
        for (i, picture) in pictures.iter().enumerate() {
            assert!(distance(picture, &unedited) > 1e-6, "copy {i}: {:e}", distance(picture, &unedited));
            for other in &pictures[..i] {
                assert!(distance(picture, other) > 1e-6, "{direction:?}: copy {i} is another one");
            }
        }
    }
}

#[test]
fn pictures_are_what_the_interpreter_says_pixel_by_pixel() {
    let nets = inrs(2);
    let batch = Batch::from_nets(&nets, DType::F64, &device()).unwrap();
    let renderer = Renderer::new(&inr(), &Grid::new(SIZE)).unwrap();
    let drawn = renderer.render(&NetTensors::of(&batch.buckets[0].graphs).unwrap()).unwrap();
    assert_eq!(drawn.dims(), [2, SIZE[0] * SIZE[1], 3]);
    for (i, net) in nets.iter().enumerate() {
        let pixels = drawn.get(i).unwrap().to_vec2::<f64>().unwrap();
        for (row, column) in (0..SIZE[0]).flat_map(|row| (0..SIZE[1]).map(move |column| (row, column))) {
            let at = |i: usize, n: usize| 2.0 * i as f64 / (n - 1) as f64 - 1.0;
            let expected = eval::run(net, &[at(column, SIZE[1]), at(row, SIZE[0])]).unwrap();
            for (a, b) in pixels[row * SIZE[1] + column].iter().zip(expected) {
                assert!((a - b).abs() < SAME, "net {i} at {row}, {column}");
            }
        }
    }
}

#[test]
fn coordinates_from_0_to_1_and_a_frequency_of_each_layer_are_drawn_as_the_interpreter_says() {
    let sines = [30.0, 1.0].map(|omega| Activation::Sine { omega });
    let spec = Arc::new(NetSpec::mixed_mlp(&[2, 6, 5, 1], &sines, 0.0).unwrap());
    let nets = nets(Seed::new(5), std::slice::from_ref(&spec), 1);
    let batch = Batch::from_nets(&nets, DType::F64, &device()).unwrap();
    let own = NetTensors::of(&batch.buckets[0].graphs).unwrap();
    for coordinates in [[0.0, 1.0], [-1.0, 1.0], [-0.5, 3.0]] {
        let grid = Grid { coordinates, ..Grid::new(SIZE) };
        let drawn = Renderer::new(&spec, &grid).unwrap().render(&own).unwrap();
        let pixels = drawn.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let at = |i: usize, n: usize| {
            coordinates[0] + (coordinates[1] - coordinates[0]) * i as f64 / (n - 1) as f64
        };
        for (pixel, drawn) in pixels.into_iter().enumerate() {
            let [row, column] = [pixel / SIZE[1], pixel % SIZE[1]];
            let expected = eval::run(&nets[0], &[at(column, SIZE[1]), at(row, SIZE[0])]).unwrap()[0];
            assert!((drawn - expected).abs() < SAME, "{coordinates:?} at {row}, {column}");
        }
    }
}

#[test]
fn nets_that_read_the_row_first_draw_the_picture_turned_around() {
    let nets = inrs(1);
    let batch = Batch::from_nets(&nets, DType::F64, &device()).unwrap();
    let own = NetTensors::of(&batch.buckets[0].graphs).unwrap();
    let draw = |size: [usize; 2], axes| -> Tensor {
        let picture = Renderer::new(&inr(), &Grid { axes, ..Grid::new(size) }).unwrap().render(&own).unwrap();
        picture.reshape((size[0], size[1], 3)).unwrap()
    };
    let turned = draw([SIZE[1], SIZE[0]], Axes::RowColumn).transpose(0, 1).unwrap().contiguous().unwrap();
    assert_eq!(distance(&draw(SIZE, Axes::ColumnRow), &turned), 0.0);
    assert_eq!(own.net(0, &inr()).unwrap().params(), nets[0].params());
}

#[test]
fn one_copy_is_what_it_was_before_there_were_copies() {
    let config = editor(Direction::Forward, 1);
    let text = serde_json::to_string(&config.output).unwrap();
    assert_eq!(text, r#"{"kind":"per_param","initial_scale":0.5}"#);
    assert_eq!(serde_json::from_str::<OutputConfig>(&text).unwrap(), config.output);
    let zero =
        ScaleGmnConfig { output: OutputConfig::PerParam { initial_scale: 0.5, n_copies: 0 }, ..config };
    assert_eq!(
        zero.validate().unwrap_err().to_string(),
        "model.output.n_copies: expected from 1 to 1024, found 0"
    );
}

#[test]
fn nets_that_are_no_inrs_are_refused_by_the_reason() {
    let fault = |spec: &NetSpec, size| Renderer::new(spec, &Grid::new(size)).unwrap_err().to_string();
    let three = NetSpec::mlp(&[3, 4, 1], Activation::Relu, 0.0).unwrap();
    assert_eq!(
        fault(&three, SIZE),
        "nets to render: expected two inputs, the coordinates of a pixel, found 3"
    );
    let cnn = NetSpec::cnn_zoo(&[1, 4, 2], Activation::Relu).unwrap();
    assert!(fault(&cnn, SIZE).starts_with("nets to render: expected linear layers alone, found Conv"));
    assert!(fault(&inr(), [0, 4]).starts_with("picture size: expected from 1 to"));
    assert!(fault(&inr(), [usize::MAX, 4]).starts_with("picture size"));
}
