//! Files that are known but not read here, each with the line that helps.

/// A kind of file by its first bytes, what it is, and what to do.
struct Stranger {
    is: fn(&[u8]) -> bool,
    what: &'static str,
    help: &'static str,
}

const STRANGERS: &[Stranger] = &[
    Stranger { is: <[u8]>::is_empty, what: "an empty file", help: "write or download it again" },
    Stranger {
        is: |start| start.starts_with(b"version https://git-lfs"),
        what: "a pointer of Git LFS, which stands for a file that was not downloaded",
        help: "run `git lfs pull` in its folder",
    },
    Stranger {
        is: |start| {
            let text = start.trim_ascii_start().get(..14).unwrap_or_default().to_ascii_lowercase();
            text.starts_with(b"<!doctype html") || text.starts_with(b"<html")
        },
        what: "a web page",
        help: "download the file itself",
    },
    Stranger {
        is: |start| start.get(512..520) == Some(super::hdf5::START),
        what: "HDF5 behind something else",
        help: HDF5_HELP,
    },
    Stranger {
        is: |start| start.starts_with(b"GGUF"),
        what: "GGUF",
        help: "bring the safetensors it was made from",
    },
    Stranger {
        is: |start| start.get(4..8) == Some(b"TFL3"),
        what: "TensorFlow Lite",
        help: "bring the Keras file it was made from",
    },
    Stranger {
        is: is_tar,
        what: "a tar archive, perhaps of PyTorch 0.1",
        help: "unpack it, or load it in PyTorch and save it again",
    },
    Stranger {
        is: |start| {
            [&b"\x1f\x8b"[..], b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"BZh", b"7z\xbc\xaf"]
                .iter()
                .any(|magic| start.starts_with(magic))
        },
        what: "a compressed file",
        help: "unpack it",
    },
    Stranger {
        // A map of MessagePack whose first key is a text.
        is: |start| {
            let text = |at: usize| matches!(start.get(at), Some(0xa1..=0xbf | 0xd9));
            match start.first() {
                Some(0x81..=0x8f) => text(1),
                Some(0xde) => text(3),
                Some(0xdf) => text(5),
                _ => false,
            }
        },
        what: "MessagePack, as Flax writes it",
        help: "in Python: `from safetensors.flax import save_file; from flax.traverse_util import flatten_dict`, then \
               `save_file(flatten_dict(params, sep='.'), 'net.safetensors')`",
    },
    Stranger {
        is: |start| {
            let text = start.trim_ascii_start();
            text.starts_with(b"{") || text.starts_with(b"[")
        },
        what: "JSON that names no tensors",
        help: "bring the file of the weights",
    },
    Stranger {
        is: |start| start.starts_with(b"PK\x05\x06"),
        what: "an empty zip archive",
        help: "write or download it again",
    },
];

/// How to make a file of HDF5 readable, in two lines.
pub(super) const HDF5_HELP: &str = "in Python: `import h5py, safetensors.numpy as s; d = {}`, then \
     `h5py.File(FILE).visititems(lambda n, v: d.update({n.replace('/', '.'): v[...]}) if hasattr(v, 'dtype') else None); \
     s.save_file(d, 'net.safetensors')`";

/// Whether bytes begin with a header of tar: by its word, or where older ones have none by its checksum.
fn is_tar(start: &[u8]) -> bool {
    const CHECKSUM: std::ops::Range<usize> = 148..156;
    if start.get(257..262) == Some(b"ustar") {
        return true;
    }
    let Some(header) = start.get(..512) else { return false };
    let octal = header[CHECKSUM].trim_ascii_start();
    let n_digits = octal.iter().take_while(|digit| matches!(digit, b'0'..=b'7')).count();
    let stored =
        std::str::from_utf8(&octal[..n_digits]).ok().and_then(|text| u32::from_str_radix(text, 8).ok());
    // The checksum counts itself as blanks.
    let others = header.iter().enumerate().filter(|(i, _)| !CHECKSUM.contains(i));
    let sum = others.map(|(_, &byte)| u32::from(byte)).sum::<u32>() + 8 * u32::from(b' ');
    stored == Some(sum)
}

/// What a file is that is not read here, and what to do about it, in one line.
pub(super) fn describe(start: &[u8]) -> Option<String> {
    let stranger = STRANGERS.iter().find(|stranger| (stranger.is)(start))?;
    Some(format!("{}; {}", stranger.what, stranger.help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_archives_of_tar_are_known_by_their_checksum() {
        let mut header = vec![0; 512];
        header[..7].copy_from_slice(b"net.pth");
        let sum = b"net.pth".iter().map(|&byte| u32::from(byte)).sum::<u32>() + 8 * 32;
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        assert!(is_tar(&header));
        header[0] += 1;
        assert!(!is_tar(&header) && !is_tar(&header[..511]) && !is_tar(&[0; 512]));
    }
}
