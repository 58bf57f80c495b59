//! Tables of results, as Markdown for documents and as HTML for the page.

use super::{escape::escape, markdown};

/// A table of text; the first column is aligned left, all others right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Headings.
    pub header: Vec<String>,
    /// Cells, each row as long as the header.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// The table as Markdown, columns padded so that the source reads well too.
    pub fn to_markdown(&self) -> String {
        markdown::table(&self.header, &self.rows)
    }

    /// The table as HTML.
    pub(super) fn to_html(&self) -> String {
        let row = |cells: &[String], tag: &str| {
            let cell = |text: &String| {
                let class = if text.chars().count() > LONGEST_NUMBER { " class=\"prose\"" } else { "" };
                format!("<{tag}{class}>{}</{tag}>", escape(text))
            };
            let cells: String = cells.iter().map(cell).collect();
            format!("<tr>{cells}</tr>\n")
        };
        let body: String = self.rows.iter().map(|cells| row(cells, "td")).collect();
        format!(
            "<div class=\"wide\"><table>\n<thead>{}</thead>\n<tbody>\n{body}</tbody>\n</table></div>\n",
            row(&self.header, "th").trim_end()
        )
    }
}

/// Longer cells are sentences, which may be broken into lines.
const LONGEST_NUMBER: usize = 24;

/// A count with commas, such as `1,772,042`.
pub(crate) fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|g| std::str::from_utf8(g).expect("digits")).collect();
    groups.join(",")
}

/// A duration in the unit in which a person would say it.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.1} s"),
        s if s < 6000.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_durations_read_like_prose() {
        assert_eq!([0, 999, 1000, 1_772_042].map(thousands), ["0", "999", "1,000", "1,772,042"]);
        assert_eq!([9.94, 600.0, 7200.0].map(duration), ["9.9 s", "10.0 min", "2.0 h"]);
    }
}
