//! Facts about fitting INRs to images.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use safetensors::SafeTensors;
use sgmn_data::{
    Error,
    fit::{
        Fitted, Images, Progress, Recipe, Request, SirenRenderer, Summary, fit_all, fit_one, fit_to_packed,
        fit_to_safetensors,
    },
    formats::{folder, idx, packed},
    split::Split,
};
use sgmn_graph::{Activation, Net, NetSpec, Seed, eval};

/// Four smooth blobs of 8 × 9 pixels and `n_channels`.
fn blobs(n_channels: usize) -> Images {
    let mut pixels = Vec::new();
    for i in 0..4 {
        for row in 0..8 {
            for column in 0..9 {
                for channel in 0..n_channels {
                    let d = (row as f32 - 2.0 - i as f32).powi(2)
                        + (column as f32 - 4.0 - channel as f32).powi(2);
                    pixels.push((-d / 6.0).exp());
                }
            }
        }
    }
    Images::new([8, 9, n_channels], pixels, Some(vec![3, 1, 4, 1])).unwrap()
}

/// Small and quick, but otherwise the default.
fn recipe() -> Recipe {
    Recipe { hidden: vec![12, 8], max_steps: 60, ..Recipe::default() }
}

fn fit_with_threads(n_threads: usize, images: &Images) -> Vec<Fitted> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
    let mut nets = vec![None; images.len()];
    let keep = |i: usize, fitted| {
        assert!(nets[i].replace(fitted).is_none());
        Ok(())
    };
    pool.install(|| fit_all(images, &recipe(), &Seed::new(1), keep, &|_| {}, &AtomicBool::new(false)))
        .unwrap();
    nets.into_iter().map(Option::unwrap).collect()
}

#[test]
fn threads_and_neighbors_change_no_bit_of_a_net() {
    let images = blobs(1);
    let nets = fit_with_threads(1, &images);
    assert_eq!(nets, fit_with_threads(4, &images));
    for (i, net) in nets.iter().enumerate() {
        let seed = Seed::new(1).child("fit").index(i as u64);
        assert_eq!(*net, fit_one(images.image(i), images.size(), &recipe(), &seed).unwrap());
    }
    assert_ne!(nets[0].params, nets[1].params);
}

#[test]
fn a_net_stops_at_its_goal_and_its_ratio_is_that_of_its_parameters() {
    let images = blobs(3);
    let recipe = Recipe { goal_psnr_db: 30.0, ..Recipe::default() };
    let fitted = fit_one(images.image(2), images.size(), &recipe, &Seed::new(5)).unwrap();
    assert!(
        fitted.n_steps < recipe.max_steps && (30.0..31.0).contains(&fitted.psnr_db),
        "{}",
        fitted.psnr_db
    );

    let net = Net::new(Arc::new(recipe.spec(3).unwrap()), fitted.params.iter().map(|&p| p.into()).collect())
        .unwrap();
    let mut squares = 0.0;
    for (pixel, values) in images.image(2).chunks_exact(3).enumerate() {
        let position = [(pixel % 9) as f64 / 4.0 - 1.0, (pixel / 9) as f64 / 3.5 - 1.0];
        let out = eval::run(&net, &position).unwrap();
        squares += out.iter().zip(values).map(|(out, &value)| (out - f64::from(value)).powi(2)).sum::<f64>();
    }
    let psnr_db = -10.0 * (squares / images.image(2).len() as f64).log10();
    assert!((psnr_db - fitted.psnr_db).abs() < 1e-3, "{psnr_db} for {}", fitted.psnr_db);
}

#[test]
fn a_fit_that_diverges_or_does_not_fit_its_image_is_an_error() {
    let images = blobs(1);
    let wild = Recipe { learning_rate: 1e38, ..recipe() };
    let message = fit_one(images.image(0), images.size(), &wild, &Seed::new(1)).unwrap_err().to_string();
    assert!(message.starts_with("learning_rate"), "{message}");
    assert!(fit_one(&images.image(0)[1..], images.size(), &recipe(), &Seed::new(1)).is_err());
    assert!(fit_one(&[], images.size(), &recipe(), &Seed::new(1)).is_err());
}

type FitTo = fn(&Request<'_>, &Path, &(dyn Fn(Progress) + Sync), &AtomicBool) -> Result<Summary, Error>;

/// Fits the blobs to a file or folder, asking to stop after `n_nets`.
fn fit_to(fit: FitTo, out: &Path, seed: u64, n_nets: usize) -> Result<Summary, Error> {
    let images = blobs(1);
    let ids: Vec<String> = (0..images.len()).map(|i| format!("blob-{i}")).collect();
    let splits = [Some(Split::Train), Some(Split::Val), Some(Split::Test), None];
    let (recipe, seed) = (recipe(), Seed::new(seed));
    let request = Request { images: &images, ids: &ids, splits: &splits, recipe: &recipe, seed: &seed };
    let (stop, n_done) = (AtomicBool::new(n_nets == 0), AtomicUsize::new(0));
    let progress = |progress: Progress| {
        n_done.fetch_max(progress.n_done, Ordering::Relaxed);
        stop.store(progress.n_done >= n_nets, Ordering::Relaxed);
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| fit(&request, out, &progress, &stop))
}

#[test]
fn an_interrupted_population_ends_in_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, parts] = ["whole.sgmn", "parts.sgmn"].map(|name| folder.path().join(name));
    let summary = fit_to(fit_to_packed, &whole, 1, 99).unwrap();
    assert_eq!((summary.n_nets, summary.n_fitted_now), (4, 4));

    let journal = folder.path().join("parts.sgmn.partial");
    for n_nets in [0, 1, 3] {
        assert!(matches!(fit_to(fit_to_packed, &parts, 1, n_nets), Err(Error::Interrupted)));
        assert!(!parts.exists());
        // The process may die while it writes: a torn record stays behind.
        let mut bytes = std::fs::read(&journal).unwrap();
        bytes.extend_from_slice(&[7; 100]);
        std::fs::write(&journal, bytes).unwrap();
    }
    let message = fit_to(fit_to_packed, &parts, 2, 99).unwrap_err().to_string();
    assert!(message.contains("differs in seed"), "{message}");
    assert_eq!(fit_to(fit_to_packed, &parts, 1, 99).unwrap().n_fitted_now, 1);
    assert_eq!(std::fs::read(&whole).unwrap(), std::fs::read(&parts).unwrap());
    assert!(!journal.exists());

    let reader = packed::Reader::open(&whole).unwrap();
    let fitted = fit_with_threads(2, &blobs(1));
    for (i, net) in fitted.iter().enumerate() {
        assert_eq!((reader.id(i), reader.row(i)), (format!("blob-{i}").as_str(), &*net.params));
    }
    assert_eq!((reader.split(1), reader.split(3)), (Some(Split::Val), None));
    assert_eq!(reader.target(2), sgmn_data::Target::Class(4));
}

