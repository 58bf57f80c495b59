//! Logs, figures, tables and the page from outside.

use std::collections::BTreeMap;
use std::io::Write;

use sgmn_data::split::Split;
use sgmn_exp::{
    metrics::Confusion,
    show::{
        Block, Curve, CurvePlot, EventLog, Figure, Image, ImageGrid, MachineFacts, Page, RecordLog,
        RunRecord, Section, Table, XAxis, confusion_svg, read_records,
    },
};

fn record(step: u64, loss: f64) -> RunRecord {
    RunRecord {
        split: Split::Val,
        epoch: step / 10,
        step,
        metrics: BTreeMap::from([("loss".to_owned(), loss), ("accuracy".to_owned(), 0.5)]),
        repairs: BTreeMap::new(),
        nets_per_second: 412.5,
        waited_seconds: Some(0.125),
        seconds: step as f64,
        unix_time: 1.0e9 + step as f64,
    }
}

#[test]
fn records_read_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    let mut repaired = record(20, 0.1 + 0.2);
    repaired.repairs.insert("zero_norms".to_owned(), 3);
    let records = [record(10, 1.0 / 3.0), repaired];
    let mut log = RecordLog::create(&path).unwrap();
    for record in &records {
        log.append(record).unwrap();
    }
    assert_eq!(read_records(&path).unwrap(), records);
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
    assert!(RecordLog::create(&path).is_err(), "a new log must not continue an old one");
}

#[test]
fn a_diverged_run_can_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    let mut log = RecordLog::create(&path).unwrap();
    for loss in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        log.append(&record(1, loss)).unwrap();
    }
    let losses: Vec<f64> = read_records(&path).unwrap().iter().map(|record| record.metrics["loss"]).collect();
    assert!(losses[0].is_nan());
    assert_eq!(losses[1..], [f64::INFINITY, f64::NEG_INFINITY]);
}

#[test]
fn resuming_drops_a_torn_line_and_steps_that_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    let mut log = RecordLog::create(&path).unwrap();
    for step in [10, 20, 30] {
        log.append(&record(step, 1.0)).unwrap();
    }
    drop(log);
    let whole = std::fs::read(&path).unwrap();
    for torn in [&b"{\"split\":\"val\",\"ep"[..], b"\0\0\0\0\n", b"{\"split\"\n", b"\xff\xfe"] {
        std::fs::write(&path, [&whole, torn].concat()).unwrap();
        let (mut log, kept) = RecordLog::resume(&path, 20).unwrap();
        assert_eq!(kept, [record(10, 1.0), record(20, 1.0)]);
        log.append(&record(30, 2.0)).unwrap();
        assert_eq!(read_records(&path).unwrap(), [record(10, 1.0), record(20, 1.0), record(30, 2.0)]);
    }
}

#[test]
fn a_damaged_line_in_the_middle_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    RecordLog::create(&path).unwrap().append(&record(10, 1.0)).unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{broken}\n").unwrap();
    drop(file);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}{}", text.lines().next().unwrap().to_owned() + "\n")).unwrap();
    let message = RecordLog::resume(&path, 10).unwrap_err().to_string();
    assert!(message.contains("records.jsonl: line 2: expected a record, found "), "{message}");
}

/// The data of every frame of an event file, with lengths checked; checksums are proved beside the writer.
fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        frames.push(rest[12..12 + length].to_vec());
        rest = &rest[12 + length + 4..];
    }
    frames
}

#[test]
fn an_event_file_is_the_same_whether_records_come_at_once_or_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let [at_once, one_by_one] = ["a.tfevents", "b.tfevents"].map(|name| folder.path().join(name));
    let records = [record(10, 0.5), record(300, 0.25)];
    EventLog::create(&at_once, &records).unwrap();
    let mut log = EventLog::create(&one_by_one, &records[..1]).unwrap();
    log.append(&records[1]).unwrap();
    let bytes = std::fs::read(&at_once).unwrap();
    assert_eq!(bytes, std::fs::read(&one_by_one).unwrap());

    let frames = frames(&bytes);
    assert_eq!(frames.len(), 3);
    assert!(frames[0].ends_with(b"brain.Event:2"));
    // wall_time as field 1, then step 300 as field 2, then a summary as field 5.
    assert_eq!(frames[2][0], 0x09);
    assert_eq!(frames[2][1..9], 1_000_000_300f64.to_le_bytes());
    assert_eq!(frames[2][9..13], [0x10, 0xac, 0x02, 0x2a]);
    // Values come sorted by name: accuracy, then loss.
    let loss = [b"\x0a\x08loss/val\x15".as_slice(), &0.25f32.to_le_bytes()].concat();
    assert!(frames[2].ends_with(&loss));
}

