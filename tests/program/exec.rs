//! `exec` in a real guest.

use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::{Bed, Process, Session, Size, json_of, wait_until};

/// Runs `exec web` with these words after `--`, what it says being plain.
fn sh(bed: &Bed, script: &str) -> String {
    let answer = bed.run(&["exec", "web", "--", "sh", "-c", script]).ok();
    assert_eq!(answer.stderr, "", "{script}");
    answer.stdout
}

/// Descriptors of the agent, processes of the guest, and its zombies.
fn inventory(bed: &Bed) -> (usize, usize, usize) {
    let script = "ls /proc/1/fd | wc -l; ls -d /proc/[0-9]* | wc -l; grep -l '^State:.*Z' /proc/[0-9]*/status 2>/dev/null | wc -l";
    let said = sh(bed, script);
    let mut numbers = said.lines().map(|line| line.trim().parse().unwrap());
    let mut next = || numbers.next().unwrap();
    (next(), next(), next())
}

#[test]
fn a_command_has_its_words_its_output_apart_and_its_exit_code() {
    let bed = Bed::with_web();
    let odd = [
        "exec", "web", "--", "printf", "%s|", "a b", "$HOME", "*", "", "-x", "'\"\\",
    ];
    assert_eq!(bed.run(&odd).ok().stdout, "a b|$HOME|*||-x|'\"\\|");
    let answer = bed.run(&[
        "exec",
        "web",
        "--",
        "sh",
        "-c",
        "echo out; echo err >&2; exit 7",
    ]);
    assert_eq!(
        (answer.code, &*answer.stdout, &*answer.stderr),
        (7, "out\n", "err\n")
    );
    assert_eq!(sh(&bed, "seq 1000 | sort -n | tail -1"), "1000\n");
    for (script, code) in [
        ("kill -9 $$", 137),
        ("kill -TERM $$", 143),
        ("exit 255", 255),
    ] {
        assert_eq!(
            bed.run(&["exec", "web", "--", "sh", "-c", script]).code,
            code
        );
    }
    bed.run(&["exec", "web", "--", "nonsense"])
        .failed(127, &["no program `nonsense`"]);
    bed.run(&["exec", "web", "--", "/etc"])
        .failed(126, &["could not run `/etc`"]);
    bed.run(&["exec", "nobody", "--", "true"])
        .failed(1, &["nobody"]);
    bed.run(&["exec", "web"]).failed(2, &[]);

    let words = [
        "exec",
        "web",
        "-e",
        "A=1 2",
        "-e",
        "PATH=/bin",
        "-w",
        "/proc",
        "--",
        "sh",
        "-c",
        "echo $A $PATH $PWD $HOME $USER",
    ];
    assert_eq!(bed.run(&words).ok().stdout, "1 2 /bin /proc /root root\n");
    bed.run(&["exec", "web", "-w", "/nowhere", "--", "true"])
        .failed(1, &["/nowhere"]);
    let words = ["exec", "web", "--user", "65534", "--", "id", "-u"];
    assert_eq!(bed.run(&words).ok().stdout, "65534\n");
    bed.run(&["exec", "web", "--user", "ann", "--", "true"])
        .failed(1, &["no user `ann`"]);

    let answer = bed.run(&[
        "exec",
        "web",
        "--json",
        "--",
        "sh",
        "-c",
        "echo out; echo err >&2; exit 3",
    ]);
    assert_eq!(answer.code, 3);
    let data = json_of(&answer);
    assert_eq!(
        (&data["stdout"], &data["stderr"], &data["guest_exit_code"]),
        (&"out\n".into(), &"err\n".into(), &3.into())
    );
}

