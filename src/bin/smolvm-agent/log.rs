//! What the agent tells: lines on the console, which the host keeps in the serial log.

use std::fs::OpenOptions;
use std::io::Write;

use crate::cmdline::Cmdline;

/// The kernel's level for errors: what is less urgent stays off the console (syslog(2)).
const ERRORS: nix::libc::c_int = 4;

/// Whether the command line speaks of the level from which on messages are shown.
pub(crate) fn speaks_of_levels(cmdline: &Cmdline) -> bool {
    cmdline
        .words()
        .any(|word| matches!(word, "debug" | "ignore_loglevel") || word.starts_with("loglevel="))
}

/// From here on the serial line belongs to a shell: the kernel writes only errors and worse over
/// its prompt, `dmesg` has the rest. A panic raises the level again by itself. Not for a command line
/// that speaks of levels, which is obeyed.
pub(crate) fn quieten_kernel() {
    // SAFETY: action 8 (SYSLOG_ACTION_CONSOLE_LEVEL) takes no buffer, only the level.
    let told = unsafe { nix::libc::klogctl(8, std::ptr::null_mut(), ERRORS) };
    if told != 0 {
        warn(&format!(
            "cannot quieten the kernel: {}",
            std::io::Error::last_os_error()
        ));
    }
}

/// One line to the kernel's console, else to standard error.
pub(crate) fn warn(message: &str) {
    let line = format!("smolvm-agent: {message}\n");
    let told = OpenOptions::new()
        .write(true)
        .open("/dev/console")
        .and_then(|mut console| console.write_all(line.as_bytes()));
    if told.is_err() {
        // Nobody is left to be told when this fails too.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}
