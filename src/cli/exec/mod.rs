//! `exec`: a command in the guest, with this process's input, output, signals and exit code.

use std::ffi::{OsStr, OsString};
use std::future::pending;
use std::io::{self, IsTerminal};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use super::args::{ExecArgs, HowArgs};
use super::context::Context;
use super::lifecycle;
use super::output::{self, Outcome, Reply};
use super::reach::reach;
use super::runtime;
use crate::fault::{Code, Failure};
use crate::guest::protocol::message::{Command, End, Message, Task};
use crate::guest::protocol::{NOT_READY, signals};
use crate::shim::stream::{Said, Stream};
use crate::vm::Operation;

mod stdio;

use stdio::{Input, Output, Target};

/// What `timeout(1)` ends with.
const TIMED_OUT: u8 = 124;

/// How long a guest may take to tell of the end of a command that was killed.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many signals in a row, and we go without waiting for the guest.
const INSISTENT: u32 = 3;

/// How a command ended.
#[derive(Debug)]
pub(super) enum Ended {
    Exited(u8),
    Signaled(u8),
    /// It came to nothing; with the exit code for that.
    Failed(u8, Failure),
}

pub(super) fn run(context: &Context, args: &ExecArgs) -> Outcome {
    let mut run = Run::new(context, &args.how, &args.command)?;
    let ended = runtime::converse(async {
        if args.start {
            start(context, &args.name).await?;
        }
        run.in_guest(context, &args.name).await
    })?;
    Ok(run.reply(&args.name, ended))
}

/// A command that is to be run, and what is done with its output.
pub(super) struct Run {
    command: Command,
    timeout: Option<Duration>,
    output: Output,
}

impl Run {
    pub(super) fn new(
        context: &Context,
        how: &HowArgs,
        argv: &[OsString],
    ) -> Result<Self, Failure> {
        if context.json && (how.interactive || how.tty) {
            let message = "`--json` and `-i` or `-t` exclude each other";
            return Err(Failure::new(Code::UsageError, message)
                .with_hint("JSON holds what a command wrote, once it has ended"));
        }
        Ok(Self {
            command: command(how, argv)?,
            timeout: how.timeout,
            output: if context.json {
                Output::kept()
            } else {
                Output::passed_on()
            },
        })
    }

    /// Runs it in the guest of `name`, once that is ready.
    pub(super) async fn in_guest(
        &mut self,
        context: &Context,
        name: &str,
    ) -> Result<Ended, Failure> {
        let Self {
            command,
            timeout,
            output,
        } = self;
        reach(context, name, *timeout, async |client| {
            let stream = Stream::open(client, Task::Run(command.clone())).await?;
            let session = Session::new(stream, command, *timeout, output)?;
            Ok(match session.run().await? {
                Ended::Failed(NOT_READY, _) => None,
                ended => Some(ended),
            })
        })
        .await
    }

    /// What it came to.
    pub(super) fn reply(self, name: &str, ended: Ended) -> Reply {
        let (code, signal, failure) = match ended {
            Ended::Exited(code) => (code, None, None),
            Ended::Signaled(number) => (number.saturating_add(128), Some(number), None),
            Ended::Failed(code, failure) => (code, None, Some(failure)),
        };
        let mut reply = Reply::default();
        if let Some((stdout, stderr)) = self.output.into_text() {
            let ran = failure.is_none();
            reply.data = json!({
                "name": name,
                "guest_exit_code": ran.then_some(code),
                "signal": signal,
                "stdout": stdout,
                "stderr": stderr,
            });
        }
        reply.exit_code = Some(code);
        reply.failure = failure;
        reply
    }
}

/// Boots the VM unless it lives, and waits until its guest is ready.
pub(super) async fn start(context: &Context, name: &str) -> Result<(), Failure> {
    let fleet = &context.fleet;
    let vm = fleet.operate(name, Operation::Start, false, None).await?;
    if !vm.state.ready {
        lifecycle::wait(fleet, name, Context::ready_timeout(None)).await?;
    }
    Ok(())
}

