//! `record`: a boot's serial output as an asciicast.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep_until};

use self::tape::{Part, Tape};
use super::args::RecordArgs;
use super::context::Context;
use super::output::{self, Outcome, Reply};
use super::runtime::converse;
use super::serial::{Piece, Serial, boot_range};
use crate::app::signals::{Signals, Told};
use crate::fault::{Code, Failure};
use crate::shim::log::Reader;
use crate::shim::protocol::ReplayFrom;
use crate::vm::{BootPhases, Vm};

mod cast;
mod tape;

/// What comes is written after this time, together with what came meanwhile: the times are the log's.
const STEP: Duration = Duration::from_millis(250);

pub(super) fn run(context: &Context, args: &RecordArgs) -> Outcome {
    let vm = context.fleet.store.find(&args.name)?;
    let boots = context.fleet.boots(&vm)?;
    let Some(id) = args.boot.or(boots.last().map(|boot| boot.id)) else {
        let message = format!("VM `{}` was never started: nothing to record", vm.name);
        let hint = format!("start it with `smolvm-tui start {}`", vm.name);
        return Err(Failure::new(Code::NotFound, message).with_hint(hint));
    };
    let (from, to) = boot_range(&context.fleet, &vm, id)?;
    let begun = boots.iter().find(|boot| boot.id == id);
    let begun = begun.map_or(0, |boot| boot.at.as_second());
    let target = Target::choose(context, args, &vm, id)?;
    let failed = |error: io::Error| target.failure(&error);
    let paths = context.fleet.store.paths(&vm.name);
    let log = Reader::open(&paths).map_err(failed)?;
    let part = Part { boot: id, from, to };
    let title = format!("{}, boot {id}", vm.name);
    let tape = Tape::begin(target.open()?, &log, part, begun, &title).map_err(failed)?;
    let mut recording = Recording {
        context,
        name: vm.name.as_str(),
        id,
        tape,
    };
    recording.catch_up().map_err(failed)?;
    if args.follow && to.is_none() && vm.phase.is_live() {
        converse(recording.follow(&target))?;
    }
    let holes = recording.tape.holes();
    let cast = recording.tape.end().map_err(failed)?;
    let data = json!({
        "name": vm.name,
        "boot": id,
        "path": target.path(),
        "events": cast.events(),
        "duration_ms": cast.last_us() / 1000,
        "holes": holes,
    });
    let text = match target.path() {
        Some(path) => format!("{}\n", path.display()),
        None => String::new(),
    };
    Reply::new(text, data)
}

/// A recording under way.
struct Recording<'a> {
    context: &'a Context,
    name: &'a str,
    id: u64,
    tape: Tape<Box<dyn Write>>,
}

impl Recording<'_> {
    fn catch_up(&mut self) -> io::Result<()> {
        let store = &self.context.fleet.store;
        let vm = store.find(self.name);
        let name = vm.as_ref().ok().map(|vm| &vm.name);
        let Some(name) = name else {
            // Removed: what came before is in the file.
            return Ok(());
        };
        let phases = vm.as_ref().map(|vm| self.phases(vm)).unwrap_or_default();
        self.tape.catch_up(&store.paths(name), &phases)
    }

    fn phases(&self, vm: &Vm) -> BootPhases {
        let boots = self.context.fleet.boots(vm).unwrap_or_default();
        let mine = boots.iter().find(|boot| boot.id == self.id);
        mine.map(|boot| boot.phases).unwrap_or_default()
    }

    /// Goes on until the boot ends or somebody ends us. The log is the one source: the shim only
    /// says when there is more of it.
    async fn follow(&mut self, target: &Target) -> Result<(), Failure> {
        let failed = |error: io::Error| target.failure(&error);
        let mut signals = Signals::new().map_err(failed)?;
        let mut serial = Serial::attach(&self.context.fleet, self.name, ReplayFrom::Recent).await?;
        output::progress("recording; Ctrl-C ends it");
        let mut due: Option<Instant> = None;
        while !self.tape.is_over() {
            let at = due.unwrap_or_else(Instant::now);
            tokio::select! {
                () = sleep_until(at), if due.is_some() => {
                    self.catch_up().map_err(failed)?;
                    due = None;
                }
                piece = serial.next() => match piece? {
                    Piece::Ended(_) => break,
                    Piece::Output(_) | Piece::Size(_) | Piece::Gap(_) | Piece::Live => {
                        due = due.or_else(|| Some(Instant::now() + STEP));
                    }
                    Piece::Taken | Piece::Refused(_) => {}
                },
                told = signals.next() => match told {
                    Told::End(_) => break,
                    Told::Stop => nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP)
                        .map_err(|errno| failed(errno.into()))?,
                    Told::Resize => {}
                },
            }
        }
        self.catch_up().map_err(failed)
    }
}

/// Where the recording goes.
enum Target {
    Stdout,
    File(PathBuf),
}

impl Target {
    fn choose(context: &Context, args: &RecordArgs, vm: &Vm, id: u64) -> Result<Self, Failure> {
        match &args.output {
            Some(path) if path == Path::new("-") => {
                if context.json {
                    let message = "`--json` and a recording on stdout would mix";
                    let failure = Failure::new(Code::UsageError, message);
                    return Err(failure.with_hint("give a file with `--output`"));
                }
                Ok(Self::Stdout)
            }
            Some(path) => Ok(Self::File(path.clone())),
            None => Ok(Self::File(format!("{}-{id}.cast", vm.name).into())),
        }
    }

    fn open(&self) -> Result<Box<dyn Write>, Failure> {
        match self {
            Self::Stdout => Ok(Box::new(BufWriter::new(io::stdout()))),
            Self::File(path) => Ok(Box::new(BufWriter::new(output::create_new(path)?))),
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Stdout => None,
            Self::File(path) => Some(path),
        }
    }

    fn failure(&self, error: &io::Error) -> Failure {
        let message = match self {
            Self::Stdout => format!("could not record to stdout: {error}"),
            Self::File(path) => format!("could not record to `{}`: {error}", path.display()),
        };
        Failure::new(Code::RuntimeError, message)
    }
}
