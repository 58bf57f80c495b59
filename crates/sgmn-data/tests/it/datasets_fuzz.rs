//! Mutated datasets: whatever is changed in a file or a name of a dataset, opening it, its split and all its nets end in
//! nets or in one clear error, without a panic, in bounded time and memory.
//!
//! How inputs are changed, and how many there are, says [`crate::mutation`]. The bound is that of containers: an input of
//! n bytes takes at most 128 MiB + 512·n bytes of memory beside the nets that are asked for.

mod published;

use std::{
    fs,
    path::{Path, PathBuf},
};

use sgmn_data::{
    Dataset, Error,
    formats::{Format, folder, idx, packed},
    skip::OnBadNet,
};
use sgmn_graph::Seed;

use crate::{
    datasets::{SINE, case, options},
    formats::testdata,
    formats_hostile::{assert_modest_memory, survive},
    formats_own::write_items,
    mutation::{mutate, mutate_text, n_inputs, pickle_of, say},
};

/// What is mutated: the bytes of a file, or its words.
#[derive(Clone, Copy)]
enum Kind {
    Bytes,
    Text,
}

/// Reads `n_inputs` mutated inputs. Returns how many were read as datasets.
fn fuzz(
    name: &str,
    kind: Kind,
    samples: &[Vec<u8>],
    read: &dyn Fn(Vec<u8>, u64) -> Result<(), Error>,
) -> u64 {
    let seed = Seed::new(13).child("fuzz").child(name);
    for (i, sample) in samples.iter().enumerate() {
        let what = format!("sample {i} of {name}");
        survive(&what, || read(sample.clone(), 0)).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    let mut n_read = 0;
    for i in 0..n_inputs() {
        let mut rng = seed.index(i).rng();
        let bytes = match kind {
            Kind::Bytes => mutate(samples, &mut rng),
            Kind::Text => mutate_text(samples, &mut rng),
        };
        n_read += u64::from(survive(&format!("input {i} of {name}"), || read(bytes, i)).is_ok());
    }
    assert_modest_memory();
    say(name, n_read);
    n_read
}

/// Reads all nets of a dataset, or leaves the bad ones out in every second input. A split must fit its dataset.
fn read_all(dataset: Result<Dataset, Error>, i: u64) -> Result<(), Error> {
    let mut dataset = dataset?;
    dataset.splits.assignment(dataset.source.len()).unwrap();
    if !i.is_multiple_of(2) {
        dataset.on_bad_net = OnBadNet::Skip;
        return dataset.checked(|_, _| {}, &false.into()).map(drop);
    }
    (0..dataset.source.len()).try_for_each(|i| dataset.source.get(i).map(drop))
}

/// A folder with a few files, one of which is mutated.
struct Folder {
    folder: tempfile::TempDir,
    format: Format,
}

impl Folder {
    fn new(format: Format, files: &[(&str, PathBuf)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, from) in files {
            let to = folder.path().join(name);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        }
        Self { folder, format }
    }

    /// Fuzzes the file of a name, of which `wrap` makes the whole from what is mutated.
    fn fuzz(
        &self,
        (what, file): (&str, &str),
        kind: Kind,
        samples: &[Vec<u8>],
        wrap: &dyn Fn(Vec<u8>) -> Vec<u8>,
    ) -> u64 {
        let path = self.folder.path().join(file);
        let before = fs::read(&path).ok();
        let n_read = fuzz(what, kind, samples, &|bytes, i| {
            fs::write(&path, wrap(bytes)).unwrap();
            read_all(self.format.open(self.folder.path()), i)
        });
        match before {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        n_read
    }

    fn fuzz_text(&self, file: (&str, &str), samples: &[&str]) {
        let samples: Vec<Vec<u8>> = samples.iter().map(|text| text.as_bytes().to_vec()).collect();
        assert!(self.fuzz(file, Kind::Text, &samples, &|bytes| bytes) > 0);
    }

    /// Fuzzes the pickle in an archive of the folder.
    fn fuzz_pickle(&self, what: &str, file: &str) {
        let (pickle, with) = pickle_of(&fs::read(self.folder.path().join(file)).unwrap());
        assert!(self.fuzz((what, file), Kind::Bytes, &[pickle], &with) > 0);
    }

    /// Fuzzes the path of a file: the folder is made anew for each input.
    fn fuzz_name(&self, what: &str, file: &str) {
        let content = fs::read(self.folder.path().join(file)).unwrap();
        fs::remove_file(self.folder.path().join(file)).unwrap();
        let read = |name: Vec<u8>, i| {
            let Some(place) = place(&String::from_utf8_lossy(&name)) else { return Ok(()) };
            let path = self.folder.path().join(&place);
            let made = path.ancestors().take_while(|part| !part.exists()).last();
            let folder = path.parent().unwrap();
            if fs::create_dir_all(folder).is_ok() && !path.is_dir() {
                fs::write(&path, &content).unwrap();
            }
            let result = read_all(self.format.open(self.folder.path()), i);
            match made {
                Some(made) if made.is_dir() => fs::remove_dir_all(made).unwrap(),
                Some(made) => drop(fs::remove_file(made)),
                None => {}
            }
            result
        };
        assert!(fuzz(what, Kind::Text, &[file.as_bytes().to_vec()], &read) > 0);
    }
}

/// A path below a folder that a file can have, of a name that may be none.
fn place(name: &str) -> Option<PathBuf> {
    let parts = name.split('/').filter(|part| !matches!(*part, "" | "." | "..") && !part.contains('\0'));
    let place: PathBuf = parts.map(|part| part.chars().take(60).collect::<String>()).take(6).collect();
    (place != Path::new("")).then_some(place)
}

/// Three nets of one's own in a folder, read with these options.
fn own(text: &str) -> Folder {
    let net = |i: usize| case("13-file-system/no_splits").join(format!("000{i}.safetensors"));
    let files = [("a.safetensors", net(0)), ("b/7.safetensors", net(1)), ("b/c.safetensors", net(2))];
    Folder::new(Format::Folder(options(&format!("{SINE}{text}"))), &files)
}

const TABLES: [&str; 4] = [
    "file,label,acc,split\na,0,0.5,train\nb/7.safetensors,1,-3,val\nc,1,1e3,test\n",
    "\u{feff}net;class\r\nx\\a.safetensors;cat\r\n7;dog\r\nb/c;\"cat\"\r\n",
    "name\tlabel\tsplit\na\t2\ttraining\n7\t0\t\nc\t\tdev\nelsewhere\t1\ttest",
    "id,label\na,3\n",
];

#[test]
fn mutated_tables_of_labels() {
    own("labels = \"labels.csv\"\ntarget = \"label\"").fuzz_text(("tables of labels", "labels.csv"), &TABLES);
    own("").fuzz_text(("tables beside nets", "nets.csv"), &TABLES);
    let scores = own("labels = \"labels.csv\"\ntarget = \"acc\"\nsplit = { column = \"split\" }");
    scores.fuzz_text(("tables of scores", "labels.csv"), &TABLES[..1]);
}

#[test]
fn mutated_packed_tables() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, TABLES[0].as_bytes()).unwrap();
    let utf16: Vec<u8> = "\u{feff}file,label\na,0\n7,é\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let samples = [gzip.finish().unwrap(), utf16];
    let folder = own("labels = { csv = \"labels\" }\ntarget = \"label\"");
    assert!(folder.fuzz(("tables in gzip and UTF-16", "labels"), Kind::Bytes, &samples, &|bytes| bytes) > 0);
}

