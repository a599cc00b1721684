//! Finds a boot's milestones in the serial output, however it is split.

use regex::Regex;

use crate::console::Stripper;
use crate::vm::BootPhase;

/// Of a line no more than this is looked at; the kernel's own lines are shorter.
const LONGEST_LINE: usize = 1024;

/// The ready pattern sees at most this much of the recent text, in bytes.
const WINDOW: usize = 4096;

/// What says *ready* where neither an agent nor a pattern of the user's does: the last line is a login
/// or a shell's prompt. A line that begins with `[` is the kernel's.
const PROMPT: &str = r"^(?:[^\[\n][^\n]{0,63})?(?:login: ?|[#$] )\z";

/// The same where an init on the root disk may take over from the agent, whose own shell prompts
/// before it says *ready*.
const LOGIN: &str = r"^(?:[^\[\n][^\n]{0,63})?login: ?\z";

/// The pattern that says *ready* where the user gave none, in place of the agent or beside it.
pub(super) fn prompt(has_agent: bool, has_disk: bool) -> Option<&'static str> {
    match (has_agent, has_disk) {
        (false, _) => Some(PROMPT),
        (true, true) => Some(LOGIN),
        (true, false) => None,
    }
}

/// A milestone in the bytes just taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Milestone {
    pub(super) phase: BootPhase,
    /// Where its line begins, as a distance back from the end of the bytes just taken.
    pub(super) back: u64,
}

/// Watches one boot.
#[derive(Debug)]
pub(super) struct Detector {
    /// The line under way, its overlong end cut off.
    line: Vec<u8>,
    /// Bytes since the line began.
    since: u64,
    first_byte: bool,
    kernel: bool,
    init: bool,
    ready: Option<ReadyText>,
}

#[derive(Debug)]
struct ReadyText {
    pattern: Regex,
    stripper: Stripper,
    text: String,
}

impl Detector {
    /// For a boot that is seen from its first byte on.
    pub(super) fn new(ready: Option<Regex>) -> Self {
        Self {
            line: Vec::new(),
            since: 0,
            first_byte: false,
            kernel: false,
            init: false,
            ready: ready.map(|pattern| ReadyText {
                pattern,
                stripper: Stripper::default(),
                text: String::new(),
            }),
        }
    }

    /// For a boot whose beginning nobody saw: only *ready* is still to come, if anything.
    pub(super) fn adopted(ready: Option<Regex>) -> Self {
        Self {
            first_byte: true,
            kernel: true,
            init: true,
            ..Self::new(ready)
        }
    }

    /// The guest is ready: *ready* is not looked for any more, nor what comes before it.
    pub(super) fn settle(&mut self) {
        *self = Self::adopted(None);
    }

    /// Takes bytes and tells the milestones in them, each once.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Milestone> {
        let mut found = Vec::new();
        if bytes.is_empty() {
            return found;
        }
        if !self.first_byte {
            self.first_byte = true;
            found.push(Milestone {
                phase: BootPhase::FirstByte,
                back: bytes.len() as u64,
            });
        }
        if !(self.kernel && self.init) {
            self.scan(bytes, &mut found);
        }
        if self.ready.as_mut().is_some_and(|ready| ready.take(bytes)) {
            self.ready = None;
            found.push(Milestone {
                phase: BootPhase::Ready,
                back: 0,
            });
        }
        found
    }

    fn scan(&mut self, bytes: &[u8], found: &mut Vec<Milestone>) {
        let mut after = bytes.len() as u64;
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let room = LONGEST_LINE.saturating_sub(self.line.len());
            self.line.extend(piece.iter().take(room));
            self.since += piece.len() as u64;
            after -= piece.len() as u64;
            let message = message(&self.line);
            for (phase, seen, is_it) in [
                (BootPhase::Kernel, &mut self.kernel, is_banner(message)),
                (BootPhase::Init, &mut self.init, is_init(message)),
            ] {
                if is_it && !std::mem::replace(seen, true) {
                    found.push(Milestone {
                        phase,
                        back: after + self.since,
                    });
                }
            }
            if piece.ends_with(b"\n") {
                self.line.clear();
                self.since = 0;
            }
        }
    }
}

impl ReadyText {
    fn take(&mut self, bytes: &[u8]) -> bool {
        // In pieces, so that the window also bounds what a single large read adds.
        for piece in bytes.chunks(WINDOW / 2) {
            self.stripper.push(piece, &mut self.text);
            if self.pattern.is_match(&self.text) {
                return true;
            }
            if self.text.len() > WINDOW {
                let mut cut = self.text.len() - WINDOW / 2;
                while !self.text.is_char_boundary(cut) {
                    cut += 1;
                }
                // A cut within a line would make a `^` where there is none.
                if let Some(line) = self.text[..cut].rfind('\n') {
                    cut = line + 1;
                }
                self.text.drain(..cut);
            }
        }
        false
    }
}

