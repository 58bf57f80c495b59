//! Damaged and malicious files: every format answers with one clear error and never panics, aborts, or takes memory
//! that a header promises and the file does not hold.

use std::{
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use sgmn_data::{
    Error, Sample, Target,
    formats::{
        Format, FormatKind, idx, nfn_cifar, packed,
        safetensors_dir::{self, Options},
        torch_zip::{self, Value},
    },
};
use sgmn_graph::{Activation, Net, NetSpec};
use tempfile::TempDir;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{formats::testdata, formats_own::write_items};

/// A copy of a data set in which one file is damaged again and again.
struct Victim {
    folder: TempDir,
    format: Format,
    file: PathBuf,
    bytes: Vec<u8>,
}

impl Victim {
    fn new(format: Format, name: &str, file: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&testdata(name), folder.path());
        let file = folder.path().join(file);
        Self { bytes: std::fs::read(&file).unwrap(), folder, format, file }
    }

    /// What reading everything gives with other bytes in the file.
    fn read(&self, bytes: &[u8]) -> Result<Vec<Sample>, Error> {
        std::fs::write(&self.file, bytes).unwrap();
        read_all(&self.format, self.folder.path())
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { drop(std::fs::copy(&path, &target).unwrap()) }
    }
}

fn read_all(format: &Format, path: &Path) -> Result<Vec<Sample>, Error> {
    let dataset = format.open(path)?;
    (0..dataset.source.len()).map(|i| dataset.source.get(i)).collect()
}

/// Runs a reader that must not panic; an error must be one plain line.
fn survive<T>(what: &str, read: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let result = catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| panic!("{what}: the reader panicked"));
    if let Err(error) = &result {
        let message = error.to_string();
        assert!(!message.contains('\n') && !message.ends_with('.') && message.len() < 1000, "{what}: {message:?}");
    }
    result
}

/// Lengths to cut at: all of the first and last bytes, and some between.
fn lengths(len: usize) -> impl Iterator<Item = usize> {
    (0..len).filter(move |&at| at < 80 || at + 80 > len || at.is_multiple_of(len / 150 + 1))
}

/// Copies with one changed bit, at up to `n` places.
fn flips(bytes: &[u8], n: usize) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let step = bytes.len() / n + 1;
    (0..bytes.len()).step_by(step).map(|at| {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << (at * 5 % 8);
        (at, flipped)
    })
}

fn victims() -> Vec<(&'static str, Victim)> {
    let cifar = nfn_cifar::Options { val_from: 10, test_from: 20, augmentations: 1, ..Default::default() };
    let published = FormatKind::published;
    let zoo = |file| Victim::new(published(FormatKind::CnnZoo), "smallcnnzoo", file);
    let mnist = |file| Victim::new(published(FormatKind::DwsMnist), "mnist-inrs", file);
    vec![
        ("mnist net", mnist("mnist_png_training_1_40/checkpoints/model_final.pth")),
        ("mnist split", mnist("mnist_splits.json")),
        ("fashion net", Victim::new(published(FormatKind::DwsFmnist), "fmnist_inrs", "train/model_8.pth")),
        ("fashion split", Victim::new(published(FormatKind::DwsFmnist), "fmnist_inrs", "fmnist_splits.json")),
        ("cifar net", Victim::new(Format::NfnCifar(cifar), "siren_cifar_wts", "randinit_smaller_3s/net14.pth")),
        ("zoo weights", zoo("weights.npy")),
        ("zoo layout", zoo("layout.csv")),
        ("zoo metrics", zoo("metrics.csv.gz")),
        ("zoo split", zoo("mini_split.csv")),
    ]
}

#[test]
fn files_of_published_formats_cut_anywhere_are_errors() {
    for (name, victim) in victims() {
        let whole = victim.read(&victim.bytes).unwrap();
        for len in lengths(victim.bytes.len()) {
            let what = format!("{name} cut to {len} bytes");
            let result = survive(&what, || victim.read(&victim.bytes[..len]));
            // A text that lost only its last line end has lost nothing.
            let lost_nothing = victim.bytes.trim_ascii_end().len() <= len;
            assert!(result.is_err() || (lost_nothing && result.is_ok_and(|samples| samples == whole)), "{what}");
        }
    }
}

