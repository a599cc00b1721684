//! Every screen in every state at several sizes, in two layers: what is written, and which role
//! each cell has.

mod screens;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;
use unicode_width::UnicodeWidthStr;

use self::screens::{screens, select};
use super::{Role, Theme, header, render};
use crate::app::action::{Action, Context};
use crate::app::fixture::{console_says, examine, fleet, name, press, send};
use crate::app::message::Message;
use crate::app::state::State;
use crate::app::update::update;

fn draw(state: &State, theme: &Theme) -> (Buffer, Option<(u16, u16)>) {
    let (width, height) = state.size;
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut shown = None;
    terminal
        .draw(|frame| render(frame, frame.area(), state, theme))
        .unwrap();
    if terminal.backend().cursor_visible() {
        let at = terminal.get_cursor_position().unwrap();
        shown = Some((at.x, at.y));
    }
    (terminal.backend().buffer().clone(), shown)
}

/// The screen as text, its cursor as `▒`.
fn glyphs(state: &State) -> String {
    let (buffer, cursor) = draw(state, &Theme::named("default", true).unwrap());
    rows(&buffer, |x, y, symbol| {
        if cursor == Some((x, y)) {
            "▒".to_owned()
        } else {
            symbol.to_owned()
        }
    })
}

/// A letter for the role of each cell, `.` for none; the key is at the end.
fn roles(state: &State) -> String {
    let (buffer, _) = draw(state, &Theme::probe());
    let letter = |color: Color| match color {
        Color::Indexed(index) if index >= 100 => char::from(b'a' + (index - 100)),
        _ => '.',
    };
    let mut text = rows(&buffer, |x, y, _| letter(buffer[(x, y)].fg).to_string());
    text.push_str("\n\n");
    for (role, letter) in Role::ALL.iter().zip('a'..) {
        text.extend([&letter.to_string(), " ", role.name(), "  "]);
    }
    text
}

fn rows(buffer: &Buffer, cell: impl Fn(u16, u16, &str) -> String) -> String {
    let area = buffer.area;
    let rows: Vec<String> = (0..area.height)
        .map(|y| {
            let mut row = String::new();
            let mut x = 0;
            while x < area.width {
                let symbol = buffer[(x, y)].symbol();
                row.push_str(&cell(x, y, symbol));
                // A wide character covers the cell after it.
                x += u16::try_from(symbol.width()).unwrap().max(1);
            }
            row.trim_end().to_owned()
        })
        .collect();
    rows.join("\n")
}

const SIZES: [(u16, u16); 5] = [(200, 50), (120, 40), (80, 24), (60, 20), (39, 9)];

#[test]
fn while_not_all_vms_are_read_their_number_is_told_and_no_count_of_phases() {
    let mut state = fleet((120, 40));
    state.unread = 992;
    let shown = glyphs(&state);
    assert!(shown.contains("1000 VMs · reading"), "{shown}");
    let vms = state.rows.iter().map(|row| row.vm.clone()).collect();
    send(&mut state, 3.0, Message::Vms(Ok(vms)));
    let shown = glyphs(&state);
    assert!(shown.contains("8 VMs · 4 running"), "{shown}");
}

#[test]
fn every_screen_looks_so() {
    for (screen, make) in screens() {
        for size in SIZES {
            let state = make(size);
            assert_eq!(state.size, size);
            let (width, height) = size;
            insta::assert_snapshot!(format!("{screen}_{width}x{height}"), glyphs(&state));
        }
    }
}

#[test]
fn every_cell_has_the_role_that_its_meaning_asks_for() {
    for (screen, make) in screens() {
        insta::assert_snapshot!(format!("roles_{screen}"), roles(&make((100, 24))));
    }
}

#[test]
fn no_size_makes_any_screen_panic() {
    let theme = Theme::named("default", true).unwrap();
    let sizes: Vec<(u16, u16)> = (1..=300)
        .step_by(46)
        .flat_map(|width| (1..=100).step_by(16).map(move |height| (width, height)))
        .chain([(2, 2), (40, 10), (41, 11), (300, 100), (149, 10), (150, 10)])
        .collect();
    for (_, make) in screens() {
        let mut state = make((120, 40));
        for (width, height) in sizes.clone() {
            let now = state.now;
            update(&mut state, now, Message::Resize(width, height));
            draw(&state, &theme);
        }
    }
}

