//! The directory of VMs, which *is* the registry: who exists, what was asked, what became of it.
//!
//! Nothing in here waits for another process. A torn, unknown or unreadable file becomes the
//! [`Problem`] of its own VM and harms no other.

mod bookmarks;
mod claim;
mod error;
mod files;
mod history;
mod observe;

use std::path::{Path, PathBuf};

use self::files::{check_private, private_dir};
use super::VmName;
use crate::fault::io_error;

pub use claim::{Registration, ShimLock};
pub use error::StoreError;
pub use files::{private_file, write_aside};
pub use observe::{Problem, Vm};

/// `sun_path` holds 108 bytes on Linux and 104 on macOS, the final zero included (unix(7)); we stay
/// below both.
const LONGEST_SOCKET_PATH: usize = 100;
/// The data directory and all that is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    root: PathBuf,
}
/// Where the files of one VM are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmPaths {
    /// `vms/<name>`.
    pub dir: PathBuf,
    /// What was asked for.
    pub spec: PathBuf,
    /// What became of it.
    pub state: PathBuf,
    /// Locked by the shim as long as it lives.
    pub lock: PathBuf,
    /// Serial output, capped; the older half is `console.log.1`.
    pub console_log: PathBuf,
    /// Offsets of the serial output against time.
    pub console_idx: PathBuf,
    /// Lines of the serial output that somebody marked.
    pub bookmarks: PathBuf,
    /// The VMM's own words.
    pub vmm_log: PathBuf,
    /// What the VMM says beside its log, where it keeps one itself: `stderr`.
    pub vmm_err: PathBuf,
    /// Serial output while no shim lived, kept short by the shim.
    pub gap_log: PathBuf,
    /// The screen as the VM left it, as bytes for a terminal.
    pub last_screen: PathBuf,
    /// The VM's own layer over the image's root file system.
    pub disk: PathBuf,
    /// The VM's own copy of it, for a VMM that knows no layers.
    pub disk_raw: PathBuf,
}

impl VmPaths {
    fn new(dir: PathBuf) -> Self {
        let file = |name| dir.join(name);
        Self {
            spec: file("spec.toml"),
            state: file("state.json"),
            lock: file("lock"),
            console_log: file("console.log"),
            console_idx: file("console.idx"),
            bookmarks: file("bookmarks.jsonl"),
            vmm_log: file("vmm.log"),
            vmm_err: file("vmm.err"),
            gap_log: file("gap.log"),
            last_screen: file("last-screen.ansi"),
            disk: file("disk.qcow2"),
            disk_raw: file("disk.raw"),
            dir,
        }
    }
}
impl Store {
    /// The store at `dir`, or where `SMOLVM_TUI_DATA_DIR` or the platform says. Touches no file.
    pub fn locate(dir: Option<&Path>) -> Result<Self, StoreError> {
        let from_environment = || {
            std::env::var_os("SMOLVM_TUI_DATA_DIR")
                .filter(|dir| !dir.is_empty())
                .map(PathBuf::from)
        };
        let platform = || {
            let dirs = directories::ProjectDirs::from("", "", "smolvm-tui")?;
            Some(
                dirs.state_dir()
                    .unwrap_or_else(|| dirs.data_local_dir())
                    .to_owned(),
            )
        };
        let root = dir
            .map(Path::to_owned)
            .or_else(from_environment)
            .or_else(platform);
        let root = root.ok_or(StoreError::NoHome)?;
        // Shims run in `/`, so a relative path would mean another place there.
        let root = std::path::absolute(&root).map_err(io_error("resolve", root))?;
        Ok(Self { root })
    }

    /// Makes the data directory and the one of the VMs, for their owner only, where there are none.
    pub fn make(&self) -> Result<(), StoreError> {
        Ok(private_dir(&self.vms_dir())?)
    }

    /// The data directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where images are kept.
    pub fn images_dir(&self) -> PathBuf {
        self.root.join("images")
    }

    /// The directory that holds one directory for each VM.
    pub fn vms_dir(&self) -> PathBuf {
        self.root.join("vms")
    }

    /// The files of one VM.
    pub fn paths(&self, name: &VmName) -> VmPaths {
        VmPaths::new(self.vms_dir().join(name.as_str()))
    }
    /// Makes the directory for a VM's sockets: 0700, ours, and short enough for their addresses.
    pub fn run_dir(&self, id: &str) -> Result<PathBuf, StoreError> {
        let dir = self.run_dir_path(id);
        private_dir(&dir)?;
        check_private(&dir)?;
        Ok(dir)
    }

    /// Where the sockets of the VM with this id are, or would be.
    pub fn run_dir_path(&self, id: &str) -> PathBuf {
        let near = self.root.join("run").join(id);
        if near.as_os_str().len() + "/serial.sock".len() <= LONGEST_SOCKET_PATH {
            return near;
        }
        let user = nix::unistd::Uid::effective();
        std::env::temp_dir()
            .join(format!("smolvm-tui-{user}"))
            .join(id)
    }
}

#[cfg(test)]
mod tests;
