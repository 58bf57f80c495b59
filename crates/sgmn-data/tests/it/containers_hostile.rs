//! Hostile archives of PyTorch: code, bombs, impossible tensors.

use std::{io::Write, path::Path};

use sgmn_data::{
    Error,
    containers::{self, Tree, Value},
    formats::FormatKind,
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{
    formats::testdata,
    formats_hostile::{Victim, assert_modest_memory, read_all, survive},
};

/// An archive with these entries.
fn archive(path: &Path, entries: &[(&str, &[u8])]) {
    let mut zip = ZipWriter::new(std::fs::File::create(path).unwrap());
    for (name, bytes) in entries {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

/// Reads a file and all its tensors.
pub(crate) fn read_whole(path: &Path) -> Result<Tree, Error> {
    let tree = containers::read(path)?;
    read_tensors(&tree)?;
    Ok(tree)
}

/// Reads all tensors, each into memory of its own.
pub(crate) fn read_tensors(tree: &Tree) -> Result<(), Error> {
    let mut open = vec![&tree.root];
    while let Some(value) = open.pop() {
        match value {
            Value::Tensor(tensor) if tensor.element.is_readable() => drop(tree.tensor(tensor)?),
            Value::List(items) => open.extend(items),
            Value::Dict(entries) => open.extend(entries.iter().map(|(_, value)| value)),
            Value::Opaque { state: Some(state), .. } => open.push(state),
            _ => {}
        }
    }
    Ok(())
}

/// What reading an archive with this pickle gives, beside a storage `0` of some zeros.
fn read_pickle(pickle: &[u8]) -> Result<Tree, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pth");
    archive(&path, &[("x/data.pkl", pickle), ("x/byteorder", b"little"), ("x/data/0", &[0; 256])]);
    survive("a pickle", || read_whole(&path))
}

fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn int(value: i64) -> Vec<u8> {
    [&[0x8a, 8], &value.to_le_bytes()[..]].concat()
}

/// Instructions that push a float tensor of a storage.
fn tensor(key: &str, n: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    let tuple =
        |sizes: &[i64]| [vec![b'('], sizes.iter().flat_map(|&size| int(size)).collect(), vec![b't']].concat();
    [
        &b"ctorch._utils\n_rebuild_tensor_v2\n(("[..],
        &text("storage"),
        b"ctorch\nFloatStorage\n",
        &text(key),
        &text("cpu"),
        &int(n),
        b"tQ",
        &int(offset),
        &tuple(shape),
        &tuple(strides),
        b"\x89ccollections\nOrderedDict\n)RtR",
    ]
    .concat()
}

/// A pickle that returns what the instructions leave.
fn program(instructions: &[u8]) -> Vec<u8> {
    [b"\x80\x02", instructions, b"."].concat()
}

#[test]
fn code_in_a_pickle_is_an_opaque_value_and_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let command = text(&format!("touch {}", mark.display()));
    let programs: [(&str, Vec<u8>); 9] = [
        ("os.system", [b"cos\nsystem\n", &b"("[..], &command, b"tR"].concat()),
        ("posix.system", [b"cposix\nsystem\n(", &command[..], b"tR"].concat()),
        ("builtins.eval", [b"\x8c\x08builtins\x8c\x04eval\x93(", &command[..], b"tR"].concat()),
        ("os.system", [b"(", &command[..], b"ios\nsystem\n"].concat()),
        ("os.system", [b"(cos\nsystem\n", &command[..], b"o"].concat()),
        ("os.system", [b"cos\nsystem\n(", &command[..], b"t\x81"].concat()),
        ("torch.hub.load", b"ctorch.hub\nload\n)R".to_vec()),
        ("torch._utils.os.system", [b"ctorch._utils\nos.system\n(", &command[..], b"tR"].concat()),
        ("os.system", [b"cos\nsystem\n(", &command[..], b"t}\x92"].concat()),
    ];
    for (name, instructions) in programs {
        let Value::Opaque { class, .. } = read_pickle(&program(&instructions)).unwrap().root else {
            panic!("{name}")
        };
        assert_eq!(class, name);
    }
    assert!(!mark.exists());
}

#[test]
fn pickles_of_impossible_tensors_are_refused() {
    assert!(read_pickle(&program(&tensor("0", 64, 0, &[8, 8], &[8, 1]))).is_ok());
    let wrong = [
        ("shape", tensor("0", 64, 0, &[8, 9], &[8, 1])),
        ("offset", tensor("0", 64, 1, &[8, 8], &[8, 1])),
        ("huge shape", tensor("0", 64, 0, &[1 << 31, 40], &[40, 1])),
        ("overflowing shape", tensor("0", 64, 0, &[i64::MAX, i64::MAX], &[1, 1])),
        ("broadcast", tensor("0", 64, 0, &[1 << 40], &[0])),
        ("negative size", tensor("0", 64, 0, &[-8, 8], &[8, 1])),
        ("negative stride", tensor("0", 64, 0, &[8, 8], &[-8, 1])),
        ("other rank of strides", tensor("0", 64, 0, &[8, 8], &[1])),
        ("many dimensions", tensor("0", 64, 0, &[1; 40], &[1; 40])),
        ("storage larger than its entry", tensor("0", 1 << 40, 0, &[1 << 40], &[1])),
        ("storage smaller than its entry", tensor("0", 63, 0, &[63], &[1])),
        ("missing storage", tensor("1", 64, 0, &[64], &[1])),
        ("key that leads elsewhere", tensor("../../x/data/0", 64, 0, &[64], &[1])),
        ("absolute key", tensor("/etc/passwd", 64, 0, &[64], &[1])),
    ];
    for (what, instructions) in wrong {
        assert!(read_pickle(&program(&instructions)).is_err(), "{what}");
    }
    assert_modest_memory();
}

#[test]
fn pickles_that_grow_or_loop_are_refused() {
    let deep = [vec![b')'], vec![0x85; 1 << 20]].concat();
    let lists = [vec![b']'; 100_000], vec![b'a'; 99_999]].concat();
    // Each list holds the one before it twenty times.
    let mut bomb = b"]q\x00".to_vec();
    for i in 0..100u8 {
        bomb.extend_from_slice(b"](");
        bomb.extend([b'h', i].repeat(20));
        bomb.extend([b'e', b'q', i + 1]);
    }
    // A thousand names for one tensor.
    let many = [
        &b"(q\x00"[..],
        b"0(",
        &tensor("0", 64, 0, &[64], &[1]),
        b"q\x01",
        &b"h\x01".repeat(2_000_000),
        b"t",
    ];
    let texts = [&b"("[..], &text(&"x".repeat(1 << 20)), b"q\x01", &b"h\x01".repeat(100_000), b"t"].concat();
    // A size of many dimensions, taken again and again.
    let sizes = [
        &b"("[..],
        &b"N".repeat(100_000),
        b"tq\x00ctorch\nSize\nq\x01",
        &b"h\x01h\x00\x85R0".repeat(300_000),
    ];
    let long = vec![b'N'; 1 << 22];
    for (what, instructions) in [
        ("deep", deep),
        ("lists", lists),
        ("bomb", bomb),
        ("many", many.concat()),
        ("texts", texts),
        ("sizes", sizes.concat()),
        ("long", long),
    ] {
        assert!(read_pickle(&program(&instructions)).is_err(), "{what}");
    }
    assert_modest_memory();
}

#[test]
fn every_byte_of_a_pickle_may_be_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pth");
    let source = std::fs::File::open(testdata("fmnist_inrs/train/model_0.pth")).unwrap();
    let mut source = zip::ZipArchive::new(source).unwrap();
    let mut entry = |name: &str| {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut source.by_name(&format!("inr_0/{name}")).unwrap(), &mut bytes)
            .unwrap();
        bytes
    };
    let pickle = entry("data.pkl");
    let storages: Vec<(String, Vec<u8>)> =
        (0..6).map(|i| (format!("x/data/{i}"), entry(&format!("data/{i}")))).collect();
    let write = |pickle: &[u8]| {
        let mut entries = vec![("x/data.pkl", pickle)];
        entries.extend(storages.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])));
        archive(&path, &entries);
    };
    for at in 0..pickle.len() {
        for change in [0x01, 0x80, 0xff, b'R' ^ pickle[at], b'(' ^ pickle[at]] {
            let mut changed = pickle.clone();
            changed[at] ^= change;
            write(&changed);
            drop(survive(&format!("byte {at} changed by {change:#x}"), || read_whole(&path)));
        }
        write(&pickle[..at]);
        assert!(survive("a cut pickle", || read_whole(&path)).is_err(), "cut to {at} bytes");
    }
    assert_modest_memory();
}

