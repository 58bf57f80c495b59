//! The tables of the paper, as far as they are compared with.
//!
//! # Source
//! Kalogeropoulos, Bouritsas, Panagakis, "Scale Equivariant Graph Metanetworks", NeurIPS 2024: mean ± standard deviation
//! over three seeds. Rows that begin with "elsewhere" are from other papers.

use super::study::ReportPart;
use crate::metrics::Criterion;

/// A published mean, with its standard deviation where that is reported, in the criterion's own unit.
pub type Value = (f64, Option<f64>);

/// One table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaperTable {
    /// The part of the report that it is compared in.
    pub part: ReportPart,
    /// What its values are.
    pub criterion: Criterion,
    /// The nets of each column.
    pub columns: &'static [&'static str],
    /// The methods.
    pub rows: &'static [PaperRow],
}

/// The values of one method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaperRow {
    /// Its name.
    pub method: &'static str,
    /// One value a column.
    pub values: &'static [Option<Value>],
}

/// The table of a part of the report; ablations have none.
pub fn table(part: ReportPart) -> Option<&'static PaperTable> {
    TABLES.iter().find(|table| table.part == part)
}

impl PaperTable {
    /// The value of a method in a column.
    pub fn value(&self, method: &str, column: usize) -> Option<Value> {
        *self.rows.iter().find(|row| row.method == method)?.values.get(column)?
    }
}

const TABLES: &[PaperTable] = &[
    PaperTable {
        part: ReportPart::Classification,
        criterion: Criterion::Accuracy,
        columns: &["MNIST", "F-MNIST", "CIFAR-10", "augmented CIFAR-10"],
        rows: &[
            row(
                "MLP",
                &[percent(17.55, 0.01), percent(19.91, 0.47), percent(11.38, 0.34), percent(16.90, 0.25)],
            ),
            row("Inr2Vec", &[percent(23.69, 0.10), percent(22.33, 0.41), None, None]),
            row("DWS", &[percent(85.71, 0.57), percent(67.06, 0.29), None, None]),
            row(
                "NFN_NP",
                &[percent(78.50, 0.23), percent(68.19, 0.28), percent(33.41, 0.01), percent(46.60, 0.07)],
            ),
            row(
                "NFN_HNP",
                &[percent(79.11, 0.84), percent(68.94, 0.64), percent(28.64, 0.07), percent(44.10, 0.47)],
            ),
            row(
                "NG-GNN",
                &[percent(91.4, 0.60), percent(68.0, 0.20), percent(36.04, 0.44), percent(45.70, 0.20)],
            ),
            row(
                "ScaleGMN",
                &[percent(96.57, 0.10), percent(80.46, 0.32), percent(36.43, 0.41), percent(56.62, 0.24)],
            ),
            row(
                "ScaleGMN-B",
                &[percent(96.59, 0.24), percent(80.78, 0.16), percent(38.82, 0.10), percent(56.95, 0.57)],
            ),
            row(
                "elsewhere: ProbeGen, runs the nets on 128 probes",
                &[Some((0.984, None)), Some((0.877, None)), None, None],
            ),
        ],
    },
    PaperTable {
        part: ReportPart::Generalization,
        criterion: Criterion::Tau,
        columns: &["CIFAR-10-GS ReLU", "SVHN-GS ReLU", "CIFAR-10-GS tanh", "SVHN-GS tanh"],
        rows: &[
            row("StatNN", &[tau(0.9140, 0.001), tau(0.8463, 0.004), tau(0.9140, 0.000), tau(0.8440, 0.001)]),
            row("NFN_NP", &[tau(0.9190, 0.010), tau(0.8586, 0.003), tau(0.9251, 0.001), tau(0.8580, 0.004)]),
            row("NFN_HNP", &[tau(0.9270, 0.001), tau(0.8636, 0.002), tau(0.9339, 0.000), tau(0.8586, 0.004)]),
            row("NG-GNN", &[tau(0.9010, 0.060), tau(0.8549, 0.002), tau(0.9340, 0.001), tau(0.8620, 0.003)]),
            row(
                "ScaleGMN",
                &[tau(0.9276, 0.002), tau(0.8689, 0.003), tau(0.9418, 0.005), tau(0.8736, 0.003)],
            ),
            row(
                "ScaleGMN-B",
                &[tau(0.9282, 0.003), tau(0.8651, 0.001), tau(0.9425, 0.004), tau(0.8655, 0.004)],
            ),
        ],
    },
    PaperTable {
        part: ReportPart::Editing,
        criterion: Criterion::Mse,
        columns: &["MNIST, dilated"],
        rows: &[
            row("MLP", &[mse(5.35)]),
            row("DWS", &[mse(2.58)]),
            row("NFN_NP", &[mse(2.55)]),
            row("NFN_HNP", &[mse(2.65)]),
            row("NG-GNN", &[mse(2.38)]),
            row("NG-GNN, runs the nets on 64 probes", &[mse(2.06)]),
            row("ScaleGMN", &[mse(2.56)]),
            row("ScaleGMN-B", &[mse(1.89)]),
            row("elsewhere: mean of 8 edited nets", &[mse(1.06)]),
        ],
    },
];

const fn row(method: &'static str, values: &'static [Option<Value>]) -> PaperRow {
    PaperRow { method, values }
}

const fn percent(mean: f64, std: f64) -> Option<Value> {
    Some((mean / 100.0, Some(std / 100.0)))
}

const fn tau(mean: f64, std: f64) -> Option<Value> {
    Some((mean, Some(std)))
}

const fn mse(hundredths: f64) -> Option<Value> {
    Some((hundredths / 100.0, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_value_or_a_gap_in_every_column() {
        for table in TABLES {
            assert!(table.rows.iter().all(|row| row.values.len() == table.columns.len()), "{:?}", table.part);
        }
    }
}
