//! What a frame says of its stream.

use super::frame::{Frame, LONGEST_PAYLOAD};

/// Kinds of frames.
mod kind {
    pub(super) const OPEN: u8 = 1;
    pub(super) const DATA: u8 = 2;
    pub(super) const ERRORS: u8 = 3;
    pub(super) const EOF: u8 = 4;
    pub(super) const CREDIT: u8 = 5;
    pub(super) const SIGNAL: u8 = 6;
    pub(super) const RESIZE: u8 = 7;
    pub(super) const CLOSE: u8 = 8;
    pub(super) const END: u8 = 9;
}

/// One thing said on a stream. The host opens and closes streams, the agent ends them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// Host: the stream begins.
    Open(Open),
    /// Host: input. Agent: output.
    Data(&'a [u8]),
    /// Agent: what a command wrote to its standard error.
    Errors(&'a [u8]),
    /// Host: no more input.
    Eof,
    /// So many bytes more may be sent on this stream.
    Credit(u32),
    /// Host: a signal for the command's process group, by its number on Linux.
    Signal(u8),
    /// Host: the terminal of the command has this size.
    Resize {
        /// Rows.
        rows: u16,
        /// Columns.
        columns: u16,
    },
    /// Host: nobody is interested any more; what still runs is killed.
    Close,
    /// Agent: the last word on a stream.
    End(End),
}

/// What a stream is for, and the window for what the agent sends on it, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    /// How many bytes the agent may send before it gets credit.
    pub(crate) credit: u32,
    /// What for.
    pub(crate) task: Task,
}

/// What the agent shall do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Run a command.
    Run(Command),
    /// Make at `path`, or in it where that is a directory, the files that come as a stream of
    /// `guest::tree`. Ends well when all has its name.
    Store {
        /// Where; relative to root's home.
        path: Vec<u8>,
        /// What it is called where `path` is a directory.
        name: Vec<u8>,
    },
    /// Send the file or directory at this path as such a stream.
    Fetch(Vec<u8>),
}

/// A command. Strings are bytes as the kernel takes them, without zeros.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Command {
    /// The program and its arguments.
    pub(crate) argv: Vec<Vec<u8>>,
    /// `NAME=value`, beside the few that every command gets.
    pub(crate) env: Vec<Vec<u8>>,
    /// Where; empty: the user's home.
    pub(crate) cwd: Vec<u8>,
    /// As whom, a name or a number; empty: as root.
    pub(crate) user: Vec<u8>,
    /// Input comes over the stream; otherwise there is none.
    pub(crate) stdin: bool,
    /// Rows and columns of a terminal of its own, on which standard output and error are one.
    pub(crate) tty: Option<(u16, u16)>,
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The command exited with this code, or all is well.
    Exited(u8),
    /// The command was ended by this signal.
    Signaled(u8),
    /// It came to nothing.
    Failed {
        /// The exit code for it: 126 and 127 as shells have them, else 1.
        code: u8,
        /// Why, without a final period.
        why: String,
    },
}

impl End {
    /// A failure that is no matter of the command itself.
    pub(crate) fn failed(why: impl Into<String>) -> Self {
        let why = why.into();
        Self::Failed { code: 1, why }
    }
}

impl<'a> Message<'a> {
    /// Appends the message as a frame of `stream`. Data of any length becomes several; `None` when
    /// anything else is too long for one.
    pub(crate) fn encode(&self, stream: u32, out: &mut Vec<u8>) -> Option<()> {
        let (kind, payload) = match self {
            Self::Data(bytes) | Self::Errors(bytes) => {
                let kind = if matches!(self, Self::Data(_)) {
                    kind::DATA
                } else {
                    kind::ERRORS
                };
                for payload in bytes.chunks(LONGEST_PAYLOAD) {
                    let frame = Frame {
                        kind,
                        stream,
                        payload,
                    };
                    frame.encode(out);
                }
                return Some(());
            }
            _ => self.parts(),
        };
        if payload.len() > LONGEST_PAYLOAD {
            return None;
        }
        let payload = &payload;
        Frame {
            kind,
            stream,
            payload,
        }
        .encode(out);
        Some(())
    }

