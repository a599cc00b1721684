//! What VMs that ended unseen have left in the host's network.

use super::address::id_of;
use super::device::{detach, devices, take_down};
use super::error::NetworkError;
use super::host;
use super::privilege;
use super::step::Step;
use crate::vm::{Store, StoreError};

/// Something that nobody needs any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// A TAP device that no process has open.
    Device {
        /// Its name.
        name: String,
        /// Whose it was, as a clause.
        why: String,
    },
    /// The packet filter's table, while no VM has a device.
    Rules,
}

impl Leftover {
    /// What it is and why nobody needs it, as a sentence without a period.
    pub fn sentence(&self) -> String {
        match self {
            Self::Device { name, why } => format!("TAP device `{name}`: {why}"),
            Self::Rules => format!(
                "packet filter's table `{}`: no VM has a TAP device",
                super::TABLE
            ),
        }
    }
}

/// What is left over. Changes nothing.
///
/// A device that a process has open is never among them, nor is one of a VM of this data directory
/// that is live: it may be about to be opened. Whether there are rules without any device only the
/// privileged are told.
pub fn leftovers(store: &Store) -> Result<Vec<Leftover>, StoreError> {
    let vms = store.list()?;
    let devices = devices();
    if devices.is_empty() {
        let rules = cfg!(target_os = "linux") && privilege::run(&Step::ListRules).is_ok();
        return Ok(rules.then_some(Leftover::Rules).into_iter().collect());
    }
    Ok(devices
        .into_iter()
        .filter(|device| !device.running)
        .filter_map(|device| {
            let id = id_of(&device.name)?;
            let owner = vms.iter().find(|vm| {
                let spec = vm.spec.as_ref();
                spec.is_some_and(|spec| spec.id.eq_ignore_ascii_case(id))
            });
            let why = match owner {
                Some(vm) if vm.phase.is_live() => return None,
                Some(vm) => format!("VM `{}` does not run", vm.name),
                None => "no VM of this data directory has it, and no process uses it".to_owned(),
            };
            Some(Leftover::Device {
                name: device.name,
                why,
            })
        })
        .collect())
}

/// Removes it, and the rules with the last device. What is in use by now is refused; what is gone
/// by now is no error.
pub fn remove(store: &Store, leftover: &Leftover) -> Result<(), NetworkError> {
    match leftover {
        Leftover::Device { name, .. } => {
            {
                let _lock = host::lock()?;
                if devices().iter().any(|it| it.name == *name && it.running) {
                    return Err(NetworkError::InUse(name.clone()));
                }
                take_down(name)?;
            }
            // With the note of it, if it is of this data directory.
            id_of(name).map_or(Ok(()), |id| detach(store, id))
        }
        Leftover::Rules => {
            let _lock = host::lock()?;
            if devices().is_empty() && privilege::run(&Step::ListRules).is_ok() {
                privilege::run(&Step::DeleteRules)?;
            }
            Ok(())
        }
    }
}
