//! The report as files: Markdown with its figures, and one self-contained page.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use super::{comparison, page, plan::Request, results::Results, study::ReportPart};
use crate::show::{Block, Figure, Page, Table, save::write_atomic};

/// What was written.
#[derive(Debug, Clone)]
pub struct Report {
    /// `report.md`
    pub markdown: PathBuf,
    /// `report.html`
    pub html: PathBuf,
    /// The figures of the Markdown file, beside it.
    pub figures: Vec<PathBuf>,
    /// The tables of results under the titles of their parts.
    pub tables: Vec<(String, Table)>,
    /// A few lines of each part that has a table in the paper, for a front page.
    pub short_tables: Vec<(String, Table)>,
}

/// Writes the report of a request from the folders of its runs, whatever is finished by now.
///
/// `command` is what a person types to get the same.
///
/// # Errors
/// If nothing is finished, a file of a finished run is damaged, or the report cannot be written.
pub fn write(request: &Request, command: &str) -> Result<Report> {
    let results = Results::read(request)?;
    if results.runs().is_empty() {
        bail!("{}: expected at least one finished run, found none", request.out.join("runs").display());
    }
    let page = page::compose(request, &results, command)?;
    let parts = || ReportPart::ALL.into_iter().filter(|part| results.of(*part).next().is_some());
    let tables = parts().flat_map(|part| comparison::tables(&results, part)).collect();
    let short = |part: ReportPart| comparison::short_tables(&results, part);
    Ok(Report { short_tables: parts().flat_map(short).collect(), ..save(&request.out, &page, tables)? })
}

/// Writes a page, and what stands beside it, into a folder.
pub(super) fn save(out: &Path, page: &Page, tables: Vec<(String, Table)>) -> Result<Report> {
    let mut figures = Vec::new();
    for Figure { name, svg, .. } in page.figures() {
        let path = out.join(format!("{name}.svg"));
        write_atomic(&path, svg.to_file().as_bytes())?;
        figures.push(path);
    }
    let report = Report {
        markdown: out.join("report.md"),
        html: out.join("report.html"),
        figures,
        tables,
        short_tables: Vec::new(),
    };
    write_atomic(&report.html, page.to_html()?.as_bytes())?;
    write_atomic(&report.markdown, markdown(page)?.as_bytes())?;
    Ok(report)
}

/// The page as Markdown; pictures of single nets are left out, figures stand in files beside it.
fn markdown(page: &Page) -> Result<String> {
    let mut text = format!("# {}\n\n{}\n", page.title, page.introduction);
    for section in &page.sections {
        write!(text, "\n## {}\n", section.title)?;
        section.blocks.iter().try_for_each(|block| write_block(&mut text, block))?;
    }
    Ok(text)
}

fn write_block(text: &mut String, block: &Block) -> Result<()> {
    match block {
        Block::Text(sentence) => write!(text, "\n{sentence}\n")?,
        Block::List(items) => {
            text.push('\n');
            items.iter().try_for_each(|item| writeln!(text, "- {item}"))?;
        }
        Block::Table(table) => write!(text, "\n{}", table.to_markdown())?,
        Block::Figure(Figure { name, caption, .. }) => write!(text, "\n![{caption}]({name}.svg)\n")?,
        Block::Images(_) => {}
        Block::Facts(facts) => {
            text.push('\n');
            facts.iter().try_for_each(|(name, value)| writeln!(text, "- {name}: {value}"))?;
        }
        Block::Commands(commands) => write!(text, "\n```sh\n{}\n```\n", commands.join("\n"))?,
        Block::Fold(title, blocks) => {
            write!(text, "\n### {title}\n")?;
            blocks.iter().try_for_each(|block| write_block(text, block))?;
        }
    }
    Ok(())
}

impl Report {
    /// Copies the Markdown file and its figures into a folder of results, as `NAME.md`.
    ///
    /// # Errors
    /// If a file cannot be copied.
    pub fn save(&self, folder: &Path, name: &str) -> Result<PathBuf> {
        std::fs::create_dir_all(folder)?;
        for figure in &self.figures {
            let file = figure.file_name().expect("a figure has a name");
            write_atomic(&folder.join(file), &std::fs::read(figure)?)?;
        }
        let path = folder.join(format!("{name}.md"));
        write_atomic(&path, &std::fs::read(&self.markdown)?)?;
        Ok(path)
    }

    /// Puts the short tables between the lines `<!-- results NAME -->` and `<!-- /results NAME -->` of a file.
    ///
    /// # Errors
    /// If the file cannot be read or written, or does not have the two lines.
    pub fn show_in(&self, file: &Path, name: &str) -> Result<()> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let [begin, end] = ["", "/"].map(|mark| format!("<!-- {mark}results {name} -->"));
        let parts =
            text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
        let (before, after) = parts.with_context(|| {
            format!("{}: expected the lines {begin} and {end}, found no such pair", file.display())
        })?;
        let mut shown = String::new();
        for (title, table) in &self.short_tables {
            write!(shown, "\n{title}:\n\n{}", table.to_markdown())?;
        }
        write_atomic(file, format!("{before}{begin}\n{shown}\n{end}{after}").as_bytes())
    }
}
