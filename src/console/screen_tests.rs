use super::*;
use crate::console::Terminal;
use crate::console::noise::push_word;

fn screen(bytes: &[u8]) -> Screen {
    let mut terminal = Terminal::new(Size::new(4, 20), 0);
    terminal.feed(bytes);
    let mut screen = Screen::default();
    terminal.view(0, &mut screen);
    screen
}

#[test]
fn text_has_a_line_for_each_row_without_trailing_blanks() {
    assert_eq!(
        screen("one  \r\n\r\n  漢字 é".as_bytes()).text(),
        "one\n\n  漢字 é\n\n"
    );
}

#[test]
fn painting_is_short_and_its_own() {
    assert_eq!(
        screen(b"\x1b]2;t\x07plain\r\n\x1b[31mred\x1b[6n\x1b[m   \x1b[1mbold").ansi(),
        "\x1b[m\x1b[?25l\x1b[2J\x1b[1;1Hplain\x1b[2;1H\x1b[0;31mred\x1b[2;7H\x1b[0;1mbold\x1b[m\
         \x1b[2;11H\x1b[2 q\x1b[?25h"
    );
    assert_eq!(screen(b"\x1b[?25l").ansi(), "\x1b[m\x1b[?25l\x1b[2J\x1b[H");
}

#[test]
fn each_attribute_is_painted_with_its_number() {
    let mut screen = screen(b"x");
    screen.rows[0][0].attributes = Attributes {
        bold: true,
        dim: true,
        italic: true,
        underline: true,
        inverse: true,
        hidden: true,
        strike: true,
        blink: true,
    };
    assert!(screen.ansi().contains("\x1b[0;1;2;3;4;5;7;8;9mx"));
}

#[test]
fn a_control_that_got_into_a_cell_is_not_painted() {
    let mut screen = screen(b"x");
    screen.rows[0][0].text = "\x1b]52;c;aGk=\x07".to_owned();
    assert!(!screen.ansi().contains("\x1b]"));
}

/// `vt100`, which knows bold or dim but not both, reads what we paint: another emulator's word on it.
fn assert_seen_alike(screen: &mut Screen, size: Size) {
    // It leaves out U+FFFD, even a well-formed one.
    for cell in screen.rows.iter_mut().flatten() {
        cell.text = cell.text.replace('\u{fffd}', "?");
    }
    let ansi = screen.ansi();
    let nonzero = |cells: u16| std::num::NonZeroU16::new(cells).unwrap();
    let mut observer = vt100::Parser::new(nonzero(size.rows()), nonzero(size.columns()), 0);
    observer.process(b"\x1b[1;4;45mleft over from before\x1b[?25l");
    observer.process(ansi.as_bytes());
    let seen = observer.screen();
    for (y, row) in (0..).zip(&screen.rows) {
        for (x, cell) in (0..).zip(row) {
            let other = seen.cell(y, x).unwrap();
            let place = format!("row {y} column {x} of {ansi:?}");
            if cell.text.is_empty() {
                assert!(other.is_wide_continuation(), "{place}");
                continue;
            }
            let text = if other.has_contents() {
                other.contents()
            } else {
                " "
            };
            assert_eq!(cell.text, text, "{place}");
            assert_eq!(cell.foreground, color(other.fgcolor()), "{place}");
            assert_eq!(cell.background, color(other.bgcolor()), "{place}");
            let ours = cell.attributes;
            assert_eq!(
                (
                    ours.bold && !ours.dim,
                    ours.dim,
                    ours.italic,
                    ours.underline,
                    ours.inverse
                ),
                (
                    other.bold(),
                    other.dim(),
                    other.italic(),
                    other.underline(),
                    other.inverse()
                ),
                "{place}"
            );
        }
    }
    assert_eq!(seen.hide_cursor(), screen.cursor.is_none(), "{ansi:?}");
    if let Some(cursor) = screen.cursor {
        assert_eq!(
            seen.cursor_position(),
            (cursor.row, cursor.column),
            "{ansi:?}"
        );
    }
}

fn color(color: vt100::Color) -> Color {
    match color {
        vt100::Color::Default => Color::Default,
        vt100::Color::Idx(index) => Color::Indexed(index),
        vt100::Color::Rgb(red, green, blue) => Color::Rgb(red, green, blue),
    }
}

#[test]
fn another_emulator_sees_what_was_painted() {
    let mut random = fastrand::Rng::with_seed(2);
    for _ in 0..400 {
        let size = Size::new(random.u16(2..12), random.u16(2..40));
        let mut terminal = Terminal::new(size, 10);
        let mut screen = Screen::default();
        for _ in 0..6 {
            let mut bytes = Vec::new();
            for _ in 0..random.usize(1..40) {
                push_word(&mut random, &mut bytes);
            }
            terminal.feed(&bytes);
            terminal.view(0, &mut screen);
            assert_seen_alike(&mut screen, size);
        }
        terminal.view(random.usize(0..10), &mut screen);
        assert_seen_alike(&mut screen, size);
    }
}

#[test]
fn only_what_waits_behind_a_shells_prompt_is_taken_for_one() {
    let asks = |bytes: &[u8]| {
        let mut terminal = crate::console::Terminal::new(Size::new(6, 30), 0);
        terminal.feed(bytes);
        let mut screen = Screen::default();
        terminal.view(0, &mut screen);
        screen.ends_in_prompt()
    };
    for prompt in ["~ # ", "ls\r\nbin dev\r\nroot@vm:~# ", "me@vm $ ", "vm% "] {
        assert!(asks(prompt.as_bytes()), "{prompt:?}");
    }
    for other in [
        "",
        "login: ",
        ">>> ",
        "mysql> ",
        "~ #",
        "~ # vi",
        // In the middle of what is typed, and a status line below.
        "~ # vi\x1b[2D",
        "\x1b[H# \x1b7\x1b[6;1H-- INSERT --\x1b8",
        "\x1b[6;1H:s/a# ",
        "~ # \x1b[?25l",
    ] {
        assert!(!asks(other.as_bytes()), "{other:?}");
    }
}
