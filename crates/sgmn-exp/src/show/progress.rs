//! Progress on the screen: a bar where a person looks at a terminal, one line an epoch where nobody does.

use std::borrow::Cow;
use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Shows how a training run goes.
///
/// The bar counts nets, so that its rate is nets per second.
#[derive(Debug)]
pub struct TrainProgress {
    bar: ProgressBar,
    terminal: bool,
}

/// What is said at the end of an epoch.
#[derive(Debug, Clone, Copy)]
pub struct EpochSummary<'a> {
    /// Finished passes over the training nets.
    pub epoch: u64,
    /// Mean loss over the training nets of this epoch.
    pub train_loss: f64,
    /// Mean loss over the validation nets.
    pub val_loss: f64,
    /// The criterion on the validation nets with its name and unit.
    pub val_score: &'a str,
    /// Whether this is the best epoch so far.
    pub best: bool,
    /// Nets per second in training.
    pub nets_per_second: f64,
}

impl TrainProgress {
    /// Starts to show a run over `n_nets` nets in all, `n_done` of which were done before it was resumed.
    pub fn new(name: &str, n_nets: u64, n_done: u64) -> Self {
        let template = "{prefix} {bar:28} {percent:>3}%  {msg}  {rate}  {left}";
        let (bar, terminal) = bar(name, n_nets, template, "nets/s");
        bar.set_position(n_done);
        bar.reset_eta();
        Self { bar, terminal }
    }

    /// Counts the nets of one step and shows the running loss and the criterion with its name and unit.
    pub fn step(&self, n_nets: u64, loss: f64, score: &str) {
        self.bar.set_message(format!("loss {loss:.4}  {score}"));
        self.bar.inc(n_nets);
    }

    /// Prints one line about an epoch, above the bar where there is one.
    pub fn epoch(&self, summary: &EpochSummary<'_>) {
        self.line(&summary.line());
    }

    /// Prints one line, above the bar where there is one.
    pub fn line(&self, text: &str) {
        print_line(&self.bar, self.terminal, text);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl EpochSummary<'_> {
    fn line(&self) -> String {
        format!(
            "epoch {:>3}  train loss {:.4}  val loss {:.4}  val {}{}  {:.0} nets/s",
            self.epoch,
            self.train_loss,
            self.val_loss,
            self.val_score,
            if self.best { " *" } else { "  " },
            self.nets_per_second,
        )
    }
}

/// Shows how the making of a population goes, INRs or CNNs.
#[derive(Debug)]
pub struct PopulationProgress {
    name: &'static str,
    unit: &'static str,
    // Begun by the first report, which tells what an earlier call has done.
    bar: Mutex<Option<(ProgressBar, bool)>>,
}

impl PopulationProgress {
    /// Progress under a name; `unit` names the rate.
    pub fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, bar: Mutex::new(None) }
    }

    /// Shows that `n_done` of `n_total` nets are made, `n_done_now` of them by this call, and what else there is to say.
    ///
    /// Where nobody looks at a terminal, a line is printed at every tenth of the way.
    pub fn update(&self, n_done: usize, n_done_now: usize, n_total: usize, message: &str) {
        let mut begun = self.bar.lock().expect("showing does not panic");
        let (bar, terminal) = begun.get_or_insert_with(|| {
            let template = "{prefix} {bar:28} {pos}/{len}  {msg}  {rate}  {left}";
            let (bar, terminal) = bar(self.name, n_total as u64, template, self.unit);
            bar.set_position((n_done - n_done_now) as u64);
            bar.reset_eta();
            (bar, terminal)
        });
        let tenth = |n: u64| n.saturating_mul(10) / (n_total as u64).max(1);
        let passed = tenth(n_done as u64) > tenth(bar.position());
        bar.set_message(message.to_owned());
        bar.set_position(n_done as u64);
        if passed && !*terminal {
            print_line(bar, false, &format!("{}: {n_done}/{n_total}, {message}", self.name));
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some((bar, _)) = self.bar.lock().expect("showing does not panic").as_ref() {
            bar.finish_and_clear();
        }
    }
}

/// A bar on the error stream, hidden if that is no terminal; `unit` names its rate.
fn bar(name: &str, length: u64, template: &str, unit: &'static str) -> (ProgressBar, bool) {
    let terminal = std::io::stderr().is_terminal();
    let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template(template)
        .expect("the templates of this file are valid")
        .progress_chars("━╸─")
        .with_key("rate", move |state: &ProgressState, out: &mut dyn Write| {
            // A line on a screen that cannot be written is nothing to stop a run for.
            let _ = write!(out, "{:.0} {unit}", state.per_sec());
        })
        .with_key("left", |state: &ProgressState, out: &mut dyn Write| {
            let _ = write!(out, "{} left", HumanDuration(state.eta()));
        });
    let bar = ProgressBar::with_draw_target(Some(length), target)
        .with_style(style)
        .with_prefix(Cow::Owned(name.to_owned()));
    if terminal {
        bar.enable_steady_tick(Duration::from_millis(250));
    }
    (bar, terminal)
}

fn print_line(bar: &ProgressBar, terminal: bool, text: &str) {
    if terminal {
        bar.println(text);
    } else {
        eprintln!("{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_one_line() {
        let summary = EpochSummary {
            epoch: 7,
            train_loss: 0.51234,
            val_loss: 0.6,
            val_score: "accuracy 81.25 %",
            best: true,
            nets_per_second: 412.4,
        };
        let line = "epoch   7  train loss 0.5123  val loss 0.6000  val accuracy 81.25 % *  412 nets/s";
        assert_eq!(summary.line(), line);
    }

    #[test]
    fn a_hidden_bar_still_counts() {
        let progress = TrainProgress::new("quick", 100, 40);
        progress.step(8, 1.0, "accuracy 50.00 %");
        assert_eq!(progress.bar.position(), 48);
        progress.finish();
    }
}
