//! Reading the console and the log: which keys do what, and that the view holds still.

use super::{SIZE, sessions, told, typed};
use crate::app::action::Context;
use crate::app::effect::Effect;
use crate::app::fixture::{console_says, fleet, key, line, name, press, send, vm};
use crate::app::log::LogPart;
use crate::app::message::Message;
use crate::app::state::{Focus, State};
use crate::console::mouse::{Button, Mouse, MouseKind};
use crate::console::reader::{Kind, Motion, Place, Step};
use crate::vm::Phase;

fn steps(effects: &[Effect]) -> Vec<Step> {
    let step = |effect: &Effect| match effect {
        Effect::Read(step) => Some(step.clone()),
        _ => None,
    };
    effects.iter().filter_map(step).collect()
}

fn log(state: &mut State, lines: std::ops::Range<usize>) {
    let part = LogPart {
        is_first: lines.start == 0,
        lines: lines.map(|n| line(&format!("line {n}"))).collect(),
        ..LogPart::default()
    };
    send(state, 2.0, Message::Log(name("web"), part));
}

fn with_log() -> State {
    let mut state = fleet(SIZE);
    press(&mut state, "4");
    log(&mut state, 0..100);
    state
}

fn cursor(state: &State) -> Place {
    state.reading.as_ref().unwrap().reader.cursor()
}

fn mouse(state: &mut State, kind: MouseKind, column: u16, row: u16) -> Vec<Effect> {
    let mouse = Mouse {
        kind,
        column,
        row,
        shift: false,
        alt: false,
        ctrl: false,
    };
    send(state, 2.0, Message::Mouse(mouse))
}

#[test]
fn a_reader_of_the_console_has_the_keys_and_the_guest_gets_none() {
    let mut state = fleet(SIZE);
    press(&mut state, "2");
    console_says(&mut state, b"hello\r\n$ ");
    assert!(steps(&press(&mut state, "v")).is_empty());
    assert_eq!(state.context(), Context::Reading);
    assert_eq!(cursor(&state), Place { row: 1, column: 2 });
    let effects = press(&mut state, "k V w ctrl-d d K");
    let expected = [
        Step::Move(Motion::Rows(-1)),
        Step::Select(Kind::Lines),
        Step::Move(Motion::WordForward),
    ];
    assert_eq!(steps(&effects)[..3], expected);
    assert!(typed(&effects).is_empty() && state.modals.is_empty());
    assert!(matches!(press(&mut state, "y")[..], [Effect::Copy]));
    press(&mut state, "q");
    assert_eq!(state.context(), Context::Dashboard);
    // What the guest's own keys are stays theirs.
    press(&mut state, "enter");
    assert_eq!(typed(&press(&mut state, "v ctrl-f /")).len(), 3);
}

#[test]
fn a_pattern_is_marked_while_it_is_typed_and_a_wrong_one_stays_to_be_mended() {
    let mut state = fleet(SIZE);
    press(&mut state, "2");
    console_says(&mut state, b"hello");
    let effects = press(&mut state, "ctrl-f h (");
    assert_eq!(steps(&effects).len(), 1);
    assert!(steps(&press(&mut state, "enter")).is_empty());
    assert_eq!(state.context(), Context::Search);
    let effects = press(&mut state, "backspace enter");
    assert_eq!(steps(&effects).last(), Some(&Step::Find { against: false }));
    assert_eq!(state.context(), Context::Reading);
    // What began with the search ends with it when it is given up.
    press(&mut state, "q ctrl-f x esc");
    assert_eq!(state.context(), Context::Dashboard);
}

#[test]
fn the_log_is_searched_where_it_is_and_holds_still_while_it_grows() {
    let mut state = with_log();
    press(&mut state, "ctrl-f 4 2 enter");
    assert_eq!(cursor(&state), Place { row: 42, column: 5 });
    let top = state.reading.as_ref().unwrap().reader.top();
    log(&mut state, 100..150);
    let reading = state.reading.as_ref().unwrap();
    assert_eq!(reading.reader.top(), top);
    assert_eq!(reading.reader.new_rows(&state.log), 50);
    press(&mut state, "n");
    assert_eq!(
        cursor(&state),
        Place {
            row: 142,
            column: 6
        }
    );
    press(&mut state, "N");
    assert_eq!(cursor(&state).row, 42);
    press(&mut state, "esc");
    assert!(state.reading.is_none());
    // Without a reader a view that is scrolled back holds still too.
    press(&mut state, "pageup");
    let scrolled = state.scroll.log;
    log(&mut state, 150..160);
    assert_eq!(state.scroll.log, scrolled + 10);
}

#[test]
fn lines_of_the_log_that_do_not_match_are_left_out_until_the_pattern_is_empty() {
    let mut state = with_log();
    press(&mut state, "v & 7 $ enter");
    assert_eq!(
        (state.log.shown(), state.context()),
        (10, Context::Dashboard)
    );
    press(&mut state, "v & ctrl-u enter");
    assert_eq!(state.log.shown(), 100);
    press(&mut state, "2 v &");
    assert!(told(&state).contains("only lines of the log"));
}

#[test]
fn what_is_dragged_over_is_copied_and_the_keys_return_to_whom_they_belong() {
    let mut state = fleet(SIZE);
    press(&mut state, "enter");
    console_says(&mut state, b"hello");
    let page = state.regions().page;
    mouse(
        &mut state,
        MouseKind::Press(Button::Left),
        page.x + 1,
        page.y,
    );
    let effects = mouse(
        &mut state,
        MouseKind::Drag(Button::Left),
        page.x + 3,
        page.y + 1,
    );
    let drag = Step::Drag {
        from: (0, 1),
        to: (1, 3),
    };
    assert_eq!(steps(&effects), [drag]);
    send(&mut state, 2.0, Message::Copied(Ok(3)));
    assert_eq!(told(&state), "copied 3 characters");
    assert_eq!(
        (state.context(), state.focus),
        (Context::Console, Focus::Console)
    );
    // A click alone selects nothing.
    mouse(&mut state, MouseKind::Press(Button::Left), page.x, page.y);
    assert!(mouse(&mut state, MouseKind::Release(Button::Left), page.x, page.y).is_empty());
}

#[test]
fn a_drag_over_the_log_copies_when_the_button_goes_up() {
    let mut state = with_log();
    let page = state.regions().page;
    mouse(&mut state, MouseKind::Press(Button::Left), page.x, page.y);
    mouse(
        &mut state,
        MouseKind::Drag(Button::Left),
        page.x + 5,
        page.y + 1,
    );
    let text = state
        .reading
        .as_ref()
        .unwrap()
        .reader
        .copied(&state.log, 99);
    assert_eq!(text.unwrap().lines().count(), 2);
    let effects = mouse(
        &mut state,
        MouseKind::Release(Button::Left),
        page.x + 5,
        page.y + 1,
    );
    assert!(matches!(effects[..], [Effect::Copy]));
}

#[test]
fn what_is_read_stays_when_the_vm_dies_and_ends_with_its_page() {
    let mut state = fleet(SIZE);
    press(&mut state, "2 v");
    let dead = || Some(Box::new(vm("web", Phase::Crashed)));
    assert!(sessions(&send(&mut state, 3.0, Message::Vm(name("web"), dead()))).is_empty());
    assert_eq!(sessions(&press(&mut state, "q")).len(), 1);
    press(&mut state, "v");
    assert!(state.reading.is_some());
    send(&mut state, 3.0, Message::Vm(name("web"), None));
    assert!(state.reading.is_none());
    press(&mut state, "1");
    send(&mut state, 3.0, key("v"));
    assert!(state.reading.is_none());
}
