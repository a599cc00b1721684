//! A VM's serial output as a client reads it: from its shim while it lives, from its log after.

use crate::console::Size;
use crate::fault::{Code, Failure};
use crate::fleet::Fleet;
use crate::shim::client::{Listener, Talker};
use crate::shim::log::{Chunk, Reader};
use crate::shim::protocol::{Answer, ClientFrame, Event, Push, ReplayFrom, Request, ServerFrame};
use crate::vm::{Exit, Vm, VmPaths};

/// The log is read in pieces of at most this many bytes.
const CHUNK: usize = 64 * 1024;

/// Something that came over the serial line, or happened to the VM.
#[derive(Debug)]
pub(super) enum Piece {
    /// Output.
    Output(Vec<u8>),
    /// The replay ends here.
    Live,
    /// So many bytes are missing, because we were too slow.
    Gap(u64),
    /// The guest's terminal has this size from here on.
    Size(Size),
    /// The guest took a piece of a paste.
    Taken,
    /// What was asked for was refused.
    Refused(Failure),
    /// The VM ended; how, when its shim told.
    Ended(Option<Exit>),
}

/// A connection that is attached to the serial line, also when the shim behind it is another one
/// after a while.
pub(super) struct Serial<'a> {
    fleet: &'a Fleet,
    name: &'a str,
    listener: Listener,
    talker: Talker,
    /// Where the output goes on, as an offset in the log.
    at: u64,
    /// A size that is still to be told.
    size: Option<Size>,
    exit: Option<Exit>,
    /// How many connections were lost since there was output.
    lost: u8,
}

/// So many connections may be lost in a row: a shim that hangs up on everybody is not asked for ever.
const PATIENCE: u8 = 3;

/// The id of the one request that waits for an answer; others are not waited for.
const ATTACH: u64 = 1;
const OTHER: u64 = 2;
const PIECE: u64 = 3;

impl<'a> Serial<'a> {
    /// Attaches to a live VM.
    pub(super) async fn attach(
        fleet: &'a Fleet,
        name: &'a str,
        from: ReplayFrom,
    ) -> Result<Self, Failure> {
        let (listener, talker, (at, size)) = connect(fleet, name, from).await?;
        Ok(Self {
            fleet,
            name,
            listener,
            talker,
            at,
            size: Some(size),
            exit: None,
            lost: 0,
        })
    }

