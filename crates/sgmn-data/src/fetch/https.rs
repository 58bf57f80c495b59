//! One file over HTTPS, continued where an earlier call stopped.
//!
//! Bytes go to `NAME.part`. Beside it `NAME.part.origin` remembers the address and the server's validator (ETag or
//! date), because a continuation is only allowed when it provably continues the same file.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use ureq::{Agent, http::Response};

use super::checksum;
use crate::Error;

/// A server that says nothing for this long is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// How often a connection that broke is taken up again, as long as each attempt brought bytes.
const N_ATTEMPTS: usize = 8;
/// Bytes read from the network at a time.
const CHUNK: usize = 1 << 16;

/// One address of a file, with what is known about the file.
pub(super) struct Source {
    pub(super) url: String,
    pub(super) size_bytes: Option<u64>,
    pub(super) sha256: Option<String>,
}

/// Why a download failed.
pub(super) enum Failure {
    /// The address gave no file; another one may.
    Network(String),
    /// The address gave another file.
    Content(Error),
    /// This machine could not keep it.
    Disk(Error),
}

/// How one connection ended.
enum Ended {
    Complete,
    /// The bytes stopped; `gained` is how many came.
    Cut {
        gained: u64,
        why: String,
    },
    /// What lay in the `.part` file does not belong to this file: it was removed.
    StartOver,
}

/// Downloads `source` to `target`; `on_bytes` hears the bytes on the disk and the total.
pub(super) fn download(
    source: &Source,
    target: &Path,
    on_bytes: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), Failure> {
    let part = PartFile::open(target)?;
    let done = keep_trying(source, &part, on_bytes);
    match done {
        Ok(()) => part.finish(source, target),
        Err(failure) => {
            if part.len().is_ok_and(|n| n == 0) {
                part.remove();
            }
            Err(failure)
        }
    }
}

/// Connects again as long as each connection brings bytes.
fn keep_trying(
    source: &Source,
    part: &PartFile,
    on_bytes: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), Failure> {
    let mut last = String::new();
    for _ in 0..N_ATTEMPTS {
        match connect(source, part, on_bytes)? {
            Ended::Complete => return Ok(()),
            Ended::StartOver => last = "the server does not hold what an earlier call began".into(),
            Ended::Cut { gained: 0, why } => return Err(Failure::Network(why)),
            Ended::Cut { why, .. } => last = why,
        }
    }
    Err(Failure::Network(format!("{last}; what has arrived is kept and a second call continues it")))
}

/// The growing file and the note about its origin.
struct PartFile {
    path: PathBuf,
    origin: PathBuf,
    file: File,
}

impl PartFile {
    fn open(target: &Path) -> Result<Self, Failure> {
        let beside = |ending: &str| {
            let mut name = target.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let (path, origin) = (beside(".part"), beside(".part.origin"));
        let disk = |e| Failure::Disk(Error::io(&path)(e));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(disk)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let expected = "no other process that downloads it";
                return Err(Failure::Disk(Error::format(path, expected, "one at work")));
            }
            // Some network file systems know no locks; then the user's care must do.
            Err(TryLockError::Error(_)) => {}
        }
        Ok(Self { path, origin, file })
    }

    fn disk(&self) -> impl FnOnce(std::io::Error) -> Failure {
        let path = self.path.clone();
        |e| Failure::Disk(Error::io(path)(e))
    }

    fn len(&self) -> Result<u64, Failure> {
        Ok(self.file.metadata().map_err(self.disk())?.len())
    }

    fn clear(&self) -> Result<(), Failure> {
        self.file.set_len(0).map_err(self.disk())
    }

    /// The validator that was noted for this address, if any.
    fn validator(&self, source: &Source) -> Option<String> {
        let note = fs::read_to_string(&self.origin).ok()?;
        let (url, validator) = note.split_once('\n')?;
        (url == source.url && !validator.is_empty()).then(|| validator.to_string())
    }

    fn note(&self, source: &Source, validator: &str) -> Result<(), Failure> {
        fs::write(&self.origin, format!("{}\n{validator}", source.url)).map_err(self.disk())
    }

    /// Forgets what has arrived. A file that stays is only in the way, so a failure is no error.
    fn remove(&self) {
        let _ = (fs::remove_file(&self.path), fs::remove_file(&self.origin));
    }

    /// Checks the whole file and gives it its name.
    fn finish(self, source: &Source, target: &Path) -> Result<(), Failure> {
        if let Some(expected) = &source.sha256 {
            let found = checksum::sha256(&self.path, &mut |_| {}).map_err(Failure::Disk)?;
            if found != *expected {
                // These bytes will never be right: keep nothing that a second call would trust.
                self.remove();
                let (path, expected) = (target.to_path_buf(), expected.clone());
                return Err(Failure::Content(Error::Checksum { path, expected, found }));
            }
        }
        self.file.sync_all().map_err(self.disk())?;
        fs::rename(&self.path, target).map_err(|e| Failure::Disk(Error::io(target)(e)))?;
        // The note is of no further use; if it stays, it harms nobody.
        let _ = fs::remove_file(&self.origin);
        Ok(())
    }
}

