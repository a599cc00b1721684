//! What is to be written to the guest's serial line, in order and without loss.

use std::collections::VecDeque;
use std::io;

use super::clients::Typed;
use crate::backends::Line;

/// Replies of the terminal that the guest has not taken; beyond, they are left out, as a guest that
/// asks and does not read wants none.
const MOST_REPLIES: usize = 4096;

/// The queue. What clients type is bounded by their credits, what the terminal replies here.
#[derive(Debug, Default)]
pub(super) struct Typing {
    queue: VecDeque<Typed>,
    /// Bytes of the first piece that are written already.
    written: usize,
}

impl Typing {
    /// Types a client's piece.
    pub(super) fn push(&mut self, typed: Typed) {
        if !typed.bytes.is_empty() {
            self.queue.push_back(typed);
        }
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
            self.push(Typed {
                bytes,
                credit: None,
            });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The guest is gone, and with it what it has not taken.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Writes as much as the line takes now.
    pub(super) fn write(&mut self, line: &Line) -> io::Result<()> {
        while let Some(first) = self.queue.front() {
            match line.try_write(&first.bytes[self.written..]) {
                Ok(length) => self.written += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            if self.written >= first.bytes.len() {
                self.queue.pop_front();
                self.written = 0;
            }
        }
        Ok(())
    }
}
