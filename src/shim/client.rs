//! The client half: connect to a VM's shim, ask, listen.

use std::path::PathBuf;

use super::protocol::{Answer, ClientFrame, Request, ServerFrame};
use crate::fault::{Code, Failure, Fault};
use crate::vm::VmName;

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
    name: VmName,
}

/// The half that listens.
#[derive(Debug)]
pub struct Listener {
    name: VmName,
}

/// The half that talks.
#[derive(Debug)]
pub struct Talker {
    name: VmName,
}

impl Client {
    /// Connects to `shim.sock` in `run_dir` and exchanges hellos.
    pub async fn connect(name: &VmName, run_dir: &std::path::Path) -> Result<Self, ClientError> {
        let _ = run_dir;
        Err(ClientError::Closed(name.clone()))
    }

    /// Asks and waits for the answer; frames in between are passed over.
    pub async fn call(&mut self, request: Request) -> Result<Answer, Failure> {
        let _ = request;
        Err(ClientError::Closed(self.name.clone()).into())
    }

    /// The halves apart, for a console: one task listens while another types.
    pub fn split(self) -> (Listener, Talker) {
        (
            Listener {
                name: self.name.clone(),
            },
            Talker { name: self.name },
        )
    }
}

impl Listener {
    /// The next frame; `None` when the shim closed the connection. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<ServerFrame>, ClientError> {
        Err(ClientError::Closed(self.name.clone()))
    }
}

impl Talker {
    /// Sends one frame.
    pub async fn say(&mut self, frame: ClientFrame) -> Result<(), ClientError> {
        let _ = frame;
        Err(ClientError::Closed(self.name.clone()))
    }
}
