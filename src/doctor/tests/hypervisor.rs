//! Platform, backend, KVM, accelerators, processor, filters, clock.

use kvm::Verdict;

use super::*;

#[test]
fn platforms_without_guests_fail() {
    table(
        "platform",
        Qemu,
        &[
            (&|_| {}, Pass, "Linux 6.12.1 on x86_64"),
            (
                &|host| host.kernel.arch = "riscv64".to_owned(),
                Fail,
                "6.12.1 on riscv64",
            ),
            (
                &|host| host.kernel.system = "FreeBSD".to_owned(),
                Fail,
                "use Linux or macOS",
            ),
        ],
    );
}

#[test]
fn a_backend_that_cannot_run_is_told_with_the_other_one() {
    let why = || Err("its program is missing".to_owned());
    let host = FakeHost::sound().with(|host| host.runnable.firecracker = why());
    let words = "its program is missing\nuse `--backend qemu`";
    expect(&host, Firecracker, "backend", Fail, words);
    expect(&host, Qemu, "backend", Pass, "qemu: --backend says so");
    let report = report(&host, Qemu);
    assert_eq!(
        report.verdicts[0].words(),
        "not ready: its program is missing"
    );
    assert_eq!(report.verdicts[1].words(), "ready");
    let host = host.with(|host| host.runnable.qemu = why());
    expect(&host, Qemu, "backend", Fail, "see the checks of qemu");
}

#[test]
fn kvm_that_cannot_be_used_fails_firecracker_and_slows_qemu_and_each_cause_has_its_own_fix() {
    let evidence = || "cmpxchg16b is refused".to_owned();
    let denied = |pending_group| Verdict::Denied { pending_group };
    let cases = [
        (
            Verdict::Absent,
            "there is no /dev/kvm\nsudo modprobe kvm_intel",
        ),
        (
            denied(false),
            "sudo usermod -aG kvm $USER, then log out and in again",
        ),
        (denied(true), "newgrp kvm"),
        (Verdict::Occupied, "VirtualBox"),
        (
            Verdict::Emulates {
                evidence: evidence(),
            },
            "emulates kernel code: cmpxchg16b is refused",
        ),
        (
            Verdict::Broken {
                evidence: evidence(),
            },
            "does not work: cmpxchg16b is refused",
        ),
    ];
    for (verdict, words) in cases {
        let host = FakeHost::sound().with(|host| host.kvm = verdict);
        expect(&host, Firecracker, "kvm", Fail, words);
        expect(&host, Qemu, "kvm", Warn, words);
        expect(&host, Qemu, "accelerator", Warn, "tcg: guests are emulated");
        for judged in [Firecracker, Qemu] {
            let report = report(&host, judged);
            let [firecracker, qemu] = [0, 1].map(|index| report.verdicts[index].words());
            assert!(
                firecracker.starts_with("not ready: KVM support: "),
                "{firecracker}"
            );
            assert_eq!(qemu, "ready but emulated");
        }
    }
}

#[test]
fn what_the_probe_measured_is_told_and_that_it_ran_nothing_too() {
    let slow = FakeHost::sound().with(|host| {
        host.lap = Some(std::time::Duration::from_nanos(2_255_507));
        host.kvm = Verdict::Emulates {
            evidence: "pxor is refused".to_owned(),
        };
    });
    let found = finding(&slow, Firecracker, "kvm");
    let words = "a loop of 2000 turns takes 2.256 ms, and natively less than 0.200";
    assert!(found.evidence.contains(words), "{}", found.evidence);
    let unprobed = FakeHost::sound().with(|host| {
        host.kvm = Verdict::Unprobed;
        host.kernel.arch = "aarch64".to_owned();
        host.head[18] = 0xb7;
        let qemu = host.programs.remove("qemu-system-x86_64").unwrap();
        host.programs.insert("qemu-system-aarch64".to_owned(), qemu);
    });
    expect(&unprobed, Firecracker, "kvm", Pass, "not probed further");
    expect(&unprobed, Qemu, "accelerator", Pass, "kvm");
    let report = report(&unprobed, Firecracker);
    assert_eq!(report.verdicts[0].words(), "ready");
    let evidence = finding(&unprobed, Firecracker, "kvm").evidence;
    assert!(!evidence.contains("ran a guest"), "{evidence}");
}

#[test]
fn what_is_run_for_kvm_fits_what_is_in_the_way() {
    let command = |host: &FakeHost| {
        let fix = finding(host, Firecracker, "kvm").fix.unwrap();
        fix.command().map(str::to_owned)
    };
    let denied = Verdict::Denied {
        pending_group: false,
    };
    let host = FakeHost::sound().with(|host| host.kvm = denied);
    assert_eq!(
        command(&host).as_deref(),
        Some("sudo usermod -aG kvm $USER")
    );
    // Membership does not help where the group may not open it.
    let closed = host
        .clone()
        .with(|host| host.entry_mut("/dev/kvm").mode = 0o600);
    let open = "sudo chgrp kvm /dev/kvm && sudo chmod 660 /dev/kvm && sudo usermod -aG kvm $USER";
    assert_eq!(command(&closed).as_deref(), Some(open));
    let groupless = closed
        .clone()
        .with(|host| host.write("/etc/group", "root:x:0:\n"));
    let made = format!("sudo groupadd -r kvm && {open}");
    assert_eq!(command(&groupless), Some(made));
    let grouped = groupless.with(|host| host.write("/etc/group", "root:x:0:\nkvm:x:106:\n"));
    assert_eq!(command(&grouped).as_deref(), Some(open));
    let root = closed.with(|host| host.user = 0);
    assert!(!command(&root).unwrap().contains("sudo"));
    let absent = host.with(|host| host.kvm = Verdict::Absent);
    let amd = absent
        .clone()
        .with(|host| host.write("/proc/cpuinfo", "flags : svm\n"));
    assert_eq!(command(&amd).as_deref(), Some("sudo modprobe kvm_amd"));
    let bare = absent.with(|host| host.write("/proc/cpuinfo", "flags : fpu\n"));
    assert_eq!(
        command(&bare),
        None,
        "no module helps a processor without virtualization"
    );
    expect(&bare, Firecracker, "kvm", Fail, "in the firmware");
}

