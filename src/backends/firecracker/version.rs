//! Firecracker's version, and what came when: every request body refuses fields that it does not
//! know, so none is sent that the version in hand does not have.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::backends::BackendError;
use crate::vm::BackendKind;

/// How long the program may take to tell its version: it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// A version. What follows the three numbers, as in `1.17.0-dev`, is not told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u16,
    minor: u16,
    patch: u16,
}

/// What not every version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feature {
    /// `PUT /entropy`.
    Entropy,
    /// `free_page_reporting` in `PUT /balloon`: what the guest frees, the host gets back.
    FreePageReporting,
}

/// From Firecracker's change log: the first version that has it.
const SINCE: &[(Feature, Version)] = &[
    (Feature::Entropy, Version::new(1, 4, 0)),
    (Feature::FreePageReporting, Version::new(1, 14, 0)),
];

/// The oldest that can be used: what every request body here has, it knows. Older ones are refused
/// by nobody; the doctor names them.
pub const OLDEST: Version = Version::new(1, 7, 0);

/// The first whose guests on x86-64 have ACPI, which names its devices to them. Before it they are
/// named on the kernel's command line only, and a kernel without `CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES`,
/// as those of distributions are, sees none.
pub const ACPI: Version = Version::new(1, 8, 0);

impl Version {
    /// That version.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// What `--version` printed, as `Firecracker v1.17.0-dev` in its first line; what it logs comes
    /// after that on the same stream. Also what `GET /version` says, as `1.17.0-dev`.
    pub fn parse(text: &str) -> Option<Self> {
        let word = text.lines().next()?.split_whitespace().last()?;
        let word = word.strip_prefix('v').unwrap_or(word);
        let numbers = word.split(['-', '+']).next()?;
        let mut parts = numbers.split('.').map(str::parse::<u16>);
        let version = Self::new(
            parts.next()?.ok()?,
            parts.next()?.ok()?,
            parts.next().unwrap_or(Ok(0)).ok()?,
        );
        parts.next().is_none().then_some(version)
    }

    /// Asks the program.
    pub(super) fn of_program(program: &Path) -> Result<Self, BackendError> {
        ask(program)
            .as_deref()
            .and_then(Self::parse)
            .ok_or_else(|| BackendError::Unavailable {
                backend: BackendKind::Firecracker,
                why: format!("`{} --version` told no version", program.display()),
                hint: "`smolvm-tui doctor --backend firecracker` tells more".to_owned(),
            })
    }

    /// Whether it has that.
    pub(super) fn has(self, feature: Feature) -> bool {
        SINCE
            .iter()
            .any(|&(of, since)| of == feature && self >= since)
    }
}

/// What `program --version` prints at first. A program that does not end is ended.
fn ask(program: &Path) -> Option<String> {
    let mut child = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let stdout = child.stdout.take();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.map(|stdout| stdout.take(4096).read_to_string(&mut text));
        // Without a listener it came too late.
        drop(tell.send((read.is_some()).then_some(text)));
    });
    let text = told.recv_timeout(PATIENCE).ok().flatten();
    let _ = child.kill();
    let _ = child.wait();
    text
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_tells_the_version() {
        let cases = [
            (
                "Firecracker v1.17.0-dev\n2026-11-23T14:15:24.313930996 [anonymous-instance:main] Firecracker exiting successfully. exit_code=0\n",
                Some(Version::new(1, 17, 0)),
            ),
            ("Firecracker v1.7.0\n", Some(Version::new(1, 7, 0))),
            ("1.13.1", Some(Version::new(1, 13, 1))),
            ("1.16", Some(Version::new(1, 16, 0))),
            ("", None),
            ("Firecracker", None),
            ("v1.2.3.4", None),
            ("v99999999.0.0", None),
        ];
        for (text, version) in cases {
            assert_eq!(Version::parse(text), version, "{text:?}");
        }
    }

    #[test]
    fn a_feature_is_there_from_its_version_on() {
        for (feature, since) in SINCE {
            assert!(since.has(*feature));
            assert!(Version::new(99, 0, 0).has(*feature));
            let before = Version::new(since.major, since.minor - 1, 99);
            assert!(!before.has(*feature), "{feature:?}");
        }
    }
}