#[test]
fn a_folder_of_safetensors_holds_the_same_nets() {
    let folder = tempfile::tempdir().unwrap();
    let nets = folder.path().join("nets");
    assert!(matches!(fit_to(fit_to_safetensors, &nets, 1, 2), Err(Error::Interrupted)));
    assert!(!nets.exists());
    // A slash behind the name, as a shell completes it, changes nothing.
    let with_slash = folder.path().join("nets/");
    assert_eq!(fit_to(fit_to_safetensors, &with_slash, 1, 99).unwrap().n_fitted_now, 2);
    let dataset = folder::open(&nets, &folder::Options::default()).unwrap();
    for (i, fitted) in fit_with_threads(1, &blobs(1)).into_iter().enumerate() {
        let sample = dataset.source.get(i).unwrap();
        assert_eq!(sample.net.params(), fitted.params.into_iter().map(f64::from).collect::<Vec<_>>());
        assert_eq!(sample.net.spec().output_offset(), 0.5);
    }
    assert_eq!(dataset.splits.val, [1]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let message = fit_to(fit_to_safetensors, &nets, 1, 99).unwrap_err().to_string();
    assert!(message.contains("new or empty"), "{message}");
}

#[test]
fn a_request_that_cannot_be_fulfilled_is_refused_before_the_work() {
    let (images, recipe, seed) = (blobs(1), recipe(), Seed::new(1));
    let folder = tempfile::tempdir().unwrap();
    let refused = |ids: &[&str], splits: &[Option<Split>]| {
        let ids: Vec<String> = ids.iter().map(|&id| id.to_owned()).collect();
        let request = Request { images: &images, ids: &ids, splits, recipe: &recipe, seed: &seed };
        let out = folder.path().join("out");
        fit_to_packed(&request, &out, &|_| {}, &AtomicBool::new(false)).unwrap_err().to_string()
    };
    assert!(refused(&["a", "b", "c"], &[None; 4]).starts_with("ids"));
    assert!(refused(&["a", "b", "c", "d"], &[None; 3]).starts_with("splits"));
    assert!(refused(&["a", "b", "c", "a"], &[None; 4]).contains("\"a\" twice"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_net_fitted_by_pytorch_is_rendered_as_its_image() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/fit");
    let image = idx::read_images(&folder.join("mnist-training-5-0-idx3-ubyte")).unwrap();
    let image = Images::from_idx(&image, None).unwrap();
    let bytes = std::fs::read(folder.join("mnist-training-5-0.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut params = Vec::new();
    for layer in 0..3 {
        for part in ["weight", "bias"] {
            let tensor = tensors.tensor(&format!("seq.{layer}.{part}")).unwrap();
            params.extend(tensor.data().as_chunks().0.iter().map(|x| f64::from(f32::from_le_bytes(*x))));
        }
    }
    let spec = Arc::new(Recipe::default().spec(1).unwrap());
    let picture = SirenRenderer::new(&spec, [28, 28]).unwrap().render(&params).unwrap();
    let squares = picture.iter().zip(image.image(0)).map(|(a, b)| f64::from(a - b).powi(2));
    let mse = squares.sum::<f64>() / 784.0;
    // As PyTorch computed it, see the folder's README.
    assert!((mse / 9.981366747524589e-5 - 1.0).abs() < 1e-3, "{mse:e}");

    let net = Net::new(spec, params).unwrap();
    for (pixel, value) in picture.iter().enumerate() {
        let position = [pixel % 28, pixel / 28].map(|i| 2.0 * i as f64 / 27.0 - 1.0);
        assert!((f64::from(*value) - eval::run(&net, &position).unwrap()[0]).abs() < 1e-5);
    }
}

#[test]
fn only_sirens_are_rendered() {
    let tanh = NetSpec::mlp(&[2, 4, 1], Activation::Tanh, 0.0).unwrap();
    let three_inputs = NetSpec::mlp(&[3, 4, 1], Activation::Sine { omega: 30.0 }, 0.0).unwrap();
    let siren = NetSpec::mlp(&[2, 4, 1], Activation::Sine { omega: 30.0 }, 0.0).unwrap();
    assert!(SirenRenderer::new(&tanh, [4, 4]).is_err());
    assert!(SirenRenderer::new(&three_inputs, [4, 4]).is_err());
    assert!(SirenRenderer::new(&siren, [0, 4]).is_err());
    assert!(SirenRenderer::new(&siren, [4, 4]).unwrap().render(&[0.0; 3]).is_err());
}
