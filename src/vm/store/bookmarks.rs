//! `vms/<name>/bookmarks.jsonl`: the places in a VM's serial output that somebody marked. One line
//! for each change, appended whole; whoever finds the file too long writes it anew.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::VmName;
use super::files::write_aside;
use super::{Store, StoreError};
use crate::fault::io_error;

/// How many are kept of one VM: the newest output's.
const MOST: usize = 1000;
/// The file is written anew when it is longer than this, in bytes; no more of it is read.
const LONGEST: u64 = 128 << 10;

/// A change.
#[derive(Debug, Serialize, Deserialize)]
struct Change {
    /// Offset of the line's first byte in the serial output.
    offset: u64,
    /// Whether it was marked, or no longer is.
    marked: bool,
}

impl Store {
    /// The offsets of the lines of this VM's serial output that are marked. Lines of the file that
    /// cannot be read are passed over.
    ///
    /// # Errors
    /// As open(2) and read(2); a file that is not there is no error.
    pub fn bookmarks(&self, name: &VmName) -> Result<BTreeSet<u64>, StoreError> {
        let path = self.paths(name).bookmarks;
        Ok(read(&path).map_err(io_error("read", &path))?)
    }

    /// Marks a line, or no longer.
    ///
    /// # Errors
    /// As open(2) and write(2).
    pub fn bookmark(&self, name: &VmName, offset: u64, marked: bool) -> Result<(), StoreError> {
        let path = self.paths(name).bookmarks;
        let error = io_error("write", &path);
        Ok(append(&path, &Change { offset, marked }).map_err(error)?)
    }
}

fn read(path: &Path) -> io::Result<BTreeSet<u64>> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(LONGEST).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    let mut marked = BTreeSet::new();
    let lines = bytes.split(|byte| *byte == b'\n');
    for change in lines.filter_map(|line| serde_json::from_slice::<Change>(line).ok()) {
        if change.marked {
            marked.insert(change.offset);
        } else {
            marked.remove(&change.offset);
        }
        if marked.len() > MOST {
            marked.pop_first();
        }
    }
    Ok(marked)
}

fn append(path: &Path, change: &Change) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.append(true).create(true).mode(0o600).open(path)?;
    if file.metadata()?.len() + 100 > LONGEST {
        let lines = read(path)?.into_iter().map(|offset| {
            line(&Change {
                offset,
                marked: true,
            })
        });
        let kept: io::Result<Vec<_>> = lines.collect();
        write_aside(&path.with_extension("jsonl.new"), path, &kept?.concat())?;
        file = OpenOptions::new().append(true).open(path)?;
    }
    file.write_all(&line(change)?)
}

fn line(change: &Change) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(change)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_marked_is_kept_and_what_cannot_be_read_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::locate(Some(directory.path())).unwrap();
        let name: VmName = "web".parse().unwrap();
        let path = store.paths(&name).bookmarks;
        assert!(store.bookmarks(&name).unwrap().is_empty());
        assert!(store.bookmark(&name, 1, true).is_err());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        for (offset, marked) in [(9, true), (5, true), (9, false), (7, true)] {
            store.bookmark(&name, offset, marked).unwrap();
        }
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"\xff{\n{\"offset\":-1,\"marked\":true}\n")
            .unwrap();
        assert!(store.bookmarks(&name).unwrap().into_iter().eq([5, 7]));
        // Longer than it may be: cut to what counts.
        file.write_all(&vec![b'\n'; 200 << 10]).unwrap();
        store.bookmark(&name, 11, true).unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() < 200);
        assert!(store.bookmarks(&name).unwrap().into_iter().eq([5, 7, 11]));
        for offset in 100..2000 {
            store.bookmark(&name, offset, true).unwrap();
        }
        assert_eq!(store.bookmarks(&name).unwrap().len(), MOST);
    }
}
