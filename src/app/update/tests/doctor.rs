//! The doctor's panel.

use crate::app::effect::Effect;
use crate::app::fixture::{examine, fleet, press, send};
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
            .any(|effect| matches!(effect, Effect::Examine))
    );
    let done = |state: &mut State| {
        let report = crate::app::fixture::report();
        send(state, 2.0, Message::Doctor(Progress::Done(report)))
    };
    let is_examined = |effects: &[Effect]| {
        let examines = effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Examine));
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
