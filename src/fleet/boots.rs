//! The history of boots: of one VM, and of all that ever were.

use super::Fleet;
use crate::fault::Failure;
use crate::vm::{BootRecord, BootResult, Vm};

impl Fleet {
    /// The boots of all VMs whose outcome is known, oldest first, also of VMs that are gone.
    pub fn history(&self) -> Result<Vec<BootRecord>, Failure> {
        Ok(self.store.all_boots()?)
    }

    /// The boots of a VM, oldest first, the one that is not in the history yet included.
    pub fn boots(&self, vm: &Vm) -> Result<Vec<BootRecord>, Failure> {
        let last = vm.state.boot.as_ref();
        let id = vm.spec.as_ref().map(|spec| spec.id.as_str());
        let Some(id) = id.or(last.map(|boot| boot.vm_id.as_str())) else {
            return Ok(Vec::new());
        };
        let mut boots = self.store.boots(id)?;
        if let Some(last) = last
            && boots.iter().all(|boot| boot.id != last.id)
        {
            let mut last = last.clone();
            if !vm.phase.is_live() && last.result == BootResult::Booting {
                // Nobody lived to write how it went: it ended before it was ready.
                last.result = BootResult::Crashed;
            }
            boots.push(last);
        }
        Ok(boots)
    }
}
