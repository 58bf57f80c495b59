//! Fetching against a server on the loopback device that breaks in every way a real one does.

use std::{fs, io::Write, path::Path};

use super::{
    Event, Places, State, fetch,
    loopback::{Script, Server},
    verify,
};
use crate::{Error, Result, manifest::Manifest};

const BODY: &[u8] = b"sixteen networks";
/// A checksum of other bytes.
const OTHER_SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A manifest with one file; `more` is added to the file's table.
fn manifest(folder: &Path, path: &str, origin: &str, more: &str) -> Manifest {
    let text = format!(
        r#"
name = "tiny"
title = "Tiny"
description = "A few bytes."
contents = "nets"
format = "packed"
target = {{ kind = "class", n_classes = 10 }}
license = "MIT"
citation = "A line."
homepage = "https://example.org"
splits = {{ rule = "none" }}
by_hand = "download {path}"
[[files]]
path = "{path}"
origin = {origin}
{more}
"#
    );
    fs::write(folder.join("tiny.toml"), text).unwrap();
    Manifest::load(folder.join("tiny.toml")).unwrap()
}

fn https(folder: &Path, server: &Server, more: &str) -> Manifest {
    let origin = format!(r#"{{ kind = "https", urls = ["{}/tiny.bin"] }}"#, server.url());
    manifest(folder, "tiny.bin", &origin, more)
}

fn places(folder: &Path) -> Places {
    Places { data_dir: folder.join("data"), hub_endpoint: None }
}

fn run(manifest: &Manifest, places: &Places) -> Result<Vec<super::Finding>> {
    fetch(manifest, places, &mut |_| {})
}

fn script(body: &[u8]) -> Script {
    Script { body: body.into(), etag: Some("\"v1\""), ..Script::default() }
}

fn sha256(content: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x"), content).unwrap();
    super::checksum::sha256(&folder.path().join("x"), &mut |_| {}).unwrap()
}

#[test]
fn a_file_arrives_whole_and_is_checked_once_more_by_verify() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(script(BODY)));
    let manifest = https(folder.path(), &server, &format!("size_bytes = 16\nsha256 = \"{}\"", sha256(BODY)));
    let places = places(folder.path());
    let mut bytes = Vec::new();
    fetch(&manifest, &places, &mut |event| {
        if let Event::Downloaded { bytes: n, total, .. } = event {
            assert_eq!(total, Some(16));
            bytes.push(n);
        }
    })
    .unwrap();
    assert_eq!(bytes.last(), Some(&16));
    assert_eq!(fs::read(places.data_dir.join("tiny/tiny.bin")).unwrap(), BODY);
    assert_eq!(fs::read_dir(places.data_dir.join("tiny")).unwrap().count(), 1, "nothing else is left");
    assert!(matches!(verify(&manifest, &places, &mut |_| {})[0].state, State::Verified));
    run(&manifest, &places).unwrap();
    assert_eq!(server.requests().len(), 1, "what is there is not fetched again");
    fs::write(places.data_dir.join("tiny/tiny.bin"), "sixteen nettings").unwrap();
    let found = verify(&manifest, &places, &mut |_| {});
    assert!(matches!(&found[0].state, State::Wrong(Error::Checksum { .. })));
}

#[test]
fn a_broken_download_is_continued_where_it_stopped() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(script(BODY)));
    let manifest = https(folder.path(), &server, "");
    let places = places(folder.path());
    let inside = places.data_dir.join("tiny");
    fs::create_dir_all(&inside).unwrap();
    fs::write(inside.join("tiny.bin.part"), &BODY[..7]).unwrap();
    fs::write(inside.join("tiny.bin.part.origin"), format!("{}/tiny.bin\n\"v1\"", server.url())).unwrap();
    run(&manifest, &places).unwrap();
    assert_eq!(fs::read(inside.join("tiny.bin")).unwrap(), BODY);
    assert!(server.requests()[0].contains("range: bytes=7-"), "{:?}", server.requests());
    assert!(server.requests()[0].contains("if-range: \"v1\""));
}

