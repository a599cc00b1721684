use std::fs;

use super::*;
use crate::fleet::tests::{self, fleet};
use crate::vm::{Phase, VmState};

fn made(fleet: &Fleet, name: &str) -> VmName {
    tests::made(&fleet.store, name, &tests::spec("0badcafe"))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future)
}

/// A VM whose shim lives, for this very process holds its lock and stands in for its VMM.
fn live(fleet: &Fleet, name: &VmName, phase: Phase) -> ShimLock {
    let lock = fleet.store.lock(name).unwrap().unwrap();
    let me = crate::vm::ProcessId::current();
    let state = VmState {
        phase,
        shim: me,
        vmm: me,
        host_boot: process::host_boot_id(),
        ..VmState::default()
    };
    fleet.store.save_state(&lock, &state).unwrap();
    lock
}

#[test]
fn what_is_done_already_succeeds_without_any_shim() {
    let (_dir, fleet) = fleet();
    let name = made(&fleet, "web");
    for operation in [Operation::Stop, Operation::Kill] {
        let vm = run(fleet.operate("web", operation, false, None)).unwrap();
        assert_eq!(vm.phase, Phase::Created);
    }
    let _lock = live(&fleet, &name, Phase::Running);
    let vm = run(fleet.operate("web", Operation::Start, false, None)).unwrap();
    assert_eq!(vm.phase, Phase::Running);
}

#[test]
fn what_the_phase_refuses_is_refused_before_anything_is_tried() {
    let (_dir, fleet) = fleet();
    let name = made(&fleet, "web");
    let refused = |operation, force| run(fleet.operate("web", operation, force, None)).unwrap_err();
    assert_eq!(refused(Operation::Pause, false).code, Code::NotRunning);
    let _lock = live(&fleet, &name, Phase::Starting);
    assert_eq!(refused(Operation::Start, false).code, Code::Busy);
    assert_eq!(refused(Operation::Restart, false).code, Code::Busy);
    let failure = refused(Operation::Remove, false);
    assert_eq!(failure.message, "could not remove VM `web`: it is starting");
    assert!(failure.hint.is_some_and(|hint| hint.contains("--force")));
    assert!(fleet.store.find("web").is_ok());
}

#[test]
fn an_unknown_name_is_met_with_the_nearest_one() {
    let (_dir, fleet) = fleet();
    made(&fleet, "web");
    for operation in Operation::ALL {
        let failure = run(fleet.operate("wbe", operation, true, None)).unwrap_err();
        assert_eq!(failure.code, Code::NotFound);
        assert_eq!(failure.hint.as_deref(), Some("did you mean `web`?"));
    }
}

#[test]
fn removing_takes_the_vm_and_its_run_directory_and_nothing_else() {
    let (_dir, fleet) = fleet();
    made(&fleet, "web");
    fleet.store.run_dir("0badcafe").unwrap();
    fleet.store.run_dir("0000beef").unwrap();
    run(fleet.operate("web", Operation::Remove, false, None)).unwrap();
    assert_eq!(fleet.store.names().unwrap(), []);
    assert_eq!(fs::read_dir(fleet.store.vms_dir()).unwrap().count(), 0);
    let run_dirs = fs::read_dir(fleet.store.root().join("run")).unwrap();
    let left: Vec<_> = run_dirs.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["0000beef"]);
}

#[test]
fn a_damaged_vm_is_removed_by_force_alone() {
    let damages: [(&str, &str); 4] = [
        ("state.json", "{\"version\":1,"),
        ("state.json", "{\"version\":99}"),
        ("spec.toml", "version = 99\n"),
        ("spec.toml", "not toml ["),
    ];
    for (file, text) in damages {
        let (_dir, fleet) = fleet();
        let name = made(&fleet, "web");
        fs::write(fleet.store.paths(&name).dir.join(file), text).unwrap();
        let failure = run(fleet.operate("web", Operation::Remove, false, None)).unwrap_err();
        assert_eq!(failure.code, Code::Refused, "{file} {text}");
        assert!(failure.hint.unwrap().contains("--force"));
        run(fleet.operate("web", Operation::Remove, true, None)).unwrap();
        assert_eq!(fleet.store.names().unwrap(), []);
    }
}