#[test]
fn the_accelerator_is_what_both_host_and_qemu_can_do() {
    let title = "Accelerators supported in QEMU binary:\n";
    let built = |accelerators: &str| {
        let answer = format!("{title}{accelerators}");
        FakeHost::sound().with(|host| host.answer(SANDBOXED, &answer))
    };
    expect(&FakeHost::sound(), Qemu, "accelerator", Pass, "kvm");
    let plain = built("tcg\n");
    expect(
        &plain,
        Qemu,
        "accelerator",
        Warn,
        "this QEMU was built without kvm",
    );
    expect(&plain, Qemu, "qemu-accel", Pass, "tcg");
    let odd = built("xen\n");
    expect(
        &odd,
        Qemu,
        "accelerator",
        Fail,
        "can neither use kvm nor emulate",
    );
    assert!(
        report(&odd, Qemu)
            .verdict()
            .unwrap()
            .words()
            .starts_with("not ready: Accelerator")
    );
    expect(
        &built(""),
        Qemu,
        "qemu-accel",
        Warn,
        "QEMU names no accelerator",
    );
    let mute = FakeHost::sound().with(|host| {
        host.refuse(SANDBOXED);
        host.refuse(ACCEL_HELP);
    });
    expect(&mute, Qemu, "qemu-accel", Warn, "failed (exit status: 1)");
    expect(&mute, Qemu, "accelerator", Warn, "not known");
    assert_eq!(report(&mute, Qemu).verdict().unwrap().words(), "ready");
    let bare = FakeHost::sound().without("qemu-system-x86_64");
    expect(&bare, Qemu, "qemu-accel", Skip, "no QEMU");
    expect(&bare, Firecracker, "accelerator", Pass, "kvm");
    let neither = bare.with(|host| host.kvm = Verdict::Absent);
    expect(
        &neither,
        Firecracker,
        "accelerator",
        Skip,
        "no QEMU to emulate",
    );
}

#[test]
fn processors_without_virtualization_are_told() {
    let flags = |flags: &str| format!("flags\t: {flags}\n");
    let with = |known: &str| {
        let text = flags(known);
        move |host: &mut FakeHost| host.write("/proc/cpuinfo", &text)
    };
    table(
        "cpu-flags",
        Firecracker,
        &[
            (&|_| {}, Pass, "vmx, cx16"),
            (&with("svm cx16 popcnt ssse3 sse4_1 sse4_2"), Pass, "svm"),
            (&with("fpu cx16"), Warn, "neither vmx nor svm"),
            (
                &with("vmx popcnt ssse3 sse4_1 sse4_2"),
                Warn,
                "vmx, but without cx16",
            ),
            (&|host| host.remove("/proc/cpuinfo"), Skip, "names no flags"),
            (
                &|host| host.kernel.arch = "aarch64".to_owned(),
                Skip,
                "do not tell by flags",
            ),
        ],
    );
    let bare = FakeHost::sound().with(with("fpu"));
    expect(&bare, Qemu, "cpu-flags", Skip, "qemu does without");
}

#[test]
fn a_host_that_is_a_vm_itself_is_told_and_whether_it_may_nest() {
    let vm = |more: &'static str| {
        move |host: &mut FakeHost| {
            host.write("/proc/cpuinfo", &format!("flags : hypervisor {more}\n"));
        }
    };
    table(
        "nested-virtualization",
        Firecracker,
        &[
            (&|_| {}, Pass, "this host is no VM; kvm_intel"),
            (
                &vm("vmx"),
                Pass,
                "a VM with nested virtualization; kvm_intel",
            ),
            (&vm(""), Warn, "gives it no nested virtualization"),
            (
                &|host| host.kernel.arch = "aarch64".to_owned(),
                Skip,
                "do not tell",
            ),
            (
                &|host| host.holds("/sys/module", &["kvm_pvm"]),
                Warn,
                "kvm_pvm, which interprets",
            ),
            (
                &|host| host.holds("/sys/module", &[]),
                Pass,
                "no module of KVM",
            ),
        ],
    );
}

#[test]
fn a_kernel_that_filters_no_system_calls_fails_firecracker_and_not_qemu() {
    const FILE: &str = "/proc/sys/kernel/seccomp/actions_avail";
    let host = FakeHost::sound().with(|host| host.remove(FILE));
    expect(&host, Firecracker, "seccomp", Fail, "CONFIG_SECCOMP_FILTER");
    expect(&host, Qemu, "seccomp", Warn, "CONFIG_SECCOMP_FILTER");
    let old = FakeHost::sound().with(|host| host.write(FILE, "kill_process errno\n"));
    expect(&old, Firecracker, "seccomp", Fail, "the kernel lacks trap");
}

#[test]
fn slow_clocks_are_told() {
    const FILE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    table(
        "clock-source",
        Qemu,
        &[
            (&|_| {}, Pass, "tsc"),
            (&|host| host.write(FILE, "kvm-clock\n"), Pass, "kvm-clock"),
            (
                &|host| host.write(FILE, "hpet\n"),
                Warn,
                "hpet, which is slow",
            ),
            (&|host| host.remove(FILE), Skip, "does not tell"),
        ],
    );
}
