//! What readers of SmolVM's JSON rely on.

use super::*;

/// The checks of SmolVM 0.0.36 on Linux.
const THEIRS: [(BackendKind, &str); 2] = [
    (
        Firecracker,
        "kvm firecracker command:ip command:nft command:ssh network-permissions \
         nft-table:ip:smolvm_nat nft-table:inet:smolvm_filter worker:swap-disabled \
         worker:ksm-disabled worker:thp-disabled worker:kvm-nx-huge-pages worker:kvm-permissions",
    ),
    (
        Qemu,
        "qemu qemu-version command:qemu-img command:ssh qemu-accel",
    ),
];

#[test]
fn a_reader_of_smolvms_json_finds_what_it_knows() {
    for (backend, names) in THEIRS {
        let json = serde_json::to_value(report(&FakeHost::sound(), backend)).unwrap();
        for key in [
            "backend_requested",
            "backend_resolved",
            "system",
            "arch",
            "checks",
        ] {
            assert!(json.get(key).is_some(), "{key}");
        }
        let summary =
            serde_json::json!({"failures": 0, "warnings": 0, "ok": true, "strict": false});
        assert_eq!(json["summary"], summary);
        let checks = json["checks"].as_array().unwrap();
        for name in names.split(' ') {
            let check = checks.iter().find(|check| check["name"] == name).unwrap();
            assert_eq!(check["status"], "pass", "{check}");
            assert!(check["detail"].is_string());
            assert!(check["fix"].is_null() && check.get("fix").is_some());
        }
    }
    let json = serde_json::to_value(report(&FakeHost::sound(), Qemu)).unwrap();
    let checks = json["checks"].as_array().unwrap();
    let named = |name| checks.iter().find(|check| check["name"] == name).unwrap();
    let qemu = "qemu-system-x86_64 (/usr/bin/qemu-system-x86_64)";
    assert_eq!(named("qemu")["detail"], qemu);
    assert_eq!(named("qemu-version")["detail"], "7.2.22");
    assert_eq!(named("command:qemu-img")["detail"], "/usr/bin/qemu-img");
}

#[test]
fn a_check_of_smolvms_is_never_skipped_for_the_backend_that_it_is_about() {
    // All that can be missing is.
    let bare = FakeHost::sound().with(|host| {
        host.programs
            .retain(|name, _| name.starts_with("qemu-system") || name == "firecracker");
        host.answers
            .retain(|command, _| command == "firecracker --version");
        host.files.clear();
        host.lists.clear();
        host.devices.clear();
        host.entries.clear();
        host.kvm = kvm::Verdict::Absent;
    });
    for (backend, names) in THEIRS {
        for name in names.split(' ') {
            let found = finding(&bare, backend, name);
            assert_ne!(found.status, Skip, "{found:?}");
        }
    }
}

#[test]
fn a_fresh_laptop_passes_under_strict() {
    let host = FakeHost::sound().with(|host| {
        host.write("/proc/meminfo", "SwapTotal:  8388604 kB\n");
        host.write(
            "/sys/kernel/mm/transparent_hugepage/enabled",
            "always [madvise] never\n",
        );
        host.write("/proc/sys/net/ipv4/ip_forward", "0\n");
        host.entry_mut("/dev/kvm").mode = 0o666;
    });
    for backend in [Firecracker, Qemu] {
        let strict = Examination {
            strict: true,
            ..examination(backend)
        };
        assert!(report_on(&host, &strict).summary.ok);
    }
}

#[test]
fn a_fix_is_a_sentence_and_its_command_stands_apart() {
    let host = FakeHost::sound().with(|host| {
        let pending_group = false;
        host.kvm = kvm::Verdict::Denied { pending_group };
        host.terminal = Some((40, 10));
    });
    let json = serde_json::to_value(report(&host, Firecracker)).unwrap();
    let checks = json["checks"].as_array().unwrap();
    let named = |name| checks.iter().find(|check| check["name"] == name).unwrap();
    let kvm = named("kvm");
    assert_eq!(
        kvm["fix"],
        "sudo usermod -aG kvm $USER, then log out and in again"
    );
    assert_eq!(kvm["fix_command"], "sudo usermod -aG kvm $USER");
    assert_eq!(
        kvm["backends"],
        serde_json::json!({"firecracker": "fail", "qemu": "warn"})
    );
    assert!(kvm["why"].is_string() && kvm["evidence"].is_string() && kvm["took_us"].is_u64());
    let size = named("terminal:size");
    assert!(size["fix"].is_string() && size["fix_command"].is_null());
    let verdict = &json["verdicts"][0];
    assert_eq!(verdict["backend"], "firecracker");
    assert_eq!(verdict["readiness"], "not-ready");
    assert_eq!(verdict["judged"], true);
    assert!(
        verdict["reasons"][0]
            .as_str()
            .unwrap()
            .starts_with("KVM support: /dev/kvm")
    );
}

#[test]
fn every_check_has_a_title_and_a_name_of_its_own() {
    let report = report(&FakeHost::sound(), Qemu);
    let names: BTreeSet<&str> = report
        .checks
        .iter()
        .map(|found| found.name.as_str())
        .collect();
    assert_eq!(names.len(), report.checks.len());
    assert!(
        names
            .iter()
            .all(|name| *name == "ssh" || title(name) != *name)
    );
    assert_eq!(title("of-another-version"), "of-another-version");
}
