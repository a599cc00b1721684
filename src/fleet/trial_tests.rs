use std::process::Command;

use super::*;
use crate::fleet::tests::{fleet, made, spec};
use crate::vm::VmState;

fn grounds(fleet: &Fleet) -> PathBuf {
    fleet.store.root().join(GROUNDS)
}

#[test]
fn an_attempt_takes_its_vm_with_it_wherever_that_was_in_its_life() {
    let (_dir, fleet) = fleet();
    let ground = Ground::new(&fleet.store).unwrap();
    let spec = spec("0000aaaa");
    let name = made(&ground.store, NAME, &spec);
    let run_dir = ground.store.run_dir(&spec.id).unwrap();
    let mut vmm = Command::new("sleep").arg("30").spawn().unwrap();
    let lock = ground.store.lock(&name).unwrap().unwrap();
    let state = VmState {
        vmm: ProcessId::of(vmm.id()),
        ..VmState::default()
    };
    ground.store.save_state(&lock, &state).unwrap();
    drop(lock);
    drop(ground);
    assert!(!vmm.wait().unwrap().success(), "it was killed");
    assert!(!run_dir.exists());
    assert!(!grounds(&fleet).exists());
}

#[test]
fn what_a_killed_process_left_is_cleared_and_what_another_tries_now_stays() {
    let (_dir, fleet) = fleet();
    let now = Ground::new(&fleet.store).unwrap();
    let left = grounds(&fleet).join("999999999-0000aaaa");
    let foreign = grounds(&fleet).join("notes");
    for dir in [&left, &foreign] {
        fs::create_dir(dir).unwrap();
    }
    clear_abandoned(&fleet.store);
    assert!(!left.exists());
    assert!(now.root.exists() && foreign.exists());
}
