//! The console: who has the keys, and which connection there is.

use super::{SIZE, select, sessions, told, typed};
use crate::app::action::Context;
use crate::app::effect::{Effect, SessionKind, Typed};
use crate::app::fixture::{console_says, fleet, key, name, press, send, vm};
use crate::app::hints::hints;
use crate::app::message::{Message, SessionEvent};
use crate::app::state::{Focus, Link, Modal, Page, State};
use crate::console::mouse::{Button, Mouse, MouseKind};
use crate::console::{MouseWanted, Size};
use crate::fault::{Code, Failure};
use crate::shim::protocol::Push;
use crate::vm::Phase;

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
    let paste = || Message::Paste("d\n".to_owned());
    let effects = send(&mut state, 2.0, paste());
    assert!(effects.is_empty() && state.modals.is_empty());
    press(&mut state, "enter");
    assert_eq!(typed(&send(&mut state, 2.0, paste())), ["d\n"]);
}

#[test]
fn several_pasted_lines_ask_first() {
    let mut state = fleet(SIZE);
    press(&mut state, "enter");
    let paste = || Message::Paste("d\ny\n".to_owned());
    for no in ["n", "esc", "ctrl-c"] {
        assert!(typed(&send(&mut state, 2.0, paste())).is_empty());
        assert!(matches!(state.modals.last(), Some(Modal::Paste(_))));
        assert!(typed(&press(&mut state, no)).is_empty());
        assert!(state.modals.is_empty());
    }
    send(&mut state, 2.0, paste());
    assert_eq!(typed(&press(&mut state, "y")), ["d\ny\n"]);
    assert!(state.modals.is_empty(), "it is short: it is over");
    assert_eq!(state.focus, Focus::Console);
}

#[test]
fn a_long_paste_shows_how_far_it_is_and_can_be_ended() {
    let mut state = fleet(SIZE);
    press(&mut state, "enter");
    let long = "x".repeat(10_000);
    let says = |state: &mut State, event| {
        let message = Message::Session(state.console.session, event);
        send(state, 3.0, message)
    };
    let effects = send(&mut state, 2.0, Message::Paste(long.clone()));
    assert_eq!(typed(&effects), [long.as_str()]);
    says(&mut state, SessionEvent::Pasted(2048, 10_000));
    // What is typed meanwhile would fall into the midst of it.
    assert!(typed(&press(&mut state, "x enter y")).is_empty());
    let effects = press(&mut state, "esc");
    assert!(matches!(effects[..], [Effect::CancelPaste]));
    assert!(told(&state).contains("2048 of 10000 bytes"));
    assert!(state.modals.is_empty());
    send(&mut state, 2.0, Message::Paste(long));
    says(&mut state, SessionEvent::Pasted(10_000, 10_000));
    assert!(state.modals.is_empty());
    assert_eq!(typed(&press(&mut state, "x")), ["x"]);
}

