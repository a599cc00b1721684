//! One disk, several VMs: who may start while others use it.
//!
//! QEMU locks what it writes to, but its words name a file and not a VM, and it does not know of a
//! layer whose VM does not run.

use std::path::{Path, PathBuf};

use super::Fleet;
use crate::fault::{Code, Failure};
use crate::vm::{DiskMode, Vm, VmName};

/// Another VM on the same disk.
struct Other {
    name: VmName,
    mode: DiskMode,
    is_live: bool,
    has_layer: bool,
}

impl Fleet {
    /// Whether a VM that is about to start may use its disk as it means to.
    pub(super) fn check_disk(&self, vm: &Vm) -> Result<(), Failure> {
        let Some((disk, mode)) = own_disk(vm) else {
            return Ok(());
        };
        let others = self.store.list()?.into_iter().filter_map(|other| {
            let (of, mode) = own_disk(&other)?;
            (of == disk && other.name != vm.name).then(|| Other {
                mode,
                is_live: other.phase.is_live(),
                has_layer: self.store.paths(&other.name).disk.exists(),
                name: other.name,
            })
        });
        match others.into_iter().find_map(|other| conflict(mode, &other)) {
            Some((why, hint)) => Err(Failure::new(
                Code::Refused,
                format!("the disk `{}` {why}", disk.display()),
            )
            .with_hint(hint)),
            None => Ok(()),
        }
    }
}

/// The disk of the user's own that a VM has; those of images are never written to.
fn own_disk(vm: &Vm) -> Option<(PathBuf, DiskMode)> {
    let spec = vm.spec.as_ref()?;
    let disk = spec.rootfs.as_deref()?;
    let real = std::fs::canonicalize(disk).unwrap_or_else(|_| Path::to_owned(disk));
    Some((real, spec.disk_mode))
}

/// What keeps a VM off a disk on which `other` is, and the way out.
fn conflict(mode: DiskMode, other: &Other) -> Option<(String, String)> {
    let name = &other.name;
    match (mode, other.mode) {
        (_, DiskMode::Shared) if other.is_live => Some((
            format!("is being written to by VM `{name}`, which shares it"),
            format!("stop it first with `smolvm-tui stop {name}`"),
        )),
        // Its layer is a difference to the disk as it was.
        (DiskMode::Shared, DiskMode::Isolated) if other.is_live || other.has_layer => Some((
            format!("lies below the layer of VM `{name}`, which writing to it would spoil"),
            format!(
                "remove that VM with `smolvm-tui rm {name}`, or give this one a copy of the disk"
            ),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DiskMode::{Isolated, Shared};

    #[test]
    fn a_disk_is_written_to_by_one_vm_and_never_below_the_layer_of_another() {
        for (mine, its, is_live, has_layer, words) in [
            (Shared, Shared, true, false, Some("which shares it")),
            (Shared, Shared, false, false, None),
            (Isolated, Shared, true, false, Some("which shares it")),
            (Isolated, Shared, false, false, None),
            (Shared, Isolated, true, true, Some("would spoil")),
            (Shared, Isolated, false, true, Some("would spoil")),
            (Shared, Isolated, false, false, None),
            (Isolated, Isolated, true, true, None),
        ] {
            let other = Other {
                name: "db".parse().unwrap(),
                mode: its,
                is_live,
                has_layer,
            };
            let told = conflict(mine, &other).map(|(why, hint)| {
                assert!(hint.contains(" db`"), "{hint}");
                why
            });
            let case = format!("{mine} on {its}, {is_live} {has_layer}");
            assert_eq!(told.is_some(), words.is_some(), "{case}");
            assert!(told.unwrap_or_default().contains(words.unwrap_or_default()));
        }
    }
}
