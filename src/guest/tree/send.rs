//! What is on disk, as a stream.

use std::fs::{self, File, Metadata, OpenOptions, ReadDir};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::libc;

use super::{DEEPEST, MOST_LEFT_OUT, Progress, Sum, kind};

/// Goes through a file or a directory with all below it.
pub(crate) struct Sender {
    /// What is still to be said of the item at hand.
    pending: Vec<u8>,
    /// The file at hand, its path, and what is left of it.
    file: Option<(File, PathBuf, u64, Sum)>,
    /// The directories that were entered.
    entered: Vec<(ReadDir, PathBuf)>,
    done: bool,
    progress: Progress,
    left_out: Vec<String>,
}

impl Sender {
    /// For the item at `path`, whose name the receiver is told; a link at its end is followed.
    pub(crate) fn new(path: &Path) -> Result<Self, String> {
        let metadata = fs::metadata(path).map_err(told("read", path))?;
        let mut sender = Self {
            pending: Vec::new(),
            file: None,
            entered: Vec::new(),
            done: false,
            progress: Progress::default(),
            left_out: Vec::new(),
        };
        let name = path.file_name().map_or(&b"root"[..], OsStrExt::as_bytes);
        sender.progress.size = metadata.is_file().then_some(metadata.len());
        sender.begin(path.to_owned(), name, &metadata)?;
        Ok(sender)
    }

    /// How much was read.
    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }

    /// What was neither file nor directory nor link, by path, as many as are kept.
    pub(crate) fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Fills `buffer` as far as there is something; 0 at the end.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, String> {
        let mut filled = 0;
        while filled < buffer.len() {
            let room = &mut buffer[filled..];
            if !self.pending.is_empty() {
                let count = room.len().min(self.pending.len());
                room[..count].copy_from_slice(&self.pending[..count]);
                self.pending.drain(..count);
                filled += count;
            } else if self.file.is_some() {
                filled += self.read(room)?;
            } else if self.done {
                break;
            } else {
                self.go_on()?;
            }
        }
        Ok(filled)
    }

    /// Reads on in the file at hand.
    fn read(&mut self, room: &mut [u8]) -> Result<usize, String> {
        let Some((file, path, left, sum)) = &mut self.file else {
            return Ok(0);
        };
        let longest = usize::try_from(*left).unwrap_or(usize::MAX).min(room.len());
        let count = if longest == 0 {
            0
        } else {
            file.read(&mut room[..longest])
                .map_err(told("read", path))?
        };
        if count == 0 && *left > 0 {
            let path = path.display();
            return Err(format!("`{path}` became shorter while it was read"));
        }
        sum.add(&room[..count]);
        *left -= count as u64;
        self.progress.bytes += count as u64;
        if *left == 0 {
            let sum = sum.finish();
            self.pending.extend(sum.to_le_bytes());
            self.file = None;
        }
        Ok(count)
    }

    /// Turns to the next item.
    fn go_on(&mut self) -> Result<(), String> {
        let Some((entries, directory)) = self.entered.last_mut() else {
            self.pending.push(kind::END);
            self.done = true;
            return Ok(());
        };
        let Some(entry) = entries.next() else {
            self.entered.pop();
            self.pending.push(kind::UP);
            return Ok(());
        };
        let entry = entry.map_err(told("read", directory))?;
        let path = entry.path();
        match entry.metadata() {
            Ok(metadata) => self.begin(path, entry.file_name().as_bytes(), &metadata),
            // It was removed since the directory was read.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(told("read", &path)(error)),
        }
    }

    /// Says what an item is and makes ready to say what it holds.
    fn begin(&mut self, path: PathBuf, name: &[u8], metadata: &Metadata) -> Result<(), String> {
        self.progress.items += 1;
        let kind = metadata.file_type();
        let out = &mut self.pending;
        let times = |out: &mut Vec<u8>| {
            out.extend(metadata.mtime().to_le_bytes());
            let nanoseconds = u32::try_from(metadata.mtime_nsec()).unwrap_or(0);
            out.extend(nanoseconds.to_le_bytes());
        };
        if kind.is_file() {
            // Not a FIFO that took its place, which would be waited for.
            let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
            let file = OpenOptions::new()
                .read(true)
                .custom_flags(flags)
                .open(&path);
            let file = file.map_err(told("read", &path))?;
            out.push(kind::FILE);
            out.extend((metadata.mode() & 0o7777).to_le_bytes());
            times(out);
            out.extend(metadata.len().to_le_bytes());
            string(out, name);
            self.file = Some((file, path, metadata.len(), Sum::default()));
        } else if kind.is_dir() {
            if self.entered.len() >= DEEPEST {
                let path = path.display();
                return Err(format!("`{path}` lies deeper than {DEEPEST} directories"));
            }
            let entries = fs::read_dir(&path).map_err(told("read", &path))?;
            out.push(kind::DIRECTORY);
            out.extend((metadata.mode() & 0o7777).to_le_bytes());
            times(out);
            string(out, name);
            self.entered.push((entries, path));
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).map_err(told("read", &path))?;
            out.push(kind::LINK);
            times(out);
            string(out, name);
            string(out, target.as_os_str().as_bytes());
        } else {
            out.push(kind::OTHER);
            string(out, name);
            if self.left_out.len() < MOST_LEFT_OUT {
                self.left_out.push(path.display().to_string());
            }
        }
        Ok(())
    }
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Why something with a path failed.
pub(super) fn told(what: &str, path: &Path) -> impl FnOnce(std::io::Error) -> String {
    let what = format!("could not {what} `{}`", path.display());
    move |error| format!("{what}: {error}")
}
