//! Archives as people make them, and as an attacker would.

use std::{fs, io::Write, path::PathBuf};

use tempfile::TempDir;

use super::{Unpack, unpack};
use crate::Result;

/// Unpacks `archive`, which should create the folder `nets`, in a fresh folder.
fn run(kind: Unpack, archive: &[u8]) -> (TempDir, Result<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive");
    fs::write(&path, archive).unwrap();
    let result = unpack(kind, &path, folder.path(), "nets", &mut |_| {});
    let nets = folder.path().join("nets");
    (folder, result.map(|()| nets))
}

/// The message of an archive that must be refused; checks that nothing but the archive is left.
fn refused(kind: Unpack, archive: &[u8]) -> String {
    let (folder, result) = run(kind, archive);
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "something was left behind");
    result.unwrap_err().to_string()
}

/// A tar archive whose entries have any name, type and announced size.
fn tar(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name("/etc/hostname").unwrap();
        }
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

use tar::EntryType::{
    Directory, Fifo, GNULongLink, GNULongName, Link, Regular, Symlink, XGlobalHeader, XHeader,
};

#[test]
fn plain_tar_and_tar_gz_unpack() {
    let archive =
        tar(&[("nets/", Directory, b""), ("./nets/a", Regular, b"a"), ("nets/b/c", Regular, b"bc")]);
    let (_folder, nets) = run(Unpack::Tar, &archive);
    let nets = nets.unwrap();
    assert_eq!(
        (fs::read(nets.join("a")).unwrap(), fs::read(nets.join("b/c")).unwrap()),
        (b"a".to_vec(), b"bc".to_vec())
    );

    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&archive).unwrap();
    let (_folder, nets) = run(Unpack::TarGz, &gz.finish().unwrap());
    assert_eq!(fs::read(nets.unwrap().join("b/c")).unwrap(), b"bc");
}

#[test]
fn an_archive_of_gnu_tar_and_xz_unpacks() {
    // Made with: mkdir nets; printf weights > nets/a; tar cf - nets | xz -9
    let archive = include_bytes!("../../../testdata/fetch/nets.tar.xz");
    let (_folder, nets) = run(Unpack::TarXz, archive);
    assert_eq!(fs::read(nets.unwrap().join("a")).unwrap(), b"weights");
    for n in [0, 5, 40, archive.len() / 2, archive.len() - 1] {
        refused(Unpack::TarXz, &archive[..n]);
    }
}

#[test]
fn an_entry_that_leaves_the_folder_is_refused() {
    for name in ["../evil", "nets/../../evil", "/tmp/evil"] {
        let message = refused(Unpack::Tar, &tar(&[("nets/a", Regular, b"a"), (name, Regular, b"x")]));
        assert!(message.contains("evil") && message.contains("leaves"), "{message}");
    }
}

#[test]
fn links_and_devices_are_refused() {
    for kind in [Symlink, Link, Fifo] {
        let message = refused(Unpack::Tar, &tar(&[("nets/a", Regular, b"a"), ("nets/b", kind, b"")]));
        assert!(message.contains("nets/b"), "{message}");
    }
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.add_symlink("nets/b", "/etc/hostname", zip::write::SimpleFileOptions::default()).unwrap();
    let message = refused(Unpack::Zip, &zip.finish().unwrap().into_inner());
    assert!(message.contains("link"), "{message}");
}

#[test]
fn long_names_are_read_and_endless_ones_refused() {
    let name = format!("nets/{}", "long/".repeat(100) + "a");
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    builder.append_data(&mut header, &name, &b"a"[..]).unwrap();
    let (folder, result) = run(Unpack::Tar, &builder.into_inner().unwrap());
    result.unwrap();
    assert_eq!(fs::read(folder.path().join(name)).unwrap(), b"a");

    let endless = vec![b'x'; 4 << 20];
    for kind in [GNULongName, GNULongLink, XHeader, XGlobalHeader] {
        let entries =
            [("nets/a", Regular, &endless[..]), ("name", kind, &endless), ("nets/b", Regular, b"b")];
        let message = refused(Unpack::Tar, &tar(&entries));
        assert!(message.contains("names and attributes"), "{kind:?}: {message:.300}");
    }
}

#[test]
fn a_name_that_comes_twice_is_refused() {
    let message = refused(Unpack::Tar, &tar(&[("nets/a", Regular, b"a"), ("nets/a", Regular, b"b")]));
    assert!(message.contains("twice"), "{message}");
}

#[test]
fn far_more_bytes_than_the_archive_explains_are_refused() {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("nets/zeros", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&vec![0; 20 << 20]).unwrap();
    let message = refused(Unpack::Zip, &zip.finish().unwrap().into_inner());
    assert!(message.contains("larger"), "{message}");
}

#[test]
fn a_size_that_lies_is_refused() {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("nets/a", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&[7; 4000]).unwrap();
    let mut archive = zip.finish().unwrap().into_inner();
    // The uncompressed size stands 24 bytes into the central directory's entry.
    let central = archive.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    archive[central + 24..central + 28].copy_from_slice(&100u32.to_le_bytes());
    refused(Unpack::Zip, &archive);
}

#[test]
fn damaged_and_foreign_files_are_refused() {
    let archive = tar(&[("nets/a", Regular, &[7; 4000])]);
    for kind in [Unpack::Zip, Unpack::Tar, Unpack::TarGz, Unpack::TarXz] {
        refused(kind, b"");
        refused(kind, b"no archive at all, but a sentence");
        refused(kind, &archive[..1000]);
    }
    let message = refused(Unpack::Tar, &tar(&[("other/a", Regular, b"a")]));
    assert!(message.contains("nets") && message.contains("other"), "{message}");
}
