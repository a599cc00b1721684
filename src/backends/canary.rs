//! The canary: a guest of a few hundred bytes that says a line on the first serial port and echoes
//! what it receives. It proves that a VMM runs instructions and that the serial line carries bytes
//! both ways, without any image. `assets/canary/` has its source, which tells how it is made.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::vm::Arch;

/// The guest for x86-64 as an ELF file, entered in 32 bits (PVH) or 64.
const X86_64: &[u8] = include_bytes!("../../assets/canary/canary-x86_64");

/// What it says first; a carriage return and a newline follow.
pub const LINE: &str = "smolvm-tui canary";

/// Typed on the serial line: power off by ACPI, as QEMU's `q35` has it once its firmware ran. A
/// Firecracker has no such thing: there, reset.
pub const POWER_OFF: u8 = 0x04;
/// Typed on the serial line: print lines without end, until another byte comes.
pub const FLOOD: u8 = 0x06;
/// Typed on the serial line: reset by the keyboard controller.
pub const RESET: u8 = 0x12;

/// The guest for that architecture, if there is one.
pub fn elf(arch: Arch) -> Option<&'static [u8]> {
    match arch {
        Arch::X86_64 => Some(X86_64),
        Arch::Aarch64 => None,
    }
}

/// Writes it to a new file, for a VMM to boot.
pub fn write(arch: Arch, path: &Path) -> io::Result<()> {
    let elf = elf(arch).ok_or_else(|| {
        let why = format!("there is no canary for {arch} yet");
        io::Error::new(io::ErrorKind::Unsupported, why)
    })?;
    let mut file = fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(elf)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_canary_is_small_and_says_its_line() {
        assert!(X86_64.len() < 1024, "{} bytes", X86_64.len());
        let said = format!("{LINE}\r\n\0");
        assert!(X86_64.ends_with(said.as_bytes()));
    }

    #[test]
    fn the_canary_that_ships_is_the_one_that_its_source_makes() {
        let dir = tempfile::tempdir().unwrap();
        let made = dir.path().join("canary");
        let prefixes = if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            ["", "x86_64-linux-gnu-"]
        } else {
            ["x86_64-linux-gnu-", "x86_64-elf-"]
        };
        let is_there = |prefix: &&&str| {
            ["as", "objcopy"].iter().all(|tool| {
                let tool = format!("{prefix}{tool}");
                Command::new(tool).arg("--version").output().is_ok()
            })
        };
        let Some(prefix) = prefixes.iter().find(is_there) else {
            eprintln!("not compared: there are no GNU binutils for x86_64 here");
            return;
        };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/canary");
        let status = Command::new(script)
            .arg("--print")
            .arg(&made)
            .env("AS", format!("{prefix}as"))
            .env("OBJCOPY", format!("{prefix}objcopy"))
            .status()
            .unwrap();
        assert!(status.success(), "{status}");
        assert!(
            fs::read(&made).unwrap() == X86_64,
            "run scripts/canary: the source has changed"
        );
    }
}
