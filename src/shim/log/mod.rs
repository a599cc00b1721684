//! The serial log: `console.log` and its older half `console.log.1`, addressed by the offset that a
//! byte has in all serial output since the VM was made.
//!
//! There is one writer, the shim; anybody may read. The offset at which each file begins and the
//! time of its bytes are in `console.idx`, see [`index`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::vm::VmPaths;

pub mod index;

use index::Index;

/// Each of the two files holds at most this many bytes; a single read is never split over both.
pub const FILE_CAP: u64 = 4 << 20;

/// One file of the log.
#[derive(Debug)]
struct Segment {
    file: File,
    /// Offset of its first byte.
    base: u64,
    /// Bytes in it.
    len: u64,
}

impl Segment {
    fn end(&self) -> u64 {
        self.base + self.len
    }
}

/// A piece of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Offset of its first byte.
    pub offset: u64,
    /// When it came: µs since *spawned* of its boot.
    pub t_us: u64,
    /// Ordinal of its boot.
    pub boot: u32,
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
        let index = Index::load(&paths.console_idx)?;
        let open = |path: &Path| match File::open(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        let current = open(&paths.console_log)?;
        let older = open(&older_path(&paths.console_log))?;
        Self::assemble(index, older, current)
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
        let segment = |file: File, base| -> io::Result<Segment> {
            let len = file.metadata()?.len();
            Ok(Segment { file, base, len })
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
                if !known && file.metadata()?.len() == 0 {
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
            .map_or(0, |segment| segment.base)
    }

    /// Offset right after the newest byte.
    pub fn end(&self) -> u64 {
        self.current
            .as_ref()
            .or(self.older.as_ref())
            .map_or(0, Segment::end)
    }

    /// Boot and time of the byte at `offset`, if they were noted.
    pub fn time_of(&self, offset: u64) -> Option<(u32, u64)> {
        self.index.time_of(offset)
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
        for segment in [&self.older, &self.current].into_iter().flatten() {
            if offset >= segment.end() {
                continue;
            }
            let offset = offset.max(segment.base);
            let until = self
                .index
                .next_mark(offset)
                .unwrap_or(u64::MAX)
                .min(segment.end());
            let length = usize::try_from(until - offset)
                .unwrap_or(longest)
                .min(longest);
            let mut bytes = vec![0; length];
            let got = segment.file.read_at(&mut bytes, offset - segment.base)?;
            if got == 0 {
                // Somebody shortened the file: what was in it is gone.
                continue;
            }
            bytes.truncate(got);
            let (boot, t_us) = self.index.time_of(offset).unwrap_or((0, 0));
            return Ok(Some(Chunk {
                offset,
                t_us,
                boot,
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
    /// The files do not hold all bytes up to `end`: the next ones begin a new file.
    torn: bool,
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
            torn: false,
            cap,
        };
        match &mut log.reader.current {
            // Read handles cannot write; the file stays the same one.
            Some(current) => current.file = append_to(&log.path)?,
            None => log.begin_file()?,
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

    /// Appends bytes that came `t_us` µs after *spawned* of boot `boot`. When it fails the bytes
    /// are missing in the files, their offsets are used up all the same.
    pub fn append(&mut self, bytes: &[u8], boot: u32, t_us: u64) -> io::Result<()> {
        let offset = self.end;
        self.end += bytes.len() as u64;
        let written = self.write(offset, bytes, boot, t_us);
        if written.is_err() {
            self.torn = true;
        }
        written
    }

    fn write(&mut self, offset: u64, bytes: &[u8], boot: u32, t_us: u64) -> io::Result<()> {
        let full =
            self.reader.current.as_ref().is_none_or(|current| {
                current.len > 0 && current.len + bytes.len() as u64 > self.cap
            });
        if full || self.torn {
            self.rotate(offset)?;
        }
        self.reader.index.mark(offset, boot, t_us)?;
        let Some(current) = &mut self.reader.current else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if let Err(error) = current.file.write_all(bytes) {
            // Half a write would shift every later offset.
            let _ = current.file.set_len(current.len);
            return Err(error);
        }
        current.len += bytes.len() as u64;
        Ok(())
    }

    /// Leaves out bytes up to `offset`: nobody has them any more.
    pub fn skip_to(&mut self, offset: u64) {
        if offset > self.end {
            self.end = offset;
            self.torn = true;
        }
    }

    /// Offset of the first byte of `gap.log`, as it was last noted.
    pub fn gap_base(&self) -> Option<u64> {
        self.reader.index.gap_base()
    }

    /// Notes that `gap.log` begins at `offset`.
    pub fn note_gap_base(&mut self, offset: u64) -> io::Result<()> {
        self.reader.index.note_gap_base(offset)
    }

    /// Makes the current file the older one and begins another at `base`.
    fn rotate(&mut self, base: u64) -> io::Result<()> {
        match &self.reader.current {
            Some(current) if current.len == 0 => {
                fs::remove_file(&self.path)?;
                self.reader.current = None;
            }
            Some(_) => {
                fs::rename(&self.path, older_path(&self.path))?;
                self.reader.older = self.reader.current.take();
            }
            None => {}
        }
        let kept = self.reader.older.as_ref().map_or(base, |older| older.base);
        self.reader.index.forget_before(kept)?;
        let end = std::mem::replace(&mut self.end, base);
        let begun = self.begin_file();
        self.end = end;
        if begun.is_ok() {
            self.torn = false;
        }
        begun
    }

    fn begin_file(&mut self) -> io::Result<()> {
        let file = append_to(&self.path)?;
        let meta = file.metadata()?;
        self.reader.index.note_file(self.end, meta.ino())?;
        self.reader.current = Some(Segment {
            file,
            base: self.end,
            len: meta.len(),
        });
        Ok(())
    }
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
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, VmPaths) {
        let dir = tempfile::tempdir().unwrap();
        let store = crate::vm::Store::locate(Some(dir.path())).unwrap();
        let paths = store.paths(&"web".parse().unwrap());
        fs::create_dir_all(&paths.dir).unwrap();
        (dir, paths)
    }

    /// All that is kept from `offset` on, with the offset at which it really begins.
    fn all(reader: &Reader, mut offset: u64) -> (u64, Vec<u8>) {
        let mut begin = None;
        let mut bytes = Vec::new();
        while let Some(chunk) = reader.read(offset, 1000).unwrap() {
            begin.get_or_insert(chunk.offset);
            offset = chunk.offset + chunk.bytes.len() as u64;
            bytes.extend(chunk.bytes);
        }
        (begin.unwrap_or(offset), bytes)
    }

    #[test]
    fn offsets_stay_exact_over_rotation_and_over_new_writers() {
        let (_dir, paths) = place();
        let mut random = fastrand::Rng::with_seed(3);
        let mut truth: Vec<u8> = Vec::new();
        for _ in 0..30 {
            let mut log = Log::with_cap(&paths, 2000).unwrap();
            assert_eq!(log.end(), truth.len() as u64);
            for _ in 0..random.usize(0..20) {
                let bytes: Vec<u8> = (0..random.usize(1..400)).map(|_| random.u8(..)).collect();
                log.append(&bytes, 1, truth.len() as u64).unwrap();
                truth.extend(bytes);
            }
            let oldest = log.reader().oldest();
            assert!(log.end() - oldest <= 4000);
            assert_eq!(oldest == 0, truth.len() <= 4000 || oldest == 0);
            let from = random.u64(0..=log.end());
            let (begin, bytes) = all(log.reader(), from);
            assert_eq!(begin, from.max(oldest));
            assert!(bytes == truth[usize::try_from(begin).unwrap()..]);
            let reader = Reader::open(&paths).unwrap();
            assert_eq!((reader.oldest(), reader.end()), (oldest, log.end()));
            assert_eq!(all(&reader, from).1, bytes);
        }
        assert!(truth.len() > 20_000);
    }

    #[test]
    fn a_replay_tells_when_each_byte_came() {
        let (_dir, paths) = place();
        let mut log = Log::open(&paths).unwrap();
        log.append(b"one", 1, 0).unwrap();
        log.append(b"two", 1, 500_000).unwrap();
        log.append(b"again", 2, 7).unwrap();
        let chunk = log.reader().read(1, 100).unwrap().unwrap();
        assert_eq!((chunk.t_us, chunk.boot, &*chunk.bytes), (0, 1, &b"ne"[..]));
        let chunk = log.reader().read(3, 100).unwrap().unwrap();
        assert_eq!((chunk.t_us, &*chunk.bytes), (500_000, &b"two"[..]));
        let chunk = Reader::open(&paths).unwrap().read(6, 100).unwrap().unwrap();
        assert_eq!((chunk.t_us, chunk.boot), (7, 2));
    }

    #[test]
    fn a_crash_within_a_rotation_loses_no_offset() {
        let (_dir, paths) = place();
        let mut log = Log::open(&paths).unwrap();
        log.append(b"0123456789", 1, 0).unwrap();
        drop(log);
        // As after the rename, before the new file.
        fs::rename(&paths.console_log, older_path(&paths.console_log)).unwrap();
        let log = Log::open(&paths).unwrap();
        assert_eq!((log.reader().oldest(), log.end()), (0, 10));
        drop(log);
        // As after the new file, before its note in the index.
        let mut index = fs::read(&paths.console_idx).unwrap();
        index.truncate(index.len() - index::RECORD);
        fs::write(&paths.console_idx, index).unwrap();
        assert_eq!(Log::open(&paths).unwrap().end(), 10);
        assert_eq!(all(&Reader::open(&paths).unwrap(), 4).1, b"456789");
    }

    #[test]
    fn a_torn_index_and_a_missing_one_are_lived_with() {
        let (_dir, paths) = place();
        Log::open(&paths).unwrap().append(b"abc", 1, 0).unwrap();
        let mut index = fs::read(&paths.console_idx).unwrap();
        index.extend([1, 2, 3]);
        fs::write(&paths.console_idx, &index).unwrap();
        let mut log = Log::open(&paths).unwrap();
        log.append(b"def", 2, 9).unwrap();
        drop(log);
        assert_eq!(Reader::open(&paths).unwrap().time_of(4), Some((2, 9)));
        fs::remove_file(&paths.console_idx).unwrap();
        assert_eq!(all(Log::open(&paths).unwrap().reader(), 0).1, b"abcdef");
    }

    #[test]
    fn what_the_disk_did_not_take_keeps_its_offsets() {
        let (_dir, paths) = place();
        let mut log = Log::open(&paths).unwrap();
        log.append(b"abc", 1, 0).unwrap();
        log.skip_to(1000);
        log.append(b"xyz", 1, 5).unwrap();
        assert_eq!(log.end(), 1003);
        let chunk = log.reader().read(3, 100).unwrap().unwrap();
        assert_eq!((chunk.offset, &*chunk.bytes), (1000, &b"xyz"[..]));
        drop(log);
        assert_eq!(Log::open(&paths).unwrap().end(), 1003);
    }
}
