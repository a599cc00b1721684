//! What messages do to the state, and what they ask of the world.

use crate::app::effect::{Effect, SessionKind, Typed};
use crate::app::fixture::{name, press};
use crate::app::state::State;
use crate::vm::Operation;

mod console;
mod doctor;
mod figures;
mod fleet;
mod lines;
mod panels;
mod reading;
mod tryout;

pub(super) const SIZE: (u16, u16) = (120, 40);

pub(super) fn operations(effects: &[Effect]) -> Vec<(String, Operation, bool)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Operate {
                name,
                operation,
                force,
            } => Some((name.to_string(), *operation, *force)),
            _ => None,
        })
        .collect()
}

pub(super) fn sessions(effects: &[Effect]) -> Vec<Option<SessionKind>> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Session(open) => Some(open.as_ref().map(|open| open.target.kind)),
            _ => None,
        })
        .collect()
}

pub(super) fn typed(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Type(Typed::Key(key)) => Some(key.to_string()),
            Effect::Type(Typed::Paste(text)) => Some(text.clone()),
            _ => None,
        })
        .collect()
}

pub(super) fn told(state: &State) -> &str {
    state
        .journal
        .entries()
        .last()
        .map_or("", |entry| &entry.text)
}

pub(super) fn select(state: &mut State, text: &str) {
    press(state, "home");
    while state.selected != Some(name(text)) {
        press(state, "down");
    }
}
