//! Where nets go: a packed file, one safetensors file, or a folder of them, as the ending of the path says.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use sgmn_data::{
    Dataset, FlowSample, Sample, Source,
    formats::{flows, folder, packed},
    skip::{self, Skipped},
    split::Splits,
};

/// Where nets are written.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Destination {
    /// What to write: NAME.packed, NAME.safetensors for one net, or a new folder for a safetensors file a net
    #[arg(value_name = "OUT")]
    path: PathBuf,
    /// Replace the file OUT if it exists; not for a folder, which must be new or empty
    #[arg(long)]
    force: bool,
}

/// Refuses a path where something stands already, unless it may be replaced.
pub(crate) fn refuse_existing(path: &Path, force: bool) -> Result<()> {
    if path.exists() && !force {
        bail!("{}: expected nothing there yet, found something; --force replaces it", path.display());
    }
    Ok(())
}

/// Makes the folder in which a path will stand.
pub(crate) fn make_parent(path: &Path) -> Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => std::fs::create_dir_all(parent).with_context(|| parent.display().to_string()),
        None => Ok(()),
    }
}

/// Refuses a folder that holds something, and to force it: what it holds would be mixed with the nets, or lost.
pub(crate) fn refuse_full_folder(path: &Path, force: bool) -> Result<()> {
    let shown = path.display();
    if force {
        bail!("{shown}: expected no --force, since a folder of nets must be new or empty, found it");
    }
    if path.is_dir() {
        let mut entries = std::fs::read_dir(path).with_context(|| shown.to_string())?;
        if entries.next().is_some() {
            bail!("{shown}: expected a new or empty folder, found one that holds something");
        }
    } else if path.exists() {
        bail!("{shown}: expected nothing there yet, or an empty folder, found a file");
    }
    Ok(())
}

/// Says which nets were left out, and lists them with their reasons in a file beside what was written.
pub(crate) fn list_left_out(beside: &Path, left_out: &[Skipped], out: &mut impl Write) -> Result<()> {
    let Some(note) = skip::note(left_out) else { return Ok(()) };
    let mut list = beside.to_owned().into_os_string();
    list.push(".skipped.csv");
    let list = PathBuf::from(list);
    skip::write_skipped(&list, left_out)?;
    writeln!(out, "{note}; all of them: {}", list.display())?;
    Ok(())
}

impl Destination {
    /// The same as the command line would say.
    pub(crate) fn at(path: &Path, force: bool) -> Self {
        Self { path: path.to_owned(), force }
    }

    /// Refuses many nets where one file holds one.
    pub(crate) fn takes_many(&self) -> Result<()> {
        if self.ending() == "safetensors" {
            let path = self.path.display();
            bail!("{path}: expected NAME.packed or a folder for a dataset, found the name of one net");
        }
        Ok(())
    }

    /// Whether the nets go into a packed file.
    pub(crate) fn is_packed(&self) -> bool {
        self.ending() == "packed"
    }

    /// The path of one file, where nothing may stand yet unless it may be replaced.
    pub(crate) fn file(&self) -> Result<&Path> {
        if self.path.is_dir() {
            bail!("{}: expected the name of a file, found a folder", self.path.display());
        }
        refuse_existing(&self.path, self.force)?;
        Ok(&self.path)
    }

    /// The paths of one net of any architecture: NAME.safetensors, and NAME.toml for its architecture.
    pub(crate) fn described_net(&self) -> Result<(&Path, PathBuf)> {
        if self.ending() != "safetensors" {
            bail!("{}: expected NAME.safetensors for one net, found another name", self.path.display());
        }
        let architecture = self.path.with_extension("toml");
        refuse_existing(&architecture, self.force)?;
        Ok((self.file()?, architecture))
    }

    /// Checks what can be checked before the work.
    pub(crate) fn validate(&self) -> Result<()> {
        if self.path.is_dir() || !matches!(self.ending(), "packed" | "safetensors") {
            return refuse_full_folder(&self.path, self.force);
        }
        refuse_existing(&self.path, self.force)
    }

