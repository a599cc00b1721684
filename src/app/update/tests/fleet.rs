//! The list: operations, selection, figures.

use std::time::Duration;

use super::{SIZE, operations, select, told};
use crate::app::effect::Effect;
use crate::app::fixture::{at, empty, fleet, name, press, send, vm};
use crate::app::hints::hints;
use crate::app::message::{Message, SessionEvent};
use crate::app::state::Modal;
use crate::fault::{Code, Failure};
use crate::vm::{Operation, Phase, Vm};

#[test]
fn the_start_stop_key_means_what_the_phase_admits() {
    let mut state = fleet(SIZE);
    let stop = ("web".to_owned(), Operation::Stop, false);
    assert_eq!(operations(&press(&mut state, "s")), [stop]);
    select(&mut state, "api");
    let start = ("api".to_owned(), Operation::Start, false);
    assert_eq!(operations(&press(&mut state, "s")), [start]);
    select(&mut state, "queue");
    assert_eq!(operations(&press(&mut state, "s")), []);
    assert!(told(&state).contains("it is stopping"), "{}", told(&state));
}

#[test]
fn a_dead_vm_is_started_with_a_talkative_kernel_and_a_live_one_is_not() {
    let mut state = fleet(SIZE);
    assert!(press(&mut state, "S").is_empty());
    assert_eq!(told(&state), "`web` is running already");
    select(&mut state, "db");
    let effects = press(&mut state, "S");
    assert!(matches!(&effects[..], [Effect::StartTalkative(vm)] if *vm == name("db")));
    // Until it runs nothing else is begun.
    assert_eq!(operations(&press(&mut state, "s")), []);
}

#[test]
fn a_busy_vm_refuses_all_but_a_kill() {
    let mut state = fleet(SIZE);
    press(&mut state, "s");
    assert_eq!(operations(&press(&mut state, "r")), []);
    assert_eq!(told(&state), "`web` is busy: stop is under way");
    let kill = ("web".to_owned(), Operation::Kill, false);
    assert_eq!(operations(&press(&mut state, "K y")), [kill]);
}

#[test]
fn the_footer_offers_only_what_would_be_begun() {
    let mut state = fleet(SIZE);
    let mut offers = |vm: &str, keys: &str| {
        select(&mut state, vm);
        press(&mut state, keys);
        let hints = hints(&state);
        let of_the_vm = hints.iter().take_while(|hint| hint.label != "zoom");
        let words: Vec<String> = of_the_vm.map(|hint| hint.label.to_string()).collect();
        words.join(" ")
    };
    assert_eq!(offers("web", "1"), "type stop pause");
    assert_eq!(offers("api", "1"), "start");
    assert_eq!(offers("queue", "1"), "type kill");
    // What this dashboard has under way counts before the store says so.
    assert_eq!(offers("web", "s"), "type kill");
    assert_eq!(offers("api", "s"), "");
}

#[test]
fn what_destroys_is_asked_and_can_be_left() {
    let mut state = fleet(SIZE);
    for keys in ["d", "K"] {
        assert_eq!(operations(&press(&mut state, keys)), []);
        assert!(matches!(state.modals.last(), Some(Modal::Confirm(_))));
        assert_eq!(operations(&press(&mut state, "esc")), []);
        assert!(state.modals.is_empty());
    }
    let remove = ("web".to_owned(), Operation::Remove, true);
    assert_eq!(operations(&press(&mut state, "d y")), [remove]);
}

#[test]
fn a_failed_operation_is_told_with_its_way_out_and_the_row_is_free_again() {
    let mut state = fleet(SIZE);
    press(&mut state, "s");
    assert_eq!(state.selected_row().unwrap().busy, Some(Operation::Stop));
    let failed = Message::Operated {
        name: name("web"),
        operation: Operation::Stop,
        result: Err(Failure::new(Code::Timeout, "the guest did not answer").with_hint("kill it")),
    };
    send(&mut state, 3.0, failed);
    assert_eq!(state.selected_row().unwrap().busy, None);
    let entry = state.journal.entries().last().unwrap();
    assert_eq!(entry.hint.as_deref(), Some("kill it"));
}

#[test]
fn when_the_selected_vm_goes_its_neighbour_is_selected() {
    let mut state = fleet(SIZE);
    select(&mut state, "db");
    send(&mut state, 3.0, Message::Vm(name("db"), None));
    assert_eq!(state.selected, Some(name("queue")));
    select(&mut state, "zoo");
    send(&mut state, 3.0, Message::Vm(name("zoo"), None));
    assert_eq!(state.selected, Some(name("worker")));
    send(&mut state, 3.0, Message::Vms(Ok(Vec::new())));
    assert_eq!(state.selected, None);
    let effects = press(&mut state, "s r K d enter z 2 3 4 5 down up");
    assert_eq!(operations(&effects), []);
}

#[test]
fn a_new_vm_takes_its_place_in_the_order_and_the_selection_stays() {
    let mut state = fleet(SIZE);
    let other = Box::new(vm("beta", Phase::Created));
    send(&mut state, 3.0, Message::Vm(name("beta"), Some(other)));
    assert_eq!(state.rows[1].vm.name, name("beta"));
    assert_eq!(state.selected, Some(name("web")));
}

