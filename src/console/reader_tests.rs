//! The reader over a real terminal: what is found, selected and copied.

use super::*;
use crate::console::{Size, Terminal};

fn terminal(rows: u16, columns: u16, text: &str) -> Terminal {
    let mut terminal = Terminal::new(Size::new(rows, columns), 100);
    terminal.feed(text.replace('\n', "\r\n").as_bytes());
    terminal
}

/// A reader of the live screen, its cursor at the upper left.
fn reader(terminal: &Terminal) -> Reader {
    let top = terminal.rows().end - i64::from(terminal.size().rows());
    let cursor = Place {
        row: top,
        column: 0,
    };
    Reader::new(top, terminal.size().rows(), cursor, terminal.rows().end)
}

fn at(reader: &Reader) -> (i64, usize) {
    (reader.cursor.row, reader.cursor.column)
}

fn walk(reader: &mut Reader, terminal: &Terminal, motions: &[Motion]) -> Vec<(i64, usize)> {
    motions
        .iter()
        .map(|motion| {
            reader.take(terminal, Step::Move(*motion));
            at(reader)
        })
        .collect()
}

fn search(reader: &mut Reader, terminal: &Terminal, pattern: &str) {
    reader.take(terminal, Step::Mark(Some(Pattern::new(pattern).unwrap())));
    find(reader, terminal, false);
}

fn find(reader: &mut Reader, terminal: &Terminal, against: bool) {
    reader.take(terminal, Step::Find { against });
    while matches!(reader.search(), Search::Under { .. }) {
        reader.take(terminal, Step::GoOn);
    }
}

fn copied(reader: &Reader, terminal: &Terminal) -> String {
    reader.copied(terminal, 1 << 20).unwrap()
}

#[test]
fn a_search_goes_forward_back_and_around_the_end_and_tells_when_there_is_nothing() {
    let terminal = terminal(4, 20, "one\ntwo one\nthree\nfour\nfive one\nsix\nseven");
    let mut reader = reader(&terminal);
    assert_eq!(at(&reader), (3, 0));
    search(&mut reader, &terminal, "one");
    assert_eq!((at(&reader), reader.top()), ((4, 5), 3));
    find(&mut reader, &terminal, false);
    assert_eq!((at(&reader), reader.top()), ((0, 0), 0));
    find(&mut reader, &terminal, false);
    assert_eq!(at(&reader), (1, 4));
    find(&mut reader, &terminal, true);
    find(&mut reader, &terminal, true);
    assert_eq!(at(&reader), (4, 5));
    search(&mut reader, &terminal, "nine");
    assert_eq!((reader.search(), at(&reader)), (Search::Missed, (4, 5)));
    // The only match is the one that the cursor is on.
    search(&mut reader, &terminal, "five");
    for against in [false, true] {
        assert_eq!((reader.search(), at(&reader)), (Search::Found, (4, 0)));
        find(&mut reader, &terminal, against);
    }
    assert_eq!((reader.search(), at(&reader)), (Search::Found, (4, 0)));
}