/// A kernel's line without its level, its stamp and its caller:
/// `<6>[    0.000000][    T0] Linux version …`.
fn message(line: &[u8]) -> &[u8] {
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        let close = match rest.first() {
            Some(b'[') => b']',
            Some(b'<') => b'>',
            _ => return rest,
        };
        let Some(end) = rest.iter().take(32).position(|&byte| byte == close) else {
            return rest;
        };
        rest = &rest[end + 1..];
    }
}

fn is_banner(message: &[u8]) -> bool {
    message
        .strip_prefix(b"Linux version ")
        .is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit))
}

fn is_init(message: &[u8]) -> bool {
    const TAIL: &[u8] = b" as init process";
    message
        .strip_prefix(b"Run /")
        .is_some_and(|rest| rest.windows(TAIL.len()).any(|window| window == TAIL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::expect::by_line;

    const BOOT: &[u8] = b"\x1b[2J\x1b[HSeaBIOS (version 1.16)\r\nBooting from ROM...\r\n\
        [    0.000000] Linux version 6.1.0-41-cloud-amd64 (gcc) #1 SMP\r\n\
        [    0.000000] Command line: console=ttyS0 Linux version 9\r\n\
        [    1.993422] Run /init as init process\r\n\
        [    1.993500]   with arguments:\r\n/ # ";

    fn offset_of(needle: &str) -> u64 {
        let at = BOOT
            .windows(needle.len())
            .position(|window| window == needle.as_bytes());
        at.unwrap() as u64
    }

    /// Phase and absolute offset of each milestone, with the bytes split at random.
    fn milestones(detector: &mut Detector, random: &mut fastrand::Rng) -> Vec<(BootPhase, u64)> {
        let mut found = Vec::new();
        let mut taken = 0;
        while taken < BOOT.len() {
            let next = (taken + random.usize(1..80)).min(BOOT.len());
            for milestone in detector.take(&BOOT[taken..next]) {
                found.push((milestone.phase, next as u64 - milestone.back));
            }
            taken = next;
        }
        found
    }

    #[test]
    fn milestones_are_found_once_and_in_place_however_the_output_is_split() {
        let expected = [
            (BootPhase::FirstByte, 0),
            (BootPhase::Kernel, offset_of("[    0.000000] Linux")),
            (BootPhase::Init, offset_of("[    1.993422] Run")),
        ];
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..500 {
            let mut detector = Detector::new(None);
            assert_eq!(milestones(&mut detector, &mut random), expected);
            assert!(milestones(&mut detector, &mut random).is_empty());
            assert!(milestones(&mut Detector::adopted(None), &mut random).is_empty());
        }
    }

    #[test]
    fn printk_prefixes_of_all_kinds_are_known_and_other_lines_are_not_taken() {
        let is = |line: &[u8]| (is_banner(message(line)), is_init(message(line)));
        for line in [
            "Linux version 6.1",
            "[    0.000000][    T0] Linux version 6.1",
            "<5>[ 0.0] Linux version 7",
        ] {
            assert_eq!(is(line.as_bytes()), (true, false), "{line}");
        }
        for line in [
            "Run /sbin/init as init process",
            "[ 12.5] Run /init as init process",
        ] {
            assert_eq!(is(line.as_bytes()), (false, true), "{line}");
        }
        for line in [
            "echo Linux version 6",
            "Linux version",
            "Run init as init process",
            "[",
            "",
        ] {
            assert_eq!(is(line.as_bytes()), (false, false), "{line}");
        }
    }

    #[test]
    fn without_an_agent_a_prompt_at_the_end_says_ready_and_nothing_else_does() {
        for (printed, is_prompt) in [
            ("\r\n/ # ", true),
            ("Welcome\r\nroot@web:~# ", true),
            ("\x1b[1;32mann@web\x1b[0m:~$ ", true),
            ("# ", true),
            ("Debian GNU/Linux 12 web ttyS0\r\n\r\nweb login: ", true),
            ("[    1.0] a # ", false),
            ("/ # echo\r\n", false),
            ("costs 5 $", false),
            ("Last login: Monday\r\n", false),
        ] {
            let ready = |pattern: Option<&str>| {
                let mut detector = Detector::new(pattern.map(|it| by_line(it).unwrap()));
                let found = detector.take(printed.as_bytes());
                found.iter().any(|found| found.phase == BootPhase::Ready)
            };
            assert_eq!(ready(prompt(false, false)), is_prompt, "{printed:?}");
            let is_login = printed.ends_with("login: ");
            assert_eq!(ready(prompt(true, true)), is_login, "{printed:?}");
            assert!(!ready(prompt(true, false)));
        }
    }

    #[test]
    fn endless_lines_cost_no_memory() {
        let pattern = by_line("login: $").unwrap();
        let mut detector = Detector::new(Some(pattern));
        for _ in 0..1000 {
            detector.take(&[b'x'; 4096]);
        }
        assert!(detector.line.len() <= LONGEST_LINE);
        assert!(detector.ready.unwrap().text.len() <= 2 * WINDOW);
    }
}
