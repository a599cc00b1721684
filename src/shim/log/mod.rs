//! The serial log: `console.log` and its older half `console.log.1`, addressed by the offset that a
//! byte has in all serial output since the VM was made.
//!
//! There is one writer, the shim; anybody may read. The offset at which each file begins and the
//! time of its bytes are in `console.idx`, see [`index`].

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::vm::VmPaths;

pub mod index;
mod segment;

use index::Index;
pub use index::When;
use segment::{Run, Segment};

/// Each of the two files holds at most this many bytes; a single read is never split over both.
pub const FILE_CAP: u64 = 4 << 20;

/// How much is read at once of a longer range, in bytes.
const CHUNK: usize = 1 << 20;

/// The line that stands where bytes are missing is shorter than this, in bytes.
const LONGEST_MARK: usize = 64;

/// A piece of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Offset of its first byte.
    pub offset: u64,
    /// When it came.
    pub when: When,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// The log as it stood when it was opened, for reading.
#[derive(Debug)]
pub struct Reader {
    older: Option<Segment>,
    current: Option<Segment>,
    index: Index,
}

impl Reader {
    /// Opens what there is; a VM that never printed has an empty log.
    pub fn open(paths: &VmPaths) -> io::Result<Self> {
        // When the log is rotated between two steps, not all that was opened belongs together.
        const TRIES: usize = 4;
        let mut opened = Self::open_once(paths)?;
        for _ in 1..TRIES {
            if opened.1 {
                break;
            }
            opened = Self::open_once(paths)?;
        }
        Ok(opened.0)
    }

