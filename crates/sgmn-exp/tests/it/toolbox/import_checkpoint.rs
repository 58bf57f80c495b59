//! `sgmn import-checkpoint` against golden files.

use std::path::Path;

use candle_core::{Device, Tensor};
use sgmn_data::{Sample, Target, formats::folder};
use sgmn_nn::{checkpoint::Checkpoint, golden::Golden};

use super::{Place, golden, refuse, succeed};

#[test]
fn published_checkpoints_are_imported_number_by_number() {
    let place = Place::new();
    let file = golden("mnist_cls.forward.sign.safetensors");
    let theirs = Golden::read(&file).unwrap();
    let (_, vars) = theirs.build(candle_core::DType::F32, &Device::Cpu).unwrap();
    let vars: Vec<(String, Tensor)> = vars.snapshot().unwrap().into_iter().collect();
    let [archive, nested, config, net, out] =
        ["best.pt", "last.pt", "config.json", "net.safetensors", "model.safetensors"]
            .map(|name| place.path(name));
    super::torch::write(archive.as_ref(), &[], &vars);
    super::torch::write(nested.as_ref(), &["model"], &vars);
    let (_, header) = safetensors::SafeTensors::read_metadata(&std::fs::read(&file).unwrap()).unwrap();
    let args = header.metadata().clone().unwrap()["config"].clone();
    std::fs::write(&config, format!("{{\"data\": {{}}, \"scalegmn_args\": {args}}}")).unwrap();
    let sample = Sample { id: "net".to_owned(), net: theirs.nets()[0].clone(), target: Target::None };
    folder::write_net(net.as_ref(), &sample).unwrap();

    for archive in [&archive, &nested] {
        succeed(&[
            "import-checkpoint",
            archive,
            "--config",
            &config,
            "--nets",
            &net,
            "--out",
            &out,
            "--force",
        ]);
        let ours = Checkpoint::read(out.as_ref(), &Device::Cpu).unwrap();
        assert_eq!(&ours.header.model, theirs.config());
        assert_eq!(ours.header.specs, [theirs.nets()[0].spec().as_ref().clone()]);
        assert_eq!(ours.vars.len(), vars.len());
        for (name, expected) in &vars {
            let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(values(&ours.vars[name]), values(expected), "{name}");
        }
    }
    let said = succeed(&["inspect", &out]);
    assert!(said.contains("compatibility = \"published\"") && said.contains("gnn.fw_layers.0"), "{said}");
    assert!(succeed(&["inspect", &out, "--variables"]).contains("construct_graph.proj_bias.weight"));
    assert!(succeed(&["check", &out]).contains("pass"));
    assert!(succeed(&["inspect", &nested]).contains("model: "));

    let ((missing, _), fewer) = vars.split_last().unwrap();
    super::torch::write(archive.as_ref(), &[], fewer);
    let import = ["import-checkpoint", &archive, "--config", &config, "--nets", &net, "--out"];
    let never = place.path("never.safetensors");
    assert!(refuse(&[&import[..], &[&never]].concat()).contains(missing));
    assert!(!Path::new(&never).exists());
    assert!(refuse(&[&import[..], &[&out]].concat()).contains("--force replaces it"));
}
