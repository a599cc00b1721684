//! The event loop: one `select!`, then everything that waits is taken in, then a frame if one is due.

use std::io;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Options;
use super::clipboard;
use super::effect::Effect;
use super::input::{self, Input};
use super::keymap::Keymap;
use super::message::Message;
use super::now::Now;
use super::pacer::Pacer;
use super::perform::{WAITING, World};
use super::reading::Reading;
use super::signals::{Signals, Told};
use super::state::{Modal, Page, State};
use super::terminal::Terminal;
use super::update::{examine, update};
use crate::console::keys::Event;
use crate::fault::{Code, Failure};
use crate::fleet::Fleet;
use crate::ui::{self, Theme};
use crate::vm::VmName;

/// Messages that are taken in before a frame gets its turn.
const BATCH: usize = 256;

struct App {
    state: State,
    world: World,
    /// Before the terminal, so that nothing reads it any more when it is given back.
    input: Input,
    terminal: Terminal,
    theme: Theme,
    pacer: Pacer,
    since: Instant,
    quits: bool,
}

/// Runs the dashboard until it is closed.
pub(super) async fn run(fleet: Fleet, options: Options) -> Result<(), Failure> {
    let keymap = Keymap::new(&fleet.config)?;
    fleet.config.check_theme(&Theme::NAMES)?;
    let theme = Theme::named(&fleet.config.theme, options.color)?;
    let broken = |error: io::Error| {
        Failure::new(
            Code::RuntimeError,
            format!("could not use the terminal: {error}"),
        )
        .with_hint("run it in a terminal; without one `smolvm-tui ls` and the like do the same")
    };
    let size = crossterm::terminal::size().map_err(broken)?;
    let mut state = State::new(fleet.config.clone(), keymap, size);
    state.zone = jiff::tz::TimeZone::system();
    state.backend = fleet.asked_backend(options.backend.as_deref())?.to_string();
    let names = fleet.store.names().map_err(Failure::from);
    let (outbox, mut inbox) = mpsc::channel(WAITING);
    let signals = Signals::new().map_err(broken)?;
    let terminal = Terminal::enter(size, fleet.config.mouse).map_err(broken)?;
    state.selected = options.open.as_deref().and_then(|name| name.parse().ok());
    if state.selected.is_some() {
        state.page = Page::Console;
    }
    let mut app = App {
        state,
        world: World::new(fleet, options.backend, outbox),
        terminal,
        theme,
        input: Input::listen().map_err(broken)?,
        pacer: Pacer::default(),
        since: Instant::now(),
        quits: false,
    };
    if app.world.is_first_start() {
        app.state.modals.push(Modal::Doctor { choice: None });
        app.world.perform(Effect::NoteFirstStart);
    }
    app.begin_with(names).map_err(broken)?;
    app.draw().map_err(broken)?;
    // The first frame stands; what it did not need begins now.
    app.begin();
    app.turn(signals, &mut inbox).await.map_err(broken)
}

impl App {
    fn now(&self) -> Now {
        Now {
            mono: self.since.elapsed(),
            wall: jiff::Timestamp::now(),
        }
    }

    /// Takes in as many VMs as the first frame can show; the scan that follows it brings all.
    fn begin_with(&mut self, names: Result<Vec<VmName>, Failure>) -> io::Result<()> {
        let mut unread = 0;
        let vms = names.map(|mut names| {
            // Who is asked for by name may stand anywhere.
            if self.state.selected.is_none() {
                let seen = usize::from(self.state.size.1).min(names.len());
                unread = names.len() - seen;
                names.truncate(seen);
            }
            self.world.read(names)
        });
        self.take_in(Message::Vms(vms))?;
        self.state.unread = unread;
        Ok(())
    }

    fn begin(&mut self) {
        self.world.watch();
        let mut effects = Vec::new();
        examine(&mut self.state, &mut effects);
        for effect in effects {
            self.world.perform(effect);
        }
    }

