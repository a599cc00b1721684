//! The serial line: what is typed, what is printed, and who answers.

use std::io::Read;

use nix::sys::signal::Signal;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::support::{Bed, Process, Session, Size, wait_until};

fn attached(bed: &Bed) -> Session {
    let session = Session::program(bed, Size(80, 24), &["console", "web"], &[]);
    session.wait_for("leaves, the VM goes on");
    session
}

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

#[test]
fn either_leave_key_and_every_signal_give_the_terminal_back_and_harm_no_vm() {
    let bed = Bed::with_web();
    // The last one as terminals send it that speak the newer keyboard protocol.
    for key in ["\x1d", "\x1b[24~", "\x1b[93;5u"] {
        let mut session = attached(&bed);
        session.send(key);
        assert_eq!(session.exit_code(), 0);
        assert_eq!(session.leftovers(), Vec::<&str>::new(), "after {key:?}");
    }
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let mut session = attached(&bed);
        session.process().signal(signal);
        assert_eq!(session.exit_code(), 130);
        assert_eq!(session.leftovers(), Vec::<&str>::new(), "after {signal}");
    }
    assert_eq!(bed.phase("web"), "running");
}

#[test]
fn a_console_says_how_its_vm_ended() {
    let bed = Bed::with_web();
    let mut session = attached(&bed);
    bed.vmm("web").signal(Signal::SIGKILL);
    assert_eq!(session.exit_code(), 0);
    session.wait_for_line(&["VM `web` ended", "SIGKILL"]);
    assert_eq!(session.leftovers(), Vec::<&str>::new());
}

#[test]
fn a_terminal_that_hangs_up_ends_its_console_also_where_no_signal_tells() {
    let bed = Bed::with_web();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_smolvm-tui"));
    command.args(["console", "web"]);
    command.env_clear();
    for (key, value) in bed.environment() {
        command.env(key, value);
    }
    // The kernel sends SIGHUP only to those whose controlling terminal it is.
    command.set_controlling_tty(false);
    let size = PtySize {
        rows: 24,
        cols: 80,
        ..PtySize::default()
    };
    let pair = native_pty_system().openpty(size).unwrap();
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    // Drawn in pieces, so that only the screen tells.
    let (rows, columns) = Size(80, 24).of_screen();
    let (mut screen, mut buffer) = (vt100::Parser::new(rows, columns, 0), [0; 4096]);
    while !screen
        .screen()
        .contents()
        .contains("leaves, the VM goes on")
    {
        let count = reader.read(&mut buffer).unwrap();
        assert_ne!(count, 0, "it ended: {}", screen.screen().contents());
        screen.process(&buffer[..count]);
    }
    drop((reader, pair.master));
    Process(i32::try_from(child.process_id().unwrap()).unwrap()).gone();
    // Which it notices first, that nobody types or that nobody sees, is chance.
    let code = child.wait().unwrap().exit_code();
    assert!([1, 130].contains(&code), "{code}");
    assert_eq!(bed.phase("web"), "running");
}

#[test]
fn a_console_learns_the_terminals_size_and_tells_its_shim_of_a_new_one() {
    let bed = Bed::with_web();
    let mut session = attached(&bed);
    session.resize(Size(100, 30));
    session.wait("the footer on the last line", |screen| {
        screen
            .rows(0, 100)
            .nth(29)
            .is_some_and(|row| row.contains("leaves"))
    });
    let ask = "stty -icanon -echo; printf '\\033[999;999H\\033[6n'; dd bs=1 count=7 2>/dev/null | od -An -c; stty sane\r";
    session.send(ask);
    session.wait_for_line(&["033", "[", "2", "9", ";", "1", "0"]);
    session.send([0x1d]);
    assert_eq!(session.exit_code(), 0);
}

#[test]
fn a_console_goes_on_when_its_shim_is_killed() {
    let bed = Bed::with_web();
    let mut session = attached(&bed);
    let shim = bed.shim("web");
    shim.signal(Signal::SIGKILL);
    shim.gone();
    wait_until("a new shim", || bed.shim("web") != shim);
    session.send("echo $((6*7)) still here\r");
    session.wait_for("42 still here");
    session.send([0x1d]);
    assert_eq!(session.exit_code(), 0);
}

