//! A packed file of flows: how many nets and architectures, what is known of them, and one of them in full.

use std::io::Write;

use anyhow::{Result, bail};
use sgmn_data::{
    formats::flows::{Architecture, Reader},
    split::Splits,
};

/// Words of a column of which each is counted.
const MOST_WORDS: usize = 20;

/// Describes the file and its net `item`.
pub(super) fn describe(nets: &Reader, item: usize, out: &mut impl Write) -> Result<()> {
    let n_nets = nets.len();
    writeln!(out, "packed file of flows: {n_nets} nets of {} architectures", nets.flows().len())?;
    let Splits { train, val, test } = nets.splits();
    let unused = n_nets - train.len() - val.len() - test.len();
    writeln!(out, "splits: train {}, val {}, test {}, in none {unused}", train.len(), val.len(), test.len())?;
    writeln!(out, "numbers of a net: {}", range(nets.flows().map(|flow| flow.n_numbers() as f64).collect()))?;
    for (name, column) in nets.numbers() {
        writeln!(out, "{name}: {}", range(column.clone()))?;
    }
    for (name, words) in nets.words() {
        // Names of nets, say.
        if words.all.len() > MOST_WORDS {
            writeln!(out, "{name}: {} different words", words.all.len())?;
            continue;
        }
        let count = |place: usize| words.of.iter().filter(|of| **of as usize == place).count();
        let counts = words.all.iter().enumerate().map(|(place, word)| format!("{} {word}", count(place)));
        writeln!(out, "{name}: {}", counts.collect::<Vec<_>>().join(", "))?;
    }
    writeln!(out, "provenance:")?;
    for (key, value) in nets.provenance() {
        writeln!(out, "  {key}: {value}")?;
    }
    if item >= n_nets {
        bail!("--item: expected a number below {n_nets}, the nets there are, found {item}");
    }
    let numbers = nets.numbers().iter().map(|(name, column)| format!("{name} {}", shown(column[item])));
    let words =
        nets.words().keys().map(|name| format!("{name} {}", nets.word(name, item).unwrap_or_default()));
    writeln!(out, "\nitem {item}: architecture {}", nets.flow_idx(item))?;
    writeln!(out, "  {}", words.collect::<Vec<_>>().join(", "))?;
    writeln!(out, "  {}", numbers.collect::<Vec<_>>().join(", "))?;
    match nets.architecture(item) {
        Architecture::Described(description) => writeln!(out, "\n{}", description.toml.trim_end())?,
        Architecture::Flow(_) => {
            let flow = nets.flow(item);
            let (n_params, n_steps) = (flow.params().len(), flow.steps().len());
            writeln!(
                out,
                "\na graph of {n_steps} operations on {n_params} parameters, of {} numbers",
                flow.n_numbers()
            )?;
        }
    }
    Ok(())
}

/// Such as `0.1 to 0.96, median 0.8`.
fn range(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    match (values.first(), values.get(values.len() / 2), values.last()) {
        (Some(least), Some(median), Some(most)) => {
            format!("{} to {}, median {}", shown(*least), shown(*most), shown(*median))
        }
        _ => "none".to_owned(),
    }
}

/// A number in few letters.
fn shown(number: f64) -> String {
    let is_readable = number == 0.0 || (1e-3..1e6).contains(&number.abs());
    if is_readable { format!("{}", (number * 1e4).round() / 1e4) } else { format!("{number:.3e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_its_ends_and_its_middle_in_few_letters() {
        assert_eq!(range(vec![0.25, 1.0, 1.0 / 3.0]), "0.25 to 1, median 0.3333");
        assert_eq!(range(vec![2.5e-8]), "2.500e-8 to 2.500e-8, median 2.500e-8");
        assert_eq!(range(vec![]), "none");
    }
}
