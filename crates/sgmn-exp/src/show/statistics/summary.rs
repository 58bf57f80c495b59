//! Statistics for a person: tables, figures, and both as a part of a page.

use std::collections::BTreeSet;

use anyhow::Result;
use sgmn_symmetry::ScaleGroup;

use super::{LayerStatistics, Measured, Norms, Signs, Statistics};
use crate::show::{
    Bar, Block, DistributionAxis, DistributionPlot, DistributionRow, Figure, Table, thousands,
};

/// Most bars across a figure of norms.
const MOST_BARS: f64 = 90.0;
/// Share of a row's norms that is not drawn at either end, so that one odd unit does not press all others together.
const OUTER_SHARE: f64 = 0.005;
/// Nets with more units than this are drawn in bars of several shares.
const MOST_SHARES: usize = 64;
/// Colors of the parts in all figures: positions in the colors of plots.
const WEIGHTS: usize = 0;
const BIASES: usize = 1;

/// Statistics as content of a page: a sentence, the figures with captions, the tables in a fold.
///
/// Files of the figures begin with `name`.
///
/// # Errors
/// If a figure cannot be drawn.
pub fn blocks(name: &str, title: &str, statistics: &Statistics) -> Result<Vec<Block>> {
    let mut blocks = vec![Block::Text(statistics.nets_in_words())];
    for figure in figures(title, statistics)? {
        blocks.push(Block::Figure(Figure { name: format!("{name}-{}", figure.name), ..figure }));
    }
    let tables = tables(statistics).map(Block::Table).to_vec();
    blocks.push(Block::Fold(format!("The numbers: {title}"), tables));
    Ok(blocks)
}

/// The figures: `weight-norms`, `bias-norms`, `signs`. One that would be empty is left out.
///
/// # Errors
/// If a figure cannot be drawn.
pub fn figures(title: &str, statistics: &Statistics) -> Result<Vec<Figure>> {
    let weights = norm_figure(
        "weight-norms",
        &format!("Norms of incoming weights, {title}"),
        "Euclidean norm of a unit's incoming weights, ‖w‖",
        statistics,
        WEIGHTS,
    )?;
    let biases = norm_figure(
        "bias-norms",
        &format!("Norms of biases, {title}"),
        "absolute value of a unit's bias, |b|",
        statistics,
        BIASES,
    )?;
    let signs = sign_figure(&format!("Signs of units, {title}"), statistics)?;
    Ok([weights, biases, signs].into_iter().flatten().collect())
}

/// The table of norms and the table of signs: two rows a layer, for weights and for biases.
pub fn tables(statistics: &Statistics) -> [Table; 2] {
    let parts = || statistics.layers.iter().flat_map(|layer| layer.parts().map(|part| (layer, part)));
    let header =
        ["layer", "part", "units", "0", "smallest", "5 %", "25 %", "median", "75 %", "95 %", "largest"];
    let norms = parts().map(|(layer, (part, measured))| {
        let norms = &measured.norms;
        let mut cells = vec![layer.title(), part.to_owned(), thousands(norms.n as usize)];
        cells.push(percent(norms.share_zero()));
        let quantiles = norms.quantiles.map(|q| [q.smallest, q.p5, q.p25, q.median, q.p75, q.p95, q.largest]);
        cells.extend(quantiles.into_iter().flatten().map(number));
        cells
    });
    let norms = Table { header: header.map(str::to_owned).to_vec(), rows: norms.collect() };

    let header = [
        "layer",
        "part",
        "units may be scaled by",
        "without sign",
        "positive",
        "a net: 5 %",
        "median",
        "95 %",
        "fair coins: 5 %",
        "95 %",
    ];
    let signs = parts().map(|(layer, (part, Measured { signs, .. }))| {
        let mut cells = vec![layer.title(), part.to_owned(), layer.scalings(), percent(signs.share_zero())];
        let (nets, coins) = (signs.of_nets(), signs.of_coins());
        let quantiles = [0.05, 0.5, 0.95].map(|part| nets.quantile(part));
        let shares = [signs.share_positive()].into_iter().chain(quantiles);
        let shares = shares.chain([0.05, 0.95].map(|part| coins.quantile(part)));
        cells.extend(shares.map(|share| share.map_or_else(|| "–".to_owned(), percent)));
        cells
    });
    let signs = Table { header: header.map(str::to_owned).to_vec(), rows: signs.collect() };
    [norms, signs]
}

