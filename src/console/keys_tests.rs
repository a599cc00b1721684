use super::*;
use crate::console::Modes;

pub(super) fn key(written: &str) -> Key {
    written.parse().unwrap()
}

#[test]
fn keys_are_shown_as_they_are_written() {
    for written in [
        "q",
        "G",
        "?",
        "-",
        "+",
        "/",
        "é",
        "ctrl-]",
        "ctrl-x",
        "ctrl-space",
        "ctrl--",
        "ctrl-\\",
        "ctrl-alt-d",
        "alt-x",
        "alt-X",
        "alt--",
        "f1",
        "f12",
        "f24",
        "shift-f5",
        "ctrl-f12",
        "space",
        "enter",
        "esc",
        "tab",
        "backtab",
        "backspace",
        "delete",
        "insert",
        "home",
        "end",
        "pageup",
        "pagedown",
        "up",
        "down",
        "left",
        "shift-left",
        "ctrl-alt-shift-right",
        "alt-enter",
    ] {
        assert_eq!(key(written).to_string(), written);
    }
}

#[test]
fn other_ways_of_writing_a_key_mean_the_same() {
    for (one, other) in [
        ("Ctrl-X", "ctrl-x"),
        ("ctrl+]", "ctrl-]"),
        ("ctrl-5", "ctrl-]"),
        ("ctrl-4", "ctrl-\\"),
        ("ctrl-6", "ctrl-^"),
        ("ctrl-7", "ctrl-_"),
        ("ctrl-/", "ctrl-_"),
        ("ctrl-@", "ctrl-space"),
        ("ctrl-2", "ctrl-space"),
        ("PgUp", "pageup"),
        ("PgDn", "pagedown"),
        ("Escape", "esc"),
        ("F12", "f12"),
        ("shift-g", "G"),
        ("shift-tab", "backtab"),
        ("shift-ctrl-a", "ctrl-a"),
        ("minus", "-"),
        ("meta-x", "alt-x"),
        (" ", "space"),
    ] {
        assert_eq!(key(one), key(other), "{one}");
    }
}

#[test]
fn every_key_survives_being_written() {
    let codes = NAMES
        .iter()
        .map(|(_, code)| *code)
        .chain((1..=24).map(KeyCode::F))
        .chain(KEYPAD.chars().map(KeyCode::Keypad))
        .chain(
            (0x20..0x250)
                .filter_map(char::from_u32)
                .filter(|c| !c.is_control())
                .map(KeyCode::Char),
        );
    for code in codes {
        for bits in 0..8 {
            let key = Key {
                code,
                ctrl: bits & 1 != 0,
                alt: bits & 2 != 0,
                shift: bits & 4 != 0,
            }
            .normalise();
            assert_eq!(key.to_string().parse(), Ok(key), "{key}");
            assert_eq!(key.normalise(), key);
        }
    }
}

#[test]
fn an_unknown_key_is_told_with_the_nearest_one() {
    let told = |written: &str| written.parse::<Key>().unwrap_err().to_string();
    assert_eq!(
        told("pgeup"),
        "could not understand the key `pgeup`: there is no such key; did you mean `pageup`?"
    );
    assert!(told("f25").contains("f1 to f24"));
    assert!(told("hyper-x").contains("there is no such key"));
    assert!(told("shift-1").contains("write the one that it makes"));
    assert!(told("ctrl-ctrl-x").contains("twice"));
    assert!(told("").contains("empty"));
    assert!(told("\u{1b}").contains("control character"));
    assert!(!told("\u{1b}[31mred\u{202e}").contains('\u{1b}'));
    assert!(told(&"x".repeat(10_000)).len() < 300);
}

