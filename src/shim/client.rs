//! The client half: connect to a VM's shim, ask, listen.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::protocol::codec::{Decoder, Frame, Incoming};
use super::protocol::{Answer, ClientFrame, PROTOCOL, Request, ServerFrame};
use crate::fault::{Code, Failure, Fault};
use crate::vm::VmName;

/// The socket of a shim in its VM's run directory.
pub const SOCKET: &str = "shim.sock";

/// How long a shim may take to say hello. Its one task answers within milliseconds.
const HELLO_DEADLINE: Duration = Duration::from_secs(5);

/// Why talking to a shim failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("could not reach the shim of `{name}` at `{}`", path.display())]
    Unreachable {
        /// Whose shim.
        name: VmName,
        /// Its socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The connection ended.
    #[error("the shim of `{0}` closed the connection")]
    Closed(VmName),
    /// A frame that makes no sense.
    #[error("the shim of `{name}` said something unexpected: {what}")]
    Protocol {
        /// Whose shim.
        name: VmName,
        /// What it said.
        what: String,
    },
}

impl Fault for ClientError {
    fn code(&self) -> Code {
        match self {
            Self::Unreachable { .. } | Self::Closed(_) => Code::NotRunning,
            Self::Protocol { .. } => Code::RuntimeError,
        }
    }
}

/// A connection to one shim. Use one for operations, another for the console.
#[derive(Debug)]
pub struct Client {
    listener: Listener,
    talker: Talker,
    protocol: u32,
    next_id: u64,
}

/// The half that listens.
#[derive(Debug)]
pub struct Listener {
    name: VmName,
    reader: OwnedReadHalf,
    decoder: Decoder,
}

/// The half that talks.
#[derive(Debug)]
pub struct Talker {
    name: VmName,
    writer: OwnedWriteHalf,
}

impl Client {
    /// Connects to `shim.sock` in `run_dir` and exchanges hellos.
    pub async fn connect(name: &VmName, run_dir: &Path) -> Result<Self, ClientError> {
        let path = run_dir.join(SOCKET);
        let unreachable = |source| ClientError::Unreachable {
            name: name.clone(),
            path: path.clone(),
            source,
        };
        let stream = UnixStream::connect(&path).await.map_err(unreachable)?;
        let peer = stream.peer_cred().map_err(unreachable)?.uid();
        if !is_trusted(peer) {
            return Err(unreachable(std::io::Error::other(format!(
                "it belongs to user {peer}"
            ))));
        }
        let (reader, writer) = stream.into_split();
        let mut listener = Listener {
            name: name.clone(),
            reader,
            decoder: Decoder::default(),
        };
        let mut talker = Talker {
            name: name.clone(),
            writer,
        };
        let hello = ClientFrame::Hello {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        talker.say(hello).await?;
        let heard = tokio::time::timeout(HELLO_DEADLINE, listener.next())
            .await
            .map_err(|_| unreachable(std::io::ErrorKind::TimedOut.into()))??;
        match heard {
            Some(ServerFrame::Hello {
                protocol: protocol @ 1..=PROTOCOL,
                ..
            }) => Ok(Self {
                listener,
                talker,
                protocol,
                next_id: 1,
            }),
            Some(other) => Err(listener.nonsense(&format!("{other:?} in place of a hello"))),
            None => Err(ClientError::Closed(name.clone())),
        }
    }

    /// Asks and waits for the answer; frames in between are passed over.
    pub async fn call(&mut self, request: Request) -> Result<Answer, Failure> {
        let id = self.next_id;
        self.next_id += 1;
        self.talker
            .say(ClientFrame::Request { id, request })
            .await?;
        loop {
            match self.listener.next().await? {
                Some(ServerFrame::Answer { id: of, result }) if of == id => return result,
                Some(_) => {}
                None => return Err(ClientError::Closed(self.listener.name.clone()).into()),
            }
        }
    }

    /// The protocol that both speak, at most [`PROTOCOL`].
    pub fn protocol(&self) -> u32 {
        self.protocol
    }

    /// The halves apart, for a console: one task listens while another types.
    pub fn split(self) -> (Listener, Talker) {
        (self.listener, self.talker)
    }
}

impl Listener {
    /// The next frame; `None` when the shim closed the connection. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<ServerFrame>, ClientError> {
        loop {
            match self.decoder.take() {
                Ok(Some(Incoming::Frame(frame))) => return Ok(Some(frame)),
                // An answer that we cannot read must not leave its asker waiting.
                Ok(Some(Incoming::Unknown { id: Some(id), what })) => {
                    let result = Err(Failure::new(Code::RuntimeError, what));
                    return Ok(Some(ServerFrame::Answer { id, result }));
                }
                Ok(Some(Incoming::Unknown { .. })) => {}
                Ok(None) => match self.reader.read_buf(self.decoder.buffer()).await {
                    Ok(0) => return Ok(None),
                    Ok(_) => {}
                    Err(_) => return Err(ClientError::Closed(self.name.clone())),
                },
                Err(error) => return Err(self.nonsense(&error.to_string())),
            }
        }
    }

    fn nonsense(&self, what: &str) -> ClientError {
        ClientError::Protocol {
            name: self.name.clone(),
            what: crate::console::sanitize_line(what, 200),
        }
    }
}

impl Talker {
    /// Sends one frame.
    pub async fn say(&mut self, frame: ClientFrame) -> Result<(), ClientError> {
        let mut bytes = Vec::new();
        frame
            .encode(&mut bytes)
            .map_err(|error| ClientError::Protocol {
                name: self.name.clone(),
                what: error.to_string(),
            })?;
        self.writer
            .write_all(&bytes)
            .await
            .map_err(|_| ClientError::Closed(self.name.clone()))
    }
}

/// Whether the process at the other end of a socket may be talked to: our own user's, or root's,
/// who needs no socket to do what it likes.
pub(super) fn is_trusted(uid: u32) -> bool {
    uid == 0 || uid == nix::unistd::Uid::effective().as_raw()
}
