//! Trying out what a boot's hints say.

use crate::app::action::{Action, Context};
use crate::app::boots;
use crate::app::effect::Effect;
use crate::app::journal::Level;
use crate::app::state::{Page, State};
use crate::app::tryout::{self, Stage, Tryout, Verdict};
use crate::fault::{Code, Failure};
use crate::fleet::Measured;

/// Has the next hint of the boot that is shown tried.
pub(super) fn begin(state: &mut State, effects: &mut Vec<Effect>) {
    let refusal = match wanted(state) {
        Ok((tryout, effect)) => {
            state.tryouts.push(tryout);
            return effects.push(effect);
        }
        Err(refusal) => refusal,
    };
    state.journal.tell(state.now, Level::Note, refusal);
}

fn wanted(state: &State) -> Result<(Tryout, Effect), String> {
    let row = state.selected_row().filter(|_| state.page == Page::Boot);
    let Some(row) = row else {
        let key = state.keymap.shown(Context::Dashboard, Action::ShowBoot);
        return Err(format!("hints are on the page of a VM's boot: `{key}`"));
    };
    if state.tryouts.iter().any(Tryout::is_running) {
        return Err("a hint is being tried: one at a time".to_owned());
    }
    let known = row.past.as_ref().zip(row.vm.state.boot.as_ref());
    let hints = known.map_or_else(Vec::new, |(past, boot)| boots::hints(past, boot));
    let words = tryout::next(&row.vm.name, &hints, &state.tryouts);
    let words = words.ok_or("there is no hint left that could be tried here")?;
    let tryout = Tryout {
        name: row.vm.name.clone(),
        words,
        stage: Stage::Running(0, tryout::boots()),
    };
    Ok((tryout, Effect::Try(Box::new(row.vm.clone()), words)))
}

/// One of its boots is over.
pub(super) fn lap(state: &mut State) {
    if let Some(Stage::Running(over, _)) = state.tryouts.last_mut().map(|it| &mut it.stage) {
        *over += 1;
    }
}

/// It is over.
pub(super) fn ended(state: &mut State, measured: Result<Box<Measured>, Failure>) {
    let Some(tryout) = state.tryouts.last_mut() else {
        return;
    };
    let nothing = || Failure::new(Code::RuntimeError, "no boot of the trial came to be ready");
    let verdict = measured.and_then(|measured| Verdict::of(&measured).ok_or_else(nothing));
    tryout.stage = match verdict {
        Ok(verdict) => Stage::Done(verdict),
        Err(failure) => Stage::Failed(failure),
    };
}
