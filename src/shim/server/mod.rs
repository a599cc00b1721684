//! The shim process itself.
//!
//! A SIGTERM ends the shim and leaves the VM running, as a kill does: the next client starts
//! another shim, which adopts the VM. SIGHUP and SIGINT change nothing.

pub use this_host::invocation;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

mod adopt;
mod agent;
mod boot;
mod breaking;
mod clients;
mod console;
mod detach;
mod ending;
mod farewell;
mod figures;
mod gap;
mod host;
mod life;
mod network;
mod operations;
mod owner;
mod relay;
mod streams;
mod this_host;
mod typing;
mod vmm_log;
mod watch;
mod window;

use detach::Told;
use host::{Host, Subject};
use owner::Owner;

use super::client::SOCKET;
use super::spawn::Task;
use crate::fault::{Code, Failure};
use crate::vm::{Admission, Operation, ProcessId, ShimLock, Store, VmName, process};

/// What the hidden subcommand was told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Order {
    data_dir: PathBuf,
    task: Task,
    name: VmName,
}

/// The hidden subcommand `__shim --data-dir DIR --task start|start-talkative|adopt NAME`, told the arguments after
/// `__shim`: never returns before the VM has ended and that is written down.
///
/// On standard output it says `ready`, or a failure as JSON, in one line. Call it before any thread
/// is started: it forks.
pub fn main(arguments: &[OsString]) -> ExitCode {
    let mut told = Told::new();
    let outcome = parse(arguments).and_then(|order| {
        if !detach::detach()? {
            return Ok(());
        }
        detach::bound_the_panics(&order.data_dir, &order.name);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            // A thread that did what blocks ends at once: later it would wake a shim at rest.
            .thread_keep_alive(std::time::Duration::ZERO)
            .build()
            .map_err(|error| failed("start an event loop", &error))?;
        let host = Rc::new(this_host::ThisHost::new());
        let served = LocalSet::new().block_on(&runtime, serve(host, &order, || told.ready()));
        // A copy that a killed start had begun ends with us: nobody is to meet it half done.
        runtime.shutdown_background();
        served
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            told.failure(&failure);
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[OsString]) -> Result<Order, Failure> {
    let wrong = |what: &str| Failure::new(Code::UsageError, format!("`__shim`: {what}"));
    let (mut data_dir, mut task, mut name) = (None, None, None);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--data-dir") => data_dir = words.next().map(PathBuf::from),
            Some("--task") => {
                let word = words.next().and_then(|word| word.to_str());
                task = word.and_then(Task::from_word);
            }
            Some(word) => name = Some(word.parse::<VmName>()?),
            None => return Err(wrong("an argument is not UTF-8")),
        }
    }
    Ok(Order {
        data_dir: data_dir.ok_or_else(|| wrong("--data-dir is missing"))?,
        task: task.ok_or_else(|| wrong("--task start|start-talkative|adopt is missing"))?,
        name: name.ok_or_else(|| wrong("the name is missing"))?,
    })
}

fn failed(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(Code::RuntimeError, format!("could not {what}: {error}"))
}

/// Looks after a VM from begin to end; `listens` is called when clients may connect.
async fn serve<H: Host>(host: Rc<H>, order: &Order, listens: impl FnOnce()) -> Result<(), Failure> {
    // A handler, in place of ignoring them, because what is ignored stays ignored in the VMM.
    let _deaf = [SignalKind::hangup(), SignalKind::interrupt()].map(signal);
    let store = Store::locate(Some(&order.data_dir))?;
    // Also tells a name that nobody has.
    store.find(order.name.as_str())?;
    let lock = lock(&store, &order.name)?;
    let vm = store.observe(order.name.clone(), &process::host_boot_id());
    let Some(spec) = vm.spec.clone() else {
        let problem = vm
            .problem
            .map_or_else(String::new, |problem| problem.message);
        return Err(Failure::new(Code::Damaged, problem));
    };
    let run_dir = store.run_dir(&spec.id)?;
    let paths = store.paths(&order.name);
    let console = console::Console::open(&paths)
        .map_err(|error| failed(&format!("open `{}`", paths.console_log.display()), &error))?;
    let subject = Subject {
        store,
        name: order.name.clone(),
        spec,
        paths,
        run_dir,
    };
    let mut state = vm.state.clone();
    state.phase = vm.phase;
    let mut owner = Owner::new(host, subject, lock, state, console);
    match order.task {
        Task::Start | Task::StartTalkative => {
            owner.talkative = order.task == Task::StartTalkative;
            // Two that start one VM at once: the second finds it done.
            if vm.phase.admit(Operation::Start)? == Admission::Done {
                return Err(Failure::new(
                    Code::Busy,
                    "it runs, and its shim died: adopt it",
                ));
            }
        }
        Task::Adopt => owner.adopt(&vm).await?,
    }
    owner.state.shim = ProcessId::current();
    owner.state.host_boot = process::host_boot_id();
    let listener = listen(&owner.subject.run_dir)?;
    if order.task == Task::Adopt {
        owner.save();
    } else {
        owner.begin_boot(Operation::Start, Vec::new());
    }
    tokio::task::spawn_local(vmm_log::keep_short(owner.subject.paths.clone()));
    listens();
    owner.run(listener).await;
    Ok(())
}

/// Takes the VM's lock.
fn lock(store: &Store, name: &VmName) -> Result<ShimLock, Failure> {
    store.lock(name)?.ok_or_else(|| {
        Failure::new(
            Code::Busy,
            format!("VM `{name}` is looked after by another shim already"),
        )
        .with_hint("try again")
    })
}

fn listen(run_dir: &std::path::Path) -> Result<UnixListener, Failure> {
    let path = run_dir.join(SOCKET);
    // The lock is ours, so a socket that is there is a dead shim's.
    let _ = std::fs::remove_file(&path);
    UnixListener::bind(&path)
        .map_err(|error| failed(&format!("listen on `{}`", path.display()), &error))
}

#[cfg(test)]
mod tests;
