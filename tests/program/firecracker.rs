//! VMs on Firecracker, which is played by the scripted one: all but the guest is as in earnest.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{BOOT_PHASES, Bed, wait_until};

/// A bed with a VM `web` whose toy guest is ready.
fn web(script: &[(&str, &str)]) -> Bed {
    let bed = Bed::with_firecracker(script);
    bed.run(&["create", "web", "--wait"]).ok();
    bed
}

/// Types `line` and waits for what it is to print.
fn shell(bed: &Bed, line: &str, answer: &str) {
    bed.run(&["send", "web", &format!("{line}\\n")]).ok();
    bed.run(&["expect", "web", answer, "--timeout", "30"]).ok();
}

fn wait_for_end(bed: &Bed) -> Value {
    wait_until("the VM to end", || bed.phase("web") != "running");
    bed.row("web")
}

#[test]
fn a_vm_boots_is_typed_to_paused_resumed_and_stopped() {
    for version in ["1.7.0", "1.13.1", "1.16.1", "1.17.0"] {
        let bed = web(&[("VERSION", version)]);
        let info = bed.json(&["info", "web"]);
        assert_eq!(info["backend"], "firecracker", "{info:#}");
        assert_eq!(info["accel"], "kvm");
        assert_eq!(info["boots"][0]["versions"]["vmm"], version);
        let calls: Vec<&str> = info["api_calls"]
            .as_array()
            .unwrap()
            .iter()
            .map(|call| call["path"].as_str().unwrap())
            .collect();
        assert!(
            calls.contains(&"/boot-source") && calls.contains(&"/vsock"),
            "{calls:?}"
        );
        let phases = info["boots"][0]["phases"].as_object().unwrap();
        for phase in BOOT_PHASES {
            assert!(
                phases.contains_key(phase),
                "{version}: no {phase} in {phases:?}"
            );
        }
        shell(&bed, "echo $((6*7))", "^42");
        shell(&bed, "cmdline", "reboot=k .* smolvm.name=web");
        bed.run(&["pause", "web"]).ok();
        assert_eq!(bed.phase("web"), "paused");
        bed.run(&["send", "web", "echo $((7*7))\\n"]).ok();
        bed.run(&["expect", "web", "^49", "--timeout", "0.3"])
            .failed(1, &[]);
        bed.run(&["resume", "web"]).ok();
        bed.run(&["expect", "web", "^49", "--timeout", "30"]).ok();
        let vmm = bed.vmm("web");
        bed.run(&["stop", "web"]).ok();
        let row = bed.row("web");
        assert_eq!(row["phase"], "stopped", "{row:#}");
        assert_eq!(row["exit"]["reason"], "stopped", "{row:#}");
        vmm.gone();
    }
}

#[test]
fn a_new_shim_takes_over_console_agent_control_and_sums() {
    let bed = web(&[]);
    let bytes_out = |info: &Value| info["metrics"]["exits"]["io_out"].as_u64().unwrap();
    let before = bytes_out(&bed.json(&["info", "web"]));
    let (vmm, shim) = (bed.vmm("web"), bed.shim("web"));
    bed.run(&["send", "web", "sleep 0.3; echo said $((6*7)) meanwhile\\n"])
        .ok();
    bed.run(&["expect", "web", "meanwhile", "--timeout", "30"])
        .ok();
    shim.signal(Signal::SIGKILL);
    shim.gone();
    // What is printed while no shim lives is in the FIFO.
    bed.run(&[
        "expect",
        "web",
        "^said 42 meanwhile",
        "--from",
        "boot",
        "--timeout",
        "30",
    ])
    .ok();
    assert_eq!(bed.vmm("web"), vmm, "another VMM");
    assert_ne!(bed.shim("web"), shim, "no new shim");
    shell(&bed, "echo $((7*7))", "^49");
    bed.run(&["pause", "web"]).ok();
    bed.run(&["resume", "web"]).ok();
    let info = bed.json(&["info", "web"]);
    // What was counted before is not lost.
    let counted = bytes_out(&info);
    assert!(counted > before, "{before} before, {counted} after");
    assert!(info["metrics"]["since"].is_null(), "{info:#}");
    assert!(
        !info["api_calls"].as_array().unwrap().is_empty(),
        "{info:#}"
    );
    // The agent called again: it ends the guest, long before anybody would be killed.
    let begun = Instant::now();
    bed.run(&["stop", "web"]).ok();
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(bed.row("web")["exit"]["reason"], "stopped");
    vmm.gone();
}

#[test]
fn ends_of_all_kinds_are_told_in_words() {
    let bed = web(&[]);
    let cases = [
        ("reboot", "stopped", "guest_reset", None),
        ("panic", "crashed", "guest_panic", None),
        (
            "fault",
            "crashed",
            "vmm_error",
            Some("KVM_EXIT_INTERNAL_ERROR"),
        ),
        ("exit 148", "crashed", "vmm_error", Some("seccomp")),
    ];
    for (word, phase, reason, words) in cases {
        bed.run(&["send", "web", &format!("{word}\\n")]).ok();
        let row = wait_for_end(&bed);
        assert_eq!(
            (row["phase"].as_str(), row["exit"]["reason"].as_str()),
            (Some(phase), Some(reason)),
            "{word}: {row:#}"
        );
        if let Some(words) = words {
            assert!(row["exit"].to_string().contains(words), "{row:#}");
        }
        bed.run(&["start", "web", "--wait"]).ok();
    }
    bed.vmm("web").signal(Signal::SIGKILL);
    let row = wait_for_end(&bed);
    assert_eq!(row["exit"]["signal"], 9, "{row:#}");
}

