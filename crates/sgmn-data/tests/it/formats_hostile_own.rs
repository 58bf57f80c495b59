//! Hostile packed files, safetensors and IDX files.

use std::sync::Arc;

use sgmn_data::{
    Sample, Target,
    formats::{
        idx, packed,
        safetensors_dir::{self, Options},
    },
};
use sgmn_graph::{Activation, Net, NetSpec};

use crate::{
    formats::testdata,
    formats_hostile::{assert_modest_memory, flips, lengths, survive},
    formats_own::write_items,
};

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
        assert!(
            read(&|file| file[24..32].copy_from_slice(&start.to_le_bytes())).is_err(),
            "index at {start}"
        );
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
    assert!(fault(&replace("\"n_in\":2,\"n_out\":5", "\"n_in\":2e100000000")).contains("as JSON"));
    assert!(fault(&replace("net ä1", "net ä0")).contains("names that differ"));
    // A NaN with a right checksum of its row.
    let record = index_start + 8 + u64::from_le_bytes(*bytes[index_start..].first_chunk().unwrap()) as usize;
    let message = fault(&|file| {
        file[64..68].copy_from_slice(&f32::NAN.to_le_bytes());
        let row_crc = crc(&file[64..64 + 128]);
        file[record + 12..record + 16].copy_from_slice(&row_crc);
    });
    assert!(message.contains("finite numbers in row 0, found NaN at 0"), "{message}");
    for (at, what) in [(0, "place"), (8, "architecture"), (24, "name"), (28, "kind of target"), (29, "split")]
    {
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
        assert!(
            read("header", &[&len.to_le_bytes(), &bytes[8..]].concat()).is_err(),
            "a header of {len} bytes"
        );
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
    assert!(fault(r#""label":"1""#, r#""score":"x""#).contains("a score in the metadata that is a number"));
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
            assert!(
                !name.ends_with("gz") || result.is_err() || result.is_ok_and(|idx| idx == whole),
                "{name} byte {at}"
            );
        }
    }
    for shape in [[u32::MAX; 3], [60_000, 28, 28], [1, 1, 0]] {
        let sizes: Vec<u8> = shape.iter().flat_map(|size| size.to_be_bytes()).collect();
        let bytes = [&[0, 0, 8, 3], &sizes[..], &[7]].concat();
        assert!(read("shape", &bytes).is_err(), "{shape:?}");
    }
    assert_modest_memory();
}
