//! The lines of the log with the times of their first bytes.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::cli::args::Clock;
use crate::cli::serial::each_chunk;
use crate::console::Stripper;
use crate::fault::Failure;
use crate::shim::log::{When, missing_mark};
use crate::vm::{BootRecord, VmPaths};

/// A line without its end, made harmless.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// When its first byte came; boot 0 where that was not noted.
    pub(super) when: When,
    pub(super) text: String,
}

/// The kept lines from one offset to another, or to the end.
pub(super) fn lines(paths: &VmPaths, from: u64, to: Option<u64>) -> Result<Vec<Line>, Failure> {
    let (mut lines, mut open): (Vec<Line>, Option<Line>) = (Vec::new(), None);
    let mut stripper = Stripper::default();
    each_chunk(paths, from, to, |missing, chunk| {
        let when = chunk.when;
        if missing > 0 {
            lines.extend(open.take());
            let text = missing_mark(missing).trim().to_owned();
            lines.push(Line { when, text });
        }
        let mut text = String::new();
        stripper.push(&chunk.bytes, &mut text);
        for piece in text.split_inclusive('\n') {
            let line = open.get_or_insert_with(|| Line {
                when,
                text: String::new(),
            });
            line.text.push_str(piece.trim_end_matches('\n'));
            if piece.ends_with('\n') {
                lines.extend(open.take());
            }
        }
    })?;
    lines.extend(open);
    Ok(lines)
}

/// When it was by the wall clock of the host, as far as its boot is known.
fn wall(when: When, boots: &[BootRecord]) -> Option<Timestamp> {
    let boot = boots.iter().find(|boot| boot.id == u64::from(when.boot))?;
    let offset = SignedDuration::from_micros(i64::try_from(when.t_us).ok()?);
    boot.at.checked_add(offset).ok()
}

fn wall_text(when: When, boots: &[BootRecord]) -> Option<String> {
    let at = wall(when, boots)?;
    Some(at.strftime("%Y-%m-%d %H:%M:%S%.3fZ").to_string())
}

/// The lines, each behind its time, and a line of our own where another boot begins. `~` stands
/// before a time by which the line had come while nobody listened.
pub(super) fn text(lines: &[Line], boots: &[BootRecord], clock: Clock) -> String {
    let mut text = String::new();
    let mut boot = lines.first().map_or(0, |line| line.when.boot);
    for line in lines {
        let when = line.when;
        if when.boot != boot {
            boot = when.boot;
            push(&mut text, format_args!("-- boot {boot} --\n"));
        }
        let (time, width) = match clock {
            Clock::Boot => (seconds(when), 12),
            Clock::Wall => (wall_text(when, boots), 25),
        };
        let mut time = time.unwrap_or_default();
        if when.missed {
            time.insert(0, '~');
        }
        push(&mut text, format_args!("{time:>width$}  {}\n", line.text));
    }
    text
}

/// The same for JSON: `t_us` counts from *spawned* of `boot`.
pub(super) fn data(lines: &[Line], boots: &[BootRecord]) -> Value {
    let line = |line: &Line| {
        json!({
            "boot": line.when.boot,
            "t_us": line.when.t_us,
            "at": wall(line.when, boots),
            "missed": line.when.missed,
            "text": line.text,
        })
    };
    lines.iter().map(line).collect()
}

fn seconds(when: When) -> Option<String> {
    let (whole, rest) = (when.t_us / 1_000_000, when.t_us % 1_000_000 / 1000);
    (when.boot != 0).then(|| format!("{whole}.{rest:03}"))
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = text.write_fmt(line);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shim::log::Log;
    use crate::vm::Store;

    fn at(boot: u32, t_us: u64) -> When {
        When {
            boot,
            t_us,
            missed: false,
        }
    }

    fn said(pieces: &[(When, &str)], hole: u64) -> Vec<Line> {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::locate(Some(dir.path())).unwrap();
        let paths = store.paths(&"web".parse().unwrap());
        std::fs::create_dir_all(&paths.dir).unwrap();
        let mut log = Log::open(&paths).unwrap();
        for (number, (when, text)) in pieces.iter().enumerate() {
            if number + 1 == pieces.len() {
                log.skip_to(log.end() + hole);
            }
            log.append(text.as_bytes(), *when).unwrap();
        }
        lines(&paths, 0, None).unwrap()
    }

    #[test]
    fn a_line_has_the_time_of_its_first_byte_and_the_boot_it_is_of() {
        let pieces = [
            (at(1, 1_500_000), "one\r\ntw"),
            (at(1, 2_000_000), "\x1b[31mo\r\n"),
            (at(2, 9_000), "again\r\n$ "),
        ];
        let mut boots = [BootRecord::sample(1), BootRecord::sample(2)];
        boots[0].at = "2026-01-02T03:04:05Z".parse().unwrap();
        boots[1].at = "2026-01-02T03:05:00Z".parse().unwrap();
        let lines = said(&pieces, 0);
        assert_eq!(
            text(&lines, &boots, Clock::Boot),
            "       1.500  one\n       1.500  two\n-- boot 2 --\n       0.009  again\n       0.009  $ \n"
        );
        let wall = text(&lines, &boots, Clock::Wall);
        assert!(
            wall.starts_with(" 2026-01-02 03:04:06.500Z  one\n"),
            "{wall}"
        );
        let data = data(&lines, &boots);
        assert_eq!(data[2]["at"], "2026-01-02T03:05:00.009Z");
        assert_eq!(data[2]["t_us"], 9_000);
        // A boot that nobody remembers has no wall clock.
        let forgotten = text(&lines[..1], &[], Clock::Wall);
        assert_eq!(forgotten.trim(), "one");
    }

    #[test]
    fn missing_bytes_and_what_nobody_heard_in_time_are_told() {
        let missed = When {
            missed: true,
            ..at(1, 3_000_000)
        };
        let lines = said(&[(at(1, 0), "half"), (missed, "rest\n")], 100);
        assert_eq!(
            text(&lines, &[], Clock::Boot),
            "       0.000  half\n      ~3.000  [100 bytes of output are missing here]\n      ~3.000  rest\n"
        );
    }
}
