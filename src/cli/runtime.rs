//! The event loop of commands that talk to a shim.

use std::future::Future;

use crate::fault::{Code, Failure};

/// Runs a conversation to its end, or until the user presses ctrl-c.
pub(super) fn block_on<T>(
    conversation: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    converse(async {
        tokio::select! {
            result = conversation => result,
            Ok(()) = tokio::signal::ctrl_c() => Err(Failure::new(Code::Interrupted, "interrupted")),
        }
    })
}

/// Runs a conversation to its end, whatever signals come.
pub(super) fn converse<T>(
    conversation: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(
                Code::RuntimeError,
                format!("could not make an event loop: {error}"),
            )
        })?;
    runtime.block_on(conversation)
}
