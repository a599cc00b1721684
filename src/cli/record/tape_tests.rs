use serde_json::Value;

use super::*;
use crate::shim::log::{Log, When};

const BOOT: u64 = 2;

/// A log, and the part of it that is boot 2, which begins with the next byte.
struct Place {
    _dir: tempfile::TempDir,
    paths: VmPaths,
    log: Log,
    part: Part,
    phases: BootPhases,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = crate::vm::Store::locate(Some(dir.path())).unwrap();
        let paths = store.paths(&"web".parse().unwrap());
        std::fs::create_dir_all(paths.console_log.parent().unwrap()).unwrap();
        let mut log = Log::open(&paths).unwrap();
        log.append(b"of the boot before", at(1, 9)).unwrap();
        let part = Part {
            boot: BOOT,
            from: log.end(),
            to: None,
        };
        Self {
            _dir: dir,
            paths,
            log,
            part,
            phases: BootPhases::default(),
        }
    }

    fn say(&mut self, t_us: u64, bytes: &[u8]) {
        self.log.append(bytes, at(2, t_us)).unwrap();
    }

    fn tape(&self) -> Tape<Vec<u8>> {
        let log = Reader::open(&self.paths).unwrap();
        Tape::begin(Vec::new(), &log, self.part, 7, "web, boot 2").unwrap()
    }

    fn catch_up(&self, tape: &mut Tape<Vec<u8>>) {
        tape.catch_up(&self.paths, &self.phases).unwrap();
    }

    fn events(&self) -> Vec<(f64, String, String)> {
        let mut tape = self.tape();
        self.catch_up(&mut tape);
        events(tape)
    }
}

fn at(boot: u32, t_us: u64) -> When {
    When {
        boot,
        t_us,
        missed: false,
    }
}

/// The events without the last one, which gives the terminal back.
fn events(tape: Tape<Vec<u8>>) -> Vec<(f64, String, String)> {
    let cast = tape.end().unwrap();
    let text = String::from_utf8(cast.into_inner()).unwrap();
    let mut events: Vec<_> = text
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (_, kind, last): (f64, String, String) = events.pop().unwrap();
    assert_eq!((&*kind, &last[..4]), ("o", "\x1b[!p"));
    events
}

fn event(seconds: f64, kind: &str, text: &str) -> (f64, String, String) {
    (seconds, kind.to_owned(), text.to_owned())
}

#[test]
fn output_has_the_times_of_the_log_and_other_boots_are_left_out() {
    let mut place = Place::new();
    place.say(5_000, b"one");
    place.say(1_250_000, b"two");
    place.log.append(b"of the next boot", at(3, 1)).unwrap();
    let mut tape = place.tape();
    place.catch_up(&mut tape);
    assert!(tape.is_over());
    assert_eq!(
        events(tape),
        [event(0.005, "o", "one"), event(1.25, "o", "two")]
    );
}

#[test]
fn the_header_tells_the_first_size_and_events_the_later_ones() {
    let mut place = Place::new();
    place.log.note_size(30, 100).unwrap();
    place.say(0, b"a");
    place.log.note_size(40, 120).unwrap();
    place.say(10_000, b"b");
    let tape = place.tape();
    let text = String::from_utf8(tape.end().unwrap().into_inner()).unwrap();
    let header: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&header["width"], &header["height"]),
        (&100.into(), &30.into())
    );
    assert_eq!(
        (&header["version"], &header["timestamp"]),
        (&2.into(), &7.into())
    );
    assert_eq!(
        place.events(),
        [
            event(0.0, "o", "a"),
            event(0.01, "r", "120x40"),
            event(0.01, "o", "b")
        ]
    );
}

#[test]
fn phases_are_markers_between_the_output_before_and_after() {
    let mut place = Place::new();
    place.say(1_000_000, b"kernel");
    place.say(3_000_000, b"shell");
    place.phases.stamp(BootPhase::Init, 2_000_000);
    place.phases.stamp(BootPhase::Ready, 4_000_000);
    assert_eq!(
        place.events(),
        [
            event(1.0, "o", "kernel"),
            event(2.0, "m", "init"),
            event(3.0, "o", "shell"),
            event(4.0, "m", "ready"),
        ]
    );
}

#[test]
fn a_character_in_two_pieces_comes_whole_and_what_asks_stays_out() {
    let mut place = Place::new();
    place.say(0, b"\xe6\xbc");
    place.say(10_000, b"\xa2\x1b[6n\x1b]0;title\x07\xff");
    assert_eq!(place.events(), [event(0.01, "o", "漢\u{fffd}")]);
}

#[test]
fn missing_bytes_are_marked_and_do_not_swallow_what_follows() {
    let mut place = Place::new();
    place.say(0, b"a\x1b]0;half a title");
    let end = place.log.end();
    place.log.skip_to(end + 100);
    place.say(2_000_000, b"b");
    assert_eq!(
        place.events(),
        [
            event(0.0, "o", "a"),
            event(2.0, "m", "100 bytes are missing"),
            event(2.0, "o", "b"),
        ]
    );
}

#[test]
fn what_came_while_nobody_listened_is_marked_once() {
    let mut place = Place::new();
    let missed = |t_us| When {
        missed: true,
        ..at(2, t_us)
    };
    place.log.append(b"a", missed(5_000_000)).unwrap();
    place.log.append(b"b", missed(5_010_000)).unwrap();
    let kinds: Vec<String> = place
        .events()
        .into_iter()
        .map(|(_, kind, _)| kind)
        .collect();
    assert_eq!(kinds, ["m", "o", "o"]);
}

#[test]
fn a_recording_goes_on_with_what_came_since() {
    let mut place = Place::new();
    place.say(0, b"a\x1b[3");
    let mut tape = place.tape();
    place.catch_up(&mut tape);
    place.say(1_000_000, b"1mb");
    place.catch_up(&mut tape);
    place.catch_up(&mut tape);
    assert_eq!(
        events(tape),
        [event(0.0, "o", "a"), event(1.0, "o", "\x1b[31mb")]
    );
}

#[test]
fn a_screen_that_the_guest_left_on_is_left_at_the_end() {
    let mut place = Place::new();
    place.say(0, b"\x1b[?1049hvi");
    let mut tape = place.tape();
    place.catch_up(&mut tape);
    let text = String::from_utf8(tape.end().unwrap().into_inner()).unwrap();
    assert!(text.ends_with("\\u001b[?1049l\"]\n"), "{text}");
}