#[test]
fn flipped_bits_in_published_formats_never_panic_and_never_pass_a_checksum() {
    for (name, victim) in victims() {
        let whole = victim.read(&victim.bytes).unwrap();
        for (at, flipped) in flips(&victim.bytes, 400) {
            let what = format!("{name} with a flipped bit in byte {at}");
            let result = survive(&what, || victim.read(&flipped));
            // Zip and gzip hold checksums of their contents: a flip elsewhere (a time stamp) may change nothing.
            if name.ends_with("net") || name == "zoo metrics" {
                assert!(result.is_err() || result.is_ok_and(|samples| samples == whole), "{what}");
            }
        }
    }
}

#[test]
fn the_header_of_the_zoo_table_survives_every_bit() {
    let victim = Victim::new(FormatKind::CnnZoo.published(), "smallcnnzoo", "weights.npy");
    for bit in 0..128 * 8 {
        let mut bytes = victim.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        drop(survive(&format!("bit {bit}"), || victim.read(&bytes)));
    }
    let header = |text: &str| {
        let mut header = format!("{text:117}\n").into_bytes();
        header.splice(..0, [0x93, b'N', b'U', b'M', b'P', b'Y', 1, 0, 118, 0]);
        [header, victim.bytes[128..].to_vec()].concat()
    };
    let with_shape = |shape: &str| header(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"));
    assert!(victim.read(&with_shape("(10, 4970)")).is_ok());
    for shape in ["(100000000000, 4970)", "(4294967296, 4294967296)", "(10,)", "(4970, 10)", "(10, 4970", "(-1, 4970)"] {
        assert!(survive(shape, || victim.read(&with_shape(shape))).is_err(), "{shape}");
    }
    for text in [
        "{'descr': '|O', 'fortran_order': False, 'shape': (10, 4970), }",
        "{'descr': '>f4', 'fortran_order': False, 'shape': (10, 4970), }",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (10, 4970), }",
    ] {
        assert!(survive(text, || victim.read(&header(text))).unwrap_err().to_string().contains("'<f4' in C order"));
    }
    assert_modest_memory();
}

#[test]
fn a_nan_in_the_zoo_is_named_by_its_row() {
    let victim = Victim::new(FormatKind::CnnZoo.published(), "smallcnnzoo", "weights.npy");
    let mut bytes = victim.bytes.clone();
    let at = 128 + 4 * (3 * 4970 + 17);
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let message = victim.read(&bytes).unwrap_err().to_string();
    assert!(message.contains("weights.npy row 3: layer 0 weight: value ") && message.contains("is NaN"), "{message}");
}

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

/// What reading an archive with this pickle gives, beside a storage `0` of some zeros.
fn read_pickle(pickle: &[u8]) -> Result<Value, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pth");
    archive(&path, &[("x/data.pkl", pickle), ("x/byteorder", b"little"), ("x/data/0", &[0; 256])]);
    survive("a pickle", || torch_zip::read(&path))
}

