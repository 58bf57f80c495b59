//! A folder of nets of many architectures: packed, learned from, and read by what was learned.

use std::{path::Path, sync::Arc};

use sgmn_data::{Sample, Target, formats::folder};
use sgmn_graph::{Activation, NetSpec, Seed, testing};
use tempfile::TempDir;

use crate::toolbox::{refuse, succeed, text};

const NAMES: [&str; 2] = ["cnn_flatten", "mlp_tanh"];

fn oracle(name: &str) -> String {
    format!("{}/tests/data/oracle/{name}/script.onnx", env!("CARGO_MANIFEST_DIR"))
}

/// Four twins each of two nets with their graphs, four chains, and a table that names the three kinds.
fn nets() -> TempDir {
    let place = TempDir::new().unwrap();
    let folder = place.path().join("nets");
    std::fs::create_dir(&folder).unwrap();
    let spec = Arc::new(NetSpec::mlp(&[3, 4, 2], Activation::Relu, 0.0).unwrap());
    let mut table = String::from("file,label,split\n");
    for i in 0..4 {
        let seed = i.to_string();
        for name in NAMES {
            let twin = folder.join(format!("{name}-{i}.onnx"));
            succeed(&["twin", &oracle(name), "--seed", &seed, "--out", text(&twin)]);
        }
        let net = testing::random_net(Seed::new(i), &spec);
        let id = format!("chain-{i}");
        folder::write_net(
            &folder.join(format!("{id}.safetensors")),
            &Sample { id, net, target: Target::None },
        )
        .unwrap();
        for name in [NAMES[0], NAMES[1], "chain"] {
            table += &format!("{name}-{i},{name},{}\n", ["train", "train", "val", "test"][i as usize]);
        }
    }
    std::fs::write(folder.join("labels.csv"), table).unwrap();
    place
}

fn answers(path: &Path) -> Vec<(String, Vec<f64>)> {
    let text = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0].to_owned(), cells[2..].iter().map(|cell| cell.parse().unwrap()).collect())
    };
    text.lines().skip(1).map(row).collect()
}

#[test]
fn nets_of_many_architectures_are_packed_learned_from_and_read() {
    let place = nets();
    let [folder, packed, run, one, all, unread] =
        ["nets", "nets.packed", "run", "one.csv", "all.csv", "unread.csv"]
            .map(|name| place.path().join(name));
    assert!(succeed(&["inspect", text(&folder)]).contains("12 nets"));
    assert!(succeed(&["convert", text(&folder), text(&packed)]).contains("wrote 12 nets"));
    let inspected = succeed(&["inspect", text(&packed)]);
    assert!(inspected.contains("12 nets of 3 architectures"), "{inspected}");
    assert!(inspected.contains("splits: train 6, val 3, test 3"), "{inspected}");

    let program = env!("CARGO_BIN_EXE_inr-classification");
    let data = ["--data", text(&packed), "--model", "scalegmn", "--size", "quick", "--run", text(&run)];
    let ran =
        assert_cmd::Command::new(program).args(data).args(["--set", "train.epochs=1"]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let best = run.join("checkpoints/best.safetensors");

    succeed(&["predict", text(&best), text(&packed), "--out", text(&all)]);
    let of_all = answers(&all);
    assert_eq!(of_all.len(), 12);
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
    for name in NAMES {
        // Twins, and the net that they are twins of, in a file of its own.
        succeed(&["predict", text(&best), &oracle(name), "--out", text(&one), "--force"]);
        let expected = &answers(&one)[0].1;
        let twins: Vec<_> = of_all.iter().filter(|(id, _)| id.starts_with(name)).collect();
        assert_eq!(twins.len(), 4);
        assert!(twins.iter().all(|(_, answer)| close(answer, expected)), "{twins:?}, {expected:?}");
    }
    let refused = refuse(&["predict", text(&best), &oracle("gpt"), "--out", text(&unread)]);
    assert!(refused.contains("a net that the model reads"), "{refused}");
    assert!(!unread.exists());
    let refused = refuse(&["convert", text(&folder), text(&place.path().join("other"))]);
    assert!(refused.contains("expected NAME.packed for nets with their graphs"), "{refused}");
}
