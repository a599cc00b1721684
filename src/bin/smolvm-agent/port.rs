//! The virtio-serial port to the host.
//!
//! While no host is connected a read gives 0 bytes and poll(2) says *hung up* without end, so the
//! port is watched edge-triggered: the kernel wakes the watcher when the host comes or goes.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc;

use crate::modules::{entries, text};
use crate::wire::{LONGEST_LINE, PORT_NAME, Request};

/// What may wait for a host that does not read, in bytes; what passes it is dropped.
const LONGEST_BACKLOG: usize = 64 * 1024;

/// The open port.
pub(crate) struct Port {
    device: File,
    incoming: Vec<u8>,
    /// The line that is being read was too long: what follows up to its end belongs to it.
    skipping: bool,
    outgoing: Vec<u8>,
}

impl Port {
    /// Opens the port when it is there; the kernel tells its name some time after its device.
    pub(crate) fn find() -> Option<io::Result<Self>> {
        let port = entries("/sys/class/virtio-ports")
            .into_iter()
            .find(|port| text(&port.join("name")) == PORT_NAME)?;
        let device = Path::new("/dev").join(port.file_name()?);
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(device);
        Some(opened.map(|device| Self {
            device,
            incoming: Vec::new(),
            skipping: false,
            outgoing: Vec::new(),
        }))
    }

    /// Says a line, now or as soon as the host reads.
    pub(crate) fn say(&mut self, line: &str) {
        if self.outgoing.len() + line.len() <= LONGEST_BACKLOG {
            self.outgoing.extend_from_slice(line.as_bytes());
        }
        self.flush();
    }

    /// Writes what waits, as far as the host takes it.
    pub(crate) fn flush(&mut self) {
        while !self.outgoing.is_empty() {
            match self.device.write(&self.outgoing) {
                Ok(written @ 1..) => {
                    self.outgoing.drain(..written);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Nobody there, or nobody who reads: the next edge brings us back.
                _ => return,
            }
        }
    }

    /// Reads all that the host has said and takes the requests from it.
    pub(crate) fn requests(&mut self) -> Vec<Request> {
        let mut requests = Vec::new();
        let mut chunk = [0; 1024];
        loop {
            match self.device.read(&mut chunk) {
                Ok(0) => {
                    // The host is gone, and with it the rest of its line.
                    self.incoming.clear();
                    self.skipping = false;
                    return requests;
                }
                Ok(read) => self.take(&chunk[..read], &mut requests),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return requests,
            }
        }
    }

    fn take(&mut self, bytes: &[u8], requests: &mut Vec<Request>) {
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

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}
