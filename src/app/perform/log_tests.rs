use std::io::Write;

use super::*;
use crate::shim::log::Log;
use crate::vm::Store;

struct Bench {
    _directory: tempfile::TempDir,
    paths: VmPaths,
    tail: Tail,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::locate(Some(directory.path())).unwrap();
        let paths = store.paths(&"web".parse().unwrap());
        std::fs::create_dir_all(&paths.dir).unwrap();
        Self {
            _directory: directory,
            paths,
            tail: Tail::default(),
        }
    }

    fn append(&self, bytes: &str) {
        let mut options = std::fs::File::options();
        let file = options
            .append(true)
            .create(true)
            .open(&self.paths.console_log);
        file.unwrap().write_all(bytes.as_bytes()).unwrap();
    }

    fn aside(&self) -> std::path::PathBuf {
        self.paths.console_log.with_extension("log.1")
    }

    fn put_aside(&self) {
        std::fs::rename(&self.paths.console_log, self.aside()).unwrap();
    }

    fn read(&mut self) -> Vec<LogPart> {
        std::iter::from_fn(|| self.tail.read(&self.paths).unwrap()).collect()
    }

    fn lines(&mut self) -> Vec<Line> {
        self.read()
            .into_iter()
            .flat_map(|part| part.lines)
            .collect()
    }

    fn texts(&mut self) -> Vec<String> {
        self.lines().into_iter().map(|line| line.text).collect()
    }
}

/// As the shim writes it: so many ms after *spawned*.
fn say(log: &mut Log, ms: u64, missed: bool, bytes: &str) {
    let when = When {
        boot: 1,
        t_us: ms * 1000,
        missed,
    };
    log.append(bytes.as_bytes(), when).unwrap();
}

#[test]
fn a_log_is_read_on_where_it_was_left() {
    let mut bench = Bench::new();
    assert!(bench.read().iter().all(|part| part.lines.is_empty()));
    bench.append("one\r\n\x1b[31mtw");
    assert_eq!(bench.texts(), ["one"]);
    assert_eq!(bench.tail.open.text, "tw");
    bench.append("o\x1b[m\nthree\tx\n");
    assert_eq!(bench.texts(), ["two", "three    x"]);
    assert!(bench.read().is_empty());
}

#[test]
fn a_log_that_was_put_aside_is_seen_from_its_older_half_on() {
    let mut bench = Bench::new();
    let mut log = Log::open(&bench.paths).unwrap();
    say(&mut log, 1, false, "one\ntw");
    // More than fits into what is left of the first file.
    let flood = "x".repeat(999) + "\n";
    let most = usize::try_from(FILE_CAP).unwrap();
    say(
        &mut log,
        2,
        false,
        &format!("o\nthree\n{}", flood.repeat(most / 1000 - 1)),
    );
    assert_eq!(bench.texts()[..3], ["one", "two", "three"]);
    say(&mut log, 3, false, "four\nfi");
    say(&mut log, 4, false, &"y".repeat(2000));
    say(&mut log, 5, false, "ve\nsix\n");
    assert!(bench.aside().exists());
    let lines = bench.texts();
    assert_eq!((lines[0].as_str(), lines[2].as_str()), ("four", "six"));
    assert!(lines[1].starts_with("fiyyy"));
}

#[test]
fn a_log_without_an_index_is_seen_across_its_two_halves() {
    let mut bench = Bench::new();
    bench.append("one\ntw");
    bench.put_aside();
    bench.append("o\nthree\n");
    let lines = bench.lines();
    let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["one", "two", "three"]);
    assert!(lines.iter().all(|line| line.when.is_none()));
}

#[test]
fn another_log_in_its_place_is_read_from_its_beginning() {
    let mut bench = Bench::new();
    bench.append("a long first line\nand another\n");
    assert_eq!(bench.lines().len(), 2);
    std::fs::remove_file(&bench.paths.console_log).unwrap();
    bench.append("new\n");
    let parts = bench.read();
    assert!(parts[0].is_first);
    assert_eq!(parts[0].lines[0].text, "new");
}

#[test]
fn of_a_flood_the_end_is_read_and_a_line_without_end_is_cut() {
    let mut bench = Bench::new();
    bench.append("first\n");
    assert_eq!(bench.texts(), ["first"]);
    bench.append(&"x".repeat(3 << 20));
    bench.append("\nend\n");
    bench.append(&"y".repeat(5000));
    let lines = bench.texts();
    assert_eq!(lines[0], "[2102157 bytes came too fast to be shown here]");
    assert_eq!((lines.len(), lines[1].len()), (3, LONGEST));
    assert_eq!(lines[2], "end");
    assert!(bench.tail.open.text.len() <= 4 * LONGEST + SLICE);
}

#[test]
fn a_line_knows_when_it_came_and_how_long_nothing_followed() {
    let mut bench = Bench::new();
    let mut log = Log::open(&bench.paths).unwrap();
    say(&mut log, 10, false, "one\n");
    assert_eq!(bench.lines().len(), 1);
    say(&mut log, 4210, false, "two\nlog");
    say(&mut log, 9000, false, "in: root\n");
    say(&mut log, 60_000, true, "nobody heard\n");
    say(&mut log, 61_000, false, "Kernel panic - not syncing: x\n");
    let parts = bench.read();
    assert_eq!(parts[0].silent_us, 4_200_000);
    let told: Vec<_> = parts[0]
        .lines
        .iter()
        .map(|line| {
            let when = line.when.unwrap();
            (
                line.offset,
                when.t_us / 1000,
                when.missed,
                line.silent_us / 1000,
            )
        })
        .collect();
    let expected = [
        (4, 4210, false, 0),
        (8, 4210, false, 4790),
        (20, 60_000, true, 1000),
        (33, 61_000, false, 0),
    ];
    assert_eq!(told, expected);
    assert_eq!(parts[0].lines[3].notable, Some(Notable::Panic));
}
