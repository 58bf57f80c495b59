//! Brings the files of a dataset onto this machine, checks them, and unpacks what is packed.
//!
//! Nothing is left half-written: a download grows in a `.part` file that a later call continues, an archive is
//! unpacked beside its place, and both are renamed only when they are complete and their checksum is right.

mod checksum;
mod https;
mod hub;
#[cfg(test)]
mod loopback;
mod unpack;

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    manifest::{Manifest, Origin, RemoteFile},
};

/// Where to put data, and where the Hub is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Folder that holds one folder per dataset.
    pub data_dir: PathBuf,
    /// Address of the Hugging Face Hub or a mirror of it; absent: the public one.
    pub hub_endpoint: Option<String>,
}

/// What is happening, for a progress display; sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// Bytes of a file are on the disk.
    Downloaded {
        /// Path inside the dataset.
        file: &'a str,
        /// Bytes that are here, those of an earlier call included.
        bytes: u64,
        /// Bytes of the whole file, if the server or the manifest says so.
        total: Option<u64>,
    },
    /// Bytes have gone into the checksum.
    Checked {
        /// Path inside the dataset.
        file: &'a str,
        /// Bytes read.
        bytes: u64,
        /// Bytes of the whole file.
        total: u64,
    },
    /// Entries of an archive have been unpacked.
    Unpacked {
        /// Path inside the dataset.
        file: &'a str,
        /// Files and folders written.
        n_entries: u64,
    },
}

/// Receives the events of a call.
pub type Progress<'a> = dyn FnMut(Event<'_>) + 'a;

/// What was found about one file.
#[derive(Debug)]
pub enum State {
    /// It is here and has the manifest's checksum.
    Verified,
    /// It is here; the manifest knows no checksum to compare with.
    Unchecked {
        /// SHA-256 of the file, lower-case hexadecimal.
        sha256: String,
        /// Its length.
        size_bytes: u64,
    },
    /// What the archive unpacks to is here; the archive itself need not be.
    Unpacked {
        /// Files below the folder.
        n_files: u64,
    },
    /// It is not here.
    Missing,
    /// It is here and is not what the manifest describes.
    Wrong(Error),
}

/// One file of a dataset and its [`State`].
#[derive(Debug)]
pub struct Finding {
    /// Where the file is, or where it should be.
    pub path: PathBuf,
    /// What was found.
    pub state: State,
}

/// Fetches what is missing of a dataset; what is there is checked and kept.
///
/// Archives that a person placed by hand are unpacked like fetched ones, and a folder that is already unpacked is
/// left alone.
///
/// # Errors
/// [`Error::Unreachable`] says what could not be reached and how to place the files by hand; [`Error::Checksum`]
/// and [`Error::Format`] name a file that is not what the manifest describes; [`Error::Io`] for the disk, a full
/// one included. Bytes that have arrived stay for the next call.
pub fn fetch(manifest: &Manifest, places: &Places, progress: &mut Progress<'_>) -> Result<Vec<Finding>> {
    let folder = manifest.folder(&places.data_dir);
    if !manifest.is_embedded() {
        fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
    }
    let mut findings = Vec::new();
    for file in &manifest.files {
        let path = folder.join(&file.path);
        if created(file, &folder).is_some_and(|created| created.exists()) {
            findings.push(find(file, &folder, progress));
            continue;
        }
        if !path.exists() {
            download(manifest, file, &path, places, progress)?;
        }
        let state = examine(file, &path, progress)?;
        if let (Some(kind), Some(creates)) = (file.unpack, &file.creates) {
            unpack::unpack(kind, &path, &folder, creates, &mut |n_entries| {
                progress(Event::Unpacked { file: &file.path, n_entries });
            })?;
        }
        findings.push(Finding { path, state });
    }
    Ok(findings)
}

/// Looks at every file of a dataset without touching the network.
pub fn verify(manifest: &Manifest, places: &Places, progress: &mut Progress<'_>) -> Vec<Finding> {
    let folder = manifest.folder(&places.data_dir);
    manifest.files.iter().map(|file| find(file, &folder, progress)).collect()
}

/// Whether every file of a dataset is there, by name only: nothing is read.
pub fn is_present(manifest: &Manifest, places: &Places) -> bool {
    let folder = manifest.folder(&places.data_dir);
    manifest.files.iter().all(|file| {
        folder.join(&file.path).exists() || created(file, &folder).is_some_and(|created| created.exists())
    })
}

