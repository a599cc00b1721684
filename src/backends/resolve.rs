//! Which backend a VM gets: explicit argument, then `SMOLVM_BACKEND`, then configuration, then
//! `auto`. The value is trimmed and lower-cased; an empty one falls through to the next source.

use crate::vm::BackendKind;

use super::BackendError;

/// A choice of backend as a user can make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The platform's default where it can run, else the other one.
    Auto,
    /// This one.
    Named(BackendKind),
}

/// What was chosen, and why, for every place that shows the choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// What was asked for, in the user's word: `auto`, `firecracker` or `qemu`.
    pub requested: String,
    /// What it comes to.
    pub backend: BackendKind,
    /// Why, as a clause such as `SMOLVM_BACKEND says so`.
    pub reason: String,
}

/// What can run on this host, as found without running anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runnable {
    /// `Ok`, or why Firecracker cannot run here.
    pub firecracker: Result<(), String>,
    /// `Ok`, or why QEMU cannot run here.
    pub qemu: Result<(), String>,
}

/// Reads one source; `Ok(None)` when it is empty.
pub fn parse(raw: &str) -> Result<Option<Choice>, BackendError> {
    match raw.trim().to_lowercase().as_str() {
        "" => Ok(None),
        "auto" => Ok(Some(Choice::Auto)),
        "firecracker" => Ok(Some(Choice::Named(BackendKind::Firecracker))),
        "qemu" => Ok(Some(Choice::Named(BackendKind::Qemu))),
        other => Err(BackendError::Unsupported(other.to_owned())),
    }
}

/// Resolves the choice. The sources are in order of precedence: a word for the source, as in
/// `--backend`, `SMOLVM_BACKEND` or `config`, and its value.
pub fn resolve(
    sources: &[(&str, Option<&str>)],
    runnable: &Runnable,
) -> Result<Resolved, BackendError> {
    let _ = (sources, runnable);
    Err(BackendError::Unsupported(String::new()))
}
