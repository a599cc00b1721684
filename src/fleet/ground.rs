//! A data directory of its own for VMs that are only tried out, below the user's: no list shows them
//! and no history counts them. It goes with the attempt, however that ends; one whose process was killed
//! is cleared by the next attempt.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Fleet;
use crate::backends::kvm;
use crate::fault::{Code, Failure};
use crate::network;
use crate::vm::process::BIRTH_RECORD;
use crate::vm::{ProcessId, Store, Vm, VmName, process};

/// The directory of all attempts, below the data directory.
const GROUNDS: &str = "trials";
/// How long killed processes may take to be gone.
const END: Duration = Duration::from_secs(2);

fn fault(what: impl Into<String>) -> Failure {
    Failure::new(Code::RuntimeError, what)
}

/// The data directory of one attempt. With it goes all that it holds and all that runs in it.
#[derive(Debug)]
pub(super) struct Ground {
    root: PathBuf,
    store: Store,
}

impl Ground {
    /// A new one below the user's data directory; what killed processes left there is cleared.
    pub(super) fn new(store: &Store) -> Result<Self, Failure> {
        clear_abandoned(store);
        let name = format!("{}-{:08x}", std::process::id(), fastrand::u32(..));
        let root = store.root().join(GROUNDS).join(name);
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&root);
        made.map_err(|error| fault(format!("could not create `{}`: {error}", root.display())))?;
        Self::at(root)
    }

    /// Its directory.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The VMs on it, with the settings of `user`, and what that knows of KVM here.
    pub(super) fn fleet(&self, user: &Fleet) -> Fleet {
        kvm::share_verdict(&user.store, &self.store);
        Fleet {
            store: self.store.clone(),
            config: user.config.clone(),
        }
    }

    /// Has the user's images at hand on it.
    pub(super) fn share_images(&self, user: &Store) -> Result<(), Failure> {
        let (images, here) = (user.images_dir(), self.store.images_dir());
        symlink(&images, &here).map_err(|error| {
            fault(format!(
                "could not link `{}` to `{}`: {error}",
                here.display(),
                images.display()
            ))
        })
    }

    fn at(root: PathBuf) -> Result<Self, Failure> {
        let store = Store::locate(Some(&root))?;
        Ok(Self { root, store })
    }

    /// Ends the VM's shim and VMM, wherever they are in their lives.
    fn end(&self, name: &VmName) {
        let begin = Instant::now();
        let mut vm = self.observe(name);
        // Without the lock's owner nobody starts anything any more.
        while matches!(self.store.lock(name), Ok(None)) && begin.elapsed() < END {
            vm = self.observe(name);
            vm.state.shim.into_iter().for_each(end);
            // A shim that has just begun has not written who it is.
            std::thread::sleep(Duration::from_millis(2));
        }
        let run_dir = vm
            .spec
            .as_ref()
            .map(|spec| self.store.run_dir_path(&spec.id));
        let born = run_dir.as_ref().map(|dir| dir.join(BIRTH_RECORD));
        let born = born.and_then(|record| ProcessId::of_birth_record(&record));
        vm.state.vmm.into_iter().chain(born).for_each(end);
        if let Some(spec) = &vm.spec {
            // A device that stays is found by the doctor.
            let _ = network::detach(&self.store, &spec.id);
        }
        // It may be outside, where a socket's path below the data directory would be too long.
        if let Some(dir) = run_dir {
            let _ = fs::remove_dir_all(dir);
        }
    }

    fn observe(&self, name: &VmName) -> Vm {
        self.store.observe(name.clone(), &process::host_boot_id())
    }
}

fn end(process: ProcessId) {
    if let (true, Ok(pid)) = (process.is_alive(), i32::try_from(process.pid)) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for name in self.store.names().unwrap_or_default() {
            self.end(&name);
        }
        let _ = fs::remove_dir_all(&self.root);
        // Gone with the last one.
        if let Some(grounds) = self.root.parent() {
            let _ = fs::remove_dir(grounds);
        }
    }
}

/// Clears attempts whose processes were killed.
fn clear_abandoned(store: &Store) {
    let grounds = store.root().join(GROUNDS);
    for root in abandoned(&grounds).unwrap_or_default() {
        drop(Ground::at(root));
    }
}

fn abandoned(grounds: &Path) -> io::Result<Vec<PathBuf>> {
    let is_abandoned = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        let owner = name.and_then(|name| name.split('-').next()?.parse().ok());
        owner.is_some_and(|pid| ProcessId::of(pid).is_none())
    };
    let entries = fs::read_dir(grounds)?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths.filter(is_abandoned).collect())
}

#[cfg(test)]
#[path = "ground_tests.rs"]
mod tests;
