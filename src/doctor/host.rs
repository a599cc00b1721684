//! What the checks ask of a host, so that tests can answer for hosts that are not at hand.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, Uid, access};

use super::command;
use crate::backends::kvm::{self, Verdict};
use crate::backends::resolve::{self, Runnable};
use crate::backends::{BackendError, accel, qemu};
use crate::guest::ImageStore;
use crate::sampler::{self, HostMemory};

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
    /// Permission bits alone.
    pub(super) mode: u32,
}

/// An image: its name, and its size in bytes or what is wrong with it.
pub(super) type ImageState = (String, Result<u64, String>);

/// A host, as the checks see it.
pub(super) trait Host: Sync {
    /// What the kernel says of itself.
    fn kernel(&self) -> Kernel;
    /// Who we are, effectively.
    fn user(&self) -> u32;
    /// Which backends can run, as the choice between them sees it.
    fn runnable(&self) -> Runnable;
    /// What KVM really does; probed anew.
    fn kvm(&self) -> Verdict;
    /// Whether Hypervisor.framework works, or why it does not.
    fn hvf(&self) -> Result<(), String>;
    /// The program of that name, or why there is none, as a clause.
    fn program(&self, name: &str) -> Result<PathBuf, String>;
    /// The standard output of a program that ended well, or why it did not, as a clause.
    fn run(&self, program: &Path, arguments: &[&str]) -> Result<String, String>;
    /// A file or directory.
    fn entry(&self, path: &Path) -> io::Result<Entry>;
    /// Whether we may make files in a directory.
    fn may_write(&self, directory: &Path) -> bool;
    /// Bytes that we may still write to the file system of `path`.
    fn free_disk(&self, path: &Path) -> io::Result<u64>;
    /// Memory.
    fn memory(&self) -> Option<HostMemory>;
    /// The images below a directory.
    fn images(&self, directory: &Path) -> Vec<ImageState>;
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

    fn runnable(&self) -> Runnable {
        resolve::runnable(kvm::probe)
    }

    fn kvm(&self) -> Verdict {
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
        let named = std::env::var_os("FIRECRACKER_BIN")
            .filter(|value| name == "firecracker" && !value.is_empty());
        if let Some(path) = named.map(PathBuf::from) {
            let why = || {
                format!(
                    "FIRECRACKER_BIN names `{}`, which is no program",
                    path.display()
                )
            };
            return if resolve::is_program(&path) {
                Ok(path)
            } else {
                Err(why())
            };
        }
        resolve::find_program(name).ok_or_else(|| format!("`{name}` is not in PATH"))
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Result<String, String> {
        command::output(program, arguments, command::DEADLINE)
    }

    fn entry(&self, path: &Path) -> io::Result<Entry> {
        let meta = path.symlink_metadata()?;
        Ok(Entry {
            is_directory: meta.is_dir(),
            owner: meta.uid(),
            mode: meta.mode() & 0o7777,
        })
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
