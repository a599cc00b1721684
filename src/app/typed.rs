//! Reads the terminal on a thread of its own, for the dashboard and for `console`.
//!
//! crossterm's `EventStream` reads on the loop's thread as well, where it waits for the rest of a
//! sequence that came in halves, and where it reads for ever, without pause, from a terminal that
//! is gone: the loop would never hear SIGHUP.

use std::io;
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use crossterm::event::{self, Event};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc;

/// How many events may wait for the loop.
const WAITING: usize = 256;

/// What is typed on standard input, a terminal, from now on. Ends when the terminal is gone.
/// Sizes are not told: a loop hears SIGWINCH itself, while the thread sleeps.
pub(crate) fn events() -> io::Result<mpsc::Receiver<io::Result<Event>>> {
    let (events, receiver) = mpsc::channel(WAITING);
    thread::Builder::new()
        .name("terminal".to_owned())
        .spawn(move || forward(&events))?;
    Ok(receiver)
}

fn forward(events: &mpsc::Sender<io::Result<Event>>) {
    while !hung_up(io::stdin()) {
        loop {
            let event = event::read();
            let failed = event.is_err();
            let told =
                matches!(event, Ok(Event::Resize(..))) || events.blocking_send(event).is_ok();
            if failed || !told {
                return;
            }
            // More of what was read together is taken without another look at the terminal.
            if !event::poll(Duration::ZERO).unwrap_or(false) {
                break;
            }
        }
    }
}

/// Waits until a terminal has something to say; whether it is gone.
fn hung_up(terminal: impl AsFd) -> bool {
    let mut waits = [PollFd::new(terminal.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut waits, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            Err(_) => return false,
            Ok(_) => {
                let told = waits[0].revents().unwrap_or(PollFlags::empty());
                return told.intersects(PollFlags::POLLHUP | PollFlags::POLLERR);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::pty::openpty;

    use super::*;

    #[test]
    fn a_terminal_whose_other_side_is_gone_has_hung_up_and_one_that_says_something_has_not() {
        let pty = openpty(None, None).unwrap();
        nix::unistd::write(&pty.master, b"x\n").unwrap();
        assert!(!hung_up(&pty.slave));
        drop(pty.master);
        assert!(hung_up(&pty.slave));
    }
}
