//! What the host's package managers call the programs that VMs need, and the command that brings
//! them. The one table of the program; `scripts/lib/packages.sh` has what the scripts need of it.

use crate::vm::Arch;

/// A package manager that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackageManager {
    /// Debian, Ubuntu and their kin.
    Apt,
    /// Fedora, RHEL and their kin.
    Dnf,
    /// Arch.
    Pacman,
    /// openSUSE.
    Zypper,
    /// Alpine.
    Apk,
    /// Homebrew: macOS.
    Brew,
}

impl PackageManager {
    /// All of them, in the order in which a host is asked for them.
    pub const ALL: [Self; 6] = [
        Self::Apt,
        Self::Dnf,
        Self::Pacman,
        Self::Zypper,
        Self::Apk,
        Self::Brew,
    ];

    /// The name of its program.
    pub fn program(self) -> &'static str {
        match self {
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Pacman => "pacman",
            Self::Zypper => "zypper",
            Self::Apk => "apk",
            Self::Brew => "brew",
        }
    }

    /// Its words for installing what follows, without a question where it has a way to ask none.
    fn verb(self) -> &'static str {
        match self {
            Self::Apt => "apt-get install -y",
            Self::Dnf => "dnf install -y",
            Self::Pacman => "pacman -S --needed",
            Self::Zypper => "zypper install -y",
            Self::Apk => "apk add",
            Self::Brew => "brew install",
        }
    }

    /// The first of them for which `has` says that its program is there.
    pub fn find(has: impl Fn(&str) -> bool) -> Option<Self> {
        Self::ALL.into_iter().find(|manager| has(manager.program()))
    }
}

/// What a host may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// `qemu-system-<arch>`.
    Qemu(Arch),
    /// `qemu-img`.
    QemuImg,
    /// `ip`.
    Iproute,
    /// `nft`.
    Nftables,
}

impl Package {
    /// Its name for that package manager; `None` where it has no such package.
    pub fn name(self, manager: PackageManager) -> Option<&'static str> {
        use PackageManager::{Apk, Apt, Brew, Dnf, Pacman, Zypper};
        Some(match (self, manager) {
            (Self::Qemu(Arch::X86_64), Apt | Pacman) => "qemu-system-x86",
            (Self::Qemu(Arch::X86_64), Dnf) => "qemu-system-x86-core",
            (Self::Qemu(Arch::X86_64), Zypper) => "qemu-x86",
            (Self::Qemu(Arch::X86_64), Apk) => "qemu-system-x86_64",
            (Self::Qemu(Arch::Aarch64), Apt) => "qemu-system-arm",
            (Self::Qemu(Arch::Aarch64), Dnf) => "qemu-system-aarch64-core",
            (Self::Qemu(Arch::Aarch64), Pacman | Apk) => "qemu-system-aarch64",
            (Self::Qemu(Arch::Aarch64), Zypper) => "qemu-arm",
            // One package has all of QEMU.
            (Self::Qemu(_) | Self::QemuImg, Brew) => "qemu",
            (Self::QemuImg, Apt) => "qemu-utils",
            (Self::QemuImg, Dnf | Pacman | Apk) => "qemu-img",
            (Self::QemuImg, Zypper) => "qemu-tools",
            (Self::Iproute, Dnf) => "iproute",
            (Self::Iproute, Brew) => "iproute2mac",
            (Self::Iproute, Apt | Pacman | Zypper | Apk) => "iproute2",
            (Self::Nftables, Brew) => return None,
            (Self::Nftables, _) => "nftables",
        })
    }

    /// What it is looked for by where no package manager is known: the name of its program.
    fn program(self) -> String {
        match self {
            Self::Qemu(arch) => format!("qemu-system-{arch}"),
            Self::QemuImg => "qemu-img".to_owned(),
            Self::Iproute => "ip".to_owned(),
            Self::Nftables => "nft".to_owned(),
        }
    }
}

/// The command that installs `packages`, or a sentence where this host has no package manager that
/// knows them. `has` tells whether a program of that name is in `PATH`.
pub fn install_command(packages: &[Package], has: impl Fn(&str) -> bool) -> String {
    let command = PackageManager::find(&has).and_then(|manager| {
        let mut names: Vec<&str> = packages
            .iter()
            .map(|package| package.name(manager))
            .collect::<Option<_>>()?;
        names.dedup();
        Some((manager, names))
    });
    let Some((manager, names)) = command else {
        let programs: Vec<String> = packages
            .iter()
            .map(|package| format!("`{}`", package.program()))
            .collect();
        return format!(
            "install {} with this system's package manager",
            programs.join(" and ")
        );
    };
    // Homebrew refuses root. A host without `sudo` has a root who needs none, as in a container.
    let sudo = if manager != PackageManager::Brew && has("sudo") {
        "sudo "
    } else {
        ""
    };
    format!("{sudo}{} {}", manager.verb(), names.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_install_command_fits_the_hosts_package_manager() {
        let x86 = Package::Qemu(Arch::X86_64);
        let arm = Package::Qemu(Arch::Aarch64);
        let cases: [(&[&str], &[Package], &str); 8] = [
            (
                &["apt-get", "sudo"],
                &[x86, Package::QemuImg],
                "sudo apt-get install -y qemu-system-x86 qemu-utils",
            ),
            (
                &["apt-get"],
                &[Package::Nftables],
                "apt-get install -y nftables",
            ),
            (
                &["dnf", "sudo"],
                &[Package::Iproute],
                "sudo dnf install -y iproute",
            ),
            (
                &["pacman", "sudo"],
                &[arm],
                "sudo pacman -S --needed qemu-system-aarch64",
            ),
            (
                &["zypper", "sudo"],
                &[x86],
                "sudo zypper install -y qemu-x86",
            ),
            (
                &["brew", "sudo"],
                &[arm, Package::QemuImg],
                "brew install qemu",
            ),
            // Homebrew is on some Linux hosts too; the system's own comes first.
            (
                &["brew", "apk", "sudo"],
                &[x86, Package::QemuImg],
                "sudo apk add qemu-system-x86_64 qemu-img",
            ),
            (
                &["sudo"],
                &[x86, Package::QemuImg],
                "install `qemu-system-x86_64` and `qemu-img` with this system's package manager",
            ),
        ];
        for (programs, packages, command) in cases {
            let has = |name: &str| programs.contains(&name);
            assert_eq!(install_command(packages, has), command);
        }
    }

    #[test]
    fn a_package_that_the_manager_does_not_have_is_no_command() {
        let has = |name: &str| name == "brew";
        assert_eq!(
            install_command(&[Package::Nftables], has),
            "install `nft` with this system's package manager"
        );
    }
}
