//! The SHA-256 of a file, read in pieces.

use std::{fs::File, io::Read, path::Path};

use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// Bytes read at a time: large enough that the system call costs nothing.
const CHUNK: usize = 1 << 20;

/// SHA-256 of the file at `path`, lower-case hexadecimal; `on_bytes` hears how many bytes have been read.
///
/// # Errors
/// The file cannot be read.
pub(super) fn sha256(path: &Path, on_bytes: &mut dyn FnMut(u64)) -> Result<String> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let mut digest = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut done = 0;
    loop {
        let n = file.read(&mut chunk).map_err(Error::io(path))?;
        if n == 0 {
            break;
        }
        digest.update(&chunk[..n]);
        done += n as u64;
        on_bytes(done);
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_abc_is_the_published_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let digest = sha256(&path, &mut |_| {}).unwrap();
        assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
