//! Zoos and collections in the forms that people have them.

use std::path::Path;

use sgmn_data::{
    Dataset, Target,
    formats::{self, Format, FormatKind, cnn_zoo},
};
use sgmn_graph::{Activation, LayerMap, Reading, eval};

use crate::datasets::{case, ids, samples, sizes, targets};

// 12: CSV zoos.

fn zoo(name: &str, text: &str) -> Dataset {
    let options: cnn_zoo::Options = toml::from_str(text).unwrap();
    cnn_zoo::open(&case("12-cnn-zoo-variants").join(name), &options)
        .unwrap_or_else(|why| panic!("{name}: {why}"))
}

#[test]
fn every_variant_of_the_zoo_is_read() {
    let published = [9, 3, 12];
    for name in ["keras3", "f64", "split_bom", "plain_csv", "acc_percent"] {
        let dataset = zoo(name, "");
        assert_eq!((dataset.source.len(), sizes(&dataset.splits)), (24, published), "{name}");
        assert!(dataset.notes.is_empty(), "{name}: {:?}", dataset.notes);
        let first = dataset.source.get(0).unwrap();
        assert_eq!(first.net.params().len(), 90);
        let row: f64 = first.id.strip_prefix("row").unwrap().parse().unwrap();
        let Target::Score(score) = first.target else { panic!("{name}: no score") };
        let expected = if name == "acc_percent" { 50.0 + row } else { 0.3 + row / 100.0 };
        assert!((score - expected).abs() < 1e-9, "{name}: {score} of row {row}");
    }
}

#[test]
fn a_zoo_without_a_split_gets_one_and_any_column_may_be_asked_for() {
    let dataset = zoo("no_split", "");
    assert_eq!(sizes(&dataset.splits), [19, 3, 2], "shares of 24");
    assert!(dataset.notes[0].starts_with("there is no file *_split.csv: the split is drawn from seed 0"));
    let drawn = zoo("keras3", "target = \"poisoned\"\ndraw = { seed = 1, shares = [0.5, 0.25] }");
    assert_eq!((sizes(&drawn.splits), drawn.notes.len()), ([12, 6, 6], 0));
    assert_eq!(
        (drawn.source.get(0).unwrap().target, drawn.source.get(1).unwrap().target),
        (Target::Score(0.0), Target::Score(1.0))
    );
    let options = cnn_zoo::Options { target: "accuracy".into(), ..Default::default() };
    let message = cnn_zoo::open(&case("12-cnn-zoo-variants/f64"), &options).unwrap_err().to_string();
    assert!(
        message.contains("expected a column \"accuracy\", found the columns modeldir, config.activation"),
        "{message}"
    );
}

// 19: split files with backslashes.

#[test]
fn split_files_of_windows_are_read() {
    let path = case("19-dws-windows");
    assert_eq!(formats::detect(&path).unwrap(), FormatKind::DwsMnist);
    let dataset = FormatKind::DwsMnist.published().open(&path).unwrap();
    assert_eq!((dataset.source.len(), sizes(&dataset.splits)), (8, [4, 2, 2]));
    assert_eq!(targets(&dataset)[..5], [0, 1, 2, 0, 1].map(Target::Class));
}

// 05: a collection of the Model Zoos.

#[test]
fn a_collection_of_model_zoos_is_a_dataset_with_metrics_as_targets() {
    let path = case("05-modelzoo-cnn/zoo");
    assert_eq!(formats::detect(&path).unwrap(), FormatKind::ModelZoo);
    let open =
        |text: &str| toml::from_str::<Format>(&format!("kind = \"model_zoo\"\n{text}")).unwrap().open(&path);
    let dataset = open("").unwrap();
    let found = samples(&dataset);
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].id, "NN_tune_trainable_00000_0_seed=0_2022-01-01_10-00-00/checkpoint_000050");
    assert!(found.iter().all(|sample| sample.target == Target::Score(0.6)));
    assert_eq!(sizes(&dataset.splits), [1, 1, 1]);
    assert!(dataset.notes.iter().all(|note| !note.contains("maximum")), "{:?}", dataset.notes);

    let layers = found[0].net.spec().layers();
    assert_eq!(layers.len(), 5);
    assert!(matches!(layers[1].map, LayerMap::Conv { kernel: [5, 5], stride: [1, 1], padding: [0, 0], .. }));
    assert!(matches!(
        layers[3].map,
        LayerMap::Linear { n_out: 20, reading: Reading::Flatten { positions: 9 }, .. }
    ));
    let words: Vec<String> = layers.iter().map(|layer| layer.nonlinearity().to_string()).collect();
    assert_eq!(words, ["max:2:before, tanh", "max:2:before, tanh", "tanh", "tanh", "identity"]);
    // An image of its dataset fits: two convolutions and maxima leave 3 × 3 places for the flatten.
    assert_eq!(eval::run_image(&found[0].net, &[0.5; 28 * 28], [28, 28]).unwrap().len(), 10);
    assert!(eval::run_image(&found[0].net, &[0.5; 32 * 32], [32, 32]).is_err());

    let early = open("epochs = 0\ntarget = \"train_acc\"").unwrap();
    assert!(targets(&early).iter().all(|target| *target == Target::Score(0.2)));
    let all = open("epochs = \"all\"").unwrap();
    assert_eq!(
        (all.source.len(), sizes(&all.splits)),
        (6, [2, 2, 2]),
        "epochs of one training stay together"
    );
    assert!(open("epochs = 7").unwrap_err().to_string().ends_with("found epochs 0, 50"));
    let message = open("target = \"accuracy\"").unwrap_err().to_string();
    assert!(
        message.contains("found numbers named training_iteration, test_acc, train_acc, test_loss"),
        "{message}"
    );
}

