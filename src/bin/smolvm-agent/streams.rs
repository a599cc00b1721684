//! The streams that the host has opened, each with its command, windows and ends.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::sys::wait::WaitStatus;

use crate::command::{Process, read, waiting, write};
use crate::protocol::frame::LONGEST_PAYLOAD;
use crate::protocol::message::{End, Message, Open, Task};
use crate::protocol::{INPUT_WINDOW, MOST_STREAMS, signals};
use crate::transfer::Transfer;

/// Commands are heard only while less than this waits for the host, in bytes.
const HIGH_WATER: usize = 256 * 1024;

/// What epoll says of streams is above this; below is the agent's own.
pub(crate) const TOKENS: u64 = 1 << 40;

/// Which end of a stream epoll speaks of.
const STDIN: u64 = 2;

/// All streams.
#[derive(Default)]
pub(crate) struct Streams {
    open: BTreeMap<u32, Stream>,
    transfers: BTreeMap<u32, Transfer>,
    /// Where output is read to.
    buffer: Vec<u8>,
}

struct Stream {
    process: Process,
    /// Input that the command has not taken.
    input: Vec<u8>,
    /// No more input comes.
    input_ends: bool,
    /// Bytes that the command took, of which the host does not know yet.
    taken: u32,
    /// How many bytes the host has room for.
    credit: u32,
    /// Whether there may be something to read.
    readable: [bool; 2],
    /// The command has ended so, having left so many bytes in each pipe.
    ended: Option<(End, [usize; 2])>,
}

impl Streams {
    /// Does what the host says on a stream.
    pub(crate) fn hear(
        &mut self,
        id: u32,
        said: Message<'_>,
        root: Option<&Path>,
        epoll: &Epoll,
        out: &mut Vec<u8>,
    ) {
        if let Message::Open(open) = said {
            if let Err(end) = self.begin(id, &open, root, epoll) {
                say(out, id, &Message::End(end));
            }
            return;
        }
        if let Some(transfer) = self.transfers.get_mut(&id) {
            if transfer.hear(id, &said, out) {
                self.transfers.remove(&id);
            }
            return;
        }
        let Some(stream) = self.open.get_mut(&id) else {
            // It has ended, and the host does not know yet.
            return;
        };
        match said {
            Message::Data(bytes) => {
                if stream.input.len() + bytes.len() > INPUT_WINDOW as usize {
                    return self.fail(id, "the host sent more than there is room for", out);
                }
                stream.input.extend_from_slice(bytes);
                stream.feed(id, out);
            }
            Message::Eof => {
                stream.input_ends = true;
                stream.feed(id, out);
            }
            Message::Credit(more) => stream.credit = stream.credit.saturating_add(more),
            Message::Signal(number) if stream.ended.is_none() => {
                Process::signal(stream.process.pid, number);
            }
            Message::Resize { rows, columns } => stream.process.resize(rows, columns),
            Message::Close => self.drop_stream(id),
            Message::Signal(_) | Message::Open(_) | Message::Errors(_) | Message::End(_) => {}
        }
    }

    fn begin(
        &mut self,
        id: u32,
        open: &Open,
        root: Option<&Path>,
        epoll: &Epoll,
    ) -> Result<(), End> {
        if self.open.len() + self.transfers.len() >= MOST_STREAMS {
            return Err(End::failed("the agent has too many streams already"));
        }
        // Whoever gives a number anew is done with what had it.
        self.drop_stream(id);
        if let Task::Run(command) = &open.task {
            let process = Process::start(command, root)?;
            let stream = Stream::new(process, open.credit, id, epoll)?;
            self.open.insert(id, stream);
        } else {
            let transfer = Transfer::begin(&open.task, open.credit, root)?;
            self.transfers.insert(id, transfer);
        }
        Ok(())
    }

    /// Takes epoll's news of a stream.
    pub(crate) fn wake(&mut self, token: u64, out: &mut Vec<u8>) {
        let (id, which) = (
            u32::try_from((token & !TOKENS) >> 2).unwrap_or(0),
            token & 3,
        );
        let Some(stream) = self.open.get_mut(&id) else {
            return;
        };
        match which {
            STDIN => stream.feed(id, out),
            output => stream.readable[usize::from(output == 1)] = true,
        }
    }

    /// Notes the end of a process, which may have been a command's.
    pub(crate) fn ended(&mut self, status: WaitStatus) {
        let (pid, end) = match status {
            WaitStatus::Exited(pid, code) => (pid, End::Exited(code.to_le_bytes()[0])),
            WaitStatus::Signaled(pid, signal, _) => {
                (pid, End::Signaled((signal as i32).to_le_bytes()[0]))
            }
            _ => return,
        };
        let mut streams = self.open.values_mut();
        let running = |stream: &&mut Stream| stream.ended.is_none() && stream.process.pid == pid;
        if let Some(stream) = streams.find(running) {
            // What it wrote is in its pipes by now. Others may have them open and write on, and
            // nobody waits for those; a terminal is hung up with its leader, and read to its end.
            let left = match stream.process.terminal {
                Some(_) => [usize::MAX; 2],
                None => [0, 1].map(|at| stream.process.outputs[at].as_ref().map_or(0, waiting)),
            };
            stream.ended = Some((end, left));
            stream.readable = [true; 2];
            stream.process.stdin = None;
        }
    }

