//! A table with a row for each net, written as it grows: for spreadsheets, for programs that read lines, for tensors.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::json;
use sgmn_data::AtomicFile;

/// What the columns of a table are, besides the names of the nets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// What the numbers of a net are together: `probabilities`, `score`, `outputs`, `features`.
    pub name: &'static str,
    /// The column of each number.
    pub numbers: Vec<String>,
    /// Names of the classes, if a net is given one of them.
    pub classes: Option<Vec<String>>,
    /// Whether numbers are kept in f64: those of a unit of their own, whose mean may be large beside their spread.
    pub wide: bool,
}

/// The form of a table, as the ending of its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableKind {
    /// A head and a line for each net.
    Csv,
    /// An object for each net.
    Jsonl,
    /// A tensor for all nets, their names in its metadata.
    Safetensors,
}

impl TableKind {
    /// The form that a name asks for.
    ///
    /// # Errors
    /// If it ends otherwise.
    pub fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => Ok(Self::Csv),
            Some("jsonl") => Ok(Self::Jsonl),
            Some("safetensors") => Ok(Self::Safetensors),
            _ => bail!(
                "{}: expected a name that ends with .csv, .jsonl or .safetensors, found another one",
                path.display()
            ),
        }
    }
}

/// A table that is being written; it appears when it is finished, or not at all.
pub struct Table {
    path: PathBuf,
    columns: Columns,
    n_rows: usize,
    form: Form,
}

enum Form {
    Csv(Box<csv::Writer<AtomicFile>>),
    Jsonl(AtomicFile),
    /// A tensor's header holds the number of its rows, so they wait in a file without a name.
    Safetensors {
        rows: BufWriter<File>,
        nets: Vec<String>,
        classes: Vec<u32>,
    },
}

impl Table {
    /// Begins a table.
    ///
    /// # Errors
    /// As [`TableKind::of`]; if the folder takes no new file.
    pub fn create(path: &Path, columns: Columns) -> Result<Self> {
        let form = match TableKind::of(path)? {
            TableKind::Csv => {
                let mut writer = csv::Writer::from_writer(AtomicFile::create(path)?);
                let class = columns.classes.iter().map(|_| "class");
                let numbers = columns.numbers.iter().map(String::as_str);
                writer
                    .write_record(["net"].into_iter().chain(class).chain(numbers))
                    .with_context(|| path.display().to_string())?;
                Form::Csv(Box::new(writer))
            }
            TableKind::Jsonl => Form::Jsonl(AtomicFile::create(path)?),
            TableKind::Safetensors => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let rows = tempfile::tempfile_in(folder.unwrap_or(Path::new(".")));
                let rows = BufWriter::new(rows.with_context(|| path.display().to_string())?);
                Form::Safetensors { rows, nets: Vec::new(), classes: Vec::new() }
            }
        };
        Ok(Self { path: path.to_owned(), columns, n_rows: 0, form })
    }

    /// Adds the row of a net: its class, if it has one, and its numbers.
    ///
    /// # Errors
    /// If the disk is full.
    ///
    /// # Panics
    /// If there are more or fewer numbers than columns.
    pub fn row(&mut self, net: &str, class: Option<usize>, numbers: &[f64]) -> Result<()> {
        assert_eq!(numbers.len(), self.columns.numbers.len(), "numbers of {net}");
        self.n_rows += 1;
        self.write(net, class, numbers).with_context(|| self.path.display().to_string())
    }

    fn write(&mut self, net: &str, class: Option<usize>, numbers: &[f64]) -> Result<()> {
        let Self { columns, form, .. } = self;
        let name = class.zip(columns.classes.as_ref()).map(|(class, names)| names[class].as_str());
        match form {
            Form::Csv(writer) => {
                writer.write_field(net)?;
                if let Some(name) = name {
                    writer.write_field(name)?;
                }
                for number in numbers {
                    let text = if columns.wide { number.to_string() } else { (*number as f32).to_string() };
                    writer.write_field(text)?;
                }
                writer.write_record(None::<&[u8]>)?;
            }
            Form::Jsonl(file) => {
                let mut line = serde_json::to_vec(&Line { net, class: name, numbers, columns })?;
                line.push(b'\n');
                file.write(&line)?;
            }
            Form::Safetensors { rows, nets, classes } => {
                for number in numbers {
                    if columns.wide {
                        rows.write_all(&number.to_le_bytes())?;
                    } else {
                        rows.write_all(&(*number as f32).to_le_bytes())?;
                    }
                }
                nets.push(net.to_owned());
                classes.extend(class.map(|class| class as u32));
            }
        }
        Ok(())
    }

    /// Gives the table its name.
    ///
    /// # Errors
    /// If the disk is full or the name is refused; then no table appears.
    pub fn finish(self) -> Result<()> {
        let Self { path, columns, n_rows, form } = self;
        let finished = || -> Result<()> {
            match form {
                Form::Csv(writer) => {
                    let file = writer.into_inner().map_err(|failed| io::Error::other(failed.to_string()))?;
                    Ok(file.commit()?)
                }
                Form::Jsonl(file) => Ok(file.commit()?),
                Form::Safetensors { rows, nets, classes } => {
                    let rows = rows.into_inner().map_err(|failed| failed.into_error())?;
                    write_tensors(&path, &columns, n_rows, rows, &nets, &classes)
                }
            }
        };
        finished().with_context(|| path.display().to_string())
    }
}

