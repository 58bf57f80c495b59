//! The report of a study as files: Markdown with its figures, and one self-contained page.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use anyhow::Result;

use super::{page, plan::Request, results::Results};
use crate::{
    report::{Block, Page, Svg, Table},
    run_folder::write_atomic,
};

/// What was written.
#[derive(Debug, Clone)]
pub struct Report {
    /// `report.md`
    pub markdown: PathBuf,
    /// `report.html`
    pub html: PathBuf,
    /// The figures of the Markdown file, beside it.
    pub figures: Vec<PathBuf>,
    /// The table of results.
    pub table: Table,
}

/// Writes the report of a request from the folders of its runs, whatever is finished by now.
///
/// `command` is what a person types to get the same.
///
/// # Errors
/// If nothing is finished, a file of a finished run is damaged, or the report cannot be written.
pub fn write(request: &Request, command: &str) -> Result<Report> {
    let results = Results::read(request)?;
    if results.runs().next().is_none() {
        anyhow::bail!(
            "{}: expected at least one finished run, found none",
            request.out.join("runs").display()
        );
    }
    let composed = page::compose(request, &results, command)?;
    let report = Report {
        markdown: request.out.join("report.md"),
        html: request.out.join("report.html"),
        figures: composed.figures.iter().map(|(name, _)| request.out.join(name)).collect(),
        table: results.table(),
    };
    for ((_, svg), path) in composed.figures.iter().zip(&report.figures) {
        write_atomic(path, svg.to_file().as_bytes())?;
    }
    write_atomic(&report.html, composed.page.to_html()?.as_bytes())?;
    write_atomic(&report.markdown, markdown(&composed.page, &composed.figures)?.as_bytes())?;
    Ok(report)
}

/// The page as Markdown; pictures of single nets are left out, figures stand in files beside it.
fn markdown(page: &Page, figures: &[(String, Svg)]) -> Result<String> {
    let mut text = format!("# {}\n\n{}\n", page.title, page.introduction);
    let mut names = figures.iter().map(|(name, _)| name);
    for section in &page.sections {
        write!(text, "\n## {}\n", section.title)?;
        for block in &section.blocks {
            match block {
                Block::Text(sentence) => write!(text, "\n{sentence}\n")?,
                Block::Table(table) => write!(text, "\n{}", table.to_markdown())?,
                Block::Figure(_, caption) => {
                    let name = names.next().map(String::as_str).unwrap_or_default();
                    write!(text, "\n![{caption}]({name})\n")?;
                }
                Block::Images(_) => {}
                Block::Facts(facts) => {
                    text.push('\n');
                    for (name, value) in facts {
                        writeln!(text, "- {name}: {value}")?;
                    }
                }
                Block::Commands(commands) => write!(text, "\n```sh\n{}\n```\n", commands.join("\n"))?,
            }
        }
    }
    Ok(text)
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
}
