//! What crashes leave behind.

use super::*;
use crate::doctor::leftovers;

const ID: &str = "0000aaaa";

/// A process as `/proc` shows it.
fn process(host: &mut FakeHost, pid: &str, name: &str, words: &str) {
    host.lists
        .entry("/proc".into())
        .or_default()
        .push(pid.to_owned());
    host.write(&format!("/proc/{pid}/comm"), &format!("{name}\n"));
    host.write(&format!("/proc/{pid}/cmdline"), words);
    let entry = Entry {
        is_directory: true,
        owner: ANN,
        group: ANN,
        mode: 0o555,
    };
    host.entries.insert(format!("/proc/{pid}").into(), entry);
}

#[test]
fn a_vmm_that_no_vm_owns_is_told_and_no_other_process() {
    let words = format!("qemu-system-x86_64\0-qmp\0unix:{RUN}/{ID}/qmp.sock\0");
    let orphan = |host: &mut FakeHost| {
        process(host, "77", "smolvm-web", &words);
        host.holds("/proc", &["77", "self", "cpuinfo"]);
    };
    let elsewhere = words.replace(RUN, "/home/bob/run");
    table(
        "orphaned-vmms",
        Qemu,
        &[
            (&|_| {}, Pass, "no VMM runs without its VM"),
            (&orphan, Warn, "of process 77\nsmolvm-tui sweep vmms"),
            (
                &|host| {
                    orphan(host);
                    host.owns_vm(ID, true);
                },
                Pass,
                "no VMM",
            ),
            (
                &|host| {
                    orphan(host);
                    host.owns_vm(ID, false);
                },
                Warn,
                "process 77",
            ),
            (
                &|host| {
                    orphan(host);
                    host.entry_mut("/proc/77").owner = 7;
                },
                Pass,
                "no VMM",
            ),
            (
                &|host| process(host, "77", "smolvm-web", &elsewhere),
                Pass,
                "no VMM",
            ),
            (&|host| process(host, "77", "vim", &words), Pass, "no VMM"),
            (
                &|host| process(host, "77", "firecracker", &words),
                Warn,
                "process 77",
            ),
            (
                &|host| host.vms = Err("a spec is torn".to_owned()),
                Skip,
                "while a spec is torn",
            ),
        ],
    );
}

/// A data directory whose sockets have too long a path beside it.
const FAR: &str =
    "/home/ann/a-data-directory-whose-path-leaves-no-space-for-that-of-a-socket-within-it-or-below";

#[test]
fn what_another_data_directory_has_at_the_same_place_is_not_left_over() {
    let store = Store::locate(Some(Path::new(FAR))).unwrap();
    let socket = store.run_dir_path(ID).join("qmp.sock");
    let words = |root: &str| {
        let log = format!("{root}/vms/web/gap.log");
        format!("qemu-system-x86_64\0{}\0{log}\0", socket.display())
    };
    let vmm_of = |root: &str| {
        let mut host = FakeHost::sound();
        process(&mut host, "77", "smolvm-web", &words(root));
        leftovers::running(&host, &store).len()
    };
    assert_eq!(vmm_of(FAR), 1);
    assert_eq!(vmm_of(&FAR.replace("below", "above")), 0);
    // Whose the directories are, their names do not tell.
    assert_eq!(leftovers::stale_run_dirs(&store), Ok(Vec::new()));
}

#[test]
fn run_directories_of_no_vm_are_told() {
    let rm = format!("gone: {ID}\nsmolvm-tui sweep sockets");
    table(
        "stale-sockets",
        Qemu,
        &[
            (&|_| {}, Pass, "belongs to a VM"),
            (&|host| host.holds(RUN, &["notes", ID]), Warn, &rm),
            (
                &|host| {
                    host.holds(RUN, &[ID]);
                    host.owns_vm(ID, false);
                },
                Pass,
                "belongs to a VM",
            ),
            (
                &|host| host.vms = Err("a spec is torn".to_owned()),
                Skip,
                "while a spec is torn",
            ),
        ],
    );
}

#[test]
fn tap_devices_and_rules_that_no_vm_needs_are_told_as_the_network_finds_them() {
    let device = |name: &str| Leftover::Device {
        name: name.to_owned(),
        why: "VM `web` does not run".to_owned(),
    };
    let both = [device("smt0000aaaa"), device("smt0000bbbb")];
    table(
        "stale-taps",
        Firecracker,
        &[
            (&|_| {}, Pass, "nothing of ours is left"),
            (
                &|host| host.left = Ok(both.to_vec()),
                Warn,
                "TAP device `smt0000aaaa`: VM `web` does not run, TAP device `smt0000bbbb`",
            ),
            (
                &|host| host.left = Ok(both.to_vec()),
                Warn,
                "\nsmolvm-tui sweep taps",
            ),
            (
                &|host| {
                    host.left = Ok(both.to_vec());
                    host.rules = false;
                },
                Warn,
                "\nsudo -v && smolvm-tui sweep taps",
            ),
            (
                &|host| host.left = Ok(vec![Leftover::Rules]),
                Warn,
                "packet filter's table `inet smolvm_tui`: no VM has a TAP device",
            ),
            (
                &|host| host.left = Err("a spec is torn".to_owned()),
                Skip,
                "not known: a spec is torn",
            ),
        ],
    );
}

#[test]
fn many_leftovers_are_counted() {
    let ids: Vec<String> = (0..12).map(|n| format!("0000aa{n:02}")).collect();
    let names: Vec<&str> = ids.iter().map(String::as_str).collect();
    let host = FakeHost::sound().with(|host| host.holds(RUN, &names));
    let found = finding(&host, Qemu, "stale-sockets");
    assert!(
        found.detail.ends_with("0000aa07 and 4 more"),
        "{}",
        found.detail
    );
}