    /// Opens it, and whether the index knows either all of the files or, as after the directory was
    /// copied, none.
    fn open_once(paths: &VmPaths) -> io::Result<(Self, bool)> {
        let index = Index::load(&paths.console_idx)?;
        let open = |path: &Path| match File::open(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        let current = open(&paths.console_log)?;
        let older = open(&older_path(&paths.console_log))?;
        let mut known = Vec::new();
        for file in [&older, &current].into_iter().flatten() {
            let inode = file.metadata()?.ino();
            known.push(index.files().iter().any(|(_, of)| *of == inode));
        }
        let is_whole = known.iter().all(|it| *it) || !known.contains(&true);
        Ok((Self::assemble(index, older, current)?, is_whole))
    }

    fn assemble(index: Index, older: Option<File>, current: Option<File>) -> io::Result<Self> {
        let bases = index.files();
        // The last two files of the index are these, unless a crash came between two steps of a
        // rotation; the inode tells then. After the directory was copied only the order is left.
        let base = |file: &File, by_order: Option<u64>| -> io::Result<(u64, bool)> {
            let inode = file.metadata()?.ino();
            let known = bases.iter().rev().find(|(_, of)| *of == inode);
            Ok((
                known.map_or(by_order.unwrap_or(0), |(base, _)| *base),
                known.is_some(),
            ))
        };
        let by_order = |back: usize| {
            let position = bases.len().checked_sub(back)?;
            Some(bases.get(position)?.0)
        };
        let segment = |file: File, base| {
            let next = bases
                .iter()
                .map(|(next, _)| *next)
                .find(|&next| next > base);
            Segment::new(file, base, &index.runs(base, next.unwrap_or(u64::MAX)))
        };
        let older = match older {
            Some(file) => {
                let (base, _) = base(&file, by_order(2))?;
                Some(segment(file, base)?)
            }
            None => None,
        };
        let current = match current {
            Some(file) => {
                let (mut base, known) = base(&file, by_order(1))?;
                let unordered = by_order(1).is_none();
                if !known && (unordered || file.metadata()?.len() == 0) {
                    base = older.as_ref().map_or(base, Segment::end);
                }
                Some(segment(file, base)?)
            }
            None => None,
        };
        Ok(Self {
            older,
            current,
            index,
        })
    }

    /// Offset of the oldest byte that is kept.
    pub fn oldest(&self) -> u64 {
        self.older
            .as_ref()
            .or(self.current.as_ref())
            .map_or(0, Segment::base)
    }

    /// Offset right after the newest byte.
    pub fn end(&self) -> u64 {
        self.current
            .as_ref()
            .or(self.older.as_ref())
            .map_or(0, Segment::end)
    }

    /// When the byte at `offset` came, if that was noted.
    pub fn when(&self, offset: u64) -> Option<When> {
        self.index.when(offset)
    }

    /// The first offset after `offset` whose byte came at another time.
    pub fn next_time(&self, offset: u64) -> Option<u64> {
        self.index.next_mark(offset)
    }

    /// Where the output stood `t_us` µs after *spawned* of `boot`: bytes before that offset had come.
    pub fn stood_at(&self, boot: u32, t_us: u64) -> u64 {
        let after = self.index.after(boot, t_us);
        after.map_or(self.end(), |after| after.min(self.end()))
    }

    /// Rows and columns of the guest's terminal when the byte at `offset` came, if they were noted.
    pub fn size(&self, offset: u64) -> Option<(u16, u16)> {
        self.index.size(offset)
    }

    /// The first offset after `offset` from which on the terminal has another size.
    pub fn next_size(&self, offset: u64) -> Option<u64> {
        self.index.next_size(offset)
    }

    /// What is kept of these offsets; `hole` says what stands where bytes are missing in between.
    pub fn read_range(
        &self,
        offsets: Range<u64>,
        hole: impl Fn(u64) -> String,
    ) -> io::Result<Vec<u8>> {
        let (mut at, mut kept) = (offsets.start, Vec::new());
        while at < offsets.end
            && let Some(chunk) = self.read(at, CHUNK)?
            && chunk.offset < offsets.end
        {
            if !kept.is_empty() && chunk.offset > at {
                kept.extend(hole(chunk.offset - at).bytes());
            }
            let wanted = usize::try_from(offsets.end - chunk.offset).unwrap_or(usize::MAX);
            let got = chunk.bytes.len();
            kept.extend_from_slice(&chunk.bytes[..wanted.min(got)]);
            at = chunk.offset + got as u64;
        }
        Ok(kept)
    }

    /// Up to `longest` bytes from `offset` on, whenever they came; it ends early at a hole.
    pub fn read_across(&self, offset: u64, longest: usize) -> io::Result<Option<Chunk>> {
        let Some(mut chunk) = self.read(offset, longest)? else {
            return Ok(None);
        };
        while chunk.bytes.len() < longest {
            let at = chunk.offset + chunk.bytes.len() as u64;
            match self.read(at, longest - chunk.bytes.len())? {
                Some(next) if next.offset == at => chunk.bytes.extend(next.bytes),
                _ => break,
            }
        }
        Ok(Some(chunk))
    }

    /// Up to `longest` bytes that came at one time, from `offset` or the first byte after it that
    /// is kept. `None` at the end.
    pub fn read(&self, offset: u64, longest: usize) -> io::Result<Option<Chunk>> {
        let segments = [&self.older, &self.current].into_iter().flatten();
        for (segment, run) in segments.flat_map(|it| it.runs.iter().map(move |run| (it, run))) {
            if offset >= run.end() {
                continue;
            }
            let offset = offset.max(run.offset);
            let until = self
                .index
                .next_mark(offset)
                .unwrap_or(u64::MAX)
                .min(run.end());
            let length = usize::try_from(until - offset)
                .unwrap_or(longest)
                .min(longest);
            let mut bytes = vec![0; length];
            let got = segment
                .file
                .read_at(&mut bytes, run.at + (offset - run.offset))?;
            if got == 0 {
                // Somebody shortened the file: what was in it is gone.
                continue;
            }
            bytes.truncate(got);
            return Ok(Some(Chunk {
                offset,
                when: self.index.when(offset).unwrap_or_default(),
                bytes,
            }));
        }
        Ok(None)
    }
}

/// The log for its one writer.
#[derive(Debug)]
pub struct Log {
    reader: Reader,
    path: PathBuf,
    /// Offset of the next byte. It goes on also when the disk does not take what comes.
    end: u64,
    cap: u64,
}

impl Log {
    /// Opens the log, or begins it. Call it only under the VM's lock.
    pub fn open(paths: &VmPaths) -> io::Result<Self> {
        Self::with_cap(paths, FILE_CAP)
    }

