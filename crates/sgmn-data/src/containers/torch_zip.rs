//! PyTorch's zip archives (`.pt`, `.pth`, `.bin`, `.ckpt`), of `torch.save` and of TorchScript.
//!
//! ```text
//! NAME/data.pkl          the values; tensors name storages      NAME/data/0, 1, ...    their numbers
//! NAME/byteorder         "little", where it is written          NAME/constants.pkl     of scripted modules, and code/
//! ```
//!
//! No code in an archive is ever run. Everything it claims (sizes, shapes, nesting) is checked against what is there
//! before memory is taken for it.

use std::{collections::BTreeMap, path::Path};

use super::{
    pickle::{self, Built, Claim, Fault, MAX_PICKLE},
    tree::{Place, Store, Tree},
    value::Key,
};
use crate::{Error, Result, bytes::zip_entries::Entries};

/// The folder inside of an archive that holds everything, with its slash, if the archive is one of PyTorch.
///
/// # Errors
/// [`Error::Format`] if there are several.
pub(super) fn folder(entries: &Entries, path: &Path) -> Result<Option<String>> {
    match entries.folder_of("data.pkl") {
        (_, true) => Err(Error::format(path, "an archive with one data.pkl in one folder", "several")),
        (folder, false) => Ok(folder.filter(|folder| folder.len() > 1)),
    }
}

/// Reads an archive whose values stand in `folder`.
///
/// # Errors
/// [`Error::Format`] if it is damaged, or has its numbers in the other byte order.
pub(super) fn read(mut entries: Entries, folder: &str, path: &Path) -> Result<Tree> {
    let order = format!("{folder}byteorder");
    if entries.contains(&order) {
        let order = entries.read(&order, 16)?;
        if order != b"little" {
            let found = format!("{:?}", order.escape_ascii().to_string());
            return Err(Error::format(path, "numbers in byte order \"little\"", found));
        }
    }
    let mut store = Store::default();
    let Built { root, mut attributes } = values(&mut entries, &mut store, path, folder, "data")?;
    let is_script = entries.contains(&format!("{folder}constants.pkl"));
    if is_script {
        let constants = values(&mut entries, &mut store, path, folder, "constants")?;
        attributes.push((vec![Key::Other("constants".to_owned())], constants.root));
    }
    Ok(Tree {
        root,
        metadata: BTreeMap::new(),
        attributes,
        container: if is_script { "TorchScript archive" } else { "PyTorch archive" },
        ordered: true,
        incomplete: None,
        path: path.to_owned(),
        store,
    })
}

/// The values of one pickle, whose storages stand in the folder of its name.
fn values(entries: &mut Entries, store: &mut Store, path: &Path, folder: &str, name: &str) -> Result<Built> {
    let bytes = entries.read(&format!("{folder}{name}.pkl"), MAX_PICKLE)?;
    let pickle = pickle::parse(&bytes).map_err(|Fault { at, expected, found }| {
        let found = format!("{found} at byte {at} of {folder}{name}.pkl");
        Error::format(path, expected, found)
    })?;
    let mut resolve = |store: &mut Store, claim: &Claim| {
        let entry = format!("{folder}{name}/{}", claim.key);
        let found = entries.find(&entry, u64::MAX)?;
        Ok(store.push(Place::Entry(entries.bytes().clone(), found), entry))
    };
    let fault = |expected, found| Error::format(path, expected, format!("{found} in {folder}{name}.pkl"));
    pickle::build(&pickle, store, &mut resolve, &fault)
}
