//! A virtio socket to the host (virtio 1.2, section 5.10).
//!
//! Firecracker passes a call to whoever listens on the Unix socket `<uds_path>_<port>` of the host
//! and refuses it when nobody does. A connection ends with the host's program, and nothing tells the
//! guest that another listens again: it calls anew, after a pause that grows up to a limit.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::libc;
use nix::sys::epoll::EpollFlags;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, VsockAddr, connect, getsockopt, socket, sockopt,
};

use crate::backoff::Backoff;
use crate::stages::now_us;
use crate::wire::VSOCK_PORT;

/// The line to the host, connected or on the way to be. Times are of the guest's clock, in µs.
pub(crate) struct Vsock {
    stage: Stage,
    backoff: Backoff,
}

enum Stage {
    /// Nobody is called until then.
    Pausing { until_us: u64 },
    /// Called, and not answered yet.
    Calling(File),
    /// Somebody has been there since then.
    Connected { socket: File, since_us: u64 },
}

impl Vsock {
    /// A line on which the first call is due at once.
    pub(crate) fn new() -> Self {
        Self {
            stage: Stage::Pausing { until_us: 0 },
            backoff: Backoff::default(),
        }
    }

    /// The socket, while somebody is there.
    pub(crate) fn connected(&self) -> Option<&File> {
        match &self.stage {
            Stage::Connected { socket, .. } => Some(socket),
            _ => None,
        }
    }

    /// Calls the host when that is due, and has the new socket watched. How long, in ms, until the
    /// next call is due; `None` while there is nothing to do but to wait for the socket.
    pub(crate) fn call(&mut self, watch: impl FnOnce(&File) -> io::Result<()>) -> Option<u16> {
        let Stage::Pausing { until_us } = self.stage else {
            return None;
        };
        let left_ms = until_us.saturating_sub(now_us()).div_ceil(1000);
        if left_ms > 0 {
            return Some(u16::try_from(left_ms).unwrap_or(u16::MAX));
        }
        match dial().and_then(|socket| watch(&socket).map(|()| socket)) {
            Ok(socket) => {
                self.stage = Stage::Calling(socket);
                None
            }
            // No host is nothing to complain of: it knows best whom it does not hear.
            Err(_) => Some(self.hang_up()),
        }
    }

    /// Takes note of news of the socket; whether the host has just answered the call.
    pub(crate) fn answered(&mut self, news: EpollFlags) -> bool {
        let pausing = Stage::Pausing { until_us: 0 };
        match std::mem::replace(&mut self.stage, pausing) {
            Stage::Calling(socket) if is_refused(&socket, news) => {
                self.hang_up();
                false
            }
            Stage::Calling(socket) if news.contains(EpollFlags::EPOLLOUT) => {
                let since_us = now_us();
                self.stage = Stage::Connected { socket, since_us };
                true
            }
            other => {
                self.stage = other;
                false
            }
        }
    }

    /// Closes the socket, which also ends its being watched, and begins a pause of as many ms as
    /// it returns.
    pub(crate) fn hang_up(&mut self) -> u16 {
        let now_us = now_us();
        let lived_us = match &self.stage {
            Stage::Connected { since_us, .. } => now_us.saturating_sub(*since_us),
            Stage::Calling(_) | Stage::Pausing { .. } => 0,
        };
        let pause_ms = self.backoff.after_ms(lived_us / 1000);
        let until_us = now_us + u64::from(pause_ms) * 1000;
        self.stage = Stage::Pausing { until_us };
        pause_ms
    }
}

/// Begins to call the host. Writable means answered; when nobody answers, the kernel gives up
/// after 2 s.
fn dial() -> io::Result<File> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Vsock, SockType::Stream, flags, None)?;
    let host = VsockAddr::new(libc::VMADDR_CID_HOST, VSOCK_PORT);
    match connect(socket.as_raw_fd(), &host) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(File::from(socket)),
        Err(error) => Err(error.into()),
    }
}

/// Whether a call came to nothing: refused, or nobody answered in time.
fn is_refused(socket: &File, news: EpollFlags) -> bool {
    news.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP)
        || getsockopt(socket, sockopt::SocketError) != Ok(0)
}