#[test]
fn a_training_without_its_text_files_may_be_left_out() {
    let zoo = case("05-modelzoo-cnn/zoo");
    let folder = tempfile::tempdir().unwrap();
    for (i, training) in ["a", "b"].into_iter().enumerate() {
        let from = std::fs::read_dir(&zoo).unwrap().map(|entry| entry.unwrap().path()).nth(i).unwrap();
        let to = folder.path().join(training);
        std::fs::create_dir_all(to.join("checkpoint_000050")).unwrap();
        for file in ["params.json", "result.json", "checkpoint_000050/checkpoints"] {
            std::fs::copy(from.join(file), to.join(file)).unwrap();
        }
    }
    std::fs::write(
        folder.path().join("b/result.json"),
        "{\"training_iteration\": 50, \"test_acc\": NaN}\n{\"trai",
    )
    .unwrap();
    let open = |text: &str| {
        toml::from_str::<Format>(&format!("kind = \"model_zoo\"\n{text}")).unwrap().open(folder.path())
    };
    assert!(open("").unwrap_err().to_string().contains("result.json: expected the metric \"test_acc\""));
    let dataset = open("on_bad_net = \"skip\"").unwrap().checked(|_, _| {}, &false.into()).unwrap();
    assert_eq!(
        (ids(&dataset), dataset.skipped[0].net.as_str()),
        (vec!["a/checkpoint_000050".to_owned()], "b/checkpoint_000050")
    );
}

// CNN Wild Park.

#[test]
fn the_park_is_read_and_residual_nets_are_refused_with_their_reason() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cnn_park");
    assert_eq!(formats::detect(&path).unwrap(), FormatKind::CnnPark);
    let open = |text: &str| {
        toml::from_str::<Format>(&format!("kind = \"cnn_park\"\n{text}")).unwrap().open(&path).unwrap()
    };
    let dataset = open("");
    assert_eq!((dataset.source.len(), sizes(&dataset.splits)), (8, [4, 2, 2]));
    let first = dataset.source.get(0).unwrap();
    let layers = first.net.spec().layers();
    assert_eq!(first.target, Target::Score(0.1 + 0.01));
    assert!(matches!(
        layers[1].map,
        LayerMap::Conv { n_in: 4, n_out: 2, kernel: [5, 5], stride: [1, 1], padding: [2, 2] }
    ));
    assert!(matches!(
        layers[2].map,
        LayerMap::Linear { n_in: 2, n_out: 10, reading: Reading::GlobalAverage }
    ));
    assert_eq!(
        [layers[0].activation, layers[1].activation],
        [Activation::Relu, Activation::LeakyRelu { slope: 0.01 }]
    );
    let message = dataset.source.get(2).unwrap_err().to_string();
    assert!(
        message.ends_with("residual connections (of convolution 0 to 2), which cannot be represented yet"),
        "{message}"
    );

    let checked = open("on_bad_net = \"skip\"").checked(|_, _| {}, &false.into()).unwrap();
    assert_eq!((checked.source.len(), checked.skipped.len(), sizes(&checked.splits)), (6, 2, [2, 2, 2]));
    let last = open("steps = \"last\"");
    assert_eq!((last.source.len(), last.source.get(0).unwrap().target), (4, Target::Score(0.1 + 0.02)));
    assert_eq!(open("steps = 10").source.len(), 4);
}
