//! Nets of a person's own as data of a composition: they are looked at once, and what can be asked follows from them.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use rayon::prelude::*;
use sgmn_data::{Dataset, Error, FlowSample, Target, formats::Format, split::Split};
use sgmn_graph::{Lowering, NetSpec, Topology};
use toml::{Table, Value};

use crate::{
    config::{Data, DataPart, Files, NetKind, TaskKind},
    data::flows::{self, Ways},
};

/// Nets of a person's own.
#[derive(Debug)]
pub struct OwnNets {
    /// The nets as a part of a composition.
    pub data: DataPart,
    /// Where they are, as an experiment says it.
    pub files: Data,
    /// The folder from which that counts.
    pub data_dir: PathBuf,
    /// Their architectures.
    pub lowering: Lowering,
    /// The nets themselves.
    pub dataset: Dataset,
}

/// Opens a file or folder of nets and looks at every net that is in a split.
///
/// Classes are to be classified, numbers to be predicted: `predict` where all are in [0, 1], `regress` always. INRs can be
/// edited; how is not in the data, and has to be said. `data_dir` is the folder of the nets if it is left out.
///
/// # Errors
/// If the nets cannot be read or nothing can be asked about them, the path is not below `data_dir`, or `stop` was raised.
pub fn own(path: &Path, format: Format, data_dir: Option<&Path>, stop: &AtomicBool) -> Result<OwnNets> {
    let (data_dir, path) = place(path, data_dir)?;
    let name = name_of(&path);
    let files = Files { path, format };
    let data = Data::Files(files.clone());
    let dataset = super::open(&data, &data_dir, stop)?;
    let (targets, lowering) = look(&dataset, stop)?;
    let is_convolutional =
        |topology: &Arc<Topology>| topology.spec().is_ok_and(|spec| spec.is_convolutional());
    let nets = match lowering.topologies() {
        _ if dataset.source.has_flows() => NetKind::Any,
        topologies if topologies.iter().any(is_convolutional) => NetKind::Cnns,
        _ => NetKind::Perceptrons,
    };
    let tasks = tasks(&targets, dataset.classes.as_deref(), nets);
    if tasks.is_empty() {
        bail!(
            "{}: expected nets with classes or numbers, found none with any; --option labels=… says where they are",
            data_dir.join(&files.path).display()
        );
    }
    Ok(OwnNets { data: DataPart::own(name, &files, nets, tasks), files: data, data_dir, lowering, dataset })
}

/// The architectures of all nets that are in a split.
///
/// # Errors
/// If a net cannot be read, or `stop` was raised.
pub fn architectures(dataset: &Dataset, stop: &AtomicBool) -> Result<Lowering> {
    look(dataset, stop).map(|(_, lowering)| lowering)
}

/// The folder from which the path of the nets counts, and that path.
fn place(path: &Path, data_dir: Option<&Path>) -> Result<(PathBuf, String)> {
    let whole = path.canonicalize().with_context(|| path.display().to_string())?;
    let (folder, inner) = match data_dir {
        Some(folder) => {
            let above = folder.canonicalize().with_context(|| format!("--data-dir {}", folder.display()))?;
            let inner = whole.strip_prefix(&above).ok().filter(|inner| inner.file_name().is_some());
            let inner = inner.with_context(|| {
                format!("--data {}: expected nets below --data-dir {}", path.display(), folder.display())
            })?;
            (folder.to_owned(), inner.to_owned())
        }
        None => {
            let name = whole.file_name().with_context(|| format!("{}: expected a name", path.display()))?;
            let typed = path.file_name().filter(|typed| *typed == name).and_then(|_| path.parent());
            // As it was typed, where that is the place: messages then say what the person said.
            let folder = typed.or(whole.parent()).unwrap_or(Path::new("")).to_owned();
            (if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder }, PathBuf::from(name))
        }
    };
    let inner = inner.to_str().with_context(|| format!("{}: expected a path in UTF-8", inner.display()))?;
    Ok((folder, inner.replace('\\', "/")))
}

/// A word for nets in names of experiments: the name of their file or folder in the letters that these may have.
fn name_of(path: &str) -> String {
    let stem = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let letter = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') { c } else { '-' };
    let name: String = stem.chars().map(letter).collect();
    let name = name.trim_matches(['-', '.']);
    if name.is_empty() { "nets".to_owned() } else { name.to_owned() }
}