    /// Passes output on as far as the host has room, in turns. Whether anything was.
    pub(crate) fn pump(&mut self, out: &mut Vec<u8>) {
        let is_idle = self.open.is_empty() && self.transfers.is_empty();
        if self.buffer.is_empty() && !is_idle {
            self.buffer = vec![0; LONGEST_PAYLOAD];
        }
        let mut moved = true;
        while moved && out.len() < HIGH_WATER {
            moved = false;
            let mut over = Vec::new();
            for (&id, stream) in &mut self.open {
                moved |= stream.pump(id, &mut self.buffer, out);
                if let Some((end, _)) = &stream.ended
                    && stream.process.outputs.iter().all(Option::is_none)
                {
                    say(out, id, &Message::End(end.clone()));
                    over.push(id);
                }
            }
            for (&id, transfer) in &mut self.transfers {
                match transfer.pump(id, &mut self.buffer, out) {
                    Ok(sent) => moved |= sent,
                    Err(end) => {
                        say(out, id, &Message::End(end));
                        over.push(id);
                    }
                }
            }
            for id in over {
                self.open.remove(&id);
                self.transfers.remove(&id);
            }
        }
        if is_idle {
            self.buffer = Vec::new();
        }
    }

    /// The host is another one, or none: nobody is interested in these streams.
    pub(crate) fn reset(&mut self) {
        self.transfers.clear();
        let all: Vec<u32> = self.open.keys().copied().collect();
        for id in all {
            self.drop_stream(id);
        }
    }

    fn fail(&mut self, id: u32, why: &str, out: &mut Vec<u8>) {
        self.drop_stream(id);
        say(out, id, &Message::End(End::failed(why)));
    }

    /// Forgets a stream; its command is killed, with all that is of its process group.
    fn drop_stream(&mut self, id: u32) {
        self.transfers.remove(&id);
        if let Some(stream) = self.open.remove(&id)
            && stream.ended.is_none()
        {
            Process::signal(stream.process.pid, signals::KILL);
        }
    }
}

impl Stream {
    fn new(process: Process, credit: u32, id: u32, epoll: &Epoll) -> Result<Self, End> {
        let edges = |file: Option<&File>, what: EpollFlags, which: u64| match file {
            Some(file) => {
                let token = TOKENS | u64::from(id) << 2 | which;
                epoll.add(file, EpollEvent::new(what | EpollFlags::EPOLLET, token))
            }
            None => Ok(()),
        };
        let [stdout, stderr] = &process.outputs;
        edges(stdout.as_ref(), EpollFlags::EPOLLIN, 0)
            .and_then(|()| edges(stderr.as_ref(), EpollFlags::EPOLLIN, 1))
            .and_then(|()| edges(process.stdin.as_ref(), EpollFlags::EPOLLOUT, STDIN))
            .map_err(|error| {
                Process::signal(process.pid, signals::KILL);
                End::failed(format!("could not watch the command: {}", error.desc()))
            })?;
        Ok(Self {
            process,
            input: Vec::new(),
            input_ends: false,
            taken: 0,
            credit,
            readable: [false; 2],
            ended: None,
        })
    }

    /// Gives the command what it takes of its input, and the host room for more.
    fn feed(&mut self, id: u32, out: &mut Vec<u8>) {
        let Some(stdin) = &self.process.stdin else {
            // Nobody reads it; the host need not stop for that.
            self.grant(self.input.len(), id, out);
            self.input = Vec::new();
            return;
        };
        let mut fed = 0;
        let mut gone = false;
        while fed < self.input.len() {
            match write(stdin, &self.input[fed..]) {
                Ok(0) => break,
                Ok(count) => fed += count,
                Err(_) => {
                    gone = true;
                    fed = self.input.len();
                }
            }
        }
        if self.input_ends && fed == self.input.len() && !gone {
            match &self.process.terminal {
                // The character that says *end of file* on a terminal.
                Some(_) => drop(write(stdin, b"\x04")),
                None => gone = true,
            }
        }
        if gone {
            self.process.stdin = None;
        }
        self.input.drain(..fed);
        self.grant(fed, id, out);
    }

    /// Tells the host of room, not for every byte.
    fn grant(&mut self, count: usize, id: u32, out: &mut Vec<u8>) {
        self.taken += u32::try_from(count).unwrap_or(0);
        if self.taken >= INPUT_WINDOW / 4 {
            say(out, id, &Message::Credit(std::mem::take(&mut self.taken)));
        }
    }

    /// Reads once of each output; whether anything came.
    fn pump(&mut self, id: u32, buffer: &mut [u8], out: &mut Vec<u8>) -> bool {
        let mut moved = false;
        for at in 0..2 {
            let Some(output) = &self.process.outputs[at] else {
                continue;
            };
            let left = self.ended.as_ref().map_or(usize::MAX, |(_, left)| left[at]);
            let room = buffer.len().min(self.credit as usize).min(left);
            if left > 0 && (!self.readable[at] || room == 0) {
                continue;
            }
            let came = if left == 0 {
                Some(0)
            } else {
                read(output, &mut buffer[..room])
            };
            match came {
                Some(count @ 1..) => {
                    let bytes = &buffer[..count];
                    let data = if at == 0 {
                        Message::Data(bytes)
                    } else {
                        Message::Errors(bytes)
                    };
                    say(out, id, &data);
                    self.credit -= u32::try_from(count).unwrap_or(0);
                    if let Some((_, left)) = &mut self.ended {
                        left[at] -= count.min(left[at]);
                    }
                    moved = true;
                }
                Some(0) => self.process.outputs[at] = None,
                None if self.ended.is_some() => self.process.outputs[at] = None,
                None => self.readable[at] = false,
            }
        }
        moved
    }
}

/// Says something that always fits a frame.
pub(crate) fn say(out: &mut Vec<u8>, id: u32, message: &Message<'_>) {
    let _ = message.encode(id, out);
}
