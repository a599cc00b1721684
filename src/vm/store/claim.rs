//! Making a VM, looking after it alone, and removing it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::super::{VmName, VmSpec, VmState};
use super::files::{private_dir, private_file, write_durably};
use super::{Store, StoreError, VmPaths};

/// A VM that is being made: complete on disk, but not visible to anybody before [`Self::commit`].
#[derive(Debug)]
pub struct Registration {
    name: VmName,
    staging: PathBuf,
    target: PathBuf,
}

impl Registration {
    /// The files of the VM as long as it is being made; `disk` may be created here.
    pub fn paths(&self) -> VmPaths {
        VmPaths::new(self.staging.clone())
    }

    /// Makes the VM visible. Of two that race for one name, one gets it.
    pub fn commit(self) -> Result<(), StoreError> {
        // rename(2) replaces an empty directory only; a VM's directory holds a spec, so it fails.
        match fs::rename(&self.staging, &self.target) {
            Ok(()) => Ok(()),
            Err(_) if self.target.exists() => Err(StoreError::Exists(self.name.clone())),
            Err(source) => Err(StoreError::Io {
                verb: "create",
                path: self.target.clone(),
                source,
            }),
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // After `commit` there is nothing left here; before it, nothing half-made may stay.
        let _ = fs::remove_dir_all(&self.staging);
    }
}
/// The right to look after a VM. The kernel takes it back when the process ends.
#[derive(Debug)]
pub struct ShimLock {
    _file: Flock<File>,
    name: VmName,
}

impl ShimLock {
    /// Whose lock it is.
    pub fn name(&self) -> &VmName {
        &self.name
    }
}

impl Store {
    /// Prepares a VM. Nothing is visible before [`Registration::commit`], and nothing stays if it
    /// is dropped before.
    pub fn register(&self, name: &VmName, spec: &VmSpec) -> Result<Registration, StoreError> {
        let target = self.paths(name).dir;
        if target.exists() {
            return Err(StoreError::Exists(name.clone()));
        }
        let staging = self.vms_dir().join(format!(".new-{}", spec.id));
        private_dir(&staging)?;
        let registration = Registration {
            name: name.clone(),
            staging,
            target,
        };
        let text = spec.to_toml().map_err(|source| StoreError::Spec {
            name: name.clone(),
            source,
        })?;
        write_durably(&registration.paths().spec, text.as_bytes())?;
        Ok(registration)
    }
    /// Takes the right to look after a VM, or `None` when somebody has it.
    pub fn lock(&self, name: &VmName) -> Result<Option<ShimLock>, StoreError> {
        let path = self.paths(name).lock;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| StoreError::Io {
                verb: "open",
                path: path.clone(),
                source,
            })?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            // The file of a VM that was removed meanwhile, and perhaps made anew, locks nothing.
            Ok(file) if !is_at(&file, &path) => Ok(None),
            Ok(file) => Ok(Some(ShimLock {
                _file: file,
                name: name.clone(),
            })),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, errno)) => Err(StoreError::Io {
                verb: "lock",
                path,
                source: errno.into(),
            }),
        }
    }

    /// Writes what became of a VM. Readers see the old or the new state, never half of one.
    pub fn save_state(&self, lock: &ShimLock, state: &VmState) -> Result<(), StoreError> {
        let path = self.paths(&lock.name).state;
        let error = |source| StoreError::Io {
            verb: "write",
            path: path.clone(),
            source,
        };
        let json = serde_json::to_vec_pretty(state).map_err(|e| error(e.into()))?;
        // Not synced: after a crash of the host the boot id tells that the state is of another life.
        let temporary = path.with_extension("json.new");
        let mut file = private_file(&temporary).map_err(error)?;
        file.write_all(&json).map_err(error)?;
        fs::rename(&temporary, &path).map_err(error)
    }

    /// Removes a VM and all that is its own. The lock says that nobody looks after it.
    pub fn remove(&self, lock: ShimLock, run_dir: Option<&Path>) -> Result<(), StoreError> {
        let dir = self.paths(&lock.name).dir;
        // First out of sight, in one step; then at leisure.
        let gone = self
            .vms_dir()
            .join(format!(".gone-{}-{}", lock.name, std::process::id()));
        fs::rename(&dir, &gone).map_err(|source| StoreError::Io {
            verb: "remove",
            path: dir,
            source,
        })?;
        drop(lock);
        if let Some(run_dir) = run_dir {
            let _ = fs::remove_dir_all(run_dir);
        }
        fs::remove_dir_all(&gone).map_err(|source| StoreError::Io {
            verb: "remove",
            path: gone,
            source,
        })
    }
}

/// Whether `path` still leads to this very file.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |meta: fs::Metadata| (meta.dev(), meta.ino());
    match (
        file.metadata().map(identity),
        fs::metadata(path).map(identity),
    ) {
        (Ok(held), Ok(there)) => held == there,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_of_a_vm_that_was_removed_and_made_anew_is_not_taken_for_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let of_the_old = File::create(&path).unwrap();
        assert!(is_at(&of_the_old, &path));
        fs::remove_file(&path).unwrap();
        assert!(!is_at(&of_the_old, &path));
        let _of_the_new = File::create(&path).unwrap();
        assert!(!is_at(&of_the_old, &path));
    }
}
