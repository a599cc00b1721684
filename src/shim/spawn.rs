//! Starting a shim: the same binary, in a session of its own, that tells over a pipe when it listens.

use crate::fault::Failure;
use crate::vm::{Store, VmName};

/// What a new shim shall do first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Boot the VM.
    Start,
    /// Take over a VMM whose shim died.
    Adopt,
}

/// Starts a shim and returns when it listens on its socket, or with the failure that it told.
///
/// When another shim holds the VM's lock the failure's code is `busy`.
pub async fn spawn(store: &Store, name: &VmName, task: Task) -> Result<(), Failure> {
    let _ = (store, name, task);
    Err(Failure::new(
        crate::fault::Code::RuntimeError,
        "not built yet",
    ))
}