/// Makes one request and writes what comes.
fn connect(
    source: &Source,
    part: &PartFile,
    on_bytes: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Ended, Failure> {
    let validator = part.validator(source);
    // Without a validator of this very address only a known checksum can prove that bytes belong together.
    if validator.is_none() && source.sha256.is_none() {
        part.clear()?;
    }
    let have = part.len()?;
    if have > 0 && source.size_bytes == Some(have) {
        return Ok(Ended::Complete);
    }
    let response = request(source, have, validator)?;
    let header = |name: &str| response.headers().get(name)?.to_str().ok();
    let (offset, total) = match response.status().as_u16() {
        200 => (0, header("content-length").and_then(|n| n.parse().ok())),
        206 => match header("content-range").and_then(content_range) {
            Some((offset, total)) if offset == have => (offset, total),
            _ => return part.clear().map(|()| Ended::StartOver),
        },
        416 if have > 0 => return part.clear().map(|()| Ended::StartOver),
        status => return Err(Failure::Network(format!("the server answered with HTTP status {status}"))),
    };
    if header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
        let why = "the server answered with a web page instead of the file, as for a quota or a consent";
        return Err(Failure::Network(why.into()));
    }
    if let (Some(expected), Some(total)) = (source.size_bytes, total)
        && expected != total
    {
        let found = format!("{total} bytes at {}", source.url);
        return Err(Failure::Content(Error::format(&part.path, format!("{expected} bytes"), found)));
    }
    let strong = header("etag").filter(|tag| !tag.starts_with("W/"));
    part.note(source, strong.or(header("last-modified")).unwrap_or_default())?;
    copy(response, part, offset, total.or(source.size_bytes), on_bytes)
}

fn request(source: &Source, have: u64, validator: Option<String>) -> Result<Response<ureq::Body>, Failure> {
    let is_secure = source.url.starts_with("https://");
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .https_only(is_secure)
        // Compression in transit would make lengths and ranges speak of other bytes.
        .accept_encoding("identity")
        .timeout_connect(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .user_agent(concat!("sgmn/", env!("CARGO_PKG_VERSION")));
    if !is_secure {
        // Plain http is the loopback device, where no proxy has anything to do.
        config = config.proxy(None);
    }
    let mut request = Agent::from(config.build()).get(&source.url);
    if have > 0 {
        request = request.header("range", format!("bytes={have}-"));
        if let Some(validator) = validator {
            request = request.header("if-range", validator);
        }
    }
    request.call().map_err(|e| Failure::Network(one_line(&e.to_string())))
}

fn copy(
    response: Response<ureq::Body>,
    part: &PartFile,
    offset: u64,
    total: Option<u64>,
    on_bytes: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Ended, Failure> {
    let mut file = &part.file;
    file.set_len(offset).map_err(part.disk())?;
    file.seek(SeekFrom::Start(offset)).map_err(part.disk())?;
    let mut body = response.into_body().into_reader();
    let mut chunk = vec![0; CHUNK];
    let mut done = offset;
    on_bytes(done, total);
    loop {
        let n = match body.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) => return Ok(Ended::Cut { gained: done - offset, why: one_line(&e.to_string()) }),
        };
        if total.is_some_and(|total| done + n as u64 > total) {
            part.clear()?;
            let why = "the server sent more bytes than it had announced";
            return Err(Failure::Network(why.into()));
        }
        file.write_all(&chunk[..n]).map_err(part.disk())?;
        done += n as u64;
        on_bytes(done, total);
    }
    match total {
        Some(total) if done < total => {
            let why = format!("the connection ended after {done} of {total} bytes");
            Ok(Ended::Cut { gained: done - offset, why })
        }
        _ => Ok(Ended::Complete),
    }
}

/// First byte and total length of `bytes FIRST-LAST/TOTAL`.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, total.parse().ok()))
}

/// The text of a foreign error on one line.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
