//! Files of Python's own `pickle.dump`: dictionaries of NumPy arrays, or of PyTorch's tensors, and what stood beside them.

use std::{collections::BTreeMap, path::Path};

use super::{
    pickle::{self, Built, Claim, Fault},
    tree::{Store, Tree},
};
use crate::{Error, Result, bytes::Shared};

/// Largest file; its numbers stand in the pickle, which is read as a whole.
const MAX_FILE: usize = 512 << 20;

/// Reads a file.
///
/// # Errors
/// [`Error::Format`] if it is damaged, too large, or has tensors whose numbers are elsewhere.
pub(super) fn read(bytes: &Shared, path: &Path) -> Result<Tree> {
    let len = bytes.as_ref().len();
    if len > MAX_FILE {
        let expected = format!("a pickle of at most {MAX_FILE} bytes; torch.save writes larger nets");
        return Err(Error::format(path, expected, len.to_string()));
    }
    let pickle = pickle::parse(bytes.as_ref()).map_err(|Fault { at, expected, found }| {
        Error::format(path, expected, format!("{found} at byte {at}"))
    })?;
    let mut store = Store::default();
    let mut resolve = |_: &mut Store, claim: &Claim| {
        Err(Error::format(path, format!("the storage {} in the file", claim.key), "none"))
    };
    let fault = |expected, found| Error::format(path, expected, found);
    let Built { root, attributes } = pickle::build(&pickle, &mut store, &mut resolve, &fault)?;
    Ok(Tree {
        root,
        metadata: BTreeMap::new(),
        attributes,
        container: "pickle",
        ordered: true,
        incomplete: None,
        path: path.to_owned(),
        store,
    })
}
