//! QMP, QEMU's control protocol: one JSON object a line, answers matched by id, events in between.
//!
//! Written by hand over `serde_json::Value`, because a client that knows a schema fails on the
//! first event that is newer than it. One task owns the connection; everybody else asks it, so
//! calls may overlap, and one that is dropped half-way disturbs none.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};

use super::events;
use crate::backends::{BackendError, MachineEvent};

/// The longest line that is accepted, in bytes.
const LONGEST_LINE: usize = 1 << 20;

/// Calls that may wait for the connection.
const CALLS: usize = 16;

/// Events that may wait for the owner of the VM. The few that we pass on come at a few a second at
/// most; QEMU itself holds back those that a guest can cause.
const EVENTS: usize = 64;

/// How long QEMU may take for an answer. Its commands take milliseconds; this is for a QEMU that
/// hangs, and whoever waits for less says so.
const PATIENCE: Duration = Duration::from_secs(30);

const PROGRAM: &str = "QEMU";

/// A connection, ready for commands.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: Client,
    /// QEMU's version, such as `7.2.22`.
    pub(super) version: Option<String>,
    pub(super) events: mpsc::Receiver<MachineEvent>,
}

/// Asks the task that owns the connection. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Client {
    calls: mpsc::Sender<Call>,
    /// Why the connection ended, if it was not QEMU that closed it.
    fault: Arc<OnceLock<String>>,
}

/// What QEMU returns, or its words of refusal.
type Answer = oneshot::Sender<Result<Value, String>>;

#[derive(Debug)]
struct Call {
    command: &'static str,
    arguments: Option<Value>,
    answer: Answer,
}

impl Connection {
    /// Reads the greeting, negotiates no capabilities, and leaves QEMU ready for commands.
    pub(super) async fn open<S>(stream: S) -> Result<Self, BackendError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (reader, writer) = tokio::io::split(stream);
        let mut lines = Lines::new(reader);
        let greeting = match lines.next().await {
            Ok(Some(line)) => parse(&line).map_err(|what| protocol("greeting", what))?,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(protocol("greeting", error.to_string()));
            }
            Ok(None) | Err(_) => return Err(disconnected("greeting")),
        };
        let Some(server) = greeting.get("QMP") else {
            return Err(protocol("greeting", excerpt(&greeting.to_string())));
        };
        let version = version(server);
        let (calls, waiting) = mpsc::channel(CALLS);
        let (told, events) = mpsc::channel(EVENTS);
        let fault = Arc::new(OnceLock::new());
        let task = Task {
            lines,
            writer,
            pending: BTreeMap::new(),
            events: told,
            last_id: 0,
        };
        tokio::spawn(task.serve(waiting, fault.clone()));
        let client = Client { calls, fault };
        client.call("qmp_capabilities", None).await?;
        Ok(Self {
            client,
            version,
            events,
        })
    }
}

impl Client {
    /// Sends a command and returns what QEMU returns.
    pub(super) async fn call(
        &self,
        command: &'static str,
        arguments: Option<Value>,
    ) -> Result<Value, BackendError> {
        let (answer, answered) = oneshot::channel();
        let call = Call {
            command,
            arguments,
            answer,
        };
        let exchange = async {
            self.calls.send(call).await.map_err(|_| ())?;
            answered.await.map_err(|_| ())
        };
        match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(Ok(Ok(value))) => Ok(value),
            Ok(Ok(Err(reason))) => Err(BackendError::Refused {
                program: PROGRAM,
                command: command.to_owned(),
                reason,
            }),
            Ok(Err(())) => Err(match self.fault.get() {
                Some(what) => protocol(command, what.clone()),
                None => disconnected(command),
            }),
            Err(_) => Err(BackendError::TimedOut {
                what: format!("QEMU's answer to `{command}`"),
                after: PATIENCE,
            }),
        }
    }
}

