//! Forms, panels and the mouse.

use super::{SIZE, operations};
use crate::app::effect::Effect;
use crate::app::fixture::{acceptable, examine, fleet, name, name_taken, press, send};
use crate::app::message::Message;
use crate::app::state::{Focus, Modal, Page, State};
use crate::app::update::update;
use crate::console::mouse::{Button, Mouse, MouseKind};
use crate::fault::{Code, Failure};
use crate::vm::{BackendKind, Operation};

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
fn the_form_marks_what_another_backend_would_change() {
    let mut state = fleet(SIZE);
    press(&mut state, "n tab tab");
    let changed = |state: &State| -> Vec<&str> {
        let outlook = form(state).outlook.as_ref().unwrap();
        let traits = outlook.traits.iter();
        traits
            .filter(|it| form(state).is_changed(it))
            .map(|it| it.about)
            .collect()
    };
    send(&mut state, 2.0, acceptable(0, BackendKind::Firecracker));
    assert!(changed(&state).is_empty(), "there was none before");
    press(&mut state, "right right");
    send(&mut state, 2.0, acceptable(2, BackendKind::Qemu));
    let all = ["backend", "speed", "network", "disk"];
    assert_eq!(changed(&state), all);
    // Typing on does not take the marks away.
    press(&mut state, "tab 2");
    send(&mut state, 2.0, acceptable(3, BackendKind::Qemu));
    assert_eq!(changed(&state), all);
}

#[test]
fn the_form_asks_for_no_backend_as_long_as_that_of_elsewhere_stands() {
    let mut state = fleet(SIZE);
    state.backend = "qemu".to_owned();
    press(&mut state, "n tab tab");
    assert_eq!(form(&state).value(crate::app::form::Field::Backend), "qemu");
    assert_eq!(form(&state).draft().unwrap().backend, None);
    press(&mut state, "right");
    assert_eq!(
        form(&state).draft().unwrap().backend.as_deref(),
        Some("auto")
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
        .filter(|e| matches!(e, Effect::Examine { .. }))
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
        kind: MouseKind::Press(Button::Left),
        column,
        row,
        shift: false,
        alt: false,
        ctrl: false,
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
    let (_, _, log) = crate::app::layout::tabs(tabs).nth(3).unwrap();
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