    async fn turn(
        &mut self,
        mut signals: Signals,
        inbox: &mut mpsc::Receiver<Message>,
    ) -> io::Result<()> {
        let changed = self.world.console().changed();
        while !self.quits {
            let due = [self.pacer.due(), self.state.next_wake()]
                .into_iter()
                .flatten()
                .min();
            let deadline = due.map(|due| self.since + due);
            // The order is policy: what the user does comes before what the world tells.
            tokio::select! {
                biased;
                told = signals.next() => match told {
                    Told::End(_) => self.take_in(Message::Terminate)?,
                    Told::Stop => self.suspend()?,
                    Told::Resize => self.measure()?,
                },
                event = self.input.next() => self.take_in_event(event)?,
                () = sleep_until(deadline), if deadline.is_some() => self.wake()?,
                Some(message) = inbox.recv() => self.take_in(message)?,
                () = changed.notified() => self.pacer.request(self.now().mono),
            }
            self.drain(inbox)?;
            // The last thing that happened may have been that the terminal went.
            if !self.quits && self.pacer.is_due(self.now().mono) {
                self.draw()?;
            }
        }
        Ok(())
    }

    /// Takes in what waits already, so that one frame shows all of it.
    fn drain(&mut self, inbox: &mut mpsc::Receiver<Message>) -> io::Result<()> {
        for _ in 0..BATCH {
            if let Some(event) = self.input.waiting() {
                self.take_in_event(Some(event))?;
            } else if let Ok(message) = inbox.try_recv() {
                self.take_in(message)?;
            } else {
                break;
            }
        }
        Ok(())
    }

    /// A terminal that is gone ends the dashboard: nobody looks at it.
    fn take_in_event(&mut self, event: Option<io::Result<Event>>) -> io::Result<()> {
        match event {
            // What nobody wants to know costs no frame.
            Some(Ok(Event::Mouse(mouse))) if !self.state.wants(mouse) => Ok(()),
            Some(Ok(event)) => self.take_in(input::message(event)),
            Some(Err(_)) | None => self.take_in(Message::Terminate),
        }
    }

    fn take_in(&mut self, message: Message) -> io::Result<()> {
        if let Message::Resize(columns, rows) = message {
            self.terminal.resize((columns, rows))?;
        }
        let now = self.now();
        for effect in update(&mut self.state, now, message) {
            match effect {
                Effect::Quit => self.quits = true,
                Effect::Read(step) => {
                    if let Some(reading) = &mut self.state.reading {
                        self.world.read_console(&mut reading.reader, step);
                    }
                }
                Effect::Copy => self.copy()?,
                Effect::Redraw => self.terminal.clear()?,
                Effect::Suspend => self.suspend()?,
                effect => self.world.perform(effect),
            }
        }
        if std::mem::take(&mut self.state.stale) {
            self.pacer.request(now.mono);
        }
        Ok(())
    }

    /// Puts what is selected into the clipboard.
    fn copy(&mut self) -> io::Result<()> {
        let Some(Reading { page, reader, .. }) = &self.state.reading else {
            return Ok(());
        };
        let text = match page {
            Page::Log => reader.copied(&self.state.log, clipboard::MOST),
            _ => self.world.console().selected(reader, clipboard::MOST),
        };
        let copied = match text {
            Some(text) => {
                let count = text.chars().count();
                if count > 0 {
                    self.terminal.write(&clipboard::sequence(&text))?;
                    clipboard::offer(text);
                }
                Ok(count)
            }
            None => Err(format!(
                "could not copy: a terminal's clipboard takes {} bytes at once; the log's file has all of it",
                clipboard::MOST
            )),
        };
        self.take_in(Message::Copied(copied))
    }

    /// The deadline of a frame has come, or that of a picture which changes by itself.
    fn wake(&mut self) -> io::Result<()> {
        let now = self.now().mono;
        match self.state.next_wake() {
            Some(wake) if wake <= now => self.take_in(Message::Wake),
            _ => Ok(()),
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        let state = &mut self.state;
        if state.page == Page::Console {
            let reader = state.reading.as_mut().map(|reading| &mut reading.reader);
            self.world.console().copy(&mut state.console, reader);
        }
        self.world.pane().copy(&mut state.modals);
        let theme = &self.theme;
        self.terminal
            .draw(|frame| ui::render(frame, frame.area(), state, theme))?;
        let now = self.since.elapsed();
        self.pacer.drawn(now);
        Ok(())
    }

    /// Goes to the background: all threads stop, the one that reads the terminal among them.
    fn suspend(&mut self) -> io::Result<()> {
        self.terminal.suspend()?;
        self.measure()
    }

    fn measure(&mut self) -> io::Result<()> {
        let (columns, rows) = crossterm::terminal::size()?;
        self.take_in(Message::Resize(columns, rows))
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
