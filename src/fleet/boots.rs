//! The history of boots: of one VM, and of all that ever were.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::Fleet;
use crate::console::sanitize_line;
use crate::fault::Failure;
use crate::shim::log::Reader;
use crate::vm::{
    BootPhase, BootRecord, BootResult, KernelLine, KernelLog, Vm, VmPaths, printk_stamp,
};

/// Of a boot's output no more than this is looked at, in bytes, …
const LONGEST_OUTPUT: u64 = 1 << 20;
/// … at a time no more than this, …
const PIECE: usize = 64 << 10;
/// … of it no more lines than this, …
const MOST_LINES: usize = 4096;
/// … and of a line no more bytes.
const LONGEST_LINE: usize = 512;

/// Who asks the terminal gets an answer in a few milliseconds, or waits at least that long, in µs.
const UNANSWERED_US: u64 = 100_000;

/// What is known of a VM's boots, and of those that they can be compared with.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// Its boots, oldest first, the one that is not in the history yet included.
    pub own: Vec<BootRecord>,
    /// The boots of other VMs, those that are gone included, oldest first.
    pub others: Vec<BootRecord>,
    /// What was printed by its last boot; `None` when that cannot be read.
    pub kernel: Option<KernelLog>,
}

impl Fleet {
    /// The boots of all VMs whose outcome is known, oldest first, also of VMs that are gone.
    pub fn history(&self) -> Result<Vec<BootRecord>, Failure> {
        Ok(self.store.all_boots()?)
    }

    /// The boots of a VM, oldest first, the one that is not in the history yet included.
    pub fn boots(&self, vm: &Vm) -> Result<Vec<BootRecord>, Failure> {
        let history = self.history()?;
        Ok(divide(history, vm).0)
    }

    /// The boots of a VM and of all others, and what its last boot printed.
    pub fn past(&self, vm: &Vm) -> Result<Past, Failure> {
        let (own, others) = divide(self.history()?, vm);
        let paths = self.store.paths(&vm.name);
        let kernel = own.last().and_then(|boot| kernel_log(&paths, boot).ok());
        let kernel = kernel.map(|log| KernelLog {
            is_compressed: kernel_of(vm).is_some_and(|path| is_bzimage(&path).unwrap_or(false)),
            ..log
        });
        Ok(Past {
            own,
            others,
            kernel,
        })
    }
}

/// The boots of that VM, the one that is not in the history yet included, and those of others.
fn divide(history: Vec<BootRecord>, vm: &Vm) -> (Vec<BootRecord>, Vec<BootRecord>) {
    let last = vm.state.boot.as_ref();
    let id = vm.spec.as_ref().map(|spec| spec.id.as_str());
    let Some(id) = id.or(last.map(|boot| boot.vm_id.as_str())) else {
        return (Vec::new(), history);
    };
    let (mut own, others): (Vec<_>, Vec<_>) =
        history.into_iter().partition(|boot| boot.vm_id == id);
    if let Some(last) = last
        && own.iter().all(|boot| boot.id != last.id)
    {
        let mut last = last.clone();
        if !vm.phase.is_live() && last.result == BootResult::Booting {
            // Nobody lived to write how it went: it ended before it was ready.
            last.result = BootResult::Crashed;
        }
        own.push(last);
    }
    (own, others)
}

/// The kernel that a VM was last started with, as its command line or the calls of the API say.
fn kernel_of(vm: &Vm) -> Option<PathBuf> {
    let argv = &vm.state.argv;
    let option = argv.iter().position(|word| word == "-kernel");
    let on_command_line = option.and_then(|at| argv.get(at + 1)).map(String::as_str);
    let mut calls = vm.state.api_calls.iter();
    let by_api = calls.find_map(|call| call.body.get("kernel_image_path")?.as_str());
    on_command_line.or(by_api).map(PathBuf::from)
}

/// Whether a file is a bzImage (Linux, Documentation/arch/x86/boot.rst: `HdrS` at 0x202).
fn is_bzimage(path: &Path) -> io::Result<bool> {
    let mut magic = [0; 4];
    File::open(path)?.read_exact_at(&mut magic, 0x202)?;
    Ok(&magic == b"HdrS")
}

/// Whether output ends with a question to the terminal: a device attributes, status or window report
/// (xterm's control sequences: DA, DSR, CPR, XTWINOPS 18), so that what follows may wait for the answer.
fn asks_the_terminal(bytes: &[u8]) -> bool {
    const QUESTIONS: [&[u8]; 6] = [b"[6n", b"[5n", b"[c", b"[0c", b"[>c", b"[18t"];
    let Some(escape) = bytes.iter().rposition(|&byte| byte == 0x1b) else {
        return false;
    };
    QUESTIONS.contains(&&bytes[escape + 1..])
}

/// What a boot printed until it was ready, as far as the serial log keeps it.
fn kernel_log(paths: &VmPaths, boot: &BootRecord) -> io::Result<KernelLog> {
    let log = Reader::open(paths)?;
    let until = boot.phases.get(BootPhase::Ready).unwrap_or(u64::MAX);
    let begin = boot.console_offset;
    let mut found = KernelLog {
        is_whole: log.oldest() <= begin,
        ..KernelLog::default()
    };
    // The line under way, and when it began to come.
    let (mut line, mut since) = (Vec::new(), 0);
    let mut at = begin;
    // When the terminal was asked something.
    let mut asked = None;
    while let Some(chunk) = log.read(at, PIECE)? {
        let is_its = u64::from(chunk.when.boot) == boot.id && chunk.when.t_us <= until;
        if !is_its || found.bytes > LONGEST_OUTPUT || found.lines.len() >= MOST_LINES {
            break;
        }
        if let Some(asked) = asked.take() {
            let waited = chunk.when.t_us.saturating_sub(asked);
            found.probe_us += if waited >= UNANSWERED_US { waited } else { 0 };
        }
        asked = asks_the_terminal(&chunk.bytes).then_some(chunk.when.t_us);
        if chunk.offset != at {
            // What is missing may have ended the line.
            line.clear();
        }
        at = chunk.offset + chunk.bytes.len() as u64;
        found.bytes += chunk.bytes.len() as u64;
        for piece in chunk.bytes.split_inclusive(|&byte| byte == b'\n') {
            if line.is_empty() {
                since = chunk.when.t_us;
            }
            let room = LONGEST_LINE.saturating_sub(line.len());
            line.extend(piece.iter().take(room));
            if piece.ends_with(b"\n") {
                found.lines.extend(kernel_line(&line, since));
                line.clear();
            }
        }
    }
    Ok(found)
}

fn kernel_line(line: &[u8], read_us: u64) -> Option<KernelLine> {
    let line = sanitize_line(String::from_utf8_lossy(line).trim(), LONGEST_LINE);
    let (at_us, text) = printk_stamp(&line)?;
    Some(KernelLine {
        at_us,
        read_us: Some(read_us),
        text: text.to_owned(),
    })
}

#[cfg(test)]
#[path = "boots_tests.rs"]
mod tests;
