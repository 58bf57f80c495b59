//! What the project demands of its speed, beside what was measured.

use super::{
    measurement::{Results, Spread},
    table::{plain, short, table},
};

/// One demand.
struct Bar {
    what: &'static str,
    demand: Demand,
    /// What we would like to reach beyond it.
    aim: Option<f64>,
    unit: Unit,
    measured: Option<f64>,
}

#[derive(Clone, Copy)]
enum Demand {
    AtLeast(f64),
    Below(f64),
    /// There is an aim alone, and it is not to be exceeded.
    AimAtMost,
}

#[derive(Clone, Copy)]
enum Unit {
    Share,
    Times,
    Gigabytes,
    NetsPerSecond,
    Milliseconds,
}

/// The demands of the project's speed, each with the measured value and whether it is met.
pub(super) fn bars(results: &Results) -> String {
    let rows: Vec<Vec<String>> = all(results).iter().map(Bar::row).collect();
    table(&["what", "bar", "aim", "measured", "bar is"], &rows)
}

fn all(results: &Results) -> Vec<Bar> {
    use Demand::{AimAtMost, AtLeast, Below};
    use Unit::{Gigabytes, Milliseconds, NetsPerSecond, Share, Times};
    let middle = |spread: Option<Spread>| spread.map(|spread| spread.middle);
    let share = |model: &str| middle(results.share(model, "step", "step_flop"));
    let bar = |what, demand, unit, measured| Bar { what, demand, aim: None, unit, measured };
    vec![
        Bar {
            aim: Some(0.85),
            ..bar("MNIST forward: a step's share of the machine's rate", AtLeast(0.65), Share, share("mnist"))
        },
        bar(
            "the same, counting only what the output depends on",
            AtLeast(0.65),
            Share,
            middle(results.share("mnist", "step", "read_step_flop")),
        ),
        bar(
            "MNIST forward: a step beside its plain twin",
            AtLeast(6.0),
            Times,
            middle(results.slowdown("mnist", "twin-plain", "twin-fused")),
        ),
        bar(
            "MNIST forward: peak memory of steps at batch 128",
            Below(2.0),
            Gigabytes,
            results.fact("mnist-batch-128", "peak_bytes").map(|bytes| bytes / 1e9),
        ),
        bar(
            "MNIST forward: inference beside training",
            AtLeast(3.0),
            Times,
            middle(results.slowdown("mnist", "step", "inference")),
        ),
        bar("MNIST bidirectional: a step's share", AtLeast(0.5), Share, share("mnist-bidirectional")),
        bar("CNN zoo, ReLU: a step's share", AtLeast(0.5), Share, share("cnn-zoo-relu")),
        bar("editing, 10 layers: a step's share", AtLeast(0.5), Share, share("editing")),
        bar(
            "predictions from a packed file to a CSV: share of the model's inference",
            AtLeast(0.9),
            Share,
            middle(results.slowdown("predict", "inference", "csv")),
        ),
        bar(
            "fitting INRs to 28×28 images, to 40 dB",
            AtLeast(30.0),
            NetsPerSecond,
            results.get("fit", "digits").map(|fit| fit.rate().middle),
        ),
        Bar {
            aim: Some(0.06),
            ..bar(
                "the same, a net and step",
                AimAtMost,
                Milliseconds,
                milliseconds_of_a_fitting_step(results).map(|time| time.middle),
            )
        },
    ]
}

/// Milliseconds that the fitter needs for one step of one net, all cores at work.
pub(super) fn milliseconds_of_a_fitting_step(results: &Results) -> Option<Spread> {
    let (fit, n_steps) = (results.get("fit", "digits")?, results.fact("fit", "n_steps")?);
    Some(fit.seconds.times(1e3 / (fit.elements * n_steps)))
}

impl Bar {
    fn row(&self) -> Vec<String> {
        let Self { what, demand, aim, unit, measured } = self;
        let none = || "–".to_owned();
        let asked = match demand {
            Demand::AtLeast(limit) => format!("at least {}", unit.demand(*limit)),
            Demand::Below(limit) => format!("under {}", unit.demand(*limit)),
            Demand::AimAtMost => none(),
        };
        let verdict = match (self.is_met(), measured) {
            (_, None) => none(),
            (None, _) if self.reaches_aim() => "aim reached".to_owned(),
            (None, _) => "aim not reached".to_owned(),
            (Some(true), _) if self.reaches_aim() => "met, aim reached".to_owned(),
            (Some(true), _) => "met".to_owned(),
            (Some(false), _) => "missed".to_owned(),
        };
        let found = measured.map_or_else(|| "not measured".to_owned(), |value| unit.write(value));
        vec![(*what).to_owned(), asked, aim.map_or_else(none, |aim| unit.demand(aim)), found, verdict]
    }

    /// Whether the bar itself is met, if it was measured and there is one.
    fn is_met(&self) -> Option<bool> {
        match self.demand {
            Demand::AtLeast(limit) => Some(self.measured? >= limit),
            Demand::Below(limit) => Some(self.measured? < limit),
            Demand::AimAtMost => None,
        }
    }

    fn reaches_aim(&self) -> bool {
        self.aim.zip(self.measured).is_some_and(|(aim, measured)| match self.demand {
            Demand::AtLeast(_) => measured >= aim,
            Demand::Below(_) | Demand::AimAtMost => measured <= aim,
        })
    }
}

impl Unit {
    /// A value that was measured.
    fn write(self, value: f64) -> String {
        self.behind(short(self.shown(value)))
    }

    /// A value that was demanded.
    fn demand(self, value: f64) -> String {
        self.behind(plain(self.shown(value)))
    }

    fn shown(self, value: f64) -> f64 {
        if let Self::Share = self { 100.0 * value } else { value }
    }

    fn behind(self, text: String) -> String {
        match self {
            Self::Share => format!("{text} %"),
            Self::Times => format!("{text} ×"),
            Self::Gigabytes => format!("{text} GB"),
            Self::NetsPerSecond => format!("{text} nets/s"),
            Self::Milliseconds => format!("{text} ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bar_says_whether_it_is_met() {
        let mut results = Results::default();
        let output = "fact mnist/step_flop 10\nsamples mnist/product 100 1\nsamples mnist/step 7 1\n\
            samples mnist/inference 7 0.4\nsamples mnist/twin-plain 2 6\nsamples mnist/twin-fused 2 1\n\
            fact mnist-batch-128/peak_bytes 2e9\nsamples fit/digits 32 0.5\nfact fit/n_steps 250\n\
            samples predict/inference 8 0.95\nsamples predict/csv 8 1\n";
        results.read(output).unwrap();
        let text = bars(&results);
        let verdict = |what: &str| {
            let line = text.lines().find(|line| line.contains(what)).unwrap();
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[4].to_owned(), cells[5].to_owned())
        };
        let expect = |measured: &str, verdict: &str| (measured.to_owned(), verdict.to_owned());
        assert_eq!(verdict("MNIST forward: a step's share"), expect("70.0 %", "met"));
        assert_eq!(verdict("plain twin"), expect("6.00 ×", "met"));
        assert_eq!(verdict("peak memory"), expect("2.00 GB", "missed"));
        assert_eq!(verdict("inference"), expect("2.50 ×", "missed"));
        assert_eq!(verdict("editing"), expect("not measured", "–"));
        assert_eq!(verdict("predictions from a packed file"), expect("95.0 %", "met"));
        assert_eq!(verdict("fitting"), expect("64.0 nets/s", "met"));
        // Half a second for 32 nets of 250 steps each.
        assert_eq!(verdict("a net and step"), expect("0.0625 ms", "aim not reached"));
    }
}
