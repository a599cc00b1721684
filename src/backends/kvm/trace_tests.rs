use super::*;
use std::process::Command;

fn trace(words: &str, raw_status: Option<i32>) -> Verdict {
    of(words, raw_status).verdict()
}

/// A child that told these words, one a line, `+` for a space.
fn of(words: &str, raw_status: Option<i32>) -> Trace {
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
}

#[test]
fn each_end_of_the_child_has_its_verdict() {
    let all = "made entered lap+26450 looped pxor popcnt cmpxchg16b";
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
            "emulates: a loop is refused (InternalError)",
        ),
        (
            "made entered lap+2255507 looped failed+InternalError",
            Some(0),
            "emulates: pxor is refused (InternalError)",
        ),
        (
            "made entered lap+26450 looped pxor failed+X",
            Some(0),
            "emulates: popcnt is refused (X)",
        ),
        (
            "made entered",
            Some(libc_sigprof()),
            "emulates: a loop of 2000 turns does not end (its processor time ran out)",
        ),
        (
            "made entered lap+15000000 looped",
            Some(libc_sigprof()),
            "emulates: a loop of 2000 turns takes 15.000 ms, and natively less than 0.200",
        ),
        (
            "made entered lap+26450 looped pxor",
            None,
            "emulates: popcnt does not end (stuck, killed after 2 s)",
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

#[test]
fn laps_that_were_measured_are_judged_by_the_fastest() {
    // In ns of processor time. The first four from one host: its KVM runs a guest's user mode and
    // interprets kernel mode; the others from what an exit and a turn take elsewhere.
    let cases: &[(&[u64], bool)] = &[
        (&[2_255_507, 2_352_669, 2_270_919], false),
        (&[2_345_272, 2_268_747, 2_275_451], false),
        (&[28_673, 27_401, 26_450], true),
        (&[28_422, 49_485, 29_084], true),
        // Bare metal: 2000 turns at 3 GHz and an exit of a µs.
        (&[1_700, 1_650, 1_660], true),
        // One lap that an interrupt fell into, or two.
        (&[900_000, 27_000, 27_100], true),
        (&[900_000, 800_000, 27_100], true),
        // The slowest exit of a nested guest on an old processor.
        (&[54_000, 54_000, 54_000], true),
        // Half of what interpreting takes here.
        (&[1_100_000, 1_150_000, 1_120_000], false),
        (&[200_001], false),
        (&[200_000], true),
    ];
    for (laps, is_native) in cases {
        let told: String = laps
            .iter()
            .map(|ns| format!("lap+{ns} looped "))
            .collect::<Vec<_>>()
            .concat();
        let probe = of(
            &format!("made entered {told}pxor popcnt cmpxchg16b"),
            Some(0),
        )
        .probe();
        assert_eq!(probe.verdict == Verdict::Works, *is_native, "{laps:?}");
        assert_eq!(
            probe.lap,
            laps.iter().min().copied().map(Duration::from_nanos)
        );
        if !is_native {
            let Verdict::Emulates { evidence } = probe.verdict else {
                panic!("{laps:?}: {:?}", probe.verdict);
            };
            assert!(
                evidence.contains("a loop of 2000 turns takes"),
                "{evidence}"
            );
        }
    }
}

#[test]
fn a_kvm_that_no_guest_is_run_on_is_held_for_good_unless_the_processor_is_emulated() {
    assert_eq!(trace("made unprobed", Some(0)), Verdict::Unprobed);
    assert!(matches!(
        trace("made failed+EINVAL", Some(0)),
        Verdict::Broken { .. }
    ));
    let of = |implementer: &str| {
        unprobed(&format!(
            "processor\t: 0\nCPU implementer\t: {implementer}\nCPU part\t: 0xd0c\n"
        ))
    };
    assert_eq!(of("0x41"), Verdict::Unprobed);
    assert_eq!(unprobed(""), Verdict::Unprobed);
    let Verdict::Emulates { evidence } = of("0x00") else {
        panic!("implementer 0 is software");
    };
    assert!(evidence.contains("emulated"), "{evidence}");
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
