//! Our own formats: packed files and folders of safetensors.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use safetensors::{Dtype, tensor::TensorView};
use sgmn_data::{
    Dataset, Error, Sample, Source, Target,
    formats::{
        self, Format, FormatKind, folder, idx,
        packed::{self, Item, Reader, Writer},
    },
    nets::{self, Convolution, NetOptions},
    split::{Split, Splits},
};
use sgmn_graph::{Activation, LayerMap, Net, NetSpec, PoolWords, Reading, eval};

use crate::formats::{open, testdata};

fn file_names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub(crate) fn items() -> Vec<Item> {
    let mlp = Arc::new(NetSpec::mlp(&[2, 5, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap());
    let cnn = Arc::new(NetSpec::cnn_zoo(&[1, 2, 3], Activation::Relu).unwrap());
    let item = |(i, spec): (usize, &Arc<NetSpec>)| Item {
        id: format!("net ä{i}"),
        // Equal architectures in different places are one in the file.
        spec: Arc::new((**spec).clone()),
        params: (0..spec.n_params()).map(|k| (k as f32 + i as f32 * 0.1).sin()).collect(),
        target: [Target::Class(3), Target::Score(0.25), Target::None][i % 3],
        split: [Some(Split::Test), None, Some(Split::Train)][i % 3],
    };
    [&mlp, &cnn, &mlp, &mlp, &cnn].into_iter().enumerate().map(item).collect()
}

pub(crate) fn write_items(path: &Path) {
    let provenance = BTreeMap::from([("source".to_owned(), "a test".to_owned())]);
    let mut writer = Writer::create(path, provenance).unwrap();
    for item in items() {
        writer.push(item).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn a_packed_file_gives_back_what_was_pushed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nets.packed");
    write_items(&path);
    let reader = Reader::open(&path).unwrap();
    assert_eq!((reader.len(), reader.specs().len()), (5, 2));
    for (i, item) in items().into_iter().enumerate() {
        assert_eq!(reader.row(i), item.params);
        assert_eq!(reader.row(i).as_ptr().addr() % 64, 0, "rows are aligned");
        assert_eq!(
            (reader.id(i), reader.spec(i), reader.target(i)),
            (item.id.as_str(), &item.spec, item.target)
        );
        assert_eq!(reader.split(i), item.split);
        let sample = reader.get(i).unwrap();
        assert_eq!((sample.id.as_str(), sample.target), (item.id.as_str(), item.target));
        assert!(sample.net.params().iter().zip(&item.params).all(|(&a, &b)| a == f64::from(b)));
        let lent = reader.lend(i).unwrap().unwrap();
        assert_eq!((lent.id, lent.target, reader.name(i)), (item.id.as_str(), item.target, item.id.clone()));
        assert_eq!(
            (lent.net.spec(), lent.net.weight(0).as_ptr()),
            (&item.spec, reader.row(i).as_ptr()),
            "no copy"
        );
    }
    assert_eq!(*reader.splits(), Splits { train: vec![2], val: vec![], test: vec![0, 3] });
    assert_eq!(reader.provenance()["source"], "a test");
    assert_eq!(formats::detect(&path).unwrap(), FormatKind::Packed);

    let again = folder.path().join("again.packed");
    write_items(&again);
    assert_eq!(
        std::fs::read(&path).unwrap(),
        std::fs::read(&again).unwrap(),
        "the same nets give the same bytes"
    );
}

#[test]
fn an_empty_packed_file_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.packed");
    Writer::create(&path, BTreeMap::new()).unwrap().finish().unwrap();
    assert!(Reader::open(&path).unwrap().is_empty());
}

#[test]
fn refused_items_and_unfinished_files_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nets.packed");
    std::fs::write(&path, "old").unwrap();
    let mut writer = Writer::create(&path, BTreeMap::new()).unwrap();
    let item = &items()[0];
    writer.push(item.clone()).unwrap();
    let refused = |writer: &mut Writer, item: Item| writer.push(item).unwrap_err().to_string();
    assert!(refused(&mut writer, item.clone()).contains("\"net ä0\" a second time"));
    let short = Item { id: "b".into(), params: vec![0.0; 3], ..item.clone() };
    assert!(refused(&mut writer, short).contains("parameters: expected 21, found 3"));
    let mut params = item.params.clone();
    params[7] = f32::NAN;
    assert!(refused(&mut writer, Item { id: "b".into(), params, ..item.clone() }).contains("value 7 is NaN"));
    let score = Item { id: "b".into(), target: Target::Score(f64::INFINITY), ..item.clone() };
    assert!(refused(&mut writer, score).contains("a finite score"));
    drop(writer);
    assert_eq!(file_names(folder.path()), ["nets.packed"]);
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
}

#[test]
fn packing_keeps_nets_targets_and_splits_of_every_published_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nets.packed");
    for (kind, name) in [(FormatKind::DwsMnist, "mnist-inrs"), (FormatKind::CnnZoo, "smallcnnzoo")] {
        let dataset = open(kind, name);
        let mut seen = Vec::new();
        let packed =
            packed::pack(&dataset, &path, BTreeMap::new(), |done, all| seen.push((done, all)), &false.into())
                .unwrap();
        let n = dataset.source.len();
        assert_eq!((packed.n_items, packed.n_rounded), (n, 0));
        assert_eq!(seen, [(n, n)]);
        assert_same(&FormatKind::Packed.published().open(&path).unwrap(), &dataset);
    }
}

