use super::tests::key;
use super::*;
use crate::console::{Keyboard, Modes};

/// A key as a terminal tells it: shift and control of a character both known.
fn raw(written: &str) -> Key {
    let shift = written.contains("shift-");
    let rest = written.replace("shift-", "");
    Key {
        shift,
        ..key(&rest)
    }
}

#[test]
fn keys_that_older_terminals_cannot_tell_apart_are_sent_as_the_guest_asks() {
    // modifyOtherKeys 1 and 2, kitty's flags 1 and 9; empty: as ever.
    for (written, some, all, kitty, sequences) in [
        ("a", "", "", "", "\x1b[97u"),
        ("A", "", "", "", "\x1b[97;2u"),
        ("ctrl-a", "", "\x1b[27;5;97~", "\x1b[97;5u", "\x1b[97;5u"),
        ("ctrl-i", "", "\x1b[27;5;105~", "\x1b[105;5u", "\x1b[105;5u"),
        (
            "ctrl-shift-a",
            "\x1b[27;6;65~",
            "\x1b[27;6;65~",
            "\x1b[97;6u",
            "\x1b[97;6u",
        ),
        (
            "ctrl-1",
            "\x1b[27;5;49~",
            "\x1b[27;5;49~",
            "\x1b[49;5u",
            "\x1b[49;5u",
        ),
        ("ctrl-]", "", "\x1b[27;5;93~", "\x1b[93;5u", "\x1b[93;5u"),
        (
            "ctrl-space",
            "",
            "\x1b[27;5;32~",
            "\x1b[32;5u",
            "\x1b[32;5u",
        ),
        ("alt-x", "", "\x1b[27;3;120~", "\x1b[120;3u", "\x1b[120;3u"),
        ("tab", "", "", "", "\x1b[9u"),
        ("backtab", "", "", "\x1b[9;2u", "\x1b[9;2u"),
        (
            "ctrl-tab",
            "\x1b[27;5;9~",
            "\x1b[27;5;9~",
            "\x1b[9;5u",
            "\x1b[9;5u",
        ),
        ("enter", "", "", "", "\x1b[13u"),
        (
            "shift-enter",
            "\x1b[27;2;13~",
            "\x1b[27;2;13~",
            "\x1b[13;2u",
            "\x1b[13;2u",
        ),
        ("esc", "", "", "\x1b[27u", "\x1b[27u"),
        ("backspace", "", "", "", "\x1b[127u"),
        ("ctrl-up", "", "", "\x1b[1;5A", "\x1b[1;5A"),
        ("f1", "", "", "\x1b[P", "\x1b[P"),
        ("f3", "", "", "\x1b[13~", "\x1b[13~"),
        ("f5", "", "", "", ""),
        ("f13", "", "", "\x1b[57376u", "\x1b[57376u"),
        ("kp5", "", "", "5", "\x1b[57404u"),
        ("kpenter", "", "", "\x1b[57414u", "\x1b[57414u"),
    ] {
        let forms = [
            (Keyboard::OtherKeys, some),
            (Keyboard::AllOtherKeys, all),
            (Keyboard::Disambiguated, kitty),
            (Keyboard::AllSequences, sequences),
        ];
        let plain = encode(raw(written), Modes::default());
        for (keyboard, expected) in forms {
            let modes = Modes {
                keyboard,
                ..Modes::default()
            };
            let expected = if expected.is_empty() {
                plain.clone()
            } else {
                expected.into()
            };
            assert_eq!(
                encode(raw(written), modes),
                expected,
                "{written} {keyboard:?}"
            );
        }
    }
}

/// What the terminfo entry `xterm-256color` (ncurses 6.4) says of keys, its names of keys apart.
#[test]
fn keys_are_those_of_the_terminfo_entry_of_xterm() {
    let modes = Modes {
        application_cursor: true,
        application_keypad: true,
        ..Modes::default()
    };
    let cap = |bytes: &str| bytes.replace("\\E", "\x1b").into_bytes();
    for (written, entry) in [
        ("up", "\\EOA"),
        ("down", "\\EOB"),
        ("right", "\\EOC"),
        ("left", "\\EOD"),
        ("home", "\\EOH"),
        ("end", "\\EOF"),
        ("insert", "\\E[2~"),
        ("delete", "\\E[3~"),
        ("pageup", "\\E[5~"),
        ("pagedown", "\\E[6~"),
        ("backtab", "\\E[Z"),
        ("kpenter", "\\EOM"),
        ("kp7", "\\EOw"),
        ("kp9", "\\EOy"),
        ("kp5", "\\EOu"),
        ("kp1", "\\EOq"),
        ("kp3", "\\EOs"),
        ("kp8", "\\EOx"),
        ("kp4", "\\EOt"),
        ("kp6", "\\EOv"),
        ("kp2", "\\EOr"),
        ("kp0", "\\EOp"),
        ("kp+", "\\EOk"),
        ("kp,", "\\EOl"),
        ("kp/", "\\EOo"),
        ("kp.", "\\EOn"),
        ("kp*", "\\EOj"),
        ("kp-", "\\EOm"),
        ("backspace", "\x7f"),
    ] {
        assert_eq!(encode(key(written), modes), cap(entry), "{written}");
    }
    // kf1 to kf12, which kf13 to kf63 repeat with modifiers; kUP3 and the like.
    let functions = [
        "P", "Q", "R", "S", "15", "17", "18", "19", "20", "21", "23", "24",
    ];
    for (marks, number) in [
        ("shift-", 2),
        ("alt-", 3),
        ("alt-shift-", 4),
        ("ctrl-", 5),
        ("ctrl-shift-", 6),
        ("ctrl-alt-", 7),
    ] {
        for (at, function) in (1..).zip(functions) {
            let entry = match function.parse::<u8>() {
                Ok(_) => format!("\\E[{function};{number}~"),
                Err(_) => format!("\\E[1;{number}{function}"),
            };
            let written = format!("{marks}f{at}");
            assert_eq!(encode(key(&written), modes), cap(&entry), "{written}");
        }
        for (name, end) in [
            ("up", "A"),
            ("down", "B"),
            ("right", "C"),
            ("left", "D"),
            ("end", "F"),
            ("home", "H"),
        ] {
            let entry = format!("\\E[1;{number}{end}");
            assert_eq!(
                encode(key(&format!("{marks}{name}")), modes),
                cap(&entry),
                "{marks}{name}"
            );
        }
        for (name, code) in [("insert", 2), ("delete", 3), ("pageup", 5), ("pagedown", 6)] {
            let entry = format!("\\E[{code};{number}~");
            assert_eq!(
                encode(key(&format!("{marks}{name}")), modes),
                cap(&entry),
                "{marks}{name}"
            );
        }
    }
}
