//! The client's end of a stream to the guest's agent.

use super::client::{Client, Listener, Talker};
use super::protocol::{ClientFrame, Piece, STREAMS, ServerFrame};
use crate::fault::{Code, Failure};
use crate::guest::protocol::message::{End, Message, Open, Task};
use crate::guest::protocol::{INPUT_WINDOW, OUTPUT_WINDOW};

/// A stream, on a connection of its own.
#[derive(Debug)]
pub(crate) struct Stream {
    listener: Listener,
    talker: Talker,
    /// How many bytes of input the agent has room for.
    room: u32,
    /// How many bytes of output were taken and not yet granted again.
    taken: u32,
}

/// What the agent says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Output.
    Output(Vec<u8>),
    /// Output on standard error.
    Errors(Vec<u8>),
    /// There is more room for input.
    Room,
    /// The last word.
    End(End),
}

/// The only stream of its connection.
const ID: u32 = 1;

impl Stream {
    /// Opens a stream; whether anything comes of it, its [`Said::End`] tells.
    pub(crate) async fn open(client: Client, task: Task) -> Result<Self, Failure> {
        if client.protocol() < STREAMS {
            let message = "the shim of this VM is older than this program and knows no commands";
            return Err(Failure::new(Code::Refused, message)
                .with_hint("restart the VM to give it a newer one"));
        }
        let open = Open {
            credit: OUTPUT_WINDOW,
            task,
        };
        let mut fits = Vec::new();
        let message = Message::Open(open);
        if message.encode(ID, &mut fits).is_none() {
            return Err(Failure::new(
                Code::InvalidInput,
                "the command, its arguments and its environment are too long: 32 KiB are allowed",
            ));
        }
        let (listener, talker) = client.split();
        let mut stream = Self {
            listener,
            talker,
            room: INPUT_WINDOW,
            taken: 0,
        };
        stream.say(&message).await?;
        Ok(stream)
    }

    /// What comes next. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Said, Failure> {
        loop {
            let piece = match self.listener.next().await? {
                Some(ServerFrame::Stream(piece)) if piece.stream == ID => piece,
                Some(_) => continue,
                None => {
                    let failure = Failure::new(Code::NotRunning, "the shim of this VM ended");
                    return Err(failure);
                }
            };
            match piece.message() {
                Some(Message::Data(bytes)) => return Ok(Said::Output(bytes.to_vec())),
                Some(Message::Errors(bytes)) => return Ok(Said::Errors(bytes.to_vec())),
                Some(Message::Credit(more)) => {
                    self.room = self.room.saturating_add(more);
                    return Ok(Said::Room);
                }
                Some(Message::End(end)) => return Ok(Said::End(end)),
                // A newer agent's.
                _ => {}
            }
        }
    }

    /// So many bytes of output are out of the way: there is room for more.
    pub(crate) async fn took(&mut self, count: usize) -> Result<(), Failure> {
        self.taken += u32::try_from(count).unwrap_or(0);
        if self.taken >= OUTPUT_WINDOW / 4 {
            let more = std::mem::take(&mut self.taken);
            self.say(&Message::Credit(more)).await?;
        }
        Ok(())
    }

    /// How many bytes may be sent now.
    pub(crate) fn room(&self) -> usize {
        self.room as usize
    }

    /// Sends input, for which there must be room.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.room -= u32::try_from(bytes.len()).unwrap_or(0).min(self.room);
        for chunk in bytes.chunks(crate::guest::protocol::frame::LONGEST_PAYLOAD) {
            self.say(&Message::Data(chunk)).await?;
        }
        Ok(())
    }

    /// Says anything else.
    pub(crate) async fn say(&mut self, message: &Message<'_>) -> Result<(), Failure> {
        let piece = Piece::new(ID, message);
        Ok(self.talker.say(ClientFrame::Stream(piece)).await?)
    }
}
