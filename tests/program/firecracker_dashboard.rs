//! VMs on Firecracker in the dashboard; Firecracker is played by the scripted one, without network.

use nix::sys::signal::Signal;

use crate::support::{Bed, Session, Size, wait_until};

/// `ctrl-]`, which leaves the console.
const LEAVE: [u8; 1] = [0x1d];
const ESCAPE: [u8; 1] = [0x1b];
const RIGHT: &str = "\x1b[C";
/// The smallest terminal that everything is made for.
const SMALL: Size = Size(80, 24);

fn opened(bed: &Bed) -> Session {
    // The form shall not know already what is asked for.
    let mut session = Session::program(bed, SMALL, &[], &[("SMOLVM_BACKEND", "auto")]);
    session.wait_for("what works on this host");
    session.send(ESCAPE);
    session.wait_without("what works on this host");
    session
}

/// What the guest is told to do on its console, from the list of VMs and back.
fn tell(session: &mut Session, line: &str) {
    session.send("\r");
    session.wait_for("leave");
    session.wait_for("/ # ");
    session.send(format!("{line}\r"));
}

#[test]
fn a_vm_on_firecracker_lives_every_part_of_its_life_by_keys() {
    let bed = Bed::with_firecracker(&[]);
    let mut session = opened(&bed);
    session.send("n");
    session.wait_for("Name");
    session.send("web\t\t");
    session.send(RIGHT);
    session.wait_for_line(&["Backend", "firecracker"]);
    session.send("\r");
    session.wait_for_line(&["web", "running", "firecracker/kvm"]);
    wait_until("the guest to be ready", || bed.row("web")["ready"] == true);
    assert_eq!(bed.row("web")["backend"], "firecracker");

    tell(&mut session, "echo $((6*7)) said the guest");
    session.wait_for("42 said the guest");
    session.send(LEAVE);
    session.send("p");
    session.wait_for_line(&["web", "paused"]);
    // Who would be asked for its figures stands still, and answers.
    session.send("6");
    session.wait_for_line(&["Exits", "in all"]);
    session.send("p");
    session.wait_for_line(&["web", "running"]);
    session.send("s");
    session.wait_for_line(&["web", "stopped on request"]);

    start(&mut session);
    session.wait_for_line(&["web", "running"]);
    session.send("K");
    session.wait_for("kill it");
    session.send("y");
    session.wait_for_line(&["web", "killed"]);

    for (word, phase, end) in [
        ("exit 148", "crashed", "seccomp"),
        ("reboot", "stopped", "the guest rebooted"),
        ("fault", "crashed", "KVM_EXIT_INTERNAL_ERROR"),
    ] {
        start(&mut session);
        session.wait_for_line(&["web", "running"]);
        wait_until("the guest to be ready", || bed.row("web")["ready"] == true);
        tell(&mut session, word);
        // The console ends with the VM, and leaves the keys to the list.
        session.wait_for_line(&["web", phase]);
        session.send("1");
        session.wait_for(end);
    }
    session.send("d");
    session.wait_for("Delete");
    session.send("y");
    wait_until("the VM to be gone", || bed.rows().is_empty());
    session.send("q");
    assert_eq!(session.exit_code(), 0);
}

/// Starts the VM, once what was under way with it is over.
fn start(session: &mut Session) {
    session.wait_for("s start");
    session.send("s");
}

#[test]
fn a_console_goes_on_when_its_shim_is_killed() {
    let bed = Bed::with_firecracker(&[]);
    bed.run(&["create", "web", "--wait"]).ok();
    let (vmm, shim) = (bed.vmm("web"), bed.shim("web"));
    let mut session = opened(&bed);
    tell(&mut session, "echo $((6*7)) said the guest");
    session.wait_for("42 said the guest");
    shim.signal(Signal::SIGKILL);
    shim.gone();
    wait_until("another shim to look after it", || bed.shim("web") != shim);
    // Once this is seen the dashboard hears the new shim.
    bed.run(&["send", "web", "echo $((6*6)) from outside\\n"])
        .ok();
    session.wait_for("36 from outside");
    session.send(LEAVE);
    tell(&mut session, "echo $((7*7)) it said again");
    session.wait_for("49 it said again");
    assert_eq!(bed.vmm("web"), vmm);
    session.send(LEAVE);
    session.send("6");
    // With what was counted under the shim before.
    session.wait_for_line(&["Exits", "in all"]);
    session.wait_without("Counted since");
    session.send("s");
    session.wait_for_line(&["web", "stopped on request"]);
}

