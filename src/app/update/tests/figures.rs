//! Figures that are asked for only while they are seen, and guests that say nothing.

use std::time::Duration;

use crate::app::effect::Effect;
use crate::app::fixture::{boot, counted, fleet, name, press, send, silent, vm};
use crate::app::message::Message;
use crate::app::metrics::{Count, Counter};
use crate::app::state::{Page, State};
use crate::vm::{Accel, BootPhase, BootPhases, BootResult, Phase, ProcessId, Vm};

/// The VM that is counted from now on, or `nobody`; `None` where nothing changed.
fn counts(effects: Vec<Effect>) -> Option<String> {
    effects.into_iter().rev().find_map(|effect| match effect {
        Effect::Count(target) => {
            Some(target.map_or_else(|| "nobody".to_owned(), |target| target.name.to_string()))
        }
        _ => None,
    })
}

#[test]
fn a_vmm_is_asked_for_its_count_only_while_its_page_is_seen() {
    let mut state = fleet((100, 30));
    assert_eq!(counts(press(&mut state, "5")), None);
    let effects = press(&mut state, "6");
    assert_eq!(state.page, Page::Metrics);
    assert_eq!(counts(effects), Some("web".to_owned()));
    assert_eq!(counts(press(&mut state, "pagedown")), None);
    assert_eq!(counts(press(&mut state, "1")), Some("nobody".to_owned()));
    press(&mut state, "6");
    let effects = send(&mut state, 2.0, Message::Resize(30, 8));
    assert_eq!(
        counts(effects),
        Some("nobody".to_owned()),
        "nothing of it is seen"
    );
    send(&mut state, 2.0, Message::Resize(100, 30));
    // One that ends, starts or does not run has nothing to tell.
    for (key, expected) in [("down", "nobody"), ("up", "web"), ("home", "nobody")] {
        let effects = press(&mut state, key);
        assert_eq!(counts(effects), Some(expected.to_owned()), "{key}");
    }
    assert_eq!(state.next_wake(), None, "the page itself never ticks");
}

#[test]
fn another_vmm_begins_anew_and_another_shim_does_not() {
    let mut state = fleet((100, 30));
    counted(&mut state);
    assert!(state.metrics.rates().unwrap().of(Counter::Exits).is_some());
    let process = |pid| {
        Some(ProcessId {
            pid,
            start_time: 99,
        })
    };
    let mut adopted = vm("web", Phase::Running);
    adopted.state.shim = process(5000);
    let adopted = Message::Vm(name("web"), Some(Box::new(adopted)));
    let effects = send(&mut state, 3.0, adopted);
    assert_eq!(counts(effects), Some("web".to_owned()));
    assert!(state.metrics.last.is_some(), "the past is forgotten");
    let mut restarted = vm("web", Phase::Running);
    restarted.state.vmm = process(5001);
    let restarted = Message::Vm(name("web"), Some(Box::new(restarted)));
    let effects = send(&mut state, 4.0, restarted);
    assert_eq!(counts(effects), Some("web".to_owned()));
    assert!(state.metrics.last.is_none() && state.metrics.history.is_empty());
}

#[test]
fn a_late_count_of_a_vm_that_is_no_longer_looked_at_is_nobodys() {
    let mut state = fleet((100, 30));
    press(&mut state, "6");
    let late = Message::Counted(name("cache"), Ok(Box::default()));
    send(&mut state, 2.0, late);
    assert!(state.metrics.last.is_none());
    press(&mut state, "1");
    let count = Box::<Count>::default();
    send(&mut state, 2.0, Message::Counted(name("web"), Ok(count)));
    assert!(state.metrics.last.is_none());
}

/// `web` runs since the start of the test, and its guest has not said a word.
fn without_a_word() -> State {
    let mut state = fleet((100, 30));
    let mut silent = vm("web", Phase::Running);
    silent.state.ready = false;
    let mut record = boot(3, Phase::Running);
    record.result = BootResult::Booting;
    record.phases = BootPhases::default();
    record.phases.stamp(BootPhase::Started, 1_000_000);
    silent.state.boot = Some(record);
    send(
        &mut state,
        2.0,
        Message::Vm(name("web"), Some(Box::new(silent))),
    );
    state
}

fn silent_for(state: &State) -> Option<Duration> {
    let row = state.row(&name("web")).unwrap();
    row.silence(state.now).map(|silence| silence.lasts)
}

#[test]
fn a_guest_becomes_silent_by_itself_five_seconds_after_its_start() {
    let mut state = without_a_word();
    assert_eq!(silent_for(&state), None);
    assert_eq!(state.next_wake(), Some(Duration::from_secs(6)));
    send(&mut state, 6.0, Message::Wake);
    assert_eq!(silent_for(&state), Some(Duration::from_secs(5)));
    assert_eq!(state.next_wake(), None, "it changes no more by itself");
}

#[test]
fn a_guest_that_spoke_or_does_not_run_is_not_silent() {
    let mut state = without_a_word();
    let mut vm = state.row(&name("web")).unwrap().vm.clone();
    let mut becomes = |vm: &Vm| {
        let message = Message::Vm(name("web"), Some(Box::new(vm.clone())));
        send(&mut state, 60.0, message);
        silent_for(&state)
    };
    assert!(becomes(&vm).is_some());
    vm.phase = Phase::Paused;
    assert_eq!(becomes(&vm), None);
    vm.phase = Phase::Running;
    vm.state.heard = true;
    assert_eq!(becomes(&vm), None);
}

#[test]
fn what_a_vm_would_be_started_by_is_found_out_when_its_page_comes_into_view() {
    let mut state = fleet((100, 30));
    let planned = |effects: Vec<Effect>| {
        effects.into_iter().find_map(|effect| match effect {
            Effect::Plan(name) => Some(name.to_string()),
            _ => None,
        })
    };
    assert_eq!(planned(press(&mut state, "5")), None, "it was started");
    assert_eq!(planned(press(&mut state, "home")), Some("api".to_owned()));
    assert_eq!(planned(press(&mut state, "pagedown")), None);
    press(&mut state, "1");
    assert_eq!(planned(press(&mut state, "5")), Some("api".to_owned()));
}

#[test]
fn only_kvm_that_interprets_is_called_emulated() {
    let mut state = fleet((100, 30));
    silent(&mut state);
    let cause = |state: &State| {
        let row = state.row(&name("web")).unwrap();
        row.silence(state.now).unwrap().cause()
    };
    assert_eq!(cause(&state), Some("emulated_kvm"));
    let row = state.row_mut(&name("web")).unwrap();
    row.vm.state.accel = Some(Accel::Tcg);
    assert_eq!(cause(&state), None, "no KVM is there");
    let row = state.row_mut(&name("web")).unwrap();
    row.vm.state.accel = Some(Accel::Kvm);
    row.history.clear();
    assert_eq!(cause(&state), None, "nothing was measured");
}
