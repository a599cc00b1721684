//! How the dashboard treats the terminal that it was lent, and the machine while nothing happens.

use nix::sys::signal::Signal;
use portable_pty::CommandBuilder;

use crate::support::{Bed, Session, Size};

fn opened(bed: &Bed, size: Size) -> Session {
    let session = Session::dashboard(bed, size);
    session.wait_for("smolvm");
    session
}

#[test]
fn the_harness_sees_what_a_careless_program_leaves_behind() {
    let mut command = CommandBuilder::new("sh");
    let careless =
        r"printf '\033[?1049h\033[?25l\033[?2004h\033[?1000hgone'; stty raw -echo; exit 3";
    command.args(["-c", careless]);
    let mut session = Session::spawn(command, Size(80, 24));
    assert_eq!(session.exit_code(), 3);
    assert_eq!(
        session.leftovers(),
        [
            "the alternate screen",
            "a hidden cursor",
            "bracketed paste",
            "mouse reports",
            "no canonical input",
            "no echo"
        ]
    );
}

#[test]
fn a_signal_that_ends_the_dashboard_gives_the_terminal_back() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let bed = Bed::bare();
        let mut session = opened(&bed, Size(80, 24));
        session.process().signal(signal);
        session.exit_code();
        assert_eq!(session.leftovers(), Vec::<&str>::new(), "after {signal}");
    }
}

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_again() {
    let bed = Bed::bare();
    let mut command = CommandBuilder::new("bash");
    command.args(["--norc", "--noprofile", "-i"]);
    command.env_clear();
    command.cwd(bed.home());
    for (key, value) in bed.environment() {
        command.env(key, value);
    }
    command.env("PS1", "prompt> ");
    let mut session = Session::spawn(command, Size(80, 24));
    session.wait_for("prompt>");
    session.send(format!("{}\r", env!("CARGO_BIN_EXE_smolvm-tui")));
    session.wait("the dashboard", vt100::Screen::alternate_screen);
    session.wait_for("what works on this host");
    session.send([0x1a]);
    session.wait("the shell's screen", |screen| {
        !screen.alternate_screen() && screen.contents().contains("Stopped")
    });
    session.send("echo $((6*7)) again\r");
    session.wait_for("42 again");
    session.send("fg\r");
    session.wait("the dashboard again", |screen| {
        screen.alternate_screen() && screen.contents().contains("what works on this host")
    });
    session.send("\x1b");
    session.wait_without("what works on this host");
    session.send("q");
    session.wait("the shell's screen", |screen| !screen.alternate_screen());
    session.send("exit\r");
    session.exit_code();
}

#[test]
fn no_color_means_no_colour() {
    let bed = Bed::bare();
    let mut session = Session::program(&bed, Size(80, 24), &[], &[("NO_COLOR", "1")]);
    session.wait_for("what works on this host");
    session.send("\x1b");
    session.wait_without("what works on this host");
    session.send("q");
    session.exit_code();
    let raw = String::from_utf8_lossy(&session.raw()).into_owned();
    let colour = regex::Regex::new(
        r"\x1b\[(?:[0-9;:]*[;:])?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:[;:][0-9;:]*)?m",
    );
    let found: Vec<_> = colour
        .unwrap()
        .find_iter(&raw)
        .map(|m| m.as_str().escape_debug().to_string())
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_terminal_that_is_too_small_is_told_so_until_it_grows() {
    let bed = Bed::bare();
    let mut session = Session::dashboard(&bed, Size(39, 9));
    session.wait_for("small");
    session.resize(Size(100, 30));
    session.wait_without("small");
    session.wait_for("what works on this host");
    for size in [
        Size(1, 1),
        Size(300, 2),
        Size(2, 100),
        Size(40, 10),
        Size(80, 24),
    ] {
        session.resize(size);
    }
    session.wait_for("what works on this host");
    session.send("\x1b");
    session.wait_without("what works on this host");
    session.send("q");
    assert_eq!(session.exit_code(), 0);
}

#[test]
fn an_idle_dashboard_uses_no_cpu_at_all() {
    let bed = Bed::bare();
    let mut session = opened(&bed, Size(200, 50));
    session.wait_for("what works on this host");
    session.send("\x1b");
    session.wait_without("what works on this host");
    // Messages fade and the doctor ends: only then it is idle.
    let process = session.process();
    let second = std::time::Duration::from_secs(1);
    let mut before = process.cpu_ticks();
    let mut still = 0;
    for _ in 0..30 {
        std::thread::sleep(second);
        let now = process.cpu_ticks();
        still = if now == before { still + 1 } else { 0 };
        before = now;
        if still == 5 {
            return;
        }
    }
    panic!("it never kept still for five seconds");
}

#[test]
fn without_a_terminal_the_dashboard_says_what_it_needs() {
    let bed = Bed::bare();
    let answer = bed.run(&[]);
    assert_ne!(answer.code, 0, "{answer:#?}");
    assert!(answer.stderr.contains("terminal"), "{answer:#?}");
    assert!(!answer.stdout.contains('\x1b'), "{answer:#?}");
}
