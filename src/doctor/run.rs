//! One run: all checks at once, none of them trusted to come back.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::checks::{self, Check};
use super::command;
use super::exam::{Case, Exam};
use super::finding::Finding;
use super::host::{Host, ThisHost};
use super::outcome::{advice, warn};
use super::report::{Report, Summary, Verdict};
use crate::backends::resolve::Resolved;
use crate::fault::guard;
use crate::network::Pool;
use crate::vm::{BackendKind, Store};

/// How long a check may take: a little more than the programs that it waits for. It is for what
/// has no deadline of its own, such as a file system whose server is gone.
const DEADLINE: Duration = command::DEADLINE.saturating_add(Duration::from_secs(1));

/// What a run tells while it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The names of all checks that will report, in order: the panel shows them as pending.
    Planned(Vec<String>),
    /// One came out. They come as they finish, not in order.
    Found(Finding),
    /// All came out.
    Done(Report),
}

/// Which hints count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// A developer's machine: hardening hints are told and do not count.
    #[default]
    Workstation,
    /// A host that runs strangers' guests: hardening hints are warnings.
    Worker,
}

/// What a run is about.
#[derive(Clone, Debug)]
pub struct Examination {
    /// The VMs and images that are looked at.
    pub store: Store,
    /// The backend choice, already resolved.
    pub backend: Resolved,
    /// Where VMs get their addresses from.
    pub network_pool: Pool,
    /// Whether both backends are judged, not only the chosen one.
    pub all: bool,
    /// Which hints count.
    pub profile: Profile,
    /// Whether warnings count as failures.
    pub strict: bool,
}

impl Examination {
    /// What the contract asks of `doctor` alone: the chosen backend, no hints, warnings allowed.
    pub fn new(store: Store, backend: Resolved, network_pool: Pool) -> Self {
        Self {
            store,
            backend,
            network_pool,
            all: false,
            profile: Profile::default(),
            strict: false,
        }
    }
}

/// Runs all checks, each on a thread of its own, and tells as they come out. Returns the whole
/// after a few seconds at worst: a check that does not come back in time is left behind and told.
/// A receiver that went away does not disturb it; one that does not receive holds it up once its
/// queue is full.
pub fn examine(examination: &Examination, progress: Option<&mpsc::SyncSender<Progress>>) -> Report {
    examine_host(examination, ThisHost, DEADLINE, progress)
}

pub(super) fn examine_host(
    examination: &Examination,
    host: impl Host,
    deadline: Duration,
    progress: Option<&mpsc::SyncSender<Progress>>,
) -> Report {
    let tell = |step: Progress| {
        if let Some(progress) = progress {
            let _ = progress.send(step);
        }
    };
    let backend = &examination.backend;
    let case = Arc::new(Case::new(Box::new(host), examination));
    let judged = &case.judged;
    let checks = checks::for_system(&case.kernel.system);
    let names = checks.iter().map(|check| check.name.to_owned());
    tell(Progress::Planned(names.collect()));
    let (sender, results) = mpsc::channel();
    for (index, check) in checks.iter().copied().enumerate() {
        let (case, sender) = (Arc::clone(&case), sender.clone());
        let work = move || drop(sender.send((index, carry_out(check, case))));
        // Where no thread is to be had the check is told as one that did not come back.
        let _ = thread::Builder::new()
            .name(check.name.to_owned())
            .spawn(work);
    }
    drop(sender);
    let mut findings: Vec<Option<Finding>> = vec![None; checks.len()];
    let begin = Instant::now();
    while let Ok((index, finding)) = results.recv_timeout(deadline.saturating_sub(begin.elapsed()))
    {
        tell(Progress::Found(finding.clone()));
        if let Some(place) = findings.get_mut(index) {
            *place = Some(finding);
        }
    }
    let lost = |check: &Check| {
        let why = format!("no answer within {} ms", deadline.as_millis());
        let finding = warn(why, advice("look for a program or file system that hangs")).of(
            check,
            judged,
            "",
            begin.elapsed(),
        );
        tell(Progress::Found(finding.clone()));
        finding
    };
    let findings: Vec<Finding> = findings
        .into_iter()
        .zip(&checks)
        .map(|(finding, check)| finding.unwrap_or_else(|| lost(check)))
        .collect();
    let is_emulated = case.is_emulated.get().copied().unwrap_or(false);
    let verdicts = [BackendKind::Firecracker, BackendKind::Qemu].map(|kind| {
        let is_emulated = is_emulated && kind == BackendKind::Qemu;
        let runnable = case.runnable.get().map(|runnable| runnable.of(kind));
        let cannot_run = runnable.and_then(|result| result.as_ref().err());
        let cannot_run = cannot_run.map(String::as_str);
        Verdict::of(
            kind,
            &findings,
            cannot_run,
            is_emulated,
            judged.contains(&kind),
        )
    });
    let report = Report {
        backend_requested: backend.requested.clone(),
        backend_resolved: backend.backend.to_string(),
        backend_reason: backend.reason.clone(),
        system: case.kernel.system.clone(),
        arch: case.kernel.arch.clone(),
        summary: Summary::of(&findings, examination.strict),
        verdicts: verdicts.to_vec(),
        checks: findings,
    };
    tell(Progress::Done(report.clone()));
    report
}

fn carry_out(check: &Check, case: Arc<Case>) -> Finding {
    let begin = Instant::now();
    let exam = Exam::new(case);
    // A check that breaks is a finding too: the others still count.
    let outcome = guard(|| (check.run)(&exam))
        .unwrap_or_else(|| warn("the check itself broke", advice("report this as a bug")));
    let took = begin.elapsed();
    outcome.of(check, &exam.case.judged, &exam.evidence(), took)
}