impl Statistics {
    /// Which nets were measured, as a sentence.
    pub fn nets_in_words(&self) -> String {
        let nets = match self.n_nets {
            1 if self.n_available == 1 => "1 net".to_owned(),
            n if n == self.n_available => format!("{} nets", thousands(n)),
            _ => {
                format!("{} of {} nets, drawn at random", thousands(self.n_nets), thousands(self.n_available))
            }
        };
        /// More are counted.
        const MOST_NAMED: usize = 4;
        let named = self.architectures.iter().take(MOST_NAMED);
        let mut named: Vec<String> = match self.architectures.len() {
            1 => named.map(|(architecture, _)| architecture.clone()).collect(),
            _ => named.map(|(architecture, n)| format!("{architecture} ({})", thousands(*n))).collect(),
        };
        let n_more = self.architectures.len() - named.len();
        if n_more > 0 {
            named.push(format!("{n_more} more"));
        }
        let pooled = if self.architectures.len() > 1 { "; layers are pooled by their position" } else { "" };
        format!("{nets}: {}{pooled}.", named.join("; "))
    }
}

impl LayerStatistics {
    /// `layer 0` or `outputs`.
    pub fn title(&self) -> String {
        self.layer.map_or("outputs".to_owned(), |layer| format!("layer {layer}"))
    }