#[test]
fn a_screen_that_shrank_before_the_state_heard_of_it_is_no_panic() {
    let theme = Theme::named("default", true).unwrap();
    for (_, make) in screens() {
        let state = make((200, 50));
        for (width, height) in [(1, 1), (40, 10), (80, 24), (120, 12)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            terminal
                .draw(|frame| render(frame, frame.area(), &state, &theme))
                .unwrap();
        }
    }
}

#[test]
fn without_colour_not_one_cell_has_one_whatever_the_guest_writes() {
    let theme = Theme::named("default", false).unwrap();
    for (screen, make) in screens() {
        let (buffer, _) = draw(&make((120, 40)), &theme);
        for cell in buffer.content() {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{screen}");
        }
    }
}

#[test]
fn foreign_text_reaches_the_screen_without_controls() {
    let mut state = fleet((120, 40));
    let evil = "\x1b[2J\x07evil\u{202e}\r\n";
    let at = state
        .rows
        .iter()
        .position(|row| row.vm.name == name("db"))
        .unwrap();
    state.rows[at].vm.problem = Some(crate::vm::Problem {
        message: evil.to_owned(),
        hint: Some(evil.to_owned()),
    });
    select(&mut state, "db");
    for keys in ["1", "2", "3", "4", "5", "6"] {
        press(&mut state, keys);
        let text = glyphs(&state);
        assert!(text.contains("evil"));
        assert!(
            !text
                .chars()
                .any(|c| (c.is_control() && c != '\n') || c == '\u{202e}')
        );
    }
}

#[test]
fn the_help_tells_every_action_of_its_context_and_the_users_own_keys() {
    let mut state = fleet((120, 80));
    state
        .config
        .keys
        .insert("ctrl-x".to_owned(), "kill".to_owned());
    state.keymap = crate::app::keymap::Keymap::new(&state.config).unwrap();
    press(&mut state, "?");
    let text = glyphs(&state);
    for action in Action::ALL {
        if action.applies_in(Context::Dashboard) {
            assert!(text.contains(action.spec().summary), "{action:?}");
        }
    }
    assert!(text.contains("K ctrl-x"));
}

#[test]
fn the_help_cuts_no_sentence_off_where_the_terminal_is_narrow() {
    for width in [40, 60, 80] {
        let mut state = fleet((width, 120));
        press(&mut state, "?");
        let text = glyphs(&state).replace('│', " ");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for action in Action::ALL {
            if action.applies_in(Context::Dashboard) || action.applies_in(Context::Console) {
                assert!(text.contains(action.spec().summary), "{action:?}: {text}");
            }
        }
    }
}

#[test]
fn the_verdict_is_on_every_page_zoomed_or_not() {
    for size in SIZES.into_iter().filter(|size| size.0 >= 60) {
        for keys in ["1", "2", "3", "4", "5", "6", "2 enter"] {
            let mut state = fleet(size);
            examine(&mut state);
            let verdict = header::badge(&state).0;
            press(&mut state, keys);
            let text = glyphs(&state);
            assert!(text.lines().next().unwrap().contains(&verdict), "{text}");
            state.zoomed = true;
            let text = glyphs(&state);
            let last = text.lines().last().unwrap();
            let glyph: String = verdict.chars().take(1).collect();
            let shown = if size.0 < 80 { &glyph } else { &verdict };
            assert!(last.ends_with(shown), "{text}");
            let types = keys.ends_with("enter");
            assert!(!types || last.contains("ctrl-] leave"), "{text}");
        }
    }
}

#[test]
fn in_the_console_the_footer_always_says_how_to_leave() {
    for size in SIZES.into_iter().filter(|size| size.0 >= 40) {
        let mut state = fleet(size);
        press(&mut state, "enter");
        let text = glyphs(&state);
        assert!(
            text.lines().last().unwrap().contains("ctrl-] leave"),
            "{text}"
        );
    }
}

#[test]
fn the_cursor_of_the_terminal_stands_where_the_guests_does() {
    let mut state = fleet((120, 40));
    press(&mut state, "enter");
    console_says(&mut state, b"~ # ");
    let (_, cursor) = draw(&state, &Theme::probe());
    let page = state.regions().page;
    assert_eq!(cursor, Some((page.x + 4, page.y)));
    press(&mut state, "ctrl-]");
    let (_, cursor) = draw(&state, &Theme::probe());
    assert_eq!(cursor, None);
}
