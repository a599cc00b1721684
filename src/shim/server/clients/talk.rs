//! The two tasks of a connection: one hears the client, one talks to it.

use std::cell::RefCell;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Semaphore, mpsc};

use super::{ClientId, Desk, Wish};
use crate::fault::{Code, Failure};
use crate::shim::protocol::codec::{Decoder, Frame, Incoming};
use crate::shim::protocol::{ClientFrame, PROTOCOL, Request, ServerFrame};
use crate::shim::server::console::Console;
use crate::shim::server::typing::Typed;

/// Typed bytes of one client that the guest has not taken yet; then that client waits.
const MOST_TYPED: u32 = 64 * 1024;

/// What the client says.
pub(super) struct Ears<'a> {
    pub(super) reader: OwnedReadHalf,
    pub(super) decoder: &'a mut Decoder,
}

impl Ears<'_> {
    /// What the client says next; `None` when it is gone or talks nonsense.
    async fn next(&mut self) -> Option<Incoming<ClientFrame>> {
        loop {
            match self.decoder.take() {
                Ok(Some(frame)) => return Some(frame),
                Ok(None) => {}
                Err(_) => return None,
            }
            match self.reader.read_buf(self.decoder.buffer()).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

/// Exchanges hellos; `None` when that came to nothing.
pub(super) async fn greet(ears: &mut Ears<'_>, writer: &mut OwnedWriteHalf) -> Option<()> {
    let Incoming::Frame(ClientFrame::Hello { protocol, .. }) = ears.next().await? else {
        return None;
    };
    let hello = ServerFrame::Hello {
        protocol: protocol.clamp(1, PROTOCOL),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
    };
    let mut bytes = Vec::new();
    hello.encode(&mut bytes).ok()?;
    writer.write_all(&bytes).await.ok()
}

/// Hears the client until it is gone.
pub(super) async fn hear(
    client: ClientId,
    ears: &mut Ears<'_>,
    desk: &Desk,
    wishes: &mpsc::Sender<(ClientId, Wish)>,
) {
    let credit = std::sync::Arc::new(Semaphore::new(MOST_TYPED as usize));
    let typed = async |bytes: Vec<u8>| {
        // A piece that is larger than all credit waits until the guest has taken everything else.
        let wanted = u32::try_from(bytes.len())
            .unwrap_or(MOST_TYPED)
            .min(MOST_TYPED);
        let credit = std::sync::Arc::clone(&credit);
        let credit = credit.acquire_many_owned(wanted).await.ok();
        Typed::new(bytes, credit)
    };
    while let Some(incoming) = ears.next().await {
        let wish = match incoming {
            Incoming::Frame(ClientFrame::Request {
                id,
                request: Request::Send { bytes },
            }) => Wish::Sends {
                id,
                typed: typed(bytes).await,
            },
            Incoming::Frame(ClientFrame::Request {
                id,
                request: Request::Type { bytes },
            }) => Wish::Types(Typed {
                asker: Some((client, id)),
                ..typed(bytes).await
            }),
            Incoming::Frame(ClientFrame::Request { id, request }) => Wish::Asks { id, request },
            Incoming::Frame(ClientFrame::Input(bytes)) => Wish::Types(typed(bytes).await),
            Incoming::Frame(ClientFrame::Stream(piece)) => Wish::Relays(piece),
            Incoming::Unknown { id: Some(id), what } => {
                let failure = Failure::new(Code::UsageError, what)
                    .with_hint("stop the VM and start it to give it a newer shim");
                let result = Err(failure);
                desk.post(0, &ServerFrame::Answer { id, result });
                continue;
            }
            Incoming::Frame(ClientFrame::Hello { .. }) | Incoming::Unknown { .. } => continue,
        };
        if wishes.send((client, wish)).await.is_err() {
            return;
        }
    }
}

/// Talks to the client until it is gone or all is said.
pub(super) async fn talk(
    writer: &mut OwnedWriteHalf,
    desk: &Desk,
    console: &RefCell<Console>,
) -> std::io::Result<()> {
    loop {
        match desk.next(console) {
            Some(bytes) => writer.write_all(&bytes).await?,
            None if desk.closing.get() => return writer.shutdown().await,
            None => desk.wake.notified().await,
        }
    }
}
