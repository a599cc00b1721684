//! The terminal that the dashboard, or a console, is drawn on: taken over at start, given back on every way out.

use std::io::{self, BufWriter, Stdout, Write};
use std::mem::ManuallyDrop;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
    EnableFocusChange, EnableMouseCapture,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::getpgrp;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Position, Rect, Size};
use ratatui::{Frame, TerminalOptions, Viewport};

use crate::fault::guarding;
use crate::vm::process;

/// Whether the terminal is taken over, for the panic hook.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A frame at 200x50 with colours is some 30 KiB: one write takes it.
const BUFFER: usize = 1 << 16;

/// The terminal, taken over. Dropping it gives the terminal back.
pub(crate) struct Terminal {
    /// Never dropped: it would show the cursor once more, and complain where nobody hears it.
    inner: ManuallyDrop<ratatui::Terminal<CrosstermBackend<BufWriter<Stdout>>>>,
    size: (u16, u16),
    mouse: bool,
}

impl Terminal {
    /// Takes the terminal over: raw mode, alternate screen, bracketed paste, mouse if wanted.
    pub(crate) fn enter(size: (u16, u16), mouse: bool) -> io::Result<Self> {
        restore_before_panics_are_told();
        let taken = take(mouse).and_then(|()| {
            let writer = BufWriter::with_capacity(BUFFER, io::stdout());
            // Fixed, because ratatui would open the terminal anew at each frame to ask for its size.
            let viewport = Viewport::Fixed(area(size));
            ratatui::Terminal::with_options(
                CrosstermBackend::new(writer),
                TerminalOptions { viewport },
            )
        });
        // Half a takeover is given back too: raw mode may be on already.
        let inner = taken.inspect_err(|_| give_back())?;
        Ok(Self {
            inner: ManuallyDrop::new(inner),
            size,
            mouse,
        })
    }

    /// Draws a frame: one write, which the terminal shows as a whole. Fails once some thread or task
    /// panicked: the terminal was given back then, and shows what was told.
    pub(crate) fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        if !TAKEN.load(Ordering::SeqCst) {
            return Err(io::Error::other(
                "a part of the program broke, as told above",
            ));
        }
        queue!(self.inner.backend_mut(), BeginSynchronizedUpdate)?;
        self.inner.draw(render)?;
        queue!(self.inner.backend_mut(), EndSynchronizedUpdate)?;
        self.inner.backend_mut().flush()
    }

    /// Has the terminal tell of the mouse, or no longer.
    pub(crate) fn point(&mut self, mouse: bool) -> io::Result<()> {
        if std::mem::replace(&mut self.mouse, mouse) == mouse {
            return Ok(());
        }
        let backend = self.inner.backend_mut();
        if mouse {
            execute!(backend, EnableMouseCapture)
        } else {
            execute!(backend, DisableMouseCapture)
        }
    }

    /// Writes a sequence that draws nothing, between two frames.
    pub(crate) fn write(&mut self, sequence: &str) -> io::Result<()> {
        let backend = self.inner.backend_mut();
        backend.write_all(sequence.as_bytes())?;
        Write::flush(backend)
    }

    /// Has the next frame drawn whole.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        // Not ratatui's `clear`, which asks the terminal for its cursor and waits for the answer.
        self.inner.resize(area(self.size))
    }

    /// The terminal has another size now, in columns and rows.
    pub(crate) fn resize(&mut self, size: (u16, u16)) -> io::Result<()> {
        self.size = size;
        self.clear()
    }

    /// Goes to the background as a shell expects it: the terminal is given back, the process group
    /// stops, and when it goes on the terminal is taken over again.
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        give_back();
        // SIGSTOP, since SIGTSTP is caught: the kernel's ctrl-z also means the whole group, a child
        // of the doctor's included.
        process::between_births(|| killpg(getpgrp(), Signal::SIGSTOP))?;
        take(self.mouse)?;
        self.clear()
    }
}

fn area((width, height): (u16, u16)) -> Rect {
    Rect::from((Position::ORIGIN, Size { width, height }))
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    queue!(
        out,
        EnterAlternateScreen,
        EnableBracketedPaste,
        EnableFocusChange,
        cursor::Hide
    )?;
    if mouse {
        queue!(out, EnableMouseCapture)?;
    }
    out.flush()
}

/// Gives the terminal back, once. A terminal that is gone takes nothing back, which is no matter.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(
            io::stdout(),
            EndSynchronizedUpdate,
            DisableMouseCapture,
            DisableFocusChange,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            cursor::Show
        );
        let _ = disable_raw_mode();
    }
}

/// A panic is told on the terminal as it was before.
fn restore_before_panics_are_told() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // What is caught costs only what it was to bring, as the screen of one console.
            if guarding() {
                return;
            }
            give_back();
            tell(panic);
        }));
    });
}

#[cfg(test)]
#[path = "terminal_tests.rs"]
mod tests;
