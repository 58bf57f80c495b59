//! Which nets of a folder are for training, validation and test: said in a file, a column or the folders' names, or drawn.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{files::File, listed::Rows};
use crate::{
    Error, Result, Target,
    beside::names::{Found, Names},
    split::{self, Draw, Split, SplitFile, Splits},
};

/// File with the split, beside the nets.
pub(super) const SPLIT_FILE: &str = "splits.json";
/// Column with the split, in the table of labels.
const SPLIT_COLUMN: &str = "split";

/// Where the split comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
#[non_exhaustive]
pub enum SplitSource {
    /// A JSON file; a relative path counts from the folder of the nets: `"splits.json"`.
    File(PathBuf),
    /// A column of the table of labels, with words such as `train`: `{ column = "split" }`.
    Column(String),
    /// The folders directly below the whole: `"folders"`.
    Folders,
    /// A seed: `{ seed = 0, shares = [0.8, 0.1] }`.
    Draw(Draw),
    /// Nowhere: no net is in a split: `"none"`.
    None,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Word(String),
    Column(WrittenColumn),
    Draw(Draw),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenColumn {
    column: String,
}

impl TryFrom<Written> for SplitSource {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Column(WrittenColumn { column }) => Ok(Self::Column(column)),
            Written::Draw(draw) => Ok(Self::Draw(draw)),
            Written::Word(word) => match word.as_str() {
                "folders" => Ok(Self::Folders),
                "none" => Ok(Self::None),
                file if file.to_lowercase().ends_with(".json") => Ok(Self::File(file.into())),
                _ => Err(format!(
                    "split: expected \"FILE.json\", \"folders\", \"none\", {{ column = \"COLUMN\" }} or {{ seed = 0, shares = [0.8, 0.1] }}, \
                     found {word:?}"
                )),
            },
        }
    }
}

impl From<SplitSource> for Written {
    fn from(source: SplitSource) -> Self {
        match source {
            SplitSource::File(path) => Self::Word(path.to_string_lossy().into_owned()),
            SplitSource::Column(column) => Self::Column(WrittenColumn { column }),
            SplitSource::Folders => Self::Word("folders".into()),
            SplitSource::Draw(draw) => Self::Draw(draw),
            SplitSource::None => Self::Word("none".into()),
        }
    }
}

/// What the split is taken from.
pub(super) struct Nets<'a> {
    pub(super) root: &'a Path,
    pub(super) files: &'a [File],
    pub(super) targets: &'a [Target],
    pub(super) table: Option<&'a Rows>,
}

/// The split that was asked for; without one that of [`SPLIT_FILE`], of the folders, of the column `split`, or one that
/// is drawn, whichever is there first. All but the first are noted.
///
/// # Errors
/// [`Error::Format`] for a file or a column with other words, or nets that are not there.
pub(super) fn splits(
    asked: Option<&SplitSource>,
    nets: &Nets<'_>,
    notes: &mut Vec<String>,
) -> Result<Splits> {
    let splits = match asked {
        Some(SplitSource::None) => return Ok(Splits::default()),
        Some(SplitSource::File(path)) => of_file(&nets.root.join(path), nets.files, notes)?,
        Some(SplitSource::Column(column)) => of_column(column, nets.table)?,
        Some(SplitSource::Folders) => of_folders(nets)?,
        Some(SplitSource::Draw(draw)) => drawn(draw, nets.targets)?,
        None => unasked(nets, notes)?,
    };
    let n_unused = nets.files.len() - Split::ALL.iter().map(|split| splits.get(*split).len()).sum::<usize>();
    if n_unused > 0 {
        notes.push(format!("{n_unused} net(s) in no split"));
    }
    Ok(splits)
}

/// The split that the folder of a net says, if it does.
pub(super) fn folder_split(name: &str) -> Option<Split> {
    Split::from_word(name.split_once('/')?.0)
}

