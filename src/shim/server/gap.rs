//! `gap.log`: the VMM writes all serial output there too, so that nothing is lost while no shim
//! lives. The shim keeps it short and, when it adopts a VM, reads what was missed.
//!
//! Byte `i` of the file is the byte at offset `base + i` of the serial output, because both carry
//! one stream from the launch on. The file is kept short by giving its blocks back without changing
//! its length (`FALLOC_FL_PUNCH_HOLE`, fallocate(2)): truncating it would race with the VMM, which
//! appends at any time, and the bytes that came in between could not be counted.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::console::Console;
use crate::backends::Line;
use crate::shim::log::FILE_CAP;
use crate::vm::VmPaths;

/// The file is made short again after this much more output.
const TRIM_EVERY: u64 = 1 << 20;

/// How often we look for a moment at which file and socket agree. A guest that prints without end
/// leaves such moments every few µs.
const ROUNDS: usize = 1000;

/// So many bytes at the end of both are the same by no accident; for fewer, the moment must last
/// this many looks.
const EVIDENCE: usize = 64;
const LASTING: usize = 50;

/// The gap log of one VM.
#[derive(Debug)]
pub(super) struct Gap {
    path: PathBuf,
    trimmed: u64,
}

impl Gap {
    pub(super) fn new(paths: &VmPaths, end: u64) -> Self {
        Self {
            path: paths.gap_log.clone(),
            trimmed: end,
        }
    }

    /// Begins anew before a launch; the VMM makes the file.
    pub(super) fn begin(&mut self, console: &mut Console) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.trimmed = console.end();
        let end = console.end();
        console.log().note_gap_base(end)
    }

    /// Gives the blocks back of what is in the console log, now and then.
    pub(super) fn trim(&mut self, console: &mut Console) {
        let end = console.end();
        if end - self.trimmed < TRIM_EVERY {
            return;
        }
        self.trimmed = end;
        let Some(base) = console.log().gap_base() else {
            return;
        };
        // A file that is gone, or a disk that does not bear it, leaves the file longer: no harm yet.
        let Ok(file) = File::options().write(true).open(&self.path) else {
            return;
        };
        if !punch(&file, 0, end.saturating_sub(base)) {
            // Approximate, for file systems without holes: bytes that come between the two calls
            // are missing in a gap.
            let length = file.metadata().map_or(0, |meta| meta.len());
            if file.set_len(0).is_ok() {
                let _ = console.log().note_gap_base(base + length);
            }
        }
    }

    /// Puts into the console what came while no shim lived, up to what `line` has already
    /// delivered; what `line` delivers after this call comes next.
    pub(super) fn catch_up(&mut self, console: &mut Console, line: &Line, t_us: u64) {
        let mut delivered = Vec::new();
        let known = console
            .log()
            .gap_base()
            .zip(File::open(&self.path).ok())
            .and_then(|(base, file)| {
                let length = agree(&file, line, &mut delivered)?;
                let begin = place_of_end(&file, base, console);
                Some((begin, file, length))
            });
        let mut fresh = &delivered[..];
        if let Some((begin, file, length)) = known {
            let from = console.end();
            let until =
                (from + length.saturating_sub(begin)).saturating_sub(delivered.len() as u64);
            // More than the log would keep need not be read.
            let first = from.max(until.saturating_sub(2 * FILE_CAP));
            console.log().skip_to(first.min(until.max(from)));
            let mut buffer = vec![0; 64 * 1024];
            while console.end() < until {
                let at = console.end();
                let longest = usize::try_from(until - at)
                    .unwrap_or(buffer.len())
                    .min(buffer.len());
                match file.read_at(&mut buffer[..longest], begin + at.saturating_sub(from)) {
                    Ok(got) if got > 0 => console.take_missed(&buffer[..got], t_us),
                    _ => break,
                }
            }
            // From here on both are counted anew.
            let base = (until + delivered.len() as u64).saturating_sub(length);
            let _ = console.log().note_gap_base(base);
            // What the line delivered of what is known already.
            let known = usize::try_from(console.end().saturating_sub(until)).unwrap_or(0);
            fresh = fresh.get(known..).unwrap_or_default();
        } else {
            // A VMM that writes no such file, and whose line itself kept what came.
            drain(line, |bytes| delivered.extend_from_slice(bytes));
            fresh = &delivered;
        }
        console.take_missed(fresh, t_us);
        self.trimmed = console.end().saturating_sub(TRIM_EVERY);
        self.trim(console);
    }
}

