//! What the checks ask of a host, so that tests can answer for hosts that are not at hand.

use std::io::{self, IsTerminal, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, Gid, Group, Uid, access};

use super::command;
use crate::backends::kvm::{self, Probe, Verdict};
use crate::backends::resolve::{self, Runnable};
use crate::backends::{BackendError, accel, firecracker, programs, qemu};
use crate::fault::set_up;
use crate::guest::ImageStore;
use crate::network::{self, Leftover, Pool, Privilege};
use crate::sampler::{self, HostMemory};
use crate::vm::{Store, Vm};

/// What the kernel says of itself (`uname(2)`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kernel {
    /// `Linux` or `Darwin`.
    pub(super) system: String,
    /// Its release.
    pub(super) release: String,
    /// As `uname -m` says.
    pub(super) arch: String,
}

/// A file as far as its owner and its mode matter; a symbolic link is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) is_directory: bool,
    pub(super) owner: u32,
    pub(super) group: u32,
    /// Permission bits alone.
    pub(super) mode: u32,
}

/// An image: its name, and its size in bytes or what is wrong with it.
pub(super) type ImageState = (String, Result<u64, String>);

/// A VM of the store, as far as it matters to what it may own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownVm {
    /// The name of its run directory.
    pub(super) id: String,
    /// Whether its VMM is known to live.
    pub(super) is_live: bool,
}

/// A host, as the checks see it. Checks may outlive the run that began them, so it is owned.
pub(super) trait Host: Send + Sync + 'static {
    /// What the kernel says of itself.
    fn kernel(&self) -> Kernel;
    /// Who we are, effectively.
    fn user(&self) -> u32;
    /// Which backends can run, as the choice between them sees it; `kvm` is asked where it matters.
    fn runnable(&self, kvm: &dyn Fn() -> Verdict) -> Runnable;
    /// What KVM really does; probed anew.
    fn kvm(&self) -> Probe;
    /// Whether Hypervisor.framework works, or why it does not.
    fn hvf(&self) -> Result<(), String>;
    /// The program of that name, or why there is none, as a clause.
    fn program(&self, name: &str) -> Result<PathBuf, String>;
    /// The standard output of a program that ended well, or why it did not, as a clause.
    fn run(&self, program: &Path, arguments: &[&str]) -> Result<String, String>;
    /// A file or directory.
    fn entry(&self, path: &Path) -> io::Result<Entry>;
    /// The names in a directory; none when it cannot be read.
    fn list(&self, path: &Path) -> Vec<String>;
    /// A text file, the first 64 KiB of it.
    fn read(&self, path: &Path) -> io::Result<String>;
    /// The first bytes of a file.
    fn head(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Opens a device for reading and writing, and closes it again.
    fn open(&self, path: &Path) -> io::Result<()>;
    /// The name of a group.
    fn group_name(&self, group: u32) -> Option<String>;
    /// The value of an environment variable that is set and not empty.
    fn variable(&self, name: &str) -> Option<String>;
    /// Columns and rows of the terminal that we talk to, if there is one.
    fn terminal(&self) -> Option<(u16, u16)>;
    /// How many files this process may have open (`RLIMIT_NOFILE`, the soft limit).
    fn open_files(&self) -> Option<u64>;
    /// How commands that change the network are run from here.
    fn privilege(&self) -> Privilege;
    /// Whether those commands may be run, and how, or why not.
    fn authority(&self, pool: Pool) -> Result<Privilege, String>;
    /// What is missing for a TAP device besides privileges, as a clause.
    fn tap_prerequisites(&self) -> Result<(), String>;
    /// What VMs that ended unseen have left in the network, or why that is not known.
    fn network_leftovers(&self, store: &Store) -> Result<Vec<Leftover>, String>;
    /// The script that sets this host up for Firecracker, where the program finds it.
    fn set_up_script(&self) -> Option<PathBuf>;
    /// The VMs of a store, or why it is not known which there are, as a clause.
    fn vms(&self, store: &Store) -> Result<Vec<KnownVm>, String>;
    /// Whether we may make files in a directory.
    fn may_write(&self, directory: &Path) -> bool;
    /// Bytes that we may still write to the file system of `path`.
    fn free_disk(&self, path: &Path) -> io::Result<u64>;
    /// Memory.
    fn memory(&self) -> Option<HostMemory>;
    /// The images below a directory.
    fn images(&self, directory: &Path) -> Vec<ImageState>;
}

/// More of a text file is not read.
const LONGEST_FILE: u64 = 64 << 10;

fn head(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    // A pipe in the place of a file must not hold us up.
    let flags = OFlag::O_NONBLOCK.bits();
    let mut options = std::fs::OpenOptions::new();
    let file = options.read(true).custom_flags(flags).open(path)?;
    file.take(bytes).read_to_end(&mut head)?;
    Ok(head)
}