#[test]
fn bars_and_brackets_in_cells_stay_text() {
    let table = Table { header: vec!["a|b".to_owned()], rows: vec![vec!["<script>".to_owned()]] };
    assert!(table.to_markdown().starts_with("| a\\|b     |\n"));
    let section = Section { title: "x".to_owned(), blocks: vec![Block::Table(table)] };
    let html = Page { title: "t".to_owned(), introduction: String::new(), sections: vec![section] }
        .to_html()
        .unwrap();
    assert!(html.contains("<td>&lt;script&gt;</td>") && !html.contains("<script"));
}

fn plot(curves: Vec<Curve>) -> CurvePlot {
    CurvePlot {
        title: "accuracy & <loss>".to_owned(),
        x_label: "epoch".to_owned(),
        x_axis: XAxis::Linear,
        y_label: "accuracy".to_owned(),
        y_range: None,
        curves,
        references: vec![("paper".to_owned(), 0.97)],
    }
}

#[test]
fn a_logarithmic_axis_puts_equal_ratios_at_equal_distances() {
    let points = [(1000.0, 0.1), (10_000.0, 0.2), (100_000.0, 0.3)];
    let drawn = CurvePlot { x_axis: XAxis::Logarithmic, ..plot(vec![Curve::new("ScaleGMN", &points)]) };
    let file = drawn.to_svg().unwrap().to_file();
    assert!(file.contains("10,000") && file.contains("100,000"), "{file}");
    // The curve is the line of three points.
    let lines = file.split("<polyline").filter_map(|line| line.split("points=\"").nth(1)?.split('"').next());
    let places = |line: &str| -> Vec<f64> {
        line.split_whitespace().map(|point| point.split(',').next().unwrap().parse().unwrap()).collect()
    };
    let xs = lines.map(places).find(|xs| xs.len() == 3).unwrap();
    assert!((xs[1] - xs[0] - (xs[2] - xs[1])).abs() <= 2.0, "{xs:?}");
}

#[test]
fn a_plot_has_a_band_over_seeds_and_survives_what_is_not_finite() {
    let runs = [vec![(1.0, 0.1), (2.0, 0.5), (3.0, f64::NAN)], vec![(1.0, 0.2), (2.0, 0.7)]];
    let svg = plot(vec![Curve::over_seeds("ScaleGMN", &runs), Curve::new("one point", &[(2.0, 0.3)])])
        .to_svg()
        .unwrap();
    let file = svg.to_file();
    assert_eq!(file.matches("<polygon").count(), 1, "one curve has a band");
    assert!(file.contains("fill=\"#ffffff\"") && file.contains("ScaleGMN") && !file.contains("NaN"));
    let inline = svg.to_inline();
    assert!(inline.contains("currentColor") && !inline.contains("#000000"));
    assert!(inline.contains("aria-label=\"accuracy &amp; &lt;loss&gt;\""));
}

#[test]
fn a_plot_of_nothing_is_an_error() {
    let message = plot(vec![Curve::new("empty", &[])]).to_svg().unwrap_err().to_string();
    assert_eq!(message, "plot \"accuracy & <loss>\": no finite point to draw");
}

#[test]
fn every_count_of_a_small_confusion_matrix_is_drawn() {
    let mut confusion = Confusion::numbered(3);
    for (target, predicted) in [(0, 0), (0, 0), (1, 2), (2, 2)] {
        confusion.add(target, predicted);
    }
    let svg = confusion_svg("test nets", &confusion).unwrap().to_file();
    // One rectangle a cell, and the white ground.
    assert_eq!(svg.matches("<rect").count(), 10);
    assert!(confusion_svg("none", &Confusion::numbered(0)).is_err());
    assert!(confusion_svg("many", &Confusion::numbered(100)).is_ok());
}

#[test]
fn a_page_is_one_file_without_outside_addresses() {
    let svg = plot(vec![Curve::new("a", &[(0.0, 0.0), (1.0, 1.0)])]).to_svg().unwrap();
    let image = Image::from_brightness(2, 2, &[0.0, 0.3, 0.6, 1.0]).unwrap();
    let images = ImageGrid { caption: "digits".to_owned(), images: vec![("3".to_owned(), image)], zoom: 2 };
    let blocks = vec![
        Block::Text("a < b".to_owned()),
        Block::Figure(Figure { name: "figure".to_owned(), svg, caption: "caption".to_owned() }),
        Block::Images(images),
        Block::Facts(MachineFacts::read().rows()),
        Block::Commands(vec!["cargo xtask reproduce".to_owned()]),
    ];
    let sections = vec![Section { title: "results".to_owned(), blocks }];
    let page = Page { title: "Report".to_owned(), introduction: "What this is.".to_owned(), sections };
    let html = page.to_html().unwrap();
    assert!(html.contains("<img alt=\"3\" width=\"4\" height=\"4\" src=\"data:image/png;base64,iVBOR"));
    assert!(html.contains("prefers-color-scheme: dark") && html.contains("a &lt; b"));
    for (place, _) in html.match_indices("http") {
        assert!(html[place..].starts_with("http://www.w3.org/2000/svg"), "an address outside of the page");
    }
}
