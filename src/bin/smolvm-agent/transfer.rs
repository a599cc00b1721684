//! Files on their way from the host, or to it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::protocol::INPUT_WINDOW;
use crate::protocol::message::{End, Message, Task};
use crate::stages::now_us;
use crate::streams::say;
use crate::tree::receive::Receiver;
use crate::tree::send::Sender;

/// Bits that a mode may have in the guest: all.
const MODES: u32 = 0o7777;

/// What relative paths are relative to.
const HOME: &str = "root";

/// One transfer.
pub(crate) enum Transfer {
    /// From the host.
    Store {
        receiver: Box<Receiver>,
        /// Bytes that were written, of which the host does not know yet.
        taken: u32,
    },
    /// To the host.
    Fetch {
        sender: Box<Sender>,
        /// How many bytes the host has room for.
        credit: u32,
    },
}

impl Transfer {
    /// Begins what is no command, below `root`.
    pub(crate) fn begin(task: &Task, credit: u32, root: Option<&Path>) -> Result<Self, End> {
        let place = |path: &[u8]| -> PathBuf {
            let below = root.unwrap_or(Path::new("/"));
            match path.strip_prefix(b"/") {
                Some(path) => below.join(OsStr::from_bytes(path)),
                None => below.join(HOME).join(OsStr::from_bytes(path)),
            }
        };
        match task {
            Task::Store { path, name } => {
                let name = OsStr::from_bytes(name);
                let receiver = Receiver::new(&place(path), name, MODES, now_us());
                Ok(Self::Store {
                    receiver: Box::new(receiver.map_err(End::failed)?),
                    taken: 0,
                })
            }
            Task::Fetch(path) => Ok(Self::Fetch {
                sender: Box::new(Sender::new(&place(path)).map_err(End::failed)?),
                credit,
            }),
            Task::Run(_) => Err(End::failed("a command is no transfer")),
        }
    }

    /// Does what the host says; whether the transfer is over.
    pub(crate) fn hear(&mut self, id: u32, said: &Message<'_>, out: &mut Vec<u8>) -> bool {
        let end = match (self, said) {
            (_, Message::Close) => return true,
            (Self::Fetch { credit, .. }, Message::Credit(more)) => {
                *credit = credit.saturating_add(*more);
                return false;
            }
            (Self::Store { receiver, taken }, Message::Data(bytes)) => match receiver.push(bytes) {
                Ok(()) => {
                    *taken += u32::try_from(bytes.len()).unwrap_or(0);
                    if *taken >= INPUT_WINDOW / 4 {
                        say(out, id, &Message::Credit(std::mem::take(taken)));
                    }
                    return false;
                }
                Err(why) => End::failed(why),
            },
            (Self::Store { receiver, .. }, Message::Eof) => match receiver.finish() {
                Ok(()) => End::Exited(0),
                Err(why) => End::failed(why),
            },
            _ => return false,
        };
        say(out, id, &Message::End(end));
        true
    }

    /// Reads once what is to be sent: whether there was something, or the end.
    pub(crate) fn pump(
        &mut self,
        id: u32,
        buffer: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, End> {
        let Self::Fetch { sender, credit } = self else {
            return Ok(false);
        };
        let room = buffer.len().min(*credit as usize);
        if room == 0 {
            return Ok(false);
        }
        match sender.fill(&mut buffer[..room]) {
            Ok(0) => Err(End::Exited(0)),
            Ok(count) => {
                *credit -= u32::try_from(count).unwrap_or(0);
                say(out, id, &Message::Data(&buffer[..count]));
                Ok(true)
            }
            Err(why) => Err(End::failed(why)),
        }
    }
}
