//! Clearing away what processes that died left behind.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::Fleet;
use crate::vm::ProcessId;

/// A VM is being made for less than this; an older staging area belongs to nobody.
const STAGING: Duration = Duration::from_hours(1);

impl Fleet {
    /// Removes run directories of VMs that are gone, and staging areas whose makers died. What
    /// cannot be removed stays: this is tidiness, not part of any operation.
    pub(super) fn sweep(&self) {
        let _ = self.remove_stale_run_dirs();
        for_each_entry(&self.store.vms_dir(), |name, path| {
            let abandoned = if name.starts_with(".gone-") {
                let remover = name.rsplit('-').next().and_then(|pid| pid.parse().ok());
                remover.is_some_and(|pid| ProcessId::of(pid).is_none())
            } else {
                name.starts_with(".new-") && age(path).is_some_and(|age| age > STAGING)
            };
            if abandoned {
                let _ = fs::remove_dir_all(path);
            }
        });
    }
}

fn age(path: &Path) -> Option<Duration> {
    fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()
}

fn for_each_entry(dir: &Path, mut see: impl FnMut(&str, &Path)) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if let Some(name) = entry.file_name().to_str() {
            see(name, &entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::tests::{fleet, made, spec};

    #[test]
    fn what_dead_processes_left_is_cleared_and_what_lives_stays() {
        let (_dir, fleet) = fleet();
        let root = fleet.store.root().to_owned();
        let spec = spec("0000aaaa");
        made(&fleet.store, "web", &spec);
        fleet.store.run_dir(&spec.id).unwrap();
        fleet.store.run_dir("0000bbbb").unwrap();
        let me = std::process::id();
        for dir in [
            ".gone-old-4194304999",
            &format!(".gone-mine-{me}"),
            ".new-0000cccc",
        ] {
            fs::create_dir_all(fleet.store.vms_dir().join(dir)).unwrap();
        }
        fs::create_dir_all(fleet.store.vms_dir().join(".gone-old-999999999")).unwrap();
        fleet.sweep();
        assert!(root.join("run/0000aaaa").exists());
        assert!(!root.join("run/0000bbbb").exists());
        let vms = fleet.store.vms_dir();
        assert!(vms.join(format!(".gone-mine-{me}")).exists());
        assert!(
            vms.join(".new-0000cccc").exists(),
            "it may be in the making"
        );
        assert!(!vms.join(".gone-old-999999999").exists());
    }

    #[test]
    fn no_run_directory_is_cleared_while_a_spec_cannot_be_read() {
        let (_dir, fleet) = fleet();
        fs::create_dir_all(fleet.store.vms_dir().join("odd")).unwrap();
        fleet.store.run_dir("0000bbbb").unwrap();
        fleet.sweep();
        assert!(fleet.store.root().join("run/0000bbbb").exists());
    }
}
