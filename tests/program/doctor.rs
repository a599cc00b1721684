//! The doctor as it is run: booting, mending, being interrupted.

use std::fs;

use crate::support::Bed;

/// The names in the data directory.
fn kept(bed: &Bed) -> Vec<String> {
    let entries = fs::read_dir(bed.data()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| name != "kvm-verdict.json");
    names.sort();
    names
}

#[test]
fn the_canary_boots_echoes_and_ends_on_the_real_qemu_and_nothing_of_it_stays() {
    let bed = Bed::bare();
    let answer = bed.run(&["doctor", "--backend", "qemu", "--boot", "--json"]);
    let data = crate::support::json_of(&answer);
    let checks = data["checks"].as_array().unwrap();
    let boot = checks.iter().find(|check| check["name"] == "boot:qemu");
    assert_eq!(boot.unwrap()["status"], "pass", "{data:#}");
    let verdicts = data["verdicts"].as_array().unwrap();
    let qemu = verdicts.iter().find(|verdict| verdict["backend"] == "qemu");
    let boot = &qemu.unwrap()["boot"];
    for phase in ["spawned", "vmm_ready", "started", "first_byte", "ready"] {
        assert!(boot["phases"][phase].is_u64(), "no {phase} in {boot:#}");
    }
    assert!(boot["echo"]["p50_us"].as_u64() > Some(0), "{boot:#}");
    assert!(kept(&bed).is_empty(), "{:?}", kept(&bed));
}