#[test]
fn a_connection_that_breaks_again_and_again_still_brings_the_file() {
    let broken = Script { cut_after: Some(5), ..script(BODY) };
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(broken));
    let manifest = https(folder.path(), &server, "");
    run(&manifest, &places(folder.path())).unwrap();
    assert_eq!(fs::read(folder.path().join("data/tiny/tiny.bin")).unwrap(), BODY);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_file_that_changed_on_the_server_is_begun_anew() {
    let changed = Script { etag: Some("\"v2\""), ..script(BODY) };
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(changed));
    let manifest = https(folder.path(), &server, "");
    let places = places(folder.path());
    let inside = places.data_dir.join("tiny");
    fs::create_dir_all(&inside).unwrap();
    fs::write(inside.join("tiny.bin.part"), "another").unwrap();
    fs::write(inside.join("tiny.bin.part.origin"), format!("{}/tiny.bin\n\"v1\"", server.url())).unwrap();
    run(&manifest, &places).unwrap();
    assert_eq!(fs::read(inside.join("tiny.bin")).unwrap(), BODY);
}

#[test]
fn bytes_of_unknown_origin_are_not_continued() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(script(BODY)));
    let manifest = https(folder.path(), &server, "");
    let places = places(folder.path());
    fs::create_dir_all(places.data_dir.join("tiny")).unwrap();
    fs::write(places.data_dir.join("tiny/tiny.bin.part"), "unknown").unwrap();
    run(&manifest, &places).unwrap();
    assert_eq!(fs::read(places.data_dir.join("tiny/tiny.bin")).unwrap(), BODY);
    assert!(!server.requests()[0].contains("range:"));
}

#[test]
fn a_wrong_checksum_is_an_error_and_leaves_nothing() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(script(BODY)));
    let manifest = https(folder.path(), &server, &format!("sha256 = \"{OTHER_SHA256}\""));
    let error = run(&manifest, &places(folder.path())).unwrap_err();
    assert!(matches!(&error, Error::Checksum { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path().join("data/tiny")).unwrap().count(), 0);
}

#[test]
fn a_truncated_answer_is_an_error_that_keeps_what_came() {
    let broken = Script { cut_after: Some(1), ..script(BODY) };
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(broken));
    let manifest = https(folder.path(), &server, "");
    let error = run(&manifest, &places(folder.path())).unwrap_err().to_string();
    assert!(error.contains("could not reach") && error.contains("continues it"), "{error}");
    let inside = folder.path().join("data/tiny");
    assert!(!inside.join("tiny.bin").exists());
    assert_eq!(fs::read(inside.join("tiny.bin.part")).unwrap(), &BODY[..8]);
}

#[test]
fn answers_that_nothing_proves_to_be_one_file_are_not_joined() {
    let broken = Script { cut_after: Some(5), etag: None, ..script(BODY) };
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(broken));
    let manifest = https(folder.path(), &server, "size_bytes = 16");
    run(&manifest, &places(folder.path())).unwrap_err();
    assert!(!folder.path().join("data/tiny/tiny.bin").exists());
    assert!(server.requests().iter().all(|request| !request.contains("range:")));
}

#[test]
fn what_cannot_be_fetched_is_said_in_one_sentence_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Server::start(Script { status: Some("404 Not Found"), ..script(BODY) });
    let page = Server::start(Script { content_type: Some("text/html; charset=utf-8"), ..script(BODY) });
    let nobody = Server::start(script(BODY));
    let gone = nobody.url();
    drop(nobody);
    for (url, why) in [(missing.url(), "404"), (page.url(), "web page"), (gone, "refused")] {
        let origin = format!(r#"{{ kind = "https", urls = ["{url}/tiny.bin"] }}"#);
        let manifest = manifest(folder.path(), "tiny.bin", &origin, "");
        let error = run(&manifest, &places(folder.path())).unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error}");
        let message = error.to_string();
        assert!(message.to_lowercase().contains(why) && !message.contains('\n'), "{message}");
        assert!(message.contains("place the files by hand, download tiny.bin into"), "{message}");
        let left = fs::read_dir(folder.path().join("data/tiny")).unwrap().count();
        assert_eq!(left, 0, "an attempt without a byte leaves no file");
    }
}

#[test]
fn a_second_address_is_tried_when_the_first_fails() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Server::start(Script { status: Some("404 Not Found"), ..script(BODY) });
    let good = Server::start(script(BODY));
    let urls = format!(r#"["{}/a", "{}/b"]"#, missing.url(), good.url());
    let manifest =
        manifest(folder.path(), "tiny.bin", &format!(r#"{{ kind = "https", urls = {urls} }}"#), "");
    run(&manifest, &places(folder.path())).unwrap();
    assert!(folder.path().join("data/tiny/tiny.bin").exists());
}

#[test]
fn another_size_than_the_manifest_says_is_an_error() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(script(BODY)));
    let manifest = https(folder.path(), &server, "size_bytes = 17");
    let error = run(&manifest, &places(folder.path())).unwrap_err().to_string();
    assert!(error.contains("expected 17 bytes") && error.contains("16 bytes"), "{error}");
}

