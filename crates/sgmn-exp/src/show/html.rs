//! One self-contained page: no script, no font, no file beside it; readable on a phone, in light and in dark.

use std::fmt::Write;

use anyhow::Result;

use super::escape::escape;
use super::image::ImageGrid;
use super::plots::Svg;
use super::tables::Table;

/// A page of results.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Title and first heading.
    pub title: String,
    /// What the reader is looking at, in a few sentences.
    pub introduction: String,
    /// The body.
    pub sections: Vec<Section>,
}

/// A part of a page under its own heading.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// Heading.
    pub title: String,
    /// Content, in reading order.
    pub blocks: Vec<Block>,
}

/// A piece of content. Text is plain text everywhere: nothing in it is read as HTML.
#[derive(Debug, Clone)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// A table.
    Table(Table),
    /// Sentences that stand on their own.
    List(Vec<String>),
    /// A figure.
    Figure(Figure),
    /// Small grayscale images.
    Images(ImageGrid),
    /// Facts by name, such as those of the machine.
    Facts(Vec<(String, String)>),
    /// Commands, exactly as they are typed.
    Commands(Vec<String>),
    /// Details under a title, to be opened by who wants them.
    Fold(String, Vec<Block>),
}

/// A drawing that stands on a page and in a file of its own.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Name of the file without its ending `.svg`.
    pub name: String,
    /// The drawing.
    pub svg: Svg,
    /// What it shows, in a sentence; may be empty.
    pub caption: String,
}

impl Page {
    /// All figures, in reading order.
    pub fn figures(&self) -> Vec<&Figure> {
        fn collect<'a>(blocks: &'a [Block], figures: &mut Vec<&'a Figure>) {
            for block in blocks {
                match block {
                    Block::Figure(figure) => figures.push(figure),
                    Block::Fold(_, blocks) => collect(blocks, figures),
                    _ => {}
                }
            }
        }
        let mut figures = Vec::new();
        self.sections.iter().for_each(|section| collect(&section.blocks, &mut figures));
        figures
    }

    /// The page as one HTML file.
    ///
    /// # Errors
    /// If an image cannot be encoded.
    pub fn to_html(&self) -> Result<String> {
        let mut body = String::new();
        for section in &self.sections {
            writeln!(body, "<section>\n<h2>{}</h2>", escape(&section.title))?;
            for block in &section.blocks {
                block.write_html(&mut body)?;
            }
            body += "</section>\n";
        }
        let title = escape(&self.title);
        let introduction = match self.introduction.as_str() {
            "" => String::new(),
            text => format!("<p class=\"introduction\">{}</p>\n", escape(text)),
        };
        Ok(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
             <style>\n{style}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{introduction}{body}</main>\n\
             </body>\n</html>\n",
            style = include_str!("page.css"),
        ))
    }
}

impl Block {
    fn write_html(&self, body: &mut String) -> Result<()> {
        match self {
            Self::Text(text) => writeln!(body, "<p>{}</p>", escape(text))?,
            Self::Table(table) => body.push_str(&table.to_html()),
            Self::List(items) => {
                body.push_str("<ul>\n");
                items.iter().try_for_each(|item| writeln!(body, "<li>{}</li>", escape(item)))?;
                body.push_str("</ul>\n");
            }
            Self::Figure(Figure { svg, caption, .. }) => {
                writeln!(body, "<figure>\n{}{}</figure>", svg.to_inline(), figcaption(caption))?;
            }
            Self::Images(grid) => write_images(body, grid)?,
            Self::Facts(facts) => {
                body.push_str("<dl>\n");
                for (name, value) in facts {
                    writeln!(body, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value))?;
                }
                body.push_str("</dl>\n");
            }
            Self::Commands(commands) => {
                writeln!(body, "<pre><code>{}</code></pre>", escape(&commands.join("\n")))?;
            }
            Self::Fold(title, blocks) => {
                writeln!(body, "<details>\n<summary>{}</summary>", escape(title))?;
                blocks.iter().try_for_each(|block| block.write_html(body))?;
                body.push_str("</details>\n");
            }
        }
        Ok(())
    }
}

fn write_images(body: &mut String, grid: &ImageGrid) -> Result<()> {
    let zoom = grid.zoom.max(1);
    body.push_str("<figure>\n<div class=\"images\">\n");
    for (caption, image) in &grid.images {
        let (width, height) = (image.width() * zoom, image.height() * zoom);
        let (source, caption) = (image.to_data_uri()?, escape(caption));
        writeln!(
            body,
            "<div><img alt=\"{caption}\" width=\"{width}\" height=\"{height}\" src=\"{source}\"><span>{caption}</span></div>"
        )?;
    }
    writeln!(body, "</div>\n{}</figure>", figcaption(&grid.caption))?;
    Ok(())
}

fn figcaption(caption: &str) -> String {
    match caption {
        "" => String::new(),
        text => format!("<figcaption>{}</figcaption>\n", escape(text)),
    }
}
