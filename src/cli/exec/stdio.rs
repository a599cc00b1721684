//! This process's own input and output. Both may block for ever, so each has a thread of its own.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Read, Write};
use std::thread;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::console::Filter;

/// One read of the input, in bytes.
const CHUNK: usize = 16 * 1024;

/// Output that is kept for an answer, in bytes; what comes after is left out.
const MOST_KEPT: usize = 16 << 20;

/// Raw mode of the terminal, while it lives.
pub(super) struct Raw;

impl Raw {
    pub(super) fn enter() -> io::Result<Self> {
        crossterm::terminal::enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Nothing better can be done about it.
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

/// Standard input.
pub(super) struct Input {
    pieces: Receiver<Vec<u8>>,
    held: Vec<u8>,
}

impl Input {
    /// Reads from now on, a piece ahead at most.
    pub(super) fn listen() -> Self {
        let (send, pieces) = channel(1);
        // It ends with the process if not before.
        thread::spawn(move || {
            let mut chunk = [0; CHUNK];
            loop {
                match io::stdin().read(&mut chunk) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Ok(count @ 1..) if send.blocking_send(chunk[..count].to_vec()).is_ok() => {}
                    _ => return,
                }
            }
        });
        let held = Vec::new();
        Self { pieces, held }
    }

    /// What comes next; none at the end. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        if self.held.is_empty() {
            self.pieces.recv().await
        } else {
            Some(std::mem::take(&mut self.held))
        }
    }

    /// What there was no room for.
    pub(super) fn give_back(&mut self, bytes: &[u8]) {
        self.held = bytes.to_vec();
    }
}

/// Where output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Target {
    Output,
    Errors,
}

/// Standard output and error.
pub(in crate::cli) enum Output {
    /// Kept for the answer.
    Kept { kept: [Vec<u8>; 2], fresh: usize },
    /// Written as it comes.
    Passed {
        writer: Option<Writer>,
        waiting: VecDeque<(Target, Vec<u8>)>,
        /// Bytes that are on their way, and pieces.
        under_way: usize,
    },
}

/// The thread that writes.
pub(in crate::cli) struct Writer {
    pieces: Sender<(Target, Vec<u8>)>,
    written: Receiver<io::Result<usize>>,
}

impl Output {
    pub(in crate::cli) fn kept() -> Self {
        Self::Kept {
            kept: [Vec::new(), Vec::new()],
            fresh: 0,
        }
    }

    pub(in crate::cli) fn passed_on() -> Self {
        Self::Passed {
            writer: None,
            waiting: VecDeque::new(),
            under_way: 0,
        }
    }

    /// Whether more can be taken.
    pub(super) fn has_room(&self) -> bool {
        match self {
            Self::Kept { fresh, .. } => *fresh == 0,
            Self::Passed { waiting, .. } => waiting.len() < 64,
        }
    }

    /// Whether all is out of the way.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Kept { .. } => true,
            Self::Passed { under_way, .. } => *under_way == 0,
        }
    }

    /// Takes output.
    pub(super) fn write(&mut self, target: Target, bytes: Vec<u8>) {
        match self {
            Self::Kept { kept, fresh } => {
                *fresh += bytes.len();
                let kept = &mut kept[usize::from(target == Target::Errors)];
                let room = MOST_KEPT.saturating_sub(kept.len());
                kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Self::Passed {
                waiting, under_way, ..
            } => {
                *under_way += bytes.len();
                waiting.push_back((target, bytes));
            }
        }
    }

    /// Resolves when so many bytes are out of the way. Cancel-safe.
    pub(super) async fn written(&mut self) -> io::Result<usize> {
        match self {
            Self::Kept { fresh: 0, .. } | Self::Passed { under_way: 0, .. } => {
                std::future::pending().await
            }
            Self::Kept { fresh, .. } => Ok(std::mem::take(fresh)),
            Self::Passed {
                writer,
                waiting,
                under_way,
            } => {
                let writer = writer.get_or_insert_with(Writer::start);
                loop {
                    tokio::select! {
                        biased;
                        written = writer.written.recv() => {
                            let gone = || Err(io::ErrorKind::BrokenPipe.into());
                            let written = written.unwrap_or_else(gone)?;
                            *under_way -= written;
                            return Ok(written);
                        }
                        Ok(room) = writer.pieces.reserve(), if !waiting.is_empty() => {
                            if let Some(piece) = waiting.pop_front() {
                                room.send(piece);
                            }
                        }
                    }
                }
            }
        }
    }

    /// What was kept, as text.
    pub(in crate::cli) fn into_text(self) -> Option<(String, String)> {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        match self {
            Self::Kept {
                kept: [stdout, stderr],
                ..
            } => Some((text(stdout), text(stderr))),
            Self::Passed { .. } => None,
        }
    }
}

impl Writer {
    fn start() -> Self {
        let (pieces, mut todo) = channel::<(Target, Vec<u8>)>(4);
        let (done, written) = channel(4);
        thread::spawn(move || {
            let (mut stdout, mut stderr) = (io::stdout(), io::stderr());
            let mut filters = [
                stdout.is_terminal().then(Filter::default),
                stderr.is_terminal().then(Filter::default),
            ];
            while let Some((target, bytes)) = todo.blocking_recv() {
                let filter = &mut filters[usize::from(target == Target::Errors)];
                let clean = filter.as_mut().map(|filter| filter.pass(&bytes));
                let text = clean.as_deref().unwrap_or(&bytes);
                let result = match target {
                    Target::Output => stdout.write_all(text).and_then(|()| stdout.flush()),
                    Target::Errors => stderr.write_all(text),
                };
                let failed = result.is_err();
                if done.blocking_send(result.map(|()| bytes.len())).is_err() || failed {
                    return;
                }
            }
        });
        Self { pieces, written }
    }
}
