//! `console`: this terminal on a VM's serial line.
//!
//! What the guest says is parsed by the engine and its cells are drawn; no byte of the guest's
//! reaches this terminal. Queries of the guest are answered by the shim alone.

use std::io::{self, IsTerminal};
use std::time::Duration;

use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste, Event, EventStream};
use crossterm::execute;
use futures_util::StreamExt;
use ratatui::DefaultTerminal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use super::args::NameArgs;
use super::context::Context;
use super::output::{self, Outcome, Reply};
use super::runtime::block_on;
use super::serial::{Piece, Serial};
use crate::app::input;
use crate::console::keys::{Key, encode, encode_paste};
use crate::console::{Screen, Size, Terminal, guarding};
use crate::fault::{Code, Failure};
use crate::shim::protocol::ReplayFrom;

mod draw;

/// Frames are drawn at most this often.
const FRAME: Duration = Duration::from_millis(16);

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
    let mut host = Host::take()?;
    converse(
        &mut host.terminal,
        serial,
        name,
        &context.fleet.config.leave_keys,
    )
    .await
}

/// The host's terminal in raw mode on its alternate screen; dropping it gives it back, and so does
/// a panic (`ratatui::try_init` sets the hook).
struct Host {
    terminal: DefaultTerminal,
}

impl Host {
    fn take() -> Result<Self, Failure> {
        let terminal = ratatui::try_init().map_err(|error| failed(&error))?;
        let restore = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // A panic in the terminal engine is caught there and costs no more than its screen.
            if !guarding() {
                restore(panic);
            }
        }));
        let host = Self { terminal };
        execute!(io::stdout(), EnableBracketedPaste).map_err(|error| failed(&error))?;
        Ok(host)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = execute!(io::stdout(), DisableBracketedPaste);
        ratatui::restore();
    }
}

fn failed(error: &io::Error) -> Failure {
    Failure::new(
        Code::RuntimeError,
        format!("could not use this terminal: {error}"),
    )
}

async fn converse(
    host: &mut DefaultTerminal,
    mut serial: Serial,
    name: &str,
    leave: &[Key],
) -> Result<Ending, Failure> {
    let stop = |kind| signal(kind).map_err(|error| failed(&error));
    let mut terminated = stop(SignalKind::terminate())?;
    let mut hung_up = stop(SignalKind::hangup())?;
    let mut events = EventStream::new();
    let mut guest = Terminal::new(guest_size(host)?, 0);
    let (rows, columns) = (guest.size().rows(), guest.size().columns());
    serial.resize(rows, columns).await?;
    let mut screen = Screen::default();
    let mut last_frame = Instant::now();
    let mut stale = true;
    loop {
        tokio::select! {
            piece = serial.next() => match piece? {
                Piece::Output(bytes) => {
                    guest.feed(&bytes);
                    stale = true;
                }
                Piece::Live | Piece::Gap(_) => {}
                Piece::Ended(exit) => {
                    let how = exit.map_or_else(String::new, |exit| format!(": {}", exit.summary()));
                    return Ok(Ending::VmEnded(how));
                }
            },
            event = events.next() => match event {
                Some(Ok(Event::Key(event))) => {
                    let Some(key) = input::key(event) else { continue };
                    if leave.contains(&key) {
                        return Ok(Ending::Left);
                    }
                    serial.type_bytes(encode(key, guest.modes())).await?;
                }
                Some(Ok(Event::Paste(text))) => {
                    serial.type_bytes(encode_paste(&text, guest.modes())).await?;
                }
                Some(Ok(Event::Resize(..))) => {
                    let size = guest_size(host)?;
                    guest.resize(size);
                    serial.resize(size.rows(), size.columns()).await?;
                    stale = true;
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(failed(&error)),
                None => return Ok(Ending::Told("the end of its input")),
            },
            () = sleep_until(last_frame + FRAME), if stale => {
                guest.view(0, &mut screen);
                draw::frame(host, &screen, name, leave).map_err(|error| failed(&error))?;
                last_frame = Instant::now();
                stale = false;
            }
            _ = terminated.recv() => return Ok(Ending::Told("SIGTERM")),
            _ = hung_up.recv() => return Ok(Ending::Told("SIGHUP")),
        }
    }
}

/// The size of this terminal without the line at the bottom that says how to leave.
fn guest_size(host: &DefaultTerminal) -> Result<Size, Failure> {
    let size = host.size().map_err(|error| failed(&error))?;
    Ok(Size::new(size.height.saturating_sub(1), size.width))
}
