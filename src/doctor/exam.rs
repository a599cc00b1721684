//! What the checks of one run share: the host, the question, and what takes long to find out.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::host::{Host, Kernel};
use super::{Finding, Status};
use crate::backends::kvm::Verdict;
use crate::backends::resolve::Resolved;
use crate::vm::{BackendKind, Store};

/// How one check came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) status: Status,
    pub(super) detail: String,
    pub(super) fix: Option<String>,
}

impl Outcome {
    /// The finding of the check of that name. Paths and other programs' words come in here: what
    /// a terminal would obey stays out, and a finding is one line.
    pub(super) fn of(self, name: &str) -> Finding {
        let clean = |text: String| text.replace(char::is_control, "\u{fffd}");
        Finding {
            name: name.to_owned(),
            status: self.status,
            detail: clean(self.detail),
            fix: self.fix.map(clean),
        }
    }
}

fn outcome(status: Status, detail: impl Display, fix: Option<String>) -> Outcome {
    Outcome {
        status,
        detail: detail.to_string(),
        fix,
    }
}

pub(super) fn pass(detail: impl Display) -> Outcome {
    outcome(Status::Pass, detail, None)
}

pub(super) fn skip(detail: impl Display) -> Outcome {
    outcome(Status::Skip, detail, None)
}

pub(super) fn warn(detail: impl Display, fix: impl Display) -> Outcome {
    outcome(Status::Warn, detail, Some(fix.to_string()))
}

pub(super) fn fail(detail: impl Display, fix: impl Display) -> Outcome {
    outcome(Status::Fail, detail, Some(fix.to_string()))
}

/// One run. Checks run at once, so what several of them need is found by the first that asks
/// while the others wait for it.
pub(super) struct Exam<'a> {
    pub(super) host: &'a dyn Host,
    pub(super) store: &'a Store,
    pub(super) backend: &'a Resolved,
    kernel: Kernel,
    kvm: OnceLock<Verdict>,
    qemu: OnceLock<Result<PathBuf, String>>,
    accelerators: OnceLock<Result<Vec<String>, String>>,
}

impl<'a> Exam<'a> {
    pub(super) fn new(host: &'a dyn Host, store: &'a Store, backend: &'a Resolved) -> Self {
        Self {
            host,
            store,
            backend,
            kernel: host.kernel(),
            kvm: OnceLock::new(),
            qemu: OnceLock::new(),
            accelerators: OnceLock::new(),
        }
    }

    pub(super) fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    pub(super) fn system(&self) -> &str {
        &self.kernel.system
    }

    pub(super) fn arch(&self) -> &str {
        &self.kernel.arch
    }

    /// Whether the chosen backend is this one.
    pub(super) fn needs(&self, backend: BackendKind) -> bool {
        self.backend.backend == backend
    }

    pub(super) fn kvm(&self) -> &Verdict {
        self.kvm.get_or_init(|| self.host.kvm())
    }

    /// The name of QEMU's program for guests of this host's own architecture.
    pub(super) fn qemu_name(&self) -> String {
        // macOS calls it `arm64`, QEMU as everybody else.
        let arch = if self.arch() == "arm64" {
            "aarch64"
        } else {
            self.arch()
        };
        format!("qemu-system-{arch}")
    }

    pub(super) fn qemu(&self) -> Result<&Path, &str> {
        self.qemu
            .get_or_init(|| self.host.program(&self.qemu_name()))
            .as_deref()
            .map_err(String::as_str)
    }

    /// The accelerators that this QEMU was built with; its answer is a title, then one a line.
    pub(super) fn accelerators(&self) -> Result<&[String], &str> {
        let ask = || {
            let answer = self.host.run(self.qemu()?, &["-accel", "help"])?;
            let words = answer.lines().map(str::trim);
            Ok(words
                .filter(|line| !line.is_empty() && !line.contains(' '))
                .map(str::to_owned)
                .collect())
        };
        self.accelerators
            .get_or_init(ask)
            .as_deref()
            .map_err(String::as_str)
    }

    /// The command that installs a package, named as each package manager names it.
    pub(super) fn install(&self, package: Package) -> String {
        let managers = [
            ("apt-get", "sudo apt-get install -y"),
            ("dnf", "sudo dnf install -y"),
            ("pacman", "sudo pacman -S --needed"),
            ("zypper", "sudo zypper install -y"),
            ("apk", "sudo apk add"),
            ("brew", "brew install"),
        ];
        let found = managers
            .iter()
            .position(|(manager, _)| self.host.program(manager).is_ok());
        match found {
            Some(index) => format!(
                "{} {}",
                managers[index].1,
                package.names(self.arch())[index]
            ),
            None => format!("install {}", package.names(self.arch())[0]),
        }
    }
}

/// What a host may lack.
#[derive(Clone, Copy, Debug)]
pub(super) enum Package {
    Qemu,
    QemuImg,
    Iproute,
    Nftables,
}

impl Package {
    /// Its names for apt-get, dnf, pacman, zypper, apk and brew.
    fn names(self, arch: &str) -> [&'static str; 6] {
        let is_arm = matches!(arch, "aarch64" | "arm64");
        match self {
            Self::Qemu if is_arm => [
                "qemu-system-arm qemu-utils",
                "qemu-system-aarch64-core qemu-img",
                "qemu-system-aarch64 qemu-img",
                "qemu-arm qemu-tools",
                "qemu-system-aarch64 qemu-img",
                "qemu",
            ],
            Self::Qemu => [
                "qemu-system-x86 qemu-utils",
                "qemu-system-x86-core qemu-img",
                "qemu-system-x86 qemu-img",
                "qemu-x86 qemu-tools",
                "qemu-system-x86_64 qemu-img",
                "qemu",
            ],
            Self::QemuImg => [
                "qemu-utils",
                "qemu-img",
                "qemu-img",
                "qemu-tools",
                "qemu-img",
                "qemu",
            ],
            Self::Iproute => [
                "iproute2",
                "iproute",
                "iproute2",
                "iproute2",
                "iproute2",
                "iproute2mac",
            ],
            Self::Nftables => ["nftables"; 6],
        }
    }
}
