use super::*;
use crate::console::noise::push_word;
use crate::console::{Color, CursorShape, Keyboard, MouseForm, MouseWanted};
use crate::fault::guarding;

/// A character of private use on which the engine dies in tests.
pub(in crate::console) const DEADLY: char = '\u{10dead}';

fn terminal(bytes: &[u8]) -> Terminal {
    let mut terminal = Terminal::new(Size::new(6, 20), 100);
    terminal.feed(bytes);
    terminal
}

fn screen(terminal: &Terminal) -> Screen {
    let mut screen = Screen::default();
    terminal.view(0, &mut screen);
    screen
}

fn text(bytes: &[u8]) -> String {
    screen(&terminal(bytes)).text().trim_end().to_owned()
}

#[test]
fn what_serial_guests_rely_on_is_drawn() {
    for (bytes, lines) in [
        (&b"a\r\nb\nc"[..], "a\nb\n c"),
        // Index, next line, insert mode, line drawing by SCS and by SO, no autowrap.
        (b"a\x1bDb\x1bEc", "a\n b\nc"),
        (b"bc\x1b[4h\ra\x1b[4l", "abc"),
        (b"\x1b(0lqk\x1b(B", "┌─┐"),
        (b"\x1b)0\x0elqk\x0f", "┌─┐"),
        (b"\x1b[?7l1234567890123456789012345", "12345678901234567895"),
        (b"x\x1b[5b", "xxxxxx"),
        (b"\x1b[2;3fx", "\n  x"),
        (b"main\x1b[?1049hgone\x1b[?1049l!", "main!"),
        (b"main\x1b[?47halt\x1b[?47l!", "main   !"),
        (b"\x1b[20ha\nb", "a\nb"),
        ("漢字e\u{301}".as_bytes(), "漢字e\u{301}"),
        (b"a\tb", "a       b"),
        (b"\xff", "\u{fffd}"),
        // Three columns wide by Unicode, two for the engine.
        ("a\u{17d8}b".as_bytes(), "a  b"),
    ] {
        let drawn = text(bytes);
        assert_eq!(
            drawn.trim_start_matches('\n'),
            lines.trim_start_matches('\n'),
            "{}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn colours_and_attributes_arrive_in_the_cells() {
    let screen = screen(&terminal(
        b"\x1b[31;44mA\x1b[m\x1b[97;100mB\x1b[m\x1b[38;5;200mC\x1b[38;2;1;2;3mD\x1b[m\x1b[1;2;3;4;7;8;9mE\x1b[m\x1b[4:3mF",
    ));
    let row = &screen.rows[0];
    assert_eq!(
        (row[0].foreground, row[0].background),
        (Color::Indexed(1), Color::Indexed(4))
    );
    assert_eq!(
        (row[1].foreground, row[1].background),
        (Color::Indexed(15), Color::Indexed(8))
    );
    assert_eq!(row[2].foreground, Color::Indexed(200));
    assert_eq!(row[3].foreground, Color::Rgb(1, 2, 3));
    let all = row[4].attributes;
    assert!(all.bold && all.dim && all.italic && all.underline);
    assert!(all.inverse && all.hidden && all.strike);
    assert!(row[5].attributes.underline);
    assert_eq!(
        row[6],
        super::super::Cell {
            text: " ".to_owned(),
            ..Default::default()
        }
    );
}

#[test]
fn a_wide_character_is_followed_by_an_empty_cell() {
    let screen = screen(&terminal("漢x".as_bytes()));
    let texts: Vec<&str> = screen.rows[0]
        .iter()
        .take(4)
        .map(|cell| cell.text.as_str())
        .collect();
    assert_eq!(texts, ["漢", "", "x", " "]);
}

#[test]
fn the_cursor_is_shown_where_and_as_the_guest_wants_it() {
    let mut terminal = terminal(b"ab");
    let cursor = screen(&terminal).cursor.unwrap();
    assert_eq!(
        (cursor.row, cursor.column, cursor.shape),
        (0, 2, CursorShape::Block)
    );
    terminal.feed(b"\x1b[4 q");
    assert_eq!(
        screen(&terminal).cursor.unwrap().shape,
        CursorShape::Underline
    );
    terminal.feed(b"\x1b[?25l");
    assert_eq!(screen(&terminal).cursor, None);
}

#[test]
fn scrolling_back_shows_the_past_without_the_cursor() {
    let mut terminal = terminal(b"");
    for line in 0..20 {
        terminal.feed(format!("line {line}\r\n").as_bytes());
    }
    assert_eq!(terminal.scrollback(), 15);
    let mut screen = Screen::default();
    terminal.view(5, &mut screen);
    assert!(screen.text().starts_with("line 10\n"));
    assert_eq!(
        (screen.cursor, screen.offset, screen.scrollback),
        (None, 5, 15)
    );
    terminal.view(usize::MAX, &mut screen);
    assert_eq!((screen.rows[0][5].text.as_str(), screen.offset), ("0", 15));
}

#[test]
fn lines_that_scroll_away_are_counted_also_when_the_past_is_full() {
    let mut terminal = Terminal::new(Size::new(5, 20), 8);
    let mut passed = Vec::new();
    for _ in 0..5 {
        terminal.feed(b"a\r\nb\r\nc\r\n\x1b[44m");
        passed.push((terminal.passed(), terminal.scrollback()));
    }
    assert_eq!(passed, [(0, 0), (2, 2), (5, 5), (8, 8), (11, 8)]);
    // The alternate screen leaves no past; what the guest erases did not pass again.
    terminal.feed(b"x\r\n\x1b[?1049h\r\n\r\n\r\n\r\n\r\n\r\n\r\n");
    terminal.feed(b"\x1b[?1049ly\r\n");
    assert_eq!(terminal.passed(), 13);
    terminal.feed(b"\x1b[3J");
    assert_eq!((terminal.passed(), terminal.scrollback()), (13, 0));
    terminal.feed(b"z\r\n");
    assert_eq!((terminal.passed(), terminal.scrollback()), (14, 1));
}

#[test]
fn the_scrollback_has_its_limit() {
    let mut terminal = Terminal::new(Size::new(5, 20), 10);
    terminal.feed(&b"line\r\n".repeat(1000));
    assert_eq!(terminal.scrollback(), 10);
    let mut without = Terminal::new(Size::new(5, 20), 0);
    without.feed(&b"line\r\n".repeat(1000));
    assert_eq!(without.scrollback(), 0);
}

#[test]
fn modes_are_told() {
    let modes = terminal(b"\x1b[?1h\x1b=\x1b[?2004h\x1b[20h\x1b[?1049h\x1b[?1002h").modes();
    assert!(modes.application_cursor && modes.application_keypad && modes.bracketed_paste);
    assert!(modes.newline && modes.alternate_screen && modes.alternate_scroll);
    assert_eq!(modes.mouse, MouseWanted::Drags);
    assert_eq!(terminal(b"").modes(), Modes::default());
    assert_eq!(
        terminal(b"\x1b[?1h\x1b=\x1b[?2004h\x1bc").modes(),
        Modes::default()
    );
}

#[test]
fn what_the_engine_does_not_keep_of_keyboard_and_mouse_is_kept_beside_it() {
    let modes = |asked: &str| terminal(asked.as_bytes()).modes();
    let mouse = |asked: &str| (modes(asked).mouse, modes(asked).mouse_form);
    for (asked, wanted, form) in [
        ("\x1b[?9h", MouseWanted::Presses, MouseForm::Bytes),
        (
            "\x1b[?9h\x1b[?1000h\x1b[?1000l",
            MouseWanted::Nothing,
            MouseForm::Bytes,
        ),
        ("\x1b[?1000;1005h", MouseWanted::Buttons, MouseForm::Utf8),
        ("\x1b[?1002;1015;1006h", MouseWanted::Drags, MouseForm::Sgr),
        (
            "\x1b[?1003;1006;1015h",
            MouseWanted::Motion,
            MouseForm::Urxvt,
        ),
        (
            "\x1b[?1003;1006;1015h\x1bc",
            MouseWanted::Nothing,
            MouseForm::Bytes,
        ),
    ] {
        assert_eq!(mouse(asked), (wanted, form), "{asked:?}");
    }
    for (asked, keyboard) in [
        ("\x1b[>4;1m", Keyboard::OtherKeys),
        ("\x1b[>4;2m", Keyboard::AllOtherKeys),
        ("\x1b[>4;2m\x1b[>4m", Keyboard::Legacy),
        ("\x1b[>1u", Keyboard::Disambiguated),
        ("\x1b[>31u", Keyboard::AllSequences),
        ("\x1b[>31u\x1b[<u", Keyboard::Legacy),
        ("\x1b[=1;1u\x1b[?1049h", Keyboard::Legacy),
        ("\x1b[>1u\x1bc", Keyboard::Legacy),
    ] {
        assert_eq!(modes(asked).keyboard, keyboard, "{asked:?}");
    }
    let set = modes("\x1b[?66;67;1004;1037h");
    assert!(set.application_keypad && set.backarrow && set.focus && set.delete_is_del);
    assert_eq!(modes("\x1b[?66;67;1004;1037h\x1bc"), Modes::default());
}

#[test]
fn a_title_is_inert_and_short() {
    assert_eq!(terminal(b"").title(), None);
    assert_eq!(terminal(b"\x1b]0;vi file\x07").title(), Some("vi file"));
    assert_eq!(
        terminal("\u{1b}]2;a\u{202e}b\u{9b}c\u{1b}\\".as_bytes()).title(),
        Some("abc")
    );
    let long = [b"\x1b]2;", "é".repeat(5000).as_bytes(), b"\x07"].concat();
    assert_eq!(terminal(&long).title().unwrap().chars().count(), 64);
    assert_eq!(terminal(b"\x1b]2;x\x07\x1bc").title(), None);
}

#[test]
fn a_synchronized_update_that_never_ends_hides_nothing() {
    assert_eq!(text(b"before \x1b[?2026hafter"), "before after");
}

#[test]
fn hostile_characters_never_reach_a_cell() {
    let bytes = "a\u{202e}b\u{200d}c\u{fe0f}d\u{2028}e\u{ad}f\u{85}g\u{feff}h".as_bytes();
    assert_eq!(text(bytes), "abcdefgh");
    let flood = "x".to_owned() + &"\u{301}\u{1b}[H\u{1b}[C".repeat(10_000);
    let screen = screen(&terminal(flood.as_bytes()));
    assert!(screen.rows[0][0].text.chars().count() <= 5);
}

#[test]
fn a_repetition_draws_a_line_at_most() {
    assert_eq!(text(b"ab\x1b[5bc"), "abbbbbbc");
    assert_eq!(text(b"a\x1b[65535bc"), "a".repeat(20) + "\nac");
    assert_eq!(text(b"a\x1b[65535bc"), text(b"a\x1b[20bc"));
    let begun = std::time::Instant::now();
    let mut terminal = terminal(&b"\x1b[65535b".repeat(100_000));
    terminal.feed(b"x");
    assert!(
        begun.elapsed().as_secs() < 60,
        "it would be 6.5 thousand million characters"
    );
}

#[test]
fn a_hyperlink_leaves_its_text_only() {
    assert_eq!(
        text(b"\x1b]8;;http://example.com\x1b\\link\x1b]8;;\x1b\\"),
        "link"
    );
}

#[test]
fn a_panic_in_the_engine_costs_the_screen_and_nothing_else() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|panic| {
        assert!(guarding(), "{panic}");
    }));
    let mut terminal = terminal(b"\x1b[?1h\x1b]2;title\x07before");
    let replies = terminal.feed_answering(format!("\u{1b}[5n{DEADLY}\u{1b}[5n").as_bytes());
    std::panic::set_hook(hook);
    assert_eq!(replies, b"\x1b[0n", "what was owed before the panic");
    assert_eq!(terminal.failures(), 1);
    assert!(!guarding());
    assert_eq!(
        (terminal.size(), terminal.title()),
        (Size::new(6, 20), None)
    );
    assert_eq!(terminal.modes(), Modes::default());
    terminal.feed(b"after");
    let screen = screen(&terminal).text();
    assert!(screen.starts_with("[the terminal engine"), "{screen}");
    assert!(screen.trim_end().ends_with("\nafter"), "{screen}");
    assert_eq!(terminal.feed_answering(b"\x1b[5n"), b"\x1b[0n");
}

