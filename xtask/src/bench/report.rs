//! The report of one run: facts, bars, tables, growth. No number in it is written by hand.

use std::fmt::Write;

use super::{
    any_net::{ABOUT, FAMILIES},
    bars::{bars, milliseconds_of_a_fitting_step},
    growth::AXES,
    measurement::Results,
    table::{percent, short, spread, table},
};

/// What stands at the head of a report.
pub(super) struct Head {
    /// The words that a person types to get the same.
    pub(super) command: String,
    /// The machine and its quiet.
    pub(super) facts: Vec<[String; 2]>,
    pub(super) warning: Option<String>,
    /// Seconds that measuring took.
    pub(super) seconds: f64,
}

/// The models in the order of the tables, with their names in words.
const MODELS: [(&str, &str); 6] = [
    ("mnist", "MNIST forward"),
    ("mnist-full-graph", "the same, all nodes read out"),
    ("mnist-bidirectional", "MNIST bidirectional"),
    ("cnn-zoo-relu", "CNN zoo, ReLU"),
    ("editing", "editing, 10 layers"),
    ("quick", "quick, d = 32"),
];

/// What is done to nets outside of models, in words.
const OTHERS: [(&str, &str); 22] = [
    ("render/28x28", "render an INR, 28×28"),
    ("load/packed-open", "open and check a packed file"),
    ("load/packed-read", "read nets from it"),
    ("load/files-open", "open a folder with a file a net"),
    ("load/files-read", "read nets from it, a file each"),
    ("inr/lower", "INR: net to graph"),
    ("inr/canonicalize", "INR: canonical form"),
    ("inr/augment", "INR: random element of the symmetries"),
    ("inr/collate", "INR: graphs to a batch"),
    ("cnn-zoo/lower", "CNN: net to graph"),
    ("cnn-zoo/canonicalize", "CNN: canonical form"),
    ("cnn-zoo/augment", "CNN: random element of the symmetries"),
    ("cnn-zoo/collate", "CNN: graphs to a batch"),
    ("loader/inr", "INR: packed file to batches, as it is"),
    ("loader/inr-canonical", "INR: the same in canonical form"),
    ("loader/inr-augmented", "INR: the same, augmented"),
    ("loader/cnn-zoo", "CNN: packed file to batches, as it is"),
    ("loader/cnn-zoo-canonical", "CNN: the same in canonical form"),
    ("loader/cnn-zoo-augmented", "CNN: the same, augmented"),
    ("predict/inference", "quick, d = 32: inference on batches that lie ready"),
    ("predict/csv", "quick: packed file to a CSV of predictions"),
    ("predict/safetensors", "quick: packed file to predictions as safetensors"),
];

/// The report in Markdown; `figure_prefix` begins the names of the figures' files beside it.
pub(super) fn report(results: &Results, head: &Head, figure_prefix: &str) -> String {
    let numbers = "Values are medians, in brackets the 95 % interval of the median (with fewer than six samples the extremes).\n\
        Ratios and shares come from rounds in which both sides ran in turn, so a machine that is slow for a while slows both; \
        they can be compared between machines, seconds cannot.\n";
    let mut text = opening("How fast", numbers, head);
    text += "\n## Demands\n\n";
    text += &bars(results);
    section(&mut text, "Models", models(results));
    section(&mut text, "Models of the report", baselines(results));
    section(&mut text, "Fitting", fitting(results));
    section(&mut text, "What is done to nets", others(results));
    section(&mut text, "Growth", growth(results, figure_prefix));
    section(&mut text, "Machine", Some(machine(head)));
    text
}

/// The page of nets of any architecture, if there are any.
pub(super) fn any_net(results: &Results, head: &Head, figure_prefix: &str) -> Option<String> {
    let numbers = "Values are medians of three and more calls; of nets of ten million numbers and more, what takes more than a second was measured once.\n";
    let mut text = opening("How the cost of any net grows", numbers, head);
    let _ = write!(text, "\n{ABOUT}");
    let mut is_empty = true;
    for family in &FAMILIES {
        let Some(tables) = family.tables(results) else { continue };
        let figure = family.figure(results).map_or(String::new(), |_| {
            format!("![{}: cost of a number]({figure_prefix}{}.svg)\n\n", family.title, family.name)
        });
        section(&mut text, family.title, Some(figure + &tables));
        is_empty = false;
    }
    section(&mut text, "Machine", Some(machine(head)));
    (!is_empty).then_some(text)
}

/// Title, command, what the numbers are, and warning.
fn opening(title: &str, numbers: &str, head: &Head) -> String {
    let Head { command, seconds, warning, .. } = head;
    let minutes = seconds / 60.0;
    let mut text =
        format!("# {title}\n\nMade by `{command}`, which measured for {minutes:.1} minutes.\n{numbers}");
    if let Some(warning) = warning {
        let _ = writeln!(text, "\n**{warning}**");
    }
    text
}

