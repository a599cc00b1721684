//! The lines of the log: marks, the moment of a phase, the file.

use super::{SIZE, told};
use crate::app::effect::Effect;
use crate::app::fixture::{fleet, line, name, press, send};
use crate::app::log::{Line, LogPart};
use crate::app::message::Message;
use crate::app::state::{Page, State};
use crate::console::Notable;
use crate::console::reader::Pattern;
use crate::shim::log::When;
use crate::vm::BootPhase;

/// Has the log of the boot that the fixture shows come: a line each 10 ms.
fn log_comes(state: &mut State, lines: std::ops::Range<u64>, is_all: bool) {
    let text = |n| match n {
        20 => "Linux version 6.1".to_owned(),
        n => format!("line {n}"),
    };
    let part = LogPart {
        is_first: lines.start == 0,
        is_all,
        lines: lines
            .map(|n| Line {
                offset: n * 100,
                when: Some(When {
                    boot: 3,
                    t_us: n * 10_000,
                    missed: false,
                }),
                notable: (n == 50).then_some(Notable::Panic),
                ..line(&text(n))
            })
            .collect(),
        ..LogPart::default()
    };
    send(state, 2.0, Message::Log(name("web"), part));
}

fn cursor(state: &State) -> i64 {
    state.reading.as_ref().unwrap().reader.cursor().row
}

#[test]
fn lines_are_marked_by_hand_and_gone_to_with_those_that_matter() {
    let mut state = fleet(SIZE);
    press(&mut state, "4");
    log_comes(&mut state, 0..100, true);
    send(
        &mut state,
        2.0,
        Message::Bookmarks(name("web"), [1050, 7].into()),
    );
    press(&mut state, "[");
    assert_eq!(cursor(&state), 50);
    press(&mut state, "[");
    assert_eq!(cursor(&state), 10);
    let side = |state: &State, row| state.log.side(row).mark;
    assert_eq!(
        (side(&state, 0), side(&state, 50)),
        (Some("bookmark"), Some("panic"))
    );
    let effects = press(&mut state, "m");
    assert!(matches!(
        effects[..],
        [Effect::Bookmark {
            offset: 1050,
            marked: false,
            ..
        }]
    ));
    assert_eq!(side(&state, 10), None);
    let effects = press(&mut state, "j m");
    assert!(matches!(
        effects[..],
        [Effect::Bookmark {
            offset: 1100,
            marked: true,
            ..
        }]
    ));
    press(&mut state, "]");
    assert_eq!(cursor(&state), 50);
    press(&mut state, "]");
    assert_eq!(cursor(&state), 50);
    assert!(
        told(&state).contains("no more lines are marked that way"),
        "{}",
        told(&state)
    );
    // Marks hold where the filter leaves lines out.
    state.log.set_filter(Some(Pattern::new("1").unwrap()));
    assert_eq!(side(&state, 2), Some("bookmark"));
}

#[test]
fn a_phase_of_the_boot_is_found_in_the_log_by_key() {
    let mut state = fleet(SIZE);
    press(&mut state, "3 ] ] ] ] ]");
    assert_eq!(state.phase, Some(BootPhase::Init));
    press(&mut state, "[");
    assert_eq!(state.phase, Some(BootPhase::Kernel));
    let phases = state
        .selected_row()
        .unwrap()
        .vm
        .state
        .boot
        .as_ref()
        .unwrap()
        .phases;
    let kernel = phases.get(BootPhase::Kernel).unwrap();
    press(&mut state, "enter");
    assert_eq!((state.page, state.reading.is_none()), (Page::Log, true));
    // As long as no later line came it may not be there yet.
    log_comes(&mut state, 0..10, false);
    assert_eq!(cursor(&state), 9);
    log_comes(&mut state, 10..90, true);
    assert!(kernel / 10_000 < 90);
    assert_eq!(cursor(&state), 20);
    assert!(state.sought.is_none());
    press(&mut state, "q 3 ] ] ] enter");
    assert_eq!(state.page, Page::Log);
    let sought = state.sought.unwrap();
    assert_eq!(Some(sought.t_us), phases.get(BootPhase::FirstByte));
    send(
        &mut state,
        2.0,
        Message::Log(
            name("web"),
            LogPart {
                is_first: true,
                is_all: true,
                ..LogPart::default()
            },
        ),
    );
    assert!(
        told(&state).contains("no longer has what the guest said then"),
        "{}",
        told(&state)
    );
}

#[test]
fn the_log_is_written_to_a_file_with_and_without_escapes() {
    let mut state = fleet(SIZE);
    for (key, expected) in [("x", false), ("X", true)] {
        match &press(&mut state, key)[..] {
            [Effect::Export { name: of, escapes }] => {
                assert_eq!((of, *escapes), (&name("web"), expected));
            }
            other => panic!("{other:?}"),
        }
    }
    send(
        &mut state,
        2.0,
        Message::Exported("/home/me/web.log".into()),
    );
    assert!(
        told(&state).contains("the log is written to /home/me/web.log"),
        "{}",
        told(&state)
    );
}
