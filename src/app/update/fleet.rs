//! What the store, the sampler and the operations tell of the VMs.

use std::collections::BTreeMap;

use super::list;
use crate::app::effect::Effect;
use crate::app::journal::Level;
use crate::app::metrics::Count;
use crate::app::row::Row;
use crate::app::state::State;
use crate::fault::Failure;
use crate::sampler::Sample;
use crate::vm::{Admission, Operation, Vm, VmName};

/// All VMs were read.
pub(super) fn all(state: &mut State, vms: Result<Vec<Vm>, Failure>) {
    match vms {
        Ok(vms) => {
            state.store_failure = None;
            state.unread = 0;
            let old = std::mem::take(&mut state.rows).into_iter();
            let mut old: BTreeMap<VmName, Row> =
                old.map(|row| (row.vm.name.clone(), row)).collect();
            state.rows = vms
                .into_iter()
                .map(|vm| match old.remove(&vm.name) {
                    Some(mut row) => {
                        row.renew(vm);
                        row
                    }
                    None => Row::new(vm),
                })
                .collect();
        }
        Err(failure) => {
            state.journal.fail(state.now, &failure);
            state.store_failure = Some(failure);
        }
    }
}

/// One VM was read again, or is gone.
pub(super) fn one(state: &mut State, name: &VmName, vm: Option<Vm>) {
    match (vm, state.row_mut(name)) {
        (Some(vm), Some(row)) => row.renew(vm),
        (Some(vm), None) => {
            let at = state.rows.partition_point(|row| row.vm.name < *name);
            state.rows.insert(at, Row::new(vm));
        }
        (None, _) => state.rows.retain(|row| row.vm.name != *name),
    }
}

/// Figures of the last second.
pub(super) fn samples(state: &mut State, samples: Vec<(VmName, Sample)>) {
    for (name, sample) in samples {
        if let Some(row) = state.row_mut(&name) {
            row.note(Some(sample));
        }
    }
}

/// What a VMM counted; late words about a VM that is no longer looked at are of no use.
pub(super) fn counted(state: &mut State, name: &VmName, count: Result<Count, Failure>) {
    let of = state.held.count.as_ref().map(|target| &target.name);
    if of == Some(name) {
        state.metrics.take(count);
    }
}

/// Asks for an operation, unless the VM's phase refuses it or one is under way.
pub(super) fn operate(
    state: &mut State,
    name: &VmName,
    operation: Operation,
    force: bool,
    effects: &mut Vec<Effect>,
) {
    let now = state.now;
    let Some(row) = state.rows.iter_mut().find(|row| row.vm.name == *name) else {
        return;
    };
    // A kill may cut any other operation short; the shim sees to it.
    if let Some(busy) = row.busy.filter(|_| operation != Operation::Kill) {
        let text = format!("`{name}` is busy: {} is under way", busy.word());
        return state.journal.tell(now, Level::Failed, text);
    }
    let forced = operation == Operation::Remove && force;
    match row.vm.phase.admit(operation) {
        Err(refusal) if !forced => {
            state.journal.fail(now, &refusal.of(name));
        }
        Ok(Admission::Done) => {
            let text = format!("`{name}` is {} already", row.vm.phase);
            state.journal.tell(now, Level::Note, text);
        }
        Ok(Admission::Go) | Err(_) => {
            row.busy = Some(operation);
            effects.push(Effect::Operate {
                name: name.clone(),
                operation,
                force,
            });
        }
    }
}

/// An operation ended.
pub(super) fn operated(
    state: &mut State,
    name: &VmName,
    operation: Operation,
    result: Result<Vm, Failure>,
) {
    let now = state.now;
    if let Some(row) = state.row_mut(name)
        && row.busy == Some(operation)
    {
        row.busy = None;
    }
    match result {
        Ok(vm) => {
            let text = match operation {
                Operation::Start => format!("`{name}` runs"),
                Operation::Restart => format!("`{name}` runs again"),
                Operation::Stop => format!("`{name}` stopped"),
                Operation::Kill => format!("`{name}` was killed"),
                Operation::Pause => format!("`{name}` is paused"),
                Operation::Resume => format!("`{name}` goes on"),
                Operation::Remove => format!("`{name}` was deleted"),
            };
            if operation == Operation::Remove {
                one(state, name, None);
            } else {
                one(state, name, Some(vm));
            }
            state.journal.tell(now, Level::Done, text);
        }
        Err(failure) => state.journal.fail(now, &failure),
    }
    list::settle(state);
}
