//! A long paste: handed over in pieces no faster than the guest takes them.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::{Semaphore, mpsc};

use super::Held;
use crate::shim::protocol::{ClientFrame, Request};

/// The id of the requests that type a piece.
pub(super) const PIECE_ID: u64 = 4;

/// The size of a piece, in bytes.
const PIECE: usize = 2048;

/// Pieces that are under way: while one is taken, the next is there.
const UNDER_WAY: usize = 2;

/// How far the paste of a connection is.
#[derive(Debug)]
pub(super) struct Progress {
    room: Semaphore,
    taken: Cell<usize>,
    all: Cell<usize>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            room: Semaphore::new(UNDER_WAY),
            taken: Cell::new(0),
            all: Cell::new(0),
        }
    }
}

impl Progress {
    /// The guest took a piece: how many bytes of how many it has now.
    pub(super) fn took_one(&self) -> (usize, usize) {
        self.room.add_permits(1);
        let all = self.all.get();
        self.taken.set((self.taken.get() + PIECE).min(all));
        (self.taken.get(), all)
    }
}

/// A paste that is under way. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Paste {
    _task: Held,
    is_sent: Rc<Cell<bool>>,
    bracketed: bool,
}

impl Paste {
    /// Begins to hand over `bytes`.
    pub(super) fn begin(
        bytes: Vec<u8>,
        bracketed: bool,
        talk: &mpsc::Sender<ClientFrame>,
        progress: &Rc<Progress>,
    ) -> Self {
        progress.taken.set(0);
        progress.all.set(bytes.len());
        let is_sent = Rc::new(Cell::new(false));
        let (talk, progress, sent) = (talk.clone(), Rc::clone(progress), Rc::clone(&is_sent));
        let handing_over = Held::spawn(async move {
            for piece in bytes.chunks(PIECE) {
                let Ok(room) = progress.room.acquire().await else {
                    return;
                };
                // Given back when the guest took it.
                room.forget();
                let request = Request::Type {
                    bytes: piece.to_vec(),
                };
                let frame = ClientFrame::Request {
                    id: PIECE_ID,
                    request,
                };
                if talk.send(frame).await.is_err() {
                    return;
                }
            }
            sent.set(true);
        });
        Self {
            _task: handing_over,
            is_sent,
            bracketed,
        }
    }

    /// Ends it; returns what closes the bracket, if one is open.
    pub(super) fn cancel(self) -> Option<ClientFrame> {
        let is_open = self.bracketed && !self.is_sent.get();
        is_open.then(|| ClientFrame::Input(b"\x1b[201~".to_vec()))
    }
}
