//! All results together, and what they come to for each backend.

use serde::Serialize;

use super::checks::{self, title};
use super::finding::{Finding, Status, waiver};
use super::trial::Trial;
use crate::vm::BackendKind;

/// How the judged checks came out, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
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

impl Summary {
    pub(super) fn of(findings: &[Finding], strict: bool) -> Self {
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

/// Whether VMs can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// At native speed.
    Ready,
    /// Every instruction of the guest is emulated.
    Emulated,
    /// Not at all.
    NotReady,
}

/// What all checks come to for one backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Which backend.
    pub backend: BackendKind,
    /// Whether VMs can run with it.
    pub readiness: Readiness,
    /// Whether it was asked for: only then its problems are failures and warnings of the report.
    pub judged: bool,
    /// What stands in the way, a clause each; empty unless it is not ready.
    pub reasons: Vec<String>,
    /// What the canary showed, if it was booted and passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot: Option<Trial>,
}

impl Verdict {
    /// `cannot_run` is why the choice between backends does not take it, if so.
    pub(super) fn of(
        backend: BackendKind,
        findings: &[Finding],
        cannot_run: Option<&str>,
        is_emulated: bool,
        judged: bool,
    ) -> Self {
        let fails = |finding: &&Finding| finding.marks.of(backend) == Status::Fail;
        let waivers = [BackendKind::Firecracker, BackendKind::Qemu].map(waiver);
        let clause = |finding: &Finding| {
            let detail = finding.detail.as_str();
            let bare = waivers
                .iter()
                .find_map(|waiver| detail.strip_suffix(waiver));
            format!("{}: {}", title(&finding.name), bare.unwrap_or(detail))
        };
        // That it cannot run mostly follows from other checks, which know better why.
        let is_cause = |finding: &&Finding| finding.name != checks::BACKEND;
        let causes = findings.iter().filter(fails).filter(is_cause);
        let mut reasons: Vec<String> = causes.map(clause).collect();
        if reasons.is_empty() {
            reasons.extend(cannot_run.map(str::to_owned));
        }
        Self {
            backend,
            readiness: match (reasons.is_empty(), is_emulated) {
                (false, _) => Readiness::NotReady,
                (true, true) => Readiness::Emulated,
                (true, false) => Readiness::Ready,
            },
            judged,
            reasons,
            boot: None,
        }
    }

    /// The backend's name for people.
    pub fn title(&self) -> &'static str {
        match self.backend {
            BackendKind::Firecracker => "Firecracker",
            BackendKind::Qemu => "QEMU",
        }
    }

    /// Its sign.
    pub fn status(&self) -> Status {
        match self.readiness {
            Readiness::Ready => Status::Pass,
            Readiness::Emulated => Status::Warn,
            Readiness::NotReady => Status::Fail,
        }
    }

    /// In a word or two, without reasons.
    pub fn word(&self) -> &'static str {
        match self.readiness {
            Readiness::Ready => "ready",
            Readiness::Emulated => "ready but emulated",
            Readiness::NotReady => "not ready",
        }
    }

    /// The whole: `ready`, `ready but emulated` or `not ready: …`.
    pub fn words(&self) -> String {
        if self.reasons.is_empty() {
            return self.word().to_owned();
        }
        format!("{}: {}", self.word(), self.reasons.join("; "))
    }
}

/// All results, in the order of the checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// What they come to, both backends side by side.
    pub verdicts: Vec<Verdict>,
    /// The judged ones, counted.
    pub summary: Summary,
}

impl Report {
    /// The verdict on the backend that was resolved. It is always there in a report of this program.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdicts
            .iter()
            .find(|verdict| verdict.backend.to_string() == self.backend_resolved)
    }
}
