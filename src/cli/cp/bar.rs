//! How far a transfer is, on one line of stderr, where a person is likely to look.

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::cli::output::inert;
use crate::guest::tree::Progress;

/// A short transfer shows nothing, and none more often than this.
const PAUSE: Duration = Duration::from_millis(200);

/// The line, gone with it.
pub(super) struct Bar {
    name: String,
    begun: Instant,
    shown: Instant,
    visible: bool,
    is_seen: bool,
}

impl Bar {
    pub(super) fn new(name: &OsStr) -> Self {
        let now = Instant::now();
        Self {
            name: inert(&name.to_string_lossy()),
            begun: now,
            shown: now,
            visible: false,
            is_seen: io::stderr().is_terminal(),
        }
    }

    pub(super) fn show(&mut self, progress: Progress) {
        if !self.is_seen || self.shown.elapsed() < PAUSE {
            return;
        }
        self.shown = Instant::now();
        self.visible = true;
        let line = line(&self.name, progress, self.begun.elapsed());
        // Nobody is the worse for a line that is not seen.
        let _ = write!(io::stderr().lock(), "\r{line}\x1b[K");
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.visible {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}

/// Name, share or number of items, amount, and rate.
fn line(name: &str, progress: Progress, elapsed: Duration) -> String {
    let tenths = |bytes: u64| {
        let tenths = bytes.saturating_mul(10) >> 20;
        format!("{}.{} MiB", tenths / 10, tenths % 10)
    };
    let millis = u64::try_from(elapsed.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    let rate = progress.bytes.saturating_mul(1000) / millis;
    let share = match progress.size {
        Some(size) => {
            const WIDTH: usize = 20;
            let twentieths = progress.bytes.saturating_mul(20) / size.max(1);
            let filled = usize::try_from(twentieths).unwrap_or(WIDTH).min(WIDTH);
            let percent = (progress.bytes.saturating_mul(100) / size.max(1)).min(100);
            format!(
                "[{}{}] {percent:3} %",
                "=".repeat(filled),
                " ".repeat(WIDTH - filled)
            )
        }
        None => format!("{} items", progress.items),
    };
    format!(
        "{name}  {share}  {}  {}/s",
        tenths(progress.bytes),
        tenths(rate)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_share_or_items_amount_and_rate() {
        let progress = Progress {
            items: 1,
            bytes: 5 << 20,
            size: Some(10 << 20),
        };
        assert_eq!(
            line("x", progress, Duration::from_secs(2)),
            "x  [==========          ]  50 %  5.0 MiB  2.5 MiB/s"
        );
        let tree = Progress {
            items: 7,
            size: None,
            ..progress
        };
        assert_eq!(
            line("x", tree, Duration::ZERO),
            "x  7 items  5.0 MiB  5000.0 MiB/s"
        );
    }
}
