use super::*;
use crate::console::keys::encode;
use crate::console::mouse::{Button, MouseKind};
use crate::console::{Keyboard, Modes};

/// What the bytes tell when they come in pieces of that size and nothing follows.
fn told(bytes: &[u8], size: usize) -> Vec<Event> {
    let mut decoder = Decoder::default();
    let mut told = Vec::new();
    for piece in bytes.chunks(size) {
        decoder.take(piece, &mut told);
    }
    decoder.settle(&mut told);
    assert!(!decoder.is_half());
    told
}

fn keys(bytes: &[u8]) -> Vec<String> {
    let told = told(bytes, 64);
    for size in 1..4 {
        // Pieces are those of one thing: what is a key by itself is read at once.
        if bytes.first() == Some(&ESCAPE) && bytes.len() > 2 {
            assert_eq!(self::told(bytes, size), told, "{bytes:?}");
        }
    }
    let name = |event: &Event| match event {
        Event::Key(key) => key.bound().to_string(),
        other => format!("{other:?}"),
    };
    told.iter().map(name).collect()
}

#[test]
fn the_leave_chord_is_known_in_every_form_in_which_terminals_tell_it() {
    for form in [
        &b"\x1d"[..],
        b"\x1b[93;5u",
        b"\x1b[93;5:1u",
        b"\x1b[93:125;5u",
        b"\x1b[27;5;93~",
        b"\x1b[53;5u",
    ] {
        assert_eq!(keys(form), ["ctrl-]"], "{form:?}");
    }
    for form in [&b"\x1b[24~"[..], b"\x1b[24;1~", b"\x1b[24;1:1~"] {
        assert_eq!(keys(form), ["f12"], "{form:?}");
    }
    assert!(keys(b"\x1b[93;5:3u").is_empty(), "it went up");
}

#[test]
fn keys_are_read_in_their_many_forms() {
    for (bytes, name) in [
        (&b"a"[..], "a"),
        ("\u{e9}".as_bytes(), "\u{e9}"),
        (b"\x1b", "esc"),
        (b"\x1bx", "alt-x"),
        (b"\x1b\r", "alt-enter"),
        (b"\0", "ctrl-space"),
        (b"\x1b\0", "ctrl-alt-space"),
        (b"\x08", "ctrl-h"),
        (b"\x7f", "backspace"),
        (b"\x1b[[A", "f1"),
        (b"\x1bOP", "f1"),
        (b"\x1b[11~", "f1"),
        (b"\x1b[1;5R", "ctrl-f3"),
        (b"\x1bOA", "up"),
        (b"\x1b[1;6C", "ctrl-shift-right"),
        (b"\x1b\x1b[A", "alt-up"),
        (b"\x1b[1~", "home"),
        (b"\x1b[Z", "backtab"),
        (b"\x1b[9;2u", "backtab"),
        (b"\x1b[13;2u", "shift-enter"),
        (b"\x1b[27;6;65~", "ctrl-a"),
        (b"\x1b[97;2u", "A"),
        (b"\x1b[57404u", "5"),
        (b"\x1bOu", "5"),
        (b"\x1bOM", "enter"),
    ] {
        assert_eq!(keys(bytes), [name], "{bytes:?}");
    }
    assert_eq!(keys(b"\x1b\x1b"), ["esc", "esc"]);
    assert_eq!(keys(b"ab\x1b[Ac"), ["a", "b", "up", "c"]);
}

#[test]
fn what_is_no_key_types_nothing_and_takes_nothing_of_what_follows() {
    for nothing in [
        &b"\x1b[24;80R"[..],
        b"\x1b[?62;22c",
        b"\x1b[>1;10;0c",
        b"\x1b[99;5v",
        b"\x1b[57358u",
        b"\x1b[97;9u",
        b"\xff",
        b"\xc2\x9b",
    ] {
        let bytes = [nothing, b"z"].concat();
        assert_eq!(keys(&bytes), ["z"], "{nothing:?}");
    }
    let endless = [b"\x1b[".as_slice(), &[b'1'; 500]].concat();
    assert!(keys(&endless).is_empty());
}

