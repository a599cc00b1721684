//! `console`: this terminal on a VM's serial line.
//!
//! What the guest says is parsed by the engine and its cells are drawn; no byte of the guest's
//! reaches this terminal. Queries of the guest are answered by the shim alone.

use std::io::{self, IsTerminal};

use crossterm::event::Event;
use tokio::time::{Instant, sleep_until};

use super::args::NameArgs;
use super::context::Context;
use super::output::{self, Outcome, Reply};
use super::runtime::block_on;
use super::serial::{Piece, Serial};
use crate::app;
use crate::app::input::{self, Input};
use crate::app::pacer::FRAME_GAP;
use crate::app::signals::{Signals, Told};
use crate::app::terminal as host;
use crate::console::keys::{Key, encode, encode_paste};
use crate::console::{Screen, Size, Terminal};
use crate::fault::{Code, Failure};
use crate::shim::protocol::ReplayFrom;

mod draw;

pub(super) fn run(context: &Context, args: &NameArgs) -> Outcome {
    if context.json {
        return Err(Failure::new(Code::UsageError, "a console has no JSON")
            .with_hint("`screen`, `send` and `expect` have"));
    }
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Failure::new(Code::UsageError, "`console` needs a terminal")
            .with_hint("without one use `send`, `expect`, `screen` and `logs`"));
    }
    let ending = block_on(attach(context, &args.name))?;
    output::note(&match ending {
        Ending::Left => format!("left the console of `{}`, which goes on", args.name),
        Ending::VmEnded(how) => format!("VM `{}` ended{how}", args.name),
        Ending::Told(signal) => {
            let message = format!("the console was told to end by {signal}");
            return Err(Failure::new(Code::Interrupted, message));
        }
    });
    Ok(Reply::default())
}

/// Why a console ended.
enum Ending {
    Left,
    VmEnded(String),
    Told(&'static str),
}

async fn attach(context: &Context, name: &str) -> Result<Ending, Failure> {
    // Before the terminal is touched: an unknown VM is told in plain lines.
    let serial = Serial::attach(&context.fleet, name, ReplayFrom::Recent).await?;
    let attached = Attached {
        name,
        leave: &context.fleet.config.leave_keys,
        in_color: app::Options::default().color,
        serial,
    };
    attached.converse().await
}

/// This terminal and a VM's serial line.
struct Attached<'a> {
    name: &'a str,
    leave: &'a [Key],
    in_color: bool,
    serial: Serial<'a>,
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
        let mut guest = Terminal::new(guest_size(size), 0);
        self.tell(guest_size(size)).await?;
        let mut screen = Screen::default();
        let mut last_frame = Instant::now();
        let mut stale = true;
        loop {
            let resized = tokio::select! {
                piece = self.serial.next() => match piece? {
                    Piece::Output(bytes) => {
                        guest.feed(&bytes);
                        stale = true;
                        None
                    }
                    Piece::Live | Piece::Gap(_) => None,
                    Piece::Ended(exit) => {
                        let how = exit.map_or_else(String::new, |exit| format!(": {}", exit.summary()));
                        return Ok(Ending::VmEnded(how));
                    }
                },
                event = input.next() => match event {
                    Some(Ok(Event::Key(event))) => {
                        let Some(key) = input::key(event) else { continue };
                        if self.leave.contains(&key) {
                            return Ok(Ending::Left);
                        }
                        self.serial.type_bytes(encode(key, guest.modes())).await?;
                        None
                    }
                    Some(Ok(Event::Paste(text))) => {
                        self.serial.type_bytes(encode_paste(&text, guest.modes())).await?;
                        None
                    }
                    Some(Ok(Event::Resize(columns, rows))) => Some((columns, rows)),
                    Some(Ok(_)) => None,
                    // Nobody looks at a terminal that is gone.
                    Some(Err(_)) | None => return Ok(Ending::Told("the end of its terminal")),
                },
                told = signals.next() => match told {
                    Told::End(signal) => return Ok(Ending::Told(signal)),
                    Told::Stop => {
                        host.suspend().map_err(failed)?;
                        Some(crossterm::terminal::size().map_err(failed)?)
                    }
                    Told::Resize => Some(crossterm::terminal::size().map_err(failed)?),
                },
                () = sleep_until(last_frame + FRAME_GAP), if stale => {
                    guest.view(0, &mut screen);
                    host.draw(|frame| draw::render(frame, &screen, self.name, self.leave, self.in_color))
                        .map_err(failed)?;
                    last_frame = Instant::now();
                    stale = false;
                    None
                }
            };
            if let Some(size) = resized {
                host.resize(size).map_err(failed)?;
                guest.resize(guest_size(size));
                self.tell(guest_size(size)).await?;
                stale = true;
            }
        }
    }

    async fn tell(&mut self, size: Size) -> Result<(), Failure> {
        self.serial.resize(size.rows(), size.columns()).await
    }
}

/// The size of this terminal, in columns and rows, without the line that says how to leave.
fn guest_size((columns, rows): (u16, u16)) -> Size {
    Size::new(rows.saturating_sub(1), columns)
}
