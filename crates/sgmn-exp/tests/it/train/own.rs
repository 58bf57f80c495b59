//! Nets of a person's own: classes keep their names in what a run tells, and nets that are no good are named.

use sgmn_data::formats::{folder, packed};

use super::setup::{Place, tiny};

#[test]
fn a_run_calls_classes_by_their_names_and_names_the_nets_that_were_left_out() {
    let place = Place::with([12, 6, 6]);
    let nets = packed::open(&place.path().join("nets.packed"), &packed::Options {}).unwrap();
    let path = place.path().join("nets");
    folder::write(&nets, &path, |_, _| {}).unwrap();
    std::fs::write(path.join("broken.pth"), "no net").unwrap();
    std::fs::write(path.join("classes.json"), r#"["small", "middle", "large"]"#).unwrap();
    let data = "data={ kind=\"folder\", path=\"nets\", on_bad_net=\"skip\" }";
    let experiment = tiny(&[data, "train.epochs=1"]);
    let summary = place.finish("run", &experiment);
    assert_eq!((summary.n_nets, summary.n_skipped), ([12, 6, 6], 1));
    assert_eq!(summary.confusion.unwrap().labels(), ["small", "middle", "large"]);
    let folder = place.folder_of("run", &experiment);
    let skipped = std::fs::read_to_string(folder.skipped()).unwrap();
    assert!(skipped.starts_with("net,why\nbroken.pth,"), "{skipped}");
    let plot = std::fs::read_to_string(folder.plot("confusion")).unwrap();
    assert!(plot.contains("middle"));
}
