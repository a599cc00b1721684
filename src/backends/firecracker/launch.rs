//! From a decision to a Firecracker whose vCPUs are about to run.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use serde_json::Value;
use tokio::net::UnixListener;
use tokio::sync::mpsc;

use super::api::{Client, PROGRAM, protocol};
use super::fifo;
use super::machine::FirecrackerMachine;
use super::metrics::{Devices, Metrics};
use super::places::Places;
use super::plan::plan;
use super::version::Version;
use super::{disk, exit, kernel};
use crate::backends::files::{check_files, clear, listen, open_log};
use crate::backends::process::{self, Guard, Process};
use crate::backends::{
    AgentChannel, BackendError, Launch, Launched, Line, MachineEvent, ProcessExit,
};
use crate::fault::io_error;

use crate::vm::process::BIRTH_RECORD;
use crate::vm::{ApiCall, Arch, BootPhase};

/// How long Firecracker may take until it is set up: 10 to 30 ms, much longer on a host that swaps.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a Firecracker that hung up may take to end.
pub(super) const DEATH: Duration = Duration::from_secs(2);

/// Firecracker's id may have letters, digits and dashes, at most 64 of them.
fn id(launch: &Launch) -> String {
    let name = launch.name.as_str();
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    name.chars().map(allowed).take(64).collect()
}

/// The command line, program first. Its log has no requests in it, which come each second while
/// somebody looks at the figures.
pub(super) fn argv(launch: &Launch) -> Vec<OsString> {
    let places = Places::of(&launch.run_dir);
    vec![
        launch.program.clone().into(),
        "--api-sock".into(),
        places.api.into(),
        "--id".into(),
        id(launch).into(),
        "--log-path".into(),
        launch.paths.vmm_log.clone().into(),
        "--level".into(),
        "Warning".into(),
    ]
}

pub(super) async fn launch(
    launch: &Launch,
    stamp: &mut dyn FnMut(BootPhase),
) -> Result<Launched<FirecrackerMachine>, BackendError> {
    let places = Places::of(&launch.run_dir);
    for stale in [&places.api, &places.vsock] {
        clear(stale).map_err(io_error("remove", stale))?;
    }
    for path in [&places.serial_in, &places.serial_out, &places.metrics] {
        fifo::make(path)?;
    }
    let serial = fifo::line(&places)?;
    let metrics = fifo::receiver(&places.metrics)?;
    let agent = agent(launch, &places)?;
    // It opens the log itself; older versions want it to be there.
    open_log(&launch.paths.vmm_log)?;
    let streams = [
        fifo::theirs(&places.serial_in)?.into(),
        fifo::theirs(&places.serial_out)?.into(),
        open_log(&launch.paths.vmm_err)?.into(),
    ];
    let argv = argv(launch);

    let birth = open_log(&launch.run_dir.join(BIRTH_RECORD)).ok();
    stamp(BootPhase::Spawned);
    let spawn_error = |source| BackendError::Spawn {
        program: launch.program.clone(),
        source,
    };
    let child = process::spawn(&launch.program, &argv[1..], streams, &[], birth.as_ref())
        .map_err(spawn_error)?;
    let process = Process::of_child(&child);
    // From here on the child is killed and reaped if this future is dropped.
    let mut guard = Guard::new(child);
    let process = process.map_err(spawn_error)?;

    let api = Client::new(places.api.clone());
    let ready = async {
        api.reachable().await?;
        stamp(BootPhase::VmmReady);
        let version = version(&api).await?;
        let calls = plan(launch, version.known);
        for call in &calls {
            api.call(call).await?;
        }
        Ok((version.words, calls))
    };
    let answered = tokio::select! {
        biased;
        _ = process.ended() => return Err(ended_early(launch, guard.reap(), &serial)),
        answered = tokio::time::timeout(PATIENCE, ready) => answered,
    };
    let (version, api_calls) = match answered {
        Ok(Ok(ready)) => ready,
        // What it refused it has said; one that hung up is about to die, unless it is no Firecracker.
        Ok(Err(error @ BackendError::Refused { .. })) => return Err(error),
        Ok(Err(error)) => {
            return Err(match tokio::time::timeout(DEATH, process.ended()).await {
                Ok(_) => ended_early(launch, guard.reap(), &serial),
                Err(_) => error,
            });
        }
        Err(_) => {
            return Err(BackendError::TimedOut {
                what: format!("{PROGRAM}'s start"),
                after: PATIENCE,
            });
        }
    };
    let (told, events) = mpsc::channel(4);
    let arch = launch.spec.arch;
    Ok(Launched {
        machine: FirecrackerMachine::new(
            api,
            process.clone(),
            &launch.spec,
            devices(&api_calls),
            Metrics::begin(metrics, &places.sums),
            &told,
        ),
        process: process.id(),
        argv: process::shown(&argv),
        api_calls,
        version: Some(version),
        // They come with the start.
        vcpu_threads: Vec::new(),
        serial,
        agent,
        exit: Box::pin(tell_end(guard, process, arch, told)),
        events,
    })
}

