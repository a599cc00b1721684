//! The connections: each has a task that hears it and a task that talks to it, and neither the
//! guest nor another client ever waits for one of them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::console::{Console, Piece};
use super::typing::Typed;
use crate::fault::{Code, Failure};
use crate::shim::client::is_trusted;
use crate::shim::protocol::codec::{Decoder, Frame, Incoming};
use crate::shim::protocol::{Answer, ClientFrame, Event, PROTOCOL, Request, ServerFrame};

/// More clients wait in the socket's backlog.
pub(super) const MOST_CLIENTS: usize = 64;

/// Answers and events that a client may leave unread; then it is cut off.
const MOST_UNREAD: usize = 512;

/// The same in bytes; a single frame may be as long as frames can be.
const MOST_UNREAD_BYTES: usize = 256 * 1024;

/// Typed bytes of one client that the guest has not taken yet; then that client waits.
const MOST_TYPED: u32 = 64 * 1024;

/// How long a connection may take to say hello.
const HELLO_DEADLINE: Duration = Duration::from_secs(5);

/// Names a connection.
pub(super) type ClientId = u64;

/// What a client wants.
#[derive(Debug)]
pub(super) enum Wish {
    Asks {
        id: u64,
        request: Request,
    },
    /// [`Request::Send`], with the right to type its bytes.
    Sends {
        id: u64,
        typed: Typed,
    },
    Types(Typed),
    /// It is gone.
    Leaves,
}

/// One connection as the owner sees it.
#[derive(Debug, Default)]
struct Desk {
    /// Frames with the console offset that the client shall have seen before.
    unread: RefCell<VecDeque<(u64, Vec<u8>)>>,
    /// The client's place in the output, when it is attached.
    place: Cell<Option<Place>>,
    closing: Cell<bool>,
    wake: Notify,
    /// Notified when the connection is to end at once.
    cut: Notify,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    live: bool,
}

/// All connections.
#[derive(Debug)]
pub(super) struct Clients {
    console: Rc<RefCell<Console>>,
    desks: BTreeMap<ClientId, Rc<Desk>>,
    tasks: JoinSet<()>,
    next: ClientId,
    wishes: mpsc::Sender<(ClientId, Wish)>,
}

impl Clients {
    /// No connection yet; what clients wish comes out of the receiver.
    pub(super) fn new(console: Rc<RefCell<Console>>) -> (Self, mpsc::Receiver<(ClientId, Wish)>) {
        let (wishes, receiver) = mpsc::channel(16);
        let clients = Self {
            console,
            desks: BTreeMap::new(),
            tasks: JoinSet::new(),
            next: 0,
            wishes,
        };
        (clients, receiver)
    }

    /// Whether another connection can be taken.
    pub(super) fn has_room(&self) -> bool {
        self.desks.len() < MOST_CLIENTS
    }

    /// Whether anybody ever connected.
    pub(super) fn had_any(&self) -> bool {
        self.next > 0
    }

    /// Takes a connection, if its other end is to be trusted.
    pub(super) fn accept(&mut self, stream: UnixStream) {
        let trusted = stream.peer_cred().is_ok_and(|peer| is_trusted(peer.uid()));
        if !trusted {
            return;
        }
        self.next += 1;
        let id = self.next;
        let desk = Rc::new(Desk::default());
        self.desks.insert(id, Rc::clone(&desk));
        let console = Rc::clone(&self.console);
        let wishes = self.wishes.clone();
        // What has ended since the last connection need not be kept.
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn_local(async move {
            let (reader, mut writer) = stream.into_split();
            let mut decoder = Decoder::default();
            let mut reader = Ears {
                reader,
                decoder: &mut decoder,
            };
            let greeted = tokio::time::timeout(HELLO_DEADLINE, greet(&mut reader, &mut writer));
            if matches!(greeted.await, Ok(Some(()))) {
                tokio::select! {
                    () = hear(id, &mut reader, &desk, &wishes) => {}
                    _ = talk(&mut writer, &desk, &console) => {}
                    () = desk.cut.notified() => {}
                }
            }
            let _ = wishes.send((id, Wish::Leaves)).await;
        });
    }

    /// Forgets a connection.
    pub(super) fn forget(&mut self, client: ClientId) {
        self.desks.remove(&client);
    }

