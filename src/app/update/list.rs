//! The list: selection, filter, and which rows are seen.

use crate::app::state::State;
use crate::vm::VmName;

/// Selects a VM: what belongs to the one before is forgotten.
pub(super) fn select(state: &mut State, name: Option<VmName>) {
    if state.selected != name {
        state.selected = name;
        super::reading::end(state);
        state.log.clear();
        state.scroll.page = 0;
        state.scroll.log = 0;
    }
}

/// Selects the VM at that place of the list, the last one if there are fewer.
pub(super) fn select_at(state: &mut State, index: usize) {
    let last = state.shown_count().saturating_sub(1);
    let name = state
        .shown()
        .nth(index.min(last))
        .map(|row| row.vm.name.clone());
    select(state, name);
}

/// The place of the selected VM in the list.
pub(super) fn selected_index(state: &State) -> Option<usize> {
    let selected = state.selected.as_ref()?;
    state.shown().position(|row| row.vm.name == *selected)
}

/// Selects the VM so many rows further down, or up.
pub(super) fn step(state: &mut State, by: isize) {
    let index = selected_index(state).unwrap_or(state.selected_at);
    select_at(state, index.saturating_add_signed(by));
}

/// Puts right what a message may have left wrong: a selection that is gone, rows out of view.
pub(super) fn settle(state: &mut State) {
    if selected_index(state).is_none() {
        let place = state.selected_at;
        select_at(state, place);
    }
    let index = selected_index(state).unwrap_or(0);
    state.selected_at = index;
    let height = usize::from(state.regions().list_rows().height);
    if height > 0 {
        let lowest = (index + 1).saturating_sub(height);
        let most = state.shown_count().saturating_sub(height);
        state.top = state.top.clamp(lowest, index).min(most).max(lowest);
    }
}
