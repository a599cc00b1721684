//! Hints that count for a worker only.

use super::*;

/// A check, what brings its hint about, what it says, and its fix.
type Hint<'a> = (&'a str, &'a dyn Fn(&mut FakeHost), &'a str, &'a str);

#[test]
fn hints_are_told_to_everybody_and_count_for_a_worker_only() {
    const KSM: &str = "/sys/kernel/mm/ksm/run";
    const THP: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
    const NX: &str = "/sys/module/kvm/parameters/nx_huge_pages";
    let rows: [Hint<'_>; 8] = [
        (
            "worker:swap-disabled",
            &|host| host.write("/proc/meminfo", "SwapTotal:  8388604 kB\n"),
            "Active (8388604 kB)",
            "sudo swapoff -a",
        ),
        (
            "worker:swap-disabled",
            &|host| host.write("/etc/fstab", "/dev/sda2 none swap sw 0 0\n"),
            "/etc/fstab brings it back",
            "sudo sed -i.bak",
        ),
        (
            "worker:ksm-disabled",
            &|host| host.write(KSM, "1\n"),
            "Active (run=1)",
            "sudo sh -c 'echo 2 > /sys/kernel/mm/ksm/run'",
        ),
        (
            "worker:thp-disabled",
            &|host| host.write(THP, "always [madvise] never\n"),
            "Active ('madvise')",
            "sudo sh -c 'echo never > /sys",
        ),
        (
            "worker:kvm-nx-huge-pages",
            &|host| host.write(NX, "N\n"),
            "off ('N')",
            "echo force >",
        ),
        (
            "worker:kvm-nx-huge-pages",
            &|host| host.remove(NX),
            "is not loaded",
            "load it",
        ),
        (
            "worker:kvm-permissions",
            &|host| host.entry_mut("/dev/kvm").mode = 0o666,
            "mode=0o666 and group=kvm",
            "sudo chmod 660 /dev/kvm && sudo chgrp kvm /dev/kvm",
        ),
        (
            "worker:kvm-permissions",
            &|host| host.entry_mut("/dev/kvm").group = 0,
            "mode=0o660 and group=0",
            "sudo chmod 660 /dev/kvm",
        ),
    ];
    let worker = Examination {
        profile: Profile::Worker,
        strict: true,
        ..examination(Firecracker)
    };
    for (name, change, detail, fix) in rows {
        let host = FakeHost::sound().with(change);
        let hint = finding(&host, Firecracker, name);
        expect_found(&hint, Pass, detail);
        assert!(
            hint.detail.ends_with("counts with --profile worker only"),
            "{hint:?}"
        );
        let counted = report_on(&host, &worker);
        expect_found(named(&counted, name), Warn, detail);
        expect_found(named(&counted, name), Warn, fix);
        assert!(!counted.summary.ok);
    }
    assert!(report_on(&FakeHost::sound(), &worker).summary.ok);
}

#[test]
fn what_a_kernel_does_not_have_is_no_hint() {
    let host = FakeHost::sound().with(|host| {
        host.remove("/sys/kernel/mm/ksm/run");
        host.remove("/sys/kernel/mm/transparent_hugepage/enabled");
        host.remove("/sys/module/kvm/parameters/nx_huge_pages");
        host.write(
            "/sys/devices/system/cpu/vulnerabilities/itlb_multihit",
            "Not affected\n",
        );
        host.entries.remove(Path::new("/dev/kvm"));
    });
    let worker = Examination {
        profile: Profile::Worker,
        ..examination(Firecracker)
    };
    let report = report_on(&host, &worker);
    for (name, words) in [
        ("worker:ksm-disabled", "Not compiled in kernel"),
        ("worker:thp-disabled", "Not compiled in kernel"),
        ("worker:kvm-nx-huge-pages", "not affected"),
        ("worker:kvm-permissions", "there is no /dev/kvm"),
    ] {
        expect_found(named(&report, name), Pass, words);
    }
}