fn machine(head: &Head) -> String {
    let facts: Vec<Vec<String>> = head.facts.iter().map(|row| row.to_vec()).collect();
    table(&["what", "value"], &facts)
}

fn section(text: &mut String, title: &str, body: Option<String>) {
    if let Some(body) = body {
        let _ = write!(text, "\n## {title}\n\n{body}");
    }
}

fn models(results: &Results) -> Option<String> {
    let missing = || "–".to_owned();
    let (mut rates, mut shares, mut twins) = (Vec::new(), Vec::new(), Vec::new());
    for (model, words) in MODELS {
        let (Some(step), Some(inference), Some(product)) =
            (results.get(model, "step"), results.get(model, "inference"), results.get(model, "product"))
        else {
            continue;
        };
        let fact = |name: &str| results.fact(model, name);
        let count = |value: Option<f64>, unit: f64| value.map_or_else(missing, |value| short(value / unit));
        rates.push(vec![
            words.to_owned(),
            step.elements.to_string(),
            spread(step.rate()),
            spread(inference.rate()),
            results.slowdown(model, "step", "inference").map_or_else(missing, spread),
            fact("peak_bytes").map_or_else(missing, |bytes| format!("{:.0}", bytes / 1e6)),
        ]);
        shares.push(vec![
            words.to_owned(),
            fact("n_edges").map_or_else(missing, |n| n.to_string()),
            count(fact("products_per_edge"), 1.0),
            count(fact("step_flop"), 1e9),
            spread(product.rate().times(1e-9)),
            results.share(model, "step", "step_flop").map_or_else(missing, percent),
            results.share(model, "inference", "forward_flop").map_or_else(missing, percent),
            count(fact("read_products_per_edge"), 1.0),
            results.share(model, "step", "read_step_flop").map_or_else(missing, percent),
        ]);
        if let (Some(fused), Some(plain)) =
            (results.get(model, "twin-fused"), results.get(model, "twin-plain"))
        {
            twins.push(vec![
                words.to_owned(),
                fused.elements.to_string(),
                spread(fused.rate()),
                spread(plain.rate()),
                results.slowdown(model, "twin-plain", "twin-fused").map_or_else(missing, spread),
            ]);
        }
    }
    if let Some(big) = results.get("mnist-batch-128", "step") {
        let peak = results.fact("mnist-batch-128", "peak_bytes");
        rates.push(vec![
            "MNIST forward".to_owned(),
            big.elements.to_string(),
            spread(big.rate()),
            missing(),
            missing(),
            peak.map_or_else(missing, |bytes| format!("{:.0}", bytes / 1e6)),
        ]);
    }
    if rates.is_empty() {
        return None;
    }
    let mut text = table(
        &[
            "model",
            "nets at once",
            "training, nets/s",
            "inference, nets/s",
            "inference / training",
            "peak memory, MB",
        ],
        &rates,
    );
    text += "\nA training step is forward, loss, backward, clipping and AdamW. Peak memory is the most that the process of this \
        model alone ever held.\n";
    if !shares.is_empty() {
        text += "\n";
        text += &table(
            &[
                "model",
                "edges a net",
                "d² an edge",
                "step, GFLOP a net",
                "machine, GFLOP/s",
                "step, share of it",
                "inference, share of it",
                "d² that is read",
                "step, share by that",
            ],
            &shares,
        );
        text += "\nThe machine's rate is that of the product `[16384, d] × [d, d]` in the same process, all cores, f32. \
            *d² an edge* counts the products of an edge's row with a learned `[d, d]` matrix that a forward pass needs \
            when nothing is computed twice (`sgmn_nn::testing::ReducedWork` has the rules): work on nodes is not \
            counted, `ρ(x) + ρ(−x)` shares its first product and sums before its last, linear maps in a row are one, a last linear \
            map goes behind the sum over senders where nothing else follows, and first-layer features are numbers times \
            vectors. A step is counted as three forward passes; what the way back computes again is not counted. The last \
            two columns count only what the output depends on, which is all that is computed: where the read-out reads \
            the outputs alone, most messages of the last layer matter to nobody.\n";
    }
    if !twins.is_empty() {
        text += "\n";
        text += &table(
            &[
                "model",
                "nets at once",
                "training, nets/s",
                "composed of candle's operations, nets/s",
                "ratio",
            ],
            &twins,
        );
        text += "\nThe same step with every operation composed of candle's own, which keeps every intermediate result: both run \
            at a batch that leaves room for it.\n";
    }
    Some(text)
}

