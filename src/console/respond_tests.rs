use super::*;
use crate::console::{Size, Terminal};

fn replies(chunks: &[&[u8]]) -> String {
    let mut terminal = Terminal::new(Size::DEFAULT, 0);
    let all: Vec<u8> = chunks
        .iter()
        .flat_map(|chunk| terminal.feed_answering(chunk))
        .collect();
    String::from_utf8(all).unwrap()
}

#[test]
fn every_query_gets_its_reply() {
    for (query, reply) in [
        (&b"\x1b[5n"[..], "\x1b[0n"),
        (b"\x1b[6n", "\x1b[1;1R"),
        (b"abc\r\nde\x1b[6n", "\x1b[2;3R"),
        (b"abc\x1b[?6n", "\x1b[?1;4R"),
        (b"\x1b[c", "\x1b[?62;22c"),
        (b"\x1b[0c", "\x1b[?62;22c"),
        (b"\x1bZ", "\x1b[?62;22c"),
        (b"\x1b[>c", "\x1b[>1;10;0c"),
        (b"\x1b[=c", "\x1bP!|00000000\x1b\\"),
        (
            b"\x1b[>q",
            concat!("\x1bP>|smolvm-tui(", env!("CARGO_PKG_VERSION"), ")\x1b\\"),
        ),
        (b"\x1bP$qm\x1b\\", "\x1bP0$r\x1b\\"),
        (b"\x1bP$q\"p\x1b\\", "\x1bP0$r\x1b\\"),
        // In origin mode rows count from the margin.
        (b"\x1b[5;9r\x1b[?6h\x1b[2;3H\x1b[6n", "\x1b[2;3R"),
        (b"\x1b[18t", "\x1b[8;24;80t"),
        (b"\x1b[19t", "\x1b[9;24;80t"),
        // No printer, user keys unlocked, a North American keyboard, no locator.
        (b"\x1b[?15n", "\x1b[?13n"),
        (b"\x1b[?25n", "\x1b[?21n"),
        (b"\x1b[?26n", "\x1b[?27;1n"),
        (b"\x1b[?53n", "\x1b[?53n"),
        (b"\x1b[?55n", "\x1b[?53n"),
        (b"\x1b[?7$p", "\x1b[?7;1$y"),
        (b"\x1b[?2004h\x1b[?2004$p", "\x1b[?2004;1$y"),
        (b"\x1b[?2004$p", "\x1b[?2004;2$y"),
        (b"\x1b[?2026$p", "\x1b[?2026;0$y"),
        (b"\x1b[4h\x1b[4$p", "\x1b[4;1$y"),
        (
            b"\x1bP+q544e\x1b\\",
            "\x1bP1+r544e=787465726d2d323536636f6c6f72\x1b\\",
        ),
        (
            b"\x1bP+q544E\x1b\\",
            "\x1bP1+r544e=787465726d2d323536636f6c6f72\x1b\\",
        ),
        (
            b"\x1bP+q436f;524742\x1b\\",
            "\x1bP1+r436f=323536\x1b\\\x1bP1+r524742=38\x1b\\",
        ),
        (b"\x1bP+q6b31\x1b\\", "\x1bP0+r\x1b\\"),
    ] {
        assert_eq!(replies(&[query]), reply, "{}", query.escape_ascii());
        let single: Vec<&[u8]> = query.chunks(1).collect();
        assert_eq!(
            replies(&single),
            reply,
            "{} byte by byte",
            query.escape_ascii()
        );
    }
}

#[test]
fn what_could_be_made_to_type_gets_no_reply() {
    for query in [
        &b"plain text\r\n"[..],
        b"\x05",
        b"\x1b]2;evil\x07\x1b[21t",
        b"\x1b]2;evil\x07\x1b[20t",
        b"\x1b[22t\x1b[23t",
        b"\x1b[14t",
        b"\x1b[?u",
        b"\x1b[?62n",
        b"\x1b[16t",
        b"\x1b[x",
        b"\x1b]52;c;?\x07",
        b"\x1b]10;?\x07\x1b]11;?\x07",
        b"\x1b]4;1;?\x07",
        b"\x1b]50;?\x07",
        b"\x1b[?4m",
        b"\x1b[6;1;1;1!n",
    ] {
        assert_eq!(replies(&[query]), "", "{}", query.escape_ascii());
    }
}

/// As `get_default_terminal_size` does it, and as busybox's `resize`.
#[test]
fn the_size_probes_of_systemd_and_busybox_learn_the_size() {
    let systemd = b"\x1b7\x1b[32766;32766H\x1b[6n\x1b8";
    assert_eq!(replies(&[b"boot log\r\n", systemd]), "\x1b[24;80R");
    let busybox = b"\x1b7\x1b[r\x1b[999;999H\x1b[6n";
    assert_eq!(replies(&[busybox]), "\x1b[24;80R");
    let mut terminal = Terminal::new(Size::new(50, 132), 0);
    assert_eq!(terminal.feed_answering(systemd), b"\x1b[50;132R");
    terminal.resize(Size::new(10, 20));
    assert_eq!(terminal.feed_answering(systemd), b"\x1b[10;20R");
}

#[test]
fn replies_come_in_the_order_and_at_the_place_of_the_queries() {
    assert_eq!(
        replies(&[b"a\x1b[6nb\x1b[5n\x1b[6n\x1b[2J\x1b[H\x1b[6n"]),
        "\x1b[1;2R\x1b[0n\x1b[1;3R\x1b[1;1R"
    );
}

#[test]
fn a_flood_of_queries_is_answered_within_bounds() {
    let flood = b"\x1bP+q544e;544e;544e;544e;544e;544e;544e;544e\x1b\\".repeat(1000);
    let bytes = replies(&[&flood]);
    assert!(bytes.len() <= MOST_BYTES, "{} bytes", bytes.len());
    assert!(bytes.ends_with("\x1b\\"));
    let flood = b"\x1b[5n".repeat(1000);
    assert_eq!(replies(&[&flood]), "\x1b[0n".repeat(MOST_REPLIES));
    let names = [b"\x1bP+q", b"544e;".repeat(10_000).as_slice(), b"\x1b\\"].concat();
    assert_eq!(replies(&[&names]), "", "a request beyond all measure");
}
