//! Firecracker, QEMU and their companions.

use super::*;

#[test]
fn firecracker_is_missed_only_where_it_was_chosen() {
    let host = FakeHost::sound().without("firecracker");
    let set_up = "sudo /opt/tree/scripts/system-setup.sh --configure-runtime";
    expect(&host, Firecracker, "firecracker", Fail, set_up);
    let root = host.clone().with(|host| host.user = 0);
    let fix = finding(&root, Firecracker, "firecracker").fix.unwrap();
    assert_eq!(fix.command().unwrap(), &set_up[5..]);
    // A program that was copied somewhere has no script to name a path of.
    let copied = host.clone().with(|host| host.script = None);
    let fix = finding(&copied, Firecracker, "firecracker").fix.unwrap();
    assert_eq!(fix.command(), None);
    assert!(fix.to_string().ends_with("in a checkout of smolvm-tui"));
    expect(
        &host,
        Qemu,
        "firecracker",
        Skip,
        "not in PATH; qemu does without",
    );
    for name in ["firecracker-version", "firecracker-arch"] {
        expect(&host, Firecracker, name, Skip, "no Firecracker");
    }
    assert_eq!(report(&host, Qemu).verdict().unwrap().words(), "ready");
    let named = FakeHost::sound().with(|host| {
        let why = "FIRECRACKER_BIN names `/x`, which is no program".to_owned();
        host.programs.insert("firecracker".to_owned(), Err(why));
    });
    expect(
        &named,
        Firecracker,
        "firecracker",
        Fail,
        "FIRECRACKER_BIN names `/x`",
    );
}

#[test]
fn firecracker_must_be_of_a_version_and_for_a_processor_that_can_be_used() {
    const ASK: &str = "firecracker --version";
    assert_eq!(
        finding(&FakeHost::sound(), Qemu, "firecracker").detail,
        "/usr/bin/firecracker"
    );
    table(
        "firecracker-version",
        Firecracker,
        &[
            (&|_| {}, Pass, "1.14.1"),
            (
                &|host| host.answer(ASK, "hello\n"),
                Warn,
                "names no version",
            ),
            (
                &|host| host.answer(ASK, "Firecracker v1.6.9\n"),
                Fail,
                "1.6.9, but 1.7.0 is the oldest",
            ),
            (
                &|host| host.answer(ASK, "Firecracker v1.7.0-dev\n\nmore\n"),
                Warn,
                "1.7.0 has no ACPI",
            ),
            (
                &|host| {
                    host.answer(ASK, "Firecracker v1.7.0\n");
                    host.kernel.arch = "aarch64".to_owned();
                },
                Pass,
                "1.7.0",
            ),
            (
                &|host| host.answer(ASK, "Firecracker v1.8.0-dev\n\nmore\n"),
                Pass,
                "1.8.0",
            ),
            (&|host| host.refuse(ASK), Fail, "failed"),
        ],
    );
    let mute = FakeHost::sound().with(|host| host.refuse(ASK));
    expect(&mute, Qemu, "firecracker-version", Skip, "failed");
    table(
        "firecracker-arch",
        Firecracker,
        &[
            (&|_| {}, Pass, "x86_64"),
            (
                &|host| host.head[18] = 0xb7,
                Fail,
                "made for aarch64, but this host is x86_64",
            ),
            (
                &|host| host.head[18] = 0x08,
                Fail,
                "made for another processor",
            ),
            (
                &|host| host.head = b"#!/bin/sh\n".to_vec(),
                Pass,
                "no ELF program",
            ),
            (&|host| host.head.clear(), Pass, "no ELF program"),
        ],
    );
}

#[test]
fn ssh_is_looked_for_and_not_needed() {
    expect(
        &FakeHost::sound(),
        Qemu,
        "command:ssh",
        Pass,
        "/usr/bin/ssh",
    );
    let host = FakeHost::sound().without("ssh");
    expect(&host, Firecracker, "command:ssh", Pass, "not needed");
}

#[test]
fn qemu_must_be_there_and_new_enough() {
    const ASK: &str = "qemu-system-x86_64 --version";
    let bare = FakeHost::sound().without("qemu-system-x86_64");
    let install = "sudo apt-get install -y qemu-system-x86 qemu-utils";
    expect(&bare, Qemu, "qemu", Fail, install);
    assert_eq!(
        finding(&bare, Qemu, "qemu").fix.unwrap().command(),
        Some(install)
    );
    expect(&bare, Qemu, "qemu-version", Skip, "no QEMU");
    expect(&bare, Qemu, "qemu-sandbox", Skip, "no QEMU");
    expect(&bare, Firecracker, "qemu", Skip, "firecracker does without");
    let unknown = bare.without("apt-get");
    expect(
        &unknown,
        Qemu,
        "qemu",
        Fail,
        "with this system's package manager",
    );
    assert_eq!(finding(&unknown, Qemu, "qemu").fix.unwrap().command(), None);
    let path = "qemu-system-x86_64 (/usr/bin/qemu-system-x86_64)";
    assert_eq!(finding(&FakeHost::sound(), Qemu, "qemu").detail, path);
    let answers = |answer: &'static str| move |host: &mut FakeHost| host.answer(ASK, answer);
    table(
        "qemu-version",
        Qemu,
        &[
            (
                &answers("QEMU emulator version 5.2.0\n"),
                Fail,
                "5.2.0 detected\nInstall QEMU 6.0",
            ),
            (&answers("QEMU emulator version 6.0.0\n"), Pass, "6.0.0"),
            (
                &answers("QEMU emulator version 10.1.50 (v10.1.0-1-g0)\n"),
                Pass,
                "10.1.50",
            ),
            (&answers(""), Warn, "could not parse"),
            (&answers("all is well\n"), Warn, "could not parse"),
            (
                &|host| host.refuse(ASK),
                Warn,
                "could not probe QEMU version",
            ),
        ],
    );
}

#[test]
fn a_qemu_that_cannot_shut_itself_in_cannot_be_used() {
    let host = FakeHost::sound().with(|host| host.refuse(SANDBOXED));
    expect(
        &host,
        Qemu,
        "qemu-sandbox",
        Fail,
        "cannot filter its own system calls",
    );
    expect(&host, Qemu, "qemu-accel", Pass, "tcg, kvm");
    let mute = host.with(|host| host.refuse(ACCEL_HELP));
    expect(&mute, Qemu, "qemu-sandbox", Warn, "not known");
}

#[test]
fn qemu_img_is_missed_as_much_as_the_choice_of_backend_misses_it() {
    const NAME: &str = "command:qemu-img";
    let host = FakeHost::sound().without("qemu-img");
    expect(
        &host,
        Qemu,
        NAME,
        Warn,
        "need it\nsudo apt-get install -y qemu-utils",
    );
    expect(&host, Firecracker, NAME, Skip, "firecracker does without");
    let host = host.with(|host| host.runnable.qemu = Err("no qemu-img".to_owned()));
    expect(&host, Qemu, NAME, Fail, "not in PATH");
}
