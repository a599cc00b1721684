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
/// The guest for arm64 as an `Image`.
const AARCH64: &[u8] = include_bytes!("../../assets/canary/canary-aarch64");

/// What it says first; a carriage return and a newline follow.
pub const LINE: &str = "smolvm-tui canary";

/// Typed on the serial line: power off, on x86-64 by ACPI, as QEMU's `q35` has it once its firmware ran.
/// A Firecracker has no such thing there: reset.
pub const POWER_OFF: u8 = 0x04;
/// Typed on the serial line: print lines without end, until another byte comes.
pub const FLOOD: u8 = 0x06;
/// Typed on the serial line: reset, on x86-64 by the keyboard controller.
pub const RESET: u8 = 0x12;

/// The kernel to boot for that architecture.
fn kernel(arch: Arch) -> &'static [u8] {
    match arch {
        Arch::X86_64 => X86_64,
        Arch::Aarch64 => AARCH64,
    }
}

/// Writes it to a new file, for a VMM to boot.
pub fn write(arch: Arch, path: &Path) -> io::Result<()> {
    let mut file = fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(kernel(arch))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const ALL: [Arch; 2] = [Arch::X86_64, Arch::Aarch64];

    #[test]
    fn the_canary_is_small_says_its_line_and_is_a_kernel_of_its_architecture() {
        let said = format!("{LINE}\r\n\0");
        for arch in ALL {
            let bytes = kernel(arch);
            assert!(bytes.len() < 1024, "{arch}: {} bytes", bytes.len());
            assert!(bytes.ends_with(said.as_bytes()), "{arch}");
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("kernel");
            write(arch, &path).unwrap();
            let found = crate::guest::kernel_arch(fs::File::open(&path).unwrap());
            assert_eq!(found.unwrap(), Some(arch));
        }
    }

    /// What the names of binutils for `arch` begin with here, if they are here.
    fn binutils(arch: Arch) -> Option<&'static str> {
        let is_own = cfg!(target_os = "linux") && Arch::host() == Some(arch);
        let prefixes = match arch {
            Arch::X86_64 => ["", "x86_64-linux-gnu-", "x86_64-elf-"],
            Arch::Aarch64 => ["", "aarch64-linux-gnu-", "aarch64-elf-"],
        };
        let mut prefixes = prefixes.into_iter().skip(usize::from(!is_own));
        prefixes.find(|prefix| {
            ["as", "objcopy"].iter().all(|tool| {
                let tool = format!("{prefix}{tool}");
                Command::new(tool).arg("--version").output().is_ok()
            })
        })
    }

    #[test]
    fn the_canary_that_ships_is_the_one_that_its_source_makes() {
        let dir = tempfile::tempdir().unwrap();
        for arch in ALL {
            let Some(prefix) = binutils(arch) else {
                // Not held back by the test harness: whoever runs the tests is to see it.
                let said =
                    format!("the canary was not compared: no GNU binutils for {arch} here\n");
                io::stderr().write_all(said.as_bytes()).unwrap();
                continue;
            };
            let made = dir.path().join(arch.to_string());
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/canary");
            let status = Command::new(script)
                .args(["--print", &arch.to_string()])
                .arg(&made)
                .env("AS", format!("{prefix}as"))
                .env("OBJCOPY", format!("{prefix}objcopy"))
                .status()
                .unwrap();
            assert!(status.success(), "{status}");
            assert!(
                fs::read(&made).unwrap() == kernel(arch),
                "run scripts/canary: the source for {arch} has changed"
            );
        }
    }
}