fn text(text: &str) -> Vec<u8> {
    [&[b'X'], &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn int(value: i64) -> Vec<u8> {
    [&[0x8a, 8], &value.to_le_bytes()[..]].concat()
}

/// Instructions that push a float tensor of a storage.
fn tensor(key: &str, n: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    let tuple = |sizes: &[i64]| [vec![b'('], sizes.iter().flat_map(|&size| int(size)).collect(), vec![b't']].concat();
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
fn code_in_a_pickle_is_refused_and_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let command = text(&format!("touch {}", mark.display()));
    let programs: [(&str, Vec<u8>); 9] = [
        ("os.system", [b"cos\nsystem\n", &b"("[..], &command, b"tR"].concat()),
        ("posix.system", [b"cposix\nsystem\n(", &command[..], b"tR"].concat()),
        ("builtins.eval", [b"\x8c\x08builtins\x8c\x04eval\x93(", &command[..], b"tR"].concat()),
        ("code 0x69", [b"(", &command[..], b"ios\nsystem\n"].concat()),
        ("code 0x6f", [b"(cos\nsystem\n", &command[..], b"o"].concat()),
        ("code 0x81", [b"ccollections\nOrderedDict\n)", &b"\x81"[..]].concat()),
        ("torch.hub.load", b"ctorch.hub\nload\n)R".to_vec()),
        ("torch._utils.os.system", [b"ctorch._utils\nos.system\n(", &command[..], b"tR"].concat()),
        ("collections.defaultdict", b"ccollections\ndefaultdict\n(cos\nsystem\ntR".to_vec()),
    ];
    for (name, instructions) in programs {
        let message = read_pickle(&program(&instructions)).unwrap_err().to_string();
        assert!(message.contains(name) && message.contains("of x/data.pkl"), "{name}: {message}");
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
    // l = []; l.append(l)
    let circle = b"]q\x00h\x00a".to_vec();
    // Each list holds the one before it twenty times.
    let mut bomb = b"]q\x00".to_vec();
    for i in 0..100u8 {
        bomb.extend_from_slice(b"](");
        bomb.extend([b'h', i].repeat(20));
        bomb.extend([b'e', b'q', i + 1]);
    }
    // A thousand names for one tensor.
    let many = [&b"(q\x00"[..], b"0(", &tensor("0", 64, 0, &[64], &[1]), b"q\x01", &b"h\x01".repeat(2_000_000), b"t"];
    let texts = [&b"("[..], &text(&"x".repeat(1 << 20)), b"q\x01", &b"h\x01".repeat(100_000), b"t"].concat();
    let long = vec![b'N'; 1 << 22];
    for (what, instructions) in
        [("deep", deep), ("lists", lists), ("circle", circle), ("bomb", bomb), ("many", many.concat()), ("texts", texts), ("long", long)]
    {
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
        std::io::Read::read_to_end(&mut source.by_name(&format!("inr_0/{name}")).unwrap(), &mut bytes).unwrap();
        bytes
    };
    let pickle = entry("data.pkl");
    let storages: Vec<(String, Vec<u8>)> = (0..6).map(|i| (format!("x/data/{i}"), entry(&format!("data/{i}")))).collect();
    let mut write = |pickle: &[u8]| {
        let mut entries = vec![("x/data.pkl", pickle)];
        entries.extend(storages.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])));
        archive(&path, &entries);
    };
    for at in 0..pickle.len() {
        for change in [0x01, 0x80, 0xff, b'R' ^ pickle[at], b'(' ^ pickle[at]] {
            let mut changed = pickle.clone();
            changed[at] ^= change;
            write(&changed);
            drop(survive(&format!("byte {at} changed by {change:#x}"), || torch_zip::read(&path)));
        }
        write(&pickle[..at]);
        assert!(survive("a cut pickle", || torch_zip::read(&path)).is_err(), "cut to {at} bytes");
    }
    assert_modest_memory();
}

#[test]
fn archives_that_are_not_pytorchs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pth");
    let read = |entries: &[(&str, &[u8])]| {
        archive(&path, entries);
        survive("an archive", || torch_zip::read(&path)).unwrap_err().to_string()
    };
    let none = program(b"N");
    assert!(read(&[("x/readme", b"hello")]).contains("one data.pkl in one folder, found none"));
    assert!(read(&[("x/data.pkl", &none), ("y/data.pkl", &none)]).contains("found several"));
    assert!(read(&[("../data.pkl", &none)]).contains("found none there"));
    assert!(read(&[("../../x/data.pkl", &none)]).contains("found none there"));
    assert!(read(&[("x/data.pkl", &none), ("x/byteorder", b"big")]).contains("byte order \"little\""));
    // Zeros compress a thousandfold: an archive of 200 kB that wants 200 MB.
    let instructions = program(&tensor("0", 50_000_000, 0, &[50_000_000], &[1]));
    assert!(read(&[("x/data.pkl", &instructions), ("x/data/0", &vec![0; 200_000_000])]).contains("at most 67"));
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
    assert!(fault([&[3, 2], &[3], &[1, 4], &[1]], 0.5).contains("expected seq.1.weight of shape [_, 3], found [1, 4]"));
    assert!(fault([&[3, 2], &[2], &[1, 3], &[1]], 0.5).contains("expected seq.0.bias of shape [3], found [2]"));
    assert!(fault([&[3, 2, 1], &[3], &[1, 3], &[1]], 0.5).contains("seq.0.weight of shape"));
    assert!(fault([&[3, 0], &[3], &[1, 3], &[1]], 0.5).contains("none of them 0"));
    assert!(fault([&[3, 2], &[3], &[1, 3], &[1]], f32::NAN).contains("layer 0 weight: value 0 is NaN"));
    assert!(fault([&[3, 2], &[3], &[1, 3], &[1]], f32::INFINITY).contains("layer 0 weight: value 0 is inf"));
}

