//! Published ports of a VM with a TAP device: listened on at 127.0.0.1, copied to the guest.
//!
//! Why not by the packet filter: see the [room's own page](super).

use std::io;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::time::Duration;

use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::error::NetworkError;
use crate::vm::PortForward;

/// Connections that one port serves at once; more wait in the kernel's queue.
const MOST: usize = 128;
/// What each direction of a connection buffers, in bytes.
const BUFFER: usize = 16 * 1024;
/// How long a guest may take to accept.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ports of this host that are ours, and that nobody is served at yet.
#[derive(Debug)]
pub struct Ports(Vec<(TcpListener, PortForward)>);

/// Ports of this host that lead into a guest, until this is dropped; their connections end with it.
#[derive(Debug)]
pub struct Publication(Vec<JoinHandle<()>>);

impl Publication {
    /// Closes the ports; when it returns they can be taken again.
    pub async fn close(mut self) {
        for task in self.0.drain(..) {
            task.abort();
            // What it held is dropped by then. That it was aborted is no news.
            let _ = task.await;
        }
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

impl Ports {
    /// Takes the ports, all or none. Needs tokio's runtime.
    pub fn take(forwards: &[PortForward]) -> Result<Self, NetworkError> {
        let take = |forward: &PortForward| -> io::Result<_> {
            let listener = StdListener::bind((Ipv4Addr::LOCALHOST, forward.host))?;
            listener.set_nonblocking(true)?;
            Ok((TcpListener::from_std(listener)?, *forward))
        };
        let taken = forwards.iter().map(|forward| {
            take(forward).map_err(|source| NetworkError::Port {
                port: forward.host,
                source,
            })
        });
        taken.collect::<Result<_, _>>().map(Self)
    }

    /// Serves them from the guest with this address.
    pub fn lead_to(self, guest: Ipv4Addr) -> Publication {
        let serve = |(listener, forward): (TcpListener, PortForward)| {
            tokio::spawn(serve(listener, (guest, forward.guest)))
        };
        Publication(self.0.into_iter().map(serve).collect())
    }
}

async fn serve(listener: TcpListener, guest: (Ipv4Addr, u16)) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < MOST => match accepted {
                Ok((client, _)) => {
                    connections.spawn(copy(client, guest));
                }
                // For want of descriptors, which others give back.
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            },
        }
    }
}

/// A guest that refuses is seen by the client as a connection that closes.
async fn copy(mut client: TcpStream, guest: (Ipv4Addr, u16)) {
    let Ok(Ok(mut server)) = timeout(PATIENCE, TcpStream::connect(guest)).await else {
        return;
    };
    // A keystroke must not wait for the next one.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let _ = copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A server on a loopback address that stands for the guest's, with its port.
    async fn guest() -> (Ipv4Addr, u16) {
        let address = Ipv4Addr::new(127, 0, 0, 2);
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut text = String::new();
                stream.read_to_string(&mut text).await.unwrap();
                stream
                    .write_all(text.to_uppercase().as_bytes())
                    .await
                    .unwrap();
            }
        });
        (address, port)
    }

    fn free_port() -> u16 {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.local_addr().unwrap().port()
    }

    #[tokio::test]
    async fn what_comes_in_at_the_hosts_port_reaches_the_guests_and_back() {
        let (address, guest) = guest().await;
        let host = free_port();
        let forward = PortForward { host, guest };
        let publication = Ports::take(&[forward]).unwrap().lead_to(address);
        for _ in 0..2 {
            let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, host))
                .await
                .unwrap();
            client.write_all(b"half closed").await.unwrap();
            client.shutdown().await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer, "HALF CLOSED");
        }
        publication.close().await;
        Ports::take(&[forward]).unwrap();
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named_and_none_is_kept() {
        let held = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = held.local_addr().unwrap().port();
        let free = free_port();
        let forwards = [free, taken].map(|host| PortForward { host, guest: 80 });
        let error = Ports::take(&forwards).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("could not publish port {taken} of this host")
        );
        Ports::take(&forwards[..1]).unwrap();
    }

    #[tokio::test]
    async fn a_guest_that_refuses_closes_the_connection() {
        let host = free_port();
        let forward = PortForward {
            host,
            guest: free_port(),
        };
        let _publication = Ports::take(&[forward])
            .unwrap()
            .lead_to(Ipv4Addr::LOCALHOST);
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, host))
            .await
            .unwrap();
        let mut answer = Vec::new();
        assert_eq!(client.read_to_end(&mut answer).await.unwrap_or(0), 0);
    }
}
