//! The logic: what a message makes of the state, and what the world must do then.
//!
//! Pure: no file, no clock, no task. Everything that is wanted of the world as long as something
//! is seen (a console, samples, the log) is worked out after each message by `wanted`.

mod actions;

mod console;
mod fleet;
mod form;
mod lines;
mod list;
mod mend;
mod mouse;
mod paste;
mod reading;
mod sysrq;
mod tryout;
mod wanted;

pub use actions::start_or_stop;
pub(super) use paste::LONG as LONG_PASTE;

use super::action::Context;
use super::effect::{Effect, Typed};
use super::journal::Level;
use super::message::Message;
use super::now::Now;
use super::state::{Modal, State};
use crate::console::keys::{Key, KeyCode};
use crate::console::reader::Step;
use crate::doctor::Progress;

/// Takes a message in.
pub fn update(state: &mut State, now: Now, message: Message) -> Vec<Effect> {
    state.now = now;
    let mut effects = Vec::new();
    // What a typed key does on the screen is the guest's to say: until it does nothing changed.
    let quiet = matches!(state.context(), Context::Console | Context::Mending)
        && matches!(message, Message::Key(_) | Message::Paste(_))
        || matches!(message, Message::Focus(_))
        || matches!(message, Message::Mouse(mouse) if console::is_guests(state, mouse));
    if !quiet {
        state.stale = true;
    }
    match message {
        Message::Key(key) => on_key(state, key, &mut effects),
        Message::Paste(text) => on_paste(state, &text, &mut effects),
        Message::Mouse(mouse) => mouse::update(state, mouse, &mut effects),
        Message::Focus(gained) => state.has_desktop = gained,
        Message::Resize(columns, rows) => state.size = (columns, rows),
        Message::Vms(vms) => fleet::all(state, vms),
        Message::Vm(name, vm) => {
            let was_lost = state.row(&name).is_some_and(|row| row.vm.is_orphan());
            // A scan has it adopted; where that fails, it is not tried again and again.
            if !was_lost && vm.as_ref().is_some_and(|vm| vm.is_orphan()) {
                effects.push(Effect::Scan);
            }
            fleet::one(state, &name, vm.map(|vm| *vm));
        }
        Message::Boots(name, past) => {
            if let Some(row) = state.row_mut(&name) {
                row.past = Some(*past);
            }
        }
        Message::History(boots) => state.history = Some(boots),
        Message::Lap => tryout::lap(state),
        Message::Tried(measured) => tryout::ended(state, measured),
        Message::Samples(samples) => fleet::samples(state, samples),
        Message::Counted(name, count) => fleet::counted(state, &name, count.map(|count| *count)),
        Message::Planned(name, invocation) => {
            if let Some(row) = state.row_mut(&name) {
                row.invocation = Some(invocation.map(|invocation| *invocation));
            }
        }
        Message::Doctor(progress) => on_doctor(state, progress, &mut effects),
        Message::HostChanged => {
            // What came out before the change may be wrong now.
            state.doctor.again = state.doctor.is_running;
            examine(state, &mut effects);
        }
        Message::Mended(id, result) => mend::ended(state, id, result, &mut effects),
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
            outlook,
        } => form::checked(state, generation, objections, outlook),
        Message::Created(result) => form::created(state, result, &mut effects),
        Message::Session(id, event) => console::session(state, id, event, &mut effects),
        Message::Log(name, part) => {
            if state.selected.as_ref() == Some(&name) {
                let is_all = part.is_all;
                let grown = state.log.extend(part);
                // Who scrolled back keeps the lines being read.
                if state.scroll.log > 0 {
                    state.scroll.log += grown;
                }
                lines::seek(state, is_all);
            }
        }
        Message::Bookmarks(name, marks) => {
            if state.selected.as_ref() == Some(&name) {
                state.log.set_bookmarks(marks);
            }
        }
        Message::Exported(path) => {
            let text = format!("the log is written to {}", path.display());
            state.journal.tell(now, Level::Done, text);
        }
        Message::SearchOn => {
            if state.reading.is_some() {
                reading::step(state, Step::GoOn, &mut effects);
            }
        }
        Message::Copied(copied) => reading::copied(state, copied),
        Message::Notice(failure) => state.journal.fail(now, &failure),
        Message::Wake => {}
        Message::Terminate => effects.push(Effect::Quit),
    }
    list::settle(state);
    mend::fit(state, &mut effects);
    wanted::reconcile(state, &mut effects);
    console::tell_focus(state, &mut effects);
    reading::settle(state);
    effects
}

fn on_key(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let context = state.context();
    let typed = key;
    let key = key.bound();
    if let Some(action) = state.keymap.action(context, key) {
        return actions::perform(state, action, key, effects);
    }
    match context {
        Context::Console => console::typed(state, Typed::Key(typed), effects),
        Context::Mending => effects.push(Effect::TypeMending(Typed::Key(typed))),
        Context::Dashboard => console::leave_again(state, key, effects),
        Context::Form => form::typed(state, key, effects),
        Context::Filter => on_filter_key(state, key),
        Context::Search => reading::typed(state, key, effects),
        Context::Break => sysrq::typed(state, key, effects),
        Context::Reading | Context::Panel | Context::Doctor | Context::Confirm => {}
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
        Context::Mending => effects.push(Effect::TypeMending(Typed::Paste(text.to_owned()))),
        Context::Form => form::pasted(state, text, effects),
        Context::Filter => {
            for character in text.chars().filter(|c| !c.is_control()) {
                on_filter_key(state, Key::plain(KeyCode::Char(character)));
            }
        }
        Context::Search => {
            for character in text.chars().filter(|c| !c.is_control()) {
                reading::typed(state, Key::plain(KeyCode::Char(character)), effects);
            }
        }
        // Pasted text is no sequence of commands.
        Context::Dashboard
        | Context::Reading
        | Context::Panel
        | Context::Doctor
        | Context::Break
        | Context::Confirm => {}
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
        let boots = state.doctor.boots;
        effects.push(Effect::Examine { boots });
    }
}

#[cfg(test)]
mod tests;