#[test]
fn a_guest_that_hears_nothing_is_ended_by_signals() {
    let bed = Bed::with_firecracker(&[("GUEST", "deaf")]);
    bed.run(&["create", "web", "--start"]).ok();
    let vmm = bed.vmm("web");
    bed.run(&["stop", "web", "--timeout", "0.2"]).ok();
    let row = bed.row("web");
    assert_eq!(row["exit"]["reason"], "stopped", "{row:#}");
    assert_eq!(row["exit"]["signal"], 15, "{row:#}");
    vmm.gone();
}

#[test]
fn ctrl_alt_del_ends_a_guest_without_an_agent() {
    let bed = Bed::with_firecracker(&[]);
    let (kernel, _) = image_files(&bed);
    bed.run(&["create", "web", "--kernel", &kernel, "--start"])
        .ok();
    let calls = bed.json(&["info", "web"])["api_calls"].to_string();
    assert!(!calls.contains("/vsock"), "it has an agent: {calls}");
    bed.run(&["stop", "web", "--timeout", "30"]).ok();
    let row = bed.row("web");
    assert_eq!(row["exit"]["reason"], "stopped", "{row:#}");
    assert_eq!(row["exit"]["code"], 0, "{row:#}");
}

fn image_files(bed: &Bed) -> (String, String) {
    let images = bed.data().join("images/tiny");
    let image = fs::read_dir(images)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let show = |name: &str| image.join(name).display().to_string();
    (show("vmlinux"), show("initramfs.cpio"))
}

#[test]
fn a_death_at_any_step_fails_the_start_at_once_with_its_last_words() {
    let mut bed = Bed::with_firecracker(&[]);
    bed.run(&["create", "web"]).ok();
    let steps = [
        "arguments=153",
        "listen=1",
        "GET /version=1",
        "PUT /metrics=150",
        "PUT /machine-config=SIGKILL",
        "PUT /boot-source=1",
        "PUT /vsock=148",
        "PUT /entropy=1",
        "PUT /balloon=1",
        "PUT /actions (InstanceStart)=148",
    ];
    for step in steps {
        let (at, how) = step.split_once('=').unwrap();
        bed.script_firecracker(&[("DIE", step)]);
        let begun = Instant::now();
        let words = format!("scripted to die at {at}");
        let answer = bed.run(&["start", "web"]).failed(1, &[&words]);
        // Far below every deadline: nobody waited for one.
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{step}: {:?}",
            begun.elapsed()
        );
        let said = format!("{}{}", answer.stdout, answer.stderr);
        let how = if how == "148" { "seccomp" } else { how };
        assert!(said.contains(how), "{step}: {said}");
        assert_eq!(bed.phase("web"), "crashed", "{step}");
    }
    bed.script_firecracker(&[]);
    bed.run(&["start", "web", "--wait"]).ok();
}

#[test]
fn what_it_refuses_is_told_in_its_words_with_the_call_and_leaves_no_process() {
    let mut bed = Bed::with_firecracker(&[]);
    bed.run(&["create", "web"]).ok();
    for (fault, words) in [
        (
            "PUT /boot-source=Boot source error: no such luck",
            ["PUT /boot-source", "no such luck"],
        ),
        (
            "PUT /actions (InstanceStart)=Start microvm error: Error creating KVM object: ENOENT",
            ["(InstanceStart)", "doctor --backend firecracker"],
        ),
    ] {
        bed.script_firecracker(&[("FAULT", fault)]);
        bed.run(&["start", "web"]).failed(1, &words);
        assert_eq!(bed.phase("web"), "crashed", "{fault}");
        wait_until("its processes to end", || bed.processes().is_empty());
    }
    bed.script_firecracker(&[("CUT", "PUT /machine-config")]);
    bed.run(&["start", "web"])
        .failed(1, &["closed its control socket", "PUT /machine-config"]);
    wait_until("its processes to end", || bed.processes().is_empty());
}

#[test]
fn slow_and_split_replies_change_nothing_and_one_that_never_comes_can_be_killed() {
    let mut bed = web(&[("SLOW_MS", "20"), ("SPLIT", "1")]);
    shell(&bed, "echo $((6*7))", "^42");
    bed.run(&["kill", "web"]).ok();
    bed.script_firecracker(&[("HANG", "PUT /actions (InstanceStart)")]);
    let arguments = ["start", "web"];
    let mut start = bed.command(&arguments);
    let mut start = start.stderr(Stdio::null()).spawn().unwrap();
    wait_until("the VM to be starting", || {
        let row = bed.row("web");
        row["phase"] == "starting" && !row["pid"].is_null()
    });
    bed.run(&["kill", "web"]).ok();
    assert!(!start.wait().unwrap().success());
    assert_eq!(bed.row("web")["exit"]["reason"], "killed");
}

