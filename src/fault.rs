//! How a failure is told: a stable code, one sentence, the way out, and the chain of causes.
//!
//! Every room has an error enum of its own; its variants name operation, object and cause and it
//! implements [`Fault`]. Above the rooms, and on the wire between shim and client, all of them are
//! a [`Failure`].

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

mod io_error;
pub mod set_up;

pub use io_error::{IoError, io_error};

use serde::{Deserialize, Serialize};

/// The stable word for a kind of failure, as `error.code` in every `--json` answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The command line or a value in it is wrong; exit code 2.
    UsageError,
    /// A value is well formed but not acceptable here: a name, a size, a file, a port.
    InvalidInput,
    /// No such VM, image or file.
    NotFound,
    /// Something of that name is there already.
    AlreadyExists,
    /// Another operation on the same VM is under way.
    Busy,
    /// The VM is not in a phase that admits the operation.
    Refused,
    /// The operation needs a running VM.
    NotRunning,
    /// A program, device or permission that the operation needs is missing on this host.
    MissingDependency,
    /// The deadline passed.
    Timeout,
    /// The user interrupted; exit code 130.
    Interrupted,
    /// What is on disk cannot be read as what it should be.
    Damaged,
    /// The configuration file has an error.
    ConfigError,
    /// Everything else that went wrong while running.
    RuntimeError,
}

impl Code {
    /// The process's exit code for this kind of failure.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::UsageError => 2,
            Self::Interrupted => 130,
            _ => 1,
        }
    }
}

/// An error of one room, told in a way that a user can act on.
///
/// `Display` is one sentence without a final period, `could not <verb> <object>: <cause>`;
/// the cause proper stays in `source()`.
pub trait Fault: Error + Send + Sync + 'static {
    /// The stable word for scripts.
    fn code(&self) -> Code;
    /// The way out, as a sentence or a command, when we know one.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// A failure as it is shown, printed as JSON and sent from a shim to its clients.
#[derive(Debug, Serialize, Deserialize)]
pub struct Failure {
    /// The stable word for scripts.
    pub code: Code,
    /// The sentence, its chain of causes included.
    pub message: String,
    /// The way out.
    #[serde(default, rename = "recovery")]
    pub hint: Option<String>,
    /// More lines, such as the VMM's own last words.
    #[serde(default)]
    pub details: Option<String>,
    #[serde(skip)]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure that no room's enum covers.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            details: None,
            source: None,
        }
    }

    /// The same, with the way out.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, with more lines of detail.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_ref()
            .map(|source| source.as_ref() as &(dyn Error + 'static))
    }
}

impl Clone for Failure {
    /// The chain of causes is in the message already; the typed source stays with the original.
    fn clone(&self) -> Self {
        Self {
            code: self.code,
            message: self.message.clone(),
            hint: self.hint.clone(),
            details: self.details.clone(),
            source: None,
        }
    }
}

impl Eq for Failure {}

impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        (self.code, &self.message, &self.hint, &self.details)
            == (other.code, &other.message, &other.hint, &other.details)
    }
}

impl<F: Fault> From<F> for Failure {
    fn from(fault: F) -> Self {
        let mut message = fault.to_string();
        let mut cause = fault.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Many enums print their source already; say a cause only once.
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = error.source();
        }
        Self {
            code: fault.code(),
            message,
            hint: fault.hint(),
            details: None,
            source: Some(Box::new(fault)),
        }
    }
}

thread_local! {
    static GUARDING: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread is caught by [`guard`]: a panic hook asks this before it says that
/// the program is ending.
pub fn guarding() -> bool {
    GUARDING.get()
}

/// Runs `work`, whose panic costs only what it was to bring; `None` when it panicked.
pub fn guard<T>(work: impl FnOnce() -> T) -> Option<T> {
    let outer = GUARDING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work)).ok();
    GUARDING.set(outer);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("could not read `spec.toml`")]
    struct Outer(#[source] std::io::Error);

    impl Fault for Outer {
        fn code(&self) -> Code {
            Code::Damaged
        }
    }

    #[test]
    fn a_failure_tells_the_whole_chain_of_causes_and_keeps_the_source() {
        let failure = Failure::from(Outer(std::io::Error::other("disk on fire")));
        assert_eq!(failure.message, "could not read `spec.toml`: disk on fire");
        assert!(failure.source().is_some());
    }

    #[test]
    fn a_failure_survives_the_wire() {
        let failure = Failure::new(Code::Busy, "VM `web` is starting").with_hint("wait");
        let json = serde_json::to_string(&failure).unwrap();
        assert_eq!(serde_json::from_str::<Failure>(&json).unwrap(), failure);
    }
}
