//! A shard has one worker at a time, and a second one is told who it is.

use std::{
    fs::OpenOptions,
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
};

use anyhow::{Context, Result, bail};
use sgmn_data::{Shard, lock::FileLock};

use crate::show::host;

/// A shard that this process works on; free again when it is dropped, or the process ends in any way.
#[derive(Debug)]
pub(super) struct Held(#[allow(dead_code, reason = "what is held is held until it is dropped")] FileLock);

impl Held {
    /// Takes a shard, whose lock stands in the folder of shards.
    ///
    /// # Errors
    /// If somebody has it, with its process and machine.
    pub(super) fn take(shard: Shard, folder: &Path) -> Result<Self> {
        let path = folder.join(format!("shard-{:04}.lock", shard.number));
        let said = || path.display().to_string();
        let open = || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let Some(mut lock) = FileLock::take(open().with_context(said)?).with_context(said)? else {
            let mut holder = String::new();
            // Some systems do not let anybody read what is locked.
            let read = open().and_then(|file| file.take(MOST).read_to_string(&mut holder));
            let holder = read.ok().filter(|n| *n > 0).map_or("another process", |_| holder.trim());
            bail!(
                "shard {} of {}: expected one that nobody works on, found {holder} at it ({})",
                shard.number,
                shard.count,
                path.display()
            );
        };
        let host = host().map_or(String::new(), |host| format!(" on {host}"));
        let holder = format!("process {}{host}\n", std::process::id());
        let mut write = || -> std::io::Result<()> {
            lock.set_len(0)?;
            lock.seek(SeekFrom::Start(0))?;
            lock.write_all(holder.as_bytes())
        };
        write().with_context(said)?;
        Ok(Self(lock))
    }
}

/// A longer text is no name of a holder.
const MOST: u64 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_worker_is_told_who_is_at_work() {
        let folder = tempfile::tempdir().unwrap();
        let shard = Shard { number: 3, count: 7 };
        let held = Held::take(shard, folder.path()).unwrap();
        let message = Held::take(shard, folder.path()).unwrap_err().to_string();
        assert!(message.contains("shard 3 of 7"), "{message}");
        assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
        drop(held);
        Held::take(shard, folder.path()).unwrap();
    }
}
