//! What the agent tells: lines on the console, which the host keeps in the serial log.

use std::fs::OpenOptions;
use std::io::Write;

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