/// The command as the agent is told it.
fn command(how: &HowArgs, argv: &[OsString]) -> Result<Command, Failure> {
    let wrong = |what: String| Failure::new(Code::UsageError, what);
    let mut env: Vec<Vec<u8>> = Vec::new();
    let mut add = |variable: OsString| env.push(variable.into_vec());
    if how.tty
        && let Some(term) = std::env::var_os("TERM")
    {
        let mut variable = OsString::from("TERM=");
        variable.push(term);
        add(variable);
    }
    for variable in &how.env {
        let bytes = variable.as_bytes();
        match bytes.iter().position(|&byte| byte == b'=') {
            Some(1..) => add(variable.clone()),
            // Without a value it is ours that is handed on.
            None if !bytes.is_empty() => {
                if let Some(value) = std::env::var_os(variable) {
                    let mut variable = variable.clone();
                    variable.push("=");
                    variable.push(value);
                    add(variable);
                }
            }
            _ => {
                let shown = variable.to_string_lossy();
                return Err(wrong(format!("`{shown}` is no variable: give NAME=value")));
            }
        }
    }
    let size = || crossterm::terminal::size().map_or((24, 80), |(columns, rows)| (rows, columns));
    let bytes = |text: &Option<OsString>| {
        text.as_deref()
            .map_or_else(Vec::new, |text: &OsStr| text.as_bytes().to_vec())
    };
    Ok(Command {
        argv: argv.iter().map(|word| word.as_bytes().to_vec()).collect(),
        env,
        cwd: bytes(&how.cwd),
        user: bytes(&how.user),
        stdin: how.interactive,
        tty: how.tty.then(size),
    })
}

/// A command that runs, and all that happens on this side meanwhile.
struct Session<'a> {
    stream: Stream,
    output: &'a mut Output,
    input: Option<Input>,
    signals: Signals,
    deadline: Option<Instant>,
    /// It was killed because its time was over.
    overdue: bool,
    /// How often we were told to end.
    told: u32,
    _terminal: Option<stdio::Raw>,
}

