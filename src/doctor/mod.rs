//! Host checks: what works here, what does not, why, and the command that mends it.
//!
//! One vocabulary for the panel, the text and the JSON: a [`Finding`] each, a [`Report`] of all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

use serde::{Deserialize, Serialize};

use crate::backends::resolve::Resolved;
use crate::vm::Store;

mod checks;
mod command;
mod exam;
mod host;
mod hypervisor;
mod places;
mod programs;
mod text;

pub use checks::title;
pub use text::to_text;

use checks::Check;
use exam::Exam;
use host::{Host, ThisHost};

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

impl Report {
    /// The verdict in words, and its colour: `ready`, `ready, emulated` or `not ready`.
    pub fn verdict(&self) -> (Status, &'static str) {
        let is_emulated = self
            .checks
            .iter()
            .any(|finding| finding.name == checks::ACCELERATOR && finding.status == Status::Warn);
        match (self.summary.failures, is_emulated) {
            (0, false) => (Status::Pass, "ready"),
            (0, true) => (Status::Warn, "ready, emulated"),
            _ => (Status::Fail, "not ready"),
        }
    }
}

impl Summary {
    fn of(findings: &[Finding], strict: bool) -> Self {
        let count = |status| {
            findings
                .iter()
                .filter(|found| found.status == status)
                .count()
        };
        let (failures, warnings) = (count(Status::Fail), count(Status::Warn));
        Self {
            failures,
            warnings,
            ok: failures == 0 && !(strict && warnings > 0),
            strict,
        }
    }
}

/// Runs all checks, each on a thread of its own, and tells as they come out. Returns the whole,
/// after a few seconds at worst: whatever a check waits for has a deadline. A receiver that went
/// away does not disturb it; one that does not receive holds it up once its queue is full.
pub fn examine(examination: &Examination, progress: Option<&mpsc::SyncSender<Progress>>) -> Report {
    examine_host(examination, &ThisHost, progress)
}

fn examine_host(
    examination: &Examination,
    host: &dyn Host,
    progress: Option<&mpsc::SyncSender<Progress>>,
) -> Report {
    let tell = |step: Progress| {
        if let Some(progress) = progress {
            let _ = progress.send(step);
        }
    };
    let exam = Exam::new(host, &examination.store, &examination.backend);
    let checks: Vec<&Check> = checks::for_system(exam.system());
    tell(Progress::Planned(
        checks.iter().map(|check| check.name.to_owned()).collect(),
    ));
    let carry_out = |check: &Check| {
        // A check that breaks is a finding too: the others still count.
        let found = catch_unwind(AssertUnwindSafe(|| (check.run)(&exam)))
            .unwrap_or_else(|_| exam::warn("the check itself broke", "report this as a bug"));
        let finding = found.of(check.name);
        tell(Progress::Found(finding.clone()));
        finding
    };
    let findings: Vec<Finding> = thread::scope(|scope| {
        let started: Vec<_> = checks
            .iter()
            .map(|check| thread::Builder::new().spawn_scoped(scope, || carry_out(check)))
            .collect();
        started
            .into_iter()
            .zip(&checks)
            .map(
                |(thread, check)| match thread.map(thread::ScopedJoinHandle::join) {
                    Ok(Ok(finding)) => finding,
                    // No thread was to be had, or it was lost: here and now, then.
                    _ => carry_out(check),
                },
            )
            .collect()
    });
    let report = Report {
        backend_requested: examination.backend.requested.clone(),
        backend_resolved: examination.backend.backend.to_string(),
        backend_reason: examination.backend.reason.clone(),
        system: exam.system().to_owned(),
        arch: exam.arch().to_owned(),
        summary: Summary::of(&findings, examination.strict),
        checks: findings,
    };
    tell(Progress::Done(report.clone()));
    report
}

#[cfg(test)]
#[path = "doctor_tests.rs"]
mod tests;