/// What is asked about every net that is in a split, and the architectures of these nets.
fn look(dataset: &Dataset, stop: &AtomicBool) -> Result<(Vec<Target>, Lowering)> {
    /// Nets that are in memory at once.
    const LOOKED_AT_ONCE: usize = 256;
    let items: Vec<usize> = Split::ALL.iter().flat_map(|split| dataset.splits.get(*split)).copied().collect();
    let (mut targets, mut specs) = (Vec::with_capacity(items.len()), Vec::<Arc<NetSpec>>::new());
    let ways = Ways::default();
    // The bar hides itself where nobody looks at a terminal.
    let bar = ProgressBar::new(items.len() as u64);
    for items in items.chunks(LOOKED_AT_ONCE) {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted.into());
        }
        if dataset.source.has_flows() {
            // One after the other, so that architectures are counted in the order of the nets.
            for &item in items {
                let FlowSample { id, net, target } = flows::sample(dataset.source.as_ref(), item)?;
                ways.of(net.flow()).context(id)?;
                targets.push(target);
            }
            bar.inc(items.len() as u64);
            continue;
        }
        let look = |&item: &usize| dataset.source.get(item).map(|sample| (sample.target, sample.net));
        let found: Vec<_> = items.par_iter().map(look).collect::<Result<_, _>>()?;
        for (target, net) in found {
            targets.push(target);
            if !specs.iter().any(|spec| Arc::ptr_eq(spec, net.spec()) || spec == net.spec()) {
                specs.push(net.spec().clone());
            }
        }
        bar.inc(items.len() as u64);
    }
    bar.finish_and_clear();
    let lowering = if dataset.source.has_flows() { ways.lowering()? } else { Lowering::new(&specs)? };
    Ok((targets, lowering))
}

/// What can be asked about nets with these targets.
fn tasks(targets: &[Target], classes: Option<&[String]>, nets: NetKind) -> Vec<(TaskKind, Table)> {
    let mut n_classes = 0;
    let mut scores = Vec::new();
    for target in targets {
        match target {
            Target::Class(class) => n_classes = n_classes.max(i64::from(*class) + 1),
            Target::Score(score) => scores.push(*score),
            Target::None => {}
        }
    }
    let mut tasks = Vec::new();
    if n_classes > 0 {
        let n_classes = classes.map_or(n_classes, |names| n_classes.max(names.len() as i64));
        tasks.push((TaskKind::Classify, vec![("n_classes", Value::Integer(n_classes))]));
    }
    if !scores.is_empty() {
        if scores.iter().all(|score| (0.0..=1.0).contains(score)) {
            tasks.push((TaskKind::Predict, Vec::new()));
        }
        tasks.push((TaskKind::Regress, Vec::new()));
    }
    if nets == NetKind::Perceptrons {
        tasks.push((TaskKind::Edit, Vec::new()));
    }
    let table = |(kind, settings): (TaskKind, Vec<(&str, Value)>)| {
        let settings = settings.into_iter().map(|(key, value)| (key.to_owned(), value));
        (kind, std::iter::once(("kind".to_owned(), Value::from(kind.name()))).chain(settings).collect())
    };
    tasks.into_iter().map(table).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_asked_follows_from_the_targets() {
        let kinds = |targets: &[Target], nets| -> Vec<TaskKind> {
            tasks(targets, None, nets).into_iter().map(|(kind, _)| kind).collect()
        };
        use TaskKind::{Classify, Edit, Predict, Regress};
        let [class, share, large] = [Target::Class(2), Target::Score(0.5), Target::Score(3.0)];
        assert_eq!(kinds(&[class, Target::None], NetKind::Cnns), [Classify]);
        assert_eq!(kinds(&[share], NetKind::Cnns), [Predict, Regress]);
        assert_eq!(kinds(&[share, large], NetKind::Perceptrons), [Regress, Edit]);
        assert!(kinds(&[Target::None], NetKind::Cnns).is_empty());
        let n_classes =
            |names: Option<&[String]>| tasks(&[class], names, NetKind::Cnns)[0].1["n_classes"].clone();
        assert_eq!(n_classes(None), Value::Integer(3));
        assert_eq!(n_classes(Some(&["a", "b", "c", "d"].map(str::to_owned))), Value::Integer(4));
    }

    #[test]
    fn nets_are_named_after_their_file() {
        for (path, name) in
            [("my.packed", "my"), ("a/my nets", "my-nets"), ("v1.2.packed", "v1.2"), ("网络", "nets")]
        {
            assert_eq!(name_of(path), name);
        }
    }

    #[test]
    fn paths_count_from_their_own_folder_or_from_the_one_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        assert_eq!(place(&inner, None).unwrap(), (folder.path().join("a"), "b".to_owned()));
        let found = place(&inner.join("../b"), Some(folder.path())).unwrap();
        assert_eq!(found, (folder.path().to_owned(), "a/b".to_owned()));
        let message = place(folder.path(), Some(&inner)).unwrap_err().to_string();
        assert!(message.contains("expected nets below --data-dir"), "{message}");
    }
}
