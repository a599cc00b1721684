//! What is to be written to the guest's serial line, in order and without loss.

use std::collections::VecDeque;
use std::io;

use tokio::sync::OwnedSemaphorePermit;

use super::clients::ClientId;
use crate::backends::Line;

/// Replies of the terminal that the guest has not taken; beyond, they are left out, as a guest that
/// asks and does not read wants none.
const MOST_REPLIES: usize = 4096;

/// Bytes for the guest; its client may type more once they are dropped.
#[derive(Debug)]
pub(super) struct Typed {
    pub(super) bytes: Vec<u8>,
    pub(super) credit: Option<OwnedSemaphorePermit>,
    /// Who is to be told when the guest has taken them.
    pub(super) asker: Option<(ClientId, u64)>,
}

impl Typed {
    /// Bytes that nobody waits for.
    pub(super) fn new(bytes: Vec<u8>, credit: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            bytes,
            credit,
            asker: None,
        }
    }
}

/// The queue. What clients type is bounded by their credits, what the terminal replies here.
#[derive(Debug, Default)]
pub(super) struct Typing {
    queue: VecDeque<Typed>,
    /// Bytes of the first piece that are written already.
    written: usize,
    /// Nothing is written until something else was sent, which must come first.
    is_held: bool,
}

impl Typing {
    /// Types a client's piece. An empty one is taken when all before it is.
    pub(super) fn push(&mut self, typed: Typed) {
        self.queue.push_back(typed);
    }

    /// Types a reply of the terminal.
    pub(super) fn reply(&mut self, bytes: Vec<u8>) {
        let waiting: usize = self
            .queue
            .iter()
            .filter(|piece| piece.credit.is_none())
            .map(|piece| piece.bytes.len())
            .sum();
        if waiting + bytes.len() <= MOST_REPLIES {
            self.push(Typed::new(bytes, None));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether it is written when the line takes it.
    pub(super) fn wants_line(&self) -> bool {
        !self.is_empty() && !self.is_held
    }

    /// Nothing is written from now on; only while the queue is empty, so that no piece is cut.
    pub(super) fn hold(&mut self) {
        self.is_held = true;
    }

    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }

    /// It goes on, after `first`.
    pub(super) fn release(&mut self, first: Option<Typed>) {
        self.is_held = false;
        if let Some(first) = first {
            self.queue.push_front(first);
        }
    }

    /// The guest is gone, and with it what it has not taken; returns who waits in vain.
    pub(super) fn clear(&mut self) -> Vec<(ClientId, u64)> {
        let queue = std::mem::take(self).queue;
        queue.into_iter().filter_map(|piece| piece.asker).collect()
    }

    /// Writes as much as the line takes now; `taken` hears who is to be told so.
    pub(super) fn write(
        &mut self,
        line: &Line,
        mut taken: impl FnMut((ClientId, u64)),
    ) -> io::Result<()> {
        while let Some(first) = self.queue.front().filter(|_| !self.is_held) {
            let rest = &first.bytes[self.written..];
            match if rest.is_empty() {
                Ok(0)
            } else {
                line.try_write(rest)
            } {
                Ok(length) => self.written += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            if self.written >= first.bytes.len() {
                let asker = self.queue.pop_front().and_then(|piece| piece.asker);
                self.written = 0;
                if let Some(asker) = asker {
                    taken(asker);
                }
            }
        }
        Ok(())
    }
}
