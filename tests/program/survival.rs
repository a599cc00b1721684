//! What becomes of a VM when something around it dies or is damaged.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{Bed, Process, wait_until};

fn state(bed: &Bed, name: &str) -> Value {
    let text = fs::read_to_string(bed.vm(name).join("state.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn write_state(bed: &Bed, name: &str, state: &Value) {
    fs::write(bed.vm(name).join("state.json"), state.to_string()).unwrap();
}

#[test]
fn a_vm_outlives_its_shim_and_the_next_command_takes_it_over() {
    let bed = Bed::with_web();
    let (vmm, shim) = (bed.vmm("web"), bed.shim("web"));
    shim.signal(Signal::SIGKILL);
    shim.gone();
    assert!(vmm.is_alive(), "the VMM died with its shim");

    bed.run(&["send", "web", "echo $((6*7))\\n"]).ok();
    bed.run(&["expect", "web", "^42", "--timeout", "30"]).ok();
    let row = bed.row("web");
    assert_eq!(row["phase"], "running", "{row:#}");
    assert_eq!(bed.vmm("web"), vmm, "another VMM");
    assert_ne!(bed.shim("web"), shim, "no new shim");

    bed.run(&["stop", "web"]).ok();
    assert_eq!(bed.phase("web"), "stopped");
    vmm.gone();
}

#[test]
fn what_the_guest_prints_while_no_shim_lives_is_in_the_log() {
    let bed = Bed::with_web();
    bed.run(&["send", "web", "sleep 2; echo said $((6*7)) meanwhile\\n"])
        .ok();
    // The echo says that the guest has the whole line: QEMU drops what it has not passed on when
    // its client hangs up.
    bed.run(&["expect", "web", "meanwhile", "--timeout", "30"])
        .ok();
    let shim = bed.shim("web");
    shim.signal(Signal::SIGKILL);
    shim.gone();
    wait_until("the guest to print", || {
        let logs = ["console.log", "gap.log"].map(|log| {
            let bytes = fs::read(bed.vm("web").join(log)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).contains("said 42 meanwhile")
        });
        logs.contains(&true)
    });
    bed.run(&[
        "expect",
        "web",
        "said 42 meanwhile",
        "--from",
        "boot",
        "--timeout",
        "30",
    ])
    .ok();
    let logs = bed.run(&["logs", "web"]).ok();
    assert!(logs.stdout.contains("said 42 meanwhile"), "{logs:#?}");
}

#[test]
fn a_torn_state_does_not_hide_a_vm_that_lives() {
    let bed = Bed::with_web();
    let (vmm, shim) = (bed.vmm("web"), bed.shim("web"));
    let before = bed.json(&["info", "web"]);
    let file = bed.vm("web").join("state.json");

    fs::write(&file, "{\"version\": 1, \"pha").unwrap();
    let row = bed.row("web");
    assert_eq!(row["phase"], "running", "{row:#}");
    assert!(row["error"].is_null(), "its shim writes it anew: {row:#}");
    assert_eq!(bed.shim("web"), shim, "another shim");

    shim.signal(Signal::SIGKILL);
    shim.gone();
    fs::write(&file, "").unwrap();
    bed.run(&["start", "web"]).ok();
    assert_eq!(bed.vmm("web"), vmm, "a second VMM");
    let after = bed.json(&["info", "web"]);
    for known in ["argv", "boots", "accel", "ready", "last_boot_ms", "error"] {
        assert_eq!(after[known], before[known], "{known}");
    }
    bed.run(&["send", "web", "echo $((6*7))\\n"]).ok();
    bed.run(&["expect", "web", "^42", "--timeout", "30"]).ok();
    bed.run(&["restart", "web", "--wait", "--timeout", "90"])
        .ok();
    let boots = bed.json(&["boots", "web"]);
    assert_eq!(boots["boots"][1]["id"], 2, "{boots:#}");
    bed.run(&["stop", "web"]).ok();
    assert_eq!(bed.phase("web"), "stopped");
}

#[test]
fn a_killed_vmm_is_crashed_with_its_signal_and_starts_again() {
    let bed = Bed::with_web();
    let vmm = bed.vmm("web");
    vmm.signal(Signal::SIGKILL);
    wait_until("the crash to be written down", || {
        bed.phase("web") != "running"
    });
    let row = bed.row("web");
    assert_eq!(row["phase"], "crashed", "{row:#}");
    assert_eq!(row["exit"]["reason"], "signal", "{row:#}");
    assert_eq!(row["exit"]["signal"], 9, "{row:#}");
    assert!(row["pid"].is_null(), "{row:#}");
    bed.run(&["start", "web", "--wait", "--timeout", "90"]).ok();
    assert_eq!(bed.phase("web"), "running");
}

#[test]
fn a_killed_client_harms_no_vm() {
    let bed = Bed::with_web();
    let mut client = bed
        .command(&["expect", "web", "never comes", "--timeout", "60"])
        .spawn()
        .unwrap();
    client.kill().unwrap();
    client.wait().unwrap();
    bed.run(&["send", "web", "echo $((6*7))\\n"]).ok();
    bed.run(&["expect", "web", "^42", "--timeout", "30"]).ok();
}

#[test]
fn a_vm_of_before_the_hosts_reboot_is_crashed_and_its_old_pids_are_left_alone() {
    let bed = Bed::with_web();
    let running = state(&bed, "web");
    bed.run(&["kill", "web"]).ok();

    // A pid that another process has by now: this very test.
    let mut reused = running.clone();
    for who in ["vmm", "shim"] {
        reused[who]["pid"] = json!(std::process::id());
    }
    write_state(&bed, "web", &reused);
    let row = bed.row("web");
    assert_eq!(row["phase"], "crashed", "{row:#}");
    bed.run(&["kill", "web"]).ok();
    assert!(Process(std::process::id().cast_signed()).is_alive());

    let mut rebooted = running;
    rebooted["host_boot"] = json!("00000000-0000-0000-0000-000000000000");
    write_state(&bed, "web", &rebooted);
    let row = bed.row("web");
    assert_eq!(row["phase"], "crashed", "{row:#}");
    assert_eq!(row["exit"]["reason"], "host_reboot", "{row:#}");
    bed.run(&["start", "web", "--wait", "--timeout", "90"]).ok();
}

#[test]
fn a_damaged_vm_is_told_on_its_row_and_harms_no_other() {
    let bed = Bed::new();
    for name in ["good", "torn", "future", "hollow"] {
        bed.run(&["create", name]).ok();
    }
    fs::write(bed.vm("torn").join("state.json"), "{\"version\": 1, \"pha").unwrap();
    fs::write(bed.vm("future").join("spec.toml"), "version = 99\n").unwrap();
    fs::remove_file(bed.vm("hollow").join("spec.toml")).unwrap();

    let rows = bed.rows();
    assert_eq!(rows.len(), 4, "{rows:#?}");
    for name in ["torn", "future", "hollow"] {
        let row = bed.row(name);
        assert!(!row["error"].is_null(), "{row:#}");
    }
    assert!(bed.row("future")["error"].to_string().contains("99"));
    assert!(bed.row("good")["error"].is_null());

    bed.run(&["start", "future"]).failed(1, &["future"]);
    bed.run(&["start", "good"]).ok();
    assert_eq!(bed.phase("good"), "running");
    bed.run(&["kill", "good"]).ok();
    bed.run(&["rm", "torn", "future", "hollow", "--force"]).ok();
    assert_eq!(bed.rows().len(), 1);
}

#[test]
fn a_start_whose_vmm_dies_at_once_tells_its_last_words_and_can_be_tried_again() {
    let bed = Bed::new();
    bed.run(&["create", "web"]).ok();
    let broken = bed.home().join("qemu-broken");
    fs::write(
        &broken,
        "#!/bin/sh\ncase \"$*\" in *-version*) exec qemu-system-x86_64 \"$@\";; esac\n\
         echo 'qemu: no luck today' >&2\nexit 3\n",
    )
    .unwrap();
    use_as_program(&broken);
    let start = ["start", "web"];
    let mut command = bed.command(&start);
    command.env("QEMU_BIN", &broken);
    Bed::answer(command, &start).failed(1, &["no luck today"]);
    let row = bed.row("web");
    assert_eq!(row["phase"], "crashed", "{row:#}");
    bed.run(&["start", "web", "--wait", "--timeout", "90"]).ok();
}

fn use_as_program(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
