//! One run: what it tells, what it survives, what it judges.

use super::*;
use crate::doctor::finding::Marks;

#[test]
fn a_sound_host_passes_every_check_with_either_backend() {
    for backend in [Firecracker, Qemu] {
        let report = report(&FakeHost::sound(), backend);
        for found in &report.checks {
            assert_eq!(found.status, Pass, "{backend}: {found:?}");
            assert!(found.fix.is_none() && !found.detail.is_empty());
        }
        assert_eq!(report.verdict().unwrap().words(), "ready");
        assert!(report.summary.ok);
    }
}

#[test]
fn every_finding_says_what_was_done_to_know_it_and_why_it_matters() {
    let report = report(&FakeHost::sound(), Qemu);
    for found in &report.checks {
        assert!(
            found.why.ends_with('.') && found.why.len() > 15,
            "{found:?}"
        );
        assert!(!found.evidence.is_empty(), "{found:?}");
    }
    let evidence = |name| named(&report, name).evidence.as_str();
    assert_eq!(
        evidence("clock-source"),
        "read /sys/devices/system/clocksource/clocksource0/current_clocksource"
    );
    assert!(evidence("network-permissions").contains("asked sudo -n -l"));
    assert!(evidence("qemu-version").ends_with("ran /usr/bin/qemu-system-x86_64 --version"));
}

#[test]
fn a_mac_is_asked_nothing_that_is_about_linux() {
    let report = report(&FakeHost::mac(), Qemu);
    let names: Vec<&str> = report
        .checks
        .iter()
        .map(|found| found.name.as_str())
        .collect();
    let expected = "platform backend qemu qemu-version qemu-accel accelerator command:qemu-img \
                    command:ssh data-directory run-directory socket-path disk-space memory \
                    open-files images stale-sockets terminal:colours terminal:utf-8 \
                    terminal:size terminal:clipboard";
    assert_eq!(names.join(" "), expected);
    assert!(
        report.checks.iter().all(|found| found.status == Pass),
        "{report:?}"
    );
    assert_eq!(
        (report.system.as_str(), report.arch.as_str()),
        ("Darwin", "arm64")
    );
    let words: Vec<String> = report.verdicts.iter().map(Verdict::words).collect();
    assert_eq!(words, ["not ready: it belongs to Linux", "ready"]);
    expect(&FakeHost::mac(), Qemu, "accelerator", Pass, "hvf");
    let old = FakeHost::mac().with(|host| host.hvf = Err("this Mac does not".to_owned()));
    let words = "tcg: guests are emulated, this Mac does not";
    expect(&old, Qemu, "accelerator", Warn, words);
    let plain = FakeHost::mac().with(|host| {
        let answer = "Accelerators supported in QEMU binary:\ntcg\n";
        host.answer("qemu-system-aarch64 -accel help", answer);
    });
    expect(
        &plain,
        Qemu,
        "qemu-accel",
        Warn,
        "hvf accelerator not reported by qemu",
    );
    let bare = FakeHost::mac().without("qemu-system-aarch64");
    expect(&bare, Qemu, "qemu", Fail, "brew install qemu");
}

#[test]
fn both_backends_are_judged_side_by_side_when_that_is_asked_for() {
    let host = FakeHost::sound().without("firecracker").with(|host| {
        host.kvm = kvm::Verdict::Absent;
        host.runnable.firecracker = Err("`firecracker` is not in PATH".to_owned());
    });
    let alone = report(&host, Qemu);
    assert_eq!((alone.summary.failures, alone.summary.ok), (0, true));
    assert_eq!(
        alone.verdicts.iter().map(|v| v.judged).collect::<Vec<_>>(),
        [false, true]
    );
    let all = report_on(
        &host,
        &Examination {
            all: true,
            ..examination(Qemu)
        },
    );
    assert!(all.verdicts.iter().all(|verdict| verdict.judged));
    expect_found(named(&all, "firecracker"), Fail, "not in PATH");
    expect_found(named(&all, "kvm"), Fail, "there is no /dev/kvm");
    let words = "firecracker cannot run here: `firecracker` is not in PATH\nsee the checks";
    expect_found(named(&all, "backend"), Fail, words);
    assert_eq!((all.summary.failures, all.summary.ok), (3, false));
    // The verdicts are the same, whoever is judged.
    for (alone, all) in alone.verdicts.iter().zip(&all.verdicts) {
        assert_eq!(alone.words(), all.words());
    }
    let words = "not ready: KVM support: there is no /dev/kvm; Firecracker binary: \
                 `firecracker` is not in PATH";
    assert_eq!(all.verdicts[0].words(), words);
    assert_eq!(all.verdicts[1].words(), "ready but emulated");
    let marks = Marks {
        firecracker: Fail,
        qemu: Warn,
    };
    assert_eq!(named(&alone, "kvm").marks, marks);
}