    fn with_cap(paths: &VmPaths, cap: u64) -> io::Result<Self> {
        let mut reader = Reader::open(paths)?;
        let end = reader.end();
        reader.index.open_for_writing(&paths.console_idx)?;
        let mut log = Self {
            reader,
            path: paths.console_log.clone(),
            end,
            cap,
        };
        match &mut log.reader.current {
            // Read handles cannot write; the file stays the same one.
            Some(current) => current.file = append_to(&log.path)?,
            None => log.begin_file(end)?,
        }
        Ok(log)
    }

    /// What is in the log.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Offset of the next byte.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Appends bytes. When it fails the bytes
    /// are missing in the files, their offsets are used up all the same, and what is kept stays; the
    /// next bytes that the disk takes come after a line that says how many are missing.
    pub fn append(&mut self, bytes: &[u8], when: When) -> io::Result<()> {
        let offset = self.end;
        self.end += bytes.len() as u64;
        self.write(offset, bytes, when)
    }

    fn write(&mut self, offset: u64, bytes: &[u8], when: When) -> io::Result<()> {
        let full = self.reader.current.as_ref().is_none_or(|current| {
            current.len > 0 && current.len + (LONGEST_MARK + bytes.len()) as u64 > self.cap
        });
        if full {
            self.rotate()?;
        }
        let Some(current) = &mut self.reader.current else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if let Some(missing) = current.missing_before(offset) {
            let mark = missing_mark(missing);
            let begin = index::Run {
                offset,
                at: current.len + mark.len() as u64,
                mark: mark.len() as u64,
            };
            // Noted first: whoever finds the note without the bytes knows where they would be.
            self.reader.index.note_run(begin)?;
            current.append(&[mark.as_bytes(), bytes].concat())?;
            current.runs.push(Run {
                offset,
                at: begin.at,
                len: bytes.len() as u64,
            });
        } else {
            current.append(bytes)?;
            if let Some(run) = current.runs.last_mut() {
                run.len += bytes.len() as u64;
            }
        }
        // The bytes count, also when nobody will know when they came.
        let _ = self.reader.index.mark(offset, when);
        Ok(())
    }

    /// Leaves out bytes up to `offset`: nobody has them any more.
    pub fn skip_to(&mut self, offset: u64) {
        self.end = self.end.max(offset);
    }

    /// Notes the size that the guest's terminal has from here on.
    pub fn note_size(&mut self, rows: u16, columns: u16) -> io::Result<()> {
        self.reader.index.note_size(self.end, rows, columns)
    }

    /// Offset of the first byte of `gap.log`, as it was last noted.
    pub fn gap_base(&self) -> Option<u64> {
        self.reader.index.gap_base()
    }

    /// Notes that `gap.log` begins at `offset`.
    pub fn note_gap_base(&mut self, offset: u64) -> io::Result<()> {
        self.reader.index.note_gap_base(offset)
    }

    /// Makes the current file the older one and begins another.
    fn rotate(&mut self) -> io::Result<()> {
        let base = self.reader.end();
        if self.reader.current.is_some() {
            fs::rename(&self.path, older_path(&self.path))?;
            self.reader.older = self.reader.current.take();
        }
        let kept = self.reader.older.as_ref().map_or(base, Segment::base);
        self.reader.index.forget_before(kept)?;
        self.begin_file(base)
    }

    fn begin_file(&mut self, base: u64) -> io::Result<()> {
        let file = append_to(&self.path)?;
        self.reader.index.note_file(base, file.metadata()?.ino())?;
        self.reader.current = Some(Segment::new(file, base, &[])?);
        Ok(())
    }
}

/// The line for people that stands where bytes are missing.
pub fn missing_mark(bytes: u64) -> String {
    format!("\r\n[{bytes} bytes of output are missing here]\r\n")
}

fn older_path(path: &Path) -> PathBuf {
    path.with_extension("log.1")
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