#[test]
fn a_resize_keeps_the_text_and_takes_any_size() {
    let mut terminal = terminal(b"one\r\ntwo\r\nprompt");
    for (rows, columns) in [(3, 10), (24, 80), (0, 0), (u16::MAX, 1), (6, 20)] {
        terminal.resize(Size::new(rows, columns));
        let screen = screen(&terminal);
        assert_eq!(screen.rows.len(), usize::from(terminal.size().rows()));
        assert!(
            screen
                .rows
                .iter()
                .all(|row| row.len() == usize::from(terminal.size().columns()))
        );
    }
    assert_eq!(screen(&terminal).text().trim_end(), "one\ntwo\nprompt");
    assert_eq!(terminal.failures(), 0);
}

fn random_size(random: &mut fastrand::Rng) -> Size {
    Size::new(random.u16(0..30), random.u16(0..90))
}

/// Text of one or two columns in every cell, an empty one behind each wide one and nowhere else.
fn assert_consistent(screen: &Screen, terminal: &Terminal) {
    use unicode_width::UnicodeWidthStr;
    assert_eq!(screen.rows.len(), usize::from(terminal.size().rows()));
    for row in &screen.rows {
        assert_eq!(row.len(), usize::from(terminal.size().columns()));
        let mut behind_wide = false;
        for cell in row {
            let width = cell.text.width();
            assert_eq!(behind_wide, width == 0, "{:?}", cell.text);
            assert!(
                width <= 2 && cell.text.chars().count() <= 5,
                "{:?}",
                cell.text
            );
            assert!(cell.text.chars().all(crate::console::sanitize::is_harmless));
            behind_wide = width == 2;
        }
        assert!(!behind_wide);
    }
    if let Some(cursor) = screen.cursor {
        assert!(cursor.row < terminal.size().rows() && cursor.column < terminal.size().columns());
    }
}