    /// What comes next; cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Piece, Failure> {
        if let Some(size) = self.size.take() {
            return Ok(Piece::Size(size));
        }
        loop {
            match self.listener.next().await {
                Ok(Some(ServerFrame::Output { offset, bytes, .. })) => {
                    self.at = offset + bytes.len() as u64;
                    self.lost = 0;
                    return Ok(Piece::Output(bytes));
                }
                Ok(Some(ServerFrame::Live { .. })) => return Ok(Piece::Live),
                Ok(Some(ServerFrame::Gap { missing, .. })) => return Ok(Piece::Gap(missing)),
                // Not the end yet: a restart goes on under the same shim, which hangs up at the end.
                Ok(Some(ServerFrame::Event(Event::Phase { exit, .. }))) => self.exit = exit,
                Ok(Some(ServerFrame::Event(Event::Size { rows, columns }))) => {
                    return Ok(Piece::Size(Size::new(rows, columns)));
                }
                Ok(Some(ServerFrame::Answer {
                    result: Ok(_),
                    id: PIECE,
                })) => return Ok(Piece::Taken),
                Ok(Some(ServerFrame::Answer {
                    result: Err(failure),
                    ..
                })) => return Ok(Piece::Refused(failure)),
                Ok(Some(_)) => {}
                // Without a farewell it was the shim that died, and its VM may live on.
                Ok(None) | Err(_) if self.may_go_on() => {
                    self.again().await?;
                    if let Some(size) = self.size.take() {
                        return Ok(Piece::Size(size));
                    }
                }
                Ok(None) => return Ok(Piece::Ended(self.exit.take())),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn may_go_on(&self) -> bool {
        let vm = || self.fleet.store.find(self.name);
        self.exit.is_none() && self.lost < PATIENCE && vm().is_ok_and(|vm| vm.phase.is_live())
    }

    /// Attaches to the shim that takes the VM over, where the output was left.
    async fn again(&mut self) -> Result<(), Failure> {
        let from = ReplayFrom::Offset(self.at);
        let size;
        (self.listener, self.talker, (self.at, size)) =
            connect(self.fleet, self.name, from).await?;
        self.lost += 1;
        self.size = Some(size);
        Ok(())
    }

    /// Says something that no answer is waited for.
    async fn say(&mut self, frame: ClientFrame) -> Result<(), Failure> {
        match self.talker.say(frame.clone()).await {
            Err(_) if self.may_go_on() => {
                self.again().await?;
                Ok(self.talker.say(frame).await?)
            }
            said => Ok(said?),
        }
    }

    /// Types bytes.
    pub(super) async fn type_bytes(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        self.say(ClientFrame::Input(bytes)).await
    }

    /// Types a piece of a paste; [`Piece::Taken`] comes when the guest took it.
    pub(super) async fn type_piece(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        let request = Request::Type { bytes };
        self.say(ClientFrame::Request { id: PIECE, request }).await
    }

    /// Asks that the guest's terminal be given this size.
    pub(super) async fn resize(&mut self, size: Size, push: Push) -> Result<(), Failure> {
        let request = Request::Resize {
            rows: size.rows(),
            columns: size.columns(),
            push: Some(push),
        };
        self.say(ClientFrame::Request { id: OTHER, request }).await
    }
}

/// A connection that is attached, where its output begins, and the size of the guest's terminal.
async fn connect(
    fleet: &Fleet,
    name: &str,
    from: ReplayFrom,
) -> Result<(Listener, Talker, (u64, Size)), Failure> {
    let (mut listener, mut talker) = fleet.connect(name).await?.split();
    let request = Request::Attach { from };
    talker
        .say(ClientFrame::Request {
            id: ATTACH,
            request,
        })
        .await?;
    // Nothing but events can come before the answer.
    loop {
        match listener.next().await? {
            Some(ServerFrame::Answer { id: ATTACH, result }) => {
                return match result? {
                    Answer::Attached {
                        from,
                        rows,
                        columns,
                    } => Ok((listener, talker, (from, Size::new(rows, columns)))),
                    other => Err(Failure::new(
                        Code::RuntimeError,
                        format!("the shim of `{name}` answered an attach with {other:?}"),
                    )),
                };
            }
            Some(_) => {}
            None => {
                return Err(Failure::new(
                    Code::NotRunning,
                    format!("VM `{name}` ended while we attached to it"),
                ));
            }
        }
    }
}

/// The offset at which boot `id` began, and at which the next one did.
pub(super) fn boot_range(fleet: &Fleet, vm: &Vm, id: u64) -> Result<(u64, Option<u64>), Failure> {
    let boots = fleet.boots(vm)?;
    let begin = boots.iter().find(|boot| boot.id == id).ok_or_else(|| {
        let last = boots.last().map_or(0, |boot| boot.id);
        Failure::new(Code::NotFound, format!("VM `{}` has no boot {id}", vm.name)).with_hint(
            match last {
                0 => "it was never started".to_owned(),
                last => format!(
                    "its last boot is {last}: see `smolvm-tui boots {}`",
                    vm.name
                ),
            },
        )
    })?;
    let later = boots.iter().filter(|boot| boot.id > id);
    let end = later.map(|boot| boot.console_offset).min();
    Ok((begin.console_offset, end))
}

/// The kept serial output from one offset to another, or to the end; `hole` says what to put where
/// bytes are missing in between.
pub(super) fn read_log(
    paths: &VmPaths,
    from: u64,
    to: Option<u64>,
    hole: impl Fn(u64) -> String,
) -> Result<Vec<u8>, Failure> {
    let mut kept = Vec::new();
    each_chunk(paths, from, to, |missing, chunk| {
        if missing > 0 {
            kept.extend(hole(missing).bytes());
        }
        kept.extend_from_slice(&chunk.bytes);
    })?;
    Ok(kept)
}

/// Hands over the kept serial output from one offset to another, or to the end, each piece with how
/// many bytes are missing between it and the one before.
pub(super) fn each_chunk(
    paths: &VmPaths,
    from: u64,
    to: Option<u64>,
    mut take: impl FnMut(u64, &Chunk),
) -> Result<(), Failure> {
    let mut read = || -> std::io::Result<()> {
        let log = Reader::open(paths)?;
        let to = to.unwrap_or(u64::MAX);
        let (mut at, mut is_first) = (from, true);
        while at < to
            && let Some(mut chunk) = log.read(at, CHUNK)?
            && chunk.offset < to
        {
            let missing = if is_first { 0 } else { chunk.offset - at };
            let wanted = usize::try_from(to - chunk.offset).unwrap_or(usize::MAX);
            chunk.bytes.truncate(wanted);
            at = chunk.offset + chunk.bytes.len() as u64;
            is_first = false;
            take(missing, &chunk);
        }
        Ok(())
    };
    read().map_err(|error| {
        let log = paths.console_log.display();
        Failure::new(
            Code::RuntimeError,
            format!("could not read `{log}`: {error}"),
        )
    })
}
