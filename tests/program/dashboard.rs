//! The dashboard in a terminal, from the first start to the last VM.

use crate::support::{Bed, Session, Size, wait_until};

/// `ctrl-]`, which leaves the console.
const LEAVE: [u8; 1] = [0x1d];
const ESCAPE: [u8; 1] = [0x1b];

/// Opens the dashboard and closes the doctor's panel that a first start shows.
fn opened(bed: &Bed, size: Size) -> Session {
    let mut session = Session::dashboard(bed, size);
    session.wait_for("what works on this host");
    session.send(ESCAPE);
    session.wait_without("what works on this host");
    session
}

fn quit(mut session: Session) {
    session.send("q");
    assert_eq!(session.exit_code(), 0);
    assert_eq!(session.leftovers(), Vec::<&str>::new());
}

/// The whole story: form, boot, console, quit, come back, stop, delete.
fn a_vm_lives_its_life(size: Size) {
    let bed = Bed::new();
    let mut session = opened(&bed, size);

    session.send("n");
    session.wait_for("Name");
    session.send("web\r");
    wait_until("the VM to be made", || !bed.rows().is_empty());
    session.wait_for_line(&["web", "running"]);

    session.send("3");
    session.wait_for("ready");
    wait_until("the guest to be ready", || bed.row("web")["ready"] == true);

    session.send("\r");
    session.send("echo $((6*7)) said the guest\r");
    session.wait_for("42 said the guest");
    session.send(LEAVE);

    quit(session);
    assert_eq!(
        bed.phase("web"),
        "running",
        "the VM ended with the dashboard"
    );

    let mut session = Session::dashboard(&bed, size);
    session.wait_for_line(&["web", "running"]);
    session.send("2");
    session.wait_for("42 said the guest");
    session.send("s");
    session.wait_for_line(&["web", "stopped"]);
    session.send("d");
    session.wait_for("Delete");
    session.send("y");
    session.wait_without("web");
    assert_eq!(bed.rows().len(), 0);
    quit(session);
}

#[test]
fn a_vm_lives_its_life_on_a_small_terminal() {
    a_vm_lives_its_life(Size(80, 24));
}

#[test]
fn a_vm_lives_its_life_on_a_large_terminal() {
    a_vm_lives_its_life(Size(200, 50));
}

#[test]
fn the_first_start_shows_the_doctor_and_the_next_does_not() {
    let bed = Bed::new();
    let session = opened(&bed, Size(100, 30));
    quit(session);
    let mut session = Session::dashboard(&bed, Size(100, 30));
    session.wait_for("smolvm");
    session.wait_without("what works on this host");
    session.send("D");
    session.wait_for("what works on this host");
    session.wait_for("QEMU");
    session.send(ESCAPE);
    session.wait_without("what works on this host");
    quit(session);
}

#[test]
fn what_the_command_line_does_shows_in_an_open_dashboard() {
    let bed = Bed::new();
    let session = opened(&bed, Size(120, 32));
    bed.run(&["create", "other", "--wait", "--timeout", "90"])
        .ok();
    session.wait_for_line(&["other", "running"]);
    bed.vmm("other").signal(nix::sys::signal::Signal::SIGKILL);
    session.wait_for_line(&["other", "crashed"]);
    bed.run(&["rm", "other"]).ok();
    session.wait_without("other");
    quit(session);
}

#[test]
fn a_killed_dashboard_harms_no_vm() {
    let bed = Bed::with_web();
    let mut session = opened(&bed, Size(80, 24));
    session.wait_for_line(&["web", "running"]);
    session.process().signal(nix::sys::signal::Signal::SIGKILL);
    session.exit_code();
    bed.run(&["send", "web", "echo $((6*7))\\n"]).ok();
    bed.run(&["expect", "web", "^42", "--timeout", "30"]).ok();
}

#[test]
fn the_form_says_what_is_wrong_while_one_types() {
    let bed = Bed::new();
    let mut session = opened(&bed, Size(100, 30));
    session.send("n");
    session.wait_for("Name");
    session.send("No Good!");
    // What comes with an escape in one read would be a key with alt.
    session.wait_for("only a-z");
    session.send("\r");
    session.wait_for("No Good!");
    session.send(ESCAPE);
    session.wait_without("No Good!");
    assert_eq!(bed.rows().len(), 0);
    quit(session);
}
