//! The lines of the log: marked by hand, sought by the time at which they came, written to a file.

use super::reading;
use crate::app::action::{Action, Context};
use crate::app::effect::Effect;
use crate::app::journal::Level;
use crate::app::log::Moment;
use crate::app::reading::Reading;
use crate::app::state::{Page, State};
use crate::console::reader::{Motion, Place, Reader, Step, Text};
use crate::vm::BootPhase;

/// What an action on lines does.
pub(super) fn perform(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    match action {
        Action::Clock => reading::turn_clock(state),
        Action::Bookmark => mark(state, effects),
        Action::NextMark if state.page == Page::Boot => choose(state, true),
        Action::PreviousMark if state.page == Page::Boot => choose(state, false),
        Action::NextMark => go(state, Motion::NextMark, effects),
        Action::PreviousMark => go(state, Motion::PreviousMark, effects),
        Action::Export => export(state, false, effects),
        Action::ExportRaw => export(state, true, effects),
        _ => {}
    }
}

/// Goes to another line that is marked.
fn go(state: &mut State, motion: Motion, effects: &mut Vec<Effect>) {
    if !reading::begin(state, false) {
        return;
    }
    let before = state
        .reading
        .as_ref()
        .map(|reading| reading.reader.cursor());
    reading::step(state, Step::Move(motion), effects);
    let after = state
        .reading
        .as_ref()
        .map(|reading| reading.reader.cursor());
    if state.page == Page::Log && before == after {
        let text = "no more lines are marked that way";
        state.journal.tell(state.now, Level::Note, text);
    }
}

/// Marks the line of the log under the cursor, or no longer.
fn mark(state: &mut State, effects: &mut Vec<Effect>) {
    let reading = state.reading.as_ref();
    let reading = reading.filter(|reading| reading.page == Page::Log);
    let (Some(reading), Some(name)) = (reading, state.selected.clone()) else {
        let key = state.keymap.shown(Context::Dashboard, Action::ShowLog);
        let text = format!("lines are marked on the log's page: `{key}` shows it");
        return state.journal.tell(state.now, Level::Note, text);
    };
    let row = reading.reader.cursor().row;
    if let Some((offset, marked)) = state.log.toggle(row) {
        effects.push(Effect::Bookmark {
            name,
            offset,
            marked,
        });
    }
}

fn export(state: &mut State, escapes: bool, effects: &mut Vec<Effect>) {
    if let Some(name) = state.selected.clone() {
        effects.push(Effect::Export { name, escapes });
    }
}

/// The phases of the boot that is shown, as its waterfall lists them.
fn phases(state: &State) -> Vec<(BootPhase, u64)> {
    let boot = state
        .selected_row()
        .and_then(|row| row.vm.state.boot.as_ref());
    let came = boot.into_iter().flat_map(|boot| boot.phases.iter());
    came.filter(|(phase, _)| *phase != BootPhase::Spawned)
        .collect()
}

/// Chooses another phase of the waterfall.
fn choose(state: &mut State, forward: bool) {
    let phases = phases(state);
    let at = phases
        .iter()
        .position(|(phase, _)| Some(*phase) == state.phase);
    let next = match (at, forward) {
        (Some(at), true) => (at + 1).min(phases.len().saturating_sub(1)),
        (Some(at), false) => at.saturating_sub(1),
        (None, true) => 0,
        (None, false) => phases.len().saturating_sub(1),
    };
    state.phase = phases.get(next).map(|(phase, _)| *phase);
}

/// Shows the line of the log at which the chosen phase came; `false` when none is chosen.
pub(super) fn jump(state: &mut State) -> bool {
    let chosen = state.phase.filter(|_| state.page == Page::Boot);
    let phases = phases(state);
    let found = phases.iter().find(|(phase, _)| Some(*phase) == chosen);
    let boot = state
        .selected_row()
        .and_then(|row| row.vm.state.boot.as_ref());
    let (Some((phase, t_us)), Some(boot)) = (found, boot) else {
        return false;
    };
    let words = match phase {
        BootPhase::Kernel => Some("Linux version "),
        BootPhase::Init => Some(" as init process"),
        _ => None,
    };
    let moment = Moment {
        boot: u32::try_from(boot.id).unwrap_or(0),
        t_us: *t_us,
        words,
    };
    super::actions::show(state, Page::Log);
    reading::end(state);
    state.log.set_filter(None);
    state.sought = Some(moment);
    true
}

/// Goes to the moment that is sought, as far as the log was read.
pub(super) fn seek(state: &mut State, all: bool) {
    let Some(moment) = state.sought else { return };
    let (row, decided) = state.log.seek(moment);
    if decided || all {
        state.sought = None;
    }
    let Some(row) = row else {
        if all {
            let text = "the log no longer has what the guest said then";
            state.journal.tell(state.now, Level::Note, text);
        }
        return;
    };
    let height = state.regions().page.height;
    let top = row - i64::from(height / 3);
    let end = state.log.rows().end;
    let mut reader = Reader::new(top, height, Place { row, column: 0 }, end);
    reader.settle(&state.log);
    state.reading = Some(Reading {
        page: Page::Log,
        reader,
        by_mouse: false,
    });
}
