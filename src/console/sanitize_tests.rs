use super::*;

fn strip(chunks: &[&[u8]]) -> String {
    let mut stripper = Stripper::default();
    let mut text = String::new();
    for chunk in chunks {
        stripper.push(chunk, &mut text);
    }
    text
}

#[test]
fn what_a_guest_may_send_becomes_plain_text() {
    for (bytes, text) in [
        (&b"plain\r\nlines\n"[..], "plain\nlines\n"),
        (b"10%\r20%\r\r\n", "10%20%\n"),
        (b"\x1b[1;31mred\x1b[m\tand\x1b[2K tab", "red\tand tab"),
        (b"\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b", "ab"),
        (
            b"\x1bP+q544e\x1b\\a\x1bXsos\x1b\\b\x1b^pm\x1b\\c\x1b_apc\x1b\\d",
            "abcd",
        ),
        (b"\x1b(0\x1b)Ba\x0e\x0f\x1b7\x1b8\x1b=\x1bMb", "ab"),
        (b"bell\x07nul\x00del\x7fff\x0c", "bellnuldelff"),
        // C1 as a byte and as UTF-8.
        (b"a\x9b\x85b\xc2\x9b\xc2\x85c", "abc"),
        (
            b"\xff\xfe bad \xe2\x82 cut",
            "\u{fffd}\u{fffd} bad \u{fffd} cut",
        ),
        (
            "a\u{202e}b\u{2066}c\u{200b}d\u{feff}e\u{200d}f\u{2028}g\u{e0041}".as_bytes(),
            "abcdefg",
        ),
        ("é€😀漢e\u{301}".as_bytes(), "é€😀漢e\u{301}"),
        (b"an \x1b[unfinished", "an nfinished"),
        (b"an \x1b[31;unfinished", "an nfinished"),
        (b"open \x1b]2;title without end", "open "),
        (
            b"cancelled \x1b]2;ti\x18tle \x1b[3\x1a1m",
            "cancelled tle 1m",
        ),
    ] {
        assert_eq!(strip(&[bytes]), text);
    }
}

#[test]
fn text_is_the_same_wherever_the_stream_is_split() {
    let bytes = "\u{1b}[1mé\u{1b}]0;t\u{1b}\\😀\r\n\u{1b}P1$r\u{1b}\\漢\u{9b}x\u{202e}y".as_bytes();
    let mut torn = bytes.to_vec();
    torn.extend(b"\xe2\x82A\xf0\x9f\x1b[mB\xc3");
    let whole = strip(&[&torn]);
    for at in 0..=torn.len() {
        let (one, other) = torn.split_at(at);
        assert_eq!(strip(&[one, other]), whole, "split at {at}");
    }
    let single: Vec<&[u8]> = torn.chunks(1).collect();
    assert_eq!(strip(&single), whole);
}

#[test]
fn no_control_ever_comes_out_of_noise() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut stripper = Stripper::default();
    for _ in 0..200 {
        let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(500).collect();
        let mut text = String::new();
        stripper.push(&noise, &mut text);
        assert!(
            text.chars()
                .all(|c| c == '\n' || c == '\t' || is_harmless(c))
        );
    }
}

#[test]
fn a_line_is_cut_to_its_length_and_says_so() {
    assert_eq!(sanitize_line("short", 5), "short");
    assert_eq!(sanitize_line("longer", 5), "long…");
    assert_eq!(sanitize_line("äöüß€x", 5), "äöüß…");
    assert_eq!(
        sanitize_line("two\nlines\tand \u{1b}[31mred\u{1b}[m", 80),
        "two lines and red"
    );
    assert_eq!(sanitize_line("x", 0), "");
    assert_eq!(sanitize_line("xy", 1), "…");
    assert_eq!(sanitize_line("\u{202e}\u{7}", 9), "");
}