#[test]
fn the_selected_row_is_always_in_view() {
    let mut state = empty((80, 24));
    let vms: Vec<Vm> = (100..200)
        .map(|n| vm(&format!("vm{n}"), Phase::Created))
        .collect();
    send(&mut state, 0.0, Message::Vms(Ok(vms)));
    for keys in ["end", "up up up", "home", "down down", "end"] {
        press(&mut state, keys);
        let height = usize::from(state.regions().list_rows().height);
        let seen: Vec<_> = state.shown().skip(state.top).take(height).collect();
        assert_eq!(seen.len(), height);
        assert!(
            seen.iter()
                .any(|row| Some(&row.vm.name) == state.selected.as_ref())
        );
    }
}

#[test]
fn the_filter_narrows_as_it_is_typed_and_can_be_cancelled() {
    let mut state = fleet(SIZE);
    press(&mut state, "/ w o r");
    assert_eq!(state.shown_count(), 1);
    assert_eq!(state.selected, Some(name("worker")));
    press(&mut state, "esc");
    assert_eq!(state.shown_count(), 8);
    press(&mut state, "/ b enter");
    let shown: Vec<_> = state.shown().map(|row| row.vm.name.to_string()).collect();
    assert_eq!(shown, ["build-2", "db", "web"]);
    press(&mut state, "esc");
    assert_eq!(state.shown_count(), 8);
}

#[test]
fn figures_are_read_only_of_vms_that_run_and_are_seen() {
    let mut state = empty((80, 24));
    let vms: Vec<Vm> = (10..60)
        .map(|n| vm(&format!("vm{n}"), Phase::Running))
        .collect();
    let effects = send(&mut state, 0.0, Message::Vms(Ok(vms)));
    let sampled = |effects: &[Effect]| {
        effects.iter().find_map(|effect| match effect {
            Effect::Sample(targets) => Some(targets.len()),
            _ => None,
        })
    };
    let height = usize::from(state.regions().list_rows().height);
    assert_eq!(sampled(&effects), Some(height));
    assert_eq!(sampled(&press(&mut state, "down")), None);
    let none = vec![vm("vm10", Phase::Stopped)];
    assert_eq!(
        sampled(&send(&mut state, 0.0, Message::Vms(Ok(none)))),
        Some(0)
    );
}

#[test]
fn figures_of_another_boot_are_not_mixed_with_this_one() {
    let mut state = fleet(SIZE);
    let mut again = vm("web", Phase::Running);
    again.state.vmm.as_mut().unwrap().pid = 5001;
    send(
        &mut state,
        3.0,
        Message::Vm(name("web"), Some(Box::new(again))),
    );
    assert_eq!(state.selected_row().unwrap().sample(), None);
}

#[test]
fn nothing_asks_to_be_woken_when_nothing_can_change() {
    let mut state = fleet(SIZE);
    assert_eq!(state.next_wake(), None);
    send(
        &mut state,
        5.0,
        Message::Notice(Failure::new(Code::RuntimeError, "x")),
    );
    assert_eq!(state.next_wake(), Some(Duration::from_secs(17)));
    send(&mut state, 17.0, Message::Wake);
    assert_eq!(state.next_wake(), None);
}

#[test]
fn a_boot_that_is_watched_moves_for_half_a_minute() {
    let mut state = fleet(SIZE);
    select(&mut state, "worker");
    press(&mut state, "3");
    assert_eq!(state.next_wake(), Some(at(2.1).mono));
    send(&mut state, 31.0, Message::Wake);
    assert_eq!(state.next_wake(), None);
}

#[test]
fn boot_phases_come_in_as_the_shim_tells_them() {
    let mut state = fleet(SIZE);
    select(&mut state, "worker");
    press(&mut state, "3");
    let session = state.console.session;
    let event = SessionEvent::Boot(crate::vm::BootPhase::Init, 700_000);
    send(&mut state, 2.5, Message::Session(session, event));
    let boot = state.selected_row().unwrap().vm.state.boot.clone().unwrap();
    assert_eq!(boot.phases.get(crate::vm::BootPhase::Init), Some(700_000));
}

#[test]
fn a_vm_whose_shim_died_is_looked_after_once() {
    let mut state = fleet(SIZE);
    let scans = |effects: Vec<Effect>| {
        let scans = effects.iter().filter(|it| matches!(it, Effect::Scan));
        scans.count()
    };
    let mut lost = vm("web", Phase::Running);
    lost.has_shim = false;
    let told = || Message::Vm(name("web"), Some(Box::new(lost.clone())));
    assert_eq!(scans(send(&mut state, 3.0, told())), 1);
    assert_eq!(scans(send(&mut state, 4.0, told())), 0, "it was tried");
    let found = Message::Vm(name("web"), Some(Box::new(vm("web", Phase::Running))));
    assert_eq!(scans(send(&mut state, 5.0, found)), 0);
    assert_eq!(scans(send(&mut state, 6.0, told())), 1, "it died again");
}
