//! The signals that a program which holds a terminal has to answer.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens to them from when it is made. That is before the terminal is taken over: whoever ends
/// us must find it given back.
pub(crate) struct Signals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
    stop: Signal,
    resize: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// To end; the signal's name.
    End(&'static str),
    /// To go to the background.
    Stop,
    /// To look at the terminal's size.
    Resize,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            stop: signal(SignalKind::from_raw(nix::libc::SIGTSTP))?,
            resize: signal(SignalKind::window_change())?,
        })
    }

    /// What the next one asks for. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::End("SIGTERM"),
            _ = self.hang_up.recv() => Told::End("SIGHUP"),
            _ = self.interrupt.recv() => Told::End("SIGINT"),
            _ = self.stop.recv() => Told::Stop,
            _ = self.resize.recv() => Told::Resize,
        }
    }
}