#[test]
fn a_console_fits_a_new_guest_and_afterwards_only_when_asked() {
    let bed = Bed::with_web();
    let mut first = Session::program(&bed, Size(90, 30), &["console", "web"], &[]);
    first.wait_for("leaves, the VM goes on");
    // The agent is told; when it has acted is its affair.
    let until = |size: &str| {
        format!("until [ \"$(stty size)\" = '{size}' ]; do :; done; echo $((6*7)) is it\r")
    };
    first.send(until("29 90"));
    first.wait_for("42 is it");
    let mut second = Session::program(&bed, Size(110, 40), &["console", "web"], &[]);
    second.wait_for("guest 90x29, here 110x39: ctrl-] f fits it");
    second.send([0x1d]);
    second.wait_for("f gives the guest 110x39");
    second.send("f");
    // The other one hears of it.
    first.wait_for("guest 110x39, here 90x29");
    second.send(format!("clear; {}", until("39 110")));
    second.wait_for("\n42 is it");
    // The leave key twice is the guest's.
    second.send("cat -v\r");
    second.send([0x1d]);
    second.wait_for("ctrl-] sends ctrl-]");
    second.send([0x1d]);
    second.send("\r");
    second.wait_for("^]");
    second.send([0x1d]);
    assert_eq!(second.exit_code(), 0);
    assert_eq!(bed.phase("web"), "running");
}

#[test]
fn who_only_looks_types_nothing_and_changes_no_size() {
    let bed = Bed::with_web();
    let mut looking =
        Session::program(&bed, Size(100, 30), &["console", "web", "--read-only"], &[]);
    looking.wait_for("read-only");
    looking.send("echo mis$((1+1))chief\r");
    bed.run(&["send", "web", "stty size; echo th$((6*7))ere\\n"])
        .ok();
    looking.wait_for("th42ere");
    let screen = bed.run(&["screen", "web"]).ok().stdout;
    assert!(!screen.contains("chief"), "{screen}");
    assert!(!screen.contains("29 100"), "{screen}");
    looking.send([0x1d]);
    assert_eq!(looking.exit_code(), 0);
}

#[test]
fn a_pty_passes_bytes_both_ways_survives_the_shim_and_ends_with_the_vm() {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};
    let bed = Bed::with_web();
    let link = bed.home().join("tty");
    let mut bridge = Command::new(env!("CARGO_BIN_EXE_smolvm-tui"))
        .args(["pty", "web", "--link"])
        .arg(&link)
        .env_clear()
        .envs(bed.environment())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    BufReader::new(bridge.stdout.take().unwrap())
        .read_line(&mut told)
        .unwrap();
    assert_eq!(told.trim(), link.to_str().unwrap());
    let mut device = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&link)
        .unwrap();
    let mut ask = |question: &[u8], answer: &str| {
        device.write_all(question).unwrap();
        let (mut seen, mut buffer) = (String::new(), [0; 4096]);
        while !seen.contains(answer) {
            let count = device.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "it ended: {seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        seen
    };
    let seen = ask(b"echo $((6*7)) said\r", "42 said");
    assert_eq!(seen.matches("echo").count(), 1, "{seen:?}");
    let shim = bed.shim("web");
    shim.signal(Signal::SIGKILL);
    shim.gone();
    ask(b"echo $((6*8)) said\r", "48 said");
    bed.run(&["kill", "web"]).ok();
    assert!(bridge.wait().unwrap().success());
    assert!(!link.is_symlink());
}

#[test]
fn a_long_paste_asks_first_and_comes_whole() {
    let bed = Bed::with_web();
    let mut session = attached(&bed);
    session.send("stty -echo; cat >/tmp/x; stty echo; sha256sum /tmp/x\r");
    session.wait_for("cat >/tmp/x");
    let mut text = String::new();
    let mut random = fastrand::Rng::with_seed(7);
    while text.len() < 256 << 10 {
        text.extend(std::iter::repeat_with(|| random.alphanumeric()).take(70));
        text.push('\n');
    }
    session.send("\x1b[200~");
    session.send(&text);
    session.send("\x1b[201~");
    session.wait_for("y pastes");
    session.send("y");
    session.wait_for("esc ends it");
    session.wait_without("esc ends it");
    session.send([0x04]);
    let sum = sha256(text.as_bytes());
    session.wait_for(&sum);
    session.send([0x1d]);
    assert_eq!(session.exit_code(), 0);
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    use std::fmt::Write;

    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}
