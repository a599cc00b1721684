//! What a shim's death, or a client's, leaves to the next one.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Bed, Session, Size, wait_until};

/// Ends the VM's shim, so that the next command starts another one.
fn orphan(bed: &Bed, name: &str) {
    let shim = bed.shim(name);
    shim.signal(Signal::SIGKILL);
    shim.gone();
}

fn exit_of(bed: &Bed, name: &str) -> Value {
    bed.row(name)["exit"].clone()
}

#[test]
fn an_adopted_vm_ends_with_the_vmms_own_reason_and_an_unseen_one_with_none() {
    let bed = Bed::with_web();
    orphan(&bed, "web");
    bed.run(&["send", "web", "poweroff -f\\n"]).ok();
    wait_until("the guest to power off", || bed.phase("web") != "running");
    let exit = exit_of(&bed, "web");
    assert_eq!(exit["reason"], "guest_shutdown", "{exit:#}");
    // Nobody who could reap it was its parent.
    assert!(exit["code"].is_null() && exit["signal"].is_null());
    assert_eq!(bed.phase("web"), "stopped");

    bed.run(&["start", "web", "--wait", "--timeout", "90"]).ok();
    orphan(&bed, "web");
    bed.run(&["send", "web", "echo here\\n"]).ok();
    bed.vmm("web").signal(Signal::SIGKILL);
    wait_until("the crash", || bed.phase("web") == "crashed");
    let exit = exit_of(&bed, "web");
    assert_eq!(exit["reason"], "unknown", "{exit:#}");
    assert!(exit["code"].is_null() && exit["signal"].is_null());
}

#[test]
fn a_stop_whose_shim_dies_over_it_is_asked_of_the_next_one() {
    let bed = Bed::with_web();
    let (vmm, shim) = (bed.vmm("web"), bed.shim("web"));
    // A VMM that does not answer, so that the stop is under way when its shim dies.
    vmm.signal(Signal::SIGSTOP);
    let stop = ["stop", "web", "--timeout", "60", "--json"];
    let mut command = bed.command(&stop);
    let client = command.stdout(Stdio::piped()).spawn().unwrap();
    wait_until("the stop to begin", || bed.phase("web") == "stopping");
    shim.signal(Signal::SIGKILL);
    wait_until("another shim", || {
        let lock = fs::read_to_string(bed.vm("web").join("lock")).unwrap_or_default();
        let holder = lock.split_whitespace().next();
        holder.is_some_and(|pid| pid != shim.0.to_string())
    });
    vmm.signal(Signal::SIGCONT);
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    vmm.gone();
    // Stopped, unless the guest was done before the new shim could see it.
    let row = bed.row("web");
    let unseen = row["exit"]["reason"] == "unknown";
    assert!(row["phase"] == "stopped" || unseen, "{row:#}");
}

#[test]
fn a_killed_vmm_is_told_within_a_second() {
    let bed = Bed::with_web();
    let vmm = bed.vmm("web");
    let state = bed.vm("web").join("state.json");
    let begun = Instant::now();
    vmm.signal(Signal::SIGKILL);
    wait_until("the crash to be written down", || {
        fs::read_to_string(&state).is_ok_and(|text| text.contains("\"crashed\""))
    });
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// How many clients are connected to the shim of the bed's one VM: its ends of connections carry the
/// path of its socket (`proc_net(5)`, `unix`; state 3 is connected).
fn clients(bed: &Bed) -> usize {
    let sockets = fs::read_to_string("/proc/net/unix").unwrap();
    let run = bed.data().join("run").display().to_string();
    sockets
        .lines()
        .filter(|line| line.contains(&run) && line.ends_with("/shim.sock"))
        .filter(|line| line.split_whitespace().nth(5) == Some("03"))
        .count()
}

#[test]
fn clients_that_are_killed_leave_vm_and_shim_as_they_were() {
    let bed = Bed::with_web();
    let (vmm, shim) = (bed.vmm("web"), bed.shim("web"));
    let long: [&[&str]; 2] = [
        &["expect", "web", "never comes", "--timeout", "60"],
        &["logs", "web", "-f"],
    ];
    let mut killed: Vec<_> = long
        .iter()
        .map(|arguments| {
            bed.command(arguments)
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    let console = Session::program(&bed, Size(80, 24), &["console", "web"], &[]);
    wait_until("all to be connected", || clients(&bed) == 3);
    // They are killed while the guest prints to them.
    bed.run(&["send", "web", "seq 1 200000; echo $((6*7))\\n"])
        .ok();
    for client in &mut killed {
        client.kill().unwrap();
        client.wait().unwrap();
    }
    console.process().signal(Signal::SIGKILL);
    wait_until("the shim to be alone again", || clients(&bed) == 0);
    bed.run(&["expect", "web", "^42", "--timeout", "60"]).ok();
    assert_eq!((bed.vmm("web"), bed.shim("web")), (vmm, shim));
}
