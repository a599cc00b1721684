//! A VM from `create` to `rm`, with a real guest in it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::Value;

use crate::support::{BOOT_PHASES, Bed, json_of, wait_until};

/// A port of the loopback address that is free now.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// What a web server on the loopback address answers, or nothing.
fn fetch(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let patience = Some(std::time::Duration::from_secs(5));
    stream.set_read_timeout(patience).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn a_vm_boots_answers_stops_boots_again_and_leaves_nothing_behind() {
    let bed = Bed::with_web();

    let row = bed.row("web");
    assert_eq!(row["phase"], "running", "{row:#}");
    assert_eq!(row["backend"], "qemu", "{row:#}");
    assert_eq!(row["ready"], true, "{row:#}");
    assert_eq!(row["cpus"], 1, "{row:#}");
    assert_eq!(row["mem_size_mib"], 256, "{row:#}");
    assert!(row["rss_bytes"].as_u64().unwrap() > 10 << 20, "{row:#}");
    assert!(row["cpu_percent"].as_f64().unwrap() > 0.0, "{row:#}");
    assert!(row["uptime_ms"].as_u64().unwrap() > 0, "{row:#}");
    assert!(row["last_boot_ms"].as_u64().unwrap() > 0, "{row:#}");
    assert!(row["exit"].is_null() && row["error"].is_null(), "{row:#}");

    bed.run(&["send", "web", "echo $((6*7))\\n"]).ok();
    bed.run(&["expect", "web", "^42", "--timeout", "30"]).ok();

    let vmm = bed.vmm("web");
    bed.run(&["stop", "web"]).ok();
    assert_eq!(bed.phase("web"), "stopped");
    vmm.gone();

    bed.run(&["start", "web", "--wait", "--timeout", "90"]).ok();
    assert_eq!(bed.phase("web"), "running");
    bed.run(&["rm", "web"]).failed(1, &["--force"]);
    bed.run(&["rm", "web", "--force"]).ok();
    assert_eq!(bed.rows(), Vec::<Value>::new());
    assert!(!bed.vm("web").exists());
    wait_until("every process of the bed to end", || {
        bed.processes().is_empty()
    });
}

#[test]
fn a_boot_has_every_phase_in_order_and_a_restart_makes_another_boot() {
    let bed = Bed::with_web();
    bed.run(&["restart", "web", "--wait", "--timeout", "90"])
        .ok();

    let data = bed.json(&["boots", "web"]);
    let boots = data["boots"].as_array().unwrap();
    assert_eq!(boots.len(), 2, "{data:#}");
    assert_ne!(boots[0]["id"], boots[1]["id"], "{data:#}");
    for boot in boots {
        assert_eq!(boot["result"], "ready", "{boot:#}");
        let phases = boot["phases"].as_object().unwrap();
        assert_eq!(phases.len(), BOOT_PHASES.len(), "none invented: {boot:#}");
        let offsets = BOOT_PHASES.map(|phase| {
            let offset = phases.get(phase).and_then(Value::as_u64);
            offset.unwrap_or_else(|| panic!("no {phase} in {boot:#}"))
        });
        assert_eq!(offsets[0], 0, "{boot:#}");
        assert!(offsets.is_sorted(), "{boot:#}");
    }
}

#[test]
fn info_tells_the_very_command_line_that_runs() {
    let bed = Bed::with_web();
    let info = bed.json(&["info", "web"]);
    let argv: Vec<&str> = info["argv"]
        .as_array()
        .unwrap_or_else(|| panic!("no argv in {info:#}"))
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();
    assert_eq!(
        argv.join(" "),
        bed.vmm("web").command_line().trim_end(),
        "told against running"
    );
    for key in ["spec", "paths", "boots"] {
        assert!(!info[key].is_null(), "no {key} in {info:#}");
    }
}

#[test]
fn a_published_port_reaches_a_server_in_the_guest() {
    let bed = Bed::new();
    let port = free_port();
    let publish = format!("{port}:80");
    bed.run(&[
        "create",
        "web",
        "--publish",
        &publish,
        "--wait",
        "--timeout",
        "90",
    ])
    .ok();
    let serve =
        "mkdir -p /tmp/www; echo all is well > /tmp/www/it; httpd -p 80 -h /tmp/www; echo up=$?\\n";
    bed.run(&["send", "web", serve]).ok();
    bed.run(&["expect", "web", "^up=0", "--timeout", "30"]).ok();
    wait_until("the guest's web server", || {
        fetch(port, "/it").is_some_and(|answer| answer.contains("all is well"))
    });
}

#[test]
fn a_paused_vm_does_nothing_until_it_is_resumed() {
    let bed = Bed::with_web();
    bed.run(&["pause", "web"]).ok();
    assert_eq!(bed.phase("web"), "paused");
    bed.run(&["start", "web"]).failed(1, &["resume"]);
    bed.run(&["send", "web", "echo $((6*7))\\n"]).ok();
    bed.run(&["expect", "web", "^42", "--timeout", "1"])
        .failed(1, &[]);
    bed.run(&["resume", "web"]).ok();
    assert_eq!(bed.phase("web"), "running");
    bed.run(&["expect", "web", "^42", "--timeout", "30"]).ok();
}

#[test]
fn what_is_done_already_is_no_failure() {
    let bed = Bed::with_web();
    let vmm = bed.vmm("web");
    bed.run(&["start", "web"]).ok();
    assert_eq!(bed.vmm("web"), vmm, "started a second time");
    bed.run(&["kill", "web"]).ok();
    assert_eq!(bed.phase("web"), "stopped");
    for done in ["stop", "kill"] {
        bed.run(&[done, "web"]).ok();
    }
}

#[test]
fn a_guest_that_powers_itself_off_is_stopped_and_not_crashed() {
    let bed = Bed::with_web();
    bed.run(&["send", "web", "poweroff -f\\n"]).ok();
    wait_until("the guest to power off", || bed.phase("web") != "running");
    let row = bed.row("web");
    assert_eq!(row["phase"], "stopped", "{row:#}");
    assert_eq!(row["exit"]["reason"], "guest_shutdown", "{row:#}");
}

#[test]
fn several_names_get_one_result_each() {
    let bed = Bed::new();
    for name in ["one", "two"] {
        bed.run(&["create", name]).ok();
    }
    let answer = bed.run(&["start", "one", "nobody", "two", "--json"]);
    assert_eq!(answer.code, 1);
    assert!(answer.stdout.contains("nobody"), "{answer:#?}");
    json_of(&answer);
    assert_eq!(bed.phase("one"), "running");
    assert_eq!(bed.phase("two"), "running");
    bed.run(&["kill", "one", "two"]).ok();
}

#[test]
fn two_starts_at_once_make_one_vmm() {
    let bed = Bed::new();
    bed.run(&["create", "web"]).ok();
    let codes: Vec<_> = thread::scope(|scope| {
        let starts: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| bed.run(&["start", "web", "--json"])))
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    for answer in &codes {
        let busy = answer.code == 1 && answer.json()["error"]["code"] == "busy";
        assert!(answer.code == 0 || busy, "{answer:#?}");
    }
    assert!(codes.iter().any(|answer| answer.code == 0), "{codes:#?}");
    let vmms = bed.processes();
    let vmms = vmms
        .iter()
        .filter(|process| process.command_line().contains("qemu-system"));
    assert_eq!(vmms.count(), 1);
}

#[test]
fn several_vms_boot_side_by_side() {
    let bed = Bed::new();
    thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            scope.spawn(|| bed.run(&["create", name, "--wait", "--timeout", "90"]).ok());
        }
    });
    let rows = bed.rows();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row["ready"] == true), "{rows:#?}");
}

