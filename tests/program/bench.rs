//! `bench boot`, with real guests, and the history that outlives its VMs.

use std::process::Stdio;

use nix::sys::signal::Signal;

use crate::support::{Bed, Process, wait_until};

fn nothing_left(bed: &Bed) {
    wait_until("every process of the bed to end", || {
        bed.processes().is_empty()
    });
    assert!(!bed.data().join("trials").exists());
    assert_eq!(bed.rows(), Vec::<serde_json::Value>::new());
    assert_eq!(
        bed.json(&["boots", "--all"])["boots"],
        serde_json::json!([])
    );
}

#[test]
fn two_configurations_are_booted_in_turn_and_leave_nothing_behind() {
    let bed = Bed::new();
    let line = "bench boot -n 2 --warm-up 0 --timeout 90 --with network=none --against memory=192";
    let line: Vec<&str> = line.split(' ').collect();
    let data = bed.json(&line);
    assert_eq!((&data["n"], &data["backend"]), (&2.into(), &"qemu".into()));
    assert_eq!(data["mem_size_mib"], 256, "{data:#}");
    assert_eq!(data["against"]["mem_size_mib"], 192, "{data:#}");
    for phases in [&data["phases"], &data["against"]["phases"]] {
        let ready = &phases["ready"];
        let time = |of: &str| ready[of].as_u64().unwrap();
        assert!(0 < time("min") && time("min") <= time("p50"), "{data:#}");
        assert!(time("p50") <= time("p95") && time("p95") <= time("max"));
        assert_eq!(ready["n"], 2);
    }
    assert_eq!(data["pairs"]["ready"]["n"], 2, "{data:#}");
    for known in ["system", "arch", "cores"] {
        assert!(!data["machine"][known].is_null(), "{known}: {data:#}");
    }
    assert!(data["versions"]["vmm"].is_string(), "{data:#}");
    nothing_left(&bed);
}

#[test]
fn an_interrupt_or_a_hang_up_takes_the_vm_of_the_bench_along() {
    for (signal, exit) in [(Signal::SIGINT, 130), (Signal::SIGHUP, 130)] {
        let bed = Bed::new();
        let mut command = bed.command(&["bench", "boot", "-n", "50", "--json"]);
        let mut bench = command.stdout(Stdio::null()).spawn().unwrap();
        wait_until("a guest to run", || bed.processes().len() >= 3);
        Process(bench.id().try_into().unwrap()).signal(signal);
        assert_eq!(bench.wait().unwrap().code(), Some(exit));
        nothing_left(&bed);
    }
}

#[test]
fn the_boots_of_a_vm_outlive_it_and_count_with_those_of_others_that_were_alike() {
    let bed = Bed::with_web();
    bed.run(&["rm", "web", "--force"]).ok();
    bed.run(&["create", "db", "--wait", "--timeout", "90"]).ok();
    let all = bed.json(&["boots", "--all"]);
    assert_eq!(all["boots"][0]["vm"], "web", "{all:#}");
    let alike = all["alike"].as_array().unwrap();
    assert_eq!(alike.len(), 1, "they differ in their names alone: {all:#}");
    assert_eq!(alike[0]["phases"]["ready"]["n"], 2, "{all:#}");
    bed.run(&["boots"]).failed(2, &["NAME"]);
    bed.run(&["boots", "db", "--all"]).failed(2, &["--all"]);
}
