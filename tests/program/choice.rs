//! The choice of a backend: who makes it, where it is told with its reason, what is doubted.

use crate::support::{Bed, Session, Size};

const SIZE: Size = Size(120, 40);
const ERROR: &str = "Unsupported backend 'firecrackerr'. Supported values: auto, firecracker, qemu";

/// Closes the doctor's panel that a first start shows.
fn opened(bed: &Bed) -> Session {
    let mut session = Session::dashboard(bed, SIZE);
    session.wait_for("what works on this host");
    session.send([0x1b]);
    session.wait_without("what works on this host");
    session
}

/// Whether doctor finds KVM to execute kernel code at native speed, and what it says of it.
fn kvm(bed: &Bed) -> (bool, String) {
    let report = bed.run(&["doctor", "--json"]).json();
    let checks = report["data"]["checks"].as_array().unwrap();
    let kvm = checks.iter().find(|check| check["name"] == "kvm").unwrap();
    let detail = kvm["detail"].as_str().unwrap().to_owned();
    (kvm["status"] == "pass", detail)
}

#[test]
fn a_misspelt_environment_is_an_error_to_the_letter_everywhere() {
    let mut bed = Bed::new();
    bed.set("SMOLVM_BACKEND", " FireCrackerr ");
    for command in [&["create", "web"][..], &["doctor"], &["config"]] {
        let words = [ERROR, "hint: SMOLVM_BACKEND says so"];
        bed.run(command).failed(1, &words);
    }
    assert!(bed.rows().is_empty());
    // The dashboard does not start on it.
    let mut session = Session::dashboard(&bed, SIZE);
    session.wait_for(ERROR);
    assert_eq!(session.exit_code(), 1);
    assert_eq!(session.leftovers(), Vec::<&str>::new());
    // Asked for by name nobody looks at the environment.
    bed.run(&["create", "web", "--backend", "qemu"]).ok();
}

#[test]
fn each_source_decides_in_its_turn_and_create_info_and_config_say_which() {
    let mut bed = Bed::new();
    for (value, arguments, requested, reason) in [
        ("", &[][..], "auto", None),
        ("  \n", &[], "auto", None),
        (" QEMU ", &[], "qemu", Some("SMOLVM_BACKEND says so")),
        ("qemu", &["--backend", "auto"], "auto", None),
        (
            "vz",
            &["--backend", "Qemu"],
            "qemu",
            Some("--backend says so"),
        ),
    ] {
        bed.set("SMOLVM_BACKEND", value);
        let with = |command: &[&str]| bed.json(&[command, arguments].concat());
        let made = with(&["create", "web"]);
        let config = with(&["config"]);
        assert_eq!(made["backend"], config["backend"], "{value:?}");
        assert_eq!(made["backend"]["requested"], requested, "{value:?}");
        let why = made["backend"]["reason"].as_str().unwrap();
        assert!(
            !why.is_empty() && reason.is_none_or(|reason| reason == why),
            "{why}"
        );
        bed.set("SMOLVM_BACKEND", "");
        let info = bed.json(&["info", "web"]);
        assert_eq!(info["backend"], made["backend"]["resolved"]);
        let told = info["backend_reason"].as_str().unwrap();
        assert!(told.ends_with(why), "{told}");
        bed.run(&["rm", "web"]).ok();
    }
}

#[test]
fn firecracker_by_name_is_started_whatever_the_check_of_kvm_says_and_the_doubt_is_shown() {
    let bed = Bed::with_firecracker(&[]);
    let (works, detail) = kvm(&bed);
    let made = bed.run(&["create", "web", "--start"]).ok();
    assert_eq!(bed.phase("web"), "running");
    let info = bed.json(&["info", "web"]);
    assert_eq!(info["accel_doubted"] == true, !works, "{detail}");
    assert_eq!(
        made.stderr.contains("warning: kvm is doubtful"),
        !works,
        "{}",
        made.stderr
    );
    let ls = bed.run(&["ls"]).ok().stdout;
    assert_eq!(ls.contains("firecracker/kvm doubtful"), !works, "{ls}");
    let mut session = opened(&bed);
    session.send("1");
    let with = if works {
        "with kvm"
    } else {
        "with kvm, doubtful"
    };
    session.wait_for(&format!("firecracker {with}"));
    session.wait_for("SMOLVM_BACKEND says so");
    session.send("q");
    assert_eq!(session.exit_code(), 0);
    bed.run(&["rm", "web", "--force"]).ok();
}

#[test]
fn the_form_tells_at_once_what_another_backend_would_change() {
    let mut bed = Bed::with_firecracker(&[]);
    bed.set("SMOLVM_BACKEND", "qemu");
    let mut session = opened(&bed);
    session.send("n");
    session.wait_for("SMOLVM_BACKEND says so");
    session.send("\t\t");
    session.wait_for("‹ qemu ›");
    session.wait_for("none: the image's root file system is in memory");
    // To the left of `qemu` stands `firecracker`.
    session.send("\x1b[D");
    session.wait_for("‹ firecracker ›");
    session.wait_for("firecracker: --backend says so");
    session.wait_for("▸speed");
    session.wait_for("not in this version");
    session.send("\x1b[C");
    session.wait_for("qemu: SMOLVM_BACKEND says so");
    session.send([0x1b]);
    session.wait_without("▸speed");
    session.send("q");
    assert_eq!(session.exit_code(), 0);
}

#[test]
fn doctor_names_the_set_up_by_a_path_that_is_there() {
    let mut bed = Bed::bare();
    bed.set("FIRECRACKER_BIN", "/nowhere/firecracker");
    let report = bed
        .run(&["doctor", "--backend", "firecracker", "--json"])
        .json();
    let checks = report["data"]["checks"].as_array().unwrap();
    let found = checks
        .iter()
        .find(|it| it["name"] == "firecracker")
        .unwrap();
    assert_eq!(found["status"], "fail", "{found}");
    let fix = found["fix_command"].as_str().unwrap();
    let script = fix.split_whitespace().find(|word| word.starts_with('/'));
    assert!(std::path::Path::new(script.unwrap()).is_file(), "{fix}");
}
