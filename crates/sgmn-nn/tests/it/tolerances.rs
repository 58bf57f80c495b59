//! The tables of tolerances in the documentation say what the code says.

use sgmn_nn::tolerance::TABLE;
use sgmn_symmetry::tolerance;

#[test]
fn the_documentation_shows_every_tolerance_and_no_other() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/numerics.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = |heading: &str| -> Vec<String> {
        let (_, table) = text.split_once(heading).unwrap_or_else(|| panic!("no {heading}"));
        let rows = table.lines().skip_while(|line| !line.starts_with("| --- |")).skip(1);
        rows.take_while(|line| line.starts_with('|')).map(str::to_owned).collect()
    };
    let expected = TABLE.iter().map(|(name, value, bounds)| format!("| `{name}` | {value:e} |{bounds} |"));
    assert_eq!(rows("| of models and operations |"), expected.collect::<Vec<_>>());
    let of_symmetries = [
        ("FUNCTION", tolerance::FUNCTION),
        ("ORBIT", tolerance::ORBIT),
        ("TIE", tolerance::TIE),
        ("MODEL_F64", tolerance::MODEL_F64),
        ("MODEL_F32", tolerance::MODEL_F32),
    ];
    let shown = rows("| of symmetries |");
    assert_eq!(shown.len(), of_symmetries.len());
    for (row, (name, value)) in shown.iter().zip(of_symmetries) {
        assert!(row.starts_with(&format!("| `{name}` | {value:e} |")), "{row}");
    }
}
