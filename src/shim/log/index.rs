//! `console.idx`: where each file of the log begins, and when its bytes came.
//!
//! Records of 24 bytes, little-endian: `u64 offset, u64 value, u32 boot, u32 kind`. Kind 0: the
//! bytes from `offset` came `value` µs after *spawned* of `boot`. Kind 1: the file with inode
//! `value` begins at `offset`. Kind 2: `gap.log` begins at `offset`. Kind 3: bytes are missing before
//! `offset`; those from there on stand in the file from position `value` on, behind a line of `boot`
//! bytes that tells people so. Kind 4: as kind 0, but nobody listened when the bytes came: `value`
//! is when they were found. Kind 5: from `offset` on the guest's terminal has `value` rows << 16 |
//! columns. Others are passed over. The file is appended to, and rewritten at each rotation without
//! what the log has forgotten, so it stays below 2 MiB.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The size of a record in bytes.
pub(super) const RECORD: usize = 24;

/// A time is noted when this many bytes came since the one before, or this many µs passed. Output
/// pays for its notes: for each [`DEARER`] of them that a file has beyond one for [`PAID_BYTES`],
/// the time that must pass doubles. So a guest that prints a byte now and then cannot make the index
/// longer than its log, and what follows a long silence is noted all the same.
const FINE_US: u64 = 2_000;
const COARSE_BYTES: u64 = 4096;
const PAID_BYTES: u64 = 256;
const DEARER: u64 = 1024;

/// Sizes that are noted in one file at most: only people change them.
const MOST_SIZES: usize = 4096;

/// An index beyond this is not ours: no more than that is read.
const LONGEST: u64 = 4 << 20;

const MARK: u32 = 0;
const FILE: u32 = 1;
const GAP: u32 = 2;
const RUN: u32 = 3;
const MISSED: u32 = 4;
const SIZE: u32 = 5;

/// When bytes came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// Ordinal of their boot.
    pub boot: u32,
    /// µs since *spawned* of that boot.
    pub t_us: u64,
    /// Nobody listened when they came: they did by `t_us`, and not before what stands before them.
    pub missed: bool,
}

#[cfg(test)]
impl When {
    /// As it came.
    pub(crate) fn at(boot: u32, t_us: u64) -> Self {
        Self {
            boot,
            t_us,
            missed: false,
        }
    }
}

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
    /// In the order of their offsets.
    sizes: Vec<Record>,
    /// Marks since the current file began.
    fine: u64,
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
        index.sizes.sort_by_key(|size| size.offset);
        Ok(index)
    }

    fn take(&mut self, record: Record) {
        match record.kind {
            MARK | MISSED => {
                self.fine += 1;
                self.marks.push(record);
            }
            FILE => {
                self.fine = 0;
                self.files.push(record);
            }
            GAP => self.gap = Some(record),
            RUN => self.runs.push(record),
            SIZE if self.sizes.len() < MOST_SIZES => self.sizes.push(record),
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
    pub(super) fn mark(&mut self, offset: u64, when: When) -> io::Result<()> {
        let begin = self.files.last().map_or(0, |file| file.offset);
        let paid = offset.saturating_sub(begin) / PAID_BYTES;
        let doubled = self.fine.saturating_sub(paid) / DEARER;
        let step = FINE_US << doubled.min(40);
        let worth = self.marks.last().is_none_or(|last| {
            let other = last.boot != when.boot || (last.kind == MISSED) != when.missed;
            let later = when.t_us.abs_diff(last.value) >= step;
            other || later || offset.saturating_sub(last.offset) >= COARSE_BYTES
        });
        if !worth {
            return Ok(());
        }
        self.append(Record {
            offset,
            value: when.t_us,
            boot: when.boot,
            kind: if when.missed { MISSED } else { MARK },
        })
    }

    pub(super) fn when(&self, offset: u64) -> Option<When> {
        let after = self.marks.partition_point(|mark| mark.offset <= offset);
        let mark = self.marks.get(after.checked_sub(1)?)?;
        Some(When {
            boot: mark.boot,
            t_us: mark.value,
            missed: mark.kind == MISSED,
        })
    }

    /// The last offset at which the output of `boot` had come by `t_us`: where the next mark of it is,
    /// or a later boot begins; `None` when nothing noted is later.
    pub(super) fn after(&self, boot: u32, t_us: u64) -> Option<u64> {
        let later = |mark: &Record| (mark.boot, mark.value) > (boot, t_us);
        let first = self.marks.partition_point(|mark| !later(mark));
        self.marks.get(first).map(|mark| mark.offset)
    }

    /// Rows and columns of the guest's terminal where the byte at `offset` came, if they were noted.
    pub(super) fn size(&self, offset: u64) -> Option<(u16, u16)> {
        let after = self.sizes.partition_point(|size| size.offset <= offset);
        let size = self.sizes.get(after.checked_sub(1)?)?.value;
        let part = |value: u64| u16::try_from(value & 0xffff).unwrap_or(0);
        Some((part(size >> 16), part(size)))
    }

    /// The first offset after `offset` at which the terminal has another size.
    pub(super) fn next_size(&self, offset: u64) -> Option<u64> {
        let after = self.sizes.partition_point(|size| size.offset <= offset);
        self.sizes.get(after).map(|size| size.offset)
    }

    pub(super) fn note_size(&mut self, offset: u64, rows: u16, columns: u16) -> io::Result<()> {
        if self.size(offset) == Some((rows, columns)) || self.sizes.len() >= MOST_SIZES {
            return Ok(());
        }
        self.append(Record {
            offset,
            value: u64::from(rows) << 16 | u64::from(columns),
            boot: 0,
            kind: SIZE,
        })
    }

    /// The first offset after `offset` at which another time begins.
    pub(super) fn next_mark(&self, offset: u64) -> Option<u64> {
        let after = self.marks.partition_point(|mark| mark.offset <= offset);
        self.marks.get(after).map(|mark| mark.offset)
    }

    /// Forgets what was noted of offsets before `oldest`.
    pub(super) fn forget_before(&mut self, oldest: u64) -> io::Result<()> {
        // The mark before the first kept byte tells its time, and the size before it its size.
        for records in [&mut self.marks, &mut self.sizes] {
            let after = records.partition_point(|record| record.offset <= oldest);
            records.drain(..after.saturating_sub(1));
        }
        self.files.retain(|file| file.offset >= oldest);
        self.runs.retain(|run| run.offset >= oldest);
        let Some((path, _)) = self.writer.take() else {
            return Ok(());
        };
        let records = self.files.iter().chain(&self.runs);
        let records = records.chain(&self.sizes);
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

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
