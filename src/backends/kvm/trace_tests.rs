use super::*;
use std::process::Command;

fn trace(words: &str, raw_status: Option<i32>) -> Verdict {
    Trace {
        words: words.split_whitespace().fold(String::new(), |lines, word| {
            lines
                + MARK
                + &word.replace('+', " ")
                + "
"
        }),
        status: raw_status.map(ExitStatus::from_raw),
    }
    .verdict()
}

#[test]
fn each_end_of_the_child_has_its_verdict() {
    let all = "made entered pxor popcnt cmpxchg16b looped";
    assert_eq!(trace(all, Some(0)), Verdict::Works);
    assert_eq!(trace("failed+EBUSY", Some(0)), Verdict::Occupied);
    let evidence = |verdict| match verdict {
        Verdict::Emulates { evidence } => format!("emulates: {evidence}"),
        Verdict::Broken { evidence } => format!("broken: {evidence}"),
        other => panic!("{other:?}"),
    };
    let cases = [
        (
            "made entered failed+InternalError",
            Some(0),
            "emulates: pxor is refused (InternalError)",
        ),
        (
            "made entered pxor failed+X",
            Some(0),
            "emulates: popcnt is refused (X)",
        ),
        (
            "made entered pxor popcnt cmpxchg16b",
            Some(libc_sigprof()),
            "emulates: a loop of a million turns takes more than 20 ms (its processor time ran out)",
        ),
        (
            "made entered pxor popcnt cmpxchg16b",
            None,
            "emulates: a loop of a million turns takes more than 20 ms (stuck, killed after 2 s)",
        ),
        (
            "made failed+Shutdown",
            Some(0),
            "broken: the first instruction does not run: Shutdown",
        ),
        (
            "failed+EINVAL",
            Some(0),
            "broken: a VM could not be made: EINVAL",
        ),
        ("", Some(0), "broken: no VM was made: exit status: 0"),
    ];
    for (words, status, expected) in cases {
        assert_eq!(evidence(trace(words, status)), expected, "{words}");
    }
}

fn libc_sigprof() -> i32 {
    Signal::SIGPROF as i32
}

#[test]
fn words_of_somebody_else_mean_nothing() {
    let noise = Trace {
        words: "running 1 test\nlooped\nkvm-probe\nmade".to_owned(),
        status: Some(ExitStatus::from_raw(0)),
    };
    assert!(matches!(noise.verdict(), Verdict::Broken { .. }));
}

#[test]
fn a_stuck_child_is_killed_and_reaped() {
    let child = Command::new("sleep")
        .arg("600")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let trace = follow(child, Duration::from_millis(20));
    assert!(trace.status.is_none());
    assert!(crate::vm::ProcessId::of(pid).is_none());
}
