//! The doctor's panel.

use super::told;
use crate::app::effect::{Effect, Typed};
use crate::app::fixture::{examine, fleet, press, send};
use crate::app::mend::MendStage;
use crate::app::message::Message;
use crate::app::state::{Modal, State};
use crate::doctor::Progress;

#[test]
fn a_host_that_changes_is_examined_again_and_what_is_known_stays_meanwhile() {
    let mut state = fleet((120, 40));
    press(&mut state, "D");
    // Under way: what came out before the change may be wrong.
    let effects = send(&mut state, 1.0, Message::HostChanged);
    assert!(
        !effects
            .iter()
            .any(|effect| matches!(effect, Effect::Examine { .. }))
    );
    let done = |state: &mut State| {
        let report = crate::app::fixture::report();
        send(state, 2.0, Message::Doctor(Progress::Done(report)))
    };
    let is_examined = |effects: &[Effect]| {
        let examines = effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Examine { .. }));
        examines.count() == 1
    };
    assert!(is_examined(&done(&mut state)), "once more");
    let known = state.doctor.found.len();
    let names = state.doctor.planned.clone();
    send(&mut state, 2.0, Message::Doctor(Progress::Planned(names)));
    assert_eq!(state.doctor.found.len(), known);
    assert!(state.doctor.report.is_some() && state.doctor.is_running);
    assert!(done(&mut state).is_empty(), "and no more");
    assert!(is_examined(&send(&mut state, 3.0, Message::HostChanged)));
}

#[test]
fn the_doctors_panel_shows_the_worst_check_until_another_is_chosen() {
    let mut state = fleet((120, 40));
    press(&mut state, "D");
    examine(&mut state);
    let shown = |state: &State| {
        let Some(Modal::Doctor { choice }) = state.modals.last() else {
            panic!("the panel is closed");
        };
        state.doctor.planned[state.doctor.shown(choice.as_deref())].clone()
    };
    assert_eq!(shown(&state), "qemu");
    press(&mut state, "up up");
    assert_eq!(shown(&state), "kvm");
    press(&mut state, "down down down down");
    assert_eq!(shown(&state), "qemu", "it is the last");
    press(&mut state, "pageup");
    assert_eq!(shown(&state), "platform");
    // The choice stays on its check when the checks come out anew.
    examine(&mut state);
    assert_eq!(shown(&state), "platform");
}

/// The panel with the check `qemu`, which fails and which a command mends.
fn failing() -> State {
    let mut state = fleet((120, 40));
    press(&mut state, "D");
    examine(&mut state);
    state
}

fn stage(state: &State) -> Option<&MendStage> {
    match state.modals.last() {
        Some(Modal::Mend(mend)) => Some(&mend.stage),
        _ => None,
    }
}

/// Runs the command that mends `qemu`, and returns its number.
fn mend(state: &mut State) -> u64 {
    press(state, "f");
    let effects = press(state, "y");
    let Some(Effect::Mend(mending)) = effects.first() else {
        panic!("{effects:?}");
    };
    mending.id
}

fn examines(effects: &[Effect]) -> bool {
    effects
        .iter()
        .any(|effect| matches!(effect, Effect::Examine { .. }))
}

#[test]
fn the_command_that_mends_is_shown_and_run_only_when_that_is_wanted() {
    let mut state = failing();
    assert!(press(&mut state, "f").is_empty());
    assert_eq!(stage(&state), Some(&MendStage::Asked));
    assert!(press(&mut state, "n").is_empty());
    assert_eq!(stage(&state), None);
    press(&mut state, "f");
    let effects = press(&mut state, "y");
    let [Effect::Mend(mending)] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(
        mending.command,
        "sudo apt-get install -y qemu-system-x86 qemu-utils"
    );
    assert_eq!(mending.size, crate::app::layout::pane((120, 40)));
    assert_eq!(stage(&state), Some(&MendStage::Running));
}

#[test]
fn a_check_that_no_command_mends_says_so() {
    let mut state = failing();
    press(&mut state, "up up");
    assert!(press(&mut state, "f").is_empty());
    assert_eq!(
        told(&state),
        "no command mends `KVM support`: enable nested virtualisation on the outer host"
    );
    press(&mut state, "up f");
    assert_eq!(told(&state), "`Backend` needs no mending");
}

#[test]
fn while_it_runs_every_key_is_the_commands_but_the_one_that_ends_it() {
    let mut state = failing();
    mend(&mut state);
    for keys in ["q", "esc", "ctrl-c", "?", "f5", "y"] {
        let effects = press(&mut state, keys);
        let [Effect::TypeMending(Typed::Key(key))] = &effects[..] else {
            panic!("{keys}: {effects:?}");
        };
        assert_eq!(key.to_string(), keys);
    }
    let effects = send(&mut state, 2.0, Message::Paste("secret".to_owned()));
    assert!(matches!(&effects[..], [Effect::TypeMending(Typed::Paste(text))] if text == "secret"));
    let effects = send(&mut state, 2.0, Message::Resize(80, 24));
    assert!(
        matches!(effects.last(), Some(Effect::ResizeMending(_))),
        "{effects:?}"
    );
    let effects = press(&mut state, "ctrl-]");
    assert!(matches!(&effects[0], Effect::EndMending), "{effects:?}");
    assert!(examines(&effects), "it may have done something already");
    assert_eq!(stage(&state), None);
}

#[test]
fn a_command_that_ends_well_leaves_the_view_to_the_checks_and_one_that_fails_stays_to_be_read() {
    let mut state = failing();
    let id = mend(&mut state);
    let effects = send(
        &mut state,
        2.0,
        Message::Mended(id - 1, Err("late".to_owned())),
    );
    assert!(effects.is_empty(), "of an older one: {effects:?}");
    let effects = send(&mut state, 2.0, Message::Mended(id, Ok(())));
    assert!(examines(&effects));
    assert!(matches!(state.modals.last(), Some(Modal::Doctor { .. })));
    examine(&mut state);
    let id = mend(&mut state);
    let how = "it failed with exit code 100".to_owned();
    let effects = send(&mut state, 3.0, Message::Mended(id, Err(how.clone())));
    assert!(examines(&effects));
    assert_eq!(stage(&state), Some(&MendStage::Failed(how)));
    let effects = press(&mut state, "esc");
    assert!(matches!(&effects[..], [Effect::EndMending]), "{effects:?}");
    assert!(matches!(state.modals.last(), Some(Modal::Doctor { .. })));
}

#[test]
fn once_the_canary_was_asked_for_it_is_booted_whenever_the_host_is_examined() {
    let mut state = failing();
    let boots = |effects: &[Effect]| {
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Examine { boots: true }))
    };
    assert!(!boots(&press(&mut state, "r")));
    examine(&mut state);
    assert!(boots(&press(&mut state, "b")));
    examine(&mut state);
    assert!(boots(&send(&mut state, 2.0, Message::HostChanged)));
}
