//! Why a VM could not be launched, adopted or controlled.

use std::io;
use std::path::PathBuf;

use crate::fault::{Code, Fault, IoError};
use crate::vm::BackendKind;

/// Operation, object, cause and way out of everything that backends do.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// A word that names no backend.
    #[error("Unsupported backend '{0}'. Supported values: auto, firecracker, qemu")]
    Unsupported(String),
    /// The backend cannot run on this host.
    #[error("{backend} cannot run here: {why}")]
    Unavailable {
        /// Which one.
        backend: BackendKind,
        /// What is missing.
        why: String,
        /// The command that mends it.
        hint: String,
    },
    /// The accelerator that was insisted on does not work here.
    #[error("the accelerator `{accel}` does not work here: {why}")]
    Accelerator {
        /// Which one.
        accel: crate::vm::Accel,
        /// What the probe found.
        why: String,
    },
    /// The VMM's program could not be spawned.
    #[error("could not run `{}`", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The VMM ended before it was ready.
    #[error("{program} ended while it was starting ({status}){}{words}", if words.is_empty() { "" } else { ": " })]
    ExitedEarly {
        /// The program's name.
        program: String,
        /// Exit code or signal in words.
        status: String,
        /// Its own last lines.
        words: String,
    },
    /// Another process holds the lock on the disk.
    #[error("the disk `{}` is being used by another VM or program", path.display())]
    DiskTaken {
        /// The disk.
        path: PathBuf,
    },
    /// The VMM refused a command.
    #[error("{program} refused `{command}`: {reason}")]
    Refused {
        /// The program's name.
        program: &'static str,
        /// The command.
        command: String,
        /// The VMM's own words.
        reason: String,
    },
    /// The VMM's answer is not what its protocol allows.
    #[error("{program} answered `{command}` with something unexpected: {what}")]
    Protocol {
        /// The program's name.
        program: &'static str,
        /// The command.
        command: String,
        /// What came instead.
        what: String,
    },
    /// The VMM has no way to send a BREAK: no call of Firecracker's API does.
    #[error("Firecracker cannot send a BREAK over its serial line")]
    NoBreak,
    /// The control connection is gone.
    #[error("{program} closed its control socket during `{command}`")]
    Disconnected {
        /// The program's name.
        program: &'static str,
        /// The command.
        command: String,
    },
    /// The VMM did not answer in time.
    #[error("{what} took longer than {} s", after.as_secs())]
    TimedOut {
        /// What was waited for.
        what: String,
        /// The deadline.
        after: std::time::Duration,
    },
    /// A value cannot be put on a VMM's command line.
    #[error("could not use {what} `{}`: {why}", value.display())]
    Value {
        /// What the value is.
        what: &'static str,
        /// The value.
        value: PathBuf,
        /// Why not.
        why: String,
    },
    /// A host port is taken.
    #[error("port {port} of this host is taken already")]
    PortTaken {
        /// Which.
        port: u16,
        /// The VM that publishes it, if it is one of ours.
        by: Option<String>,
    },
    /// An operation on a file or socket failed.
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for BackendError {
    fn code(&self) -> Code {
        match self {
            Self::Unsupported(_) | Self::Value { .. } | Self::PortTaken { .. } => {
                Code::InvalidInput
            }
            Self::Unavailable { .. } | Self::Accelerator { .. } => Code::MissingDependency,
            Self::TimedOut { .. } => Code::Timeout,
            Self::NoBreak => Code::Refused,
            _ => Code::RuntimeError,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unavailable { hint, .. } => Some(hint.clone()),
            Self::Accelerator { .. } => Some("leave the accelerator to `auto`".to_owned()),
            // Before its start nothing asks for KVM, so this is the first that is heard of it.
            Self::Refused {
                program: "Firecracker",
                reason,
                ..
            } if reason.to_lowercase().contains("kvm") => Some(
                "`smolvm-tui doctor --backend firecracker` tells what is missing; or make the VM \
                 with `--backend qemu`"
                    .to_owned(),
            ),
            Self::Spawn { .. } => Some("run `smolvm-tui doctor`".to_owned()),
            Self::PortTaken { by: Some(vm), .. } => Some(format!(
                "VM `{vm}` publishes it: choose another port, or stop that VM"
            )),
            Self::DiskTaken { .. } => {
                Some("end what uses it, or create the VM with `--disk-mode isolated`".to_owned())
            }
            Self::NoBreak => Some(
                "write the letter to /proc/sysrq-trigger in the guest, or make the VM with \
                 `--backend qemu`"
                    .to_owned(),
            ),
            Self::PortTaken { by: None, .. } => Some("choose another port".to_owned()),
            _ => None,
        }
    }
}
