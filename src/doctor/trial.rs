//! A backend that was tried out: the canary guest booted through the whole path, timed, and what that
//! means for the report.

use serde::Serialize;

use super::finding::{Finding, Fix, Marks, Status};
use super::report::{Readiness, Report, Summary};
use crate::console::sanitize_line;
use crate::fault::Failure;
use crate::vm::{Accel, BackendKind, BootPhase, BootPhases};

/// How long typed bytes took to come back, in µs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Echo {
    /// The fastest.
    pub min_us: u64,
    /// The median.
    pub p50_us: u64,
    /// The slowest.
    pub max_us: u64,
}

/// A canary that lived and ended as it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// What executed its instructions.
    pub accel: Option<Accel>,
    /// Why that was taken, as a clause.
    pub accel_reason: Option<String>,
    /// When each phase came, in µs from *spawned*; `ready` is the canary's line.
    pub phases: BootPhases,
    /// The serial line, both ways.
    pub echo: Echo,
    /// From the byte that asks for the end to the VM's end, in µs.
    pub off_us: u64,
    /// The whole, with all that goes before and after, in µs.
    pub took_us: u64,
}

impl Trial {
    /// One clause for a line: `ready after 180.2 ms (VMM 52.0, runs 60.1, first byte 180.0), …`.
    fn words(&self) -> String {
        let at = |phase, word| {
            let offset = self.phases.get(phase)?;
            Some(format!("{word} {}", milliseconds(offset)))
        };
        let before: Vec<String> = [
            at(BootPhase::VmmReady, "VMM"),
            at(BootPhase::Started, "start"),
            at(BootPhase::FirstByte, "first byte"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let ready = at(BootPhase::Ready, "ready after").unwrap_or_else(|| "ready".to_owned());
        let accel = self.accel.map(|accel| format!(" with {accel}"));
        format!(
            "{ready} ms{} ({}); echo {} ms; off in {} ms",
            accel.unwrap_or_default(),
            before.join(", "),
            milliseconds(self.echo.p50_us),
            milliseconds(self.off_us),
        )
    }
}

/// As `12.3`, and `0.04` where that says more.
fn milliseconds(us: u64) -> String {
    if us < 1000 {
        format!("0.{:02}", us / 10)
    } else {
        format!("{}.{}", us / 1000, us % 1000 / 100)
    }
}

/// The name of the check that boots with a backend.
pub fn boot_check(backend: BackendKind) -> String {
    format!("boot:{backend}")
}

/// Its name for people, if it is one.
pub(super) fn title(name: &str) -> Option<&'static str> {
    match name {
        "boot:firecracker" => Some("Boot with Firecracker"),
        "boot:qemu" => Some("Boot with QEMU"),
        _ => None,
    }
}

impl Report {
    /// Why that backend is not to be tried out, if so: its checks say already that it cannot run, and
    /// nobody insists on it.
    pub fn untried(&self, backend: BackendKind) -> Option<String> {
        let verdict = self.verdicts.iter().find(|v| v.backend == backend)?;
        let is_named = self.backend_requested == backend.to_string();
        let is_ready = verdict.readiness != Readiness::NotReady;
        (!is_named && !is_ready).then(|| format!("not booted, {}", verdict.words()))
    }

    /// Takes in what came of it, if it was tried, and returns that as a finding.
    pub fn tried(
        &mut self,
        backend: BackendKind,
        result: Option<Result<Trial, Failure>>,
    ) -> Finding {
        let (status, detail) = match &result {
            Some(Ok(trial)) => (Status::Pass, trial.words()),
            Some(Err(failure)) => (Status::Fail, told(failure)),
            None => {
                let why = self.untried(backend);
                (Status::Skip, why.unwrap_or_else(|| "not booted".to_owned()))
            }
        };
        let hint = match &result {
            Some(Err(failure)) => failure.hint.clone(),
            _ => None,
        };
        let trial = result.and_then(Result::ok);
        let mut marks = Marks::both(Status::Skip);
        marks.set(backend, status);
        let took_us = trial.as_ref().map_or(0, |trial| trial.took_us);
        let verdict = self.verdicts.iter_mut().find(|v| v.backend == backend);
        let is_judged = verdict.as_ref().is_some_and(|verdict| verdict.judged);
        let finding = Finding {
            name: boot_check(backend),
            status: match status {
                Status::Fail if !is_judged => Status::Skip,
                status => status,
            },
            detail: detail.clone(),
            fix: hint.map(Fix::Advice),
            why: "It is the whole path of a VM: shim, VMM, serial line both ways, power-off."
                .to_owned(),
            evidence: "booted the canary guest as a throw-away VM".to_owned(),
            took: std::time::Duration::from_micros(took_us),
            marks,
        };
        if let Some(verdict) = verdict {
            if status == Status::Fail {
                verdict.readiness = Readiness::NotReady;
                verdict.reasons.push(format!("the canary fails: {detail}"));
            }
            verdict.boot = trial;
        }
        self.checks.retain(|known| known.name != finding.name);
        self.checks.push(finding.clone());
        self.summary = Summary::of(&self.checks, self.summary.strict);
        finding
    }
}

/// A failure in one line, with the last of its details: a VMM's own last words.
fn told(failure: &Failure) -> String {
    let last = failure
        .details
        .as_deref()
        .and_then(|details| details.lines().rfind(|line| !line.trim().is_empty()));
    let text = match last {
        Some(last) if !failure.message.contains(last.trim()) => {
            format!("{}: {}", failure.message, last.trim())
        }
        _ => failure.message.clone(),
    };
    sanitize_line(&text.replace(char::is_control, " "), 400)
}
