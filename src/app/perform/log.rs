//! Follows a VM's serial log as long as it is on the screen: the end of the file, read again when
//! it grew, a few times a second at most.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use super::watch::Changes;
use super::{Outbox, tell};
use crate::app::message::Message;
use crate::console::Stripper;
use crate::fleet::Fleet;
use crate::vm::VmName;

/// How much of the log's end is read, in bytes.
const TAIL: u64 = 256 << 10;
/// How many lines are kept, and how long one may be.
const LINES: usize = 2000;
const LONGEST: usize = 1000;
/// The least time between two readings.
const GAP: Duration = Duration::from_millis(200);

/// Tells the end of the log now and whenever it grew.
pub(super) async fn follow(fleet: Fleet, outbox: Outbox, name: VmName) {
    let paths = fleet.store.paths(&name);
    // Watched before it is read, so that nothing is missed in between.
    let mut changes = Changes::of_log(&paths.dir);
    loop {
        let lines = tail(&paths.console_log);
        tell(&outbox, Message::Log(name.clone(), lines)).await;
        tokio::time::sleep(GAP).await;
        // Without a watch it is read once.
        let Ok(changes) = &mut changes else { return };
        if changes.next().await.is_none() {
            return;
        }
    }
}

/// The last lines of a log, made harmless. A log that is not there has none.
fn tail(log: &Path) -> Vec<String> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(log).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        file.take(TAIL).read_to_end(&mut bytes)
    });
    if read.is_err() {
        return Vec::new();
    }
    let mut text = String::new();
    Stripper::default().push(&bytes, &mut text);
    let lines: Vec<&str> = text.lines().collect();
    lines
        .iter()
        .skip(lines.len().saturating_sub(LINES))
        .map(|line| line.replace('\t', "    ").chars().take(LONGEST).collect())
        .collect()
}
