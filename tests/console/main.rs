//! Real programs on the console: their recorded bytes give the screens that xterm.js made of them,
//! cell by cell.
//!
//! `scripts/record-console` makes the recordings: NAME.gz is what a program wrote, NAME.screens the
//! screens after so many bytes of it, told as [`Shown`] tells ours.

#![cfg(test)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use shown::Shown;
use smolvm_tui::console::{Size, Terminal};

mod fuzz;
mod recordings;
mod shown;

/// A program's output, and how many bytes of it give which screen.
struct Recording {
    name: String,
    bytes: Vec<u8>,
    screens: Vec<(usize, Shown)>,
}

fn recordings() -> Vec<Recording> {
    let recordings = recordings::files("recordings", "gz");
    let read = |path: &PathBuf| Recording {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        bytes: recordings::unpack(path),
        screens: screens(&fs::read_to_string(path.with_extension("screens")).unwrap()),
    };
    recordings.iter().map(read).collect()
}

/// Characters that xterm keeps in a cell and we do not: joined, and with its form chosen, an emoji is as
/// wide as the terminal below thinks, which may be another width than the guest reckoned with.
const NEVER_IN_A_CELL: [char; 2] = ['\u{200d}', '\u{fe0f}'];

/// Reads the screens: each names the rows that are not as in the one before.
fn screens(told: &str) -> Vec<(usize, Shown)> {
    let mut screens: Vec<(usize, Shown)> = Vec::new();
    let mut rows = vec![String::new(); 24];
    let mut row = 0;
    for line in told.lines() {
        if let Some(head) = line.strip_prefix('@') {
            let (offset, cursor) = head.split_once(' ').unwrap();
            let cursor = cursor.to_owned();
            let rows = rows.clone();
            screens.push((offset.parse().unwrap(), Shown { cursor, rows }));
            continue;
        }
        let line = line.replace(NEVER_IN_A_CELL, "");
        if line.starts_with("  ") {
            write!(rows[row], "\n{line}").unwrap();
        } else {
            let (number, text) = line.split_once('|').unwrap();
            row = number.parse().unwrap();
            text.clone_into(&mut rows[row]);
        }
        let last = screens.last_mut().unwrap();
        last.1.rows[row].clone_from(&rows[row]);
    }
    screens
}

#[test]
fn real_programs_look_as_they_do_in_xterm() {
    let mut differences = Vec::new();
    for recording in recordings() {
        let mut terminal = Terminal::new(Size::DEFAULT, 0);
        let mut fed = 0;
        for (offset, expected) in &recording.screens {
            terminal.feed(&recording.bytes[fed..*offset]);
            fed = *offset;
            let told = format!("{} after {offset} bytes", recording.name);
            differences.extend(Shown::of(&terminal).differences(expected, &told));
        }
    }
    assert!(differences.is_empty(), "{}", differences.concat());
}

#[test]
fn a_program_looks_the_same_wherever_its_output_is_split() {
    let mut random = fastrand::Rng::with_seed(4);
    for recording in recordings() {
        let expected = &recording.screens.last().unwrap().1;
        for longest in [1, 3, 16, 64, 1000] {
            let mut terminal = Terminal::new(Size::DEFAULT, 0);
            let mut rest = recording.bytes.as_slice();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(random.usize(1..=rest.len().min(longest)));
                terminal.feed(piece);
                rest = after;
            }
            let told = format!("{} in pieces of up to {longest}", recording.name);
            let differences = Shown::of(&terminal).differences(expected, &told);
            assert!(differences.is_empty(), "{}", differences.concat());
        }
    }
}

/// What was recorded is what serial guests run, under each name of a terminal that fits it.
#[test]
fn the_recordings_are_whole() {
    let mut terms: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for recording in recordings() {
        let (program, term) = ["-vt220", "-linux", "-vt100", "-xterm-256color"]
            .iter()
            .find_map(|term| Some((recording.name.strip_suffix(term)?, &term[1..])))
            .unwrap_or((&recording.name, ""));
        terms
            .entry(program.to_owned())
            .or_default()
            .push(term.to_owned());
    }
    let told: Vec<String> = terms
        .iter()
        .map(|(program, terms)| format!("{program}: {}", terms.join(" ")))
        .collect();
    assert_eq!(
        told,
        [
            "bash: linux vt100 vt220 xterm-256color",
            "boot-panic: ",
            "boot-systemd: ",
            "btop: xterm-256color",
            "btop-tty: linux",
            "busybox-vi: vt220 xterm-256color",
            "curses: linux vt100 vt220 xterm-256color",
            "dialog: linux vt100 vt220 xterm-256color",
            "htop: linux vt100 vt220 xterm-256color",
            "less: linux vt100 vt220 xterm-256color",
            "mc: linux vt220 xterm-256color",
            "tmux: linux vt100 vt220 xterm-256color",
            "top: linux vt100 vt220 xterm-256color",
            "vim: linux vt100 vt220 xterm-256color",
        ]
    );
}

/// Streams that once took an engine down, and those that are most likely to.
#[test]
fn no_stream_of_the_corpus_harms_the_console() {
    let corpus = recordings::files("corpus", "bin");
    assert!(corpus.len() >= 20, "{}", corpus.len());
    for path in corpus {
        let bytes = fs::read(&path).unwrap();
        for repeated in [1, 2, 300] {
            if let Err(fault) = fuzz::run(&bytes.repeat(repeated)) {
                panic!("{} times {}: {fault}", repeated, path.display());
            }
        }
    }
}

/// `cargo run --release --example fuzz` goes on for as long as one likes.
#[test]
fn no_stream_harms_the_console() {
    let seeds = recordings().into_iter().map(|recording| recording.bytes);
    let mut mutator = fuzz::Mutator::new(1, seeds.collect());
    for _ in 0..1500 {
        let stream = mutator.stream();
        if let Err(fault) = fuzz::run(&stream) {
            panic!("{fault}: {}", stream.escape_ascii());
        }
    }
}
