//! The files of a published folder: where its tensors stand, and the same folder with other numbers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    any_net::architecture::{
        fits,
        weights::{self, Numbers, Weights},
    },
    bytes::{atomic::AtomicFile, mmap::MappedFile},
    containers::{self, shards},
};

use super::sketch::Shapes;

/// The files of a net.
#[derive(Debug)]
pub(super) struct Files {
    /// Files that are copied: settings, and the index of several parts.
    plain: Vec<PathBuf>,
    /// The files of tensors.
    parts: Vec<PathBuf>,
}

/// Files of tensors that were read.
#[derive(Debug)]
pub(super) struct Opened {
    plain: Vec<PathBuf>,
    /// Each file, and for each tensor of it its place among the records of the net, if it has one.
    parts: Vec<(PathBuf, Weights, Vec<Option<usize>>)>,
}

impl Files {
    /// Finds the files beside settings: `STEM.safetensors`, or `STEM.safetensors.index.json` and what it names.
    ///
    /// # Errors
    /// Neither or both are there; a damaged index, or a part that is missing.
    pub(super) fn find(config: &Path, stem: &str) -> Result<Self> {
        let (single, index) = (
            config.with_file_name(format!("{stem}.safetensors")),
            config.with_file_name(format!("{stem}.safetensors.index.json")),
        );
        let expected = || {
            let file = format!("{stem}.safetensors");
            format!("{file} or {file}.index.json, one of both, beside {}", shown(config))
        };
        match (single.is_file(), index.is_file()) {
            (true, false) => Ok(Self { plain: vec![config.to_owned()], parts: vec![single] }),
            (false, true) => {
                let bytes = MappedFile::open(&index)?;
                let (parts, _) = shards::parts(bytes.bytes(), &index)?;
                let parts = parts.keys().map(|part| index.with_file_name(part)).collect();
                Ok(Self { plain: vec![config.to_owned(), index], parts })
            }
            (true, true) => Err(Error::format(config, expected(), "both")),
            (false, false) => Err(Error::format(config, expected(), "none")),
        }
    }

    /// What to name in messages about tensors.
    pub(super) fn named(&self) -> &Path {
        self.plain.get(1).unwrap_or(&self.parts[0])
    }

    /// Names and shapes of all tensors of real numbers, and names of all others; no number is read.
    ///
    /// # Errors
    /// A damaged file; a tensor that stands in two of them; one that is not where the index says.
    pub(super) fn shapes(&self, buffers: &[&str]) -> Result<(Shapes, BTreeSet<String>)> {
        let (mut shapes, mut others) = (Shapes::new(), BTreeSet::new());
        let listed = match self.plain.get(1) {
            Some(index) => shards::parts(MappedFile::open(index)?.bytes(), index)?.0,
            None => shards::Parts::new(),
        };
        for path in &self.parts {
            let tree = containers::read(path)?;
            let mut there = BTreeSet::new();
            for (name, tensor) in tree.tensors_under::<String>(&[])? {
                there.insert(name.to_owned());
                if buffers.iter().any(|pattern| fits(pattern, name)) {
                    continue;
                }
                let is_new = if tensor.element.is_real() {
                    shapes.insert(name.to_owned(), tensor.shape.clone()).is_none()
                } else {
                    others.insert(name.to_owned())
                };
                if !is_new {
                    return Err(Error::format(
                        path,
                        format!("the tensor {name:?} in one file"),
                        "two with it",
                    ));
                }
            }
            let part = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(missing) =
                listed.get(part).and_then(|names| names.iter().find(|name| !there.contains(*name)))
            {
                return Err(Error::format(
                    path,
                    format!("the tensor {missing:?}, as the index says"),
                    "none of that name",
                ));
            }
        }
        Ok((shapes, others))
    }

    /// Reads all numbers. The first names of the tensors in `same` stand for the second ones, too.
    ///
    /// # Errors
    /// A damaged file; two names of one tensor with different numbers.
    pub(super) fn read(self, buffers: &[&str], same: &[(String, String)]) -> Result<(Opened, Vec<Numbers>)> {
        let skipped = |name: &str| buffers.iter().any(|pattern| fits(pattern, name));
        let mut read = Vec::new();
        for path in self.parts {
            let (weights, _, numbers) = weights::read(&path, &[], &skipped)?;
            read.push((path, weights, numbers));
        }
        let second =
            |name: &str| same.iter().find(|(second, _)| second == name).map(|(_, first)| first.clone());
        let mut records: Vec<Numbers> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut seconds = Vec::new();
        let mut names = Vec::new();
        for (path, weights, numbers) in read {
            let of_part: Vec<String> = numbers.iter().map(|(name, _, _)| name.clone()).collect();
            for record in numbers {
                match second(&record.0) {
                    Some(first) => seconds.push((path.clone(), first, record)),
                    None => {
                        places.insert(record.0.clone(), records.len());
                        records.push(record);
                    }
                }
            }
            names.push((path, weights, of_part));
        }
        for (path, first, (name, shape, numbers)) in &seconds {
            let is_same = |at: &usize| (&records[*at].1, &records[*at].2) == (shape, numbers);
            if !places.get(first).is_some_and(is_same) {
                let expected =
                    format!("the numbers of {first:?} in {name:?} too, for the net has both as one tensor");
                return Err(Error::format(path, expected, "others"));
            }
        }
        let place = |name: &String| places.get(&second(name).unwrap_or_else(|| name.clone())).copied();
        let parts = names.into_iter().map(|(path, weights, names)| {
            let of_net = names.iter().map(place).collect();
            (path, weights, of_net)
        });
        Ok((Opened { plain: self.plain, parts: parts.collect() }, records))
    }
}

impl Opened {
    /// Writes a folder with the settings and the tensors, with other numbers. It appears when it is complete.
    ///
    /// # Errors
    /// [`Error::Io`]; a name that is taken or is that of a file of tensors; a number that its type cannot hold.
    pub(super) fn write(&self, numbers: &dyn Fn(usize) -> Option<Vec<f64>>, out: &Path) -> Result<()> {
        let expected = "the free name of a folder, for a net in a folder is written as one";
        if out.symlink_metadata().is_ok() {
            let found = if out.is_dir() { "a folder that is there" } else { "a file that is there" };
            return Err(Error::format(out, expected, found));
        }
        if out.extension().is_some_and(|ending| ending == "safetensors") {
            return Err(Error::format(out, expected, "the name of a file of tensors"));
        }
        let beside = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".writing-").suffix(".tmp");
        let folder = builder.tempdir_in(beside).map_err(Error::io(out))?;
        let to = |path: &Path| folder.path().join(path.file_name().unwrap_or_default());
        for path in &self.plain {
            let bytes = MappedFile::open(path)?;
            let mut file = AtomicFile::create(&to(path))?;
            file.write(bytes.bytes())?;
            file.commit()?;
        }
        for (path, weights, places) in &self.parts {
            let of_part = |i: usize| places[i].and_then(numbers);
            weights.write(&of_part, &to(path))?;
        }
        // Temporary folders are private by default; this one becomes an ordinary one.
        #[cfg(unix)]
        {
            let permissions: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(folder.path(), permissions).map_err(Error::io(out))?;
        }
        fs::rename(folder.path(), out).map_err(Error::io(out))?;
        // Nothing is left to be removed.
        drop(folder.keep());
        Ok(())
    }
}

fn shown(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
