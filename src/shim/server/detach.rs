//! Becoming a process that belongs to nobody, and telling the one who spawned us how it went.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::stat::{Mode, umask};
use nix::unistd::{ForkResult, chdir, dup2_stdout, fork, setsid};

use crate::fault::{Code, Failure};
use crate::vm::{Store, VmName};

/// Panics that are written down; a guest that finds a way to provoke them fills no disk.
const MOST_PANICS: usize = 16;

/// Standard output, as long as somebody waits there for our word.
#[derive(Debug)]
pub(super) struct Told {
    said: bool,
}

impl Told {
    pub(super) fn new() -> Self {
        Self { said: false }
    }

    /// Clients may connect.
    pub(super) fn ready(&mut self) {
        self.say("ready");
    }

    /// Nothing came of it.
    pub(super) fn failure(&mut self, failure: &Failure) {
        match serde_json::to_string(failure) {
            Ok(json) => self.say(&json),
            Err(_) => self.say("{}"),
        }
    }

    fn say(&mut self, word: &str) {
        if std::mem::replace(&mut self.said, true) {
            return;
        }
        // One who does not wait any more need not be told.
        let mut out = io::stdout();
        let _ = writeln!(out, "{word}").and_then(|()| out.flush());
        // The pipe must not stay open for the life of the VM.
        if let Ok(null) = File::options().write(true).open("/dev/null") {
            let _ = dup2_stdout(null);
        }
    }
}

/// Leaves session, directory, descriptors and parent behind. `false` in the process that the caller
/// of the program waits for: it has nothing more to do.
pub(super) fn detach() -> Result<bool, Failure> {
    let failed =
        |errno: nix::Error| Failure::new(Code::RuntimeError, format!("could not detach: {errno}"));
    close_inherited();
    umask(Mode::from_bits_truncate(0o077));
    chdir("/").map_err(failed)?;
    // SAFETY: no thread has been started yet, so the child is a whole copy of this process.
    match unsafe { fork() }.map_err(failed)? {
        ForkResult::Parent { .. } => Ok(false),
        ForkResult::Child => {
            setsid().map_err(failed)?;
            Ok(true)
        }
    }
}

/// Closes what a careless ancestor left open across exec: it would stay open as long as the VM.
#[cfg(target_os = "linux")]
fn close_inherited() {
    // SAFETY: this process has opened nothing yet beyond the standard streams, so no descriptor
    // that anything in it relies on is closed (close_range(2), Linux 5.9; elsewhere it fails).
    unsafe { nix::libc::syscall(nix::libc::SYS_close_range, 3u32, u32::MAX, 0u32) };
}

#[cfg(not(target_os = "linux"))]
fn close_inherited() {
    for fd in 3..256 {
        // SAFETY: this process has opened nothing yet beyond the standard streams.
        unsafe { nix::libc::close(fd) };
    }
}

/// Panics go to `shim.log` in the VM's directory, a few at most.
pub(super) fn bound_the_panics(data_dir: &Path, name: &VmName) {
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    let Ok(store) = Store::locate(Some(data_dir)) else {
        return;
    };
    let path = store.paths(name).dir.join("shim.log");
    // Of the life before this one.
    let _ = std::fs::remove_file(&path);
    std::panic::set_hook(Box::new(move |panic| {
        if SEEN.fetch_add(1, Ordering::Relaxed) >= MOST_PANICS {
            return;
        }
        let mut options = File::options();
        options.append(true).create(true).mode(0o600);
        if let Ok(mut log) = options.open(&path) {
            let at = jiff::Timestamp::now();
            let _ = writeln!(log, "{at} {panic}");
        }
    }));
}
