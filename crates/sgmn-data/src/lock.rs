//! A file that one holder works with at a time.

use std::{
    fs::{File, TryLockError},
    io,
    ops::{Deref, DerefMut},
};

/// An open file that nobody else can take, in this process or another one, until the guard is dropped or the process
/// ends in any way.
///
/// Dropping unlocks explicitly. Closing the file would not be enough: a child that another thread is just starting has
/// inherited it, and as long as the child has not begun its own program the system sees the file as open, and locked.
#[derive(Debug)]
pub struct FileLock(File);

impl FileLock {
    /// Takes the file; `None` if somebody else has it.
    ///
    /// # Errors
    /// What the system says, where it has no locks for instance.
    pub fn take(file: File) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(why)) => Err(why),
        }
    }
}

impl Deref for FileLock {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl DerefMut for FileLock {
    fn deref_mut(&mut self) -> &mut File {
        &mut self.0
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // If it fails, closing the file is what is left to do, and that comes next.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_holder() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let take = || FileLock::take(File::open(file.path()).unwrap()).unwrap();
        let held = take().unwrap();
        assert!(take().is_none());
        drop(held);
        assert!(take().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_child_that_inherited_the_file_does_not_hold_the_lock_after_its_parent() {
        use std::process::{Command, Stdio};

        let file = tempfile::NamedTempFile::new().unwrap();
        let take = || FileLock::take(File::open(file.path()).unwrap()).unwrap();
        let held = take().unwrap();
        // It lives until its input ends, and has the file as where it would complain to.
        let inherited = Stdio::from(held.try_clone().unwrap());
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(inherited)
            .spawn()
            .unwrap();
        drop(held);
        let taken = take();
        assert!(child.try_wait().unwrap().is_none(), "the child still had the file open");
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(taken.is_some());
    }
}
