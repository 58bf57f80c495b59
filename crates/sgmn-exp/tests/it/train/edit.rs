//! Editing from beginning to end: what is learned, what is kept, what is refused.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use sgmn_data::{
    Source, Target,
    formats::packed::{Item, Reader, Writer},
    split::Split,
};
use sgmn_exp::{
    config::{Experiment, ExperimentFile},
    data::datasets,
    metrics::Criterion,
    run::{edited, folder::RunFolder, train::Outcome},
    tasks::{self, UNEDITED},
};
use sgmn_graph::{Activation, Net, NetSpec, Seed, eval, testing};

use super::setup::{Place, facts};
use crate::toolbox::{refuse, succeed, text};

/// Height and width of what nets draw here.
const SIZE: [usize; 2] = [6, 5];

/// Random sine nets, named by the rule.
fn write_inrs(path: &Path, name: impl Fn(Split, usize) -> String, target: impl Fn(Split, usize) -> Target) {
    let spec = Arc::new(NetSpec::mlp(&[2, 6, 6, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap());
    let mut writer = Writer::create(path, BTreeMap::new()).unwrap();
    for (split, n) in Split::ALL.into_iter().zip([24, 6, 7]) {
        for i in 0..n {
            let net = testing::random_net(Seed::new(3).child(split.name()).index(i as u64), &spec);
            let params = net.params().iter().map(|&value| value as f32).collect();
            let (id, target) = (name(split, i), target(split, i));
            writer.push(Item { id, spec: spec.clone(), params, target, split: Some(split) }).unwrap();
        }
    }
    writer.finish().unwrap();
}

fn place(name: impl Fn(Split, usize) -> String) -> Place {
    let place = Place::new();
    write_inrs(&place.path().join("inrs.packed"), name, |_, _| Target::None);
    place
}

fn any_name(split: Split, i: usize) -> String {
    format!("{}-{i}", split.name())
}

/// A tiny model that edits what nets draw.
fn editor(overrides: &[&str]) -> ExperimentFile {
    let mut file = ExperimentFile::parse("tiny", "inherits = \"quick-editing\"").unwrap();
    let common = [
        "data.kind=packed",
        "data.path=inrs.packed",
        "model.d_hidden=8",
        "model.n_layers=2",
        "model.d_mlp=[8]",
        "task={ kind=\"edit\", edit=\"dilate\", target=\"drawing\", size=[6, 5] }",
        "train.batch_size=8",
        "train.epochs=6",
        "train.learning_rate=1e-2",
        "train.warmup_steps=4",
    ];
    common.iter().chain(overrides).for_each(|assignment| file.set(assignment).unwrap());
    file
}

fn experiment(overrides: &[&str]) -> Experiment {
    editor(overrides).resolve().unwrap()
}

/// What a net draws, by the interpreter.
fn drawing(net: &Net) -> Vec<f64> {
    let at = |i: usize, n: usize| 2.0 * i as f64 / (n - 1) as f64 - 1.0;
    let pixels = (0..SIZE[0]).flat_map(|row| (0..SIZE[1]).map(move |column| (row, column)));
    pixels.map(|(row, column)| eval::run(net, &[at(column, SIZE[1]), at(row, SIZE[0])]).unwrap()[0]).collect()
}

/// The dilated image, by the definition.
fn dilated(image: &[f64]) -> Vec<f64> {
    let [height, width] = SIZE;
    let largest = |row: usize, column: usize| -> f64 {
        let rows = row.saturating_sub(1)..=(row + 1).min(height - 1);
        let columns = column.saturating_sub(1)..=(column + 1).min(width - 1);
        let around = rows.flat_map(|r| columns.clone().map(move |c| r * width + c));
        around.map(|pixel| image[pixel]).fold(f64::NEG_INFINITY, f64::max)
    };
    (0..height)
        .flat_map(|row| (0..width).map(move |column| (row, column)))
        .map(|(r, c)| largest(r, c))
        .collect()
}

fn mean_squared_error(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / a.len() as f64
}

#[test]
fn a_tiny_edit_improves_on_the_unedited_nets_and_the_nets_that_are_kept_draw_what_was_measured() {
    let place = place(any_name);
    for (name, n_copies, direction) in [("one", 1, "forward"), ("three", 3, "bidirectional")] {
        let experiment = experiment(&[
            &format!("model.output.n_copies={n_copies}"),
            &format!("model.direction={direction}"),
        ]);
        let summary = place.finish(name, &experiment);
        let (measured, unedited) = (summary.test[Criterion::Mse.name()], summary.test[UNEDITED]);
        assert!(measured < 0.7 * unedited, "{name}: {measured} of {unedited}");

        let folder = RunFolder::open(&place.run_path(name)).unwrap();
        let edited = Reader::open(&folder.edited()).unwrap();
        let nets = Reader::open(&place.path().join("inrs.packed")).unwrap();
        let test = nets.splits().test.clone();
        assert_eq!(edited.len(), n_copies * test.len());
        let by_name = |name: &str| {
            let i = (0..edited.len()).find(|i| edited.id(*i) == name).unwrap();
            edited.get(i).unwrap().net
        };
        let (mut before, mut after) = (0.0, 0.0);
        for &item in &test {
            let sample = nets.get(item).unwrap();
            let target = dilated(&drawing(&sample.net));
            before += mean_squared_error(&drawing(&sample.net), &target);
            let copies: Vec<Vec<f64>> = match n_copies {
                1 => vec![drawing(&by_name(&sample.id))],
                n => (0..n).map(|c| drawing(&by_name(&format!("{}-copy{c}", sample.id)))).collect(),
            };
            let mean: Vec<f64> = (0..target.len())
                .map(|pixel| copies.iter().map(|copy| copy[pixel]).sum::<f64>() / n_copies as f64)
                .collect();
            after += mean_squared_error(&mean, &target);
        }
        let n = test.len() as f64;
        assert!((before / n - unedited).abs() < 1e-5 * unedited, "{name}: {} {unedited}", before / n);
        assert!((after / n - measured).abs() < 1e-4 * measured, "{name}: {} {measured}", after / n);

        let png = std::fs::read(folder.plots().join("edited.png")).unwrap();
        let reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let [height, width] = SIZE.map(|n| n as u32);
        assert_eq!((reader.info().width, reader.info().height), (7 * (width + 1) - 1, 3 * (height + 1) - 1));
        let grid = edited::grid(&folder, place.path(), 4, "some").unwrap().unwrap();
        assert_eq!(grid.images.len(), 4);
        assert_eq!((grid.images[0].1.width(), grid.images[0].1.height()), (width, 3 * (height + 1) - 1));
    }
}

#[test]
fn a_run_that_edits_and_is_stopped_after_every_step_ends_with_the_same_bits() {
    let place = place(any_name);
    let experiment = experiment(&[
        "pipeline.augment=[{ kind = \"random_action\", symmetries = [\"permutation\", \"sign\"] }]",
        "model.direction=bidirectional",
        "model.output.n_copies=2",
        "model.dropout=0.1",
        "task.edit=contrast",
        "train.epochs=2",
    ]);
    place.finish("straight", &experiment);
    while let Outcome::Interrupted = place.run("stopped", &experiment, true).unwrap() {}
    assert_eq!(facts(&place.run_path("stopped")), facts(&place.run_path("straight")));
    let edited = |name: &str| std::fs::read(place.run_path(name).join("edited.packed")).unwrap();
    assert_eq!(edited("stopped"), edited("straight"));
}

/// Nets named after the images of the digits that come with the program.
fn image_name(split: Split, i: usize) -> String {
    match split {
        Split::Train => format!("train-{i}"),
        Split::Val => format!("mnist_png_training_{}_{}", i % 10, 100 + i),
        Split::Test => format!("test-{i}"),
    }
}

/// The quick experiment on other nets, whose images are those digits.
fn of_images() -> Experiment {
    let mut file = ExperimentFile::parse("tiny", "inherits = \"quick-editing\"").unwrap();
    let common = [
        "data.kind=packed",
        "data.path=inrs.packed",
        "task.images=mini",
        "model.d_hidden=8",
        "model.d_mlp=[8]",
        "train.epochs=1",
    ];
    common.iter().for_each(|assignment| file.set(assignment).unwrap());
    file.resolve().unwrap()
}

fn open(place: &Place, experiment: &Experiment) -> Result<datasets::Material, String> {
    let opened = datasets::material(experiment, place.path(), &false.into());
    opened.map_err(|error| format!("{error:#}"))
}

#[test]
fn the_image_that_a_net_was_fitted_to_is_found_by_the_nets_name() {
    let place = place(image_name);
    let experiment = of_images();
    let material = open(&place, &experiment).unwrap();
    let pictures = material.pictures.as_ref().unwrap();
    assert_eq!(pictures.size(), [28, 28, 1]);
    let (train, test) = datasets::image_sets("mini", place.path()).unwrap();
    let splits = material.dataset.splits.clone();
    assert_eq!(pictures.image(splits.train[5]).unwrap().values, train.image(5));
    assert_eq!(pictures.image(splits.val[2]).unwrap().values, train.image(102));
    assert_eq!(pictures.image(splits.test[6]).unwrap().values, test.image(6));
    assert!(tasks::of(experiment.task(), None, None, &[]).is_err(), "no images");
    let summary = place.finish("images", &experiment);
    assert!(summary.test[Criterion::Mse.name()].is_finite());
}

#[test]
fn nets_and_images_that_do_not_belong_together_are_refused() {
    let strange = place(|split, i| format!("{}_{i}", split.name()));
    let message = open(&strange, &of_images()).unwrap_err();
    assert!(message.starts_with("net train_0: expected a name that says which image it draws"), "{message}");

    let beyond = place(|split, i| format!("train-{}{i}9999", split as usize));
    let message = open(&beyond, &of_images()).unwrap_err();
    assert!(message.contains("images of mini"), "{message}");

    let other = Place::new();
    let train = datasets::image_sets("mini", other.path()).unwrap().0;
    let wrong = move |split: Split, i: usize| match split {
        Split::Train => Target::Class((train.label(i).unwrap() + 1) % 10),
        _ => Target::None,
    };
    write_inrs(&other.path().join("inrs.packed"), image_name, wrong);
    let message = open(&other, &of_images()).unwrap_err();
    assert!(message.starts_with("net train-0: expected an image of class"), "{message}");

    let mut nameless = ExperimentFile::parse("tiny", "inherits = \"quick-editing\"").unwrap();
    ["data.kind=packed", "data.path=inrs.packed"]
        .iter()
        .for_each(|assignment| nameless.set(assignment).unwrap());
    let message = open(&beyond, &nameless.resolve().unwrap()).unwrap_err();
    assert!(message.starts_with("task.images: expected the folder of the images"), "{message}");
}

/// The nets of a file in the person's own way: coordinates from 0 to 1.
fn unit() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/unit01")
}

#[test]
fn nets_that_read_coordinates_from_0_to_1_are_drawn_and_edited_there() {
    let place = Place::new();
    let folder = place.path().join("unit01");
    std::fs::create_dir(&folder).unwrap();
    for entry in std::fs::read_dir(unit()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    let experiment = |coordinates: &str| {
        let data = "data={ kind=\"safetensors_dir\", path=\"unit01\" }";
        experiment(&[data, coordinates, "train.epochs=1", "train.learning_rate=1e-9", "train.warmup_steps=0"])
    };
    let [unit, usual] = ["[0.0, 1.0]", "[-1.0, 1.0]"]
        .map(|coordinates| experiment(&format!("task.coordinates={coordinates}")));
    assert!(!usual.to_toml().contains("coordinates"), "what is usual is not written");
    let nets = datasets::open(unit.data(), place.path(), &false.into()).unwrap();
    // The error of nets as they are, by the interpreter on the range that was asked for.
    for (name, experiment, first) in [("unit", &unit, 0.0), ("usual", &usual, -1.0)] {
        let summary = place.finish(name, experiment);
        let at = |i: usize, n: usize| first + (1.0 - first) * i as f64 / (n - 1) as f64;
        let pixels: Vec<_> =
            (0..SIZE[0]).flat_map(|row| (0..SIZE[1]).map(move |column| (row, column))).collect();
        let expected: f64 = (nets.splits.test.iter())
            .map(|&item| {
                let net = nets.source.get(item).unwrap().net;
                let drawn: Vec<f64> = pixels
                    .iter()
                    .map(|(row, column)| {
                        eval::run(&net, &[at(*column, SIZE[1]), at(*row, SIZE[0])]).unwrap()[0]
                    })
                    .collect();
                mean_squared_error(&drawn, &dilated(&drawn))
            })
            .sum::<f64>()
            / nets.splits.test.len() as f64;
        let found = summary.test[UNEDITED];
        assert!((found - expected).abs() < 1e-4 * expected, "{name}: {found} {expected}");
    }
}

#[test]
fn nets_that_draw_no_picture_are_refused_before_the_first_step() {
    let place = Place::new();
    for widths in [[3, 6, 1], [2, 6, 2], [1, 6, 3]] {
        let spec = Arc::new(NetSpec::mlp(&widths, Activation::Sine { omega: 30.0 }, 0.0).unwrap());
        let mut writer = Writer::create(&place.path().join("inrs.packed"), BTreeMap::new()).unwrap();
        for split in Split::ALL {
            let params = vec![0.1; spec.n_params()];
            let (id, target) = (any_name(split, 0), Target::None);
            writer.push(Item { id, spec: spec.clone(), params, target, split: Some(split) }).unwrap();
        }
        writer.finish().unwrap();
        let message = format!("{:#}", place.run("run", &experiment(&[]), false).unwrap_err());
        let widths = widths.map(|n| n.to_string()).join("-");
        assert_eq!(
            message,
            format!(
                "task.kind: expected nets that draw pictures, from the 2 coordinates of a pixel to 1 or 3 \
                 channels, found nets of widths {widths}"
            )
        );
    }
}

#[test]
fn an_edit_that_cannot_be_asked_for_is_refused_by_its_key() {
    let complaint = |overrides: &[&str]| format!("{:#}", editor(overrides).resolve().unwrap_err());
    for (overrides, message) in [
        (
            &["task.images=mini"][..],
            "task.images: expected nothing, since the target is what nets draw, found \"mini\"",
        ),
        (
            &["task.target=image"],
            "task.size: expected nothing, since an image has its own size, found a size",
        ),
        (
            &["task.coordinates=[1.0, 0.0]"],
            "task.coordinates: expected a number and a larger one, such as [0.0, 1.0], found [1, 0]",
        ),
        (&["task.size=[0, 5]"], "task.size: expected at least 1, found 0"),
        (
            &["task.brightness=[1.0, 1.0]"],
            "task.brightness: expected a number for black and a larger one for white, found 1 and 1",
        ),
        (
            &["model.output={ kind=\"per_graph\", readout=\"last_layer\", d_out=2, d_rho=4 }"],
            "model.output.kind: expected `per_param`, since the task changes every parameter, found `per_graph`",
        ),
        (
            &["model={ kind=\"stat_nn\", d_hidden=[4], d_out=2, layer_norm=false, dropout=0.0 }"],
            "model.kind: expected a model with an output `per_param`, since the task changes every parameter",
        ),
        (&["model.output.n_copies=0"], "model.output.n_copies: expected from 1 to 1024, found 0"),
    ] {
        assert_eq!(complaint(overrides), format!("experiment tiny: {message}"), "{overrides:?}");
    }
    assert!(complaint(&["task.edit=erode"]).contains("`dilate`"));
    let mut sizeless = ExperimentFile::parse("tiny", "inherits = \"quick-editing\"").unwrap();
    sizeless.set("task.target=drawing").unwrap();
    let message = format!("{:#}", sizeless.resolve().unwrap_err());
    assert!(
        message.ends_with("task.size: expected height and width of what nets draw, found nothing"),
        "{message}"
    );
}

#[test]
fn a_checkpoint_edits_nets_as_its_run_did_into_any_form() {
    let place = place(any_name);
    for (name, overrides) in [("one", &[][..]), ("copies", &["model.output.n_copies=2"])] {
        let experiment = experiment(&[&["train.epochs=1"], overrides].concat());
        place.finish(name, &experiment);
        let folder = place.folder_of(name, &experiment);
        let of_run = Reader::open(&folder.edited()).unwrap();
        let best = folder.best_checkpoint();
        let nets = place.path().join("inrs.packed");
        let [packed, as_folder] =
            ["packed", "folder"].map(|form| place.path().join(format!("{name}.{form}")));
        for out in [&packed, &as_folder] {
            succeed(&["edit", text(&best), text(&nets), "--out", text(out), "--batch", "5"]);
        }
        let edited = Reader::open(&packed).unwrap();
        let n_copies = if name == "one" { 1 } else { 2 };
        assert_eq!(edited.len(), 37 * n_copies);
        assert_eq!(edited.splits().test.len(), 7 * n_copies);
        for i in 0..of_run.len() {
            let place = (0..edited.len()).find(|place| edited.id(*place) == of_run.id(i)).unwrap();
            let apart = edited.row(place).iter().zip(of_run.row(i)).map(|(a, b)| (a - b).abs());
            assert!(apart.fold(0.0, f32::max) < 1e-5, "{}", of_run.id(i));
        }
        let n_files = std::fs::read_dir(&as_folder).unwrap();
        let n_files = n_files
            .filter(|entry| entry.as_ref().unwrap().path().extension() == Some("safetensors".as_ref()));
        assert_eq!(n_files.count(), 37 * n_copies);
    }
}

#[test]
fn one_net_is_edited_into_a_file_of_its_own() {
    let place = place(any_name);
    let experiment = experiment(&["train.epochs=1"]);
    place.finish("run", &experiment);
    let best = place.folder_of("run", &experiment).best_checkpoint();
    let sample = Reader::open(&place.path().join("inrs.packed")).unwrap().get(0).unwrap();
    let [before, after] = ["before.safetensors", "after.safetensors"].map(|name| place.path().join(name));
    sgmn_data::formats::folder::write_net(&before, &sample).unwrap();
    succeed(&["edit", text(&best), text(&before), "--out", text(&after)]);
    let net = sgmn_data::nets::open(&after, &Default::default()).unwrap().net().unwrap();
    assert_eq!(net.spec(), sample.net.spec());
    assert!(
        net.params().iter().zip(sample.net.params()).any(|(a, b)| (a - b).abs() > 1e-6),
        "nothing changed"
    );
    let all = place.path().join("inrs.packed");
    let message = refuse(&["edit", text(&best), text(&all), "--out", text(&after), "--force"]);
    assert!(message.contains("expected NAME.packed or a folder for a dataset"), "{message}");
    let table = place.path().join("out.csv");
    for (more, expected) in [
        (
            &[][..],
            "expected a model that answers about nets, found one that changes them; `sgmn edit` writes them",
        ),
        (
            &["--embed"],
            "expected a model with features of whole nets before a head, found one that changes nets",
        ),
    ] {
        let message = refuse(&[&["predict", text(&best), text(&all), "--out", text(&table)], more].concat());
        assert!(message.ends_with(expected), "{message}");
    }
}
