//! Loads the kernel modules that the devices of this machine need, and no others.
//!
//! The image's `/etc/modules.smolvm` has one line a device: a bus (`pci`, `mmio`), `pvpanic`, or the
//! number of a virtio device type (virtio 1.2, section 5), then the modules in the order in which they must
//! be loaded. The modules lie unpacked in `/lib/modules/<release>/`.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use nix::libc;

use crate::cmdline::Cmdline;
use crate::log::warn;

const TABLE: &str = "/etc/modules.smolvm";

/// virtio device types that the guest's readiness depends on, the most urgent first: console
/// (the agent's port), network, block.
const FIRST: [u32; 3] = [3, 1, 2];

/// What to load now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wave {
    /// The buses, and what *ready* needs.
    First,
    /// Everything else that has a device.
    Rest,
}

/// The table, and what has been loaded already.
pub(crate) struct Modules {
    table: BTreeMap<String, Vec<String>>,
    directory: PathBuf,
    /// `module.parameter=value` of the kernel's command line, which only reach built-in code.
    parameters: Vec<(String, String)>,
    loaded: Vec<String>,
}

impl Modules {
    /// Reads the table; without one nothing will be loaded.
    pub(crate) fn read(cmdline: &Cmdline) -> Self {
        let release = nix::sys::utsname::uname()
            .map(|uname| uname.release().to_owned())
            .unwrap_or_default();
        let table = fs::read_to_string(TABLE).unwrap_or_default();
        let table = table
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(device, modules)| {
                let modules = modules.split_ascii_whitespace().map(str::to_owned);
                (device.trim().to_owned(), modules.collect())
            })
            .collect();
        let parameters = cmdline
            .words()
            .filter_map(|word| word.split_once('.'))
            .filter(|(module, rest)| *module != "smolvm" && rest.contains('='))
            .map(|(module, rest)| (module.replace('-', "_"), rest.to_owned()))
            .collect();
        Self {
            table,
            directory: Path::new("/lib/modules").join(release),
            parameters,
            loaded: Vec::new(),
        }
    }

    /// Loads what the devices need.
    pub(crate) fn load(&mut self, wave: Wave) {
        if wave == Wave::First {
            self.load_buses();
        }
        let mut present = virtio_devices();
        present.sort_by_key(|device| FIRST.iter().position(|first| first == device));
        for device in present {
            if FIRST.contains(&device) == (wave == Wave::First) {
                self.load_for(&device.to_string());
            }
        }
        if wave == Wave::Rest && has_pvpanic() {
            self.load_for("pvpanic");
        }
    }

    fn load_buses(&mut self) {
        // 0x1af4 is the PCI vendor of every virtio device (virtio 1.2, section 4.1.2).
        if entries("/sys/bus/pci/devices")
            .iter()
            .any(|device| text(&device.join("vendor")) == "0x1af4")
        {
            self.load_for("pci");
        }
        // The device tree's name, and ACPI's (`LNRO0005`, as QEMU and Firecracker have it).
        let on_mmio = |device: &PathBuf| {
            let name = device.to_string_lossy();
            name.contains("virtio_mmio")
                || name.contains("virtio-mmio")
                || name.contains("LNRO0005")
        };
        let told = self
            .parameters
            .iter()
            .any(|(module, _)| module == "virtio_mmio");
        if told || entries("/sys/bus/platform/devices").iter().any(on_mmio) {
            self.load_for("mmio");
        }
    }

    fn load_for(&mut self, device: &str) {
        for module in self.table.get(device).cloned().unwrap_or_default() {
            if self.loaded.contains(&module) {
                continue;
            }
            if let Err(error) = self.load_one(&module) {
                warn(&format!("cannot load the module {module}: {error}"));
            }
            self.loaded.push(module);
        }
    }

    fn load_one(&self, module: &str) -> io::Result<()> {
        let file = File::open(self.directory.join(format!("{module}.ko")))?;
        let parameters: Vec<&str> = self
            .parameters
            .iter()
            .filter(|(of, _)| *of == module.replace('-', "_"))
            .map(|(_, parameter)| parameter.as_str())
            .collect();
        let parameters = CString::new(parameters.join(" "))?;
        // SAFETY: finit_module(2) reads the descriptor and the string, both alive here; it
        // touches nothing else of this process.
        let done = unsafe {
            libc::syscall(
                libc::SYS_finit_module,
                file.as_raw_fd(),
                parameters.as_ptr(),
                0,
            )
        };
        match done {
            0 => Ok(()),
            _ => match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(libc::EEXIST) => Ok(()),
                error => Err(error),
            },
        }
    }
}

/// Whether there is the device by which the host hears of a panic, without which a panic looks
/// like a reboot to it (QEMU, `docs/specs/pci-ids.rst` and `pvpanic.rst`).
fn has_pvpanic() -> bool {
    entries("/sys/bus/pci/devices").iter().any(|device| {
        text(&device.join("vendor")) == "0x1b36" && text(&device.join("device")) == "0x0011"
    })
}

/// The types of the virtio devices on the buses, each once.
fn virtio_devices() -> Vec<u32> {
    let mut types: Vec<u32> = entries("/sys/bus/virtio/devices")
        .iter()
        .filter_map(|device| {
            u32::from_str_radix(text(&device.join("device")).strip_prefix("0x")?, 16).ok()
        })
        .collect();
    types.sort_unstable();
    types.dedup();
    types
}

/// The entries of a directory of sysfs; none where it does not exist.
pub(crate) fn entries(directory: &str) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default()
}

/// An attribute of sysfs without its newline; empty where it cannot be read.
pub(crate) fn text(attribute: &Path) -> String {
    fs::read_to_string(attribute)
        .map(|text| text.trim_end().to_owned())
        .unwrap_or_default()
}
