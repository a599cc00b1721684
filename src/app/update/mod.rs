//! The logic: what a message makes of the state, and what the world must do then.
//!
//! Pure: no file, no clock, no task. Everything that is wanted of the world as long as something
//! is seen (a console, samples, the log) is worked out after each message by `wanted`.

mod actions;

mod console;
mod fleet;
mod form;
mod list;
mod mouse;
mod paste;
mod wanted;

pub use actions::start_or_stop;
pub(super) use paste::LONG as LONG_PASTE;

use super::action::Context;
use super::effect::{Effect, Typed};
use super::message::Message;
use super::now::Now;
use super::state::{Modal, State};
use crate::console::keys::{Key, KeyCode};
use crate::doctor::Progress;

/// Takes a message in.
pub fn update(state: &mut State, now: Now, message: Message) -> Vec<Effect> {
    state.now = now;
    let mut effects = Vec::new();
    // What a typed key does on the screen is the guest's to say: until it does nothing changed.
    let quiet = state.context() == Context::Console
        && matches!(message, Message::Key(_) | Message::Paste(_));
    if !quiet {
        state.stale = true;
    }
    match message {
        Message::Key(key) => on_key(state, key, &mut effects),
        Message::Paste(text) => on_paste(state, &text, &mut effects),
        Message::Mouse(mouse) => mouse::update(state, mouse, &mut effects),
        Message::Resize(columns, rows) => state.size = (columns, rows),
        Message::Vms(vms) => fleet::all(state, vms),
        Message::Vm(name, vm) => fleet::one(state, &name, vm.map(|vm| *vm)),
        Message::Boots(name, boots) => {
            if let Some(row) = state.row_mut(&name) {
                row.boots = Some(boots);
            }
        }
        Message::Samples(samples) => fleet::samples(state, samples),
        Message::Doctor(progress) => on_doctor(state, progress, &mut effects),
        Message::HostChanged => {
            // What came out before the change may be wrong now.
            state.doctor.again = state.doctor.is_running;
            examine(state, &mut effects);
        }
        Message::Unexamined(failure) => {
            state.doctor.is_running = false;
            state.doctor.failure = Some(failure);
        }
        Message::Operated {
            name,
            operation,
            result,
        } => fleet::operated(state, &name, operation, result.map(|vm| *vm)),
        Message::Offered { name, images } => form::offered(state, name, images),
        Message::Checked {
            generation,
            objections,
        } => form::checked(state, generation, objections),
        Message::Created(result) => form::created(state, result, &mut effects),
        Message::Session(id, event) => console::session(state, id, event, &mut effects),
        Message::Log(name, lines) => {
            if state.selected.as_ref() == Some(&name) {
                state.log = lines.into();
            }
        }
        Message::Notice(failure) => state.journal.fail(now, &failure),
        Message::Wake => {}
        Message::Terminate => effects.push(Effect::Quit),
    }
    list::settle(state);
    wanted::reconcile(state, &mut effects);
    effects
}

fn on_key(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let context = state.context();
    if let Some(action) = state.keymap.action(context, key) {
        return actions::perform(state, action, key, effects);
    }
    match context {
        Context::Console => console::typed(state, Typed::Key(key), effects),
        Context::Dashboard => console::leave_again(state, key, effects),
        Context::Form => form::typed(state, key, effects),
        Context::Filter => on_filter_key(state, key),
        Context::Panel | Context::Doctor | Context::Confirm => {}
    }
}

fn on_filter_key(state: &mut State, key: Key) {
    const LONGEST: usize = 63;
    match key.code {
        KeyCode::Backspace => {
            state.filter.pop();
        }
        KeyCode::Char('u') if key.ctrl => state.filter.clear(),
        KeyCode::Char(character) if !key.ctrl && !key.alt && state.filter.len() < LONGEST => {
            state.filter.extend(character.to_lowercase());
        }
        _ => {}
    }
}

fn on_paste(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    match state.context() {
        Context::Console => paste::pasted(state, text, effects),
        Context::Form => form::pasted(state, text, effects),
        Context::Filter => {
            for character in text.chars().filter(|c| !c.is_control()) {
                on_filter_key(state, Key::plain(KeyCode::Char(character)));
            }
        }
        // Pasted text is no sequence of commands.
        Context::Dashboard | Context::Panel | Context::Doctor | Context::Confirm => {}
    }
}

fn on_doctor(state: &mut State, progress: Progress, effects: &mut Vec<Effect>) {
    let doctor = &mut state.doctor;
    match progress {
        // What is known stays until something newer is: the list does not flicker.
        Progress::Planned(names) => {
            doctor.found.retain(|known| names.contains(&known.name));
            doctor.planned = names;
            doctor.came = 0;
        }
        Progress::Found(finding) => {
            doctor.came += 1;
            doctor.found.retain(|known| known.name != finding.name);
            doctor.found.push(finding);
        }
        Progress::Done(report) => {
            doctor.planned = report.checks.iter().map(|f| f.name.clone()).collect();
            doctor.found.clone_from(&report.checks);
            doctor.report = Some(report);
            doctor.is_running = false;
            if doctor.again {
                examine(state, effects);
            }
        }
    }
}

/// Opens the doctor's panel, and has the host examined unless that was done or is under way.
pub(super) fn open_doctor(state: &mut State, effects: &mut Vec<Effect>) {
    state.modals.push(Modal::Doctor { choice: None });
    if state.doctor.report.is_none() {
        examine(state, effects);
    }
}

/// Has the host examined unless that is under way.
pub(super) fn examine(state: &mut State, effects: &mut Vec<Effect>) {
    if !state.doctor.is_running {
        state.doctor.is_running = true;
        state.doctor.again = false;
        state.doctor.failure = None;
        effects.push(Effect::Examine);
    }
}

#[cfg(test)]
mod tests;
