//! Datasets as people keep them: folders of nets, and each right value of the files we were given.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use sgmn_data::{
    Dataset, Error, Sample, Target,
    formats::{
        self, Format, FormatKind,
        folder::{self, Labels, Options},
        packed,
    },
    nets::NetOptions,
    skip::OnBadNet,
    split::{Draw, Split, Splits},
};

pub(crate) fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cases").join(name)
}

/// Options as a person writes them.
pub(crate) fn options(text: &str) -> Options {
    toml::from_str(text).unwrap_or_else(|why| panic!("{text}: {why}"))
}

fn open(path: &Path, text: &str) -> Dataset {
    folder::open(path, &options(text)).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn fault(path: &Path, text: &str) -> String {
    folder::open(path, &options(text)).unwrap_err().to_string()
}

pub(crate) fn samples(dataset: &Dataset) -> Vec<Sample> {
    (0..dataset.source.len()).map(|i| dataset.source.get(i).unwrap()).collect()
}

pub(crate) fn ids(dataset: &Dataset) -> Vec<String> {
    samples(dataset).into_iter().map(|sample| sample.id).collect()
}

pub(crate) fn targets(dataset: &Dataset) -> Vec<Target> {
    samples(dataset).into_iter().map(|sample| sample.target).collect()
}

pub(crate) fn sizes(splits: &Splits) -> [usize; 3] {
    Split::ALL.map(|split| splits.get(split).len())
}

/// Twelve nets of so many classes in turn, as the files have them.
fn in_turn(n_classes: u32) -> Vec<Target> {
    (0..12).map(|i| Target::Class(i % n_classes)).collect()
}

/// A temporary folder with copies of files under other names.
fn folder_of(files: &[(&str, &Path)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, from) in files {
        let to = folder.path().join(name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    }
    folder
}

fn one_net() -> PathBuf {
    case("13-file-system/no_splits/0000.safetensors")
}

pub(crate) const SINE: &str = "activation = \"sine:30\"\noutput_offset = 0.0\n";

// 06: a folder of .pth with labels of one's own.

#[test]
fn labels_are_read_from_the_only_table_that_lists_all_nets_and_that_is_said() {
    let dataset = open(&case("06-folder-of-pth/flat"), SINE);
    assert_eq!(targets(&dataset), in_turn(3));
    assert!(
        dataset.notes.iter().any(|note| note.contains("labels.csv, the only table that lists every net"))
    );
    assert!(dataset.notes.iter().any(|note| note.contains("drawn from seed 0")), "{:?}", dataset.notes);
    assert_eq!(sizes(&dataset.splits), [10, 1, 1]);
    assert_eq!(formats::detect(&case("06-folder-of-pth/flat")).unwrap(), FormatKind::Folder);
}

#[test]
fn labels_are_read_from_tables_names_and_files_as_they_are_asked_for() {
    let flat = case("06-folder-of-pth/flat");
    for labels in [
        "labels = \"labels.csv\"",
        "labels = { csv = \"labels.csv\", file = \"file\", column = \"label\" }",
        "labels = { name = \"label(\\\\d+)\" }",
    ] {
        assert_eq!(targets(&open(&flat, &format!("{SINE}{labels}"))), in_turn(3), "{labels}");
    }
    assert_eq!(targets(&open(&flat, &format!("{SINE}labels = \"none\""))), vec![Target::None; 12]);
    let scores = open(&flat, &format!("{SINE}labels = \"labels.csv\"\ntarget = \"label\""));
    assert_eq!(targets(&scores), in_turn(3));
    assert_eq!(targets(&open(&case("06-folder-of-pth/in_labels"), SINE)), in_turn(3));
}

#[test]
fn what_is_missing_in_a_table_is_named() {
    let flat = case("06-folder-of-pth/flat");
    let message = fault(&flat, &format!("{SINE}labels = {{ csv = \"labels.csv\", column = \"digit\" }}"));
    assert!(message.ends_with("expected a column \"digit\", found the columns file, label"), "{message}");
    let message = fault(&flat, &format!("{SINE}labels = {{ csv = \"labels.csv\", file = \"net\" }}"));
    assert!(message.ends_with("expected a column \"net\", found the columns file, label"), "{message}");
    assert!(
        fault(&flat, &format!("{SINE}labels = \"inside\""))
            .contains("nets with a label or a score, in the nets' own files")
    );
    assert!(
        fault(&flat, &format!("{SINE}split = {{ column = \"split\" }}"))
            .contains("expected a column \"split\"")
    );
    assert!(
        fault(&flat, "labels = \"labels.csv\"").contains("activation"),
        "what a file leaves open is asked for on opening"
    );
}

#[test]
fn any_column_of_numbers_is_a_target_and_a_column_gives_the_split() {
    let folder = folder_of(&[
        ("a.safetensors", &one_net()),
        ("b.safetensors", &one_net()),
        ("c.safetensors", &one_net()),
    ]);
    let table = "name;kind;acc;split\na;cat;93.5;train\nb;dog;-2;validation\nc.safetensors;cat;1e3;\n";
    std::fs::write(folder.path().join("metrics.csv"), table).unwrap();
    let asked = |text: &str| format!("labels = {{ csv = \"metrics.csv\", column = \"kind\" }}\n{text}");
    let scores = open(folder.path(), &asked("target = \"acc\""));
    assert_eq!(targets(&scores), [93.5, -2.0, 1000.0].map(Target::Score));
    assert_eq!(scores.splits, Splits { train: vec![0], val: vec![1], test: vec![] });
    assert!(scores.notes.contains(&"1 net(s) in no split".to_owned()), "{:?}", scores.notes);
    let classes = open(folder.path(), &asked(""));
    assert_eq!(targets(&classes), [0, 1, 0].map(Target::Class));
    assert_eq!(classes.classes.unwrap(), ["cat", "dog"]);
    let ordered = open(folder.path(), &asked("classes = [\"dog\", \"fish\", \"cat\"]"));
    assert_eq!(targets(&ordered), [2, 0, 2].map(Target::Class));
    assert!(
        fault(folder.path(), &asked("classes = [\"dog\"]"))
            .contains("found the label \"cat\" of a.safetensors")
    );
    let message = fault(folder.path(), "labels = { csv = \"metrics.csv\", column = \"acc\" }");
    assert!(message.contains("the label 93.5 of a.safetensors, which counts no class"), "{message}");
    let message = fault(folder.path(), "labels = \"metrics.csv\"");
    assert!(message.contains("the column of") && message.contains("of kind, acc, split"), "{message}");
    assert!(
        fault(folder.path(), &asked("target = \"kind\""))
            .contains("finite numbers in the column \"kind\", found \"cat\"")
    );
}

#[test]
fn json_gives_labels_as_a_table_does() {
    let folder = folder_of(&[("a.safetensors", &one_net()), ("b.safetensors", &one_net())]);
    for content in
        [r#"{"a": "x", "b": "y"}"#, r#"[{"id": "b.safetensors", "label": "y"}, {"id": "a", "label": "x"}]"#]
    {
        std::fs::write(folder.path().join("labels.json"), content).unwrap();
        let dataset = open(folder.path(), "labels = \"labels.json\"");
        assert_eq!(targets(&dataset), [0, 1].map(Target::Class), "{content}");
    }
    std::fs::write(folder.path().join("labels.json"), r#"{"a": 1, "x/a": 2}"#).unwrap();
    assert!(fault(folder.path(), "labels = \"labels.json\"").contains("rows 1 and 2 about a.safetensors"));
}

// 13: file systems.

#[test]
fn hidden_files_are_no_nets() {
    let names = ["a.safetensors", "b.safetensors", "c.safetensors"];
    let folder = folder_of(
        &names.map(|name| (name, one_net()))[..]
            .iter()
            .map(|(name, net)| (*name, net.as_path()))
            .collect::<Vec<_>>(),
    );
    // What macOS leaves on other file systems, beside the files it copies.
    std::fs::write(folder.path().join("._a.safetensors"), [0, 5, 0x16, 7, 0, 2, 0, 0]).unwrap();
    std::fs::write(folder.path().join(".DS_Store"), "\0\0\0\u{1}Bud1").unwrap();
    std::fs::write(folder.path().join("splits.json"), r#"{"train": ["a"], "val": ["b"], "test": ["c"]}"#)
        .unwrap();
    let dataset = open(folder.path(), "");
    assert_eq!(ids(&dataset), ["a", "b", "c"]);
    assert_eq!(dataset.splits, Splits { train: vec![0], val: vec![1], test: vec![2] });
    assert!(dataset.notes.is_empty(), "{:?}", dataset.notes);
}

#[test]
fn splits_named_valid_and_splits_of_numbers_are_read() {
    for (name, val) in [("splits_valid_name", ["0006", "0007", "0008"]), ("splits_ints", ["6", "7", "8"])] {
        let dataset = open(&case("13-file-system").join(name), "");
        assert_eq!(sizes(&dataset.splits), [6, 3, 3], "{name}");
        let found: Vec<String> =
            dataset.splits.val.iter().map(|&i| dataset.source.get(i).unwrap().id).collect();
        assert_eq!(found, val);
    }
}

#[test]
fn without_a_split_one_is_drawn_and_that_is_said() {
    let path = case("13-file-system/no_splits");
    let dataset = open(&path, "");
    assert!(
        dataset.notes.iter().any(|note| note.starts_with("no split is said: the split is drawn from seed 0"))
    );
    assert_eq!(dataset.splits, Draw::default().splits(&in_turn(2)).unwrap());
    let drawn = open(&path, "split = { seed = 3, shares = [0.5, 0.25] }");
    assert_eq!((sizes(&drawn.splits), drawn.notes.len()), ([6, 3, 3], 0), "{:?}", drawn.notes);
    assert_eq!(sizes(&open(&path, "split = \"none\"").splits), [0, 0, 0]);
}

#[test]
fn names_in_any_script_survive_whatever_way_they_are_composed() {
    let names = ["cafe\u{301}", "Ω1", "ñandú", "犬", "猫", "鳥"];
    let files: Vec<(String, PathBuf)> =
        names.iter().map(|name| (format!("{name}.safetensors"), one_net())).collect();
    let files: Vec<(&str, &Path)> =
        files.iter().map(|(name, from)| (name.as_str(), from.as_path())).collect();
    let folder = folder_of(&files);
    let splits =
        "{\"train\": [\"犬\", \"猫\", \"鳥\"], \"val\": [\"n\u{303}andú\"], \"test\": [\"café\", \"Ω1\"]}";
    std::fs::write(folder.path().join("splits.json"), splits).unwrap();
    let dataset = open(folder.path(), "");
    let expected = ["café", "ñandú", "Ω1", "犬", "猫", "鳥"];
    assert_eq!(ids(&dataset), expected);
    assert_eq!(dataset.splits, Splits { train: vec![3, 4, 5], val: vec![1], test: vec![0, 2] });

    let out = folder.path().join("out");
    assert!(folder::write(&dataset, &out, |_, _| {}).unwrap().is_empty());
    let back = open(&out, "");
    assert_eq!((ids(&back), back.splits), (expected.map(str::to_owned).to_vec(), dataset.splits.clone()));

    std::fs::copy(one_net(), folder.path().join("caf\u{e9}.safetensors")).unwrap();
    let message = fault(folder.path(), "");
    assert!(
        message.contains("cafe\u{301}.safetensors and ") && message.contains("caf\u{e9}.safetensors"),
        "{message}"
    );
}

#[test]
fn folders_give_classes_and_splits() {
    let net = one_net();
    let folder = folder_of(&[
        ("train/dog/a.safetensors", &net),
        ("train/cat/a.safetensors", &net),
        ("val/dog/b/c.safetensors", &net),
        ("test/cat/d.safetensors", &net),
    ]);
    let dataset = open(folder.path(), "labels = \"folder\"");
    assert_eq!(ids(&dataset), ["test/cat/d", "train/cat/a", "train/dog/a", "val/dog/b/c"]);
    assert_eq!(targets(&dataset), [0, 0, 1, 1].map(Target::Class));
    assert_eq!(dataset.splits, Splits { train: vec![1, 2], val: vec![3], test: vec![0] });
    assert_eq!(dataset.classes.as_deref().unwrap(), ["cat", "dog"]);
    assert!(dataset.notes.contains(&"the split is that of the folders' names".to_owned()));
    std::fs::write(folder.path().join("splits.json"), r#"{"train": ["a"]}"#).unwrap();
    let message = fault(folder.path(), "");
    assert!(message.contains("may be train/cat/a.safetensors or train/dog/a.safetensors"), "{message}");
}

#[test]
fn names_of_classes_survive_packing_and_writing() {
    let folder = folder_of(&[("x/a.safetensors", &one_net()), ("y/b.safetensors", &one_net())]);
    let dataset = open(folder.path(), "labels = \"folder\"\nclasses = [\"y\", \"x\"]");
    let path = folder.path().join("nets.packed");
    packed::pack(&dataset, &path, BTreeMap::new(), |_, _| {}, &false.into()).unwrap();
    let packed = packed::open(&path, &packed::Options::default()).unwrap();
    assert_eq!(packed.classes.as_deref().unwrap(), ["y", "x"]);
    assert_eq!(targets(&packed), [1, 0].map(Target::Class));
    let out = folder.path().join("out");
    folder::write(&packed, &out, |_, _| {}).unwrap();
    let back = open(&out, "");
    assert_eq!(
        (back.classes.as_deref().unwrap(), targets(&back)),
        (&["y".to_owned(), "x".to_owned()][..], targets(&packed))
    );
}

// 14: labels and bad nets.

#[test]
fn a_label_and_a_score_are_asked_about_and_either_is_read() {
    let path = case("14-labels-scores/score_and_label");
    let message = fault(&path, "");
    assert!(
        message.starts_with("target: expected \"label\" or \"score\", since nets have both"),
        "{message}"
    );
    assert_eq!(targets(&open(&path, "target = \"label\"")), in_turn(2));
    let scores = targets(&open(&path, "target = \"score\""));
    assert!(scores.iter().all(|target| matches!(target, Target::Score(_))), "{scores:?}");
}

#[test]
fn one_bad_net_ends_the_work_or_is_left_out_counted_and_named() {
    let path = case("14-labels-scores/one_nan_net");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("nets.packed");
    let pack = |dataset: &Dataset| packed::pack(dataset, &out, BTreeMap::new(), |_, _| {}, &false.into());
    assert!(pack(&open(&path, "")).unwrap_err().to_string().contains("is NaN") && !out.exists());

    let dataset = open(&path, "on_bad_net = \"skip\"");
    let packed = pack(&dataset).unwrap();
    assert_eq!((packed.n_items, packed.skipped.len()), (11, 1));
    let bad = &packed.skipped[0];
    assert!(bad.why.contains("is NaN") && bad.net == "0002.safetensors", "{bad:?}");
    let again = packed::open(&out, &packed::Options {}).unwrap();
    assert_eq!((again.source.len(), &again.skipped), (11, &packed.skipped));

    let n_in_splits = sizes(&dataset.splits).iter().sum::<usize>();
    let checked = dataset.checked(|_, _| {}, &false.into()).unwrap();
    assert_eq!((checked.source.len(), &checked.skipped), (11, &packed.skipped));
    assert_eq!((n_in_splits, sizes(&checked.splits).iter().sum::<usize>()), (12, 11));
    assert!(checked.notes.iter().any(|note| note.starts_with("1 net(s) left out, the first: ")));
}

#[test]
fn files_that_are_no_nets_at_all_may_be_left_out_too() {
    let folder = folder_of(&[("a.safetensors", &one_net()), ("b.safetensors", &one_net())]);
    std::fs::write(folder.path().join("c.pth"), "PK\u{3}\u{4} not an archive").unwrap();
    std::fs::write(folder.path().join("notes.docx"), "").unwrap();
    assert!(fault(folder.path(), "").contains("c.pth"));
    let dataset = open(folder.path(), "on_bad_net = \"skip\"");
    assert!(
        dataset.notes.iter().any(|note| note.ends_with("no nets by their ending: 1 of *.docx")),
        "{:?}",
        dataset.notes
    );
    let checked = dataset.checked(|_, _| {}, &false.into()).unwrap();
    assert_eq!(
        (checked.source.len(), checked.skipped.len(), checked.skipped[0].net.as_str()),
        (2, 1, "c.pth")
    );
}

#[test]
fn what_is_asked_of_a_folder_survives_as_text() {
    let text = "labels = { csv = \"a.csv\" }\ntarget = \"acc\"\nsplit = { seed = 3, shares = [0.5, 0.25] }\non_bad_net = \"skip\"\n\
                activation = \"relu\"\norder = \"names\"\n";
    let read = options(text);
    assert!(matches!(&read.labels, Some(Labels::Table(_))) && read.on_bad_net == OnBadNet::Skip);
    assert_eq!(
        *read.net,
        NetOptions {
            activation: Some("relu".parse().unwrap()),
            order: Some("names".to_owned().into()),
            ..NetOptions::default()
        }
    );
    let format = Format::Folder(read);
    assert_eq!(toml::from_str::<Format>(&toml::to_string(&format).unwrap()).unwrap(), format);
    assert!(matches!(toml::from_str::<Format>("kind = \"safetensors_dir\"").unwrap(), Format::Folder(_)));
    assert_eq!("safetensors_dir".parse::<FormatKind>().unwrap(), FormatKind::Folder);
    for wrong in
        ["split = \"fodlers\"", "labels = 3", "on_bad_net = \"ignore\"", "splits = \"a.json\"", "under = 3"]
    {
        assert!(toml::from_str::<Options>(wrong).is_err(), "{wrong}");
    }
    let missing = folder::open(Path::new("no such folder"), &Options::default());
    assert!(matches!(missing, Err(Error::Io { .. })));
}