#[test]
fn packing_that_is_stopped_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nets.packed");
    let dataset = open(FormatKind::DwsMnist, "mnist-inrs");
    let stopped = packed::pack(&dataset, &path, BTreeMap::new(), |_, _| (), &true.into());
    assert!(matches!(stopped, Err(Error::Interrupted)));
    assert!(file_names(folder.path()).is_empty());
}

/// The same items in the same order and in the same splits.
fn assert_same(found: &Dataset, expected: &Dataset) {
    let n = expected.source.len();
    assert_eq!(found.source.len(), n);
    for i in 0..n {
        assert_eq!(found.source.get(i).unwrap(), expected.source.get(i).unwrap());
    }
    assert_eq!(found.splits.assignment(n).unwrap(), expected.splits.assignment(n).unwrap());
}

#[test]
fn a_folder_of_safetensors_gives_back_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let packed = folder.path().join("nets.packed");
    write_items(&packed);
    let dataset = FormatKind::Packed.published().open(&packed).unwrap();
    let nets = folder.path().join("nets");
    folder::write(&dataset, &nets, |_, _| {}).unwrap();
    assert_eq!(formats::detect(&nets).unwrap(), FormatKind::Folder);
    let back = FormatKind::Folder.published().open(&nets).unwrap();
    assert_same(&back, &dataset);

    let first = nets.join("net-ä0.safetensors");
    let bytes = std::fs::read(&first).unwrap();
    folder::write_net(&first, &back.source.get(0).unwrap()).unwrap();
    assert_eq!(std::fs::read(&first).unwrap(), bytes, "the same net gives the same bytes");
    assert!(!file_names(&nets).iter().any(|name| name.ends_with(".tmp")));
}

#[test]
fn numbers_that_f32_cannot_hold_are_written_as_f64() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let spec = Arc::new(NetSpec::mlp(&[1, 1], Activation::Tanh, 0.0).unwrap());
    let net = Net::new(spec, vec![0.1, 1.0]).unwrap();
    let sample = Sample { id: "a".into(), net, target: Target::Score(0.1) };
    folder::write_net(&path, &sample).unwrap();
    assert_eq!(nets::open(&path, &NetOptions::default()).unwrap().sample().unwrap(), sample);
}

/// A file as anyone would write it: names, shapes, zeros; and metadata.
fn plain_file(path: &Path, tensors: &[(&str, &[usize])], metadata: &[(&str, &str)]) {
    let zeros = vec![0; 4096];
    let views = tensors.iter().map(|(name, shape)| {
        let len = 4 * shape.iter().product::<usize>();
        (*name, TensorView::new(Dtype::F32, shape.to_vec(), &zeros[..len]).unwrap())
    });
    let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    std::fs::write(path, safetensors::serialize(views, Some(metadata)).unwrap()).unwrap();
}