#[test]
fn an_id_that_is_a_path_deletes_nothing_outside() {
    let (dir, fleet) = fleet();
    let name = made(&fleet, "web");
    let precious = dir.path().join("precious");
    fs::create_dir_all(&precious).unwrap();
    let path = fleet.store.paths(&name).spec;
    let text = fs::read_to_string(&path)
        .unwrap()
        .replace("0badcafe", "../precious");
    fs::write(&path, text).unwrap();
    run(fleet.operate("web", Operation::Remove, true, None)).unwrap();
    assert!(precious.exists());
}

#[test]
fn a_vm_that_another_command_holds_is_busy_and_stays() {
    let (_dir, fleet) = fleet();
    let name = made(&fleet, "web");
    let _held = fleet.store.lock(&name).unwrap().unwrap();
    let failure = run(fleet.operate("web", Operation::Remove, true, None)).unwrap_err();
    assert_eq!(failure.code, Code::Busy);
    assert!(fleet.store.find("web").is_ok());
}

#[test]
fn a_vm_whose_spec_cannot_be_read_does_not_start_and_says_why() {
    let (_dir, fleet) = fleet();
    let name = made(&fleet, "web");
    fs::write(fleet.store.paths(&name).spec, "version = 99\n").unwrap();
    let failure = run(fleet.operate("web", Operation::Start, false, None)).unwrap_err();
    assert_eq!(failure.code, Code::Damaged);
    assert!(failure.message.contains("version 99"), "{failure}");
}

#[test]
fn waiting_for_a_vm_that_does_not_run_fails_at_once() {
    let (_dir, fleet) = fleet();
    made(&fleet, "web");
    let failure =
        run(fleet.watch_ready("web", Duration::from_hours(1), &mut |_, _| {})).unwrap_err();
    assert_eq!(failure.code, Code::NotRunning);
    assert!(failure.hint.unwrap().contains("smolvm-tui start web"));
}

#[test]
fn the_wait_for_a_shims_end_leaves_the_lock_to_others() {
    let (_dir, fleet) = fleet();
    let name = made(&fleet, "web");
    let mut shim = std::process::Command::new("sleep");
    let mut shim = shim.arg("1000").spawn().unwrap();
    let id = crate::vm::ProcessId::of(shim.id()).unwrap();
    let line = format!("{} {} {}", id.pid, id.start_time, process::host_boot_id());
    fs::write(fleet.store.paths(&name).lock, line).unwrap();
    assert_eq!(fleet.store.holder(&name), Some(id));
    run(async {
        let end = async {
            tokio::task::yield_now().await;
            shim.kill().unwrap();
        };
        tokio::join!(fleet.released(&name), end);
    });
    shim.wait().unwrap();
    assert_eq!(fleet.store.holder(&name), None);
    // Who has it says so as long as it has it.
    let lock = fleet.store.lock(&name).unwrap().unwrap();
    assert_eq!(fleet.store.holder(&name), crate::vm::ProcessId::current());
    drop(lock);
    assert_eq!(fleet.store.holder(&name), None);
    run(fleet.released(&name));
}

#[test]
fn a_vm_whose_end_is_seen_before_its_shim_let_go_of_it_is_removed_all_the_same() {
    let (_dir, fleet) = fleet();
    let name = made(&fleet, "web");
    let lock = fleet.store.lock(&name).unwrap().unwrap();
    let crashed = VmState {
        phase: Phase::Crashed,
        ..VmState::default()
    };
    fleet.store.save_state(&lock, &crashed).unwrap();
    run(async {
        let remove = fleet.operate("web", Operation::Remove, false, None);
        let let_go = async {
            // It has found the lock taken by then: both run on one thread, and that is where it waits.
            tokio::task::yield_now().await;
            drop(lock);
        };
        let (removed, ()) = tokio::join!(remove, let_go);
        removed.unwrap();
    });
    assert!(fleet.store.find("web").is_err());
}
