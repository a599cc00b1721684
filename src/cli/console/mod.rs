//! `console`: this terminal on a VM's serial line.
//!
//! What the guest says is parsed by the engine and its cells are drawn; no byte of the guest's
//! reaches this terminal. Queries of the guest are answered by the shim alone.

use std::io::{self, IsTerminal};

use tokio::time::{Instant, sleep_until};

use super::args::ConsoleArgs;
use super::context::Context;
use super::output::{self, Outcome, Reply};
use super::runtime::block_on;
use super::serial::{Piece, Serial};
use crate::app;
use crate::app::input::Input;
use crate::app::pacer::FRAME_GAP;
use crate::app::signals::{Signals, Told};
use crate::app::terminal as host;
use crate::console::keys::{Event, encode, encode_focus};
use crate::console::{MouseWanted, Screen, Size, Terminal};
use crate::fault::{Code, Failure};
use crate::shim::protocol::{Push, ReplayFrom};

mod bar;
mod draw;
mod paste;

use bar::{Bar, FIT};
use paste::Paste;

pub(super) fn run(context: &Context, args: &ConsoleArgs) -> Outcome {
    check(context)?;
    output::note(&match block_on(until_left(context, args))? {
        None => format!("left the console of `{}`, which goes on", args.name),
        Some(how) => format!("VM `{}` ended{how}", args.name),
    });
    Ok(Reply::default())
}

/// Whether a console can be attached to this terminal.
pub(super) fn check(context: &Context) -> Result<(), Failure> {
    if context.json {
        return Err(Failure::new(Code::UsageError, "a console has no JSON")
            .with_hint("`screen`, `send` and `expect` have"));
    }
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Failure::new(Code::UsageError, "`console` needs a terminal")
            .with_hint("without one use `send`, `expect`, `screen` and `logs`"));
    }
    Ok(())
}

/// Attaches until the user leaves, or until the VM ends: then how, in words.
pub(super) async fn until_left(
    context: &Context,
    args: &ConsoleArgs,
) -> Result<Option<String>, Failure> {
    match attach(context, args).await? {
        Ending::Left => Ok(None),
        Ending::VmEnded(how) => Ok(Some(how)),
        Ending::Told(signal) => {
            let message = format!("the console was told to end by {signal}");
            Err(Failure::new(Code::Interrupted, message))
        }
    }
}

/// Why a console ended.
enum Ending {
    Left,
    VmEnded(String),
    Told(&'static str),
}

async fn attach(context: &Context, args: &ConsoleArgs) -> Result<Ending, Failure> {
    // Before the terminal is touched: an unknown VM is told in plain lines.
    let serial = Serial::attach(&context.fleet, &args.name, ReplayFrom::Recent).await?;
    let attached = Attached {
        serial,
        guest: Terminal::new(Size::DEFAULT, 0),
        pane: Size::DEFAULT,
        bar: Bar {
            name: args.name.clone(),
            leave: context.fleet.config.leave_keys.clone(),
            read_only: args.read_only,
            ..Bar::default()
        },
        in_color: app::Options::default().color,
    };
    attached.converse().await
}

/// This terminal and a VM's serial line.
struct Attached<'a> {
    serial: Serial<'a>,
    guest: Terminal,
    /// The size of this terminal, without the line that says how to leave.
    pane: Size,
    bar: Bar,
    in_color: bool,
}

