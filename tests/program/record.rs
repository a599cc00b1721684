//! `record`: a real guest's boot as an asciicast.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Bed, wait_until};

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