/// Every experiment that was measured, by the programs of the report.
fn baselines(results: &Results) -> Option<String> {
    let rows: Vec<Vec<String>> = results
        .facts
        .iter()
        .filter_map(|(name, n_params)| {
            let model = name.strip_suffix("/n_params")?;
            let experiment = model.strip_prefix("report/")?;
            let (step, inference) = (results.get(model, "step")?, results.get(model, "inference")?);
            let peak = results.fact(model, "peak_bytes");
            Some(vec![
                experiment.to_owned(),
                n_params.to_string(),
                step.elements.to_string(),
                spread(step.rate()),
                spread(inference.rate()),
                peak.map_or_else(|| "–".to_owned(), |bytes| format!("{:.0}", bytes / 1e6)),
            ])
        })
        .collect();
    let header = [
        "experiment",
        "parameters",
        "nets at once",
        "training, nets/s",
        "inference, nets/s",
        "peak memory, MB",
    ];
    let text = table(&header, &rows)
        + "\nModels of the tables of `cargo xtask reproduce`: quick INRs, and small INRs, ReLU CNNs and editing, each at the batch size of its \
           experiment, on random nets of its architecture.\n";
    (!rows.is_empty()).then_some(text)
}

fn fitting(results: &Results) -> Option<String> {
    let mut rows = Vec::new();
    let mut push = |what: &str, value: String| rows.push(vec![what.to_owned(), value]);
    if let Some(fit) = results.get("fit", "digits") {
        push("sine networks fitted a second, 28×28, published recipe, to 40 dB", spread(fit.rate()));
    }
    if let Some(n_steps) = results.fact("fit", "n_steps") {
        push("steps of Adam a net, mean", short(n_steps));
    }
    if let Some(time) = milliseconds_of_a_fitting_step(results) {
        push("ms a net and step, all cores at work", spread(time));
    }
    if let (Some(vector), Some(std)) = (results.get("sine", "vector"), results.get("sine", "std")) {
        push("sine and cosine, millions of angles a second, one core", spread(vector.rate().times(1e-6)));
        push("the same by the standard library", spread(std.rate().times(1e-6)));
        push("ratio", short(std.seconds.middle / vector.seconds.middle));
    }
    if let Some(ulps) = results.fact("sine", "ulps") {
        push("largest error of sine and cosine, units in the last place", short(ulps));
    }
    if let Some(absolute) = results.fact("sine", "absolute") {
        push("largest error, absolute", format!("{absolute:.1e}"));
    }
    (!rows.is_empty()).then(|| {
        table(&["what", "value"], &rows)
            + "\nErrors are over angles up to 400 in magnitude, against f64; units in the last place where a result is at least 2⁻⁷.\n"
    })
}

fn others(results: &Results) -> Option<String> {
    let rows: Vec<Vec<String>> = OTHERS
        .iter()
        .filter_map(|(name, words)| {
            let measured = results.measured.get(*name)?;
            let time = measured.seconds.times(1e6 / measured.elements);
            let at_once = measured.elements.to_string();
            Some(vec![(*words).to_owned(), at_once, spread(time), short(measured.rate().middle)])
        })
        .collect();
    (!rows.is_empty())
        .then(|| table(&["what", "nets at once", "µs a net", "nets/s"], &rows) + "\nAll on one thread.\n")
}

fn growth(results: &Results, figure_prefix: &str) -> Option<String> {
    let parts: Vec<String> = AXES
        .iter()
        .filter_map(|axis| {
            let table = axis.table(results)?;
            let figure = axis.figure(results).map_or(String::new(), |_| {
                format!(
                    "![{}: cost of a net and of an edge]({figure_prefix}{}.svg)\n\n",
                    axis.title, axis.name
                )
            });
            Some(format!("### {}\n\n{}\n\n{figure}{table}", axis.title, axis.what))
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_has_every_section_that_was_measured_and_no_other() {
        let mut results = Results::default();
        let output = "fact mnist/step_flop 100\nfact mnist/forward_flop 30\nfact mnist/products_per_edge 22\n\
            samples mnist/product 1000 1 1\nsamples mnist/step 5 1 1\nsamples mnist/inference 5 0.25 0.25\n\
            samples batch/1 1 0.5\nfact batch/1/n_edges 10\nsamples batch/2 2 0.8\nfact batch/2/n_edges 10\n\
            samples inr/lower 1 2e-6\n";
        results.read(output).unwrap();
        let head = Head {
            command: "cargo xtask bench".into(),
            facts: vec![["processor".into(), "some".into()]],
            warning: Some("Not quiet.".into()),
            seconds: 90.0,
        };
        let text = report(&results, &head, "bench-");
        // However wide the columns are.
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let has = |line: &str| assert!(words.contains(line), "{line:?} is not in\n{text}");
        has("`cargo xtask bench`, which measured for 1.5 minutes");
        has("**Not quiet.**");
        has("| MNIST forward | 5 | 5.00 (5.00 to 5.00) | 20.0 (20.0 to 20.0) | 4.00 (4.00 to 4.00) |");
        // 5 nets of 100 operations in the second in which the machine does 1000; 20 of 30 for inference.
        has("| 50 % (50 to 50) | 60 % (60 to 60) |");
        has("![Nets at once: cost of a net and of an edge](bench-batch.svg)");
        has("| INR: net to graph | 1 | 2.00 (2.00 to 2.00) | 500000 |");
        has("| processor | some |");
        assert!(
            !text.contains("## Fitting") && !text.contains("bench-width") && !text.contains("composed of")
        );
    }
}
