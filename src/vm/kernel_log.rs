//! What a booting kernel said of itself, and where its time went.

use serde::Serialize;

/// A line that the kernel stamped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelLine {
    /// When it was written, on the kernel's own clock, in µs.
    pub at_us: u64,
    /// When it was read, in µs since *spawned*, if that was noted. Lines that the kernel kept until
    /// its console was there come late.
    pub read_us: Option<u64>,
    /// The line without its stamp, harmless.
    pub text: String,
}

/// A time in which the kernel wrote nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stretch {
    /// When it began, on the kernel's own clock, in µs.
    pub at_us: u64,
    /// How long it was, on that clock, in µs.
    pub took_us: u64,
    /// When its two lines were read, in µs since *spawned*, if that was noted.
    pub read_us: Option<(u64, u64)>,
    /// The line before it.
    pub after: String,
    /// The line that ended it.
    pub until: String,
}

/// What was printed on the serial line from the start of a boot until it was ready.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelLog {
    /// The kernel's stamped lines, as they were written.
    pub lines: Vec<KernelLine>,
    /// How many bytes came in all.
    pub bytes: u64,
    /// Whether its beginning is still kept.
    pub is_whole: bool,
    /// How long the guest said nothing after it had asked the terminal something, in µs, all in all.
    pub probe_us: u64,
    /// Whether the kernel had to unpack itself: a bzImage.
    pub is_compressed: bool,
}

impl KernelLog {
    /// The longest stretches, the longest first: no more than `most`, and none below `least_us`.
    pub fn slowest(&self, most: usize, least_us: u64) -> Vec<Stretch> {
        let mut stretches: Vec<Stretch> = self
            .stretches()
            .filter(|stretch| stretch.took_us >= least_us)
            .collect();
        stretches.sort_by_key(|stretch| std::cmp::Reverse(stretch.took_us));
        stretches.truncate(most);
        stretches
    }

    /// All stretches in their order. A clock that was set back ends none.
    pub fn stretches(&self) -> impl Iterator<Item = Stretch> + '_ {
        let pairs = self.lines.iter().zip(self.lines.iter().skip(1));
        pairs.filter_map(|(before, line)| {
            Some(Stretch {
                at_us: before.at_us,
                took_us: line.at_us.checked_sub(before.at_us)?,
                read_us: before.read_us.zip(line.read_us),
                after: before.text.clone(),
                until: line.text.clone(),
            })
        })
    }
}

/// The time on a line of the kernel's in µs, and the rest of it:
/// `<6>[    1.993422][    T1] Run /init as init process`.
pub fn printk_stamp(line: &str) -> Option<(u64, &str)> {
    let line = match line.strip_prefix('<') {
        Some(rest) => rest.split_once('>')?.1,
        None => line,
    };
    let (stamp, mut rest) = line.strip_prefix('[')?.split_once(']')?;
    let (seconds, fraction) = stamp.trim_start().split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if fraction.len() != 6 || !digits(fraction) || !digits(seconds) {
        return None;
    }
    let seconds: u64 = seconds.parse().ok()?;
    let at_us = seconds.checked_mul(1_000_000)?;
    let at_us = at_us.checked_add(fraction.parse().ok()?)?;
    // Who wrote it, where the kernel was built to tell (CONFIG_PRINTK_CALLER).
    if let Some((caller, after)) = rest.strip_prefix('[').and_then(|it| it.split_once(']'))
        && caller.trim_start().starts_with(['T', 'C'])
    {
        rest = after;
    }
    Some((at_us, rest.strip_prefix(' ').unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_of_all_kinds_are_read_and_other_brackets_are_none() {
        for (line, read) in [
            (
                "[    0.000000] Linux version 6",
                Some((0, "Linux version 6")),
            ),
            ("[    1.993422] Run /init", Some((1_993_422, "Run /init"))),
            ("<6>[   12.000001][    T1] a", Some((12_000_001, "a"))),
            ("[ 1.000000] [drm] b", Some((1_000_000, "[drm] b"))),
            ("[  OK  ] Started", None),
            ("[1.5] c", None),
            ("[99999999999999999999.000000] d", None),
            ("[    0.-00001] e", None),
            ("", None),
        ] {
            assert_eq!(printk_stamp(line), read, "{line}");
        }
    }

    fn log(lines: &[(u64, &str)]) -> KernelLog {
        let line = |&(at_us, text): &(u64, &str)| KernelLine {
            at_us,
            read_us: Some(at_us * 2),
            text: text.to_owned(),
        };
        KernelLog {
            lines: lines.iter().map(line).collect(),
            ..KernelLog::default()
        }
    }

    #[test]
    fn the_slowest_stretches_come_first_and_lie_between_their_lines() {
        let log = log(&[(0, "a"), (500, "b"), (520, "c"), (400, "d"), (4_000, "e")]);
        let slowest = log.slowest(9, 20);
        let seen: Vec<_> = slowest
            .iter()
            .map(|it| (it.at_us, it.took_us, it.after.as_str(), it.until.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                (400, 3_600, "d", "e"),
                (0, 500, "a", "b"),
                (500, 20, "b", "c")
            ]
        );
        assert_eq!(slowest[0].read_us, Some((800, 8_000)));
        assert_eq!(log.slowest(1, 0).len(), 1);
        assert_eq!(KernelLog::default().slowest(9, 0), []);
    }
}
