//! Loads the kernel modules that the devices of this machine need, and no others.
//!
//! The image's `/etc/modules.smolvm` has one line a device: a bus (`pci`, `mmio`), `pvpanic`, or the
//! number of a virtio device type (virtio 1.2, section 5), then the modules in the order in which they must
//! be loaded. The modules lie unpacked in `/lib/modules/<release>/`, without their signatures, which
//! take long to check; those lie beside them for a kernel that insists.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;

use crate::cmdline::Cmdline;
use crate::devices::{self, Wave};
use crate::log::warn;

const TABLE: &str = "/etc/modules.smolvm";

/// The table, and what has been loaded already.
pub(crate) struct Modules {
    table: BTreeMap<String, Vec<String>>,
    directory: PathBuf,
    /// `module.parameter=value` of the kernel's command line.
    parameters: Vec<(String, String)>,
    /// The firmware lists the devices on the memory bus.
    mmio_listed: bool,
    /// The virtio devices on the PCI bus that have no driver yet.
    waiting: Vec<PciDevice>,
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
            mmio_listed: false,
            waiting: Vec::new(),
            loaded: Vec::new(),
        }
    }

    /// Loads what the devices need.
    pub(crate) fn load(&mut self, wave: Wave) {
        match wave {
            Wave::Port => self.load_buses(),
            Wave::Network | Wave::Rest => bind(std::mem::take(&mut self.waiting).iter()),
        }
        for device in devices::due(virtio_devices(), wave) {
            self.load_for(&device.to_string());
        }
        if wave == Wave::Rest && has_pvpanic() {
            self.load_for("pvpanic");
        }
    }

    fn load_buses(&mut self) {
        let devices = pci_devices();
        if !devices.is_empty() {
            // Only the way to the host is set up now: each device takes milliseconds.
            let urgent = devices.iter().any(|device| device.leads_to_host);
            if urgent {
                set(Path::new(AUTOPROBE), "0");
            }
            self.load_for("pci");
            if urgent {
                bind(devices.iter().filter(|device| device.leads_to_host));
                set(Path::new(AUTOPROBE), "1");
                self.waiting = devices.into_iter().filter(|it| !it.leads_to_host).collect();
            }
        }
        self.mmio_listed = entries("/sys/bus/platform/devices")
            .iter()
            .filter_map(|device| device.file_name()?.to_str())
            .any(devices::on_mmio);
        let told = self
            .parameters
            .iter()
            .any(|(module, _)| module == "virtio_mmio");
        if self.mmio_listed || told {
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
        let name = module.replace('-', "_");
        let parameters = devices::parameters(&self.parameters, &name, self.mmio_listed);
        let parameters = CString::new(parameters)?;
        // SAFETY: finit_module(2) reads the descriptor and the string, both alive here; it
        // touches nothing else of this process.
        let done = outcome(unsafe {
            libc::syscall(
                libc::SYS_finit_module,
                file.as_raw_fd(),
                parameters.as_ptr(),
                0,
            )
        });
        match done {
            // `module.sig_enforce`, or a lockdown.
            Err(Errno::EKEYREJECTED | Errno::EPERM) => self.load_signed(file, module, &parameters),
            done => Ok(done?),
        }
    }

    /// Loads a module with its signature.
    fn load_signed(&self, mut file: File, module: &str, parameters: &CStr) -> io::Result<()> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        bytes.extend(fs::read(self.directory.join(format!("{module}.ko.sig")))?);
        // SAFETY: init_module(2) reads the bytes and the string, both alive here.
        Ok(outcome(unsafe {
            libc::syscall(
                libc::SYS_init_module,
                bytes.as_ptr(),
                bytes.len(),
                parameters.as_ptr(),
            )
        })?)
    }
}

/// What loading a module came to; one that is there already is loaded.
fn outcome(returned: libc::c_long) -> nix::Result<()> {
    match Errno::result(returned) {
        Ok(_) | Err(Errno::EEXIST) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether a driver that comes takes the devices of its kind (Linux, `Documentation/ABI/testing/sysfs-bus-pci`).
const AUTOPROBE: &str = "/sys/bus/pci/drivers_autoprobe";

/// A virtio device on the PCI bus.
struct PciDevice {
    name: String,
    /// The agent reaches the host on it.
    leads_to_host: bool,
}

/// The virtio devices on the PCI bus.
fn pci_devices() -> Vec<PciDevice> {
    entries("/sys/bus/pci/devices")
        .iter()
        .filter(|device| devices::on_pci(&text(&device.join("vendor"))))
        .filter_map(|device| {
            Some(PciDevice {
                name: device.file_name()?.to_str()?.to_owned(),
                leads_to_host: devices::leads_to_host(&text(&device.join("device"))),
            })
        })
        .collect()
}

/// Gives devices to the driver of virtio devices.
fn bind<'a>(devices: impl Iterator<Item = &'a PciDevice>) {
    for device in devices {
        set(
            Path::new("/sys/bus/pci/drivers/virtio-pci/bind"),
            &device.name,
        );
    }
}

fn set(attribute: &Path, value: &str) {
    match fs::write(attribute, value) {
        // A kernel with the driver built in was first.
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
        Err(error) => warn(&format!(
            "cannot write {value} to {}: {error}",
            attribute.display()
        )),
        Ok(()) => {}
    }
}

fn has_pvpanic() -> bool {
    let attribute = |device: &Path, name: &str| text(&device.join(name));
    entries("/sys/bus/pci/devices").iter().any(|device| {
        devices::is_pvpanic(&attribute(device, "vendor"), &attribute(device, "device"))
    })
}

/// The types of the virtio devices on the buses.
fn virtio_devices() -> Vec<u32> {
    entries("/sys/bus/virtio/devices")
        .iter()
        .filter_map(|device| {
            u32::from_str_radix(text(&device.join("device")).strip_prefix("0x")?, 16).ok()
        })
        .collect()
}

/// Whether a driver of the virtio bus has a device.
pub(crate) fn drives(driver: &str) -> bool {
    // Beside its devices, `virtio0` and so on, a driver has `bind`, `module` and the like.
    entries(&format!("/sys/bus/virtio/drivers/{driver}"))
        .iter()
        .filter_map(|entry| entry.file_name()?.to_str())
        .any(|name| name.starts_with("virtio"))
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