#[test]
fn every_key_that_is_sent_is_read_as_the_same_key() {
    let names = "a é ctrl-a ctrl-] ctrl-space alt-x ctrl-alt-c esc enter tab backtab backspace \
        alt-backspace up ctrl-down shift-left home end insert delete ctrl-pageup pagedown f1 f4 \
        shift-f3 f5 ctrl-f12 f13 f20 kp5 kpenter alt-enter";
    for keyboard in [
        Keyboard::Legacy,
        Keyboard::OtherKeys,
        Keyboard::AllOtherKeys,
        Keyboard::Disambiguated,
        Keyboard::AllSequences,
    ] {
        let modes = Modes {
            keyboard,
            application_cursor: true,
            application_keypad: true,
            ..Modes::default()
        };
        for name in names.split_whitespace() {
            let key: Key = name.parse().unwrap();
            let bytes = encode(key, modes);
            assert_eq!(
                keys(&bytes),
                [key.bound().to_string()],
                "{name} {keyboard:?}"
            );
        }
    }
}

#[test]
fn pasted_text_is_one_piece_however_it_was_split_and_what_follows_it_is_typed() {
    let bytes = "\u{1b}[200~one\n\u{1b}[31mtwo \u{e9}\u{1b}[201~x".as_bytes();
    for size in 1..20 {
        let text = "one\n\u{1b}[31mtwo \u{e9}".to_owned();
        let key = Event::Key(Key::plain(KeyCode::Char('x')));
        assert_eq!(told(bytes, size), [Event::Paste(text), key], "{size}");
    }
}

#[test]
fn mouse_and_focus_are_read() {
    for bytes in [&b"\x1b[<64;10;5M"[..], b"\x1b[96;10;5M", b"\x1b[M`*%"] {
        let [Event::Mouse(mouse)] = told(bytes, 2)[..] else {
            panic!("{bytes:?}");
        };
        assert_eq!(mouse.kind, MouseKind::Press(Button::WheelUp));
        assert_eq!((mouse.column, mouse.row), (9, 4));
    }
    assert_eq!(
        told(b"\x1b[I\x1b[O", 64),
        [Event::Focus(true), Event::Focus(false)]
    );
}

#[test]
fn no_bytes_of_a_terminal_are_too_strange() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let words: &[&[u8]] = &[
            b"\x1b",
            b"[",
            b"O",
            b"<",
            b"M",
            b"~",
            b"u",
            b";",
            b":",
            b"27",
            b"200",
            b"9999999999",
            b"\xc3",
            b"a",
        ];
        let bytes: Vec<u8> = (0..random.usize(0..12))
            .flat_map(|_| random.choice(words).unwrap().to_vec())
            .collect();
        told(&bytes, random.usize(1..6));
    }
}

#[test]
fn pasted_text_that_never_ends_is_handed_on_and_holds_no_more_than_its_bound() {
    let mut decoder = Decoder::default();
    let mut told = Vec::new();
    decoder.take(b"\x1b[200~x", &mut told);
    let piece = "\u{20ac}".repeat(1 << 16);
    let pieces = 2 * MOST_PASTED / piece.len();
    for _ in 0..pieces {
        decoder.take(piece.as_bytes(), &mut told);
        let held = decoder.paste.as_ref().map_or(0, Vec::len);
        assert!(held <= MOST_PASTED);
    }
    assert_eq!(told.len(), 1);
    decoder.take(b"\x1b[201~q", &mut told);
    assert_eq!(told.pop(), Some(Event::Key(Key::plain(KeyCode::Char('q')))));
    let texts = told.iter().map(|event| match event {
        Event::Paste(text) => text.as_str(),
        other => panic!("{other:?}"),
    });
    assert_eq!(
        texts.collect::<String>(),
        format!("x{}", piece.repeat(pieces))
    );
    // Bytes that are no text at all are no way around it.
    let mut decoder = Decoder::default();
    decoder.take(b"\x1b[200~x", &mut told);
    decoder.take(&vec![0x80; MOST_PASTED + 9], &mut told);
    assert!(decoder.paste.is_some_and(|held| held.len() < 16));
}
