//! Writes a VM's serial log to a file that was not there.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::operations::{blocking, harmless};
use super::{Outbox, tell};
use crate::app::message::Message;
use crate::console::Stripper;
use crate::fault::{Failure, io_error};
use crate::fleet::Fleet;
use crate::shim::log::{Reader, missing_mark};
use crate::vm::{StoreError, VmName};

/// Names that are tried before it is given up.
const TRIES: usize = 1000;

/// Writes it to the directory that the dashboard was started in, and tells where it is.
pub(super) async fn export(fleet: Fleet, outbox: Outbox, name: VmName, escapes: bool) {
    let work = move || {
        let directory = std::env::current_dir().map_err(io_error("find", "."))?;
        let read = || -> io::Result<Vec<u8>> {
            let log = Reader::open(&fleet.store.paths(&name))?;
            log.read_range(log.oldest()..log.end(), missing_mark)
        };
        let paths = fleet.store.paths(&name);
        let bytes = read().map_err(io_error("read", &paths.console_log))?;
        let stem = if escapes { "raw.log" } else { "log" };
        let written = write(&directory, name.as_str(), stem, &text(bytes, escapes));
        written.map_err(io_error("write to", &directory))
    };
    let Some(exported) = blocking(work).await else {
        return;
    };
    let told = match exported {
        Ok(path) => Message::Exported(path),
        Err(error) => Message::Notice(harmless(Failure::from(StoreError::from(error)))),
    };
    tell(&outbox, told).await;
}

fn text(bytes: Vec<u8>, escapes: bool) -> Vec<u8> {
    if escapes {
        return bytes;
    }
    let mut text = String::new();
    Stripper::default().push(&bytes, &mut text);
    text.into_bytes()
}

/// Writes `name.ending`, or `name-2.ending` and so on, whichever is not there yet.
fn write(directory: &Path, name: &str, ending: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let (path, mut file) = begin(directory, name, ending)?;
    if let Err(error) = file.write_all(bytes) {
        let _ = std::fs::remove_file(&path);
        return Err(error);
    }
    Ok(path)
}

fn begin(directory: &Path, name: &str, ending: &str) -> io::Result<(PathBuf, File)> {
    for number in 1..=TRIES {
        let number = if number == 1 {
            String::new()
        } else {
            format!("-{number}")
        };
        let path = directory.join(format!("{name}{number}.{ending}"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exported_log_overwrites_nothing_and_has_escapes_only_when_asked() {
        let directory = tempfile::tempdir().unwrap();
        let said = b"\x1b[31mred\x1b[m\r\n".to_vec();
        for (escapes, ending, name, expected) in [
            (false, "log", "web.log", b"red\n".to_vec()),
            (false, "log", "web-2.log", b"red\n".to_vec()),
            (true, "raw.log", "web.raw.log", said.clone()),
        ] {
            let bytes = text(said.clone(), escapes);
            let path = write(directory.path(), "web", ending, &bytes).unwrap();
            assert_eq!(path, directory.path().join(name));
            assert_eq!(std::fs::read(path).unwrap(), expected);
        }
        let nowhere = directory.path().join("nowhere");
        assert!(write(&nowhere, "web", "log", b"").is_err());
    }
}