#[test]
fn warnings_count_only_under_strict() {
    let host = FakeHost::sound().with(|host| host.images.clear());
    for (strict, ok) in [(false, true), (true, false)] {
        let summary = report_on(
            &host,
            &Examination {
                strict,
                ..examination(Qemu)
            },
        )
        .summary;
        let expected = Summary {
            failures: 0,
            warnings: 1,
            ok,
            strict,
        };
        assert_eq!(summary, expected);
    }
}

#[test]
fn what_a_run_tells_on_the_way_is_what_it_returns() {
    let (sender, receiver) = mpsc::sync_channel(64);
    let host = FakeHost::sound();
    let report = examine_host(&examination(Qemu), host, PATIENCE, Some(&sender));
    drop(sender);
    let mut told: Vec<Progress> = receiver.iter().collect();
    assert_eq!(told.pop(), Some(Progress::Done(report.clone())));
    let names: Vec<String> = report
        .checks
        .iter()
        .map(|found| found.name.clone())
        .collect();
    assert_eq!(told.remove(0), Progress::Planned(names));
    assert_eq!(told.len(), report.checks.len());
    let is_told = |found: &Finding| told.contains(&Progress::Found(found.clone()));
    assert!(report.checks.iter().all(is_told));
}

#[test]
fn a_receiver_that_went_away_disturbs_nothing() {
    let (sender, receiver) = mpsc::sync_channel(0);
    drop(receiver);
    let host = FakeHost::sound();
    assert!(
        examine_host(&examination(Qemu), host, PATIENCE, Some(&sender))
            .summary
            .ok
    );
}

#[test]
fn a_check_that_breaks_is_a_finding_and_stops_no_other() {
    let host = FakeHost::sound().with(|host| host.breaks = true);
    let report = report(&host, Qemu);
    let broken = report
        .checks
        .iter()
        .filter(|found| found.detail == "the check itself broke");
    let broken: Vec<&str> = broken.map(|found| found.name.as_str()).collect();
    assert_eq!(broken, ["kvm", "accelerator"]);
    assert_eq!(report.summary.warnings, 2);
}

#[test]
fn a_check_that_hangs_is_a_finding_and_holds_up_no_other() {
    let host = FakeHost::sound().with(|host| host.is_hung = true);
    let (sender, receiver) = mpsc::sync_channel(64);
    let deadline = Duration::from_millis(1500);
    let report = examine_host(&examination(Qemu), host, deadline, Some(&sender));
    drop(sender);
    expect_found(
        named(&report, "disk-space"),
        Warn,
        "no answer within 1500 ms",
    );
    let others = report
        .checks
        .iter()
        .filter(|found| found.name != "disk-space");
    assert!(
        others.into_iter().all(|found| found.status == Pass),
        "{report:?}"
    );
    let told = |step: &Progress| matches!(step, Progress::Found(f) if f.name == "disk-space");
    assert!(
        receiver.iter().any(|step| told(&step)),
        "the panel waits for it no longer"
    );
}

#[test]
fn this_host_is_examined_to_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let examination = Examination {
        store: Store::locate(Some(&dir.path().join("data"))).unwrap(),
        ..examination(Qemu)
    };
    let report = examine(&examination, None);
    assert_eq!(named(&report, "platform").status, Pass);
    expect_found(named(&report, "run-directory"), Pass, "will be made");
    assert!(named(&report, "memory").detail.contains("available"));
    assert!(!dir.path().join("data").exists(), "looking makes nothing");
}