#[test]
fn all_matches_in_view_are_marked_also_those_that_the_terminal_broke() {
    let terminal = terminal(5, 10, "aaaaaaafoo\nxxxxxxxxfoo foo\n漢 foo e\u{301}foo");
    let mut reader = reader(&terminal);
    reader.take(&terminal, Step::Mark(Some(Pattern::new("FOO").unwrap())));
    assert!(reader.marks(&terminal).found.is_empty());
    reader.take(&terminal, Step::Mark(Some(Pattern::new("fo+").unwrap())));
    let found: Vec<_> = reader
        .marks(&terminal)
        .found
        .into_iter()
        .map(|span| (span.row, span.columns))
        .collect();
    let expected = [
        (0, 7..10),
        (1, 8..10),
        (2, 0..1),
        (2, 2..5),
        (3, 3..6),
        (3, 8..10),
        (4, 0..1),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_pattern_is_bounded_in_length_and_in_what_it_grows_to() {
    let told = |text: &str| Pattern::new(text).unwrap_err().to_string();
    assert_eq!(told("(a"), "could not read the pattern: unclosed group");
    assert!(told(&"a".repeat(201)).contains("longer than 200 bytes"));
    assert!(told(r"(\w{200}){200}").contains("grows too large"));
    assert!(Pattern::new(r"panic\S+").unwrap().is_match("PANIC: x"));
    assert!(!Pattern::new("Panic").unwrap().is_match("PANIC"));
    assert!(!Pattern::new("x*").unwrap().is_match("abc"));
}

#[test]
fn rows_of_one_line_are_joined_and_blanks_at_the_end_are_not_copied() {
    let terminal = terminal(
        6,
        10,
        "a long line of text   \n\n  end  \x1b[44m   \x1b[m\nlast",
    );
    let mut reader = reader(&terminal);
    reader.take(&terminal, Step::Select(Kind::Lines));
    assert_eq!(copied(&reader, &terminal), "a long line of text\n");
    walk(&mut reader, &terminal, &[Motion::Bottom]);
    let all = "a long line of text\n\n  end\nlast\n";
    assert_eq!(copied(&reader, &terminal), all);
    // Without a selection it is the line of the cursor; too much is not cut but refused.
    reader.clear();
    assert_eq!(copied(&reader, &terminal), "last\n");
    assert_eq!(reader.copied(&terminal, 3), None);
}

#[test]
fn wide_and_combining_characters_are_selected_whole() {
    let terminal = terminal(3, 5, "a漢e\u{301}b\nab\u{30ab}\u{30bf}漢c");
    let mut reader = reader(&terminal);
    let right = walk(&mut reader, &terminal, &[Motion::Right; 5]);
    assert_eq!(right, [(0, 1), (0, 3), (0, 4), (0, 4), (0, 4)]);
    walk(&mut reader, &terminal, &[Motion::Left, Motion::Left]);
    assert_eq!(at(&reader), (0, 1));
    reader.take(&terminal, Step::Select(Kind::Cells));
    assert_eq!(copied(&reader, &terminal), "漢");
    walk(&mut reader, &terminal, &[Motion::Right]);
    assert_eq!(copied(&reader, &terminal), "漢e\u{301}");
    let spans = reader.marks(&terminal).selected;
    assert_eq!((spans.len(), spans[0].columns.clone()), (1, 1..4));
    // The column that a wide character left free at the end of a row is no text.
    walk(
        &mut reader,
        &terminal,
        &[Motion::Rows(1), Motion::Rows(1), Motion::RowEnd],
    );
    assert!(copied(&reader, &terminal).ends_with("\nabカタ漢c"));
}

#[test]
fn words_are_those_of_vi_also_across_lines() {
    let terminal = terminal(4, 20, "foo.bar = 7\n\n  next line");
    let mut reader = reader(&terminal);
    let forward = walk(&mut reader, &terminal, &[Motion::WordForward; 7]);
    let words = [(0, 3), (0, 4), (0, 8), (0, 10), (2, 2), (2, 7), (2, 7)];
    assert_eq!(forward, words);
    let back = walk(&mut reader, &terminal, &[Motion::WordBack; 3]);
    assert_eq!(back, [(2, 2), (0, 10), (0, 8)]);
    let ends = walk(&mut reader, &terminal, &[Motion::WordEnd; 3]);
    assert_eq!(ends, [(0, 10), (2, 5), (2, 10)]);
}

#[test]
fn the_cursor_returns_to_its_column_and_never_leaves_the_text() {
    let terminal = terminal(4, 20, "first\n\nthe third\nlast");
    let mut reader = reader(&terminal);
    walk(&mut reader, &terminal, &[Motion::RowEnd]);
    let down = walk(&mut reader, &terminal, &[Motion::Rows(1), Motion::Rows(1)]);
    assert_eq!(down, [(1, 0), (2, 4)]);
    let far = walk(
        &mut reader,
        &terminal,
        &[Motion::Rows(900), Motion::Rows(-900)],
    );
    assert_eq!(far, [(3, 3), (0, 4)]);
}

#[test]
fn the_view_and_the_selection_stay_on_their_lines_while_the_guest_writes() {
    let mut terminal = terminal(3, 20, "one\ntwo\nthree\nfour\nfive");
    let mut reader = reader(&terminal);
    reader.take(&terminal, Step::Scroll(-1));
    walk(&mut reader, &terminal, &[Motion::ViewTop]);
    reader.take(&terminal, Step::Select(Kind::Lines));
    assert_eq!(
        (reader.top(), copied(&reader, &terminal)),
        (1, "two\n".to_owned())
    );
    terminal.feed(&b"more\r\n".repeat(50));
    reader.settle(&terminal);
    assert_eq!(
        (reader.top(), copied(&reader, &terminal)),
        (1, "two\n".to_owned())
    );
    assert_eq!(reader.new_rows(&terminal), 50);
    // What is read fell out of the past: the view stays within what there is.
    terminal.feed(&b"more\r\n".repeat(100));
    reader.settle(&terminal);
    assert_eq!(reader.top(), terminal.rows().start);
    assert_eq!(copied(&reader, &terminal), "more\n");
}

#[test]
fn a_drag_selects_from_where_it_began_and_scrolls_beyond_the_edge() {
    let terminal = terminal(3, 20, "one\ntwo\nthree\nfour\nfive");
    let mut reader = reader(&terminal);
    let drag = |to| Step::Drag { from: (1, 2), to };
    reader.take(&terminal, drag((0, 1)));
    assert_eq!(copied(&reader, &terminal), "hree\nfou");
    reader.take(&terminal, drag((-1, 0)));
    assert_eq!(reader.top(), 1);
    reader.take(&terminal, drag((-5, 0)));
    assert_eq!(copied(&reader, &terminal), "one\ntwo\nthree\nfou");
    assert!(reader.clear());
    assert_eq!(reader.selection(), None);
}

#[test]
fn a_long_search_is_cut_into_slices() {
    let mut terminal = Terminal::new(Size::new(24, 80), 10_000);
    terminal.feed(&b"x\r\n".repeat(12_000));
    let mut reader = reader(&terminal);
    reader.take(&terminal, Step::Mark(Some(Pattern::new("y").unwrap())));
    reader.take(&terminal, Step::Find { against: false });
    let mut slices = 1;
    while matches!(reader.search(), Search::Under { .. }) {
        reader.take(&terminal, Step::GoOn);
        slices += 1;
    }
    assert_eq!((reader.search(), slices), (Search::Missed, 21));
}

#[test]
fn a_line_without_end_is_read_in_bounded_pieces() {
    let mut terminal = Terminal::new(Size::new(24, 80), 10_000);
    terminal.feed(&vec![b'x'; 1_000_000]);
    terminal.feed(b"needle");
    let mut reader = reader(&terminal);
    search(&mut reader, &terminal, "needle");
    assert_eq!(reader.search(), Search::Found);
    walk(
        &mut reader,
        &terminal,
        &[Motion::WordBack, Motion::Top, Motion::WordForward],
    );
    reader.take(&terminal, Step::Select(Kind::Lines));
    assert_eq!(reader.copied(&terminal, 75_000), None);
}
