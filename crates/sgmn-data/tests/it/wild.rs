//! Facts about wild zoos and the packed files of flows that they leave.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use sgmn_data::{
    Error,
    any_net::{self, ReadOptions},
    formats::flows::{Architecture, Reader},
    zoo::{
        Progress, Summary,
        wild::{Facts, METRICS, NETS, Request, train_one, train_to_flows},
    },
};
use sgmn_graph::{
    Seed,
    flow::{random_inputs, run},
};

use crate::{
    formats_hostile::{assert_modest_memory, flips, lengths, survive},
    zoo::bars,
};

const N_NETS: usize = 7;

/// What `use_request` makes of a request for seven nets, three of an architecture.
fn with_request<T>(use_request: impl FnOnce(&Request<'_>) -> T) -> T {
    let (train, test) = (bars(320), bars(30));
    use_request(&Request {
        train: &train,
        test: &test,
        dataset: "bars",
        n_nets: N_NETS,
        per_architecture: 3,
        most_epochs: 2,
        siblings: None,
        seed: &Seed::new(4),
    })
}

/// Trains the zoo, asking to stop after `n_stop` nets.
fn train(folder: &Path, n_threads: usize, n_stop: usize) -> Result<Summary, Error> {
    let stop = AtomicBool::new(n_stop == 0);
    let progress = |progress: Progress| stop.store(progress.n_done >= n_stop, Ordering::Relaxed);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
    pool.install(|| with_request(|request| train_to_flows(request, folder, &progress, &stop)))
}

#[test]
fn a_zoo_is_the_same_to_the_byte_however_it_was_trained() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(name));
    let summary = train(&whole, 2, usize::MAX).unwrap();
    assert_eq!((summary.n_nets, summary.n_trained_now), (N_NETS, N_NETS));
    assert!(matches!(train(&parts, 1, 2), Err(Error::Interrupted)));
    assert!(!parts.exists());
    let summary = train(&parts, 1, usize::MAX).unwrap();
    assert!(summary.n_trained_now < N_NETS);
    for name in [NETS, METRICS] {
        assert_eq!(std::fs::read(whole.join(name)).unwrap(), std::fs::read(parts.join(name)).unwrap());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "the journals are gone");

    // A net is what its number says, whoever trains it.
    let reader = Reader::open(&whole.join(NETS)).unwrap();
    let net = with_request(|request| train_one(request, 4, &AtomicBool::new(false)).unwrap());
    assert_eq!(reader.row(4), net.numbers);
    assert_eq!(reader.architecture(4), &Architecture::Described(net.architecture.description()));
    let Facts { numbers, words } = Facts::of(&net);
    assert!(numbers.iter().all(|(name, number)| reader.number(name, 4) == Some(*number)));
    assert!(words.iter().all(|(name, word)| reader.word(name, 4) == Some(word.as_str())));

    // The table has a line a net, with what the file knows.
    let mut table = csv::Reader::from_path(whole.join(METRICS)).unwrap();
    let column = table.headers().unwrap().iter().position(|name| name == "test_accuracy").unwrap();
    let accuracies: Vec<f64> = table.records().map(|line| line.unwrap()[column].parse().unwrap()).collect();
    assert_eq!(&accuracies, &reader.numbers()["test_accuracy"]);
}

#[test]
fn nets_of_a_packed_file_are_flows_and_can_be_taken_out() {
    let folder = tempfile::tempdir().unwrap();
    let zoo = folder.path().join("zoo");
    train(&zoo, 2, usize::MAX).unwrap();
    let reader = Reader::open(&zoo.join(NETS)).unwrap();
    assert_eq!((reader.len(), reader.flows().len()), (N_NETS, 3));
    let splits = reader.splits();
    assert_eq!((splits.train.len(), splits.val.len(), splits.test.len()), (5, 1, 1));
    let [weights, architecture] = ["net.safetensors", "net.toml"].map(|name| folder.path().join(name));
    for i in 0..N_NETS {
        let net = reader.net(i).unwrap();
        assert!(std::sync::Arc::ptr_eq(net.flow(), reader.flow(i)));
        assert_eq!(reader.flow_idx(i), i / 3);
        reader.write_net(i, &weights, &architecture).unwrap();
        let options = ReadOptions { architecture: Some(architecture.clone()), ..ReadOptions::default() };
        let file = any_net::open(&weights, &options).unwrap();
        let inputs = random_inputs(net.flow(), Seed::new(1));
        let answers = run(net.flow(), &net, &inputs).unwrap();
        assert_eq!(run(file.net.flow(), &file.net, &inputs).unwrap(), answers);
    }
}

#[test]
fn damaged_and_hostile_files_of_flows_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let zoo = folder.path().join("zoo");
    train(&zoo, 2, usize::MAX).unwrap();
    let path = zoo.join(NETS);
    let bytes = std::fs::read(&path).unwrap();
    let read = |what: &str, bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        survive(what, || Reader::open(&path)).map(drop)
    };
    assert!(read("whole", &bytes).is_ok());
    for (at, flipped) in flips(&bytes, 300) {
        assert!(read("flipped", &flipped).is_err(), "byte {at}");
    }
    for len in lengths(bytes.len()) {
        assert!(read("cut", &bytes[..len]).is_err(), "cut to {len}");
    }

    // With right checksums and another index.
    let start = u64::from_le_bytes(*bytes[24..].first_chunk().unwrap()) as usize;
    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum().to_le_bytes()
    };
    let fault = |from: &str, to: &str| {
        let index = std::str::from_utf8(&bytes[start..]).unwrap();
        let index = index.replacen(from, to, 1);
        assert!(index.as_bytes() != &bytes[start..], "{from} is not in the index");
        let mut changed = [&bytes[..start], index.as_bytes()].concat();
        changed[32..40].copy_from_slice(&(index.len() as u64).to_le_bytes());
        changed[40..44].copy_from_slice(&crc(index.as_bytes()));
        let header = crc(&changed[..60]);
        changed[60..64].copy_from_slice(&header);
        read("another index", &changed).unwrap_err().to_string()
    };
    assert!(fault("\"provenance\"", "\"origin\"").contains("unknown field"));
    assert!(fault("\"architecture_of\":[0", "\"architecture_of\":[7").contains("an architecture below 3"));
    assert!(fault("\"architecture_of\":[0,", "\"architecture_of\":[").contains("one a net"));
    assert!(fault("\"of\":[", "\"of\":[99,").contains("one a net"));
    assert!(fault("\"test_accuracy\":[", "\"test_accuracy\":[1e999,").contains("JSON"));
    assert!(fault("head.bias", "head.bios").contains("every tensor used"));
    assert!(
        fault("\"name\":\"head.bias\",\"shape\":[10]", "\"name\":\"head.bias\",\"shape\":[9999999999,99]")
            .contains("head")
    );
    let deep = format!("{}\"relu\"{}", "[".repeat(5000), "]".repeat(5000));
    assert!(!fault("layers = [", &format!("layers = [{},", deep.replace('"', "\\\""))).is_empty());
    // A short text may stand for many layers; all architectures together may have so many only.
    let long = r#"{"toml":"layers = [{ repeat = 60000, layers = [\"same\"] }]\n[input]\nx = { shape = [1] }","tensors":[]}"#;
    let five = [long; 5].join(",");
    let found = fault("],\"architecture_of\"", &format!(",{five}],\"architecture_of\""));
    assert!(found.contains("at most 262144 layers"), "{found}");
    assert_modest_memory();
}
