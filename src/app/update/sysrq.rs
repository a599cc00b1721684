//! The menu of what goes past the bytes of the serial line: BREAK, and keys of `SysRq` behind it.

use crate::app::effect::Effect;
use crate::app::journal::Level;
use crate::app::state::{Break, Modal, Page, State};
use crate::console::keys::{Key, KeyCode};
use crate::console::sysrq::SysRq;

/// Opens the menu, if the selected VM has a guest that could hear.
pub(super) fn open(state: &mut State) {
    let Some(row) = state.selected_row() else {
        return;
    };
    let (name, phase) = (row.vm.name.clone(), row.vm.phase);
    if phase.is_live() {
        // What the guest says to it is to be seen.
        super::actions::show(state, Page::Console);
        state.modals.push(Modal::Break(Break { name, asked: None }));
    } else {
        let text = format!("`{name}` is {phase}: a BREAK reaches nobody");
        state.journal.tell(state.now, Level::Note, text);
    }
}

/// A letter of the menu, or enter for the BREAK alone; what destroys is asked first.
pub(super) fn typed(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let known = match key.code {
        _ if key.ctrl || key.alt => None,
        KeyCode::Enter => Some(None),
        KeyCode::Char(letter) => SysRq::of(letter).map(Some),
        _ => None,
    };
    match (known, state.modals.last_mut()) {
        (Some(Some(key)), Some(Modal::Break(menu))) if key.destroys => menu.asked = Some(key),
        (Some(key), Some(Modal::Break(_))) => {
            state.modals.pop();
            effects.push(Effect::Break(key.map(|key| key.letter)));
        }
        _ => {}
    }
}

/// Yes to the question.
pub(super) fn confirmed(state: &mut State, effects: &mut Vec<Effect>) {
    if let Some(Modal::Break(menu)) = state.modals.pop()
        && let Some(key) = menu.asked
    {
        effects.push(Effect::Break(Some(key.letter)));
    }
}
