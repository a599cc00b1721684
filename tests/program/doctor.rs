//! The doctor as it is run: booting, mending, being interrupted.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Bed, Session, Size, json_of, wait_until};

/// A bed without image on which Firecracker is scripted so.
fn scripted(script: &[(&str, &str)]) -> Bed {
    let mut bed = Bed::bare();
    bed.script_firecracker(script);
    bed
}

/// What is known of one backend.
fn verdict(data: &Value, backend: &str) -> Value {
    let verdicts = data["verdicts"].as_array().unwrap();
    let mut verdicts = verdicts.iter();
    verdicts
        .find(|verdict| verdict["backend"] == backend)
        .unwrap()
        .clone()
}

/// How one check came out.
fn status(data: &Value, name: &str) -> Value {
    let checks = data["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name);
    check.unwrap()["status"].clone()
}

/// A run directory that belongs to no VM, which the doctor finds stale.
fn leave_run_directory(bed: &Bed) -> PathBuf {
    let left = bed.data().join("run/0000aaaa");
    let mut private = fs::DirBuilder::new();
    private.recursive(true).mode(0o700).create(&left).unwrap();
    left
}

/// The names in the data directory.
fn kept(bed: &Bed) -> Vec<String> {
    let entries = fs::read_dir(bed.data()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| name != "kvm-verdict.json");
    names.sort();
    names
}

#[test]
fn the_canary_boots_echoes_and_ends_on_the_real_qemu_and_nothing_of_it_stays() {
    let bed = Bed::bare();
    let answer = bed.run(&["doctor", "--backend", "qemu", "--boot", "--json"]);
    let data = json_of(&answer);
    assert_eq!(status(&data, "boot:qemu"), "pass", "{data:#}");
    let boot = &verdict(&data, "qemu")["boot"];
    for phase in ["spawned", "vmm_ready", "started", "first_byte", "ready"] {
        assert!(boot["phases"][phase].is_u64(), "no {phase} in {boot:#}");
    }
    assert!(boot["echo"]["p50_us"].as_u64() > Some(0), "{boot:#}");
    assert!(kept(&bed).is_empty(), "{:?}", kept(&bed));
}

#[test]
fn a_backend_that_is_asked_for_by_name_is_tried_although_its_checks_doubt_it() {
    let bed = scripted(&[]);
    let answer = bed.run(&["doctor", "--boot", "--json"]);
    let data = json_of(&answer);
    assert_eq!(status(&data, "boot:firecracker"), "pass", "{data:#}");
    assert!(
        verdict(&data, "firecracker")["boot"]["off_us"].is_u64(),
        "{data:#}"
    );
    assert!(kept(&bed).is_empty(), "{:?}", kept(&bed));
}

#[test]
fn a_vmm_that_refuses_to_boot_the_canary_is_not_ready_in_its_own_words() {
    let bed = scripted(&[("FAULT", "PUT /boot-source=the kernel is not to my liking")]);
    let answer = bed.run(&["doctor", "--boot", "--json"]);
    assert_eq!(answer.code, 1);
    let data = json_of(&answer);
    assert_eq!(status(&data, "boot:firecracker"), "fail", "{data:#}");
    let reasons = verdict(&data, "firecracker")["reasons"].to_string();
    assert!(reasons.contains("the canary fails: "), "{reasons}");
    assert!(
        reasons.contains("the kernel is not to my liking"),
        "{reasons}"
    );
    assert!(kept(&bed).is_empty(), "{:?}", kept(&bed));
}

#[test]
fn an_interrupted_trial_takes_its_vm_with_it() {
    let bed = scripted(&[("GUEST", "silent")]);
    let arguments = ["doctor", "--boot"];
    let mut doctor = bed.command(&arguments);
    doctor.stdout(Stdio::null()).stderr(Stdio::null());
    let mut doctor = doctor.spawn().unwrap();
    let trials = bed.data().join("trials");
    let is_running = || {
        let vms = fs::read_dir(&trials).into_iter().flatten().flatten();
        vms.into_iter().any(|trial| {
            let state = fs::read_to_string(trial.path().join("vms/canary/state.json"));
            state.is_ok_and(|state| state.contains(r#""phase": "running""#))
        })
    };
    wait_until("the canary to run", is_running);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(doctor.id()).unwrap());
    nix::sys::signal::kill(pid, Signal::SIGINT).unwrap();
    assert_eq!(doctor.wait().unwrap().code(), Some(130));
    assert!(kept(&bed).is_empty(), "{:?}", kept(&bed));
    wait_until("its processes to be gone", || bed.processes().is_empty());
}

#[test]
fn without_a_terminal_nothing_is_mended_unless_that_is_assented_to() {
    let bed = Bed::bare();
    let left = leave_run_directory(&bed);
    let mend = ["doctor", "--backend", "qemu", "--fix", "stale-sockets"];
    let refused = bed
        .run(&mend)
        .failed(1, &["no terminal to ask on", "--yes"]);
    let command = "smolvm-tui sweep sockets";
    assert!(refused.stderr.contains(command), "{refused:#?}");
    assert!(left.exists());
    let answer = bed.run(&[&mend[..], &["--yes", "--json"]].concat());
    let data = json_of(&answer);
    assert_eq!(status(&data, "stale-sockets"), "pass", "{data:#}");
    assert_eq!(data["mended"][0]["command"], command);
    assert_eq!(data["mended"][0]["exit_code"], 0);
    assert!(!left.exists());
    bed.run(&["doctor", "--fix", "nonsense"])
        .failed(1, &["there is no check `nonsense`"]);
}

#[test]
fn on_a_terminal_each_command_is_asked_for_and_only_a_yes_runs_it() {
    let bed = Bed::bare();
    let left = leave_run_directory(&bed);
    let mend = ["doctor", "--backend", "qemu", "--fix", "stale-sockets"];
    for (answer, stays) in [("\r", true), ("n\r", true), ("y\r", false)] {
        let mut session = Session::program(&bed, Size(100, 60), &mend, &[]);
        session.wait_for("Run it? [y/N]");
        session.send(answer);
        session.wait_for("Result");
        session.exit_code();
        assert_eq!(left.exists(), stays, "{answer:?}");
    }
}

#[test]
fn the_dashboard_mends_in_a_terminal_and_the_check_changes_before_the_users_eyes() {
    let bed = Bed::bare();
    let left = leave_run_directory(&bed);
    let mut session = Session::dashboard(&bed, Size(100, 30));
    session.wait_for("what works on this host");
    let data = json_of(&bed.run(&["doctor", "--json"]));
    let mut checks = data["checks"].as_array().unwrap().iter();
    let place = checks
        .position(|check| check["name"] == "stale-sockets")
        .unwrap();
    session.wait_for("Platform");
    session.send("\x1b[5~".repeat(9));
    session.wait_for("─ 1 of ");
    session.send("j".repeat(place));
    session.wait_for("· stale-sockets ·");
    session.send("f");
    session.wait_for("$ smolvm-tui sweep sockets");
    session.send("y");
    session.wait_for("every run directory belongs to a VM");
    assert!(!left.exists());
    session.send("q");
    session.wait_without("what works on this host");
    session.send("q");
    assert_eq!(session.exit_code(), 0);
}