#[test]
fn figures_count_what_happens_and_cost_nothing_when_nobody_asks() {
    let bed = web(&[]);
    let figures = || bed.json(&["info", "web"])["metrics"].clone();
    let written = |figures: &Value| figures["serial"]["writes"].as_u64().unwrap();
    let before = figures();
    assert!(written(&before) > 100, "{before:#}");
    assert_eq!(
        before["exits"]["io_out"].as_u64(),
        Some(written(&before)),
        "{before:#}"
    );
    assert!(
        before["vsock"]["connections_made"].as_u64() >= Some(1),
        "{before:#}"
    );
    assert_eq!(before["balloon"]["total_bytes"], 128 << 20, "{before:#}");
    // There is no disk and no card.
    assert!(
        before["block"].is_null() && before["net"].is_null(),
        "{before:#}"
    );
    shell(&bed, "flood 50", "49 of many");
    let after = figures();
    assert!(
        written(&after) >= written(&before) + 50 * 40,
        "{before:#} {after:#}"
    );
    // A sum, not what came since somebody last asked.
    let idle = figures();
    assert!(written(&idle) >= written(&after), "{after:#} {idle:#}");
    // Its metrics go through a FIFO: nothing of them is on disk.
    assert!(fs::metadata(bed.vm("web").join("vmm.log")).unwrap().len() < 4096);
}

#[test]
fn a_guest_that_runs_without_a_word_is_told_apart_from_one_that_boots() {
    let bed = Bed::with_firecracker(&[("GUEST", "silent")]);
    bed.run(&["create", "web", "--start"]).ok();
    let silent = || bed.row("web")["silent_ms"].as_u64();
    wait_until("its silence to last", || silent() > Some(500));
    let threads = bed.json(&["info", "web"])["pid"].as_u64().unwrap();
    let tasks = fs::read_dir(format!("/proc/{threads}/task")).unwrap();
    assert!(tasks.count() >= 3);
    bed.run(&["kill", "web"]).ok();
    assert_eq!(silent(), None);
}

#[test]
fn a_disk_of_its_own_is_a_raw_copy_and_a_bzimage_is_unpacked_once() {
    let bed = Bed::with_firecracker(&[]);
    let rootfs = bed.home().join("rootfs.ext4");
    fs::write(&rootfs, vec![7; 1 << 20]).unwrap();
    let (vmlinux, initrd) = image_files(&bed);
    let bzimage = vmlinux.replace("vmlinux", "vmlinuz");
    let rootfs = rootfs.display().to_string();
    bed.run(&[
        "create",
        "web",
        "--kernel",
        &bzimage,
        "--initrd",
        &initrd,
        "--rootfs",
        &rootfs,
        "--disk-size",
        "8",
        "--start",
    ])
    .ok();
    let info = bed.json(&["info", "web"]);
    let of = |path: &str| {
        let calls = info["api_calls"].as_array().unwrap();
        calls.iter().find(|call| call["path"] == path).unwrap()["body"].clone()
    };
    let disk = bed.vm("web").join("disk.raw");
    assert_eq!(
        of("/drives/rootfs")["path_on_host"],
        disk.display().to_string()
    );
    assert_eq!(fs::metadata(&disk).unwrap().len(), 8 << 20);
    let kernel = of("/boot-source")["kernel_image_path"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(kernel.contains("vmlinux-"), "{kernel}");
    assert!(fs::read(&kernel).unwrap() == fs::read(&vmlinux).unwrap());
    let made = fs::metadata(&kernel).unwrap().modified().unwrap();
    bed.run(&["restart", "web"]).ok();
    assert_eq!(fs::metadata(&kernel).unwrap().modified().unwrap(), made);
}

#[test]
fn a_signal_that_ends_firecracker_is_told_in_words() {
    let bed = web(&[]);
    bed.vmm("web").signal(Signal::SIGHUP);
    let exit = wait_for_end(&bed)["exit"].clone();
    assert_eq!(exit["code"], 156, "{exit:#}");
    assert!(exit.to_string().contains("SIGHUP"), "{exit:#}");
}

#[test]
fn what_firecracker_cannot_do_is_refused_before_anything_is_made() {
    let bed = Bed::with_firecracker(&[]);
    bed.run(&["create", "web", "--network", "user"])
        .failed(1, &["no user-mode network", "--backend qemu"]);
    bed.run(&["create", "web", "--publish", "18080:80"])
        .failed(1, &["cannot publish"]);
    let bare = Bed::new();
    let create = ["create", "web", "--backend", "firecracker"];
    let mut command = bare.command(&create);
    command.env("FIRECRACKER_BIN", "/nowhere/firecracker");
    Bed::answer(command, &create).failed(1, &["FIRECRACKER_BIN names `/nowhere/firecracker`"]);
    assert!(bed.rows().is_empty() && bare.rows().is_empty());
}