fn unasked(nets: &Nets<'_>, notes: &mut Vec<String>) -> Result<Splits> {
    let file = nets.root.join(SPLIT_FILE);
    if file.is_file() {
        return of_file(&file, nets.files, notes);
    }
    let folders: Vec<Option<Split>> = nets.files.iter().map(|file| folder_split(&file.name)).collect();
    if folders.iter().all(Option::is_some) && folders.iter().any(|split| *split != folders[0]) {
        notes.push("the split is that of the folders' names".to_owned());
        return of_folders(nets);
    }
    if nets.table.is_some_and(|rows| rows.table.find(SPLIT_COLUMN).is_some()) {
        notes.push(format!("the split is that of the column {SPLIT_COLUMN:?}"));
        return of_column(SPLIT_COLUMN, nets.table);
    }
    notes.push(Draw::default().note("no split is said"));
    drawn(&Draw::default(), nets.targets)
}

/// Nets without a target are drawn only if no net has one: nobody can learn from them.
fn drawn(draw: &Draw, targets: &[Target]) -> Result<Splits> {
    let usable: Vec<usize> = (0..targets.len()).filter(|&i| targets[i] != Target::None).collect();
    if usable.is_empty() {
        return draw.splits(targets);
    }
    let mut splits = draw.splits(&usable.iter().map(|&i| targets[i]).collect::<Vec<_>>())?;
    for positions in [&mut splits.train, &mut splits.val, &mut splits.test] {
        positions.iter_mut().for_each(|position| *position = usable[*position]);
    }
    Ok(splits)
}

fn of_file(path: &Path, files: &[File], notes: &mut Vec<String>) -> Result<Splits> {
    let names = Names::new(files.iter().map(|file| (file.name.as_str(), file.ended.as_str())));
    let SplitFile { entries, notes: found } = split::read_json(path)?;
    notes.extend(found);
    let mut splits = Splits::default();
    let mut taken: Vec<Option<Split>> = vec![None; files.len()];
    for (split, entry) in entries {
        let written = || format!("{:?} in {}", entry.name, split.name());
        let i = match names.find(&entry.name) {
            Found::One(i) => i,
            Found::None => {
                return Err(Error::format(
                    path,
                    "names of files in this folder, with their ending or without",
                    written(),
                ));
            }
            Found::Several(a, b) => {
                let found = format!("{}, which may be {} or {}", written(), files[a].ended, files[b].ended);
                return Err(Error::format(path, "names of one net each", found));
            }
        };
        if let Some(before) = taken[i].replace(split) {
            let found = format!("{}, {} again, already in {}", written(), files[i].ended, before.name());
            return Err(Error::format(path, "every net in at most one split, once", found));
        }
        splits.push(split, i);
    }
    Ok(splits)
}

fn of_column(column: &str, table: Option<&Rows>) -> Result<Splits> {
    let Some(rows) = table else {
        return Err(Error::Config {
            field: "split.column".to_owned(),
            expected: "labels from a table, which has the column".to_owned(),
            found: format!("{column:?}, and no table"),
        });
    };
    let place = rows.table.column(column)?;
    let split = |cell: Option<&str>| match cell {
        None | Some("") => Ok(None),
        Some(word) => Split::from_word(word).map(Some).ok_or_else(|| {
            let expected = format!("words such as train, val and test in the column {column:?}");
            Error::format(rows.table.path(), expected, format!("{word:?}"))
        }),
    };
    Ok(Splits::from_assignment(rows.cells(place).map(split).collect::<Result<Vec<_>>>()?))
}

fn of_folders(nets: &Nets<'_>) -> Result<Splits> {
    let split = |file: &File| {
        folder_split(&file.name).map(Some).ok_or_else(|| {
            Error::format(
                nets.root,
                "every net below a folder train, val or test",
                file.path.display().to_string(),
            )
        })
    };
    Ok(Splits::from_assignment(nets.files.iter().map(split).collect::<Result<Vec<_>>>()?))
}
