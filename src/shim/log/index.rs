//! `console.idx`: where each file of the log begins, and when its bytes came.
//!
//! Records of 24 bytes, little-endian: `u64 offset, u64 value, u32 boot, u32 kind`. Kind 0: the
//! bytes from `offset` came `value` µs after *spawned* of `boot`. Kind 1: the file with inode
//! `value` begins at `offset`. Kind 2: `gap.log` begins at `offset`. Kind 3: bytes are missing before
//! `offset`; those from there on stand in the file from position `value` on, behind a line of `boot`
//! bytes that tells people so. Others are passed over. The file is appended to, and rewritten at each rotation without what the log has forgotten, so it
//! stays below half a MiB.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The size of a record in bytes.
pub(super) const RECORD: usize = 24;

/// A time is noted when this many µs passed since the one before …
const FINE_US: u64 = 2_000;
/// … or this many bytes came; after [`FINE_MARKS`] of a file's marks only the latter counts.
const COARSE_BYTES: u64 = 4096;
const FINE_MARKS: usize = 8192;

/// An index beyond this is not ours: no more than that is read.
const LONGEST: u64 = 4 << 20;

const MARK: u32 = 0;
const FILE: u32 = 1;
const GAP: u32 = 2;
const RUN: u32 = 3;

/// Where the bytes after missing ones stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Offset of the first of them.
    pub(super) offset: u64,
    /// Its position in the file that holds it.
    pub(super) at: u64,
    /// Length of the line before it that is no output.
    pub(super) mark: u64,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    offset: u64,
    value: u64,
    boot: u32,
    kind: u32,
}

impl Record {
    fn to_bytes(self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        bytes[..8].copy_from_slice(&self.offset.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.value.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.boot.to_le_bytes());
        bytes[20..].copy_from_slice(&self.kind.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (offset, rest) = bytes.split_first_chunk()?;
        let (value, rest) = rest.split_first_chunk()?;
        let (boot, rest) = rest.split_first_chunk()?;
        let (kind, _) = rest.split_first_chunk()?;
        Some(Self {
            offset: u64::from_le_bytes(*offset),
            value: u64::from_le_bytes(*value),
            boot: u32::from_le_bytes(*boot),
            kind: u32::from_le_bytes(*kind),
        })
    }
}

/// The index, in memory and on disk.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// In the order of their offsets.
    marks: Vec<Record>,
    /// In the order in which they were begun.
    files: Vec<Record>,
    gap: Option<Record>,
    /// In the order of their offsets.
    runs: Vec<Record>,
    /// Marks since the current file began.
    fine: usize,
    writer: Option<(PathBuf, File)>,
}

impl Index {
    pub(super) fn load(path: &Path) -> io::Result<Self> {
        let mut index = Self::default();
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(file) => file.take(LONGEST).read_to_end(&mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        for record in bytes.chunks_exact(RECORD).filter_map(Record::from_bytes) {
            index.take(record);
        }
        index.marks.sort_by_key(|mark| mark.offset);
        Ok(index)
    }

    fn take(&mut self, record: Record) {
        match record.kind {
            MARK => {
                self.fine += 1;
                self.marks.push(record);
            }
            FILE => {
                self.fine = 0;
                self.files.push(record);
            }
            GAP => self.gap = Some(record),
            RUN => self.runs.push(record),
            _ => {}
        }
    }

    pub(super) fn open_for_writing(&mut self, path: &Path) -> io::Result<()> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        // A record that was cut off by a crash would shift all that follow.
        let length = file.metadata()?.len();
        file.set_len(length - length % RECORD as u64)?;
        self.writer = Some((path.to_owned(), file));
        Ok(())
    }

    fn append(&mut self, record: Record) -> io::Result<()> {
        if let Some((_, file)) = &mut self.writer
            && let Err(error) = file.write_all(&record.to_bytes())
        {
            // Nor is it noted in memory: on a full disk a guest that prints would fill that instead.
            let length = file.metadata()?.len();
            file.set_len(length - length % RECORD as u64)?;
            return Err(error);
        }
        self.take(record);
        Ok(())
    }

