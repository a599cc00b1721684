use std::time::Duration;

use super::update;
use crate::app::effect::{Effect, SessionKind, Typed};
use crate::app::fixture::{
    at, console_says, empty, examine, fleet, key, name, name_taken, press, send, vm,
};
use crate::app::message::{Message, Mouse, MouseKind, SessionEvent};
use crate::app::state::{Focus, Link, Modal, Page, State};
use crate::doctor::Progress;
use crate::fault::{Code, Failure};
use crate::vm::{Operation, Phase, Vm};

const SIZE: (u16, u16) = (120, 40);

fn operations(effects: &[Effect]) -> Vec<(String, Operation, bool)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Operate {
                name,
                operation,
                force,
            } => Some((name.to_string(), *operation, *force)),
            _ => None,
        })
        .collect()
}

fn sessions(effects: &[Effect]) -> Vec<Option<SessionKind>> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Session(open) => Some(open.as_ref().map(|open| open.target.kind)),
            _ => None,
        })
        .collect()
}

fn typed(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Type(Typed::Key(key)) => Some(key.to_string()),
            Effect::Type(Typed::Paste(text)) => Some(text.clone()),
            _ => None,
        })
        .collect()
}

fn told(state: &State) -> &str {
    state
        .journal
        .entries()
        .last()
        .map_or("", |entry| &entry.text)
}

fn select(state: &mut State, text: &str) {
    press(state, "home");
    while state.selected != Some(name(text)) {
        press(state, "down");
    }
}

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
    assert!(
        told(&state).contains("stopping already"),
        "{}",
        told(&state)
    );
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
fn in_the_console_every_key_is_the_guests_but_the_leave_chord() {
    let mut state = fleet(SIZE);
    press(&mut state, "enter");
    assert_eq!((state.page, state.focus), (Page::Console, Focus::Console));
    let keys = "q ctrl-c ctrl-z esc ? d K s enter tab up f1 ctrl-l 1 ctrl-a ctrl-p alt-f";
    assert_eq!(typed(&press(&mut state, keys)).join(" "), keys);
    assert_eq!(state.focus, Focus::Console);
    assert!(typed(&press(&mut state, "ctrl-]")).is_empty());
    assert_eq!(state.focus, Focus::Dashboard);
    press(&mut state, "enter f12");
    assert_eq!(state.focus, Focus::Dashboard);
}

#[test]
fn the_leave_chord_twice_goes_to_the_guest_but_not_a_second_later() {
    let mut state = fleet(SIZE);
    press(&mut state, "enter ctrl-]");
    let effects = send(&mut state, 2.5, key("ctrl-]"));
    assert_eq!(typed(&effects), ["ctrl-]"]);
    assert_eq!(state.focus, Focus::Console);
    press(&mut state, "ctrl-]");
    let effects = send(&mut state, 4.0, key("ctrl-]"));
    assert!(typed(&effects).is_empty());
    assert_eq!(state.focus, Focus::Dashboard);
}

#[test]
fn a_key_on_the_console_asks_for_no_frame_by_itself() {
    let mut state = fleet(SIZE);
    press(&mut state, "enter");
    console_says(&mut state, b"$ ");
    state.stale = false;
    press(&mut state, "x");
    assert!(!state.stale);
    press(&mut state, "ctrl-]");
    assert!(state.stale);
}

#[test]
fn pasted_text_goes_to_the_guest_but_is_no_sequence_of_commands() {
    let mut state = fleet(SIZE);
    let paste = || Message::Paste("d\ny\n".to_owned());
    let effects = send(&mut state, 2.0, paste());
    assert!(effects.is_empty() && state.modals.is_empty());
    press(&mut state, "enter");
    assert_eq!(typed(&send(&mut state, 2.0, paste())), ["d\ny\n"]);
}

