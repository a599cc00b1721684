//! Lines out of the bytes that come from the host, and lines that wait for it. No I/O.

use super::wire::{LONGEST_LINE, Request};

/// What may wait for a host that does not read, in bytes; a line that would pass it is dropped.
pub(crate) const LONGEST_BACKLOG: usize = 64 * 1024;

/// Both directions of one conversation.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    incoming: Vec<u8>,
    /// The line that is being read was too long: what follows up to its end belongs to it.
    skipping: bool,
    outgoing: Vec<u8>,
}

impl Lines {
    /// Queues a line, its newline included.
    pub(crate) fn queue(&mut self, line: &str) {
        if self.outgoing.len() + line.len() <= LONGEST_BACKLOG {
            self.outgoing.extend_from_slice(line.as_bytes());
        }
    }

    /// What waits to be written.
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.outgoing
    }

    /// Notes that the first `count` bytes of what waited are written.
    pub(crate) fn written(&mut self, count: usize) {
        self.outgoing.drain(..count.min(self.outgoing.len()));
    }

    /// The host is gone, and with it the rest of its line.
    pub(crate) fn cut(&mut self) {
        self.incoming.clear();
        self.skipping = false;
    }

    /// Takes bytes of the host's and appends the requests that they complete.
    pub(crate) fn take(&mut self, bytes: &[u8], requests: &mut Vec<Request>) {
        for &byte in bytes {
            if byte == b'\n' {
                if !std::mem::take(&mut self.skipping) {
                    let line = String::from_utf8_lossy(&self.incoming);
                    requests.extend(Request::parse(&line));
                }
                self.incoming.clear();
            } else if self.incoming.len() < LONGEST_LINE {
                self.incoming.push(byte);
            } else {
                self.skipping = true;
            }
        }
    }
}