    /// Answers a request.
    pub(super) fn answer(&self, client: ClientId, id: u64, result: Result<Answer, Failure>) {
        if let Some(desk) = self.desks.get(&client) {
            desk.post(0, &ServerFrame::Answer { id, result });
        }
    }

    /// Tells an event to everybody, to those who are attached after the output so far.
    pub(super) fn tell(&self, event: &Event) {
        let end = self.console.borrow().end();
        for desk in self.desks.values() {
            desk.post(end, &ServerFrame::Event(event.clone()));
        }
    }

    /// From now on the client gets output from `offset` on, after the answer to request `id`.
    pub(super) fn attach(&self, client: ClientId, id: u64, offset: u64) {
        if let Some(desk) = self.desks.get(&client) {
            let size = self.console.borrow().size();
            let attached = Answer::Attached {
                from: offset,
                rows: size.rows(),
                columns: size.columns(),
            };
            self.answer(client, id, Ok(attached));
            desk.place.set(Some(Place {
                offset,
                live: false,
            }));
        }
    }

    /// The client gets no more output.
    pub(super) fn detach(&self, client: ClientId) {
        if let Some(desk) = self.desks.get(&client) {
            desk.place.set(None);
            desk.wake.notify_one();
        }
    }

    /// There is more output.
    pub(super) fn wake_attached(&self) {
        for desk in self.desks.values() {
            if desk.place.get().is_some() {
                desk.wake.notify_one();
            }
        }
    }

    /// Ends each connection once it has all that it is to get.
    pub(super) fn close(&self) {
        for desk in self.desks.values() {
            desk.closing.set(true);
            desk.wake.notify_one();
        }
    }

    /// Resolves when every connection has ended.
    pub(super) async fn ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Desk {
    fn post(&self, after: u64, frame: &ServerFrame) {
        let mut bytes = Vec::new();
        if let Err(error) = frame.encode(&mut bytes) {
            let ServerFrame::Answer { id, .. } = frame else {
                return;
            };
            // Such as the screen of an enormous terminal.
            let failure = Failure::new(Code::RuntimeError, format!("could not answer: {error}"));
            let refusal = ServerFrame::Answer {
                id: *id,
                result: Err(failure),
            };
            if refusal.encode(&mut bytes).is_err() {
                return;
            }
        }
        let mut unread = self.unread.borrow_mut();
        let length: usize = unread.iter().map(|(_, bytes)| bytes.len()).sum();
        let too_long = length > 0 && length + bytes.len() > MOST_UNREAD_BYTES;
        if unread.len() >= MOST_UNREAD || too_long {
            self.cut.notify_one();
            return;
        }
        unread.push_back((after, bytes));
        self.wake.notify_one();
    }

    /// The next frame for the client, if there is one now.
    fn next(&self, console: &RefCell<Console>) -> Option<Vec<u8>> {
        let mut unread = self.unread.borrow_mut();
        let place = self.place.get();
        if let Some((after, _)) = unread.front()
            && place.is_none_or(|place| place.offset >= *after)
        {
            return unread.pop_front().map(|(_, bytes)| bytes);
        }
        let place = place?;
        let (frame, next) = match console.borrow().read(place.offset, place.live) {
            Some(Piece::Output {
                offset,
                t_us,
                bytes,
            }) => {
                let next = offset + bytes.len() as u64;
                let frame = ServerFrame::Output {
                    offset,
                    t_us,
                    bytes,
                };
                (
                    frame,
                    Place {
                        offset: next,
                        ..place
                    },
                )
            }
            Some(Piece::Missing { offset, missing }) => {
                let offset_after = offset + missing;
                let frame = ServerFrame::Gap { offset, missing };
                (
                    frame,
                    Place {
                        offset: offset_after,
                        ..place
                    },
                )
            }
            None if !place.live => {
                let offset = place.offset;
                let frame = ServerFrame::Live { offset };
                (
                    frame,
                    Place {
                        live: true,
                        ..place
                    },
                )
            }
            None => return None,
        };
        self.place.set(Some(next));
        let mut bytes = Vec::new();
        frame.encode(&mut bytes).ok()?;
        Some(bytes)
    }
}

struct Ears<'a> {
    reader: OwnedReadHalf,
    decoder: &'a mut Decoder,
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

async fn greet(ears: &mut Ears<'_>, writer: &mut OwnedWriteHalf) -> Option<()> {
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

async fn hear(
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

async fn talk(
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