/// The host that we run on.
#[derive(Debug)]
pub(super) struct ThisHost;

impl Host for ThisHost {
    fn kernel(&self) -> Kernel {
        let Ok(name) = nix::sys::utsname::uname() else {
            return Kernel::default();
        };
        let text = |part: &std::ffi::OsStr| part.to_string_lossy().into_owned();
        Kernel {
            system: text(name.sysname()),
            release: text(name.release()),
            arch: text(name.machine()),
        }
    }

    fn user(&self) -> u32 {
        Uid::effective().as_raw()
    }

    fn runnable(&self, kvm: &dyn Fn() -> Verdict) -> Runnable {
        resolve::runnable(kvm)
    }

    fn kvm(&self) -> Probe {
        kvm::probe()
    }

    fn hvf(&self) -> Result<(), String> {
        accel::hvf()
    }

    fn program(&self, name: &str) -> Result<PathBuf, String> {
        if let Some(arch) = name.strip_prefix("qemu-system-") {
            let arch = arch
                .parse()
                .map_err(|_| format!("QEMU is not used for {arch} here"))?;
            return qemu::program(arch).map_err(|error| match error {
                BackendError::Unavailable { why, .. } => why,
                other => other.to_string(),
            });
        }
        if name == "firecracker" {
            return firecracker::program().map_err(|error| match error {
                BackendError::Unavailable { why, .. } => why,
                other => other.to_string(),
            });
        }
        // What is run with privileges is looked for where the system keeps it, as a VM's start does.
        if ["ip", "nft", "sysctl", "sudo"].contains(&name) {
            return network::program(name).ok_or_else(|| format!("`{name}` is not installed"));
        }
        programs::find_program(name).ok_or_else(|| format!("`{name}` is not in PATH"))
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Result<String, String> {
        command::output(program, arguments, command::DEADLINE)
    }

    fn entry(&self, path: &Path) -> io::Result<Entry> {
        let meta = path.symlink_metadata()?;
        Ok(Entry {
            is_directory: meta.is_dir(),
            owner: meta.uid(),
            group: meta.gid(),
            mode: meta.mode() & 0o7777,
        })
    }

    fn list(&self, path: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&head(path, LONGEST_FILE)?).into_owned())
    }

    fn head(&self, path: &Path) -> io::Result<Vec<u8>> {
        head(path, 64)
    }

    fn open(&self, path: &Path) -> io::Result<()> {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).open(path).map(drop)
    }

    fn group_name(&self, group: u32) -> Option<String> {
        Some(Group::from_gid(Gid::from_raw(group)).ok()??.name)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn terminal(&self) -> Option<(u16, u16)> {
        if io::stdout().is_terminal() || io::stdin().is_terminal() {
            return crossterm::terminal::size().ok();
        }
        None
    }

    fn open_files(&self) -> Option<u64> {
        let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
        Some(soft)
    }

    fn privilege(&self) -> Privilege {
        network::privilege()
    }

    fn authority(&self, pool: Pool) -> Result<Privilege, String> {
        network::authority(pool)
    }

    fn tap_prerequisites(&self) -> Result<(), String> {
        network::prerequisites()
    }

    fn network_leftovers(&self, store: &Store) -> Result<Vec<Leftover>, String> {
        network::leftovers(store).map_err(|error| error.to_string())
    }

    fn set_up_script(&self) -> Option<PathBuf> {
        set_up::script()
    }

    fn vms(&self, store: &Store) -> Result<Vec<KnownVm>, String> {
        let vms = store.list().map_err(|error| error.to_string())?;
        let known = |vm: &Vm| {
            let spec = vm.spec.as_ref();
            let id = spec.map(|spec| spec.id.clone());
            let why = || format!("the specification of `{}` cannot be read", vm.name);
            let is_live = vm.phase.is_live();
            Ok(KnownVm {
                id: id.ok_or_else(why)?,
                is_live,
            })
        };
        vms.iter().map(known).collect()
    }

    fn may_write(&self, directory: &Path) -> bool {
        access(directory, AccessFlags::W_OK | AccessFlags::X_OK).is_ok()
    }

    fn free_disk(&self, path: &Path) -> io::Result<u64> {
        // Their widths differ from platform to platform.
        fn wide(number: impl Into<u64>) -> u64 {
            number.into()
        }
        let system = statvfs(path)?;
        Ok(wide(system.blocks_available()).saturating_mul(wide(system.fragment_size())))
    }

    fn memory(&self) -> Option<HostMemory> {
        sampler::host_memory()
    }

    fn images(&self, directory: &Path) -> Vec<ImageState> {
        ImageStore::new(directory.to_owned())
            .list()
            .unwrap_or_default()
            .into_iter()
            .map(|(reference, image)| {
                let state = image
                    .map(|image| image.size)
                    .map_err(|error| error.to_string());
                (reference.name, state)
            })
            .collect()
    }
}