#[test]
fn no_stream_and_no_resize_breaks_the_terminal() {
    let allowed = regex::Regex::new(
        r"^(\x1b\[0n|\x1b\[\??\d+;\d+R|\x1b\[\?62;22c|\x1b\[>1;10;0c|\x1b\[\??\d+;[012]\$y|\x1b\[\?(13|21|27;1|53)n|\x1b\[[89];\d+;\d+t|\x1bP1\+r(544e=787465726d2d323536636f6c6f72|436f=323536|524742=38)\x1b\\|\x1bP0\+r\x1b\\|\x1bP0\$r\x1b\\|\x1bP!\|00000000\x1b\\|\x1bP>\|smolvm-tui\([0-9.]+\)\x1b\\)*$",
    )
    .unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let mut screen = Screen::default();
    let mut terminal = Terminal::new(Size::DEFAULT, 50);
    let mut bytes = Vec::new();
    let mut answered = 0;
    for run in 0..20_000 {
        if run % 16 == 0 {
            terminal = Terminal::new(random_size(&mut random), random.usize(0..60));
        }
        bytes.clear();
        for _ in 0..random.usize(1..20) {
            push_word(&mut random, &mut bytes);
        }
        let replies = terminal.feed_answering(&bytes);
        assert!(replies.len() <= 4096);
        let replies = String::from_utf8(replies).unwrap();
        assert!(allowed.is_match(&replies), "{replies:?}");
        answered += usize::from(!replies.is_empty());
        if run % 9 == 0 {
            terminal.resize(random_size(&mut random));
        }
        assert_eq!(terminal.failures(), 0, "{}", bytes.escape_ascii());
        if run % 32 == 0 {
            let offset = random.usize(0..80);
            terminal.view(offset, &mut screen);
            assert_consistent(&screen, &terminal);
            assert_eq!(screen.offset, offset.min(terminal.scrollback()));
        }
    }
    assert!(answered > 1000, "the streams ask questions: {answered}");
}

#[test]
fn the_screen_and_the_replies_do_not_depend_on_where_the_stream_is_split() {
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..300 {
        let mut bytes = Vec::new();
        for _ in 0..random.usize(1..80) {
            push_word(&mut random, &mut bytes);
        }
        let mut whole = Terminal::new(Size::new(8, 30), 20);
        let mut pieces = Terminal::new(Size::new(8, 30), 20);
        let replies = whole.feed_answering(&bytes);
        let mut rest = bytes.as_slice();
        let mut split_replies = Vec::new();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(random.usize(1..=rest.len().min(12)));
            split_replies.extend(pieces.feed_answering(piece));
            rest = after;
        }
        let told = bytes.escape_ascii().to_string();
        assert_eq!(screen(&whole), screen(&pieces), "{told}");
        assert_eq!(whole.modes(), pieces.modes(), "{told}");
        assert_eq!(whole.title(), pieces.title(), "{told}");
        assert_eq!(
            replies.escape_ascii().to_string(),
            split_replies.escape_ascii().to_string(),
            "{told}"
        );
    }
}