    /// Writes one net.
    pub(crate) fn write_net(
        &self,
        sample: Sample,
        origin: BTreeMap<String, String>,
        out: &mut impl Write,
    ) -> Result<()> {
        if self.ending() == "safetensors" {
            folder::write_net(&self.path, &sample)?;
            writeln!(out, "wrote {}", self.path.display())?;
            return Ok(());
        }
        self.write_dataset(&Dataset::new(OneNet(sample), Splits::default()), origin, out)
    }

    /// Writes all nets of a dataset; `origin` is kept where the form has room for it.
    pub(crate) fn write_dataset(
        &self,
        dataset: &Dataset,
        origin: BTreeMap<String, String>,
        out: &mut impl Write,
    ) -> Result<()> {
        let n_nets = dataset.source.len();
        let mut left_out = Vec::new();
        // The bar hides itself where nobody looks at a terminal.
        let bar = ProgressBar::new(n_nets as u64);
        let progress = |n_done: usize, _: usize| bar.set_position(n_done as u64);
        let path = self.path.display();
        match self.ending() {
            "safetensors" => self.takes_many()?,
            "packed" => {
                let (to, stop) = (&self.path, &AtomicBool::new(false));
                let packed::Packed { n_items, n_rounded, skipped } = match dataset.source.has_flows() {
                    true => flows::pack(dataset, to, origin, progress, stop)?,
                    false => packed::pack(dataset, to, origin, progress, stop)?,
                };
                bar.finish_and_clear();
                write!(out, "wrote {n_items} nets into {path}")?;
                if n_rounded > 0 {
                    write!(out, "; {n_rounded} parameters were rounded to f32")?;
                }
                writeln!(out)?;
                left_out = skipped;
            }
            _ if dataset.source.has_flows() => {
                bail!("{path}: expected NAME.packed for nets with their graphs, found another name")
            }
            _ => {
                left_out.extend(self.write_folder(dataset, progress)?);
                bar.finish_and_clear();
                writeln!(out, "wrote {} nets into the folder {path}", n_nets - left_out.len())?;
            }
        }
        list_left_out(&self.path, &left_out, out)
    }

    /// The nets are written aside and moved as a whole: a folder with some of them would look like a smaller dataset.
    fn write_folder(&self, dataset: &Dataset, progress: impl FnMut(usize, usize)) -> Result<Vec<Skipped>> {
        let context = || self.path.display().to_string();
        let parent =
            self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let aside = tempfile::Builder::new().prefix(".writing-").tempdir_in(parent).with_context(context)?;
        let nets = aside.path().join("nets");
        let skipped = folder::write(dataset, &nets, progress)?;
        std::fs::rename(&nets, &self.path).with_context(context)?;
        Ok(skipped)
    }

    fn ending(&self) -> &str {
        self.path.extension().and_then(|ending| ending.to_str()).unwrap_or_default()
    }
}

/// A dataset of one net of any architecture.
pub(crate) struct OneFlow(pub(crate) FlowSample);

impl Source for OneFlow {
    fn len(&self) -> usize {
        1
    }

    fn get(&self, _: usize) -> sgmn_data::Result<Sample> {
        Err(sgmn_data::Error::format(&self.0.id, "a chain of layers", "a net with a graph of operations"))
    }

    fn name(&self, _: usize) -> String {
        self.0.id.clone()
    }

    fn flow(&self, _: usize) -> sgmn_data::Result<Option<FlowSample>> {
        Ok(Some(self.0.clone()))
    }

    fn has_flows(&self) -> bool {
        true
    }
}

/// A dataset of one net.
pub(crate) struct OneNet(pub(crate) Sample);

impl Source for OneNet {
    fn len(&self) -> usize {
        1
    }

    fn get(&self, _: usize) -> sgmn_data::Result<Sample> {
        Ok(self.0.clone())
    }

    fn name(&self, _: usize) -> String {
        self.0.id.clone()
    }
}
