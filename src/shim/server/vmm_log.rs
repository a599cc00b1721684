//! What the VMM says of itself, kept short: the first and the newest of it stay, and what is between
//! gives its blocks back (`FALLOC_FL_PUNCH_HOLE`, fallocate(2)).
//!
//! The file's length stays, because a VMM writes where it is, not where the file ends by now. Linux
//! tells of writes through inotify(7), so a VMM that says nothing wakes nobody.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::gap::punch;
use crate::vm::VmPaths;

/// How the VMM began is in its first bytes, how it ended in its newest: so many of each stay. Whole
/// blocks of any file system, which are what can be given back.
const FIRST: u64 = 256 << 10;
const NEWEST: u64 = 256 << 10;

/// So much more is let come before the file is made short again.
const SLACK: u64 = 512 << 10;

/// A VMM that logs without end is looked after so often.
const REST: Duration = Duration::from_secs(1);

/// Keeps both files of that VM short, until it is no longer held.
pub(super) async fn keep_short(paths: VmPaths) {
    let logs = [paths.vmm_log, paths.vmm_err];
    // A watch is on the file, so it has to be there; a launch empties it in place.
    let made = logs.iter().try_for_each(|log| open(log).map(drop));
    let Ok(mut writes) = made.and_then(|()| Writes::of(&logs)) else {
        return;
    };
    let mut trimmed = [0; 2];
    loop {
        for (log, trimmed) in logs.iter().zip(&mut trimmed) {
            // A disk that does not bear it leaves the file longer: no harm yet.
            let _ = open(log).and_then(|file| trim(&file, trimmed));
        }
        if writes.next().await.is_none() {
            return;
        }
        tokio::time::sleep(REST).await;
    }
}

fn open(log: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(log)
}

/// Makes it short if it has grown by [`SLACK`] since it had the length `trimmed`.
fn trim(file: &File, trimmed: &mut u64) -> io::Result<()> {
    let length = file.metadata()?.len();
    if length < *trimmed {
        // Another boot began it anew.
        *trimmed = 0;
    }
    if length < (FIRST + NEWEST).max(*trimmed) + SLACK {
        return Ok(());
    }
    let until = (length - NEWEST) / FIRST * FIRST;
    let missing = until - FIRST;
    if !punch(file, FIRST, missing) {
        // For file systems without holes, at the price of the newest.
        file.set_len(FIRST)?;
    }
    *trimmed = length;
    let mark = format!("\n[{missing} bytes are missing here]\n");
    file.write_all_at(mark.as_bytes(), FIRST)
}

#[cfg(target_os = "linux")]
struct Writes {
    inotify: nix::sys::inotify::Inotify,
    ready: tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>,
}

#[cfg(target_os = "linux")]
impl Writes {
    fn of(logs: &[PathBuf]) -> io::Result<Self> {
        use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
        use std::os::fd::AsFd;

        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        for log in logs {
            inotify.add_watch(log, AddWatchFlags::IN_MODIFY)?;
        }
        let descriptor = inotify.as_fd().try_clone_to_owned()?;
        // SAFETY: an `OwnedFd` names the same open descriptor from here until it is dropped.
        let ready = unsafe { tokio::io::unix::AsyncFd::register(descriptor) }?;
        Ok(Self { inotify, ready })
    }

    /// Waits until something is written. `None`: nothing will be told any more.
    async fn next(&mut self) -> Option<()> {
        use nix::errno::Errno;

        loop {
            let mut guard = self.ready.readable().await.ok()?;
            match self.inotify.read_events() {
                // Our own mark is told too; it finds nothing to be done.
                Ok(_) => return Some(()),
                Err(Errno::EAGAIN) => guard.clear_ready(),
                Err(Errno::EINTR) => {}
                Err(_) => return None,
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
struct Writes;

#[cfg(not(target_os = "linux"))]
impl Writes {
    /// Nobody tells of writes, and the one VMM that runs there says next to nothing.
    fn of(_logs: &[PathBuf]) -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Option<()> {
        tokio::time::sleep(Duration::from_mins(1)).await;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    /// A line of sixteen bytes.
    fn line(number: usize) -> String {
        format!("line {number:>10}\n")
    }

    #[test]
    fn a_log_without_end_keeps_its_first_and_newest_lines_and_tells_what_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vmm.log");
        let file = open(&path).unwrap();
        let mut trimmed = 0;
        let piece = 1 << 14;
        for round in 0..40 {
            let lines: String = (round * piece..(round + 1) * piece).map(line).collect();
            // As a VMM that does not append.
            let at = (round * piece * 16) as u64;
            file.write_all_at(lines.as_bytes(), at).unwrap();
            trim(&file, &mut trimmed).unwrap();
            let allocated = file.metadata().unwrap().blocks() * 512;
            assert!(
                allocated <= FIRST * 2 + NEWEST + SLACK + 8192,
                "{allocated}"
            );
        }
        let kept = fs::read(&path).unwrap();
        assert!(kept.starts_with(line(0).as_bytes()));
        assert!(kept.ends_with(line(40 * piece - 1).as_bytes()));
        let kept = String::from_utf8(kept).unwrap();
        let (before, after) = kept.split_once(" bytes are missing here]\n").unwrap();
        let (first, missing) = before.rsplit_once("\n[").unwrap();
        assert_eq!(first.len() as u64, FIRST);
        let newest = after.trim_start_matches('\0');
        let missing: u64 = missing.parse().unwrap();
        assert_eq!(FIRST + missing + newest.len() as u64, kept.len() as u64);
        // Another boot's log is not taken for that one's.
        file.set_len(0).unwrap();
        file.write_all_at(&vec![b'.'; 3 << 20], 0).unwrap();
        trim(&file, &mut trimmed).unwrap();
        assert_eq!(trimmed, 3 << 20);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_written_while_nobody_asks_is_made_short() {
        let dir = tempfile::tempdir().unwrap();
        let store = crate::vm::Store::locate(Some(dir.path())).unwrap();
        let paths = store.paths(&"web".parse().unwrap());
        fs::create_dir_all(&paths.dir).unwrap();
        let log = paths.vmm_log.clone();
        let file = open(&log).unwrap();
        let keeping = keep_short(paths);
        let seen = async {
            // It looks once before it waits.
            tokio::time::sleep(Duration::from_millis(1)).await;
            file.write_all_at(&vec![b'.'; 8 << 20], 0).unwrap();
            while file.metadata().unwrap().blocks() * 512 > FIRST * 2 + NEWEST + SLACK {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            () = keeping => panic!("it gave up"),
            () = seen => {}
        }
    }
}
