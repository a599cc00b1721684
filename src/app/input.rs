//! What crossterm reads, in our words: its types stop here.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::{
    Event, KeyCode as TerminalCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent,
    MouseEventKind,
};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc;

use super::message::{Message, Mouse, MouseKind};
use crate::console::keys::{Key, KeyCode};

/// Events that may wait for the loop; a paste that is longer waits in the terminal.
const WAITING: usize = 256;

/// The time that crossterm gets to look for an event: without any it does not look at all, and below
/// two milliseconds it spins, which on a busy host delays the very frame that the key is to change.
const LOOK: Duration = Duration::from_micros(100);

/// How long the reading thread may take to notice that it is to end.
const FAREWELL: Duration = Duration::from_millis(100);

/// Reads the terminal on a thread of its own until this is dropped or the terminal is gone.
///
/// We wait for input ourselves, because crossterm's readers spin on a terminal that hung up. When
/// this has been dropped nothing is read any more: what is typed then is the shell's.
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
                loop {
                    match next_events(&sender, &stopped) {
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

/// Whether crossterm holds another event, or can read one at once.
fn another_waits() -> io::Result<bool> {
    loop {
        let begin = Instant::now();
        if crossterm::event::poll(LOOK)? {
            return Ok(true);
        }
        // A thread that was off the CPU for all that time has not looked.
        if begin.elapsed() < 2 * LOOK {
            return Ok(false);
        }
    }
}

/// Waits for input and hands it on; `false` when that is no longer wanted.
fn next_events(events: &mpsc::Sender<io::Result<Event>>, stopped: &PipeReader) -> io::Result<bool> {
    let stdin = io::stdin();
    let mut waited = [
        PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
        PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
    ];
    match poll(&mut waited, PollTimeout::NONE) {
        Ok(_) => {}
        Err(Errno::EINTR) => return Ok(true),
        Err(errno) => return Err(errno.into()),
    }
    let [stop, terminal] = waited.map(|fd| fd.revents().unwrap_or(PollFlags::empty()));
    if !stop.is_empty() {
        return Ok(false);
    }
    if terminal.intersects(PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL) {
        let gone = "the terminal is gone";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, gone));
    }
    while another_waits()? {
        if events.blocking_send(crossterm::event::read()).is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The message that an event is, if it is one.
pub(super) fn message(event: Event) -> Option<Message> {
    match event {
        Event::Key(key) => self::key(key).map(Message::Key),
        Event::Paste(text) => Some(Message::Paste(text)),
        Event::Mouse(mouse) => self::mouse(mouse).map(Message::Mouse),
        Event::Resize(columns, rows) => Some(Message::Resize(columns, rows)),
        Event::FocusGained | Event::FocusLost => None,
    }
}

/// The key of an event, in its normal form; `None` for a release and for keys that no serial line has.
pub(crate) fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let mut ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let code = match event.code {
        TerminalCode::Char(character) => KeyCode::Char(character),
        TerminalCode::F(number @ 1..=24) => KeyCode::F(number),
        TerminalCode::Enter => KeyCode::Enter,
        TerminalCode::Esc => KeyCode::Esc,
        TerminalCode::Tab => KeyCode::Tab,
        TerminalCode::BackTab => KeyCode::BackTab,
        TerminalCode::Backspace => KeyCode::Backspace,
        TerminalCode::Delete => KeyCode::Delete,
        TerminalCode::Insert => KeyCode::Insert,
        TerminalCode::Home => KeyCode::Home,
        TerminalCode::End => KeyCode::End,
        TerminalCode::PageUp => KeyCode::PageUp,
        TerminalCode::PageDown => KeyCode::PageDown,
        TerminalCode::Up => KeyCode::Up,
        TerminalCode::Down => KeyCode::Down,
        TerminalCode::Left => KeyCode::Left,
        TerminalCode::Right => KeyCode::Right,
        TerminalCode::Null => {
            ctrl = true;
            KeyCode::Char(' ')
        }
        _ => return None,
    };
    let key = Key {
        code,
        ctrl,
        alt: event.modifiers.contains(KeyModifiers::ALT),
        shift: event.modifiers.contains(KeyModifiers::SHIFT),
    };
    Some(key.normalise())
}

fn mouse(event: MouseEvent) -> Option<Mouse> {
    let kind = match event.kind {
        MouseEventKind::Down(MouseButton::Left) => MouseKind::Press,
        MouseEventKind::Drag(MouseButton::Left) => MouseKind::Drag,
        MouseEventKind::Up(MouseButton::Left) => MouseKind::Release,
        MouseEventKind::ScrollUp => MouseKind::WheelUp,
        MouseEventKind::ScrollDown => MouseKind::WheelDown,
        _ => return None,
    };
    Some(Mouse {
        kind,
        column: event.column,
        row: event.row,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: TerminalCode, modifiers: KeyModifiers) -> Option<String> {
        key(KeyEvent::new(code, modifiers)).map(|key| key.to_string())
    }

    #[test]
    fn the_leave_chord_is_known_however_the_terminal_tells_it() {
        for character in ['5', ']'] {
            let told = read(TerminalCode::Char(character), KeyModifiers::CONTROL);
            assert_eq!(told.as_deref(), Some("ctrl-]"));
        }
    }

    #[test]
    fn shift_is_part_of_the_character_and_a_released_key_is_none() {
        let told = read(TerminalCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(told.as_deref(), Some("G"));
        let told = read(TerminalCode::PageUp, KeyModifiers::SHIFT);
        assert_eq!(told.as_deref(), Some("shift-pageup"));
        let released = KeyEvent::new_with_kind(
            TerminalCode::Char('x'),
            KeyModifiers::NONE,
            KeyEventKind::Release,
        );
        assert_eq!(key(released), None);
    }
}
