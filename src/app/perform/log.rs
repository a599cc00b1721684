//! Follows a VM's serial log as long as it is on the screen: its end first, then what comes to it,
//! a few times a second at most.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::watch::Changes;
use super::{Outbox, tell};
use crate::app::log::LogPart;
use crate::app::message::Message;
use crate::console::Stripper;
use crate::fleet::Fleet;
use crate::vm::VmName;

/// How much is read at a time, in bytes: of more, the end.
const MOST: u64 = 1 << 20;
/// How long a line may be, in characters.
const LONGEST: usize = 1000;
/// The least time between two readings.
const GAP: Duration = Duration::from_millis(200);

/// Tells the end of the log now, and what came whenever it grew.
pub(super) async fn follow(fleet: Fleet, outbox: Outbox, name: VmName) {
    let paths = fleet.store.paths(&name);
    // Watched before it is read, so that nothing is missed in between.
    let mut changes = Changes::of_log(&paths.dir);
    let mut tail = Tail::default();
    let mut is_first = true;
    loop {
        // A log that is not there has no lines.
        let lines = tail.read(&paths.console_log).unwrap_or_default();
        if is_first || !lines.is_empty() || tail.changed {
            let part = LogPart {
                is_first,
                lines,
                open: harmless(&tail.open),
            };
            tell(&outbox, Message::Log(name.clone(), part)).await;
        }
        is_first = false;
        tokio::time::sleep(GAP).await;
        // Without a watch it is read once.
        let Ok(changes) = &mut changes else { return };
        if changes.next().await.is_none() {
            return;
        }
    }
}

/// How far a log was read.
#[derive(Default)]
struct Tail {
    /// Which file, since a full log is put aside as the older half and another one begun.
    inode: u64,
    offset: u64,
    stripper: Stripper,
    /// What came after the last newline.
    open: String,
    /// Whether the last reading brought anything.
    changed: bool,
}

impl Tail {
    /// Where what was not read yet is, the older first; it counts as read from here on.
    fn unread(&mut self, log: &Path) -> io::Result<Vec<Unread>> {
        let current = File::open(log)?;
        let (inode, length) = identity(&current)?;
        if inode == self.inode && length >= self.offset {
            let from = std::mem::replace(&mut self.offset, length);
            return Ok(vec![(current, from..length)]);
        }
        let mut unread = Vec::new();
        let mut goes_on = false;
        // A file that became shorter has no older half that was not read.
        if inode != self.inode
            && let Ok(older) = File::open(log.with_extension("log.1"))
        {
            let (older_inode, end) = identity(&older)?;
            goes_on = older_inode == self.inode;
            let from = if goes_on { self.offset } else { 0 };
            // It may be `current` itself, put aside at this moment.
            if older_inode != inode {
                unread.push((older, from.min(end)..end));
            }
        }
        if !goes_on {
            *self = Self::default();
        }
        (self.inode, self.offset) = (inode, length);
        unread.push((current, 0..length));
        Ok(unread)
    }

    /// Reads what came since the last time; returns the lines that ended, made harmless.
    fn read(&mut self, log: &Path) -> io::Result<Vec<String>> {
        self.changed = false;
        let bytes = end_of(self.unread(log)?)?;
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        self.changed = true;
        self.stripper.push(&bytes, &mut self.open);
        let ended = self.open.rfind('\n').map_or(0, |end| end + 1);
        let lines = self.open.get(..ended).unwrap_or("");
        let lines = lines.lines().map(harmless).collect();
        self.open.drain(..ended);
        // A line that never ends is kept in pieces.
        if self.open.chars().count() > LONGEST {
            self.open = harmless(&self.open);
        }
        Ok(lines)
    }
}

/// A part of a file, in bytes.
type Unread = (File, Range<u64>);

fn identity(file: &File) -> io::Result<(u64, u64)> {
    let metadata = file.metadata()?;
    Ok((metadata.ino(), metadata.len()))
}

/// The last bytes of these parts together, [`MOST`] at most.
fn end_of(parts: Vec<Unread>) -> io::Result<Vec<u8>> {
    let total: u64 = parts.iter().map(|(_, part)| part.end - part.start).sum();
    let mut skipped = total.saturating_sub(MOST);
    let mut bytes = Vec::new();
    for (mut file, part) in parts {
        let length = part.end - part.start;
        let skip = skipped.min(length);
        skipped -= skip;
        file.seek(SeekFrom::Start(part.start + skip))?;
        file.take(length - skip).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn harmless(line: &str) -> String {
    line.replace('\t', "    ").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_log_is_read_on_where_it_was_left_also_when_it_was_put_aside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("console.log");
        let mut tail = Tail::default();
        assert!(tail.read(&path).is_err());
        std::fs::write(&path, "one\r\n\x1b[31mtw").unwrap();
        assert_eq!(tail.read(&path).unwrap(), ["one"]);
        assert_eq!((tail.open.as_str(), tail.changed), ("tw", true));
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"o\x1b[m\nthree\tx\n").unwrap();
        assert_eq!(tail.read(&path).unwrap(), ["two", "three    x"]);
        assert!(tail.read(&path).unwrap().is_empty() && !tail.changed);
        std::fs::rename(&path, directory.path().join("console.log.1")).unwrap();
        std::fs::write(&path, "four\n").unwrap();
        assert_eq!(tail.read(&path).unwrap(), ["four"]);
    }

    #[test]
    fn a_log_that_was_put_aside_a_moment_ago_is_seen_from_its_older_half_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("console.log");
        let aside = directory.path().join("console.log.1");
        std::fs::write(&aside, "one\ntw").unwrap();
        std::fs::write(&path, "o\nthree\n").unwrap();
        let mut tail = Tail::default();
        assert_eq!(tail.read(&path).unwrap(), ["one", "two", "three"]);
        // Written after the last look, and put aside before this one.
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"four\nfi").unwrap();
        std::fs::rename(&path, &aside).unwrap();
        std::fs::write(&path, "ve\n").unwrap();
        assert_eq!(tail.read(&path).unwrap(), ["four", "five"]);
        // Both halves are others by now.
        std::fs::remove_file(&aside).unwrap();
        std::fs::write(&aside, "eight\n").unwrap();
        std::fs::rename(&path, directory.path().join("gone")).unwrap();
        std::fs::write(&path, "nine\n").unwrap();
        assert_eq!(tail.read(&path).unwrap(), ["eight", "nine"]);
        assert!(tail.read(&path).unwrap().is_empty() && !tail.changed);
    }

    #[test]
    fn of_a_flood_the_end_is_read_and_a_line_without_end_is_cut() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("console.log");
        let mut flood = vec![b'x'; 3 << 20];
        flood.extend(b"\nend\n");
        flood.extend([b'y'; 5000]);
        std::fs::write(&path, flood).unwrap();
        let mut tail = Tail::default();
        let lines = tail.read(&path).unwrap();
        assert_eq!((lines.len(), lines[0].len()), (2, LONGEST));
        assert_eq!((lines[1].as_str(), tail.open.len()), ("end", LONGEST));
    }
}
