//! `sgmn parity` on golden files, whole, changed and unreadable.

use std::path::PathBuf;

use super::{Place, Ran, golden, sgmn, succeed, text};

#[test]
fn parity_passes_on_every_golden_file_in_both_precisions() {
    let folder = golden("");
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    for (dtype, how) in [("f64", None), ("f32", None), ("f32", Some("--plainly"))] {
        let mut arguments = vec!["parity", "--dtype", dtype];
        arguments.extend(how.into_iter().chain(files.iter().map(|file| text(file))));
        let out = succeed(&arguments);
        let n = files.len();
        assert_eq!(out.lines().filter(|line| line.contains("  pass ")).count(), n, "{out}");
        assert!(out.lines().last().unwrap().starts_with(&format!("{n} of {n} agree in {dtype}")), "{out}");
    }
}

#[test]
fn parity_fails_on_one_changed_number_and_names_its_tensor() {
    let place = Place::new();
    let name = "gnn.readout.rho.fc.1.weight";
    for (tensor, said) in [("output".to_owned(), ", output"), (format!("grad.{name}"), name)] {
        let bytes = std::fs::read(golden("mnist_cls.forward.sign.safetensors")).unwrap();
        let path = place.path("changed.safetensors");
        std::fs::write(&path, with_changed_number(bytes, &tensor)).unwrap();
        let good = golden("fmnist_cls.forward.sign.safetensors");
        let Ran { code, out, .. } = sgmn(&["parity", &path, text(&good)]);
        assert_eq!(code, Some(1), "{out}");
        let row = out.lines().find(|line| line.starts_with("changed")).unwrap();
        assert!(row.contains("FAIL") && row.contains(said), "{out}");
        assert!(out.lines().last().unwrap().starts_with("1 of 2 agree"), "{out}");
    }
}

#[test]
fn parity_reports_an_unreadable_file_and_goes_on() {
    let place = Place::new();
    let bytes = std::fs::read(golden("mnist_cls.forward.sign.safetensors")).unwrap();
    let path = place.path("half.safetensors");
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let good = golden("fmnist_cls.forward.sign.safetensors");
    let Ran { code, out, .. } = sgmn(&["parity", &path, text(&good)]);
    assert_eq!(code, Some(1));
    assert!(
        out.contains("ERROR") && out.contains("half.safetensors: ") && out.contains("1 of 2 agree"),
        "{out}"
    );
}

/// The file with one f64 of a tensor doubled, plus one.
fn with_changed_number(mut file: Vec<u8>, tensor: &str) -> Vec<u8> {
    let header_len = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&file[8..8 + header_len]).unwrap();
    assert_eq!(header[tensor]["dtype"], "F64");
    let start = 8 + header_len + header[tensor]["data_offsets"][0].as_u64().unwrap() as usize;
    let number = f64::from_le_bytes(file[start..start + 8].try_into().unwrap());
    file[start..start + 8].copy_from_slice(&(2.0 * number + 1.0).to_le_bytes());
    file
}
