//! A command that mends the host: asked for, run in a terminal, and seen to end.

use crate::app::effect::{Effect, Mending};
use crate::app::journal::Level;
use crate::app::layout;
use crate::app::mend::{Mend, MendStage};
use crate::app::state::{Modal, State};
use crate::console::Screen;
use crate::doctor::{self, Fix};

/// Asks whether the command of the selected check shall be run; says so when there is none.
pub(super) fn ask(state: &mut State) {
    let Some(Modal::Doctor { choice }) = state.modals.last() else {
        return;
    };
    let doctor = &state.doctor;
    let place = doctor.shown(choice.as_deref());
    let Some(finding) = doctor
        .planned
        .get(place)
        .and_then(|name| doctor.finding(name))
    else {
        return;
    };
    let Some(command) = finding.mending() else {
        let title = doctor::title(&finding.name);
        let text = match &finding.fix {
            Some(fix) => format!("no command mends `{title}`: {fix}"),
            None => format!("`{title}` needs no mending"),
        };
        return state.journal.tell(state.now, Level::Note, text);
    };
    let then = match &finding.fix {
        Some(Fix::Run { then, .. }) => then.clone(),
        _ => None,
    };
    let mend = Mend {
        id: doctor.mendings + 1,
        check: finding.name.clone(),
        command: command.to_owned(),
        then,
        stage: MendStage::Asked,
        screen: Screen::default(),
        size: layout::pane(state.size),
    };
    state.modals.push(Modal::Mend(Box::new(mend)));
}

/// The command that is shown, if one is.
fn shown(state: &mut State) -> Option<&mut Mend> {
    match state.modals.last_mut() {
        Some(Modal::Mend(mend)) => Some(mend),
        _ => None,
    }
}

/// It shall be run.
pub(super) fn run(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(mend) = shown(state) else { return };
    mend.stage = MendStage::Running;
    let (id, size) = (mend.id, mend.size);
    let command = mend.command.clone();
    state.doctor.mendings = id;
    effects.push(Effect::Mend(Mending { id, command, size }));
}

/// It shall not go on.
pub(super) fn stop(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Modal::Mend(mend)) = state.modals.pop() else {
        return;
    };
    state.stale = true;
    effects.push(Effect::EndMending);
    let text = format!("`{}` was ended before it was done", mend.command);
    state.journal.tell(state.now, Level::Note, text);
    examine_anew(state, effects);
}

/// It ended.
pub(super) fn ended(
    state: &mut State,
    id: u64,
    result: Result<(), String>,
    effects: &mut Vec<Effect>,
) {
    let Some(mend) = shown(state).filter(|mend| mend.id == id) else {
        return;
    };
    if let Err(how) = result {
        mend.stage = MendStage::Failed(how);
    } else {
        let text = match &mend.then {
            Some(then) => format!("`{}` ended well; now {then}", mend.command),
            None => format!("`{}` ended well", mend.command),
        };
        // What it did shows in the checks.
        state.modals.pop();
        state.journal.tell(state.now, Level::Note, text);
        effects.push(Effect::EndMending);
    }
    examine_anew(state, effects);
}

/// Whatever came out before may be wrong now.
fn examine_anew(state: &mut State, effects: &mut Vec<Effect>) {
    state.doctor.again = state.doctor.is_running;
    super::examine(state, effects);
}

/// Gives its terminal the size for which there is room.
pub(super) fn fit(state: &mut State, effects: &mut Vec<Effect>) {
    let size = layout::pane(state.size);
    let Some(mend) = shown(state).filter(|mend| mend.size != size) else {
        return;
    };
    mend.size = size;
    if mend.stage == MendStage::Running {
        effects.push(Effect::ResizeMending(size));
    }
}