/// Makes what the launch needs on disk, and names it, while the shim has clients to answer.
pub(super) async fn provide(mut launch: Launch) -> Result<Launch, BackendError> {
    check_files(&launch)?;
    let dir = launch.paths.dir.clone();
    let made = tokio::task::spawn_blocking(move || {
        launch.kernel = kernel::provide(&launch.kernel, &launch.paths.dir)?;
        disk::provide(&launch)?;
        Ok(launch)
    });
    made.await
        .map_err(|error| io_error("write to", dir)(error.into()))?
}

/// Where the agent calls us. Bound before the start, so that its first call finds us.
pub(super) fn agent(
    launch: &Launch,
    places: &Places,
) -> Result<Option<AgentChannel>, BackendError> {
    if !launch.has_agent {
        return Ok(None);
    }
    let listener = listen(&places.agent).and_then(|listener| {
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener)
    });
    let listener = listener.map_err(io_error("listen on", &places.agent))?;
    Ok(Some(AgentChannel::Calls(listener)))
}

/// The version in Firecracker's words, and as far as we understand it.
pub(super) struct Told {
    pub(super) words: String,
    pub(super) known: Version,
}

/// Asks a Firecracker for its version.
pub(super) async fn version(api: &Client) -> Result<Told, BackendError> {
    let call = ApiCall::get("/version");
    let answer = api.call(&call).await?;
    let words = answer.get("firecracker_version").and_then(Value::as_str);
    let known = words.and_then(Version::parse);
    match (words, known) {
        (Some(words), Some(known)) => Ok(Told {
            words: words.chars().filter(|c| !c.is_control()).take(64).collect(),
            known,
        }),
        _ => Err(protocol(&call, "no version".to_owned())),
    }
}

/// The devices that these calls make.
fn devices(calls: &[ApiCall]) -> Devices {
    let any = |prefix: &str| calls.iter().any(|call| call.path.starts_with(prefix));
    Devices {
        block: any("/drives/"),
        net: any("/network-interfaces/"),
        vsock: any("/vsock"),
    }
}

/// The end of the process, told with what it says of the guest just before.
pub(super) async fn tell_end(
    guard: Guard,
    process: Process,
    arch: Arch,
    events: mpsc::Sender<MachineEvent>,
) -> ProcessExit {
    let ended = guard.keep(process).await;
    if let Some(reason) = exit::reason(ended, arch) {
        let _ = events.try_send(MachineEvent::Ending(reason));
    }
    ended
}

fn ended_early(launch: &Launch, status: Option<ExitStatus>, serial: &Line) -> BackendError {
    let code = status.and_then(|status| status.code());
    let status = status.map_or_else(|| "status unknown".to_owned(), process::words);
    BackendError::ExitedEarly {
        program: program_name(&launch.program),
        status: match code.and_then(exit::words) {
            Some(words) => format!("{status}, {words}"),
            None => status,
        },
        words: last_words(launch, serial),
    }
}

fn program_name(program: &Path) -> String {
    program
        .file_name()
        .map_or_else(|| PROGRAM.into(), |name| name.to_string_lossy())
        .into_owned()
}

/// What it logged; else what it said on standard error; else, as before it has read its arguments,
/// on standard output.
fn last_words(launch: &Launch, serial: &Line) -> String {
    [&launch.paths.vmm_log, &launch.paths.vmm_err]
        .into_iter()
        .map(|log| process::last_words(log))
        .find(|words| !words.is_empty())
        .unwrap_or_else(|| {
            let mut buffer = [0; 4096];
            let length = serial.read_now(&mut buffer).unwrap_or(0);
            process::last_lines(&String::from_utf8_lossy(&buffer[..length]))
        })
}
