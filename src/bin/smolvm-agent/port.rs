//! The agent's way to the host: a virtio-serial port (QEMU) or, in a machine without one, a virtio
//! socket (Firecracker). What is said is the same.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

use crate::modules::{drives, entries, text};
use crate::protocol::frame::Decoder;
use crate::vsock::Vsock;
use crate::wire::{LONGEST_LINE, PORT_NAME};

/// What may wait for a host that does not read, in bytes; a line that would pass it is dropped.
/// Streams stop sooner.
const LONGEST_BACKLOG: usize = 512 * 1024;

/// What is read at once, in bytes. A port gives at most a page.
const CHUNK: usize = 16 * 1024;

/// The way to the host, watched by the caller's epoll.
pub(crate) struct Port {
    carrier: Carrier,
    /// What the host says.
    pub(crate) incoming: Decoder,
    /// What it has not taken yet.
    pub(crate) outgoing: Vec<u8>,
    /// The session in which frames flow.
    pub(crate) session: Option<u64>,
    /// What a host that comes hears first.
    greeting: Option<String>,
    /// What epoll says when there is something to do here.
    token: u64,
}

enum Carrier {
    /// Opened once, for good. While no host is there a read gives 0 bytes and poll(2) says *hung
    /// up* without end, so it is watched by its edges: the kernel tells when a host comes or goes.
    Serial(File),
    /// Ends with its host and is called anew.
    Vsock(Vsock),
}

impl Port {
    /// The way to the host when there is one; the kernel tells a port's name some time after its
    /// device. A machine with a virtio console has no need of a socket, and its port will come.
    pub(crate) fn find(epoll: &Epoll, token: u64) -> Option<io::Result<Self>> {
        let carrier = match open_serial() {
            Some(opened) => opened.and_then(|device| {
                watch(epoll, &device, token)?;
                Ok(Carrier::Serial(device))
            }),
            None if drives("vmw_vsock_virtio_transport") && !drives("virtio_console") => {
                Ok(Carrier::Vsock(Vsock::new()))
            }
            None => return None,
        };
        Some(carrier.map(|carrier| Self {
            carrier,
            incoming: Decoder::new(LONGEST_LINE),
            outgoing: Vec::new(),
            session: None,
            greeting: None,
            token,
        }))
    }

    /// Greets whoever is there, and from now on everybody who comes by a socket.
    pub(crate) fn greet(&mut self, now: &str, later: String) {
        self.greeting = Some(later);
        self.say(now);
    }

    /// Says a line, now or as soon as the host reads it.
    pub(crate) fn say(&mut self, line: &str) {
        if self.carrier.device().is_some() && self.outgoing.len() + line.len() <= LONGEST_BACKLOG {
            self.outgoing.extend_from_slice(line.as_bytes());
            self.flush();
        }
    }

    /// A host begins a session, or goes on without: what was meant for another is forgotten.
    pub(crate) fn begin(&mut self, session: Option<u64>) {
        if self.session.is_some() || session.is_some() {
            // What was cut off ends here, for a host that knows lines alone until we greet it.
            self.outgoing.clear();
            self.outgoing.push(b'\n');
        }
        self.session = session;
        match session {
            Some(_) => self.incoming.expect_frames(),
            None => self.incoming.expect_lines(),
        }
    }

    /// Calls the host when that is due; how long, in ms, until it is.
    pub(crate) fn call(&mut self, epoll: &Epoll) -> Option<u16> {
        match &mut self.carrier {
            Carrier::Serial(_) => None,
            Carrier::Vsock(vsock) => vsock.call(|socket| watch(epoll, socket, self.token)),
        }
    }

    /// Does what epoll's news makes possible without hearing the host.
    pub(crate) fn attend(&mut self, news: EpollFlags) {
        if let Carrier::Vsock(vsock) = &mut self.carrier
            && vsock.answered(news)
            && let Some(greeting) = &self.greeting
        {
            self.outgoing.extend_from_slice(greeting.as_bytes());
        }
        self.flush();
    }

    /// Writes what waits, as far as the host takes it.
    pub(crate) fn flush(&mut self) {
        let mut written = 0;
        while written < self.outgoing.len() {
            let Some(mut device) = self.carrier.device() else {
                break;
            };
            match device.write(&self.outgoing[written..]) {
                Ok(count @ 1..) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Nobody who reads: the next edge brings us back.
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                _ => return self.ended(),
            }
        }
        self.outgoing.drain(..written);
    }

    /// Reads once what the host says; `None` when there is nothing now, `false` when it is gone.
    pub(crate) fn fill(&mut self) -> Option<bool> {
        let mut chunk = [0; CHUNK];
        loop {
            let mut device = self.carrier.device()?;
            match device.read(&mut chunk) {
                Ok(read @ 1..) => {
                    self.incoming.push(&chunk[..read]);
                    return Some(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                _ => {
                    self.ended();
                    return Some(false);
                }
            }
        }
    }

    /// The host is gone, and what it has not said or heard to the end with it. A serial port keeps
    /// the lines that it has to say for the next host.
    fn ended(&mut self) {
        self.incoming.cut();
        if self.session.take().is_some() {
            self.outgoing.clear();
        }
        if let Carrier::Vsock(vsock) = &mut self.carrier {
            vsock.hang_up();
            self.outgoing.clear();
        }
    }
}

impl Carrier {
    /// What can be read from and written to; `None` while nobody is there.
    fn device(&self) -> Option<&File> {
        match self {
            Self::Serial(device) => Some(device),
            Self::Vsock(vsock) => vsock.connected(),
        }
    }
}

/// Opens the virtio-serial port when it is there.
fn open_serial() -> Option<io::Result<File>> {
    let port = entries("/sys/class/virtio-ports")
        .into_iter()
        .find(|port| text(&port.join("name")) == PORT_NAME)?;
    let device = Path::new("/dev").join(port.file_name()?);
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(device);
    Some(opened)
}

/// Has `device` watched by its edges. Closing it takes it out of the watched.
fn watch(epoll: &Epoll, device: &File, token: u64) -> io::Result<()> {
    let edges =
        EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
    Ok(epoll.add(device, EpollEvent::new(edges, token))?)
}