#[test]
fn split_files_that_lead_elsewhere_or_contradict_names_are_refused() {
    let mnist = Victim::new(FormatKind::DwsMnist.published(), "mnist-inrs", "mnist_splits.json");
    let read = |name: &str, label: &str| {
        let list = format!(r#"{{"path": ["{name}"], "label": [{label}]}}"#);
        let empty = r#"{"path": [], "label": []}"#;
        let bytes = format!(r#"{{"train": {list}, "val": {empty}, "test": {empty}}}"#);
        survive("a split file", || mnist.read(bytes.as_bytes()))
    };
    let good = "x/mnist_png_training_5_0/checkpoints/model_final.pth";
    assert_eq!(read(good, "5").unwrap()[0].target, Target::Class(5));
    assert_eq!(read("../../mnist_png_training_5_0/checkpoints/model_final.pth", "5").unwrap().len(), 1, "inside the root");
    for name in [
        "mnist_png_training_5_0/../../../etc/passwd",
        "mnist_png_training_5_0/checkpoints/..",
        "mnist_png_training_5_0//model_final.pth",
        "/etc/passwd",
        "",
        "a/b/c",
        "mnist_png_training_5_0/checkpoints/model\\u0000.pth",
        "mnist_png_training_5_0/checkpoints/..\\\\..\\\\x",
    ] {
        assert!(read(name, "5").is_err(), "{name}");
    }
    for label in ["4", "-5", "\"x\"", "5, 5", "5.5", "null", "99999999999"] {
        assert!(read(good, label).is_err(), "{label}");
    }
    let twice = r#"{"train": ["TRAIN"], "val": [], "test": ["TRAIN"]}"#.replace("TRAIN", good);
    let message = mnist.read(twice.as_bytes()).unwrap_err().to_string();
    assert!(message.contains("every net once, found mnist_png_training_5_0 twice"), "{message}");
    let missing = r#"{"train": ["mnist_png_training_5_9/checkpoints/model_final.pth"], "val": [], "test": []}"#;
    assert!(mnist.read(missing.as_bytes()).unwrap_err().to_string().contains("model_final.pth: No such file"));
    assert!(mnist.read(&b"[".repeat(1 << 20)).is_err(), "deep nesting");
}

#[test]
fn packed_files_show_every_flipped_bit_and_every_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nets.packed");
    write_items(&path);
    let bytes = std::fs::read(&path).unwrap();
    let read = |what: &str, bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        survive(what, || packed::Reader::open(&path)).map(drop)
    };
    assert!(read("whole", &bytes).is_ok());
    for (at, flipped) in flips(&bytes, bytes.len()) {
        assert!(read("flipped", &flipped).is_err(), "byte {at}");
    }
    for len in lengths(bytes.len()) {
        assert!(read("cut", &bytes[..len]).is_err(), "cut to {len}");
    }
    assert!(read("longer", &[&bytes[..], b"x"].concat()).is_err());
}

