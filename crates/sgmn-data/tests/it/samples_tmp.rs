use std::path::Path;
use sgmn_data::{Source, Target, formats::{self, Format, FormatKind, idx, packed, nfn_cifar}, source::Dataset};
use sgmn_graph::eval;
fn mse(net: &sgmn_graph::Net, image: &[u8], swap: bool) -> f64 {
    let lin = |i: usize| -1.0 + 2.0 * i as f64 / 27.0;
    let mut sum = 0.0;
    for r in 0..28 { for c in 0..28 {
        let input = if swap { [lin(r), lin(c)] } else { [lin(c), lin(r)] };
        let v = eval::run(net, &input).unwrap()[0];
        sum += (v - f64::from(image[r*28+c]) / 255.0).powi(2);
    }}
    sum / 784.0
}
#[test]
fn samples() {
    let root = std::env::var("SAMPLES").unwrap(); let root = Path::new(&root);
    let read_all = |name: &str, d: &Dataset| { for i in 0..d.source.len() { d.source.get(i).unwrap(); } eprintln!("{name}: {d:?}"); };
    let s = root.join("samples");
    for name in ["mnist-inrs", "fmnist_inrs", "smallcnnzoo"] {
        let kind = formats::detect(&s.join(name)).unwrap();
        let d = kind.published().open(&s.join(name)).unwrap();
        read_all(name, &d);
        let p = std::env::temp_dir().join("sample.sgmnpack");
        let r = packed::pack(&d, &p, Default::default(), |_, _| {}).unwrap();
        let q = packed::Reader::open(&p).unwrap();
        for i in 0..q.len() { assert_eq!(q.get(i).unwrap(), d.source.get(i).unwrap()); }
        eprintln!("{r:?} {} bytes", std::fs::metadata(&p).unwrap().len()); std::fs::remove_file(&p).unwrap();
    }
    assert_eq!(formats::detect(&s.join("siren_cifar_wts")).unwrap(), FormatKind::NfnCifar);
    let o = nfn_cifar::Options { augmentations: 1, val_from: 16, test_from: 20, ..Default::default() };
    let d = Format::NfnCifar(o).open(&s.join("siren_cifar_wts")).unwrap();
    read_all("cifar", &d);
    let o = nfn_cifar::Options { augmentations: 0, val_from: 16, test_from: 20, ..Default::default() };
    read_all("cifar", &Format::NfnCifar(o).open(&s.join("siren_cifar_wts")).unwrap());

    let d = FormatKind::DwsMnist.published().open(&s.join("mnist-inrs")).unwrap();
    let images = idx::read_images(&root.join("mnist/train-images-idx3-ubyte.gz")).unwrap();
    let labels = idx::read_labels(&root.join("mnist/train-labels-idx1-ubyte.gz")).unwrap();
    let err: serde_json::Value = serde_json::from_slice(&std::fs::read(s.join("mnist-inrs/fit_error.json")).unwrap()).unwrap();
    eprintln!("{}", err["note"]);
    let mut worst = [0f64; 2];
    for i in 0..d.source.len() {
        let sample = d.source.get(i).unwrap();
        let id: usize = sample.id.rsplit('_').next().unwrap().parse().unwrap();
        let expected = err["mse"][id].as_f64().unwrap();
        assert_eq!(sample.target, Target::Class(labels.item(id)[0].into()));
        for swap in [false, true] {
            let m = mse(&sample.net, images.item(id), swap);
            worst[usize::from(swap)] = worst[usize::from(swap)].max((m / expected - 1.0).abs());
        }
    }
    eprintln!("worst relative deviation: {worst:?}");
}
