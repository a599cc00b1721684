//! The serial line: what is typed, what is printed, and who answers.

use crate::support::{Bed, Session, Size};

#[test]
fn expect_matches_what_came_since_the_last_send_and_lines_are_lines() {
    let bed = Bed::with_web();
    bed.run(&["send", "web", "echo one $((1+1))\\n"]).ok();
    bed.run(&["expect", "web", "^one 2$", "--timeout", "30"])
        .ok();
    bed.run(&["send", "web", "echo three $((2+2))\\n"]).ok();
    bed.run(&["expect", "web", "^three 4$", "--timeout", "30"])
        .ok();
    bed.run(&["expect", "web", "^one 2$", "--timeout", "1"])
        .failed(1, &[]);
    bed.run(&[
        "expect",
        "web",
        "^one 2$",
        "--from",
        "boot",
        "--timeout",
        "1",
    ])
    .ok();
    let bad = bed.run(&["expect", "web", "(", "--timeout", "1"]);
    assert!([1, 2].contains(&bad.code), "{bad:#?}");
}

#[test]
fn the_screen_and_the_log_show_what_the_guest_printed_also_when_it_is_gone() {
    let bed = Bed::with_web();
    bed.run(&["send", "web", "echo $((6*7)) in total\\n"]).ok();
    bed.run(&["expect", "web", "^42 in total", "--timeout", "30"])
        .ok();
    for _ in ["alive", "dead"] {
        let screen = bed.run(&["screen", "web"]).ok();
        assert!(screen.stdout.contains("42 in total"), "{screen:#?}");
        let log = bed.run(&["logs", "web"]).ok();
        assert!(log.stdout.contains("Linux version"), "{log:#?}");
        assert!(!log.stdout.contains('\x1b'), "{log:#?}");
        bed.run(&["kill", "web"]).ok();
    }
}

#[test]
fn a_guest_that_asks_its_terminal_is_answered_though_nobody_looks() {
    let bed = Bed::with_web();
    let ask = "stty -icanon -echo; printf '\\x5c033[6n'; dd bs=1 count=6 2>/dev/null | od -An -c; stty sane\\n";
    bed.run(&["send", "web", ask]).ok();
    bed.run(&["expect", "web", r"033 +\[ +[0-9]", "--timeout", "30"])
        .ok();
}

#[test]
fn a_guest_that_prints_without_end_can_be_stopped_and_its_log_stays_small() {
    let bed = Bed::with_web();
    bed.run(&["send", "web", "while :; do dmesg; done\\n"]).ok();
    bed.run(&["expect", "web", "Linux version", "--timeout", "30"])
        .ok();
    bed.run(&["kill", "web"]).ok();
    let size = |log| std::fs::metadata(bed.vm("web").join(log)).map_or(0, |file| file.len());
    assert!(size("console.log") <= 4 << 20);
    assert!(size("console.log.1") <= 4 << 20);
}

#[test]
fn an_attached_terminal_types_into_the_guest_and_leaves_it_running() {
    let bed = Bed::with_web();
    let mut session = Session::program(&bed, Size(80, 24), &["console", "web"], &[]);
    session.send("\r");
    session.wait_for("#");
    session.send("echo $((6*7)) said the guest\r");
    session.wait_for("42 said the guest");
    session.send([0x1d]);
    assert_eq!(session.exit_code(), 0);
    assert_eq!(session.leftovers(), Vec::<&str>::new());
    assert_eq!(bed.phase("web"), "running");
}
