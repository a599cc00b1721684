//! Streams between clients and the guest's agent: the shim passes their pieces on and holds both
//! ends to the room that the other has given.
//!
//! Neither end can fill the shim: output of the guest that a client has no room for ends the stream,
//! and so does input of a client beyond the agent's window.

use std::collections::BTreeMap;

use super::clients::ClientId;
use crate::guest::protocol::frame::{Frame, LONGEST_PAYLOAD};
use crate::guest::protocol::message::{End, Message};
use crate::guest::protocol::{INPUT_WINDOW, MOST_STREAMS, OUTPUT_WINDOW};
use crate::shim::protocol::Piece;

/// All streams of a session, by the number that the agent knows them by.
#[derive(Debug, Default)]
pub(super) struct Streams {
    open: BTreeMap<u32, Relay>,
    last: u32,
}

#[derive(Debug)]
struct Relay {
    client: ClientId,
    /// The client's number for it.
    theirs: u32,
    /// How many bytes the guest may still send.
    to_client: u32,
    /// How many bytes the client may still send.
    to_guest: u32,
}

/// What is to be passed on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Relayed {
    /// For the agent, as bytes of its protocol.
    pub(super) to_guest: Vec<u8>,
    pub(super) to_clients: Vec<(ClientId, Piece)>,
}

impl Relayed {
    /// The stream comes to nothing, and its client hears why.
    pub(super) fn refused(client: ClientId, stream: u32, why: &str) -> Self {
        Self::ended(client, stream, End::failed(why))
    }

    /// The same with an exit code of its own.
    pub(super) fn ended(client: ClientId, stream: u32, end: End) -> Self {
        let piece = Piece::new(stream, &Message::End(end));
        Self {
            to_clients: vec![(client, piece)],
            ..Self::default()
        }
    }

    fn end(&mut self, client: ClientId, stream: u32, why: &str) {
        let end = Message::End(End::failed(why));
        self.to_clients.push((client, Piece::new(stream, &end)));
    }

    fn say(&mut self, id: u32, message: &Message<'_>) {
        // None of what the shim says of itself is long.
        let _ = message.encode(id, &mut self.to_guest);
    }

    fn pass(&mut self, id: u32, piece: &Piece) {
        let frame = Frame {
            kind: piece.kind,
            stream: id,
            payload: &piece.payload,
        };
        frame.encode(&mut self.to_guest);
    }
}

impl Streams {
    /// A client says something on a stream of its.
    pub(super) fn hear_client(&mut self, client: ClientId, piece: &Piece) -> Relayed {
        let mut relayed = Relayed::default();
        let stream = piece.stream;
        let known = self
            .open
            .iter()
            .find(|(_, relay)| (relay.client, relay.theirs) == (client, stream))
            .map(|(&id, _)| id);
        let message = piece
            .message()
            .filter(|_| piece.payload.len() <= LONGEST_PAYLOAD);
        match (message, known) {
            (Some(Message::Open(open)), None) => {
                if self.open.len() >= MOST_STREAMS {
                    let why = format!("{MOST_STREAMS} streams to this guest are open already");
                    return Relayed::refused(client, stream, &why);
                }
                let id = self.free_id();
                let relay = Relay {
                    client,
                    theirs: stream,
                    to_client: open.credit,
                    to_guest: INPUT_WINDOW,
                };
                if open.credit > OUTPUT_WINDOW {
                    let why = "the stream asks for more than a window at once";
                    return Relayed::refused(client, stream, why);
                }
                self.open.insert(id, relay);
                relayed.pass(id, piece);
            }
            (None, None) => {
                relayed.end(client, stream, "the shim does not understand this stream");
            }
            (Some(message), Some(id)) => self.on(id, &message, piece, &mut relayed),
            // It has ended, and the client does not know yet.
            (Some(_), None) | (None, Some(_)) => {}
        }
        relayed
    }

    fn on(&mut self, id: u32, message: &Message<'_>, piece: &Piece, relayed: &mut Relayed) {
        let Some(relay) = self.open.get_mut(&id) else {
            return;
        };
        match message {
            Message::Data(bytes) => {
                let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                match relay.to_guest.checked_sub(length) {
                    Some(left) => relay.to_guest = left,
                    None => return self.break_off(id, "there was no room for its input", relayed),
                }
            }
            Message::Credit(more) => match relay.to_client.checked_add(*more) {
                Some(room @ ..=OUTPUT_WINDOW) => relay.to_client = room,
                _ => return self.break_off(id, "it asked for more than a window", relayed),
            },
            Message::Close => drop(self.open.remove(&id)),
            Message::Eof | Message::Signal(_) | Message::Resize { .. } => {}
            // Nothing that a client says.
            Message::Open(_) | Message::Errors(_) | Message::End(_) => return,
        }
        relayed.pass(id, piece);
    }

    /// The agent says something on a stream.
    pub(super) fn hear_agent(&mut self, frame: &Frame<'_>) -> Relayed {
        let mut relayed = Relayed::default();
        let id = frame.stream;
        let Some(relay) = self.open.get_mut(&id) else {
            // It was closed, and the agent did not know yet.
            return relayed;
        };
        match Message::decode(frame) {
            Some(Message::Data(bytes) | Message::Errors(bytes)) => {
                let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                let Some(left) = relay.to_client.checked_sub(length) else {
                    let why = "the guest sent more than there was room for";
                    self.break_off(id, why, &mut relayed);
                    return relayed;
                };
                relay.to_client = left;
            }
            Some(Message::Credit(more)) => match relay.to_guest.checked_add(more) {
                Some(room @ ..=INPUT_WINDOW) => relay.to_guest = room,
                _ => return relayed,
            },
            Some(Message::End(_)) => {}
            _ => return relayed,
        }
        let piece = Piece {
            stream: relay.theirs,
            kind: frame.kind,
            payload: frame.payload.to_vec(),
        };
        relayed.to_clients.push((relay.client, piece));
        if matches!(Message::decode(frame), Some(Message::End(_))) {
            self.open.remove(&id);
        }
        relayed
    }

    /// A client is gone: what runs for it is of no interest any more.
    pub(super) fn forget(&mut self, client: ClientId) -> Relayed {
        let mut relayed = Relayed::default();
        self.open.retain(|&id, relay| {
            let stays = relay.client != client;
            if !stays {
                relayed.say(id, &Message::Close);
            }
            stays
        });
        relayed
    }

    /// Nothing more comes of any stream, for this reason.
    pub(super) fn end_all(&mut self, why: &str) -> Relayed {
        let mut relayed = Relayed::default();
        for relay in std::mem::take(&mut self.open).into_values() {
            relayed.end(relay.client, relay.theirs, why);
        }
        relayed
    }

    fn break_off(&mut self, id: u32, why: &str, relayed: &mut Relayed) {
        if let Some(relay) = self.open.remove(&id) {
            relayed.say(id, &Message::Close);
            relayed.end(
                relay.client,
                relay.theirs,
                &format!("the stream was broken off: {why}"),
            );
        }
    }

    fn free_id(&mut self) -> u32 {
        loop {
            self.last = self.last.wrapping_add(1);
            if !self.open.contains_key(&self.last) {
                return self.last;
            }
        }
    }
}

#[cfg(test)]
#[path = "tests/streams.rs"]
mod tests;
