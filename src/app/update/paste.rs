//! A paste on the console: several lines ask first, a long one shows how far it is.

use super::console;
use crate::app::effect::{Effect, Typed};
use crate::app::journal::Level;
use crate::app::state::{Modal, Paste, State};
use crate::console::keys::pasted_lines;

/// A shorter paste is over before anybody could read how far it is, in bytes.
pub(crate) const LONG: usize = 4096;

/// Text was pasted while the console has the keys.
pub(super) fn pasted(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    let Some(name) = state.selected.clone() else {
        return;
    };
    let paste = Paste {
        name,
        text: text.to_owned(),
        taken: None,
    };
    if pasted_lines(text) > 1 {
        state.stale = true;
        state.modals.push(Modal::Paste(paste));
    } else {
        begin(state, paste, effects);
    }
}

/// It is wanted.
fn begin(state: &mut State, paste: Paste, effects: &mut Vec<Effect>) {
    let text = paste.text;
    if text.len() > LONG {
        state.stale = true;
        state.modals.push(Modal::Paste(Paste {
            taken: Some((0, text.len())),
            text: String::new(),
            ..paste
        }));
    }
    console::typed(state, Typed::Paste(text), effects);
}

/// Yes to the question; a paste that is under way goes on.
pub(super) fn confirmed(state: &mut State, effects: &mut Vec<Effect>) {
    if let Some(Modal::Paste(Paste { taken: None, .. })) = state.modals.last()
        && let Some(Modal::Paste(paste)) = state.modals.pop()
    {
        begin(state, paste, effects);
    }
}

/// No to the question, or the end of a paste under way.
pub(super) fn refused(state: &mut State, effects: &mut Vec<Effect>) {
    if let Some(Modal::Paste(Paste {
        taken: Some((taken, all)),
        ..
    })) = state.modals.pop()
    {
        effects.push(Effect::CancelPaste);
        let text = format!("the paste was ended after {taken} of {all} bytes");
        state.journal.tell(state.now, Level::Note, text);
    }
}

/// The guest took more of it.
pub(super) fn went_on(state: &mut State, taken: usize, all: usize) {
    for modal in &mut state.modals {
        if let Modal::Paste(paste) = modal
            && paste.taken.is_some()
        {
            paste.taken = Some((taken, all));
        }
    }
    if taken >= all {
        over(state);
    }
}

/// It is over, for good or ill. A question is of no more use either when its console is gone.
pub(super) fn over(state: &mut State) {
    let is_paste = |modal: &Modal| matches!(modal, Modal::Paste(_));
    state.modals.retain(|modal| !is_paste(modal));
}
