use rand::RngExt;
use crate::formats::testdata;
use sgmn_data::formats::*;
#[test]
fn fuzz() {
    let dir = tempfile::tempdir().unwrap();
    let st = dir.path().join("s.safetensors");
    { use sgmn_graph::*; let spec = std::sync::Arc::new(NetSpec::cnn_zoo(&[1,2,3], Activation::Tanh).unwrap());
      let n = spec.n_params();
      safetensors_dir::write_net(&st, &sgmn_data::Sample { id: "x".into(), net: Net::new(spec, vec![0.5; n]).unwrap(), target: sgmn_data::Target::None }).unwrap(); }
    let pk = dir.path().join("p"); crate::formats_own::write_items(&pk);
    let files: Vec<(u8, Vec<u8>)> = vec![
        (0, std::fs::read(testdata("archive_protocol2.pth")).unwrap()),
        (0, std::fs::read(testdata("archive_protocol5_deflated.pth")).unwrap()),
        (1, std::fs::read(&st).unwrap()), (2, std::fs::read(&pk).unwrap()), (3, std::fs::read(testdata("mnist_images.idx.gz")).unwrap()), (3, std::fs::read(testdata("mnist_labels.idx")).unwrap()),
    ];
    let mut rng = sgmn_graph::Seed::new(5).rng();
    let p = dir.path().join("victim"); let t = std::time::Instant::now(); let mut n = 0;
    let mut ok = [0usize; 4];
    while t.elapsed().as_secs() < 40 {
        let (kind, bytes) = &files[rng.random_range(0..files.len())];
        let mut b = bytes.clone();
        for _ in 0..rng.random_range(1..6) {
            let at = rng.random_range(0..b.len());
            match rng.random_range(0..5) {
                0 => b[at] = rng.random(),
                1 => { let e = (at + rng.random_range(1..8)).min(b.len()); for x in &mut b[at..e] { *x = 0xff; } }
                2 => { b.remove(at); }
                3 => { let v: u8 = rng.random(); b.insert(at, v); }
                _ => { let l = rng.random_range(1..16usize).min(b.len() - at); let from = rng.random_range(0..b.len() - l + 1); let c = b[from..from + l].to_vec(); b[at..at + l].copy_from_slice(&c); }
            }
        }
        std::fs::write(&p, &b).unwrap();
        let r = match *kind { 0 => torch_zip::read(&p).is_ok(), 1 => safetensors_dir::read_net(&p, &Default::default()).is_ok(), 2 => packed::Reader::open(&p).is_ok(), _ => idx::read(&p).is_ok() };
        ok[*kind as usize] += usize::from(r); n += 1;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    eprintln!("{n} runs, ok {ok:?}, {}", status.lines().find(|l| l.starts_with("VmPeak")).unwrap());
}