/// Reads `line` empty into `delivered` and returns the length that the file then has, at a moment
/// at which neither grows. The VMM writes to the socket first and to the file right after; that the
/// file's end is what was delivered shows that it was not caught in between.
fn agree(file: &File, line: &Line, delivered: &mut Vec<u8>) -> Option<u64> {
    let mut length = file.metadata().ok()?.len();
    let mut still = 0;
    for _ in 0..ROUNDS {
        let before = delivered.len();
        drain(line, |bytes| delivered.extend_from_slice(bytes));
        let now = file.metadata().ok()?.len();
        let same = delivered.len() == before && now == length;
        still = if same { still + 1 } else { 0 };
        length = now;
        let enough = delivered.is_empty() || delivered.len() >= EVIDENCE || still >= LASTING;
        if same && enough && ends_with(file, length, delivered) {
            return Some(length);
        }
        // So much that it is of no use to compare any more.
        if delivered.len() > 1 << 20 {
            break;
        }
    }
    Some(length)
}

/// Where in the file the byte is that comes after the end of the console log. QEMU 7.2 was seen to
/// log a byte twice that its socket carried once, about once in 100 KiB of a flood, so the count
/// alone drifts: the end of the console log is looked for around the place where it should be.
fn place_of_end(file: &File, base: u64, console: &mut Console) -> u64 {
    const DRIFT: u64 = 4096;
    let end = console.end();
    let from = end.saturating_sub(EVIDENCE as u64).max(base);
    let Ok(Some(chunk)) = console.log().reader().read_across(from, EVIDENCE) else {
        return end.saturating_sub(base);
    };
    let expected = chunk.offset - base;
    let first = expected.saturating_sub(DRIFT);
    let mut around = vec![0; EVIDENCE + 2 * usize::try_from(DRIFT).unwrap_or(0)];
    let got = file.read_at(&mut around, first).unwrap_or(0);
    let places = around[..got].windows(chunk.bytes.len()).zip(first..);
    let found = places
        .filter(|(window, _)| *window == chunk.bytes)
        .map(|(_, place)| place)
        .min_by_key(|place| place.abs_diff(expected));
    // Too little to be sure leaves the count as it is.
    match found {
        Some(place) if chunk.bytes.len() == EVIDENCE => place + EVIDENCE as u64,
        _ => end.saturating_sub(base),
    }
}

fn ends_with(file: &File, length: u64, bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(4096)..];
    let mut read = vec![0; tail.len()];
    length
        .checked_sub(tail.len() as u64)
        .is_some_and(|at| file.read_exact_at(&mut read, at).is_ok() && read == tail)
}

/// Hands over what the line holds at this moment.
pub(super) fn drain(line: &Line, mut take: impl FnMut(&[u8])) {
    let mut buffer = [0; 4096];
    // A guest that prints faster than we read must not hold us here.
    for _ in 0..ROUNDS {
        match line.read_now(&mut buffer) {
            Ok(length) if length > 0 => take(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

/// Gives the blocks of `length` bytes back; `false` where that cannot be.
#[cfg(target_os = "linux")]
pub(super) fn punch(file: &File, from: u64, length: u64) -> bool {
    use nix::fcntl::{FallocateFlags, fallocate};
    let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    match (i64::try_from(from), i64::try_from(length)) {
        (Ok(from), Ok(length)) if length > 0 => fallocate(file, flags, from, length).is_ok(),
        _ => true,
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn punch(_file: &File, _from: u64, _length: u64) -> bool {
    false
}