    /// Kind and payload.
    pub(crate) fn parts(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Open(open) => (kind::OPEN, open.bytes()),
            Self::Data(bytes) => (kind::DATA, bytes.to_vec()),
            Self::Errors(bytes) => (kind::ERRORS, bytes.to_vec()),
            Self::Eof => (kind::EOF, Vec::new()),
            Self::Credit(more) => (kind::CREDIT, more.to_le_bytes().to_vec()),
            Self::Signal(number) => (kind::SIGNAL, vec![*number]),
            Self::Resize { rows, columns } => {
                let size = [rows.to_le_bytes(), columns.to_le_bytes()];
                (kind::RESIZE, size.concat())
            }
            Self::Close => (kind::CLOSE, Vec::new()),
            Self::End(End::Exited(code)) => (kind::END, vec![0, *code]),
            Self::End(End::Signaled(number)) => (kind::END, vec![1, *number]),
            Self::End(End::Failed { code, why }) => {
                let mut cut = why.len().min(LONGEST_PAYLOAD - 2);
                while !why.is_char_boundary(cut) {
                    cut -= 1;
                }
                (kind::END, [&[2, *code], &why.as_bytes()[..cut]].concat())
            }
        }
    }

    /// What a frame says; `None` when it makes no sense to us.
    pub(crate) fn decode(frame: &Frame<'a>) -> Option<Self> {
        let mut fields = Fields(frame.payload);
        let message = match frame.kind {
            kind::DATA => return Some(Self::Data(frame.payload)),
            kind::ERRORS => return Some(Self::Errors(frame.payload)),
            kind::OPEN => Self::Open(Open::read(&mut fields)?),
            kind::EOF => Self::Eof,
            kind::CREDIT => Self::Credit(fields.u32()?),
            kind::SIGNAL => Self::Signal(fields.u8()?),
            kind::RESIZE => Self::Resize {
                rows: fields.u16()?,
                columns: fields.u16()?,
            },
            kind::CLOSE => Self::Close,
            kind::END => Self::End(match (fields.u8()?, fields.u8()?) {
                (0, code) => End::Exited(code),
                (1, number) => End::Signaled(number),
                (2, code) => {
                    let why = String::from_utf8_lossy(std::mem::take(&mut fields.0)).into_owned();
                    End::Failed { code, why }
                }
                _ => return None,
            }),
            _ => return None,
        };
        // What a newer peer adds is left to it.
        Some(message)
    }
}

impl Open {
    fn bytes(&self) -> Vec<u8> {
        let mut out = self.credit.to_le_bytes().to_vec();
        match &self.task {
            Task::Run(command) => {
                out.push(0);
                let (rows, columns) = command.tty.unwrap_or_default();
                out.push(u8::from(command.stdin) | u8::from(command.tty.is_some()) << 1);
                out.extend(rows.to_le_bytes());
                out.extend(columns.to_le_bytes());
                string(&mut out, &command.cwd);
                string(&mut out, &command.user);
                for list in [&command.argv, &command.env] {
                    let count = u16::try_from(list.len()).unwrap_or(u16::MAX);
                    out.extend(count.to_le_bytes());
                    for word in list {
                        string(&mut out, word);
                    }
                }
            }
            Task::Store { path, name } => {
                out.push(1);
                string(&mut out, path);
                string(&mut out, name);
            }
            Task::Fetch(path) => {
                out.push(2);
                string(&mut out, path);
            }
        }
        out
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let credit = fields.u32()?;
        let task = match fields.u8()? {
            0 => {
                let flags = fields.u8()?;
                let size = (fields.u16()?, fields.u16()?);
                Task::Run(Command {
                    stdin: flags & 1 != 0,
                    tty: (flags & 2 != 0).then_some(size),
                    cwd: fields.string()?,
                    user: fields.string()?,
                    argv: fields.strings()?,
                    env: fields.strings()?,
                })
            }
            1 => Task::Store {
                path: fields.string()?,
                name: fields.string()?,
            },
            2 => Task::Fetch(fields.string()?),
            _ => return None,
        };
        Some(Self { credit, task })
    }
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend(length.to_le_bytes());
    out.extend_from_slice(bytes);
}

/// What is left of a payload.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    /// A string without zeros, which the kernel would cut it at.
    fn string(&mut self) -> Option<Vec<u8>> {
        let length = usize::from(self.u16()?);
        let bytes = self.0.split_off(..length)?;
        (!bytes.contains(&0)).then(|| bytes.to_vec())
    }

    fn strings(&mut self) -> Option<Vec<Vec<u8>>> {
        let count = self.u16()?;
        (0..count).map(|_| self.string()).collect()
    }
}