#[test]
fn waiting_ends_at_its_deadline_and_leaves_the_vm_as_it_is() {
    let bed = Bed::new();
    // This guest has a shell and no agent, so it never says that it is ready.
    let arguments = "console=ttyS0 rdinit=/bin/sh";
    bed.run(&[
        "create",
        "web",
        "--boot-args",
        arguments,
        "--wait",
        "--timeout",
        "2",
    ])
    .failed(1, &["web"]);
    let row = bed.row("web");
    assert_eq!(row["phase"], "running", "{row:#}");
    assert_eq!(row["ready"], false, "{row:#}");
    // Waiting is no operation: nothing is in the way of this.
    bed.run(&["kill", "web"]).ok();
}

#[test]
fn the_doctor_names_the_platform_and_an_accelerator_that_works() {
    let bed = Bed::new();
    let answer = bed.run(&["doctor", "--backend", "qemu", "--json"]);
    let data = json_of(&answer);
    assert_eq!(data["backend_requested"], "qemu", "{data:#}");
    assert_eq!(data["backend_resolved"], "qemu", "{data:#}");
    let failures = data["summary"]["failures"].as_u64();
    let checks = data["checks"].as_array().unwrap();
    let failed = checks.iter().filter(|check| check["status"] == "fail");
    assert_eq!(failures, u64::try_from(failed.count()).ok(), "{data:#}");
    assert_eq!(answer.code == 0, failures == Some(0), "{data:#}");
    let text = bed.run(&["doctor", "--backend", "qemu"]);
    assert!(text.stdout.contains("Backend: qemu"), "{text:#?}");
}

#[test]
fn a_panic_of_the_guests_kernel_is_a_crash_with_its_reason() {
    let bed = Bed::with_web();
    // The device that tells the host is driven only after *ready*.
    let panic =
        "until grep -q pvpanic_pci /proc/modules; do :; done; echo c >/proc/sysrq-trigger\\n";
    bed.run(&["send", "web", panic]).ok();
    wait_until("the VM to crash", || bed.phase("web") == "crashed");
    let row = bed.row("web");
    assert_eq!(row["exit"]["reason"], "guest_panic", "{row:#}");
}

#[test]
fn a_kernel_and_an_initrd_given_by_hand_boot_without_any_image() {
    let images = Bed::new();
    let listed = images.json(&["image", "ls"]);
    let dir = listed["images"][0]["dir"].as_str().unwrap().to_owned();
    let bed = Bed::bare();
    let (kernel, initrd) = (format!("{dir}/vmlinuz"), format!("{dir}/initramfs.cpio"));
    let own = ["--kernel", &kernel, "--initrd", &initrd];
    // To the letter, its blanks too; the agent is found in the initrd and says ready.
    let words = "console=ttyS0 panic=-1  reboot=t cryptomgr.notests note=\"a b\"";
    let create = [
        "create",
        "web",
        "--boot-args",
        words,
        "--wait",
        "--timeout",
        "90",
    ];
    bed.run(&[&create[..], &own].concat()).ok();
    bed.run(&["send", "web", "cat /proc/cmdline\\n"]).ok();
    let pattern = format!("^{words}$");
    bed.run(&["expect", "web", &pattern, "--timeout", "30"])
        .ok();
    let boots = bed.json(&["boots", "web"]);
    let stages = boots["boots"][0]["guest_stages"].as_object().unwrap();
    assert!(stages.contains_key("shell"), "{stages:?}");
    bed.run(&["rm", "web", "--force"]).ok();
    let text = bed.home().join("notes.txt");
    std::fs::write(&text, "no initrd at all").unwrap();
    let text = text.to_str().unwrap();
    bed.run(&["create", "web", "--kernel", &kernel, "--initrd", text])
        .failed(1, &["notes.txt", "it is text", "cpio"]);
}
