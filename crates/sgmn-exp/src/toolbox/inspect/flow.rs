//! A net of any architecture: its file, and the table of what may change in it.

use std::io::Write;

use anyhow::Result;

use crate::any_net::{
    adapter::Touched,
    description::{Description, Order, Tensor, note_of_sizes},
};

/// Lines of a list that are shown unless all are asked for.
const MOST_LINES: usize = 40;
/// Singular values of an update that are shown.
const MOST_VALUES: usize = 4;
/// Names that are shown in one cell unless all are asked for.
const MOST_NAMES: usize = 3;

/// Describes a net; `all`: leaves nothing out.
pub(super) fn describe(net: &Description, all: bool, out: &mut impl Write) -> Result<()> {
    let writer = net.writer.as_ref().map(|writer| format!(", written by {writer}")).unwrap_or_default();
    writeln!(out, "{}{writer}", net.container)?;
    let mut operations: Vec<(&String, &usize)> = net.operations.iter().collect();
    operations.sort_by_key(|(name, n)| (std::cmp::Reverse(**n), (*name).clone()));
    let operations: Vec<String> = operations.iter().map(|(name, n)| format!("{n} {name}")).collect();
    let n_operations: usize = net.operations.values().sum();
    writeln!(out, "{n_operations} operations: {}", operations.join(", "))?;
    writeln!(out, "computed in {} steps", net.n_steps)?;
    writeln!(out, "inputs: {}; outputs: {}", tensors(&net.inputs), tensors(&net.outputs))?;
    if let Some(note) = note_of_sizes(&net.open_sizes) {
        writeln!(out, "{note}")?;
    }

    writeln!(out, "\n{} numbers may change, in {} parameters{}", net.n_numbers, net.parameters.len(), {
        let n = net.n_statistics;
        if n == 0 { String::new() } else { format!(", {n} of them statistics of data") }
    })?;
    if all {
        for parameter in &net.parameters {
            writeln!(out, "  {} {:?}", parameter.name, parameter.shape)?;
        }
    }
    let fixed =
        net.fixed.iter().map(|tensor| format!("  {} {:?}: {}", tensor.name, tensor.shape, tensor.why));
    if !net.fixed.is_empty() {
        writeln!(out, "{} of float stay:", count(net.fixed.len(), "tensor"))?;
        lines(fixed, all, out)?;
    }

    if !net.touched.is_empty() {
        writeln!(out, "\nwhat it adds in a larger net, in {}:", count(net.touched.len(), "layer"))?;
        lines(net.touched.iter().map(touched), all, out)?;
    }

    writeln!(out, "\nunits that may be reordered: {}", count(net.orders.len(), "order"))?;
    if !net.orders.is_empty() {
        lines(order_lines(&net.orders, all).into_iter(), all, out)?;
    }
    if !net.scalars.is_empty() {
        writeln!(out, "scalars of other units, or one for several:")?;
        let scalars =
            net.scalars.iter().map(|s| format!("  {} {}: {}", s.n, s.group, short(&s.parameters, all)));
        lines(scalars, all, out)?;
    }
    if !net.matrices.is_empty() {
        writeln!(out, "\nunits that may be mixed by matrices:")?;
        let list = net.matrices.iter().map(|matrix| {
            let each = if matrix.blocks > 1 {
                format!(" for each of {} blocks", matrix.blocks)
            } else {
                String::new()
            };
            format!("  {}{each}: {}", matrix.group, short(&matrix.held_by, all))
        });
        lines(list, all, out)?;
    }
    if !net.additions.is_empty() {
        writeln!(out, "\nwhat may be added:")?;
        let list = net.additions.iter().map(|addition| {
            let dims =
                if addition.dims == 0 { "discrete".to_owned() } else { count(addition.dims, "dimension") };
            format!("  {}: {dims}", addition.words)
        });
        lines(list, all, out)?;
    }
    let dims = &net.dims;
    writeln!(
        out,
        "\nfree in all: {} of {} dimensions ({} magnitudes, {} of matrices beyond these, {} of additions), {} signs",
        dims.total(),
        net.n_numbers,
        dims.magnitudes,
        dims.matrices,
        dims.additions,
        net.signs
    )?;
    Ok(())
}

