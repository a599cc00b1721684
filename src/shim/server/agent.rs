//! The shim's end of the agent's channel: lines of JSON and frames, the far end hostile.

use std::collections::VecDeque;
use std::io;

use tokio::net::{UnixListener, UnixStream};

use super::clients::ClientId;
use super::owner::accept;
use super::streams::{Relayed, Streams};
use crate::backends::AgentChannel;
use crate::guest::agent::{FRAMES, FromAgent, PROTOCOL, ToAgent};
use crate::guest::protocol::NOT_READY;
use crate::guest::protocol::frame::{Decoder, FLUSH, Incoming};
use crate::guest::protocol::message::End;
use crate::shim::protocol::Piece;

/// A longer line is no line of the agent's and is passed over.
const LONGEST_LINE: usize = 64 * 1024;

/// Lines that are not yet written to a guest that does not read, in bytes; what would go beyond is
/// not said. Of streams no more waits than their windows.
const LONGEST_QUEUE: usize = 4096;

/// What a stream comes to that is opened too early.
fn not_ready() -> End {
    End::Failed {
        code: NOT_READY,
        why: "the agent in the guest does not answer yet".to_owned(),
    }
}

/// The channel: one conversation after the other, where the guest calls us, else one that lives as
/// long as the VMM's process, whatever the agent does.
#[derive(Debug)]
pub(super) struct Agent {
    calls: Option<UnixListener>,
    stream: Option<UnixStream>,
    incoming: Decoder,
    queue: VecDeque<u8>,
    /// How much of the queue may be lines.
    lines: usize,
    spoke: bool,
    session: Session,
    streams: Streams,
}

/// How far we are with the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Session {
    /// It has not answered the hello with this number.
    Asked(u64),
    /// Frames flow.
    Agreed,
    /// It knows none.
    TooOld,
}

/// What the agent said.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) lines: Vec<FromAgent>,
    /// For clients.
    pub(super) pieces: Vec<(ClientId, Piece)>,
}

impl Agent {
    /// Begins to talk; `anew` where an agent may be amid a conversation with another shim.
    pub(super) fn new(channel: AgentChannel, anew: bool) -> Self {
        let (calls, stream) = match channel {
            AgentChannel::Standing(stream) => (None, Some(stream)),
            AgentChannel::Calls(calls) => (Some(calls), None),
        };
        let mut agent = Self {
            calls,
            stream,
            incoming: Decoder::new(LONGEST_LINE),
            queue: VecDeque::new(),
            lines: 0,
            spoke: false,
            session: Session::Asked(0),
            streams: Streams::default(),
        };
        if agent.stream.is_some() {
            if anew {
                agent.queue.extend(FLUSH);
            }
            agent.hello();
        }
        agent
    }

    /// Whether an agent ever said something here: the channel itself is there without one.
    pub(super) fn spoke(&self) -> bool {
        self.spoke
    }

    /// Asks who is there and begins a session. An agent that is not ready answers when it is.
    fn hello(&mut self) {
        let session = fastrand::u64(1..);
        self.session = Session::Asked(session);
        self.incoming.expect_lines();
        self.say(&ToAgent::Hello {
            protocol: PROTOCOL,
            session: Some(session),
        });
    }

    /// Says something; a guest that does not listen misses it.
    pub(super) fn say(&mut self, what: &ToAgent) {
        let Ok(mut line) = serde_json::to_vec(what) else {
            return;
        };
        line.push(b'\n');
        if self.queue.is_empty() {
            self.lines = 0;
        }
        if self.lines + line.len() <= LONGEST_QUEUE {
            self.lines += line.len();
            self.queue.extend(line);
            self.write();
        }
    }

    /// A client says something on a stream; what it is to hear at once comes back. `expected` is
    /// whether an agent will answer yet.
    pub(super) fn relay(
        &mut self,
        client: ClientId,
        piece: &Piece,
        expected: bool,
    ) -> Vec<(ClientId, Piece)> {
        let relayed = match self.session {
            Session::Agreed => self.streams.hear_client(client, piece),
            Session::TooOld => Relayed::refused(
                client,
                piece.stream,
                "the agent in this guest is older than this program: build the image again and make a new VM of it",
            ),
            Session::Asked(_) if !expected => {
                Relayed::refused(client, piece.stream, super::relay::NO_AGENT)
            }
            Session::Asked(_) => Relayed::ended(client, piece.stream, not_ready()),
        };
        self.pass(relayed)
    }

