//! Why a VM could not be given a network of its own, or its end not be cleared away.

use std::io;

use super::address::Pool;
use crate::fault::{Code, Fault, IoError, set_up};

/// Operation, object, cause and way out of everything in this room.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// This user may not make TAP devices, or this host has none.
    #[error("TAP devices cannot be used here: {0}")]
    NotPermitted(String),
    /// A command failed.
    #[error("could not {what}: `{command}` {why}")]
    Command {
        /// What it would have done.
        what: String,
        /// The command, shortened.
        command: String,
        /// How it failed, with its own words.
        why: String,
    },
    /// The device is there, and something has it open.
    #[error("could not use the TAP device `{0}`: another process has it open")]
    InUse(String),
    /// The host uses all of the pool otherwise.
    #[error(
        "could not find addresses for the VM: every block of the pool {0} overlaps an address or a route of this host"
    )]
    PoolTaken(Pool),
    /// Another process kept the lock.
    #[error("could not change this host's network: another process has been at it for {0} s")]
    Locked(u64),
    /// A port of the host cannot be listened on.
    #[error("could not publish port {port} of this host")]
    Port {
        /// Which.
        port: u16,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An operation on a file failed.
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for NetworkError {
    fn code(&self) -> Code {
        match self {
            Self::NotPermitted(_) => Code::MissingDependency,
            Self::Port { .. } | Self::PoolTaken(_) => Code::InvalidInput,
            Self::InUse(_) | Self::Locked(_) => Code::Busy,
            Self::Command { .. } | Self::Io(_) => Code::RuntimeError,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotPermitted(_) => {
                let set_up = set_up::hint();
                format!("permit them with {set_up}, or use `--network user` or `none`")
            }
            Self::Command { why, .. } if why.contains("password") => {
                let set_up = set_up::hint();
                format!("permit it with {set_up}, or use `--network user` or `none`")
            }
            Self::Command { .. } => "run `smolvm-tui doctor`".to_owned(),
            Self::InUse(device) => format!("see who with `ip -d link show {device}`"),
            Self::PoolTaken(_) => {
                "set `network_pool` in the configuration to a network that is free here".to_owned()
            }
            Self::Locked(_) => "try again".to_owned(),
            Self::Port { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => "choose a port from 1024 on".to_owned(),
                _ => "choose another port".to_owned(),
            },
            Self::Io(_) => return None,
        })
    }
}
