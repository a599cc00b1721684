//! QEMU's programs on this host, and the command that installs them.

use std::path::PathBuf;

use crate::backends::BackendError;
use crate::backends::resolve::{find_program, is_program};
use crate::vm::{Arch, BackendKind};

/// The emulator for guests of `arch`: `QEMU_BIN` if it is set, else from `PATH`, else where Red Hat
/// keeps it out of `PATH`. Nothing is run.
pub fn program(arch: Arch) -> Result<PathBuf, BackendError> {
    let name = format!("qemu-system-{arch}");
    if let Some(named) = std::env::var_os("QEMU_BIN").filter(|path| !path.is_empty()) {
        let named = PathBuf::from(named);
        let found = if named.components().count() > 1 {
            std::path::absolute(&named)
                .ok()
                .filter(|path| is_program(path))
        } else {
            named.to_str().and_then(find_program)
        };
        return found.ok_or_else(|| BackendError::Unavailable {
            backend: BackendKind::Qemu,
            why: format!("QEMU_BIN names `{}`, which is no program", named.display()),
            hint: "unset QEMU_BIN, or set it to the path of the emulator".to_owned(),
        });
    }
    find_program(&name)
        .or_else(|| {
            let hidden = PathBuf::from("/usr/libexec/qemu-kvm");
            (Arch::host() == Some(arch) && is_program(&hidden)).then_some(hidden)
        })
        .ok_or_else(|| missing(&name, Package::System(arch)))
}

/// `qemu-img`, which makes the layers of isolated disks.
pub fn img_program() -> Result<PathBuf, BackendError> {
    find_program("qemu-img").ok_or_else(|| missing("qemu-img", Package::Img))
}

#[derive(Clone, Copy)]
enum Package {
    System(Arch),
    Img,
}

fn missing(name: &str, package: Package) -> BackendError {
    let os_release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    BackendError::Unavailable {
        backend: BackendKind::Qemu,
        why: format!("`{name}` is not installed"),
        hint: install_command(&os_release, package),
    }
}

/// The command for the distribution that `/etc/os-release` names (os-release(5): `ID`, `ID_LIKE`).
fn install_command(os_release: &str, package: Package) -> String {
    if cfg!(target_os = "macos") {
        return "brew install qemu".to_owned();
    }
    let value = |key: &str| {
        os_release
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .unwrap_or_default()
            .trim_matches(['"', '\''])
    };
    let family = |name: &str| {
        value("ID") == name || value("ID_LIKE").split_whitespace().any(|like| like == name)
    };
    let of = |system: [&str; 2], img: &str| match package {
        Package::System(Arch::X86_64) => system[0].to_owned(),
        Package::System(Arch::Aarch64) => system[1].to_owned(),
        Package::Img => img.to_owned(),
    };
    if family("debian") || family("ubuntu") {
        let name = of(["qemu-system-x86", "qemu-system-arm"], "qemu-utils");
        format!("sudo apt-get install -y {name}")
    } else if family("fedora") || family("rhel") {
        let name = of(
            ["qemu-system-x86-core", "qemu-system-aarch64-core"],
            "qemu-img",
        );
        format!("sudo dnf install -y {name}")
    } else if family("arch") {
        let name = of(["qemu-system-x86", "qemu-system-aarch64"], "qemu-img");
        format!("sudo pacman -S --needed {name}")
    } else if family("suse") || family("opensuse") {
        let name = of(["qemu-x86", "qemu-arm"], "qemu-img");
        format!("sudo zypper install -y {name}")
    } else {
        let name = of(["qemu-system-x86_64", "qemu-system-aarch64"], "qemu-img");
        format!("install `{name}` with this system's package manager")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_install_command_fits_the_distribution() {
        let x86 = Package::System(Arch::X86_64);
        let cases = [
            (
                "ID=debian\n",
                x86,
                "sudo apt-get install -y qemu-system-x86",
            ),
            (
                "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
                Package::Img,
                "sudo apt-get install -y qemu-utils",
            ),
            (
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
                Package::Img,
                "sudo dnf install -y qemu-img",
            ),
            (
                "ID=arch\n",
                Package::System(Arch::Aarch64),
                "sudo pacman -S --needed qemu-system-aarch64",
            ),
            (
                "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n",
                x86,
                "sudo zypper install -y qemu-x86",
            ),
            (
                "",
                x86,
                "install `qemu-system-x86_64` with this system's package manager",
            ),
        ];
        for (os_release, package, command) in cases {
            assert_eq!(install_command(os_release, package), command);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_emulator_for_this_host_is_found_here() {
        let arch = Arch::host().unwrap();
        assert!(
            program(arch).unwrap().is_absolute(),
            "install QEMU to run the tests"
        );
    }
}
