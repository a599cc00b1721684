//! What the canary's life and death mean for the report.

use super::*;
use crate::fault::{Code, Failure};
use crate::vm::{Accel, BootPhase, BootPhases};

fn trial() -> Trial {
    let mut phases = BootPhases::default();
    phases.stamp(BootPhase::Spawned, 0);
    phases.stamp(BootPhase::VmmReady, 20_100);
    phases.stamp(BootPhase::Started, 22_050);
    phases.stamp(BootPhase::FirstByte, 30_000);
    phases.stamp(BootPhase::Ready, 31_460);
    Trial {
        accel: Some(Accel::Kvm),
        accel_reason: Some("KVM works here".to_owned()),
        phases,
        echo: Echo {
            min_us: 50,
            p50_us: 75,
            max_us: 1_200,
        },
        off_us: 5_300,
        took_us: 60_000,
    }
}

fn verdict(report: &Report, backend: BackendKind) -> &Verdict {
    let mut verdicts = report.verdicts.iter();
    verdicts.find(|verdict| verdict.backend == backend).unwrap()
}

#[test]
fn a_canary_that_lives_is_told_with_its_times_and_changes_no_verdict() {
    let mut report = report(&FakeHost::sound(), Qemu);
    assert_eq!(report.untried(Qemu), None);
    let finding = report.tried(Qemu, Some(Ok(trial())));
    assert_eq!((finding.name.as_str(), finding.status), ("boot:qemu", Pass));
    assert_eq!(title(&finding.name), "Boot with QEMU");
    assert_eq!(
        finding.detail,
        "ready after 31.4 ms with kvm (VMM 20.1, start 22.0, first byte 30.0); \
         echo 0.07 ms; off in 5.3 ms"
    );
    assert_eq!(report.checks.last(), Some(&finding));
    assert!(report.summary.ok);
    let json = serde_json::to_value(&report).unwrap();
    let boots: Vec<_> = json["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|verdict| verdict["boot"]["phases"]["ready"].as_u64())
        .collect();
    assert_eq!(boots, [None, Some(31_460)], "{json:#}");
}

#[test]
fn a_backend_that_passes_every_check_and_fails_the_canary_is_not_ready() {
    let mut report = report(&FakeHost::sound(), Qemu);
    assert_eq!(verdict(&report, Qemu).readiness, Readiness::Ready);
    let failure = Failure::new(Code::RuntimeError, "it said nothing")
        .with_details("one\nqemu: no\u{1b}[2J luck\n")
        .with_hint("try another one");
    let finding = report.tried(Qemu, Some(Err(failure)));
    assert_eq!(finding.status, Fail);
    assert!(
        finding.detail.starts_with("it said nothing: qemu: no"),
        "{finding:?}"
    );
    assert!(!finding.detail.contains('\u{1b}'));
    assert_eq!(finding.fix, Some(Fix::Advice("try another one".to_owned())));
    let verdict = verdict(&report, Qemu);
    assert_eq!(verdict.readiness, Readiness::NotReady);
    let reason = format!("the canary fails: {}", finding.detail);
    assert_eq!(verdict.reasons, [reason]);
    assert_eq!((report.summary.failures, report.summary.ok), (1, false));
}

#[test]
fn the_failure_of_a_backend_that_is_not_judged_is_its_own_verdict_and_no_failure_of_the_report() {
    let mut report = report(&FakeHost::sound(), Firecracker);
    let failure = Failure::new(Code::RuntimeError, "it said nothing");
    assert_eq!(report.tried(Qemu, Some(Err(failure))).status, Skip);
    assert_eq!(verdict(&report, Qemu).readiness, Readiness::NotReady);
    assert!(report.summary.ok);
}

#[test]
fn a_backend_that_cannot_run_is_not_tried_unless_it_is_asked_for_by_name() {
    let host = FakeHost::sound().with(|host| host.kvm = kvm::Verdict::Absent);
    let mut examined = examination(Firecracker);
    examined.backend.requested = "auto".to_owned();
    let mut report = report_on(&host, &examined);
    let why = report.untried(Firecracker).unwrap();
    assert!(why.starts_with("not booted, not ready: "), "{why}");
    let finding = report.tried(Firecracker, None);
    assert_eq!((finding.status, finding.detail), (Skip, why));
    let report = self::report(&host, Firecracker);
    assert_eq!(report.untried(Firecracker), None);
}