/// The sentence that tells a person how to do without the network.
pub fn by_hand(manifest: &Manifest, places: &Places) -> String {
    let folder = manifest.folder(&places.data_dir);
    format!("to place the files by hand, {} into {}", manifest.by_hand.trim(), folder.display())
}

fn created(file: &RemoteFile, folder: &Path) -> Option<PathBuf> {
    file.creates.as_ref().map(|creates| folder.join(creates))
}

fn find(file: &RemoteFile, folder: &Path, progress: &mut Progress<'_>) -> Finding {
    let path = folder.join(&file.path);
    if path.exists() {
        let state = examine(file, &path, progress).unwrap_or_else(State::Wrong);
        return Finding { path, state };
    }
    match created(file, folder).filter(|created| created.exists()) {
        None => Finding { path, state: State::Missing },
        Some(created) => match count_files(&created) {
            Ok(n_files) => Finding { path: created, state: State::Unpacked { n_files } },
            Err(error) => Finding { path: created, state: State::Wrong(error) },
        },
    }
}

/// Compares a file that is here with what the manifest knows of it.
fn examine(file: &RemoteFile, path: &Path, progress: &mut Progress<'_>) -> Result<State> {
    let size_bytes = fs::metadata(path).map_err(Error::io(path))?.len();
    if let Some(expected) = file.size_bytes.filter(|&expected| expected != size_bytes) {
        return Err(Error::format(path, format!("{expected} bytes"), format!("{size_bytes} bytes")));
    }
    let sha256 = checksum::sha256(path, &mut |bytes| {
        progress(Event::Checked { file: &file.path, bytes, total: size_bytes });
    })?;
    match &file.sha256 {
        None => Ok(State::Unchecked { sha256, size_bytes }),
        Some(expected) if *expected == sha256 => Ok(State::Verified),
        Some(expected) => {
            Err(Error::Checksum { path: path.into(), expected: expected.clone(), found: sha256 })
        }
    }
}

fn count_files(folder: &Path) -> Result<u64> {
    if !folder.is_dir() {
        return Ok(1);
    }
    let mut n_files = 0;
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::io(&folder))? {
            let entry = entry.map_err(Error::io(&folder))?;
            match entry.file_type().map_err(Error::io(entry.path()))?.is_dir() {
                true => open.push(entry.path()),
                false => n_files += 1,
            }
        }
    }
    Ok(n_files)
}

/// Tries the addresses of one file in turn until one gives the file.
fn download(
    manifest: &Manifest,
    file: &RemoteFile,
    path: &Path,
    places: &Places,
    progress: &mut Progress<'_>,
) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::io(parent))?;
    }
    let unreachable = |what: &str, why: String| Error::Unreachable {
        what: what.into(),
        why,
        remedy: by_hand(manifest, places),
    };
    let mut on_bytes = |bytes, total| progress(Event::Downloaded { file: &file.path, bytes, total });
    let mut sources = Vec::new();
    match &file.origin {
        Origin::Embedded {} => {
            let expected = "a file of this project; restore it from version control";
            return Err(Error::format(path, expected, "nothing"));
        }
        Origin::Https { urls } => sources.extend(urls.iter().map(|url| https::Source {
            url: url.clone(),
            size_bytes: file.size_bytes,
            sha256: file.sha256.clone(),
        })),
        Origin::Hub { repo, revision, path: inner } => {
            let located = hub::locate(places.hub_endpoint.as_deref(), repo, revision, inner)
                .map_err(|why| unreachable(&format!("{inner} in {repo} on the Hugging Face Hub"), why))?;
            sources.push(https::Source {
                url: located.url,
                size_bytes: Some(file.size_bytes.unwrap_or(located.size_bytes)),
                sha256: file.sha256.clone().or(located.sha256),
            });
        }
    }
    let mut last = Ok(());
    for source in &sources {
        last = match https::download(source, path, &mut on_bytes) {
            Ok(()) => return Ok(()),
            Err(https::Failure::Network(why)) => Err(unreachable(&source.url, why)),
            // A mirror may hold what the first address no longer does.
            Err(https::Failure::Content(error)) => Err(error),
            Err(https::Failure::Disk(error)) => return Err(error),
        };
    }
    last
}

#[cfg(test)]
mod tests;
