//! `record` and `logs`: a real guest's boot as an asciicast, with times, and raw.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Bed, Session, Size, wait_until};

/// Time in seconds, kind and text of each event.
fn events(text: &str) -> Vec<(f64, String, String)> {
    let lines = text.lines().skip(1);
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_boot_is_recorded_as_it_was_and_on_until_the_vm_ends() {
    let bed = Bed::with_web();
    let file = bed.home().join("web-1.cast");
    let mut command = bed.command(&["record", "web"]);
    let first = command.current_dir(bed.home()).output().unwrap();
    assert_eq!(first.stdout, b"web-1.cast\n", "{first:?}");
    let text = fs::read_to_string(&file).unwrap();
    let header: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(header["version"], 2, "{header}");
    let heard = events(&text);
    assert!(heard.is_sorted_by(|one, other| one.0 <= other.0));
    let of = |kind: &'static str| heard.iter().filter(move |event| event.1 == kind);
    let phases: Vec<&str> = of("m").map(|event| &*event.2).collect();
    assert_eq!((phases[0], phases.last()), ("spawned", Some(&"ready")));
    let boots = bed.json(&["boots", "web"]);
    let ready = boots["boots"][0]["phases"]["ready"].as_f64().unwrap();
    let told = of("m").next_back().unwrap().0;
    assert!((told - ready / 1e6).abs() < 1e-6, "{told} and {ready} µs");
    let said: String = of("o").map(|event| &*event.2).collect();
    assert!(said.contains("Linux version"));

    let path = file.to_str().unwrap();
    let refused = bed.run(&["record", "web", "--output", path]);
    refused.failed(1, &["there already"]);

    let live = bed.home().join("live.cast");
    let mut following = bed
        .command(&["record", "web", "-f", "--output", live.to_str().unwrap()])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let has = |what: &str| fs::read_to_string(&live).is_ok_and(|text| text.contains(what));
    wait_until("the boot so far", || has("ready"));
    let said = "printf '\\033]0;evil\\007\\033[6nsaid %s\\n' $((6*7))\\n";
    bed.run(&["send", "web", said]).ok();
    wait_until("what came since", || has("said 42"));
    bed.run(&["stop", "web"]).ok();
    assert!(following.wait().unwrap().success());
    let text = fs::read_to_string(&live).unwrap();
    assert!(!text.contains("u001b]"), "a title came through");
    let heard = events(&text);
    assert_eq!(heard.last().unwrap().2, "\u{1b}[!p\u{1b}[m");
}

#[test]
fn the_log_comes_with_times_or_raw_but_raw_on_no_terminal() {
    let bed = Bed::with_web();
    bed.run(&["send", "web", "printf '\\033[31msaid %s' $((6*7))\\n"])
        .ok();
    bed.run(&["expect", "web", "said 42"]).ok();
    let timed = bed.run(&["logs", "web", "--times", "boot"]).ok().stdout;
    let time = |what: &str| -> f64 {
        let line = timed.lines().find(|line| line.contains(what)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    let boots = bed.json(&["boots", "web"]);
    let kernel = boots["boots"][0]["phases"]["kernel"].as_f64().unwrap();
    assert!(
        (time("Linux version") - kernel / 1e6).abs() < 0.05,
        "{timed}"
    );
    assert!(time("said 42") > time("Linux version"));
    let lines = bed.json(&["logs", "web", "--times", "wall", "--tail", "1"]);
    assert_eq!(lines["lines"].as_array().unwrap().len(), 1, "{lines:#}");

    let file = bed.home().join("web.log");
    let path = file.to_str().unwrap();
    bed.run(&["logs", "web", "--raw", "--output", path]).ok();
    assert!(
        fs::read_to_string(&file)
            .unwrap()
            .contains("\x1b[31msaid 42")
    );
    let refused = bed.run(&["logs", "web", "--output", path]);
    refused.failed(1, &["there already"]);
    let mut session = Session::program(&bed, Size(80, 24), &["logs", "web", "--raw"], &[]);
    assert_eq!(session.exit_code(), 2);
    session.wait_for("a terminal obeys");
}
