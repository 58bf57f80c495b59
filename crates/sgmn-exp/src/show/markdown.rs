//! A table in Markdown. The file is compiled into `xtask` too, which uses no crate that takes minutes to build.

/// A table whose first column is aligned left and all others right, padded so that the source reads well too.
pub(crate) fn table<T: AsRef<str>>(header: &[T], rows: &[Vec<String>]) -> String {
    let header: Vec<String> = header.iter().map(|cell| escaped(cell.as_ref())).collect();
    let rows = rows.iter().map(|cells| cells.iter().map(|cell| escaped(cell)).collect());
    let lines: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..lines[0].len()).map(|column| width(column).unwrap_or(0).max(3)).collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
            text += &if column == 0 { format!("| {cell:<width$} ") } else { format!("| {cell:>width$} ") };
        }
        text += "|\n";
        if number == 0 {
            for (column, &width) in widths.iter().enumerate() {
                let rule = "-".repeat(width - usize::from(column > 0));
                text += &if column == 0 { format!("| {rule} ") } else { format!("| {rule}: ") };
            }
            text += "|\n";
        }
    }
    text
}

/// A bar would end the cell, and a new line the row.
fn escaped(cell: &str) -> String {
    cell.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let text = table(&["a", "much"], &[vec!["wide cell".into(), "1".into()]]);
        assert_eq!(text, "| a         | much |\n| --------- | ---: |\n| wide cell |    1 |\n");
    }

    #[test]
    fn no_cell_ends_its_row() {
        assert_eq!(table(&["a|b"], &[vec!["c\nd".into()]]), "| a\\|b |\n| ---- |\n| c d  |\n");
    }
}