#[test]
fn archives_that_are_not_pytorchs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pth");
    let read = |entries: &[(&str, &[u8])]| {
        archive(&path, entries);
        survive("an archive", || read_whole(&path)).unwrap_err().to_string()
    };
    let none = program(b"N");
    assert!(
        read(&[("x/readme", b"hello")])
            .contains("one data.pkl in one folder, or of .npy arrays, found a zip")
    );
    assert!(read(&[("x/data.pkl", &none), ("y/data.pkl", &none)]).contains("found several"));
    assert!(read(&[("../data.pkl", &none)]).contains("found a zip archive of other files"));
    assert!(read(&[("../../x/data.pkl", &none)]).contains("found a zip archive of other files"));
    assert!(read(&[("x/data.pkl", &none), ("x/byteorder", b"big")]).contains("byte order \"little\""));
    // Zeros compress a thousandfold: an archive of 200 kB that wants 200 MB.
    let instructions = program(&tensor("0", 50_000_000, 0, &[50_000_000], &[1]));
    assert!(
        read(&[("x/data.pkl", &instructions), ("x/data/0", &vec![0; 200_000_000])]).contains("at most 67")
    );
}

/// A state dict of two layers with these shapes, all numbers `value`.
fn state_dict(path: &Path, shapes: [&[i64]; 4], value: f32) {
    let names = ["seq.0.weight", "seq.0.bias", "seq.1.weight", "seq.1.bias"];
    let mut instructions = b"}(".to_vec();
    let mut entries = Vec::new();
    for (i, (name, shape)) in names.into_iter().zip(shapes).enumerate() {
        let n = shape.iter().product::<i64>();
        let strides: Vec<i64> = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect();
        instructions.extend(text(name));
        instructions.extend(tensor(&i.to_string(), n, 0, shape, &strides));
        entries.push((format!("x/data/{i}"), value.to_le_bytes().repeat(n as usize)));
    }
    instructions.push(b'u');
    let pickle = program(&instructions);
    let mut all = vec![("x/data.pkl", &pickle[..])];
    all.extend(entries.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])));
    archive(path, &all);
}