#[test]
fn mutated_json_of_labels() {
    let samples = [
        r#"{"a": 1, "b/7": "0", "c.safetensors": NaN}"#,
        r#"[{"file": "a", "label": "cat", "acc": 0.5}, {"file": "7", "label": null}, {"file": "b/c", "x": [1]}]"#,
        r#"{"a": {"label": 1, "split": "train"}, "7": {"label": 0, "split": "valid"}, "z": {}}"#,
    ];
    own("labels = \"labels.json\"").fuzz_text(("JSON of labels", "labels.json"), &samples);
}

#[test]
fn mutated_split_files() {
    let samples = [
        r#"{"train": ["a"], "val": [7], "test": ["b/c.safetensors"], "seed": 3}"#,
        r#"{"train": {"path": ["D:\\nets\\a", "7"], "label": ["0", 1], "score": [0.5, 1]}, "valid": []}"#,
    ];
    own("").fuzz_text(("split files", "splits.json"), &samples);
}

#[test]
fn mutated_names_of_classes() {
    let folder = own("labels = \"labels.csv\"");
    fs::write(folder.folder.path().join("labels.csv"), "file,label\na,cat\n7,dog\nc,cat\n").unwrap();
    folder.fuzz_text(("names of classes", "classes.json"), &[r#"["dog", "cat", "猫"]"#]);
}

#[test]
fn mutated_nets_of_a_folder() {
    // The length of the header is made right, so that what it says of the net is tried.
    let sample = fs::read(case("13-file-system/no_splits/0000.safetensors")).unwrap();
    let end = u64::from_le_bytes(*sample.first_chunk().unwrap()) as usize + 8;
    let spec = r#"{"__metadata__":{"id":"a","score":"0.5","spec":"{\"layers\":[{\"map\":{\"kind\":\"linear\",\"n_in\":2,\"n_out\":8,\"reading\":{\"kind\":\"direct\"}},\"activation\":{\"kind\":\"tanh\"}}],\"output_offset\":0.5}"},"0.bias":{"dtype":"F32","shape":[8],"data_offsets":[0,32]},"0.weight":{"dtype":"F32","shape":[8,2],"data_offsets":[32,96]}}"#;
    let samples = [sample[8..end].trim_ascii_end().to_vec(), spec.as_bytes().to_vec()];
    let wrap = |header: Vec<u8>| {
        // The numbers that follow are those the header had.
        let n_numbers = if header.windows(5).any(|part| part == b"seq.2") { 420 } else { 96 };
        [&(header.len() as u64).to_le_bytes()[..], &header, &sample[end..end + n_numbers]].concat()
    };
    let folder = Folder::new(Format::Folder(folder::Options::default()), &[]);
    assert!(folder.fuzz(("nets of a folder", "a.safetensors"), Kind::Text, &samples, &wrap) > 0);
}

#[test]
fn mutated_names_of_nets() {
    own("labels = \"folder\"\non_bad_net = \"skip\"").fuzz_name("names of nets", "b/c.safetensors");
    own("labels = { name = \"([0-9]+)\" }").fuzz_name("numbers in names", "b/7.safetensors");
}

/// A packed file: the bytes of its rows, its architectures as JSON, and the rest of its index.
struct PackedFile {
    rows: Vec<u8>,
    head: Vec<u8>,
    rest: Vec<u8>,
}

impl PackedFile {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nets.packed");
        write_items(&path);
        let bytes = fs::read(&path).unwrap();
        let at = |start: usize| u64::from_le_bytes(*bytes[start..].first_chunk().unwrap()) as usize;
        let (rows, index) = bytes.split_at(at(24));
        let (head, rest) = index[8..].split_at(at(rows.len()));
        Self { rows: rows.to_vec(), head: head.to_vec(), rest: rest.to_vec() }
    }

    /// The file with right lengths and checksums.
    fn whole(rows: &[u8], head: &[u8], rest: &[u8]) -> Vec<u8> {
        let crc = |bytes: &[u8]| {
            let mut crc = flate2::Crc::new();
            crc.update(bytes);
            crc.sum().to_le_bytes()
        };
        let index = [&(head.len() as u64).to_le_bytes()[..], head, rest].concat();
        let mut file = [rows, &index].concat();
        file[32..40].copy_from_slice(&(index.len() as u64).to_le_bytes());
        file[40..44].copy_from_slice(&crc(&index));
        let header = crc(&file[..60]);
        file[60..64].copy_from_slice(&header);
        file
    }
}

#[test]
fn mutated_packed_files() {
    let PackedFile { rows, head, rest } = PackedFile::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nets.packed");
    let read = |bytes: Vec<u8>, i| {
        fs::write(&path, bytes).unwrap();
        read_all(packed::open(&path, &packed::Options {}), i)
    };
    let whole = PackedFile::whole(&rows, &head, &rest);
    assert!(fuzz("packed files", Kind::Bytes, &[whole], &read) < n_inputs() / 2);
    let heads = |head: Vec<u8>, i| read(PackedFile::whole(&rows, &head, &rest), i);
    assert!(fuzz("architectures in packed files", Kind::Text, std::slice::from_ref(&head), &heads) > 0);
    let rests = |rest: Vec<u8>, i| read(PackedFile::whole(&rows, &head, &rest), i);
    assert!(fuzz("rows of packed files", Kind::Bytes, std::slice::from_ref(&rest), &rests) > 0);
    // Number of rows and place of the index, with a right checksum.
    let starts = |start: Vec<u8>, i| {
        let mut rows = rows.clone();
        let n = start.len().min(32);
        rows[..n].copy_from_slice(&start[..n]);
        read(PackedFile::whole(&rows, &head, &rest), i)
    };
    assert!(fuzz("headers of packed files", Kind::Bytes, &[rows[..32].to_vec()], &starts) > 0);
}

#[test]
fn mutated_idx_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("idx");
    let packed = fs::read(testdata("mnist_images.idx.gz")).unwrap();
    let plain = fs::read(testdata("mnist_labels.idx")).unwrap();
    let read = |bytes: Vec<u8>, _| {
        fs::write(&path, bytes).unwrap();
        let read = idx::read(&path)?;
        drop((idx::read_images(&path), idx::read_labels(&path)));
        (0..read.len().min(100)).for_each(|i| assert!(read.item(i).len() <= read.bytes().len()));
        Ok(())
    };
    assert!(fuzz("IDX files", Kind::Bytes, &[packed, plain], &read) > 0);
}