impl Attached<'_> {
    async fn converse(mut self) -> Result<Ending, Failure> {
        let failed = |error: io::Error| {
            let message = format!("could not use this terminal: {error}");
            Failure::new(Code::RuntimeError, message)
                .with_hint("without a terminal use `send`, `expect`, `screen` and `logs`")
        };
        let mut signals = Signals::new().map_err(failed)?;
        let size = crossterm::terminal::size().map_err(failed)?;
        let mut host = host::Terminal::enter(size, false).map_err(failed)?;
        // After the terminal, hence dropped before it: nobody reads it any more when it is given back.
        let mut input = Input::listen().map_err(failed)?;
        self.pane = pane(size);
        if !self.bar.read_only {
            self.serial.resize(self.pane, Push::FirstOnly).await?;
        }
        let mut screen = Screen::default();
        // The size and the recent past come by then: the first frame shows the screen as it is.
        let mut next_frame = Instant::now() + FRAME_GAP;
        let mut stale = true;
        loop {
            // The order is policy: however much the guest prints, keys are heard and frames drawn.
            let resized = tokio::select! {
                biased;
                told = signals.next() => match told {
                    Told::End(signal) => return Ok(Ending::Told(signal)),
                    Told::Stop => {
                        host.suspend().map_err(failed)?;
                        Some(crossterm::terminal::size().map_err(failed)?)
                    }
                    Told::Resize => Some(crossterm::terminal::size().map_err(failed)?),
                },
                event = input.next() => match event {
                    Some(Ok(event)) => {
                        // What a typed key does on the screen is the guest's to say: a frame that
                        // shows nothing new would only put off the one with its echo.
                        let said = self.bar.text();
                        if let Some(ending) = self.take(event).await? {
                            return Ok(ending);
                        }
                        stale |= self.bar.text() != said;
                        None
                    }
                    // Nobody looks at a terminal that is gone.
                    Some(Err(_)) | None => return Ok(Ending::Told("the end of its terminal")),
                },
                () = sleep_until(self.bar.leaves_at()), if self.bar.leaving.is_some() => {
                    return Ok(Ending::Left);
                }
                () = sleep_until(next_frame), if stale => {
                    self.guest.view(0, &mut screen);
                    self.bar.misfit = Some((self.guest.size(), self.pane)).filter(|(guest, pane)| guest != pane);
                    // Else the mouse is the host's: what it selects there is copied as ever.
                    let points = self.guest.modes().mouse != MouseWanted::Nothing;
                    host.point(points && !self.bar.read_only).map_err(failed)?;
                    host.draw(|frame| draw::render(frame, &screen, &self.bar, self.in_color))
                        .map_err(failed)?;
                    next_frame = Instant::now() + FRAME_GAP;
                    stale = false;
                    None
                }
                piece = self.serial.next() => {
                    if let Some(ending) = self.hear(piece?).await? {
                        return Ok(ending);
                    }
                    stale = true;
                    None
                }
            };
            if let Some(size) = resized {
                host.resize(size).map_err(failed)?;
                self.pane = pane(size);
                stale = true;
            }
        }
    }

    /// Takes in what came over the serial line.
    async fn hear(&mut self, piece: Piece) -> Result<Option<Ending>, Failure> {
        match piece {
            Piece::Output(bytes) => {
                self.guest.feed(&bytes);
                // Without it a guest that prints without end would leave the timers no turn.
                tokio::task::yield_now().await;
            }
            Piece::Size(size) => self.guest.resize(size),
            Piece::Taken => {
                if let Some(paste) = self.bar.paste.take() {
                    self.bar.paste = paste.took_one(&mut self.serial).await?;
                }
            }
            Piece::Refused(failure) => self.bar.note = Some(failure.message),
            Piece::Live | Piece::Gap(_) => {}
            Piece::Ended(exit) => {
                let how = exit.map_or_else(String::new, |exit| format!(": {}", exit.summary()));
                return Ok(Some(Ending::VmEnded(how)));
            }
        }
        Ok(None)
    }

    /// Takes in what the user did.
    async fn take(&mut self, event: Event) -> Result<Option<Ending>, Failure> {
        let modes = self.guest.modes();
        let typed = match event {
            Event::Key(key) => key,
            Event::Mouse(_) | Event::Focus(_) if self.bar.read_only => return Ok(None),
            Event::Focus(gained) => {
                let bytes = encode_focus(gained, modes).to_vec();
                self.serial.type_bytes(bytes).await?;
                return Ok(None);
            }
            Event::Mouse(mouse) => {
                let size = self.guest.size();
                if mouse.column < size.columns() && mouse.row < size.rows() {
                    self.serial.type_bytes(mouse.encode(modes)).await?;
                }
                return Ok(None);
            }
            Event::Paste(_) if self.bar.leaving.is_some() => return Ok(Some(Ending::Left)),
            Event::Paste(text) => {
                if !self.bar.read_only && self.bar.paste.is_none() {
                    self.bar.paste = Paste::begin(text, &mut self.serial, modes).await?;
                }
                return Ok(None);
            }
        };
        let key = typed.bound();
        self.bar.note = None;
        match self.bar.leaving.take() {
            None if self.bar.leave.contains(&key) => {
                self.bar.leaving = Some((key, Instant::now()));
            }
            None if self.bar.read_only => {}
            None => match self.bar.paste.take() {
                Some(paste) if paste::YES.contains(&key) => {
                    self.bar.paste = paste.confirm(&mut self.serial, modes).await?;
                }
                Some(paste) if paste.ends_by(key) => paste.cancel(&mut self.serial).await?,
                // What else is typed would fall into the midst of it.
                Some(paste) => self.bar.paste = Some(paste),
                None => self.serial.type_bytes(encode(typed, modes)).await?,
            },
            Some(_) if self.bar.read_only => return Ok(Some(Ending::Left)),
            Some((left_by, _)) if key == left_by => {
                self.serial.type_bytes(encode(key, modes)).await?;
            }
            Some(_) if key == FIT => self.serial.resize(self.pane, Push::ByAnyMeans).await?,
            Some(_) => return Ok(Some(Ending::Left)),
        }
        Ok(None)
    }
}

/// The size of this terminal, in columns and rows, without the line that says how to leave.
fn pane((columns, rows): (u16, u16)) -> Size {
    Size::new(rows.saturating_sub(1), columns)
}
