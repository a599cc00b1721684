//! What is typed, pasted and pointed at in the terminal, read on a thread of its own.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc;

use super::message::Message;
use crate::console::keys::{Decoder, Event};

/// Events that may wait for the loop; what is more waits in the terminal.
const WAITING: usize = 256;

/// One read of the terminal, in bytes.
const PIECE: usize = 4096;

/// How long the rest of a sequence may take, in ms: ESC is a key, and begins others.
const HALF: u16 = 25;

/// How long the reading thread may take to notice that it is to end.
const FAREWELL: Duration = Duration::from_millis(100);

/// Reads the terminal on a thread of its own until this is dropped or the terminal is gone.
///
/// When this has been dropped nothing is read any more: what is typed then is the shell's.
pub(crate) struct Input {
    events: mpsc::Receiver<io::Result<Event>>,
    /// Dropped first of all, which ends the thread.
    stop: Option<PipeWriter>,
    /// Hangs up when the thread has ended.
    ended: std::sync::mpsc::Receiver<()>,
}

impl Input {
    pub(crate) fn listen() -> io::Result<Self> {
        let (sender, events) = mpsc::channel(WAITING);
        let (stopped, stop) = io::pipe()?;
        let (end, ended) = std::sync::mpsc::sync_channel(1);
        thread::Builder::new()
            .name("terminal-input".to_owned())
            .spawn(move || {
                let _end: std::sync::mpsc::SyncSender<()> = end;
                let mut decoder = Decoder::default();
                loop {
                    match next_events(&sender, &stopped, &mut decoder) {
                        Ok(true) => {}
                        Ok(false) => return,
                        Err(error) => {
                            // When the loop is gone as well, nobody wants to know.
                            let _ = sender.blocking_send(Err(error));
                            return;
                        }
                    }
                }
            })?;
        Ok(Self {
            events,
            stop: Some(stop),
            ended,
        })
    }

    /// The next event; `None` when there will be no more. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<io::Result<Event>> {
        self.events.recv().await
    }

    /// An event that waits already.
    pub(super) fn waiting(&mut self) -> Option<io::Result<Event>> {
        self.events.try_recv().ok()
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.events.close();
        self.stop = None;
        // In the middle of an escape sequence it may wait for the rest: it is not waited for then.
        let _ = self.ended.recv_timeout(FAREWELL);
    }
}

/// Waits for input and hands it on; `false` when that is no longer wanted.
fn next_events(
    events: &mpsc::Sender<io::Result<Event>>,
    stopped: &PipeReader,
    decoder: &mut Decoder,
) -> io::Result<bool> {
    let stdin = io::stdin();
    let mut waited = [
        PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
        PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
    ];
    let patience = if decoder.is_half() {
        PollTimeout::from(HALF)
    } else {
        PollTimeout::NONE
    };
    let mut told = Vec::new();
    match poll(&mut waited, patience) {
        Ok(0) => decoder.settle(&mut told),
        Ok(_) => {
            let [stop, terminal] = waited.map(|fd| fd.revents().unwrap_or(PollFlags::empty()));
            if !stop.is_empty() {
                return Ok(false);
            }
            // A terminal that hung up has its last words read first.
            let mut bytes = [0; PIECE];
            match nix::unistd::read(stdin.as_fd(), &mut bytes) {
                _ if terminal.contains(PollFlags::POLLNVAL) => return Err(gone()),
                Ok(0) => return Err(gone()),
                Ok(length) => decoder.take(&bytes[..length], &mut told),
                Err(Errno::EINTR | Errno::EAGAIN) if terminal.contains(PollFlags::POLLIN) => {}
                Err(_) => return Err(gone()),
            }
        }
        Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    for event in told {
        if events.blocking_send(Ok(event)).is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the terminal is gone")
}

/// The message that an event is.
pub(super) fn message(told: Event) -> Message {
    match told {
        Event::Key(key) => Message::Key(key),
        Event::Paste(text) => Message::Paste(text),
        Event::Mouse(mouse) => Message::Mouse(mouse),
        Event::Focus(gained) => Message::Focus(gained),
    }
}
