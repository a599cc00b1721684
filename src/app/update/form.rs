//! The create form: typing, checking as one types, submitting.

use super::{actions, fleet, list};
use crate::app::effect::Effect;
use crate::app::form::Form;
use crate::app::journal::Level;
use crate::app::state::{Modal, Page, State};
use crate::console::keys::{Key, KeyCode};
use crate::fault::Failure;
use crate::fleet::{Objection, Outlook};
use crate::vm::{Operation, Phase, Vm, VmName, VmState};

fn form(state: &mut State) -> Option<&mut Form> {
    state.modals.iter_mut().rev().find_map(|modal| match modal {
        Modal::Form(form) => Some(&mut **form),
        _ => None,
    })
}

/// Opens the form with the configuration's defaults.
pub(super) fn open(state: &mut State, effects: &mut Vec<Effect>) {
    let form = Form::new(&state.config, &state.backend);
    effects.push(Effect::Offer);
    effects.push(check(&form));
    state.modals.push(Modal::Form(Box::new(form)));
}

fn check(form: &Form) -> Effect {
    Effect::Check {
        generation: form.generation,
        draft: Box::new(form.draft_so_far()),
    }
}

/// Changes the form; what it then says is checked.
pub(super) fn change(state: &mut State, effects: &mut Vec<Effect>, change: impl FnOnce(&mut Form)) {
    let Some(form) = form(state).filter(|form| !form.is_submitted) else {
        return;
    };
    let before = form.generation;
    change(form);
    if form.generation != before {
        effects.push(check(form));
    }
}

/// A key that is no action: it is typed.
pub(super) fn typed(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    change(state, effects, |form| match key.code {
        KeyCode::Backspace => form.erase(),
        KeyCode::Char('u') if key.ctrl => form.clear(),
        KeyCode::Char(' ') if form.focus.choices().is_some() => form.choose(true),
        KeyCode::Char(character) if !key.ctrl && !key.alt => form.type_character(character),
        _ => {}
    });
}

/// Text is pasted into the field in focus.
pub(super) fn pasted(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    change(state, effects, |form| {
        text.chars()
            .for_each(|character| form.type_character(character));
    });
}

/// What a new VM could be made of.
pub(super) fn offered(state: &mut State, name: Option<String>, images: Vec<String>) {
    state.has_image = Some(!images.is_empty());
    if let Some(form) = form(state) {
        form.free_name = name;
        form.images = images;
    }
}

/// The answer of a check; one that is about an older state of the form is of no interest.
pub(super) fn checked(
    state: &mut State,
    generation: u64,
    objections: Vec<Objection>,
    outlook: Option<Box<Outlook>>,
) {
    if let Some(form) = form(state).filter(|form| form.generation == generation) {
        form.take_in(objections, outlook);
    }
}

/// Makes the VM, unless something is known to be wrong: then the field comes into focus.
pub(super) fn submit(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(form) = form(state).filter(|form| !form.is_submitted) else {
        return;
    };
    match form.draft() {
        Err((field, _)) => form.focus = field,
        Ok(draft) => {
            let wrong = crate::app::form::Field::ALL
                .into_iter()
                .find(|field| form.objection(*field).is_some());
            if let Some(field) = wrong {
                form.focus = field;
            } else {
                form.is_submitted = true;
                form.failure = None;
                effects.push(Effect::Create(Box::new(draft)));
            }
        }
    }
}

/// The VM was made: it is selected, started, and its boot is shown. Or it was not: the form says why.
pub(super) fn created(
    state: &mut State,
    result: Result<VmName, Failure>,
    effects: &mut Vec<Effect>,
) {
    match result {
        Ok(name) => {
            state
                .modals
                .retain(|modal| !matches!(modal, Modal::Form(_)));
            if state.row(&name).is_none() {
                fleet::one(state, &name, Some(newborn(&name)));
            }
            state.filter.clear();
            list::select(state, Some(name.clone()));
            actions::show(state, Page::Boot);
            fleet::operate(state, &name, Operation::Start, false, effects);
            effects.push(Effect::Reload(name));
        }
        Err(failure) => {
            let now = state.now;
            if let Some(form) = form(state) {
                form.is_submitted = false;
                form.failure = Some(match &failure.hint {
                    Some(hint) => format!("{} ({hint})", failure.message),
                    None => failure.message.clone(),
                });
            } else {
                state
                    .journal
                    .tell(now, Level::Failed, "the VM was not made");
            }
            state.journal.fail(now, &failure);
        }
    }
}

/// A VM of which nothing was read yet.
fn newborn(name: &VmName) -> Vm {
    Vm {
        name: name.clone(),
        spec: None,
        state: VmState::default(),
        phase: Phase::Created,
        has_shim: false,
        state_lost: false,
        problem: None,
    }
}
