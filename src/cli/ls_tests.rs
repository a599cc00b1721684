use super::*;
use crate::vm::{Accel, BackendKind, Phase};

#[test]
fn a_row_says_in_words_what_colour_could_say_and_shows_no_invented_figure() {
    let running = VmRow {
        name: "web".to_owned(),
        phase: Some(Phase::Running),
        backend: Some(BackendKind::Qemu),
        accel: Some(Accel::Tcg),
        pid: Some(4711),
        cpus: Some(2),
        mem_size_mib: Some(256),
        cpu_percent: Some(12.3),
        rss_bytes: Some(100 << 20),
        uptime_ms: Some(3_725_000),
        ready: true,
        last_boot_ms: Some(1234),
        ..VmRow::default()
    };
    let broken = VmRow {
        name: "db".to_owned(),
        phase: Some(Phase::Crashed),
        error: Some("torn".to_owned()),
        ..VmRow::default()
    };
    let expected = "\
NAME  PHASE           BACKEND            PID   CPUS  CPU%  MEMORY       UPTIME  BOOT     NOTE
web   running, ready  qemu/tcg emulated  4711  2     12.3  100/256 MiB  1h 2m   1234 ms
db    crashed         –                  –     –     –     –            –       –        torn
";
    assert_eq!(table(&[running, broken]), expected);
}

#[test]
fn spans_are_told_in_their_two_largest_units() {
    for (ms, words) in [
        (0, "0s"),
        (59_999, "59s"),
        (60_000, "1m 0s"),
        (3_600_000, "1h 0m"),
        (90_000_000, "1d 1h"),
    ] {
        assert_eq!(duration(ms), words);
    }
}

#[test]
fn a_command_line_is_quoted_as_a_shell_reads_it() {
    let argv = ["qemu", "-append", "a b", "it's", "", "x=1,y"].map(str::to_owned);
    assert_eq!(
        command_line(&argv),
        r"qemu -append 'a b' 'it'\''s' '' x=1,y"
    );
}