#[test]
fn input_is_streamed_and_output_of_any_length_arrives_whole() {
    let bed = Bed::with_web();
    let mut command = bed.command(&["exec", "-i", "web", "--", "md5sum"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let bytes: Vec<u8> = (0..3_000_000_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0])
        .collect();
    let mut stdin = child.stdin.take().unwrap();
    let copy = bytes.clone();
    let writer = thread::spawn(move || stdin.write_all(&copy).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let here = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(here.path(), &bytes).unwrap();
    let there = String::from_utf8(output.stdout).unwrap();
    let sum = Command::new("md5sum")
        .stdin(File::open(here.path()).unwrap())
        .output()
        .unwrap();
    assert_eq!(there, String::from_utf8(sum.stdout).unwrap());

    let output = bed
        .command(&[
            "exec",
            "web",
            "--",
            "dd",
            "if=/dev/zero",
            "bs=1M",
            "count=100",
        ])
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout.len(), 100 << 20);
    assert!(output.stdout.iter().all(|&byte| byte == 0));

    // One that closes its input, and goes on.
    let script = "exec <&-; sleep 1; echo done";
    let mut command = bed.command(&["exec", "-i", "web", "--", "sh", "-c", script]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || while stdin.write_all(&[b'x'; 4096]).is_ok() {});
    assert_eq!(child.wait_with_output().unwrap().stdout, b"done\n");
    writer.join().unwrap();

    // A reader that has enough, and what a command leaves behind, hold nobody up.
    let script = format!(
        "{} exec web -- yes | head -1",
        env!("CARGO_BIN_EXE_smolvm-tui")
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .env_clear()
        .envs(bed.environment())
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"y\n");
    assert_eq!(sh(&bed, "sleep 1000 & echo $?"), "0\n");
    sh(&bed, "killall sleep");
    wait_until("yes to be ended", || {
        sh(&bed, "pidof yes || echo none") == "none\n"
    });
}

#[test]
fn a_command_is_ended_by_time_by_signals_and_with_its_client() {
    let bed = Bed::with_web();
    let begun = Instant::now();
    let script = "sleep 1000 & sleep 1001; echo never";
    bed.run(&["exec", "web", "--timeout", "0.5", "--", "sh", "-c", script])
        .failed(124, &["took too long"]);
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    let sleeps = || sh(&bed, "pidof sleep || echo none");
    assert_eq!(sleeps(), "none\n", "the whole group is killed");

    for (signal, code) in [
        (Signal::SIGINT, 42),
        (Signal::SIGTERM, 43),
        (Signal::SIGHUP, 44),
        (Signal::SIGQUIT, 45),
    ] {
        let script = "trap 'exit 42' INT; trap 'exit 43' TERM; trap 'exit 44' HUP; trap 'exit 45' QUIT; echo up; while :; do sleep 0.1; done";
        let mut command = bed.command(&["exec", "web", "--", "sh", "-c", script]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut up = [0; 3];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut up).unwrap();
        Process(i32::try_from(child.id()).unwrap()).signal(signal);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
    }

    let mut child = bed
        .command(&["exec", "web", "--", "sleep", "1002"])
        .spawn()
        .unwrap();
    wait_until("the sleep to run", || sleeps() != "none\n");
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the sleep to be ended", || sleeps() == "none\n");

    // A VM that ends takes its commands with it, and says so.
    let child = bed
        .command(&["exec", "web", "--", "sleep", "1003"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("the sleep to run", || sleeps() != "none\n");
    bed.run(&["kill", "web"]).ok();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    // Whether its end or that of its agent is heard first is chance.
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("the VM ended") || told.contains("went away"),
        "{output:?}"
    );
    bed.run(&["exec", "web", "--", "true"])
        .failed(1, &["it is stopped"]);
    bed.run(&["exec", "--start", "web", "--", "true"]).ok();
}

#[test]
fn many_in_a_row_and_a_hundred_at_once_leave_nothing_behind() {
    let bed = Bed::with_web();
    sh(&bed, "true");
    let before = inventory(&bed);
    for _ in 0..200 {
        bed.run(&["exec", "web", "--", "true"]).ok();
    }
    let children: Vec<_> = (0..100)
        .map(|number| {
            let script = format!("sleep 1; echo {number}");
            let mut command = bed.command(&["exec", "web", "--", "sh", "-c", &script]);
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for (number, child) in children.into_iter().enumerate() {
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            format!("{number}\n"),
            "{output:?}"
        );
    }
    assert_eq!(inventory(&bed), before);
}

#[test]
fn a_terminal_has_the_callers_size_passes_keys_on_and_is_given_back() {
    let bed = Bed::with_web();
    let words = ["exec", "-it", "web", "--", "sh"];
    let mut session = Session::program(&bed, Size(100, 30), &words, &[]);
    session.wait_for("#");
    session.send("stty size; echo $TERM\r");
    session.wait_for("30 100");
    session.wait_for("xterm-256color");
    session.resize(Size(90, 40));
    session.send("stty size\r");
    session.wait_for("40 90");
    session.send("sleep 1000\r");
    wait_until("the sleep to run", || {
        sh(&bed, "pidof sleep || echo none") != "none\n"
    });
    session.send("\x03");
    wait_until("ctrl-c to end the sleep", || {
        sh(&bed, "pidof sleep || echo none") == "none\n"
    });
    session.send("echo rc=$?\r");
    session.wait_for("rc=130");
    session.send("exit 5\r");
    assert_eq!(session.exit_code(), 5);
    assert_eq!(session.leftovers(), Vec::<&str>::new());
}

#[test]
fn an_agent_whose_shim_is_killed_serves_the_next_one_and_ends_what_ran_for_the_first() {
    let bed = Bed::with_web();
    let child = bed
        .command(&[
            "exec",
            "web",
            "--",
            "sh",
            "-c",
            "while :; do echo 0123456789; done",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("the loop to run", || {
        sh(&bed, "ls -d /proc/[0-9]* | wc -l").trim() != "0"
    });
    bed.shim("web").signal(Signal::SIGKILL);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!output.stdout.is_empty());
    assert_eq!(sh(&bed, "echo again"), "again\n");
    wait_until("the loop to be ended", || {
        !sh(&bed, "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '")
            .contains("echo 0123456789; done")
    });
}

#[test]
fn a_guest_without_an_agent_says_so_at_once() {
    let bed = Bed::with_web();
    let info = bed.json(&["info", "web"]);
    let argv = info["argv"].as_array().unwrap();
    let at = argv.iter().position(|it| it == "-initrd").unwrap();
    bed.run(&["kill", "web"]).ok();
    // What is in it does not show, so no channel is made for an agent.
    let packed = bed.home().join("packed");
    let output = File::create(&packed).unwrap();
    let mut gzip = Command::new("gzip");
    gzip.args(["-1", "-c", argv[at + 1].as_str().unwrap()]);
    assert!(gzip.stdout(output).status().unwrap().success());
    let packed = packed.display().to_string();
    let words = ["create", "bare", "--initrd", &packed, "--wait"];
    bed.run(&[&words[..], &["--timeout", "90"]].concat()).ok();
    let begun = Instant::now();
    bed.run(&["exec", "bare", "--", "true"])
        .failed(1, &["no agent", "image build"]);
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_guest_knows_what_time_it_is_also_after_a_pause() {
    let bed = Bed::with_web();
    let behind = || {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
        let now = i128::try_from(now).unwrap();
        let there: i128 = sh(&bed, "date +%s").trim().parse().unwrap();
        // Of the guest's second everything has begun.
        now - there * 1000
    };
    assert!((-500..1500).contains(&behind()), "{} ms", behind());
    sh(&bed, "date -s @1000000000");
    assert!(behind() > 10_000);
    bed.run(&["pause", "web"]).ok();
    bed.run(&["exec", "web", "--", "true"])
        .failed(1, &["paused", "resume"]);
    bed.run(&["resume", "web"]).ok();
    wait_until("the clock to be right", || (-500..1500).contains(&behind()));
}