#[test]
fn architectures_are_inferred_from_names_shapes_metadata_and_options() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.safetensors");
    let mlp: &[(&str, &[usize])] =
        &[("1.weight", &[1, 3]), ("0.bias", &[3]), ("0.weight", &[3, 2]), ("1.bias", &[1])];
    let read = |options: &NetOptions| nets::open(&path, options)?.sample();

    plain_file(&path, mlp, &[]);
    let message = read(&NetOptions::default()).unwrap_err().to_string();
    assert!(
        message.contains("the file does not say the activation of its hidden layers (--activation WORD"),
        "{message}"
    );
    let options = NetOptions { activation: Some("tanh".parse().unwrap()), ..Default::default() };
    let sample = read(&options).unwrap();
    assert_eq!((sample.id.as_str(), sample.target), ("mine", Target::None));
    assert_eq!(**sample.net.spec(), NetSpec::mlp(&[2, 3, 1], Activation::Tanh, 0.0).unwrap());

    let sine = r#"{"kind": "sine", "omega": 30.0}"#;
    plain_file(&path, mlp, &[("activation", sine), ("output_offset", "0.5"), ("label", "7")]);
    let sample = read(&NetOptions::default()).unwrap();
    assert_eq!(**sample.net.spec(), NetSpec::mlp(&[2, 3, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap());
    let said = read(&options).unwrap();
    assert_eq!(
        said.net.spec().layers()[0].activation,
        Activation::Tanh,
        "a person's word goes before the file's"
    );
    assert_eq!(sample.target, Target::Class(7));

    let cnn: &[(&str, &[usize])] =
        &[("c.weight", &[4, 1, 3, 3]), ("c.bias", &[4]), ("d.weight", &[2, 36]), ("d.bias", &[2])];
    plain_file(&path, cnn, &[("activation", "relu")]);
    assert!(
        read(&NetOptions::default())
            .unwrap_err()
            .to_string()
            .contains("step and padding of its convolutions (--stride")
    );
    let convolution = Some(Convolution { stride: [2, 2], padding: [1, 0] });
    let told = NetOptions { convolution, channels: Some(1), ..Default::default() };
    let message = read(&told).unwrap_err().to_string();
    assert!(message.contains("whether its convolutions are pooled, and where (--pool none, "), "{message}");
    let pool = |words: &str| Some(words.parse::<PoolWords>().unwrap());
    let sample = read(&NetOptions { pool: pool("none"), ..told.clone() }).unwrap();
    let maps: Vec<LayerMap> = sample.net.spec().layers().iter().map(|layer| layer.map).collect();
    let reading = Reading::Flatten { positions: 9 };
    assert_eq!(
        maps,
        [
            LayerMap::Conv { n_in: 1, n_out: 4, kernel: [3, 3], stride: [2, 2], padding: [1, 0] },
            LayerMap::Linear { n_in: 4, n_out: 2, reading },
        ]
    );
    let pooled = read(&NetOptions { pool: pool("max:2:1:before"), ..told.clone() }).unwrap();
    let found: Vec<String> =
        pooled.net.spec().layers().iter().map(|layer| layer.nonlinearity().to_string()).collect();
    assert_eq!(found, ["max:2:1:before, relu", "identity"]);
    // The convolution leaves 4 × 4 places and the windows 3 × 3, as many as the flatten reads.
    assert!(eval::run_image(&pooled.net, &[0.5; 7 * 9], [7, 9]).is_ok());
    assert!(eval::run_image(&sample.net, &[0.5; 7 * 9], [7, 9]).is_err());
    let two = read(&NetOptions { pool: pool("max:2:after,none"), ..told }).unwrap_err().to_string();
    assert!(two.contains("expected one word, for one convolution at most, found 2"), "{two}");
}

#[test]
fn options_of_a_folder_are_read_from_text() {
    let text =
        r#"{"kind": "safetensors_dir", "activation": {"kind": "sine", "omega": 30.0}, "output_offset": 0.5}"#;
    let Format::Folder(options) = serde_json::from_str(text).unwrap() else { panic!("another format") };
    assert_eq!(options.net.activation, Some(Activation::Sine { omega: 30.0 }.into()));
    assert_eq!(options.net.output_offset, Some(0.5));
    let unknown = r#"{"kind": "folder", "lables": "folder"}"#;
    let message = serde_json::from_str::<Format>(unknown).unwrap_err().to_string();
    assert!(message.contains("unknown field `lables`"), "{message}");
}

#[test]
fn idx_files_are_read_plain_and_gzipped_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let images = idx::read_images(&testdata("mnist_images.idx.gz")).unwrap();
    assert!(images.item(3).iter().any(|&byte| byte > 200), "an image has bright pixels");
    let path = folder.path().join("images.idx");
    idx::write(&path, &images).unwrap();
    assert_eq!(idx::read(&path).unwrap(), images);
    let message = idx::read_labels(&path).unwrap_err().to_string();
    assert!(message.ends_with("expected labels of one dimension, found shape [4, 28, 28]"), "{message}");
    assert!(idx::Idx::new(vec![2, 2], vec![0; 3]).is_none());
}