#[test]
fn a_console_is_connected_only_while_it_is_seen() {
    let mut state = fleet(SIZE);
    assert!(matches!(
        sessions(&press(&mut state, "2"))[..],
        [Some(SessionKind::Console(Some(_)))]
    ));
    assert_eq!(sessions(&press(&mut state, "1")), [None]);
    press(&mut state, "2");
    // Another VM: the last screen of one that is dead, then a console again.
    select(&mut state, "db");
    let dead = state.console.target.as_ref().unwrap().kind;
    assert_eq!(dead, SessionKind::LastScreen(3));
    // A terminal too small to draw in.
    select(&mut state, "web");
    assert_eq!(
        sessions(&send(&mut state, 2.0, Message::Resize(20, 5))),
        [None]
    );
}

#[test]
fn the_console_follows_the_size_of_its_pane() {
    let mut state = fleet(SIZE);
    press(&mut state, "2");
    let effects = press(&mut state, "z");
    let sizes: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::ResizeConsole(size) => Some((size.rows(), size.columns())),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [(39, 120)]);
}

#[test]
fn words_of_an_older_connection_are_of_no_interest() {
    let mut state = fleet(SIZE);
    press(&mut state, "2");
    let old = state.console.session;
    press(&mut state, "1 2");
    send(
        &mut state,
        2.0,
        Message::Session(old, SessionEvent::Ended(None)),
    );
    assert_eq!(state.console.link, Link::Connecting);
}

#[test]
fn when_the_vm_under_the_console_dies_the_dashboard_has_the_keys() {
    let mut state = fleet(SIZE);
    press(&mut state, "enter");
    let dead = Box::new(vm("web", Phase::Crashed));
    let effects = send(&mut state, 3.0, Message::Vm(name("web"), Some(dead)));
    assert_eq!(sessions(&effects), [Some(SessionKind::LastScreen(3))]);
    assert_eq!(state.focus, Focus::Dashboard);
    // A dead guest takes no keys.
    press(&mut state, "enter");
    assert_eq!(state.focus, Focus::Dashboard);
    assert_eq!(told(&state), "`web` is crashed: `s` starts it");
}

#[test]
fn a_new_shim_of_the_same_vm_is_connected_and_the_keys_stay_the_guests() {
    let mut state = fleet(SIZE);
    press(&mut state, "enter");
    let mut adopted = vm("web", Phase::Running);
    adopted.state.shim.as_mut().unwrap().pid = 5000;
    let effects = send(
        &mut state,
        3.0,
        Message::Vm(name("web"), Some(Box::new(adopted))),
    );
    assert_eq!(sessions(&effects).len(), 1);
    assert_eq!(state.focus, Focus::Console);
}

#[test]
fn typing_returns_from_the_past_to_the_live_screen() {
    let mut state = fleet(SIZE);
    press(&mut state, "enter");
    console_says(&mut state, b"");
    state.console.screen.scrollback = 50;
    press(&mut state, "shift-pageup");
    assert!(state.console.offset > 0);
    state.console.new_lines = 7;
    press(&mut state, "x");
    assert_eq!((state.console.offset, state.console.new_lines), (0, 0));
    press(
        &mut state,
        "shift-pageup shift-pageup shift-pageup shift-pageup",
    );
    assert_eq!(state.console.offset, 50);
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

fn form(state: &State) -> &crate::app::form::Form {
    match state.modals.last() {
        Some(Modal::Form(form)) => form,
        other => panic!("no form: {other:?}"),
    }
}

#[test]
fn the_form_checks_as_one_types_and_an_old_answer_is_dropped() {
    let mut state = fleet(SIZE);
    press(&mut state, "n");
    let effects = press(&mut state, "w e b");
    let generations: Vec<u64> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Check { generation, .. } => Some(*generation),
            _ => None,
        })
        .collect();
    assert_eq!(generations, [1, 2, 3]);
    send(&mut state, 2.0, name_taken(2));
    assert!(form(&state).objections.is_none());
    send(&mut state, 2.0, name_taken(3));
    assert!(!form(&state).is_acceptable());
    // It is not made as long as something is wrong.
    let effects = press(&mut state, "enter");
    assert!(
        !effects
            .iter()
            .any(|effect| matches!(effect, Effect::Create(_)))
    );
}

