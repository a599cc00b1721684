use crate::console::{Screen, Size, Terminal};

fn screen(bytes: &str) -> Screen {
    let mut terminal = Terminal::new(Size::new(6, 20), 0);
    terminal.feed(bytes.as_bytes());
    let mut screen = Screen::default();
    terminal.view(0, &mut screen);
    screen
}

const FULL: &str = "12345678901234567890";

/// Each asked of xterm 379: its reports of the cursor and its checksums of the cells (DECRQCRA).
#[test]
fn rare_sequences_do_what_they_do_in_xterm() {
    for (bytes, rows, cursor) in [
        // Lines are inserted and deleted from the begin of the row, and only inside the margins.
        ("abc\x1b[L", "\nabc", (0, 0)),
        ("abc\x1b[M", "", (0, 0)),
        ("abc\x1b[3;5r\x1b[1;3H\x1b[Mx", "abx", (0, 3)),
        // A combining character with nothing before it is dropped.
        ("\u{301}x", "x", (0, 1)),
        // The cursor waits behind the last column: who erases or moves ends the waiting.
        (&format!("{FULL}\x1b[Kx"), "1234567890123456789x", (0, 19)),
        (&format!("{FULL}\x1b[1Kx"), "                   x", (0, 19)),
        (&format!("{FULL}\x1b[2Kx"), "                   x", (0, 19)),
        (&format!("{FULL}\x1b[Jx"), "1234567890123456789x", (0, 19)),
        (&format!("{FULL}\x1b[2Jx"), "                   x", (0, 19)),
        (&format!("{FULL}\x1b[Xx"), "1234567890123456789x", (0, 19)),
        (&format!("{FULL}\x1b[@x"), "1234567890123456789x", (0, 19)),
        (&format!("{FULL}\x1b[Px"), "1234567890123456789x", (0, 19)),
        (
            &format!("{FULL}\x1b[1mx"),
            "12345678901234567890\nx",
            (1, 1),
        ),
        (&format!("{FULL}\tx"), "12345678901234567890\nx", (1, 1)),
        (
            &format!("{FULL}\nx"),
            "12345678901234567890\n                   x",
            (1, 19),
        ),
        (
            &format!("{FULL}\x1b7\x1b[H\x1b8x"),
            "12345678901234567890\nx",
            (1, 1),
        ),
        // The alternate screens and the cursor; no 132 columns.
        ("a\x1b[?47hbcd\x1b[?47lx", "a   x", (0, 5)),
        ("ab\x1b[?1049lx", "xb", (0, 1)),
        ("abc\x1b[?3hx", "abcx", (0, 4)),
        // Who is inside the margins stays there; origin mode is saved with the cursor.
        ("\x1b[3;5r\x1b[5;5H\x1b[9Ax", "\n\n    x", (2, 5)),
        (
            "\x1b[2;4r\x1b[?6habc\x1b7\x1b[?6l\x1b8\x1b[2;2Hx",
            "\nabc\n x",
            (2, 2),
        ),
        ("abc\x1b#8\x1b[2;6r\x1b[JE", "E\n\n", (0, 1)),
        // No line drawing for an underscore.
        ("\x1b(0a_b", "▒ ␉", (0, 3)),
        (
            "\x1b[?7l1234567890123456789漢x",
            "1234567890123456789x",
            (0, 19),
        ),
        // The first of two lines goes too; what is deleted is never before the cursor.
        ("ab\r\ncd\x1b[1J", "\n\n", (1, 2)),
        (
            "abcdefghij\x1b[1;16Hxyz\x1b[1;16H\x1b[20P",
            "abcdefghij",
            (0, 15),
        ),
    ] {
        let screen = screen(bytes);
        assert_eq!(screen.text().trim_end(), rows.trim_end(), "{bytes:?}");
        let at = screen.cursor.map(|cursor| (cursor.row, cursor.column));
        assert_eq!(at, Some(cursor), "{bytes:?}");
    }
}

#[test]
fn half_a_wide_character_becomes_a_blank_in_the_style_of_what_tore_it() {
    use crate::console::Color::{Default, Indexed};
    for (bytes, text, backgrounds) in [
        (
            "\x1b[44m漢\x1b[42m\r\x1b[Cx",
            " x",
            [Indexed(2), Indexed(2)],
        ),
        ("\x1b[44m漢\x1b[42m\rx", "x", [Indexed(2), Indexed(2)]),
        ("\x1b[44m漢\x1b[m\rx", "x", [Default, Default]),
        ("\x1b[44m漢\x1b[m\r\x1b[X", "", [Default, Default]),
        ("\x1b[44m漢\x1b[m\r\x1b[C\x1b[K", "", [Default, Default]),
    ] {
        let screen = screen(bytes);
        assert_eq!(screen.text().trim_end(), text, "{bytes:?}");
        let seen = [&screen.rows[0][0], &screen.rows[0][1]].map(|cell| cell.background);
        assert_eq!(seen, backgrounds, "{bytes:?}");
    }
}

#[test]
fn a_soft_reset_leaves_the_screen_and_resets_the_modes() {
    let mut terminal = Terminal::new(Size::new(6, 20), 0);
    terminal.feed(
        b"ab\x1b[2;3r\x1b[?6h\x1b[4h\x1b[?7l\x1b[?25l\x1b[?1h\x1b=\x1b[1;31m\x1b(0\x1b[2;2Hx",
    );
    terminal.feed(b"\x1b[!p");
    assert_eq!(terminal.modes(), crate::console::Modes::default());
    terminal.feed(b"q\x1b[1;1Hc");
    let mut screen = Screen::default();
    terminal.view(0, &mut screen);
    assert_eq!(screen.text().trim_end(), "cb\n\n │q");
    assert_eq!(screen.rows[2][2].foreground, crate::console::Color::Default);
    assert!(screen.cursor.is_some() && !screen.rows[2][2].attributes.bold);
}

#[test]
fn what_blinks_is_underlined_only_when_that_was_asked_for() {
    let cells =
        &screen("\x1b[5ma\x1b[4mb\x1b[24mc\x1b[25md\x1b[4;5me\x1b[25mf\x1b[4:5mg\x1b[mh").rows[0];
    let seen: Vec<_> = cells[..8]
        .iter()
        .map(|cell| (cell.attributes.blink, cell.attributes.underline))
        .collect();
    let (no, yes) = (false, true);
    let expected = [
        (yes, no),
        (yes, yes),
        (yes, no),
        (no, no),
        (yes, yes),
        (no, yes),
        (no, yes),
        (no, no),
    ];
    assert_eq!(seen, expected);
}