#[test]
fn packed_files_with_valid_checksums_but_impossible_contents_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nets.packed");
    write_items(&path);
    let bytes = std::fs::read(&path).unwrap();
    let index_start = u64::from_le_bytes(*bytes[24..].first_chunk().unwrap()) as usize;
    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum().to_le_bytes()
    };
    // Changes the file, then makes the checksums of index and header right again.
    let read = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = bytes.clone();
        change(&mut changed);
        if let Some(index) = changed.get(index_start..) {
            let (len, crc) = ((index.len() as u64).to_le_bytes(), crc(index));
            changed[32..40].copy_from_slice(&len);
            changed[40..44].copy_from_slice(&crc);
        }
        let header_crc = crc(&changed[..60]);
        changed[60..64].copy_from_slice(&header_crc);
        std::fs::write(&path, changed).unwrap();
        survive("a packed file", || packed::Reader::open(&path)).map(drop)
    };
    let fault = |change: &dyn Fn(&mut Vec<u8>)| read(change).unwrap_err().to_string();
    assert!(read(&|_| {}).is_ok());
    for rows in [4, 6, 1 << 40, u64::MAX] {
        assert!(read(&|file| file[16..24].copy_from_slice(&rows.to_le_bytes())).is_err(), "{rows} rows");
    }
    for start in [0, 64, u64::MAX - 3] {
        assert!(read(&|file| file[24..32].copy_from_slice(&start.to_le_bytes())).is_err(), "index at {start}");
    }
    assert!(fault(&|file| file[8] = 2).contains("found version 2"));
    let replace = |from: &'static str, to: &'static str| {
        move |file: &mut Vec<u8>| {
            assert_eq!(from.len(), to.len());
            let at = file.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
            file[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
    };
    assert!(fault(&replace("\"n_out\":5", "\"n_out\":9")).contains("a valid architecture 0"));
    assert!(fault(&replace("\"n_in\":2,\"n_out\":5", "\"n_in\":9e99999999")).contains("as JSON"));
    assert!(fault(&replace("net ä1", "net ä0")).contains("names that differ"));
    // A NaN with a right checksum of its row.
    let record = index_start + 8 + u64::from_le_bytes(*bytes[index_start..].first_chunk().unwrap()) as usize;
    let message = fault(&|file| {
        file[64..68].copy_from_slice(&f32::NAN.to_le_bytes());
        let row_crc = crc(&file[64..64 + 128]);
        file[record + 12..record + 16].copy_from_slice(&row_crc);
    });
    assert!(message.contains("finite numbers in row 0, found NaN at 0"), "{message}");
    for (at, what) in [(0, "place"), (8, "architecture"), (24, "name"), (28, "kind of target"), (29, "split")] {
        assert!(read(&|file| file[record + at] = 0xee).is_err(), "{what}");
    }
    assert_modest_memory();
}

#[test]
fn safetensors_cut_flipped_or_with_a_giant_header_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let spec = Arc::new(NetSpec::mlp(&[2, 3, 1], Activation::Tanh, 0.0).unwrap());
    let net = Net::new(spec.clone(), vec![0.5; spec.n_params()]).unwrap();
    let sample = Sample { id: "x".into(), net, target: Target::Class(1) };
    safetensors_dir::write_net(&path, &sample).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let read = |what: &str, bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        survive(what, || safetensors_dir::read_net(&path, &Options::default()))
    };
    for len in 0..bytes.len() {
        assert!(read("cut", &bytes[..len]).is_err(), "cut to {len}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        drop(read(&format!("flipped bit {bit}"), &flipped));
    }
    for len in [1 << 20, 1 << 40, u64::MAX] {
        assert!(read("header", &[&len.to_le_bytes(), &bytes[8..]].concat()).is_err(), "a header of {len} bytes");
    }
    let mut nan = bytes.clone();
    let at = nan.len() - 4;
    nan[at..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(read("NaN", &nan).unwrap_err().to_string().contains("layer 1 bias: value 0 is NaN"));
    let replaced = |from: &str, to: &str| {
        let text = String::from_utf8(bytes[8..bytes.len() - 52].to_vec()).unwrap();
        let header = text.replacen(from, to, 1);
        assert_ne!(text, header);
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &bytes[bytes.len() - 52..]].concat()
    };
    let fault = |from, to| read(from, &replaced(from, to)).unwrap_err().to_string();
    assert!(fault(r#""shape":[3,2]"#, r#""shape":[2,3]"#).contains("seq.0.bias of shape [2], found [3]"));
    assert!(fault(r#"\"n_out\":3"#, r#"\"n_out\":4"#).contains("valid metadata spec"));
    assert!(fault(r#"\"n_out\":3"#, r#"\"n_out\":18446744073709551615"#).contains("more than"));
    assert!(fault("tanh", "tank").contains("valid metadata spec"));
    assert!(fault(r#""label":"1""#, r#""label":"-1""#).contains("metadata label"));
    assert_modest_memory();
}

#[test]
fn idx_files_cut_flipped_or_with_giant_shapes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.idx");
    let read = |what: &str, bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        survive(what, || idx::read(&path))
    };
    for name in ["mnist_images.idx.gz", "mnist_labels.idx"] {
        let bytes = std::fs::read(testdata(name)).unwrap();
        let whole = read("whole", &bytes).unwrap();
        for len in lengths(bytes.len()) {
            assert!(read("cut", &bytes[..len]).is_err(), "{name} cut to {len}");
        }
        for (at, flipped) in flips(&bytes, bytes.len()) {
            let result = read("flipped", &flipped);
            assert!(!name.ends_with("gz") || result.is_err() || result.is_ok_and(|idx| idx == whole), "{name} byte {at}");
        }
    }
    for shape in [[u32::MAX; 3], [60_000, 28, 28], [1, 1, 0]] {
        let sizes: Vec<u8> = shape.iter().flat_map(|size| size.to_be_bytes()).collect();
        let bytes = [&[0, 0, 8, 3], &sizes[..], &[7]].concat();
        assert!(read("shape", &bytes).is_err(), "{shape:?}");
    }
    assert_modest_memory();
}

/// The whole test process stays far below what the hostile headers ask for, reserved memory included.
fn assert_modest_memory() {
    if cfg!(target_os = "linux") {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmPeak:")).unwrap();
        let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(kilobytes < 8 << 20, "{line}");
    }
}