fn zip_of(names: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in names {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn an_archive_is_unpacked_whether_fetched_or_placed_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let archive = zip_of(&[("nets/a.pth", b"a"), ("nets/deep/b.pth", b"b"), ("__MACOSX/._a", b"")]);
    let server = Server::start(script(&archive));
    let origin = format!(r#"{{ kind = "https", urls = ["{}/tiny.zip"] }}"#, server.url());
    let manifest = manifest(folder.path(), "tiny.zip", &origin, "unpack = \"zip\"\ncreates = \"nets\"");
    let places = places(folder.path());
    run(&manifest, &places).unwrap();
    let nets = places.data_dir.join("tiny/nets");
    assert_eq!(fs::read(nets.join("deep/b.pth")).unwrap(), b"b");

    fs::remove_dir_all(&nets).unwrap();
    run(&manifest, &places).unwrap();
    assert_eq!(server.requests().len(), 1, "the archive that is there is used");

    fs::remove_file(places.data_dir.join("tiny/tiny.zip")).unwrap();
    run(&manifest, &places).unwrap();
    assert_eq!(server.requests().len(), 1, "an unpacked folder needs no archive");
    let found = verify(&manifest, &places, &mut |_| {});
    assert!(matches!(found[0].state, State::Unpacked { n_files: 2 }), "{found:?}");
}

#[test]
fn an_archive_that_leaves_its_folder_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(script(&zip_of(&[("nets/a", b"a"), ("../../evil", b"x")])));
    let origin = format!(r#"{{ kind = "https", urls = ["{}/tiny.zip"] }}"#, server.url());
    let manifest = manifest(folder.path(), "tiny.zip", &origin, "unpack = \"zip\"\ncreates = \"nets\"");
    let error = run(&manifest, &places(folder.path())).unwrap_err().to_string();
    assert!(error.contains("../../evil"), "{error}");
    let left: Vec<_> = fs::read_dir(folder.path().join("data/tiny")).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "only the archive: {left:?}");
    assert!(!folder.path().join("evil").exists() && !folder.path().join("data/evil").exists());
}

fn hub_manifest(folder: &Path) -> Manifest {
    let origin = r#"{ kind = "hub", repo = "someone/tiny", revision = "main", path = "deep/tiny.bin" }"#;
    manifest(folder, "tiny.bin", origin, "")
}

fn hub_script(etag: &str) -> Script {
    let extra = format!("x-repo-commit: 0a1b2c\r\nx-linked-etag: \"{etag}\"\r\n");
    Script { extra, ..script(BODY) }
}

#[test]
fn the_hub_is_asked_for_commit_and_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(hub_script(&sha256(BODY)));
    let places = Places { hub_endpoint: Some(server.url()), ..places(folder.path()) };
    run(&hub_manifest(folder.path()), &places).unwrap();
    assert_eq!(fs::read(places.data_dir.join("tiny/tiny.bin")).unwrap(), BODY);
    let requests = server.requests();
    assert!(requests[0].starts_with("get /datasets/someone/tiny/resolve/main/deep/tiny.bin"), "{requests:?}");
    assert!(requests[1].starts_with("get /datasets/someone/tiny/resolve/0a1b2c/deep/tiny.bin"));
}

#[test]
fn a_file_that_differs_from_the_hubs_checksum_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(hub_script(OTHER_SHA256));
    let places = Places { hub_endpoint: Some(server.url()), ..places(folder.path()) };
    let error = run(&hub_manifest(folder.path()), &places).unwrap_err();
    assert!(matches!(error, Error::Checksum { .. }), "{error}");
}

#[test]
fn a_hub_without_the_file_is_named_with_the_repository() {
    let folder = tempfile::tempdir().unwrap();
    for script in [Script { status: Some("404 Not Found"), ..script(BODY) }, script(BODY)] {
        let server = Server::start(script);
        let places = Places { hub_endpoint: Some(server.url()), ..places(folder.path()) };
        let error = run(&hub_manifest(folder.path()), &places).unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("someone/tiny"), "{error}");
    }
}

#[test]
fn the_embedded_digits_are_those_of_the_manifest() {
    let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    let mini = Manifest::named(datasets, "mini").unwrap();
    let findings = run(&mini, &places(Path::new("nowhere"))).unwrap();
    assert_eq!(findings.len(), 4);
    assert!(findings.iter().all(|f| matches!(f.state, State::Verified)), "{findings:?}");
    assert!(!Path::new("nowhere").exists());
}