/// An update: shape, rank, factor, norm, singular values.
fn touched(update: &Touched) -> String {
    let Touched { target, shape: [n_out, n_in], rank, scale, norm, singular_values } = update;
    let values: Vec<String> =
        singular_values.iter().take(MOST_VALUES).map(|value| format!("{value:.3e}")).collect();
    let more = if singular_values.len() > MOST_VALUES { ", ..." } else { "" };
    format!(
        "  {target}.weight [{n_out}, {n_in}]: {scale} · B A of rank {rank}, norm {norm:.3e}, singular values {}{more}",
        values.join(", ")
    )
}

/// The table of orders, its columns aligned.
fn order_lines(orders: &[Order], all: bool) -> Vec<String> {
    let mut rows = vec![["order", "units", "over", "scalars", "held by"].map(str::to_owned)];
    for order in orders {
        let units =
            if order.sets == 1 { order.n.to_string() } else { format!("{} × {}", order.sets, order.n) };
        let mut holders = Vec::new();
        for (what, names) in
            [("made by", &order.written_by), ("read by", &order.read_by), ("in", &order.held_by)]
        {
            if !names.is_empty() {
                holders.push(format!("{what} {}", short(names, all)));
            }
        }
        let scalars = if order.scalars.is_empty() { "none".to_owned() } else { repeated(&order.scalars) };
        rows.push([order.name.clone(), units, order.over.join(", "), scalars, holders.join("; ")]);
    }
    let widths: Vec<usize> =
        (0..4).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    let line = |row: &[String; 5]| {
        let cells =
            row[..4].iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width));
        format!("  {}  {}", cells.collect::<Vec<_>>().join("  "), row[4])
    };
    rows.iter().map(line).collect()
}

/// Words, each once with how often it stands there.
fn repeated(words: &[String]) -> String {
    let mut counts: Vec<(&String, usize)> = Vec::new();
    for word in words {
        match counts.iter_mut().find(|(other, _)| *other == word) {
            Some((_, n)) => *n += 1,
            None => counts.push((word, 1)),
        }
    }
    let shown =
        counts.iter().map(|(word, n)| if *n == 1 { (*word).clone() } else { format!("{n} × {word}") });
    shown.collect::<Vec<_>>().join(", ")
}

fn tensors(list: &[Tensor]) -> String {
    list.iter().map(|tensor| format!("{} {:?}", tensor.name, tensor.shape)).collect::<Vec<_>>().join(", ")
}

fn short(names: &[String], all: bool) -> String {
    let n = if all { names.len() } else { MOST_NAMES };
    let mut text = names.iter().take(n).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > n {
        text += &format!(" and {} more", names.len() - n);
    }
    text
}

fn lines(list: impl ExactSizeIterator<Item = String>, all: bool, out: &mut impl Write) -> Result<()> {
    let n = list.len();
    let most = if all { n } else { MOST_LINES };
    for line in list.take(most) {
        writeln!(out, "{}", line.trim_end())?;
    }
    if n > most {
        writeln!(out, "  ... and {} more; --all shows them", n - most)?;
    }
    Ok(())
}

fn count(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_unless_all_is_asked_for() {
        let shown = |all| {
            let mut out = Vec::new();
            lines((0..50).map(|i| i.to_string()).collect::<Vec<_>>().into_iter(), all, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(shown(true).lines().count(), 50);
        assert_eq!(shown(false).lines().last(), Some("  ... and 10 more; --all shows them"));
        let names = ["a", "b", "c", "d", "e"].map(str::to_owned);
        assert_eq!(short(&names, false), "a, b, c and 2 more");
        assert_eq!(
            repeated(&["sign".to_owned(), "sign".to_owned(), "positive".to_owned()]),
            "2 × sign, positive"
        );
    }
}