    fn parts(&self) -> [(&'static str, &Measured); 2] {
        [("weights", &self.weights), ("biases", &self.biases)]
    }

    /// What stands there, such as `conv 3×3, ReLU or tanh`; what is too long for a label is counted.
    fn kind(&self) -> String {
        /// Characters that have room beside a row.
        const LONGEST: usize = 25;
        let names =
            |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(" or ");
        let kind = match self.activations.is_empty() {
            true => names(&self.maps),
            false => format!("{}, {}", names(&self.maps), names(&self.activations)),
        };
        if kind.chars().count() <= LONGEST {
            return kind;
        }
        format!("{} maps, {} activations", self.maps.len(), self.activations.len())
    }

    fn scalings(&self) -> String {
        let name = |group: &ScaleGroup| match group {
            ScaleGroup::Trivial => "nothing",
            ScaleGroup::Sign => "±1",
            ScaleGroup::Positive => "q > 0",
            ScaleGroup::NonZero => "q ≠ 0",
        };
        self.groups.iter().map(name).collect::<Vec<_>>().join(" or ")
    }
}

fn norm_figure(
    name: &'static str,
    title: &str,
    x_label: &str,
    statistics: &Statistics,
    color: usize,
) -> Result<Option<Figure>> {
    let part = |layer| LayerStatistics::parts(layer)[color].1;
    let ranges = statistics.layers.iter().filter_map(|layer| part(layer).norms.inner_bins(OUTER_SHARE));
    let Some((first, last)) = ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else { return Ok(None) };
    let width = (f64::from(last - first + 1) / MOST_BARS).ceil() as i32;
    // A bar of air on both sides.
    let (first, last) = (first.div_euclid(width) - 1, last.div_euclid(width) + 1);
    let low = Norms::edges(first * width).0.max(f64::MIN_POSITIVE);
    let high = Norms::edges((last + 1) * width).0.min(f64::MAX);
    let rows = statistics.layers.iter().map(|layer| {
        let norms = &part(layer).norms;
        let mut bars = vec![0.0; (last - first + 1) as usize];
        for (bin, n) in &norms.histogram {
            let place = bin.div_euclid(width) - first;
            if let Some(bar) = usize::try_from(place).ok().and_then(|place| bars.get_mut(place)) {
                *bar += *n as f64;
            }
        }
        let bars = (first..).zip(bars).map(|(place, height)| Bar {
            low: Norms::edges(place * width).0,
            high: Norms::edges((place + 1) * width).0,
            height,
        });
        let median = norms.quantiles.map(|quantiles| quantiles.median);
        let mut label = vec![layer.title(), layer.kind()];
        label.extend(median.map(|median| match norms.n_zeros {
            0 => format!("median {}", number(median)),
            _ => format!("median {}, {} are 0", number(median), percent(norms.share_zero())),
        }));
        let mark = median.filter(|median| (low..=high).contains(median));
        DistributionRow { label, color, bars: bars.collect(), reference: Vec::new(), mark }
    });
    let plot = DistributionPlot {
        title: title.to_owned(),
        x_label: x_label.to_owned(),
        axis: DistributionAxis::Logarithmic(low, high),
        rows: rows.collect(),
        reference: None,
    };
    let spreads = statistics.layers.iter().filter(|layer| layer.layer.is_some()).map(|layer| {
        let spread = part(layer).norms.spread();
        format!("{} in {}", spread.map_or("no number, for zeros,".to_owned(), number), layer.title())
    });
    let spreads = spreads.collect::<Vec<_>>().join(", ");
    let spread = match spreads.as_str() {
        "" => String::new(),
        spreads => format!(" The middle nine tenths of the hidden units spread over a factor of {spreads}."),
    };
    let reading = match color {
        WEIGHTS => format!(
            "One row a layer, all units of all nets, on a logarithmic axis; rows are drawn equally high, the upright line \
             is the median, the outermost {} % of a row may be cut off. If training gave units one scale, rows would be \
             spikes.",
            100.0 * OUTER_SHARE,
        ),
        _ => "The same for biases.".to_owned(),
    };
    let caption = reading + &spread;
    Ok(Some(Figure { name: name.to_owned(), svg: plot.to_svg()?, caption }))
}

fn sign_figure(title: &str, statistics: &Statistics) -> Result<Option<Figure>> {
    // Of outputs, often few, no sign is open.
    let hidden = statistics.layers.iter().filter(|layer| layer.layer.is_some());
    let parts = hidden.flat_map(|layer| {
        let colors = [WEIGHTS, BIASES];
        layer.parts().into_iter().zip(colors).map(move |(part, color)| (layer, part, color))
    });
    let rows = parts.filter_map(|(layer, (part, Measured { signs, .. }), color)| {
        let share = signs.share_positive()?;
        let (bars, reference) = share_bars(signs);
        let label =
            vec![format!("{}, {part}", layer.title()), layer.kind(), format!("{} positive", percent(share))];
        Some(DistributionRow { label, color, bars, reference, mark: None })
    });
    let rows: Vec<DistributionRow> = rows.collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let plot = DistributionPlot {
        title: title.to_owned(),
        x_label: "share of a net's units with positive sign".to_owned(),
        axis: DistributionAxis::Share,
        rows,
        reference: Some("flips of a fair coin".to_owned()),
    };
    let has_signs = statistics.layers.iter().any(|layer| layer.groups.iter().any(|group| group.admits(-1.0)));
    let meaning = if has_signs {
        ""
    } else {
        " Units of these activations may not be flipped, so here their signs mean something."
    };
    let caption = "For every net and hidden layer, how many of its units have a positive sign: that of the sum of the incoming \
                   weights, and that of the bias; both turn around when a unit is flipped. Bars count nets. If training \
                   settled signs, nets would gather at 0 % or 100 %; where they follow the dashed line, signs are as good \
                   as flips of a fair coin.";
    Ok(Some(Figure { name: "signs".to_owned(), svg: plot.to_svg()?, caption: caption.to_owned() + meaning }))
}

/// Nets by their share of positive signs, and what is to be expected of coins.
fn share_bars(signs: &Signs) -> (Vec<Bar>, Vec<(f64, f64)>) {
    /// Bars of few shares do not grow together.
    const WIDEST: f64 = 0.04;
    // Where every net has n units with a sign, a bar is one share k/n.
    let n = signs.widest().clamp(1, MOST_SHARES);
    let half = WIDEST.min(0.5 / n as f64);
    let at = |k: usize| k as f64 / n as f64;
    let bars = signs.of_nets().rounded(n).into_iter().enumerate();
    let bars = bars.map(|(k, height)| Bar { low: at(k) - half, high: at(k) + half, height });
    let coins = signs.of_coins().rounded(n).into_iter().enumerate();
    (bars.collect(), coins.map(|(k, height)| (at(k), height)).collect())
}

/// A share in percent.
fn percent(share: f64) -> String {
    match share {
        0.0 => "0 %".to_owned(),
        share => format!("{:.1} %", 100.0 * share),
    }
}

/// A number with three significant digits.
fn number(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        value if !(1e-3..1e4).contains(&value) => format!("{value:.2e}"),
        value => {
            let digits = (2.0 - value.log10().floor()).max(0.0) as usize;
            format!("{value:.digits$}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_shares_one_behind_the_point() {
        let texts = [0.0, 0.000_123_4, 0.001_234, 0.123_4, 1.0, 12.34, 123.4, 1234.0, 12_345.0].map(number);
        assert_eq!(texts, ["0", "1.23e-4", "0.00123", "0.123", "1.00", "12.3", "123", "1234", "1.23e4"]);
        assert_eq!([0.0, 0.5, 0.000_4].map(percent), ["0 %", "50.0 %", "0.0 %"]);
    }

    #[test]
    fn a_bar_is_one_share_where_nets_have_few_units() {
        let mut tally = super::super::signs::Tally::default();
        tally.add([1.0, 1.0, -1.0, 1.0].into_iter());
        tally.add([1.0, -1.0, -1.0, -1.0].into_iter());
        let (bars, coins) = share_bars(&tally.finish());
        let heights: Vec<f64> = bars.iter().map(|bar| bar.height).collect();
        assert_eq!(heights, [0.0, 1.0, 0.0, 1.0, 0.0]);
        assert!((bars[1].low - 0.21).abs() < 1e-12 && (bars[1].high - 0.29).abs() < 1e-12);
        let middle = coins[2];
        assert!(middle.0 == 0.5 && (middle.1 - 2.0 * 6.0 / 16.0).abs() < 1e-12);
    }
}
