//! Real programs on the console: their recorded bytes give the screens that tmux drew of them.
//!
//! `scripts/record-console` makes the recordings.

use std::fs;
use std::path::Path;

use smolvm_tui::console::{Screen, Size, Terminal};

fn text(terminal: &Terminal) -> String {
    let mut screen = Screen::default();
    terminal.view(0, &mut screen);
    screen.text()
}

#[test]
fn real_programs_look_as_they_do_in_tmux_wherever_their_output_is_split() {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let mut random = fastrand::Rng::with_seed(4);
    let mut seen = 0;
    for entry in fs::read_dir(recordings).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_none_or(|extension| extension != "bytes")
        {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let expected = fs::read_to_string(path.with_extension("txt")).unwrap();
        let mut whole = Terminal::new(Size::DEFAULT, 0);
        whole.feed(&bytes);
        assert_eq!(text(&whole), expected, "{}", path.display());
        for _ in 0..5 {
            let mut pieces = Terminal::new(Size::DEFAULT, 0);
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(random.usize(1..=rest.len().min(64)));
                pieces.feed(piece);
                rest = after;
            }
            assert_eq!(text(&pieces), expected, "{} in pieces", path.display());
        }
        seen += 1;
    }
    assert!(seen >= 7, "only {seen} recordings");
}
