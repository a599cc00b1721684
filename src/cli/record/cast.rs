//! An asciicast of version 2: a line of JSON for the header, and one for each event.
//!
//! <https://docs.asciinema.org/manual/asciicast/v2/>

use std::io::{self, Write};

use serde_json::json;

use crate::console::{Filter, Size, Terminal};

/// Writes the file from top to bottom.
pub(super) struct Cast<W> {
    out: W,
    filter: Filter,
    /// Knows at the end whether the guest left another screen on.
    terminal: Terminal,
    /// Time of the last event in µs: players want them in order.
    last_us: u64,
    events: u64,
}

impl<W: Write> Cast<W> {
    /// Begins the file. `begun` is the wall clock at its zero, in seconds since 1970.
    pub(super) fn begin(mut out: W, size: Size, begun: i64, title: &str) -> io::Result<Self> {
        let header = json!({
            "version": 2,
            "width": size.columns(),
            "height": size.rows(),
            "timestamp": begun,
            "title": title,
        });
        writeln!(out, "{header}")?;
        Ok(Self {
            out,
            filter: Filter::for_replay(),
            terminal: Terminal::new(size, 0),
            last_us: 0,
            events: 0,
        })
    }

    pub(super) fn size(&self) -> Size {
        self.terminal.size()
    }

    pub(super) fn last_us(&self) -> u64 {
        self.last_us
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// What the guest said: as much of it as draws.
    pub(super) fn output(&mut self, t_us: u64, bytes: &[u8]) -> io::Result<()> {
        let drawn = self.filter.pass(bytes);
        self.terminal.feed(&drawn);
        // The filter passes whole characters on.
        match String::from_utf8_lossy(&drawn) {
            text if text.is_empty() => Ok(()),
            text => self.event(t_us, "o", &text),
        }
    }

    /// The guest's terminal has this size from now on.
    pub(super) fn resize(&mut self, t_us: u64, size: Size) -> io::Result<()> {
        self.terminal.resize(size);
        self.event(t_us, "r", &size.to_string())
    }

    /// A moment to jump to.
    pub(super) fn mark(&mut self, t_us: u64, label: &str) -> io::Result<()> {
        self.event(t_us, "m", label)
    }

    /// Bytes are missing here: what was begun before does not go on after it.
    pub(super) fn tear(&mut self, t_us: u64, label: &str) -> io::Result<()> {
        self.filter = Filter::for_replay();
        self.mark(t_us, label)
    }

    /// The last event gives the player's terminal back as it was: cursor, colours, its own screen.
    pub(super) fn end(&mut self) -> io::Result<()> {
        let leave = if self.terminal.modes().alternate_screen {
            "\x1b[!p\x1b[m\x1b[?1049l"
        } else {
            "\x1b[!p\x1b[m"
        };
        self.event(self.last_us, "o", leave)?;
        self.flush()
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    #[cfg(test)]
    pub(super) fn into_inner(self) -> W {
        self.out
    }

    fn event(&mut self, t_us: u64, kind: &str, text: &str) -> io::Result<()> {
        self.last_us = self.last_us.max(t_us);
        self.events += 1;
        let (seconds, rest) = (self.last_us / 1_000_000, self.last_us % 1_000_000);
        let text = json!(text);
        writeln!(self.out, "[{seconds}.{rest:06}, \"{kind}\", {text}]")
    }
}
