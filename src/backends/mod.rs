//! What runs a VM: a [`Backend`] launches or adopts, a [`Machine`] is the live handle.
//!
//! Knows nothing of dashboards and owns no VM: the shim does. Everything is single-threaded, so
//! the traits ask for no `Send`.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::pin::Pin;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use crate::network::Tap;
use crate::vm::{
    Accel, ApiCall, BootPhase, ExitReason, Figures, ProcessId, VmName, VmPaths, VmSpec,
};

pub mod accel;
mod any;
mod boot_args;
pub mod canary;
mod error;
mod files;
pub mod firecracker;
pub mod kvm;
mod line;
pub mod packages;
mod process;
pub mod programs;
pub mod qemu;
pub mod resolve;
#[cfg(test)]
mod sample;

pub use any::{AnyBackend, AnyMachine};
pub use error::BackendError;
pub use line::Line;
pub use process::{end, ended, tail};

/// All that a backend needs to run one VM, decided before anything is spawned.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Whose launch it is.
    pub name: VmName,
    /// What was asked for.
    pub spec: VmSpec,
    /// The VMM's program.
    pub program: PathBuf,
    /// What will execute the guest's instructions.
    pub accel: Accel,
    /// The kernel to boot.
    pub kernel: PathBuf,
    /// Its initial RAM file system.
    pub initrd: Option<PathBuf>,
    /// The root file system: the image's own, or a file that the user named.
    pub rootfs: Option<PathBuf>,
    /// Whether the guest is expected to have our agent, so that *ready* is its hello.
    pub has_agent: bool,
    /// Whether the kernel is to tell all that it can, from its first instructions on.
    pub talkative: bool,
    /// The TAP device made for it, when its network is one.
    pub tap: Option<Tap>,
    /// The VM's files.
    pub paths: VmPaths,
    /// The directory for its sockets, 0700.
    pub run_dir: PathBuf,
}

/// The channel to the agent in the guest.
#[derive(Debug)]
pub enum AgentChannel {
    /// It stands as long as the VMM's process, whatever the agent does.
    Standing(UnixStream),
    /// The guest calls here: later, and again after it hung up or its host did.
    Calls(UnixListener),
}

/// What a VMM says by itself while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MachineEvent {
    /// The vCPUs were halted, not by us.
    Paused,
    /// The vCPUs go on, not by us.
    Resumed,
    /// The guest powers off, resets or panics; the exit follows.
    Ending(ExitReason),
}

/// How the VMM's process ended, as far as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessExit {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// It is gone, and we were not its parent.
    Unseen,
}

/// A VMM that runs, with all that its owner has to look after.
pub struct Launched<M> {
    /// The handle for control.
    pub machine: M,
    /// The VMM's process.
    pub process: ProcessId,
    /// Its command line, for the record.
    pub argv: Vec<String>,
    /// The calls of its API that set the VM up, in order; empty for a VMM without one.
    pub api_calls: Vec<ApiCall>,
    /// The VMM's version, when it told.
    pub version: Option<String>,
    /// Thread ids of the vCPUs, in order; empty when not known, or not before the start.
    pub vcpu_threads: Vec<u32>,
    /// The serial line.
    pub serial: Line,
    /// The channel to the agent, when there is one.
    pub agent: Option<AgentChannel>,
    /// Resolves when the VMM's process ended.
    pub exit: Pin<Box<dyn Future<Output = ProcessExit>>>,
    /// What the VMM says by itself. Bounded; the backend drops nothing but waits.
    pub events: mpsc::Receiver<MachineEvent>,
}

impl<M> Launched<M> {
    /// The same with the handle made into another.
    pub fn map<N>(self, make: impl FnOnce(M) -> N) -> Launched<N> {
        Launched {
            machine: make(self.machine),
            process: self.process,
            argv: self.argv,
            api_calls: self.api_calls,
            version: self.version,
            vcpu_threads: self.vcpu_threads,
            serial: self.serial,
            agent: self.agent,
            exit: self.exit,
            events: self.events,
        }
    }
}

/// Makes machines.
pub trait Backend {
    /// The live handle that it makes.
    type Machine: Machine;

    /// The command line that [`Self::launch`] would run, program first.
    fn command_line(&self, launch: &Launch) -> Result<Vec<std::ffi::OsString>, BackendError>;

    /// Makes what the launch needs on disk, and names it. That takes as long as files are large, and
    /// no deadline of a launch counts it.
    fn provide(&self, launch: Launch) -> impl Future<Output = Result<Launch, BackendError>> {
        std::future::ready(Ok(launch))
    }

    /// Spawns the VMM and brings it to the point where the vCPUs are about to run. `launch` is what
    /// [`Self::provide`] made of it.
    ///
    /// `stamp` is called as `Spawned` and `VmmReady` come. The race between readiness and the
    /// child's death is decided here: a VMM that dies early fails at once with its last words.
    /// Dropping the future ends the VMM.
    fn launch(
        &self,
        launch: &Launch,
        stamp: &mut dyn FnMut(BootPhase),
    ) -> impl Future<Output = Result<Launched<Self::Machine>, BackendError>>;

    /// Takes over a VMM whose shim died.
    fn adopt(
        &self,
        launch: &Launch,
        process: ProcessId,
    ) -> impl Future<Output = Result<Launched<Self::Machine>, BackendError>>;
}

/// The live handle of a running VMM. All calls may be made while others are under way.
pub trait Machine: Clone + 'static {
    /// Lets the vCPUs run for the first time; returns when the VMM says that they do.
    fn start(&self) -> impl Future<Output = Result<(), BackendError>>;
    /// Halts the vCPUs.
    fn pause(&self) -> impl Future<Output = Result<(), BackendError>>;
    /// Lets halted vCPUs go on.
    fn resume(&self) -> impl Future<Output = Result<(), BackendError>>;
    /// Whether the vCPUs are halted now.
    fn is_paused(&self) -> impl Future<Output = Result<bool, BackendError>>;
    /// Presses the power button: asks the guest by way of its firmware. Says nothing of the effect.
    fn power_button(&self) -> impl Future<Output = Result<(), BackendError>>;
    /// Asks the VMM to end in good order.
    fn quit(&self) -> impl Future<Output = Result<(), BackendError>>;
    /// Ends the VMM's process at once.
    fn kill(&self) -> Result<(), BackendError>;
    /// Sends a BREAK over the serial line, past the bytes that are on the way.
    fn send_break(&self) -> impl Future<Output = Result<(), BackendError>>;
    /// The thread ids of the vCPUs, in order.
    fn vcpu_threads(&self) -> impl Future<Output = Result<Vec<u32>, BackendError>>;
    /// What the VMM counts of its guest. Nothing is counted, or flushed, unless this is called.
    fn figures(&self) -> impl Future<Output = Result<Figures, BackendError>>;
}

/// A descriptor that names a process, so that a signal meets that process or none (`pidfd_open(2)`).
pub type ProcessHandle = OwnedFd;
