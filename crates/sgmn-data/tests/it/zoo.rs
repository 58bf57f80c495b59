//! Facts about zoos that are trained here.

use std::{
    io::Read,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use sgmn_data::{
    Error, Target,
    fit::Images,
    formats::cnn_zoo::{self, Header, ZooActivation},
    split::Split,
    zoo::{Progress, Recipe, Request, Summary, Trained, train_one, train_to_zoo},
};
use sgmn_graph::{Activation, Net, NetSpec, Seed, eval};

/// Bars whose height tells the class, a little different in every image.
pub(crate) fn bars(n: usize) -> Images {
    let mut pixels = Vec::new();
    for i in 0..n {
        let (class, shift) = (i % 10, i / 10 % 5);
        for (row, column) in (0..28).flat_map(|row| (0..28).map(move |column| (row, column))) {
            let inside = row >= 25 - 2 * class && (8 + shift..16 + shift).contains(&column);
            pixels.push(if inside { 0.9 - 0.02 * shift as f32 } else { 0.0 });
        }
    }
    Images::new([28, 28, 1], pixels, Some((0..n as u32).map(|i| i % 10).collect())).unwrap()
}

fn recipe() -> Recipe {
    Recipe { epochs: 3, checkpoints: vec![0, 1], batch_size: 8 }
}

/// What `use_request` makes of a request for `n_nets`.
fn with_request<T>(n_nets: usize, seed: u64, use_request: impl FnOnce(&Request<'_>) -> T) -> T {
    let (train, test, recipe, seed) = (bars(120), bars(30), recipe(), Seed::new(seed));
    let request = Request {
        train: &train,
        test: &test,
        dataset: "bars",
        n_nets,
        recipe: &recipe,
        activation: None,
        seed: &seed,
    };
    use_request(&request)
}

/// Trains a zoo, asking to stop after `n_stop` nets.
fn train(folder: &Path, seed: u64, n_threads: usize, n_stop: usize) -> Result<Summary, Error> {
    let (stop, n_done) = (AtomicBool::new(n_stop == 0), AtomicUsize::new(0));
    let progress = |progress: Progress| {
        n_done.fetch_max(progress.n_done, Ordering::Relaxed);
        stop.store(progress.n_done >= n_stop, Ordering::Relaxed);
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
    with_request(6, seed, |request| pool.install(|| train_to_zoo(request, folder, &progress, &stop)))
}

const FILES: [&str; 4] = ["weights.npy", "metrics.csv.gz", "layout.csv", "bars_split.csv"];

fn files(folder: &Path) -> Vec<Vec<u8>> {
    FILES.map(|name| std::fs::read(folder.join(name)).unwrap()).to_vec()
}

fn metrics(folder: &Path) -> String {
    let gz = std::fs::File::open(folder.join("metrics.csv.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(gz).read_to_string(&mut text).unwrap();
    text
}

/// Accuracy of a net on images by the interpreter of nets.
fn accuracy(net: &Net, images: &Images) -> f64 {
    let is_right = |i: &usize| {
        let image: Vec<f64> = images.image(*i).iter().map(|&pixel| 2.0 * f64::from(pixel) - 1.0).collect();
        let logits = eval::run(net, &image).unwrap();
        let best = (0..10).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
        best == images.label(*i).map(|class| class as usize)
    };
    (0..images.len()).filter(is_right).count() as f64 / images.len() as f64
}

#[test]
fn an_interrupted_zoo_ends_in_the_same_bytes_with_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(name));
    let summary = train(&whole, 1, 3, 99).unwrap();
    assert_eq!((summary.n_nets, summary.n_trained_now), (6, 6));
    assert!(summary.n_images_now >= 6 * 3 * 8);

    let journal = folder.path().join("parts.partial");
    for n_stop in [0, 1, 4] {
        assert!(matches!(train(&parts, 1, 1, n_stop), Err(Error::Interrupted)));
        assert!(!parts.exists());
        // The process may die while it writes: a torn record stays behind.
        let mut bytes = std::fs::read(&journal).unwrap();
        bytes.extend_from_slice(&[7; 1000]);
        std::fs::write(&journal, bytes).unwrap();
    }
    let message = train(&parts, 2, 1, 99).unwrap_err().to_string();
    assert!(message.contains("differs in seed"), "{message}");
    assert_eq!(train(&parts, 1, 1, 99).unwrap().n_trained_now, 2);
    assert_eq!(files(&whole), files(&parts));
    assert!(!journal.exists());
    let message = train(&parts, 1, 1, 99).unwrap_err().to_string();
    assert!(message.contains("a new or empty folder"), "{message}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside the zoos");
}

#[test]
fn a_zoo_is_read_back_with_the_nets_and_accuracies_that_were_trained() {
    let folder = tempfile::tempdir().unwrap();
    let zoo = folder.path().join("zoo");
    train(&zoo, 1, 2, 99).unwrap();
    let stop = AtomicBool::new(false);
    let trained: Vec<Trained> =
        with_request(6, 1, |request| (0..6).map(|i| train_one(request, i, &stop).unwrap()).collect());
    let (train_images, test_images) = (bars(120), bars(30));

    for (k, step) in [(0, 0), (1, 1), (2, 3)] {
        let options = cnn_zoo::Options { step, ..Default::default() };
        let dataset = cnn_zoo::open(&zoo, &options).unwrap();
        assert_eq!(dataset.source.len(), 6);
        for sample in (0..6).map(|i| dataset.source.get(i).unwrap()) {
            let row: usize = sample.id.strip_prefix("row").unwrap().parse().unwrap();
            assert_eq!(row % 3, k);
            let (net, checkpoint) = (&trained[row / 3], &trained[row / 3].checkpoints[k]);
            assert_eq!(sample.target, Target::Score(checkpoint.test.accuracy));
            let activation = match net.hyperparameters.activation {
                ZooActivation::Relu => Activation::Relu,
                ZooActivation::Tanh => Activation::Tanh,
            };
            let spec = Arc::new(NetSpec::cnn_zoo(&[1, 16, 16, 16, 10], activation).unwrap());
            assert_eq!(sample.net.spec(), &spec);
            // The reader turns TensorFlow's order into ours, the interpreter knows nothing of either program.
            assert_eq!(accuracy(&sample.net, &test_images), checkpoint.test.accuracy, "net {row} at {step}");
            if net.hyperparameters.train_fraction == 1.0 {
                assert_eq!(accuracy(&sample.net, &train_images), checkpoint.train.accuracy);
            }
        }
    }
    let [all, relu, tanh] = [None, Some(ZooActivation::Relu), Some(ZooActivation::Tanh)].map(|activation| {
        let options = cnn_zoo::Options { step: 3, activation, ..Default::default() };
        cnn_zoo::open(&zoo, &options).unwrap().source.len()
    });
    assert!(all == relu + tanh && relu > 0 && tanh > 0);
}

#[test]
fn the_published_split_of_our_zoo_has_every_net_once_in_every_reading() {
    let folder = tempfile::tempdir().unwrap();
    let zoo = folder.path().join("zoo");
    train(&zoo, 1, 2, 99).unwrap();
    let order: Vec<usize> = std::fs::read_to_string(zoo.join("bars_split.csv"))
        .unwrap()
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    assert_eq!((order[0], order.len()), (0, 18));
    let rows = |header: Header| {
        let dataset =
            cnn_zoo::open(&zoo, &cnn_zoo::Options { step: 3, header, ..Default::default() }).unwrap();
        Split::ALL.map(|split| {
            let ids = dataset.splits.get(split).iter().map(|&i| dataset.source.get(i).unwrap().id);
            ids.map(|id| id.strip_prefix("row").unwrap().parse::<usize>().unwrap()).collect::<Vec<_>>()
        })
    };
    let published = rows(Header::Published);
    assert_eq!(published, rows(Header::Exact));
    // The published code, by hand: rows in the file's order, those of the last step, the second half to test on, the
    // first shuffled by `random.Random(0)` (three things become [0, 2, 1]), int(0.8 · 3) to train on.
    let last: Vec<usize> = order.into_iter().filter(|row| row % 3 == 2).collect();
    assert_eq!(published[2], last[3..]);
    assert_eq!([&published[0][..], &published[1][..]].concat(), [last[0], last[2], last[1]]);
    assert_eq!(published.map(|split| split.len()), [2, 1, 3]);
}

#[test]
fn the_table_has_the_columns_of_the_zoo_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let zoo = folder.path().join("zoo");
    train(&zoo, 1, 2, 99).unwrap();
    let text = metrics(&zoo);
    let mut lines = text.lines();
    assert_eq!(
        lines.next().unwrap(),
        "config.activation,config.b_init,config.dataset,config.dnn_architecture,config.dropout,config.epochs,\
         config.epochs_between_checkpoints,config.init_std,config.l2reg,config.learning_rate,config.num_layers,\
         config.num_units,config.optimizer,config.random_seed,config.train_fraction,config.w_init,modeldir,step,\
         test_accuracy,test_loss,train_accuracy,train_loss,laststep"
    );
    let steps: Vec<&str> = lines.map(|line| line.split(',').nth(17).unwrap()).collect();
    assert_eq!(steps, ["0", "1", "3"].repeat(6));
}

#[test]
fn nets_learn_and_bad_draws_do_not() {
    // Three epochs of 120 bars teach the lucky ones more than chance, 0.1.
    let stop = AtomicBool::new(false);
    let accuracies = with_request(40, 7, |request| {
        let recipe = Recipe { epochs: 20, checkpoints: vec![], ..recipe() };
        let request = Request { recipe: &recipe, ..*request };
        (0..40)
            .map(|i| train_one(&request, i, &stop).unwrap().checkpoints[0].test.accuracy)
            .collect::<Vec<_>>()
    });
    let (worst, best) = accuracies.iter().fold((1.0f64, 0.0f64), |(w, b), &a| (w.min(a), b.max(a)));
    assert!(worst <= 0.2 && best >= 0.9, "{accuracies:?}");
}

#[test]
fn requests_that_cannot_be_fulfilled_name_their_field() {
    let refuses = |change: fn(&mut Request<'_>), field: &str| {
        with_request(6, 1, |request| {
            let mut request = *request;
            change(&mut request);
            let message = train_one(&request, 0, &AtomicBool::new(false)).unwrap_err().to_string();
            assert!(message.starts_with(field), "{message}");
        });
    };
    fn leak<T>(x: T) -> &'static T {
        Box::leak(Box::new(x))
    }
    refuses(|request| request.dataset = "../bars", "dataset");
    refuses(|request| request.n_nets = 0, "n_nets");
    refuses(|request| request.recipe = leak(Recipe { batch_size: 13, ..recipe() }), "batch_size");
    refuses(|r| r.test = leak(Images::new([28, 28, 1], vec![0.0; 784], None).unwrap()), "test images");
    refuses(
        |r| r.test = leak(Images::new([28, 28, 1], vec![0.0; 784], Some(vec![10])).unwrap()),
        "test images",
    );
    refuses(
        |r| r.train = leak(Images::new([28, 27, 1], vec![0.0; 756], Some(vec![1])).unwrap()),
        "training images",
    );
}