#[test]
fn a_paste_ends_with_its_console() {
    let mut state = fleet(SIZE);
    press(&mut state, "enter");
    send(&mut state, 2.0, Message::Paste("x".repeat(10_000)));
    let dead = Box::new(vm("web", Phase::Crashed));
    send(&mut state, 3.0, Message::Vm(name("web"), Some(dead)));
    assert!(state.modals.is_empty());
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

fn fits(effects: &[Effect]) -> Vec<(String, Push)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Fit(size, push) => Some((size.to_string(), *push)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_guest_is_offered_the_size_of_its_pane_and_given_it_when_asked() {
    let mut state = fleet(SIZE);
    press(&mut state, "2");
    console_says(&mut state, b"~ # ");
    state.console.guest = Some(Size::DEFAULT);
    // Looking at it, and changing the pane, changes nothing in the guest.
    assert_eq!(fits(&press(&mut state, "z")), []);
    let offered = hints(&state).into_iter().find(|hint| hint.key == "f");
    assert_eq!(offered.unwrap().label, "fit guest 80x24 to 120x39");
    let asked = fits(&press(&mut state, "f"));
    assert_eq!(asked, [("120x39".to_owned(), Push::ByAnyMeans)]);
    state.console.guest = state.console.size;
    assert!(hints(&state).iter().all(|hint| hint.key != "f"));
    assert_eq!(fits(&press(&mut state, "f")), []);
    assert_eq!(
        told(&state),
        "the guest's terminal has the size of its page"
    );
}

#[test]
fn a_console_that_takes_the_keys_offers_its_size_once_to_a_guest_that_has_none() {
    let mut state = fleet(SIZE);
    // Connecting: nothing can be said yet.
    assert_eq!(fits(&press(&mut state, "z enter")), []);
    let live = Message::Session(state.console.session, SessionEvent::Live);
    let told = fits(&send(&mut state, 2.0, live));
    assert_eq!(told, [("120x39".to_owned(), Push::FirstOnly)]);
    assert_eq!(fits(&press(&mut state, "x ctrl-] enter")), []);
}

#[test]
fn in_the_console_the_offer_names_the_leave_key_first() {
    let mut state = fleet(SIZE);
    press(&mut state, "z enter");
    console_says(&mut state, b"~ # ");
    state.console.guest = Some(Size::DEFAULT);
    let hints = hints(&state);
    assert_eq!(hints[0].key, "ctrl-]");
    assert_eq!(hints[1].key, "ctrl-] f");
    // There `f` is the guest's.
    assert_eq!(typed(&press(&mut state, "f")), ["f"]);
}

#[test]
fn what_the_shim_refuses_is_told() {
    let mut state = fleet(SIZE);
    press(&mut state, "2");
    let failure = Failure::new(Code::Refused, "no shell waits at a prompt");
    let event = SessionEvent::Refused(failure);
    let message = Message::Session(state.console.session, event);
    send(&mut state, 2.0, message);
    assert!(told(&state).contains("no shell waits"));
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
fn a_guest_that_wants_the_mouse_has_it_on_its_screen_but_not_with_shift() {
    let mut state = fleet(SIZE);
    press(&mut state, "enter");
    let live = Message::Session(state.console.session, SessionEvent::Live);
    send(&mut state, 2.0, live);
    state.console.modes.mouse = MouseWanted::Drags;
    let page = state.regions().page;
    let mut point = |kind, shift, column, row| {
        let mouse = Mouse {
            kind,
            column,
            row,
            shift,
            alt: false,
            ctrl: false,
        };
        let effects = send(&mut state, 2.0, Message::Mouse(mouse));
        effects.into_iter().find_map(|effect| match effect {
            Effect::Type(Typed::Mouse(mouse)) => Some((mouse.column, mouse.row)),
            _ => None,
        })
    };
    let (x, y) = (page.x + 3, page.y + 2);
    let (press, drag) = (
        MouseKind::Press(Button::Left),
        MouseKind::Drag(Button::Left),
    );
    assert_eq!(point(press, false, x, y), Some((3, 2)));
    assert_eq!(point(drag, false, x, y + 1), Some((3, 3)));
    assert_eq!(point(drag, false, x, y + 1), None, "the same cell");
    let out = point(MouseKind::Release(Button::Left), false, x, page.y - 1);
    assert_eq!(out, Some((3, 0)), "it went down inside");
    assert_eq!(point(press, true, x, y), None);
    assert_eq!(point(press, false, x, page.y - 1), None, "the tabs");
}

#[test]
fn a_guest_is_told_once_that_its_terminal_got_or_lost_the_keys() {
    let focus = |effects: &[Effect]| -> Vec<bool> {
        let told = effects.iter().filter_map(|effect| match effect {
            Effect::Type(Typed::Focus(gained)) => Some(*gained),
            _ => None,
        });
        told.collect()
    };
    let mut state = fleet(SIZE);
    press(&mut state, "enter");
    let live = Message::Session(state.console.session, SessionEvent::Live);
    let live = send(&mut state, 2.0, live);
    assert_eq!(focus(&live), [true]);
    assert!(focus(&press(&mut state, "a b")).is_empty());
    let away = send(&mut state, 2.0, Message::Focus(false));
    let back = send(&mut state, 2.0, Message::Focus(true));
    assert_eq!([focus(&away), focus(&back)], [[false], [true]]);
    assert_eq!(focus(&press(&mut state, "ctrl-]")), [false]);
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
fn a_key_of_sysrq_is_sent_at_once_unless_it_destroys_and_to_a_dead_guest_none_is() {
    let sent = |effects: &[Effect]| -> Vec<Option<char>> {
        let letters = effects.iter().filter_map(|effect| match effect {
            Effect::Break(letter) => Some(*letter),
            _ => None,
        });
        letters.collect()
    };
    let mut state = fleet(SIZE);
    assert_eq!(sent(&press(&mut state, "b w")), [Some('w')]);
    assert_eq!(state.context(), Context::Dashboard);
    assert_eq!(state.page, Page::Console, "what the guest says is seen");
    assert_eq!(sent(&press(&mut state, "b enter")), [None]);
    assert!(sent(&press(&mut state, "b c")).is_empty());
    assert_eq!(state.context(), Context::Confirm);
    assert!(sent(&press(&mut state, "n")).is_empty());
    assert_eq!(state.context(), Context::Dashboard);
    assert_eq!(sent(&press(&mut state, "b c y")), [Some('c')]);
    // No key of the menu: it stays.
    assert!(sent(&press(&mut state, "b ctrl-w x")).is_empty());
    assert_eq!(state.context(), Context::Break);
    press(&mut state, "esc g");
    assert!(!state.selected_row().unwrap().vm.phase.is_live());
    press(&mut state, "b");
    assert_eq!(state.context(), Context::Dashboard);
}
