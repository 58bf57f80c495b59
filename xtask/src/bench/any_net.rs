//! How the cost of nets of any architecture grows with their numbers: what is derived, done to them, and read.

use super::{
    measurement::{Results, Spread},
    plots::{Figure, Panel, Scale},
    table::{short, table},
};

/// One family of nets.
pub(super) struct Family {
    /// Beginning of the names of its measurements, and of its figure's file.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
}

/// All families.
pub(super) const FAMILIES: [Family; 2] = [
    Family { name: "any-net-convolutions", title: "Residual convolutional nets" },
    Family { name: "any-net-transformers", title: "Transformers" },
];

/// The stages in their order, with the heads of their columns.
const STAGES: [(&str, &str); 8] = [
    ("derive", "derive"),
    ("act", "act"),
    ("canonicalize", "canonicalize"),
    ("align", "align"),
    ("graph", "graph of the flow"),
    ("read", "read"),
    ("forward", "forward"),
    ("step", "forward and backward"),
];

/// What the tables show, for the text above them.
pub(super) const ABOUT: &str = "\
Nets of any architecture, made with random numbers: residual blocks of two 3×3 convolutions, and transformer blocks with \
layer norms and a table of 256 tokens; larger ones are wider and deeper. \
*derive* finds orders and scalars from the flow; *act* makes a net that a random element has changed; *align* finds a twin; \
*graph of the flow* is made once for each architecture (`FlowLowering::new`), *read* for each net (`lower`); *forward* and \
*backward* are those of a ScaleGMN of width 32 and four rounds without features of edges, f32. \
Memory is the most that the process held during the stage, with all that stands ready for it. \
The exponent is that of a power of the numbers, from one size to the next: 1 is linear.\n";

/// One size of net.
struct Size {
    n_numbers: f64,
    n_steps: f64,
    /// Of each stage seconds, and bytes where the system tells.
    stages: Vec<Option<(Spread, Option<f64>)>>,
}

impl Family {
    /// Every size that was measured, ascending.
    fn sizes(&self, results: &Results) -> Vec<Size> {
        let mut sizes: Vec<Size> = results
            .facts
            .iter()
            .filter_map(|(name, n_numbers)| {
                let net = name.strip_suffix("/n_numbers")?;
                net.strip_prefix(self.name)?.strip_prefix('/')?;
                let stage = |(stage, _): &(&str, &str)| {
                    let bytes = results.fact(&format!("{net}/{stage}"), "peak_bytes");
                    Some((results.get(net, stage)?.seconds, bytes))
                };
                let n_steps = results.fact(net, "n_steps")?;
                Some(Size { n_numbers: *n_numbers, n_steps, stages: STAGES.iter().map(stage).collect() })
            })
            .collect();
        sizes.sort_by(|a, b| a.n_numbers.total_cmp(&b.n_numbers));
        sizes
    }

    /// Times, exponents and memory as tables, if there are any.
    pub(super) fn tables(&self, results: &Results) -> Option<String> {
        let sizes = self.sizes(results);
        let head = |first: &[&'static str]| -> Vec<&'static str> {
            first.iter().copied().chain(STAGES.iter().map(|(_, words)| *words)).collect()
        };
        let missing = || "–".to_owned();
        let rows = |of: &dyn Fn(&Spread, Option<f64>) -> Option<f64>| -> Vec<Vec<String>> {
            let row = |size: &Size| {
                let cells = size.stages.iter().map(|stage| {
                    stage.and_then(|(seconds, bytes)| of(&seconds, bytes)).map_or_else(missing, short)
                });
                [millions(size.n_numbers), size.n_steps.to_string()].into_iter().chain(cells).collect()
            };
            sizes.iter().map(row).collect()
        };
        let exponents = sizes.windows(2).map(|pair| {
            let longer = (pair[1].n_numbers / pair[0].n_numbers).ln();
            let cells = pair[0].stages.iter().zip(&pair[1].stages).map(|(a, b)| match (a, b) {
                (Some((a, _)), Some((b, _))) => format!("{:.2}", (b.middle / a.middle).ln() / longer),
                _ => missing(),
            });
            let between = format!("{} to {}", millions(pair[0].n_numbers), millions(pair[1].n_numbers));
            std::iter::once(between).chain(cells).collect::<Vec<_>>()
        });
        let exponents: Vec<_> = exponents.collect();
        let sized = head(&["million numbers", "steps"]);
        let seconds = table(&sized, &rows(&|seconds, _| Some(seconds.middle)));
        let memory = table(&sized, &rows(&|_, bytes| bytes.map(|bytes| bytes / 1e6)));
        let exponents = table(&head(&["million numbers"]), &exponents);
        let text = format!("Seconds:\n\n{seconds}\nExponents:\n\n{exponents}\nPeak memory, MB:\n\n{memory}");
        (!sizes.is_empty()).then_some(text)
    }

    /// What a number costs to read and to learn from, if there are two sizes at least.
    pub(super) fn figure(&self, results: &Results) -> Option<Figure> {
        let sizes = self.sizes(results);
        let panel = |stage: &str, y_label| {
            let at = STAGES.iter().position(|(name, _)| *name == stage)?;
            let points = sizes.iter().filter_map(|size| {
                let seconds = size.stages[at]?.0;
                Some((size.n_numbers / 1e6, seconds.times(1e9 / size.n_numbers)))
            });
            let points: Vec<_> = points.collect();
            (points.len() > 1).then_some(Panel {
                x_label: "million numbers",
                y_label,
                scale: Scale::Logarithmic,
                points,
            })
        };
        let panels =
            [panel("read", "read, ns a number")?, panel("step", "forward and backward, ns a number")?];
        Some(Figure { title: self.title, panels })
    }
}

/// A count in millions.
fn millions(n: f64) -> String {
    short(n / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_those_between_neighboring_sizes_and_what_is_missing_has_a_dash() {
        let mut results = Results::default();
        let output = "fact any-net-transformers/1e5/n_numbers 100000\nfact any-net-transformers/1e5/n_steps 9\n\
            samples any-net-transformers/1e5/read 100000 0.2\nfact any-net-transformers/1e5/read/peak_bytes 3e6\n\
            fact any-net-transformers/1e4/n_numbers 10000\nfact any-net-transformers/1e4/n_steps 7\n\
            samples any-net-transformers/1e4/read 10000 0.02\nsamples any-net-transformers/1e4/step 10000 1\n";
        results.read(output).unwrap();
        let text = FAMILIES[1].tables(&results).unwrap();
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("| 0.0100 | 7 | – | – | – | – | – | 0.0200 | – | 1.00 |"), "{text}");
        assert!(words.contains("| 0.0100 to 0.100 | – | – | – | – | – | 1.00 | – | – |"), "{text}");
        assert!(words.contains("| 0.100 | 9 | – | – | – | – | – | 3.00 | – | – |"), "{text}");
        assert!(FAMILIES[1].figure(&results).is_none() && FAMILIES[0].tables(&results).is_none());
    }
}
