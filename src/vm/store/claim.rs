//! Making a VM, looking after it alone, and removing it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::super::{ProcessId, VmName, VmSpec, VmState, process};
use super::files::{private_dir, private_file, write_durably};
use super::{Store, StoreError, VmPaths};
use crate::fault::io_error;

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
            Err(source) => Err(io_error("create", &self.target)(source).into()),
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
///
/// The file says who holds it, so that nobody has to take the lock to know.
#[derive(Debug)]
pub struct ShimLock {
    file: Flock<File>,
    name: VmName,
}

/// Length of a lock file: a pid, a start time and a boot id, filled up with blanks. Always the same,
/// so that a full disk, once it took one, takes each.
const LOCK_LINE: usize = 96;
/// A block of a file system, in bytes; where they are larger, more room is known than is used.
const BLOCK: usize = 4096;

impl ShimLock {
    /// Whose lock it is.
    pub fn name(&self) -> &VmName {
        &self.name
    }
}

impl Drop for ShimLock {
    fn drop(&mut self) {
        // The process may live on for a while; the VM is nobody's from here on.
        let _ = self.file.write_all_at(&[b' '; LOCK_LINE], 0);
    }
}

impl Store {
    /// Who looks after a VM, as far as it lives and wrote it down.
    pub fn holder(&self, name: &VmName) -> Option<ProcessId> {
        let line = fs::read_to_string(self.paths(name).lock).ok()?;
        let mut words = line.split_ascii_whitespace();
        let holder = ProcessId {
            pid: words.next()?.parse().ok()?,
            start_time: words.next()?.parse().ok()?,
        };
        let of_this_boot = words.next().unwrap_or_default() == process::host_boot_id();
        (of_this_boot && holder.is_alive()).then_some(holder)
    }

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
            .map_err(io_error("open", &path))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            // The file of a VM that was removed meanwhile, and perhaps made anew, locks nothing.
            Ok(file) if !is_at(&file, &path) => Ok(None),
            Ok(file) => {
                if let Some(me) = ProcessId::current() {
                    let boot = process::host_boot_id();
                    let line = format!("{} {} {boot}", me.pid, me.start_time);
                    // A disk that refuses it leaves the lock a lock.
                    let _ = file.write_all_at(format!("{line:LOCK_LINE$}").as_bytes(), 0);
                }
                let name = name.clone();
                Ok(Some(ShimLock { file, name }))
            }
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, errno)) => Err(io_error("lock", path)(errno.into()).into()),
        }
    }

    /// Writes what became of a VM. Readers see the old or the new state, never half of one.
    pub fn save_state(&self, lock: &ShimLock, state: &VmState) -> Result<(), StoreError> {
        let path = self.paths(&lock.name).state;
        let error = io_error("write", &path);
        let json = serde_json::to_vec_pretty(state).map_err(|e| error(e.into()))?;
        // Not synced: after a crash of the host the boot id tells that the state is of another life.
        let temporary = path.with_extension("json.new");
        let written = private_file(&temporary).and_then(|mut file| file.write_all(&json));
        match written {
            Ok(()) => fs::rename(&temporary, &path).map_err(error)?,
            Err(full) if is_full(&full) => {
                let _ = fs::remove_file(&temporary);
                overwrite(&path, json).map_err(|_| error(full))?;
            }
            Err(other) => Err(error(other))?,
        }
        Ok(())
    }

    /// Whether `state` is what the VM's file says.
    pub fn keeps_state(&self, name: &VmName, state: &VmState) -> bool {
        let kept = fs::read(self.paths(name).state).ok();
        let kept = kept.and_then(|bytes| serde_json::from_slice::<VmState>(&bytes).ok());
        kept.as_ref() == Some(state)
    }

    /// Removes a VM and all that is its own. The lock says that nobody looks after it.
    pub fn remove(&self, lock: ShimLock, run_dir: Option<&Path>) -> Result<(), StoreError> {
        let dir = self.paths(&lock.name).dir;
        // First out of sight, in one step; then at leisure.
        let gone = self
            .vms_dir()
            .join(format!(".gone-{}-{}", lock.name, std::process::id()));
        fs::rename(&dir, &gone).map_err(io_error("remove", dir))?;
        drop(lock);
        if let Some(run_dir) = run_dir {
            let _ = fs::remove_dir_all(run_dir);
        }
        Ok(fs::remove_dir_all(&gone).map_err(io_error("remove", gone))?)
    }
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind as E;
    matches!(error.kind(), E::StorageFull | E::QuotaExceeded)
}

/// Writes over a file within the room that it has, which a full disk lets happen. One write of a
/// few KiB: a reader that meets it half done finds a torn file and asks the shim.
fn overwrite(path: &Path, mut bytes: Vec<u8>) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if bytes.len() > length.next_multiple_of(BLOCK) {
        return Err(io::ErrorKind::StorageFull.into());
    }
    // JSON may end in blanks.
    bytes.resize(bytes.len().max(length), b'\n');
    file.write_all_at(&bytes, 0)
}

/// Whether `path` still leads to this very file.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
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
