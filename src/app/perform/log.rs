//! Follows a VM's serial log as long as it is on the screen: its end first, then what comes to it,
//! a few times a second at most.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
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
    /// Which file, since a full log is put aside and another one begun.
    inode: u64,
    offset: u64,
    stripper: Stripper,
    /// What came after the last newline.
    open: String,
    /// Whether the last reading brought anything.
    changed: bool,
}

impl Tail {
    /// Reads what came since the last time; returns the lines that ended, made harmless.
    fn read(&mut self, log: &Path) -> io::Result<Vec<String>> {
        self.changed = false;
        let mut file = File::open(log)?;
        let metadata = file.metadata()?;
        let (inode, length) = (metadata.ino(), metadata.len());
        if inode != self.inode || length < self.offset {
            *self = Self {
                inode,
                ..Self::default()
            };
        }
        if length == self.offset {
            return Ok(Vec::new());
        }
        let from = self.offset.max(length.saturating_sub(MOST));
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(length - from).read_to_end(&mut bytes)?;
        self.offset = from + bytes.len() as u64;
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
