//! The agent's way to the host: lines over a virtio-serial port (QEMU) or, in a machine without
//! one, over a virtio socket (Firecracker). What is said is the same.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

use crate::lines::Lines;
use crate::modules::{drives, entries, text};
use crate::vsock::Vsock;
use crate::wire::{PORT_NAME, Request};

/// The way to the host, watched by the caller's epoll.
pub(crate) struct Port {
    carrier: Carrier,
    lines: Lines,
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
            lines: Lines::default(),
            greeting: None,
            token,
        }))
    }

    /// Greets whoever is there, and from now on everybody who comes by a socket.
    pub(crate) fn greet(&mut self, greeting: &str) {
        self.greeting = Some(greeting.to_owned());
        self.say(greeting);
    }

    /// Says a line, now or as soon as the host reads it.
    pub(crate) fn say(&mut self, line: &str) {
        if self.carrier.device().is_some() {
            self.lines.queue(line);
            self.flush();
        }
    }

    /// Calls the host when that is due; how long, in ms, until it is.
    pub(crate) fn call(&mut self, epoll: &Epoll) -> Option<u16> {
        match &mut self.carrier {
            Carrier::Serial(_) => None,
            Carrier::Vsock(vsock) => vsock.call(|socket| watch(epoll, socket, self.token)),
        }
    }

    /// Does what epoll's news makes possible and returns what the host asks for.
    pub(crate) fn attend(&mut self, news: EpollFlags) -> Vec<Request> {
        if let Carrier::Vsock(vsock) = &mut self.carrier
            && vsock.answered(news)
            && let Some(greeting) = &self.greeting
        {
            self.lines.queue(greeting);
        }
        self.flush();
        self.requests()
    }

    /// Writes what waits, as far as the host takes it.
    fn flush(&mut self) {
        while !self.lines.waiting().is_empty() {
            let Some(mut device) = self.carrier.device() else {
                return;
            };
            match device.write(self.lines.waiting()) {
                Ok(written @ 1..) => self.lines.written(written),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Nobody who reads: the next edge brings us back.
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                _ => return self.ended(),
            }
        }
    }

    /// Reads all that the host has said and takes the requests from it.
    fn requests(&mut self) -> Vec<Request> {
        let mut requests = Vec::new();
        let mut chunk = [0; 1024];
        loop {
            let Some(mut device) = self.carrier.device() else {
                return requests;
            };
            match device.read(&mut chunk) {
                Ok(read @ 1..) => self.lines.take(&chunk[..read], &mut requests),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return requests,
                _ => {
                    self.ended();
                    return requests;
                }
            }
        }
    }

    /// The host is gone, and what it has not said or heard to the end with it. A serial port keeps
    /// what it has to say for the next host.
    fn ended(&mut self) {
        match &mut self.carrier {
            Carrier::Serial(_) => self.lines.cut(),
            Carrier::Vsock(vsock) => {
                vsock.hang_up();
                self.lines = Lines::default();
            }
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
