//! Trying out what a boot's hints say.

use crate::app::effect::Effect;
use crate::app::fixture::{fleet, measured, name, past, press, send};
use crate::app::message::Message;
use crate::app::state::State;
use crate::app::tryout::Stage;
use crate::fault::{Code, Failure};

fn with_past() -> State {
    let mut state = fleet((80, 24));
    press(&mut state, "3");
    let past = Box::new(past(3));
    send(&mut state, 2.0, Message::Boots(name("web"), past));
    state
}

fn tries(effects: &[Effect]) -> Vec<&'static str> {
    let words = |effect: &Effect| match effect {
        Effect::Try(_, words) => Some(*words),
        _ => None,
    };
    effects.iter().filter_map(words).collect()
}

#[test]
fn a_hint_is_tried_once_with_one_key_and_its_result_stays() {
    let mut state = with_past();
    assert_eq!(tries(&press(&mut state, "T")), ["TERM=dumb"]);
    // One at a time.
    assert_eq!(tries(&press(&mut state, "T")), [""; 0]);
    send(&mut state, 3.0, Message::Lap);
    send(&mut state, 3.0, Message::Lap);
    assert!(matches!(state.tryouts[0].stage, Stage::Running(2, 12)));
    send(&mut state, 4.0, Message::Tried(Ok(Box::new(measured()))));
    let Stage::Done(verdict) = state.tryouts[0].stage else {
        panic!("{:?}", state.tryouts);
    };
    assert_eq!(
        (verdict.before.p50, verdict.after.p50),
        (1_518_000, 1_216_000)
    );
    assert_eq!(
        (verdict.difference.p50, verdict.difference.faster),
        (-302_000, 5)
    );
    assert_eq!(tries(&press(&mut state, "T")), [""; 0], "it was tried");
}

#[test]
fn a_trial_that_fails_says_why_and_only_the_page_of_the_boot_has_any() {
    let mut state = with_past();
    press(&mut state, "T");
    let failure = Failure::new(Code::RuntimeError, "no room");
    send(&mut state, 3.0, Message::Tried(Err(failure)));
    assert!(matches!(&state.tryouts[0].stage, Stage::Failed(why) if why.message == "no room"));
    press(&mut state, "1");
    assert_eq!(tries(&press(&mut state, "T")), [""; 0]);
    assert!(
        state
            .journal
            .entries()
            .any(|entry| entry.text.contains("`3`"))
    );
}