impl<'a> Session<'a> {
    fn new(
        stream: Stream,
        command: &Command,
        timeout: Option<Duration>,
        output: &'a mut Output,
    ) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            Failure::new(
                Code::RuntimeError,
                format!("could not use this terminal: {error}"),
            )
        };
        let raw = command.tty.is_some() && command.stdin && io::stdin().is_terminal();
        Ok(Self {
            stream,
            output,
            input: None,
            signals: Signals::new(command.tty.is_some()).map_err(failed)?,
            deadline: timeout.map(|timeout| Instant::now() + timeout),
            overdue: false,
            told: 0,
            _terminal: raw.then(stdio::Raw::enter).transpose().map_err(failed)?,
        }
        .with_input(command.stdin))
    }

    fn with_input(mut self, wanted: bool) -> Self {
        // Not read before the terminal is raw, or it would be read by lines.
        self.input = wanted.then(Input::listen);
        self
    }

    async fn run(mut self) -> Result<Ended, Failure> {
        let end = loop {
            let hears = self.output.has_room();
            let asks = self.stream.room() > 0;
            let deadline = self.deadline;
            tokio::select! {
                said = self.stream.next(), if hears => match said? {
                    Said::Output(bytes) => self.output.write(Target::Output, bytes),
                    Said::Errors(bytes) => self.output.write(Target::Errors, bytes),
                    Said::Room => {}
                    Said::End(end) => break end,
                },
                written = self.output.written() => match written {
                    Ok(count) => self.stream.took(count).await?,
                    Err(error) => {
                        self.stream.say(&Message::Close).await?;
                        return Ok(unread(&error));
                    }
                },
                bytes = async { match &mut self.input {
                    Some(input) => input.next().await,
                    None => pending().await,
                } }, if asks => self.pass(bytes).await?,
                number = self.signals.next() => {
                    if let Some(ended) = self.tell(number).await? {
                        return Ok(ended);
                    }
                }
                () = async { match deadline {
                    Some(at) => sleep_until(at).await,
                    None => pending().await,
                } } => {
                    if std::mem::replace(&mut self.overdue, true) {
                        return Ok(timed_out());
                    }
                    self.stream.say(&Message::Signal(signals::KILL)).await?;
                    self.deadline = Some(Instant::now() + PATIENCE);
                }
            }
        };
        self.finish(end).await
    }

    /// Input of ours for the guest; none at its end.
    async fn pass(&mut self, bytes: Option<Vec<u8>>) -> Result<(), Failure> {
        let (Some(bytes), Some(input)) = (bytes, &mut self.input) else {
            self.input = None;
            return self.stream.say(&Message::Eof).await;
        };
        let room = self.stream.room().min(bytes.len());
        let (now, later) = bytes.split_at(room);
        input.give_back(later);
        self.stream.send(now).await
    }

    /// A signal of ours is the guest's.
    async fn tell(&mut self, number: u8) -> Result<Option<Ended>, Failure> {
        if number == signals::WINCH {
            if let Ok((columns, rows)) = crossterm::terminal::size() {
                self.stream.say(&Message::Resize { rows, columns }).await?;
            }
            return Ok(None);
        }
        self.told += 1;
        if self.told >= INSISTENT {
            self.stream.say(&Message::Close).await?;
            let failure = Failure::new(Code::Interrupted, "interrupted; the guest did not obey");
            return Ok(Some(Ended::Failed(number.saturating_add(128), failure)));
        }
        self.stream.say(&Message::Signal(number)).await?;
        Ok(None)
    }

    /// The command has ended; what it wrote is not all written yet.
    async fn finish(mut self, end: End) -> Result<Ended, Failure> {
        while !self.output.is_empty() {
            tokio::select! {
                written = self.output.written() => if let Err(error) = written {
                    return Ok(unread(&error));
                },
                number = self.signals.next() => if number != signals::WINCH {
                    return Ok(Ended::Signaled(number));
                },
            }
        }
        Ok(match end {
            _ if self.overdue => timed_out(),
            End::Exited(code) => Ended::Exited(code),
            End::Signaled(number) => Ended::Signaled(number),
            End::Failed { code, why } => {
                Ended::Failed(code, Failure::new(Code::RuntimeError, output::inert(&why)))
            }
        })
    }
}

fn timed_out() -> Ended {
    let failure = Failure::new(Code::Timeout, "the command took too long and was killed");
    let failure = failure.with_hint("give it longer with --timeout");
    Ended::Failed(TIMED_OUT, failure)
}

/// Nobody reads what the command writes any more.
fn unread(error: &io::Error) -> Ended {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ended::Signaled(signals::PIPE);
    }
    let message = format!("could not write what the command wrote: {error}");
    Ended::Failed(1, Failure::new(Code::RuntimeError, message))
}

/// The signals that are the guest's, not ours.
pub(super) struct Signals(Vec<(u8, Signal)>);

impl Signals {
    pub(super) fn new(has_terminal: bool) -> io::Result<Self> {
        // With their numbers on Linux, which the guest is told.
        let kinds = [
            (1, SignalKind::hangup()),
            (2, SignalKind::interrupt()),
            (3, SignalKind::quit()),
            (15, SignalKind::terminate()),
        ];
        let resize = has_terminal.then(|| (signals::WINCH, SignalKind::window_change()));
        let kinds = kinds.into_iter().chain(resize);
        let all = kinds.map(|(number, kind)| Ok((number, signal(kind)?)));
        Ok(Self(all.collect::<io::Result<_>>()?))
    }

    /// The number of the next one. Cancel-safe.
    pub(super) async fn next(&mut self) -> u8 {
        let each = self.0.iter_mut().map(|(number, signal)| {
            let number = *number;
            Box::pin(async move {
                signal.recv().await;
                number
            })
        });
        futures_util::future::select_all(each).await.0
    }
}
