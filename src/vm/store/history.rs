//! `boots.jsonl`: one line for each boot of any VM, the newest last.
//!
//! Each shim appends to it under a lock; the one that makes it too long writes it anew without its
//! older part, so that readers, who take no lock, always see whole lines.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::super::BootRecord;
use super::claim::is_at;
use super::files::private_file;
use super::{Store, StoreError};
use crate::fault::io_error;

/// The file is written anew when it is longer than this, in bytes: some two thousand boots.
const LONGEST: u64 = 2 << 20;
/// So much of its end is kept then.
const KEPT: u64 = 1 << 20;

impl Store {
    /// The history of boots of all VMs.
    pub(super) fn boots_file(&self) -> PathBuf {
        self.root.join("boots.jsonl")
    }

    /// Adds a boot to the history.
    pub fn append_boot(&self, record: &BootRecord) -> Result<(), StoreError> {
        self.append_bounded(record, LONGEST, KEPT)
    }

    pub(super) fn append_bounded(
        &self,
        record: &BootRecord,
        longest: u64,
        kept: u64,
    ) -> Result<(), StoreError> {
        let path = self.boots_file();
        let error = io_error("write", &path);
        let mut line = serde_json::to_vec(record).map_err(|e| error(e.into()))?;
        line.push(b'\n');
        Ok(append(&path, &line, longest, kept).map_err(error)?)
    }

    /// The boots of the VM with this id, oldest first. Lines that cannot be read are passed over.
    pub fn boots(&self, vm_id: &str) -> Result<Vec<BootRecord>, StoreError> {
        let path = self.boots_file();
        match fs::read(&path) {
            Ok(bytes) => Ok(bytes
                .split(|&byte| byte == b'\n')
                .filter_map(|line| serde_json::from_slice::<BootRecord>(line).ok())
                .filter(|boot| boot.vm_id == vm_id)
                .collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(io_error("read", path)(source).into()),
        }
    }
}

fn append(path: &Path, line: &[u8], longest: u64, kept: u64) -> io::Result<()> {
    let mut file = open(path)?;
    let length = file.metadata()?.len();
    if let Err(error) = file.write_all(line) {
        // A line that was cut off would spoil the next one too.
        let _ = file.set_len(length);
        return Err(error);
    }
    if length + line.len() as u64 > longest {
        // Too long a history is no failure of the boot; the next one tries again.
        let _ = shorten(&mut file, path, kept);
    }
    Ok(())
}

/// The file, locked; not the one that was in its place a moment ago. The lock is held for a write of
/// a MiB at most: short enough to be waited for.
fn open(path: &Path) -> io::Result<Flock<File>> {
    loop {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let file = options.open(path)?;
        let file = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno)?;
        if is_at(&file, path) {
            return Ok(file);
        }
    }
}

/// Puts a file in place of `file` that has the whole lines among its last `kept` bytes.
fn shorten(file: &mut File, path: &Path, kept: u64) -> io::Result<()> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    let kept = usize::try_from(kept).unwrap_or(usize::MAX);
    let from = bytes.len().saturating_sub(kept);
    let cut = bytes[..from].last().is_some_and(|&byte| byte != b'\n');
    let end = bytes[from..].iter().position(|&byte| byte == b'\n');
    let tail = &bytes[from + end.filter(|_| cut).map_or(0, |end| end + 1)..];
    let temporary = path.with_extension("jsonl.new");
    private_file(&temporary)?.write_all(tail)?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