    /// A client is gone.
    pub(super) fn forget(&mut self, client: ClientId) {
        let relayed = self.streams.forget(client);
        self.pass(relayed);
    }

    /// Ends all streams; what their clients are to hear.
    pub(super) fn end_streams(&mut self, why: &str) -> Vec<(ClientId, Piece)> {
        self.streams.end_all(why).to_clients
    }

    fn pass(&mut self, relayed: Relayed) -> Vec<(ClientId, Piece)> {
        self.queue.extend(relayed.to_guest);
        self.write();
        relayed.to_clients
    }

    /// Resolves when [`Self::read`] or [`Self::write`] has something to do. Takes the next call when
    /// there is no conversation; while there is one, others wait.
    pub(super) async fn ready(&mut self) {
        let Some(stream) = &self.stream else {
            let Some(calls) = &self.calls else {
                return std::future::pending().await;
            };
            self.stream = Some(accept(calls).await);
            // Who calls is asked who it is, before what has waited for somebody to call.
            let waiting = std::mem::take(&mut self.queue);
            self.hello();
            self.queue.extend(waiting);
            return;
        };
        let interest = if self.queue.is_empty() {
            tokio::io::Interest::READABLE
        } else {
            tokio::io::Interest::READABLE | tokio::io::Interest::WRITABLE
        };
        // An error shows again when it is read.
        let _ = stream.ready(interest).await;
    }

    /// Reads what is there and returns what the agent said.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Said {
        let mut said = Said::default();
        let Some(stream) = &self.stream else {
            return said;
        };
        match stream.try_read(buffer) {
            Ok(0) => self.hang_up(&mut said),
            Ok(length) => {
                self.incoming.push(&buffer[..length]);
                self.hear(&mut said);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.hang_up(&mut said),
        }
        said
    }

    fn hear(&mut self, said: &mut Said) {
        let mut to_guest = Vec::new();
        loop {
            match self.incoming.next() {
                None => break,
                Some(Incoming::Frame(frame)) => {
                    let relayed = self.streams.hear_agent(&frame);
                    to_guest.extend(relayed.to_guest);
                    said.pieces.extend(relayed.to_clients);
                }
                Some(Incoming::Line(line)) => {
                    // What is no line of the agent's is a newer one's, or noise.
                    let Ok(line) = serde_json::from_slice::<FromAgent>(line) else {
                        continue;
                    };
                    self.spoke = true;
                    if let FromAgent::Ready {
                        protocol, session, ..
                    } = &line
                    {
                        let (protocol, session) = (*protocol, *session);
                        self.greeted(protocol, session, said);
                    }
                    said.lines.push(line);
                }
            }
        }
        if self.incoming.is_lost() && self.session == Session::Agreed {
            // It was cut off within a frame.
            let ended = self.end_streams(super::relay::AGENT_GONE);
            said.pieces.extend(ended);
            self.hello();
        }
        self.queue.extend(to_guest);
        self.write();
    }

    /// An agent says *ready*, ours or one that has just come.
    fn greeted(&mut self, protocol: u32, session: Option<u64>, said: &mut Said) {
        match self.session {
            Session::Asked(asked) if session == Some(asked) => {
                self.session = Session::Agreed;
                self.incoming.expect_frames();
            }
            _ if protocol < FRAMES => self.session = Session::TooOld,
            // It has not heard our hello, which waits for it where it has just begun to listen. One
            // that we have agreed with has forgotten us.
            Session::Asked(_) | Session::TooOld => {}
            Session::Agreed => {
                said.pieces
                    .extend(self.end_streams(super::relay::AGENT_GONE));
                self.hello();
            }
        }
    }

    /// Writes what is waiting, as far as the guest takes it.
    pub(super) fn write(&mut self) {
        while !self.queue.is_empty() {
            let Some(stream) = &self.stream else { return };
            match stream.try_write(self.queue.as_slices().0) {
                Ok(length) => drop(self.queue.drain(..length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // It shows again when it is read.
                Err(_) => return self.queue.clear(),
            }
        }
    }

    /// Half a line, in either direction, is of no use to the next conversation.
    fn hang_up(&mut self, said: &mut Said) {
        self.stream = None;
        self.incoming.cut();
        self.queue.clear();
        self.lines = 0;
        said.pieces
            .extend(self.end_streams(super::relay::AGENT_GONE));
    }
}

#[cfg(test)]
#[path = "tests/agent.rs"]
mod tests;
