//! Nets that are made in shards: the same bytes as in one piece, and shards that do not belong together are refused.

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use sgmn_data::{
    Error, Shard,
    fit::{self, Images, Recipe},
    zoo::{self, wild},
};
use sgmn_graph::Seed;

use crate::zoo::bars;

const N_NETS: usize = 8;
/// Bytes of a fit in the file of a shard: number, updates, ratio, 21 parameters, checksum.
const RECORD_LEN: usize = 4 + 4 + 8 + 4 * 21 + 4;

fn go() -> AtomicBool {
    AtomicBool::new(false)
}

/// All files of a dataset, with their bytes.
fn files(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let read = |path: &Path| std::fs::read(path).unwrap();
    if path.is_file() {
        return vec![(PathBuf::new(), read(path))];
    }
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> = entries.map(|entry| (entry.file_name().into(), read(&entry.path()))).collect();
    files.sort();
    files
}

/// Whether the shards of a request, made from the last to the first, give what the request gives in one piece.
fn is_the_same_in_shards(
    whole: impl Fn(&Path),
    shard: impl Fn(Shard, &Path),
    gather: impl Fn(&Path, usize, &Path),
) {
    let folder = tempfile::tempdir().unwrap();
    let expected = folder.path().join("whole");
    whole(&expected);
    for count in [1, 7] {
        let (shards, out) =
            (folder.path().join(format!("{count}")), folder.path().join(format!("gathered-{count}")));
        std::fs::create_dir(&shards).unwrap();
        let all: Vec<Shard> = Shard::all(count).collect();
        all.iter().rev().for_each(|part| shard(*part, &shards));
        gather(&shards, count, &out);
        assert_eq!(files(&out), files(&expected), "{count} shards");
        assert_eq!(files(&shards).len(), count, "no journal is left");
    }
}