/// The owner of the connection.
struct Task<R, W> {
    lines: Lines<R>,
    writer: W,
    /// Calls without an answer yet: command and where the answer goes.
    pending: BTreeMap<u64, (&'static str, Answer)>,
    events: mpsc::Sender<MachineEvent>,
    last_id: u64,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Task<R, W> {
    /// Serves until QEMU closes the connection, breaks the protocol, or nobody is left who cares.
    /// Calls that are pending then see their answer's sender dropped.
    async fn serve(mut self, mut calls: mpsc::Receiver<Call>, fault: Arc<OnceLock<String>>) {
        let mut callers = true;
        loop {
            tokio::select! {
                call = calls.recv(), if callers => match call {
                    Some(call) => if self.send(call).await.is_err() { return },
                    None => callers = false,
                },
                () = self.events.closed(), if !callers => return,
                line = self.lines.next() => match line {
                    Ok(Some(line)) => match parse(&line) {
                        Ok(message) => self.take(message).await,
                        Err(what) => { let _ = fault.set(what); return }
                    },
                    Ok(None) => return,
                    Err(error) => {
                        if error.kind() == io::ErrorKind::InvalidData {
                            let _ = fault.set(error.to_string());
                        }
                        return;
                    }
                },
            }
        }
    }

    async fn send(&mut self, call: Call) -> io::Result<()> {
        self.last_id += 1;
        let mut message = json!({ "execute": call.command, "id": self.last_id });
        if let Some(arguments) = call.arguments {
            message["arguments"] = arguments;
        }
        self.pending
            .insert(self.last_id, (call.command, call.answer));
        self.writer
            .write_all(format!("{message}\r\n").as_bytes())
            .await?;
        self.writer.flush().await
    }

    async fn take(&mut self, mut message: Value) {
        if let Some(event) = events::read(&message) {
            // A halt that we asked for is told before its answer.
            let ours = |command| {
                self.pending
                    .values()
                    .any(|(pending, _)| *pending == command)
            };
            let expected = match event {
                MachineEvent::Paused => ours("stop"),
                MachineEvent::Resumed => ours("cont"),
                MachineEvent::Ending(_) => false,
            };
            if !expected {
                // Nobody listening is no reason to stop answering.
                let _ = self.events.send(event).await;
            }
            return;
        }
        let Some((_, answer)) = message
            .get("id")
            .and_then(Value::as_u64)
            .and_then(|id| self.pending.remove(&id))
        else {
            // Events that we do not know, and answers that nobody asked for.
            return;
        };
        let result = match message.get("error") {
            Some(error) => Err(error
                .get("desc")
                .and_then(Value::as_str)
                .map_or_else(|| excerpt(&error.to_string()), excerpt)),
            None => Ok(message.get_mut("return").map_or(Value::Null, Value::take)),
        };
        // The caller may have gone.
        let _ = answer.send(result);
    }
}

/// Lines of bounded length. [`Self::next`] loses nothing when it is dropped half-way.
struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Up to where the buffer is known to hold no newline.
    searched: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            searched: 0,
        }
    }

    /// The next line without its end; `None` at the end of the stream, where half a line is lost.
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let unsearched = &self.buffer[self.searched..];
            if let Some(at) = unsearched.iter().position(|&byte| byte == b'\n') {
                let rest = self.buffer.split_off(self.searched + at + 1);
                let line = std::mem::replace(&mut self.buffer, rest);
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.buffer.len();
            if self.searched > LONGEST_LINE {
                let what = format!("a line longer than {LONGEST_LINE} bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            self.buffer.reserve(4096);
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}

fn parse(line: &[u8]) -> Result<Value, String> {
    let line = line.trim_ascii();
    match serde_json::from_slice(line) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(excerpt(&String::from_utf8_lossy(line))),
    }
}

fn version(server: &Value) -> Option<String> {
    let qemu = server.pointer("/version/qemu")?;
    let part = |name| qemu.get(name).and_then(Value::as_u64);
    Some(format!(
        "{}.{}.{}",
        part("major")?,
        part("minor")?,
        part("micro")?
    ))
}

/// The beginning of a text of the peer, fit for an error message.
fn excerpt(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

fn protocol(command: &str, what: String) -> BackendError {
    BackendError::Protocol {
        program: PROGRAM,
        command: command.to_owned(),
        what,
    }
}

fn disconnected(command: &str) -> BackendError {
    BackendError::Disconnected {
        program: PROGRAM,
        command: command.to_owned(),
    }
}

#[cfg(test)]
#[path = "qmp_tests.rs"]
mod tests;