#[test]
fn keys_are_sent_as_xterm_sends_them() {
    let plain = Modes::default();
    for (written, bytes) in [
        ("a", "a"),
        ("G", "G"),
        ("é", "é"),
        ("space", " "),
        ("alt-x", "\x1bx"),
        ("ctrl-a", "\x01"),
        ("ctrl-z", "\x1a"),
        ("ctrl-alt-c", "\x1b\x03"),
        ("ctrl-space", "\0"),
        ("ctrl-[", "\x1b"),
        ("ctrl-\\", "\x1c"),
        ("ctrl-]", "\x1d"),
        ("ctrl-5", "\x1d"),
        ("ctrl-^", "\x1e"),
        ("ctrl-_", "\x1f"),
        ("ctrl-/", "\x1f"),
        ("ctrl-?", "\x7f"),
        ("ctrl-1", "1"),
        ("enter", "\r"),
        ("alt-enter", "\x1b\r"),
        ("tab", "\t"),
        ("backtab", "\x1b[Z"),
        ("esc", "\x1b"),
        ("alt-esc", "\x1b\x1b"),
        ("backspace", "\x7f"),
        ("ctrl-backspace", "\x08"),
        ("alt-backspace", "\x1b\x7f"),
        ("up", "\x1b[A"),
        ("down", "\x1b[B"),
        ("right", "\x1b[C"),
        ("left", "\x1b[D"),
        ("home", "\x1b[H"),
        ("end", "\x1b[F"),
        ("shift-left", "\x1b[1;2D"),
        ("alt-up", "\x1b[1;3A"),
        ("ctrl-right", "\x1b[1;5C"),
        ("ctrl-alt-shift-home", "\x1b[1;8H"),
        ("insert", "\x1b[2~"),
        ("delete", "\x1b[3~"),
        ("ctrl-delete", "\x1b[3;5~"),
        ("pageup", "\x1b[5~"),
        ("shift-pagedown", "\x1b[6;2~"),
        ("f1", "\x1bOP"),
        ("f4", "\x1bOS"),
        ("shift-f1", "\x1b[1;2P"),
        ("f5", "\x1b[15~"),
        ("f6", "\x1b[17~"),
        ("f10", "\x1b[21~"),
        ("f11", "\x1b[23~"),
        ("f12", "\x1b[24~"),
        ("ctrl-f12", "\x1b[24;5~"),
        ("f13", "\x1b[25~"),
        ("f14", "\x1b[26~"),
        ("f15", "\x1b[28~"),
        ("f16", "\x1b[29~"),
        ("f17", "\x1b[31~"),
        ("f20", "\x1b[34~"),
    ] {
        let sent = String::from_utf8(encode(key(written), plain)).unwrap();
        assert_eq!(sent, bytes, "{written}");
    }
}

#[test]
fn the_guests_modes_change_what_keys_send() {
    let modes = Modes {
        application_cursor: true,
        newline: true,
        ..Modes::default()
    };
    assert_eq!(encode(key("up"), modes), b"\x1bOA");
    assert_eq!(encode(key("home"), modes), b"\x1bOH");
    assert_eq!(encode(key("shift-up"), modes), b"\x1b[1;2A");
    assert_eq!(encode(key("enter"), modes), b"\r\n");
}

#[test]
fn backspace_delete_and_the_keypad_follow_their_modes() {
    let modes = Modes {
        application_keypad: true,
        backarrow: true,
        delete_is_del: true,
        ..Modes::default()
    };
    for (written, plain, asked) in [
        ("backspace", "\x7f", "\x08"),
        ("ctrl-backspace", "\x08", "\x7f"),
        ("alt-backspace", "\x1b\x7f", "\x1b\x08"),
        ("delete", "\x1b[3~", "\x7f"),
        ("ctrl-delete", "\x1b[3;5~", "\x1b[3;5~"),
        ("kp5", "5", "\x1bOu"),
        ("kp0", "0", "\x1bOp"),
        ("kp9", "9", "\x1bOy"),
        ("kp+", "+", "\x1bOk"),
        ("kpenter", "\r", "\x1bOM"),
        ("ctrl-kp5", "5", "\x1bO5u"),
    ] {
        assert_eq!(
            encode(key(written), Modes::default()),
            plain.as_bytes(),
            "{written}"
        );
        assert_eq!(encode(key(written), modes), asked.as_bytes(), "{written}");
    }
}

#[test]
fn a_paste_types_no_control_and_cannot_leave_its_bracket() {
    let plain = Modes::default();
    let bracketed = Modes {
        bracketed_paste: true,
        ..plain
    };
    let text = "a\r\nb\nc\td\u{1b}[201~\u{3}\u{9b}e";
    assert_eq!(encode_paste(text, plain), b"a\rb\rc\td[201~e");
    assert_eq!(
        encode_paste(text, bracketed),
        b"\x1b[200~a\rb\rc\td[201~e\x1b[201~"
    );
}

#[test]
fn the_lines_of_a_paste_are_counted_however_they_end() {
    for (text, lines) in [
        ("", 1),
        ("ls", 1),
        ("ls\r", 1),
        ("ls\r\n", 1),
        ("a\rb", 2),
        ("a\r\nb\n", 2),
        ("a\n\nb", 3),
    ] {
        assert_eq!(pasted_lines(text), lines, "{text:?}");
    }
}