    /// Offset and inode of each file that was begun and not forgotten.
    pub(super) fn files(&self) -> Vec<(u64, u64)> {
        self.files
            .iter()
            .map(|record| (record.offset, record.value))
            .collect()
    }

    pub(super) fn note_file(&mut self, offset: u64, inode: u64) -> io::Result<()> {
        self.append(Record {
            offset,
            value: inode,
            boot: 0,
            kind: FILE,
        })
    }

    /// The runs with offsets after `base` and before `next`.
    pub(super) fn runs(&self, base: u64, next: u64) -> Vec<Run> {
        self.runs
            .iter()
            .filter(|record| (base..next).contains(&record.offset))
            .map(|record| Run {
                offset: record.offset,
                at: record.value,
                mark: record.boot.into(),
            })
            .collect()
    }

    pub(super) fn note_run(&mut self, run: Run) -> io::Result<()> {
        self.append(Record {
            offset: run.offset,
            value: run.at,
            boot: u32::try_from(run.mark).unwrap_or(0),
            kind: RUN,
        })
    }

    pub(super) fn gap_base(&self) -> Option<u64> {
        self.gap.map(|record| record.offset)
    }

    pub(super) fn note_gap_base(&mut self, offset: u64) -> io::Result<()> {
        self.append(Record {
            offset,
            value: 0,
            boot: 0,
            kind: GAP,
        })
    }

    /// Notes when the bytes from `offset` came, if that says more than the mark before.
    pub(super) fn mark(&mut self, offset: u64, boot: u32, t_us: u64) -> io::Result<()> {
        let worth = self.marks.last().is_none_or(|last| {
            let later = t_us.abs_diff(last.value) >= FINE_US && self.fine < FINE_MARKS;
            last.boot != boot || later || offset.saturating_sub(last.offset) >= COARSE_BYTES
        });
        if !worth {
            return Ok(());
        }
        self.append(Record {
            offset,
            value: t_us,
            boot,
            kind: MARK,
        })
    }

    pub(super) fn time_of(&self, offset: u64) -> Option<(u32, u64)> {
        let after = self.marks.partition_point(|mark| mark.offset <= offset);
        let mark = self.marks.get(after.checked_sub(1)?)?;
        Some((mark.boot, mark.value))
    }

    /// The first offset after `offset` at which another time begins.
    pub(super) fn next_mark(&self, offset: u64) -> Option<u64> {
        let after = self.marks.partition_point(|mark| mark.offset <= offset);
        self.marks.get(after).map(|mark| mark.offset)
    }

    /// Forgets what was noted of offsets before `oldest`.
    pub(super) fn forget_before(&mut self, oldest: u64) -> io::Result<()> {
        // The mark before the first kept byte tells its time.
        let first = self
            .marks
            .partition_point(|mark| mark.offset <= oldest)
            .saturating_sub(1);
        self.marks.drain(..first);
        self.files.retain(|file| file.offset >= oldest);
        self.runs.retain(|run| run.offset >= oldest);
        let Some((path, _)) = self.writer.take() else {
            return Ok(());
        };
        let records = self.files.iter().chain(&self.runs);
        let records = records.chain(&self.marks).chain(&self.gap);
        let mut bytes = Vec::with_capacity((self.marks.len() + 3) * RECORD);
        for record in records {
            bytes.extend(record.to_bytes());
        }
        let temporary = path.with_extension("idx.new");
        let rewritten = fs::write(&temporary, &bytes).and_then(|()| fs::rename(&temporary, &path));
        // Also when it failed: the old file says the same and more.
        self.open_for_writing(&path)?;
        rewritten
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_a_full_disk_does_not_take_is_not_kept_in_memory_either() {
        let full = PathBuf::from("/dev/full");
        let file = OpenOptions::new().write(true).open(&full).unwrap();
        let mut index = Index {
            writer: Some((full, file)),
            ..Index::default()
        };
        assert!(index.note_file(0, 7).is_err());
        assert!(index.mark(0, 1, 0).is_err());
        assert_eq!((index.files(), index.time_of(0)), (Vec::new(), None));
    }
}
