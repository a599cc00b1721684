//! The serial line of a guest, whatever the VMM makes it of.

use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

#[cfg(target_os = "linux")]
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;

/// The serial line of a guest: bytes in both directions, without any window size.
///
/// It must be read whenever it has something: a connected client that does not read freezes a
/// QEMU guest in its UART, and costs a Firecracker guest what it prints.
#[derive(Debug)]
pub struct Line(Ends);

/// How far typing may go ahead of a guest that does not read, in bytes: what was written to the line
/// cannot be called back, so a paste that is given up ends here.
const AHEAD: usize = 4096;

#[derive(Debug)]
enum Ends {
    Stream(UnixStream),
    Pipes {
        from_guest: pipe::Receiver,
        to_guest: pipe::Sender,
    },
}

impl From<UnixStream> for Line {
    fn from(stream: UnixStream) -> Self {
        // What cannot be set stays as large as it was: typing then goes ahead of the guest.
        let _ = setsockopt(&stream, sockopt::SndBuf, &AHEAD);
        Self(Ends::Stream(stream))
    }
}

impl Line {
    /// A line out of two pipes, one for each direction.
    pub fn pipes(from_guest: pipe::Receiver, to_guest: pipe::Sender) -> Self {
        #[cfg(target_os = "linux")]
        {
            let size = i32::try_from(AHEAD).unwrap_or(i32::MAX);
            // As above.
            let _ = nix::fcntl::fcntl(&to_guest, nix::fcntl::FcntlArg::F_SETPIPE_SZ(size));
        }
        Self(Ends::Pipes {
            from_guest,
            to_guest,
        })
    }

    /// Resolves when [`Self::try_read`] may have something.
    pub async fn readable(&self) -> io::Result<()> {
        match &self.0 {
            Ends::Stream(stream) => stream.readable().await,
            Ends::Pipes { from_guest, .. } => from_guest.readable().await,
        }
    }

    /// Resolves when [`Self::try_write`] may take something.
    pub async fn writable(&self) -> io::Result<()> {
        match &self.0 {
            Ends::Stream(stream) => stream.writable().await,
            Ends::Pipes { to_guest, .. } => to_guest.writable().await,
        }
    }

    /// Reads what is there; 0 bytes at the end of the line, `WouldBlock` when there is nothing.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.0 {
            Ends::Stream(stream) => stream.try_read(buffer),
            Ends::Pipes { from_guest, .. } => from_guest.try_read(buffer),
        }
    }

    /// Writes as much as the line takes, `WouldBlock` when that is nothing.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Ends::Stream(stream) => stream.try_write(bytes),
            Ends::Pipes { to_guest, .. } => to_guest.try_write(bytes),
        }
    }

    /// As [`Self::try_read`], but asks the kernel itself: the event loop may not have heard yet that
    /// there is something.
    pub fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(nix::unistd::read(self.readable_end(), buffer)?)
    }

    /// How much of what was written the VMM has not taken yet: bytes and what the kernel needs to hold
    /// them. Known for a socket on Linux (`SIOCOUTQ`, unix(7)); elsewhere it fails as unsupported.
    pub fn untaken(&self) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        if let Ends::Stream(stream) = &self.0 {
            let mut untaken: nix::libc::c_int = 0;
            // SAFETY: the descriptor is open as long as the borrow, and the call writes one int.
            let result = unsafe {
                nix::libc::ioctl(stream.as_raw_fd(), nix::libc::TIOCOUTQ, &raw mut untaken)
            };
            Errno::result(result)?;
            return Ok(usize::try_from(untaken).unwrap_or(0));
        }
        Err(io::ErrorKind::Unsupported.into())
    }

    fn readable_end(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Ends::Stream(stream) => stream.as_fd(),
            Ends::Pipes { from_guest, .. } => from_guest.as_fd(),
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Ends::Stream(stream) => Pin::new(stream).poll_read(context, buffer),
            Ends::Pipes { from_guest, .. } => Pin::new(from_guest).poll_read(context, buffer),
        }
    }
}

impl Line {
    fn writer(&mut self) -> Pin<&mut (dyn AsyncWrite + Unpin)> {
        Pin::new(match &mut self.0 {
            Ends::Stream(stream) => stream,
            Ends::Pipes { to_guest, .. } => to_guest,
        })
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().writer().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().writer().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().writer().poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes it takes while nobody reads.
    fn ahead(line: &Line) -> usize {
        let mut all = 0;
        loop {
            match line.try_write(&[b'x'; 512]) {
                Ok(length) => all += length,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    return all;
                }
            }
        }
    }

    #[tokio::test]
    async fn typing_goes_ahead_of_a_guest_that_does_not_read_by_some_kilobytes_only() {
        let (stream, guest) = UnixStream::pair().unwrap();
        let line = Line::from(stream);
        line.writable().await.unwrap();
        let most = ahead(&line);
        assert!((1..=32 << 10).contains(&most), "{most} on a socket");
        #[cfg(target_os = "linux")]
        {
            assert!(line.untaken().unwrap() >= most);
            let mut guest = guest;
            let mut all = vec![0; most];
            tokio::io::AsyncReadExt::read_exact(&mut guest, &mut all)
                .await
                .unwrap();
            assert_eq!(line.untaken().unwrap(), 0);
        }
        let (to_guest, _reads) = pipe::pipe().unwrap();
        let (_writes, from_guest) = pipe::pipe().unwrap();
        let line = Line::pipes(from_guest, to_guest);
        line.writable().await.unwrap();
        let most = ahead(&line);
        assert!((1..=64 << 10).contains(&most), "{most} on a pipe");
        #[cfg(target_os = "linux")]
        assert_eq!(most, AHEAD, "on a pipe");
    }
}