#[test]
fn a_submitted_form_makes_one_vm_starts_it_and_shows_its_boot() {
    let mut state = fleet(SIZE);
    press(&mut state, "n x 1");
    let creates = |effects: &[Effect]| {
        effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Create(_)))
            .count()
    };
    assert_eq!(creates(&press(&mut state, "enter enter enter")), 1);
    let effects = send(&mut state, 3.0, Message::Created(Ok(name("x1"))));
    let start = ("x1".to_owned(), Operation::Start, false);
    assert_eq!(operations(&effects), [start]);
    assert_eq!(state.selected, Some(name("x1")));
    assert_eq!(state.page, Page::Boot);
    assert!(state.modals.is_empty());
}

#[test]
fn a_vm_that_could_not_be_made_leaves_the_form_open_with_the_reason() {
    let mut state = fleet(SIZE);
    press(&mut state, "n enter");
    let failure = Failure::new(Code::RuntimeError, "no space left");
    send(&mut state, 3.0, Message::Created(Err(failure)));
    assert_eq!(form(&state).failure.as_deref(), Some("no space left"));
    assert!(!form(&state).is_submitted);
}

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

#[test]
fn the_doctors_findings_come_as_they_finish_and_keep_their_places() {
    let mut state = fleet(SIZE);
    press(&mut state, "D");
    assert!(state.doctor.is_running);
    examine(&mut state);
    assert!(!state.doctor.is_running);
    assert_eq!(state.doctor.counts(), (1, 1));
    assert_eq!(state.doctor.planned.len(), 5);
    let again = press(&mut state, "r r");
    let runs = again
        .iter()
        .filter(|e| matches!(e, Effect::Examine))
        .count();
    assert_eq!(runs, 1);
}

#[test]
fn help_is_about_where_one_is_and_modals_close_one_after_the_other() {
    let mut state = fleet(SIZE);
    press(&mut state, "D");
    assert_eq!(state.modals.len(), 1);
    press(&mut state, "esc ?");
    assert!(matches!(state.modals.last(), Some(Modal::Help { .. })));
    press(&mut state, "esc m");
    assert!(matches!(state.modals.last(), Some(Modal::Messages { .. })));
    press(&mut state, "q");
    assert!(state.modals.is_empty());
}

fn click(state: &mut State, column: u16, row: u16) -> Vec<Effect> {
    let mouse = Mouse {
        kind: MouseKind::Press,
        column,
        row,
    };
    let now = state.now;
    update(state, now, Message::Mouse(mouse))
}

#[test]
fn a_click_selects_rows_turns_pages_and_takes_the_console() {
    let mut state = fleet(SIZE);
    let rows = state.regions().list_rows();
    click(&mut state, 5, rows.y + 2);
    assert_eq!(state.selected, Some(name("cache")));
    let tabs = state.regions().tabs;
    let (_, log) = crate::app::layout::tabs(tabs).nth(3).unwrap();
    click(&mut state, log.x, log.y);
    assert_eq!(state.page, Page::Log);
    press(&mut state, "2");
    let page = state.regions().page;
    click(&mut state, page.x + 1, page.y + 1);
    assert_eq!(state.focus, Focus::Console);
    click(&mut state, 5, rows.y);
    assert_eq!(state.focus, Focus::Dashboard);
}

#[test]
fn quitting_asks_nothing_of_any_vm() {
    let mut state = fleet(SIZE);
    let effects = press(&mut state, "q");
    assert!(matches!(effects[..], [Effect::Quit]));
    let effects = send(&mut state, 3.0, Message::Terminate);
    assert!(matches!(effects[..], [Effect::Quit]));
}
