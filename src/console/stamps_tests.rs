use super::*;
use crate::console::reader::Text;
use crate::console::{Size, Terminal};

#[test]
fn rows_know_when_they_were_written_and_for_how_long_nothing_followed() {
    let mut terminal = Terminal::new(Size::new(3, 20), 100);
    terminal.feed_at(b"one\r\ntw", 1000);
    terminal.feed_at(b"o\r\n", 2000);
    terminal.feed_at(b"three\r\nlogin: ", 4_002_000);
    terminal.feed_at(b"root\r\nfive\r\nsix", 9_002_000);
    let came = |terminal: &Terminal, rows: std::ops::Range<i64>| -> Vec<_> {
        rows.map(|row| terminal.came(row)).collect()
    };
    let expected = [
        (Some(1000), 0),
        (Some(1000), 4_000_000),
        (Some(4_002_000), 0),
        (Some(4_002_000), 5_000_000),
        (Some(9_002_000), 0),
        (Some(9_002_000), 0),
    ];
    assert_eq!(came(&terminal, 0..6), expected);
    // A screen that is drawn anew has new times, the past keeps its own.
    terminal.feed_at(b"\x1b[H", 9_003_000);
    terminal.feed_at(b"top", 9_004_000);
    assert_eq!(came(&terminal, 2..4), [expected[2], (Some(9_004_000), 0)]);
    // Another height moves rows, another width breaks lines anew.
    let text = |terminal: &Terminal, row| {
        let mut text = String::new();
        terminal.row(row, &mut text);
        (text, terminal.came(row).0)
    };
    terminal.feed_at(b"\x1b[3;1H", 9_005_000);
    let before = text(&terminal, 1);
    terminal.resize(Size::new(5, 20));
    let all = terminal.rows();
    assert!(all.into_iter().any(|row| text(&terminal, row) == before));
    terminal.resize(Size::new(5, 4));
    assert_eq!(terminal.came(2), (None, 0));
}

#[test]
fn times_of_rows_take_no_more_room_than_rows() {
    let mut stamps = Stamps::default();
    for row in 0..1000_i64 {
        stamps.came((row, 0), row + 1, row.unsigned_abs() * 2_000_000);
        stamps.forget_before(row - 10);
    }
    assert!(stamps.of(900).0.is_none());
    assert_eq!(stamps.of(999).0, Some(999 * 2_000_000));
    let (rows, silences) = (stamps.times.len(), stamps.silences.len());
    assert!(rows <= 13 && silences <= 13, "{rows} {silences}");
}
