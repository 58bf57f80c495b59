//! Mutated files: whatever is changed in a file of a container, reading it and all its tensors ends in a tree or in one
//! clear error, without a panic, in bounded time and memory.
//!
//! How inputs are changed, and how many there are, says [`crate::mutation`]. The bound: an input of n bytes takes at most
//! 128 MiB + 512·n bytes of memory, and time in proportion; all inputs here are smaller than 80 KiB.

use std::{io::Read, path::Path};

use sgmn_data::{
    Error,
    containers::{self, Tree},
};
use sgmn_graph::Seed;
use zip::ZipArchive;

use crate::{
    containers::data,
    containers_hostile::read_tensors,
    formats::testdata,
    formats_hostile::{assert_modest_memory, survive},
    mutation::{mutate, n_inputs, pickle_of, say},
};

/// Files of `tests/data` with one of these endings.
fn samples(endings: &[&str]) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    let mut folders = vec![data("containers"), data("cases")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)) {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut samples: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    // Large files would make few mutants a second.
    samples.retain(|sample| sample.len() < 40 << 10);
    assert!(!samples.is_empty());
    samples
}

/// Reads mutated inputs; `wrap` makes a file of what was mutated. Returns how many were read as trees.
fn fuzz(name: &str, samples: &[Vec<u8>], wrap: &dyn Fn(Vec<u8>) -> Vec<u8>) -> u64 {
    let seed = Seed::new(13).child("fuzz").child(name);
    let path = Path::new("mutated");
    let read = |bytes: Vec<u8>| -> Result<Tree, Error> {
        let tree = containers::read_bytes(bytes, path)?;
        read_tensors(&tree)?;
        Ok(tree)
    };
    for (i, sample) in samples.iter().enumerate() {
        let what = format!("sample {i} of {name}");
        let tree = survive(&what, || containers::read_bytes(wrap(sample.clone()), path));
        tree.unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    let mut n_read = 0;
    for i in 0..n_inputs() {
        let bytes = wrap(mutate(samples, &mut seed.index(i).rng()));
        n_read += u64::from(survive(&format!("input {i} of {name}"), || read(bytes)).is_ok());
    }
    assert_modest_memory();
    say(name, n_read);
    n_read
}

/// The contents of the archives' entries of a name.
fn entries(archives: &[Vec<u8>], ending: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for archive in archives {
        let mut zip = ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
        for i in 0..zip.len() {
            let mut entry = zip.by_index(i).unwrap();
            if entry.name().unwrap().ends_with(ending) {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                found.push(bytes);
            }
        }
    }
    found
}

#[test]
fn mutated_archives_of_pytorch() {
    let mut samples = samples(&[".pth", ".ckpt", ".pt"]);
    samples.push(std::fs::read(testdata("archive_protocol2.pth")).unwrap());
    samples.retain(|sample| sample.starts_with(b"PK"));
    fuzz("archives of PyTorch", &samples, &|bytes| bytes);
}

#[test]
fn mutated_pickles_in_archives_of_pytorch() {
    // One archive with all storages that a sample asks for, whose sizes fit some of them.
    let (pickle, with) = pickle_of(&std::fs::read(data("containers/foreign.pth")).unwrap());
    let n_read = fuzz("pickles of PyTorch", &[pickle], &with);
    assert!(n_read > 0, "no mutated pickle reached the values");
}

#[test]
fn mutated_older_files_of_pytorch() {
    let mut samples = samples(&["legacy.pth", "legacy_protocol4.pth"]);
    samples.retain(|sample| !sample.starts_with(b"PK"));
    assert!(fuzz("older files of PyTorch", &samples, &|bytes| bytes) > 0);
}

#[test]
fn mutated_pickles_of_python() {
    assert!(fuzz("pickles", &samples(&[".pkl"]), &|bytes| bytes) > 0);
}

#[test]
fn mutated_safetensors() {
    assert!(fuzz("safetensors", &samples(&[".safetensors"]), &|bytes| bytes) > 0);
}

#[test]
fn mutated_headers_of_safetensors() {
    // The length of the header is made right, so that its text is what is tried.
    let samples = samples(&[".safetensors"]);
    let wrap = |bytes: Vec<u8>| {
        let rest = bytes.get(8..).unwrap_or_default();
        let end = rest.iter().rposition(|byte| *byte == b'}').map_or(rest.len(), |at| at + 1);
        [&(end as u64).to_le_bytes()[..], rest].concat()
    };
    let samples: Vec<Vec<u8>> = samples.iter().map(|sample| wrap_header(sample)).collect();
    fuzz("headers of safetensors", &samples, &wrap);
}

/// A sample whose numbers are zeros, so that the last brace is the header's.
fn wrap_header(sample: &[u8]) -> Vec<u8> {
    let end = u64::from_le_bytes(*sample.first_chunk::<8>().unwrap()) as usize + 8;
    let header = sample[8..end].trim_ascii_end();
    [&(header.len() as u64).to_le_bytes()[..], header, &vec![0; sample.len() - end]].concat()
}

#[test]
fn mutated_indices_of_parts() {
    let folder = tempfile::tempdir().unwrap();
    let from = data("cases/15-other-frameworks/sharded");
    for entry in std::fs::read_dir(&from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let index = folder.path().join("model.safetensors.index.json");
    let sample = std::fs::read(&index).unwrap();
    let seed = Seed::new(13).child("fuzz").child("indices");
    let mut n_read = 0;
    for i in 0..n_inputs() {
        let bytes = mutate(std::slice::from_ref(&sample), &mut seed.index(i).rng());
        std::fs::write(&index, bytes).unwrap();
        n_read += u64::from(survive(&format!("index {i}"), || containers::read(&index)).is_ok());
    }
    assert_modest_memory();
    say("indices of parts", n_read);
}

#[test]
fn mutated_archives_of_numpy() {
    assert!(fuzz("archives of NumPy", &samples(&[".npz"]), &|bytes| bytes) > 0);
}

#[test]
fn mutated_arrays_of_numpy() {
    let mut arrays = samples(&[".npy"]);
    arrays.extend(entries(&samples(&["arrays.npz"]), ".npy"));
    assert!(fuzz("arrays of NumPy", &arrays, &|bytes| bytes) > 0);
}

#[test]
fn mutated_files_of_hdf5() {
    assert!(fuzz("files of HDF5", &samples(&[".h5"]), &|bytes| bytes) > 0);
}
