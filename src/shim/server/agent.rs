//! The shim's end of the agent's channel: JSON lines, the far end hostile.

use std::collections::VecDeque;
use std::io;

use tokio::net::{UnixListener, UnixStream};

use super::owner::accept;
use crate::backends::AgentChannel;
use crate::guest::agent::{FromAgent, PROTOCOL, ToAgent};

/// A longer line is no line of the agent's and is passed over.
const LONGEST_LINE: usize = 64 * 1024;

/// What is not yet written to a guest that does not read; what would go beyond is not said.
const LONGEST_QUEUE: usize = 4096;

/// The channel: one conversation after the other, where the guest calls us, else one that lives as
/// long as the VMM's process, whatever the agent does.
#[derive(Debug)]
pub(super) struct Agent {
    calls: Option<UnixListener>,
    stream: Option<UnixStream>,
    lines: Lines,
    queue: VecDeque<u8>,
    spoke: bool,
}

impl Agent {
    pub(super) fn new(channel: AgentChannel) -> Self {
        let (calls, stream) = match channel {
            AgentChannel::Standing(stream) => (None, Some(stream)),
            AgentChannel::Calls(calls) => (Some(calls), None),
        };
        Self {
            calls,
            stream,
            lines: Lines::default(),
            queue: VecDeque::new(),
            spoke: false,
        }
    }

    /// Whether an agent ever said something here: the channel itself is there without one.
    pub(super) fn spoke(&self) -> bool {
        self.spoke
    }

    /// Asks who is there: after an adoption, when its *ready* may have been missed.
    pub(super) fn hello(&mut self) {
        self.say(&ToAgent::Hello { protocol: PROTOCOL });
    }

    /// Says something; a guest that does not listen misses it.
    pub(super) fn say(&mut self, what: &ToAgent) {
        let Ok(mut line) = serde_json::to_vec(what) else {
            return;
        };
        line.push(b'\n');
        if self.queue.len() + line.len() <= LONGEST_QUEUE {
            self.queue.extend(line);
            self.write();
        }
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
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Vec<FromAgent> {
        let Some(stream) = &self.stream else {
            return Vec::new();
        };
        match stream.try_read(buffer) {
            Ok(0) => self.hang_up(),
            Ok(length) => {
                let said = self.lines.take(&buffer[..length]);
                self.spoke |= !said.is_empty();
                return said;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.hang_up(),
        }
        Vec::new()
    }

    /// Writes what is waiting, as far as the guest takes it.
    pub(super) fn write(&mut self) {
        while !self.queue.is_empty() {
            let Some(stream) = &self.stream else { return };
            match stream.try_write(self.queue.as_slices().0) {
                Ok(length) => drop(self.queue.drain(..length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => return self.hang_up(),
            }
        }
    }

    /// Half a line, in either direction, is of no use to the next conversation.
    fn hang_up(&mut self) {
        self.stream = None;
        self.lines = Lines::default();
        self.queue.clear();
    }
}

/// Lines out of bytes.
#[derive(Debug, Default)]
struct Lines {
    partial: Vec<u8>,
    /// The line under way is too long: what is left of it is passed over.
    skipping: bool,
}

impl Lines {
    fn take(&mut self, bytes: &[u8]) -> Vec<FromAgent> {
        let mut said = Vec::new();
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            if self.partial.len() + piece.len() > LONGEST_LINE {
                self.skipping = true;
                self.partial = Vec::new();
            }
            if !self.skipping {
                self.partial.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                // What is no line of the agent's is a newer one's, or noise.
                said.extend(serde_json::from_slice::<FromAgent>(&self.partial).ok());
                self.partial.clear();
                self.skipping = false;
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: &[u8] = b"{\"say\":\"ready\",\"protocol\":1,\"version\":\"0.1\"}\n";

    #[test]
    fn the_agent_is_understood_amid_noise_and_however_its_lines_are_split() {
        let mut bytes = b"\xff\xfe\x00garbage\n{}\n{\"say\":\"warp\"}\n\n[[[\n".to_vec();
        bytes.extend(vec![b'x'; 3 * LONGEST_LINE]);
        bytes.push(b'\n');
        bytes.extend(READY);
        bytes.extend(vec![b'{'; LONGEST_LINE]);
        bytes.extend(b"\n{\"say\":\"ack\",\"what\":\"power_off\"}\n");
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..20 {
            let mut lines = Lines::default();
            let mut said = Vec::new();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (piece, tail) = rest.split_at(random.usize(1..=rest.len().min(5000)));
                said.extend(lines.take(piece));
                assert!(lines.partial.len() <= LONGEST_LINE);
                rest = tail;
            }
            assert_eq!(said.len(), 2, "{said:?}");
            assert!(matches!(said[0], FromAgent::Ready { protocol: 1, .. }));
            assert_eq!(
                said[1],
                FromAgent::Ack {
                    what: "power_off".to_owned()
                }
            );
        }
    }

    #[tokio::test]
    async fn a_guest_that_never_reads_costs_a_bounded_queue_and_no_wait() {
        let (ours, _theirs) = tokio::net::UnixStream::pair().unwrap();
        let mut agent = Agent::new(AgentChannel::Standing(ours));
        for _ in 0..100_000 {
            agent.hello();
        }
        assert!(agent.queue.len() <= LONGEST_QUEUE);
    }

    #[tokio::test]
    async fn a_guest_may_call_late_and_again_and_is_asked_who_it_is_each_time() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent");
        let mut agent = Agent::new(AgentChannel::Calls(UnixListener::bind(&path).unwrap()));
        agent.say(&ToAgent::PowerOff);
        let mut buffer = [0; 4096];
        for (call, heard) in [
            "{\"say\":\"hello\",\"protocol\":1}\n{\"say\":\"power_off\"}\n",
            "{\"say\":\"hello\",\"protocol\":1}\n",
        ]
        .into_iter()
        .enumerate()
        {
            let mut guest = UnixStream::connect(&path).await.unwrap();
            agent.ready().await;
            agent.write();
            let mut said = vec![0; heard.len()];
            guest.read_exact(&mut said).await.unwrap();
            assert_eq!(String::from_utf8(said).unwrap(), heard, "call {call}");
            guest.write_all(READY).await.unwrap();
            // Half a line is left behind.
            guest.write_all(b"{\"say\":").await.unwrap();
            drop(guest);
            let mut said = Vec::new();
            while agent.stream.is_some() {
                agent.ready().await;
                said.extend(agent.read(&mut buffer));
            }
            assert_eq!(said.len(), 1, "call {call}: {said:?}");
        }
    }
}