#[test]
fn nets_of_wrong_shapes_or_with_nan_are_refused_by_name() {
    let victim = Victim::new(FormatKind::DwsMnist.published(), "mnist-inrs", "mnist_splits.json");
    let net = "mnist_png_training_1_40/checkpoints/model_final.pth";
    let read = |shapes: [&[i64]; 4], value| {
        state_dict(&victim.folder.path().join(net), shapes, value);
        survive("a net", || read_all(&victim.format, victim.folder.path()))
    };
    assert!(read([&[3, 2], &[3], &[1, 3], &[1]], 0.5).is_ok());
    let fault = |shapes, value| {
        let message = read(shapes, value).unwrap_err().to_string();
        assert!(message.contains("1_40"), "{message}");
        message
    };
    assert!(
        fault([&[3, 2], &[3], &[1, 4], &[1]], 0.5).contains("expected layers that read one another, a chain")
    );
    assert!(
        fault([&[3, 2], &[2], &[1, 3], &[1]], 0.5).contains("expected seq.0.bias of shape [3], found [2]")
    );
    assert!(
        fault([&[3, 2, 1], &[3], &[1, 3], &[1]], 0.5)
            .contains("expected a matrix seq.0.weight, found shape [3, 2, 1]")
    );
    assert!(fault([&[3, 0], &[3], &[1, 3], &[1]], 0.5).contains("none of them 0"));
    assert!(fault([&[3, 2], &[3], &[1, 3], &[1]], f32::NAN).contains("layer 0 weight: value 0 is NaN"));
    assert!(fault([&[3, 2], &[3], &[1, 3], &[1]], f32::INFINITY).contains("layer 0 weight: value 0 is inf"));
}

#[test]
fn a_convolution_without_outputs_in_a_model_zoo_is_refused() {
    let zoo = crate::datasets::case("05-modelzoo-cnn/zoo");
    let net = "NN_tune_trainable_00001_1_seed=1_2022-01-02_10-00-00/checkpoint_000050/checkpoints";
    let victim = Victim::new(FormatKind::ModelZoo.published(), zoo.to_str().unwrap(), net);
    state_dict(&victim.folder.path().join(net), [&[0, 1, 3, 3], &[0], &[2, 0], &[2]], 0.5);
    let message =
        survive("a net", || read_all(&victim.format, victim.folder.path())).unwrap_err().to_string();
    assert!(message.ends_with("expected seq.0.weight without an axis of 0, found [0, 1, 3, 3]"), "{message}");
}