/// What `use_request` makes of a request for fits.
fn with_fits<T>(seed: u64, use_request: impl FnOnce(&fit::Request<'_>) -> T) -> T {
    let pixels = (0..N_NETS * 20).map(|i| ((i * i) as f32 * 0.37).sin().abs()).collect();
    let images = Images::new([4, 5, 1], pixels, Some((0..N_NETS as u32).collect())).unwrap();
    let ids: Vec<String> = (0..N_NETS).map(|i| format!("image-{i}")).collect();
    let recipe = Recipe { hidden: vec![5], max_steps: 9, ..Recipe::default() };
    let (splits, seed) = (vec![None; N_NETS], Seed::new(seed));
    use_request(&fit::Request { images: &images, ids: &ids, splits: &splits, recipe: &recipe, seed: &seed })
}

fn fit_shard(seed: u64, part: Shard, folder: &Path) -> Result<sgmn_data::Made, Error> {
    with_fits(seed, |request| fit::fit_shard(request, part, folder, &|_| {}, &go()))
}

fn gather(folder: &Path, count: usize) -> Result<fit::Summary, Error> {
    with_fits(1, |request| fit::gather_to_packed(request, folder, count, &folder.join("nets.packed")))
}

#[test]
fn fits_have_the_same_bytes_in_shards() {
    let shard = |part, folder: &Path| drop(fit_shard(1, part, folder).unwrap());
    is_the_same_in_shards(
        |out| drop(with_fits(1, |fits| fit::fit_to_packed(fits, out, &|_| {}, &go())).unwrap()),
        shard,
        |folder, count, out| {
            drop(with_fits(1, |fits| fit::gather_to_packed(fits, folder, count, out)).unwrap());
        },
    );
    is_the_same_in_shards(
        |out| drop(with_fits(1, |fits| fit::fit_to_safetensors(fits, out, &|_| {}, &go())).unwrap()),
        shard,
        |folder, count, out| {
            drop(with_fits(1, |fits| fit::gather_to_safetensors(fits, folder, count, out)).unwrap());
        },
    );
}

#[test]
fn zoos_have_the_same_bytes_in_shards() {
    let (train, test, seed) = (bars(120), bars(30), Seed::new(3));
    let recipe = zoo::Recipe { epochs: 1, checkpoints: vec![0], batch_size: 8 };
    let (dataset, n_nets, activation) = ("bars", N_NETS, None);
    let request = zoo::Request {
        train: &train,
        test: &test,
        dataset,
        n_nets,
        recipe: &recipe,
        activation,
        seed: &seed,
    };
    is_the_same_in_shards(
        |out| drop(zoo::train_to_zoo(&request, out, &|_| {}, &go()).unwrap()),
        |part, folder| drop(zoo::train_shard(&request, part, folder, &|_| {}, &go()).unwrap()),
        |folder, count, out| drop(zoo::gather_to_zoo(&request, folder, count, out).unwrap()),
    );
}

#[test]
fn wild_zoos_have_the_same_bytes_in_shards() {
    let (train, test, seed) = (bars(400), bars(30), Seed::new(3));
    let (dataset, n_nets, per_architecture, most_epochs) = ("bars", N_NETS, 3, 1);
    let request = wild::Request {
        train: &train,
        test: &test,
        dataset,
        n_nets,
        per_architecture,
        most_epochs,
        seed: &seed,
    };
    is_the_same_in_shards(
        |out| drop(wild::train_to_flows(&request, out, &|_| {}, &go()).unwrap()),
        |part, folder| drop(wild::train_shard(&request, part, folder, &|_| {}, &go()).unwrap()),
        |folder, count, out| drop(wild::gather_to_flows(&request, folder, count, out).unwrap()),
    );
}

#[test]
fn a_finished_shard_is_not_made_again_and_a_stopped_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let part = Shard { number: 1, count: 2 };
    let stop = AtomicBool::new(false);
    let after_one =
        |progress: fit::Progress| stop.store(progress.n_done > 0, std::sync::atomic::Ordering::Relaxed);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let stopped = with_fits(1, |request| {
        pool.install(|| fit::fit_shard(request, part, folder.path(), &after_one, &stop))
    });
    assert!(matches!(stopped, Err(Error::Interrupted)));
    assert!(!part.file(folder.path()).exists());
    let made = fit_shard(1, part, folder.path()).unwrap();
    assert_eq!((made.n_nets, made.n_made_now), (4, 3));
    assert_eq!(fit_shard(1, part, folder.path()).unwrap().n_made_now, 0);
}

#[test]
fn shards_with_gaps_of_other_requests_or_with_damage_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let file = |number| Shard { number, count: 2 }.file(path);
    let refused = |expected: &str| {
        let message = gather(path, 2).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
        assert!(!path.join("nets.packed").exists());
    };
    fit_shard(1, Shard { number: 0, count: 2 }, path).unwrap();
    refused("shard-0001.nets");

    std::fs::copy(file(0), file(1)).unwrap();
    refused("differs in items");
    std::fs::remove_file(file(1)).unwrap();

    fit_shard(2, Shard { number: 1, count: 2 }, path).unwrap();
    refused("differs in seed");
    assert!(
        fit_shard(1, Shard { number: 1, count: 2 }, path).is_err(),
        "the file of another request is no shard"
    );
    std::fs::remove_file(file(1)).unwrap();

    fit_shard(1, Shard { number: 1, count: 2 }, path).unwrap();
    let whole = std::fs::read(file(1)).unwrap();
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(file(1), &changed).unwrap();
    refused("net 7 at byte");
    std::fs::write(file(1), &whole[..whole.len() - 1]).unwrap();
    refused("bytes, found");

    // One net twice, and so another one not at all.
    let mut twice = whole.clone();
    let last = twice.len() - RECORD_LEN;
    twice.copy_within(last - RECORD_LEN..last, last);
    std::fs::write(file(1), &twice).unwrap();
    refused("net 7 at byte");

    std::fs::write(file(1), &whole).unwrap();
    gather(path, 2).unwrap();
}