#[test]
fn what_the_vmm_counts_is_shown_as_it_happens_and_only_while_it_is_seen() {
    let bed = Bed::with_firecracker(&[]);
    bed.run(&["create", "web", "--wait"]).ok();
    let mut session = opened(&bed);
    session.send("6");
    session.wait_for_line(&["Exits", "0/s", "in all"]);
    session.wait_for_line(&["vCPU 0", "in the host's kernel"]);
    session.wait_for_line(&["Balloon", "holds 0 MiB", "100 MiB are free"]);
    // The bed's VM has neither.
    session.wait_for_line(&["Disk", "–"]);
    session.wait_for_line(&["Net", "–"]);
    bed.run(&["send", "web", "flood 400\\n"]).ok();
    session.wait_for_line(&["out", "KiB/s", "KiB in all"]);
    let info = bed.run(&["info", "web"]).ok().stdout;
    assert!(
        info.contains("io_out ") && info.contains("balloon "),
        "{info}"
    );
    session.send("1");
    session.wait_for("Backend");
}

#[test]
fn what_firecracker_refuses_is_read_with_the_call_on_the_smallest_terminal() {
    let mut bed = Bed::with_firecracker(&[]);
    bed.run(&["create", "web"]).ok();
    bed.script_firecracker(&[(
        "FAULT",
        "PUT /boot-source=The kernel file cannot be opened: no such luck",
    )]);
    let mut session = opened(&bed);
    session.send("s");
    session.wait_for("PUT /boot-source");
    session.wait_for("no such luck");
    session.wait_for_line(&["web", "crashed"]);
    session.send("m");
    session.wait_for("Messages");
    session.wait_for("no such luck");
}

#[test]
fn the_spec_shows_what_would_be_called_and_then_what_was() {
    let bed = Bed::with_firecracker(&[("VERSION", "1.7.0")]);
    bed.run(&["create", "web", "--memory", "192"]).ok();
    let mut session = opened(&bed);
    session.send("5");
    session.wait_for("started now it would be");
    session.wait_for_line(&["PUT /machine-config", "192"]);
    session.send("z");
    session.wait_for("PUT /balloon");
    // The program was asked for its version: this one does not know it.
    session.wait_without("free_page_reporting");
    let planned = bed.json(&["info", "web"]);
    session.send("s");
    session.wait_without("would be");
    session.wait_for_line(&["PUT /machine-config", "192"]);
    let called = bed.json(&["info", "web"]);
    for key in ["argv", "api_calls"] {
        assert_eq!(planned[key], called[key]);
    }
}

#[test]
fn a_guest_that_says_nothing_is_told_everywhere_with_the_likely_cause() {
    let bed = Bed::with_firecracker(&[("GUEST", "silent")]);
    bed.run(&["create", "web", "--start"]).ok();
    let mut session = opened(&bed);
    session.wait_for_line(&["web", "running", "firecracker/kvm"]);
    session.wait_for_line(&["running, silent", "web"]);
    session.wait_for("KVM is probably");
    let row = bed.row("web");
    assert_eq!(row["phase"], "running");
    assert!(row["silent_ms"].as_u64() >= Some(5000), "{row:#}");
    assert_eq!(row["silent_cause"], "emulated_kvm", "{row:#}");
    let list = bed.run(&["ls"]).ok().stdout;
    assert!(
        list.contains("running, silent") && list.contains("KVM is probably emulated"),
        "{list}"
    );
    session.send("K");
    session.wait_for("kill it");
    session.send("y");
    session.wait_for_line(&["web", "killed"]);
    session.wait_without("silent");
}