/// One net as a JSON object; a list of numbers that have names is an object too.
struct Line<'a> {
    net: &'a str,
    class: Option<&'a str>,
    numbers: &'a [f64],
    columns: &'a Columns,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { net, class, numbers, columns } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("net", net)?;
        if let Some(class) = class {
            map.serialize_entry("class", class)?;
        }
        match (&columns.classes, columns.wide, *numbers) {
            (Some(names), ..) => map.serialize_entry(columns.name, &Named { names, numbers })?,
            (None, true, [number]) => map.serialize_entry(columns.name, number)?,
            (None, false, [number]) if columns.name == "score" => {
                map.serialize_entry(columns.name, &(*number as f32))?;
            }
            (None, true, _) => map.serialize_entry(columns.name, numbers)?,
            (None, false, _) => {
                let narrow: Vec<f32> = numbers.iter().map(|number| *number as f32).collect();
                map.serialize_entry(columns.name, &narrow)?;
            }
        }
        map.end()
    }
}

/// The number of each class by its name.
struct Named<'a> {
    names: &'a [String],
    numbers: &'a [f64],
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(self.numbers.iter().map(|number| *number as f32)))
    }
}

/// Safetensors: the header, the rows, and the class of each row by its number.
fn write_tensors(
    path: &Path,
    columns: &Columns,
    n_rows: usize,
    mut rows: File,
    nets: &[String],
    classes: &[u32],
) -> Result<()> {
    /// The header is padded to this many bytes, so that numbers are aligned.
    const ALIGNMENT: usize = 8;
    let (dtype, size) = if columns.wide { ("F64", 8) } else { ("F32", 4) };
    let end = n_rows * columns.numbers.len() * size;
    let mut metadata = json!({ "format": "pt", "nets": serde_json::to_string(nets)? });
    let shape = [n_rows, columns.numbers.len()];
    let mut header = json!({ columns.name: { "dtype": dtype, "shape": shape, "data_offsets": [0, end] } });
    if let Some(names) = &columns.classes {
        metadata["classes"] = serde_json::to_string(names)?.into();
        header["classes"] = json!({
            "dtype": "U32",
            "shape": [n_rows],
            "data_offsets": [end, end + size_of_val(classes)],
        });
    }
    header["__metadata__"] = metadata;
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');

    let mut file = AtomicFile::create(path)?;
    file.write(&(header.len() as u64).to_le_bytes())?;
    file.write(&header)?;
    rows.rewind()?;
    io::copy(&mut rows, &mut file)?;
    for class in classes {
        file.write(&class.to_le_bytes())?;
    }
    Ok(file.commit()?)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, safetensors};

    use super::*;

    fn written(
        name: &str,
        columns: &Columns,
        rows: &[(&str, Option<usize>, &[f64])],
    ) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let mut table = Table::create(&path, columns.clone()).unwrap();
        rows.iter().for_each(|(net, class, numbers)| table.row(net, *class, numbers).unwrap());
        assert!(!path.exists(), "a table appears when it is finished");
        table.finish().unwrap();
        (folder, path)
    }

    fn classes() -> Columns {
        Columns {
            name: "probabilities",
            numbers: ["cat", "a, b"].map(|name| format!("probability of {name}")).into(),
            classes: Some(["cat", "a, b"].map(str::to_owned).into()),
            wide: false,
        }
    }

    const ROWS: [(&str, Option<usize>, &[f64]); 2] =
        [("first \"net\"", Some(1), &[0.25, 0.75]), ("ünfte", Some(0), &[0.9, 0.1])];

    #[test]
    fn a_csv_quotes_names_and_has_a_column_for_each_number() {
        let (_folder, path) = written("t.csv", &classes(), &ROWS);
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            "net,class,probability of cat,\"probability of a, b\"\n\
             \"first \"\"net\"\"\",\"a, b\",0.25,0.75\nünfte,cat,0.9,0.1\n"
        );
    }

    #[test]
    fn a_line_of_json_names_the_probability_of_each_class() {
        let (_folder, path) = written("t.jsonl", &classes(), &ROWS);
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            "{\"net\":\"first \\\"net\\\"\",\"class\":\"a, b\",\"probabilities\":{\"cat\":0.25,\"a, b\":0.75}}\n\
             {\"net\":\"ünfte\",\"class\":\"cat\",\"probabilities\":{\"cat\":0.9,\"a, b\":0.1}}\n"
        );
        let score = Columns { name: "score", numbers: vec!["score".into()], classes: None, wide: true };
        let (_folder, path) = written("t.jsonl", &score, &[("a", None, &[1.7e9 + 0.25])]);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "{\"net\":\"a\",\"score\":1700000000.25}\n");
        let features = Columns { name: "features", numbers: vec!["f".into()], classes: None, wide: false };
        let (_folder, path) = written("t.jsonl", &features, &[("a", None, &[0.1])]);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "{\"net\":\"a\",\"features\":[0.1]}\n");
    }

    #[test]
    fn tensors_are_read_by_others_and_name_their_rows() {
        let (_folder, path) = written("t.safetensors", &classes(), &ROWS);
        let tensors = safetensors::load(&path, &Device::Cpu).unwrap();
        assert_eq!(tensors["probabilities"].to_vec2::<f32>().unwrap(), [[0.25, 0.75], [0.9, 0.1]]);
        assert_eq!(tensors["classes"].to_vec1::<u32>().unwrap(), [1, 0]);
        let tree = sgmn_data::containers::read(&path).unwrap();
        assert_eq!(tree.metadata["nets"], "[\"first \\\"net\\\"\",\"ünfte\"]");
        assert_eq!(tree.metadata["classes"], "[\"cat\",\"a, b\"]");
    }

    #[test]
    fn another_ending_is_refused() {
        let message = TableKind::of(Path::new("out.parquet")).unwrap_err().to_string();
        assert_eq!(
            message,
            "out.parquet: expected a name that ends with .csv, .jsonl or .safetensors, found another one"
        );
    }
}
