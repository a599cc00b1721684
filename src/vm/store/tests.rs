//! The store, over directories that each test makes for itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::super::spec::tests::sample;
use super::super::{BootRecord, ExitReason, Phase, ProcessId, VmState, process};
use super::*;

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::locate(Some(dir.path())).unwrap();
    (dir, store)
}

fn name(text: &str) -> VmName {
    text.parse().unwrap()
}

fn make(store: &Store, vm: &str) -> VmName {
    let mut spec = sample();
    spec.id = format!(
        "{:08x}",
        vm.bytes()
            .fold(7u32, |h, b| h.wrapping_mul(31) + u32::from(b))
    );
    store.register(&name(vm), &spec).unwrap().commit().unwrap();
    name(vm)
}

fn save(store: &Store, vm: &VmName, state: &VmState) {
    let lock = store.lock(vm).unwrap().unwrap();
    store.save_state(&lock, state).unwrap();
}

fn running() -> VmState {
    VmState {
        phase: Phase::Running,
        vmm: ProcessId::current(),
        host_boot: process::host_boot_id(),
        ..VmState::default()
    }
}

#[test]
fn a_store_that_does_not_exist_holds_no_vm() {
    let (_dir, store) = store();
    assert_eq!(store.list().unwrap(), []);
}

#[test]
fn a_vm_that_is_not_committed_leaves_nothing_behind() {
    let (_dir, store) = store();
    drop(store.register(&name("web"), &sample()).unwrap());
    assert_eq!(fs::read_dir(store.vms_dir()).unwrap().count(), 0);
}

#[test]
fn of_two_that_race_for_one_name_one_gets_it() {
    let (_dir, store) = store();
    let first = store.register(&name("web"), &sample()).unwrap();
    let mut spec = sample();
    spec.id = "00000002".to_owned();
    let second = store.register(&name("web"), &spec).unwrap();
    first.commit().unwrap();
    assert!(matches!(second.commit(), Err(StoreError::Exists(_))));
    assert_eq!(store.find("web").unwrap().spec.unwrap().id, sample().id);
}

#[test]
fn an_unknown_vm_is_met_with_the_nearest_name() {
    let (_dir, store) = store();
    make(&store, "web");
    let Err(StoreError::Unknown { nearest, .. }) = store.find("wbe") else {
        panic!()
    };
    assert_eq!(nearest, Some(name("web")));
}

#[test]
fn a_vmm_that_lives_without_its_shim_is_an_orphan() {
    let (_dir, store) = store();
    let web = make(&store, "web");
    save(&store, &web, &running());
    let vm = store.find("web").unwrap();
    assert!(vm.is_orphan());
    assert_eq!(vm.phase, Phase::Running);
}

#[test]
fn a_reused_pid_and_a_rebooted_host_are_crashes_with_their_reason() {
    let (_dir, store) = store();
    let web = make(&store, "web");
    let mut state = running();
    state.vmm = state.vmm.map(|id| ProcessId {
        start_time: id.start_time + 1,
        ..id
    });
    save(&store, &web, &state);
    let vm = store.find("web").unwrap();
    assert_eq!(
        (vm.phase, vm.exit().unwrap().reason),
        (Phase::Crashed, ExitReason::Unknown)
    );

    save(
        &store,
        &web,
        &VmState {
            host_boot: "another".to_owned(),
            ..running()
        },
    );
    let vm = store.find("web").unwrap();
    assert_eq!(
        (vm.phase, vm.exit().unwrap().reason),
        (Phase::Crashed, ExitReason::HostReboot)
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_vmm_that_was_spawned_but_not_noted_is_found_by_what_it_wrote_itself() {
    let (dir, store) = store();
    let web = make(&store, "web");
    let starting = VmState {
        phase: Phase::Starting,
        vmm: None,
        run_dir: Some(dir.path().to_owned()),
        ..running()
    };
    save(&store, &web, &starting);
    let reason = |vm: &Vm| vm.exit().map(|exit| exit.reason);
    let vm = store.find("web").unwrap();
    assert_eq!(reason(&vm), Some(ExitReason::StartInterrupted));
    let record = dir.path().join(process::BIRTH_RECORD);
    fs::copy("/proc/self/stat", &record).unwrap();
    let vm = store.find("web").unwrap();
    assert!(vm.is_orphan());
    assert_eq!(vm.state.vmm, ProcessId::current());
    // Cut off, or of a process whose pid is another's by now: there is nobody.
    for text in [
        "17 (qemu",
        "1 (qemu) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 99",
    ] {
        fs::write(&record, text).unwrap();
        let vm = store.find("web").unwrap();
        assert_eq!(reason(&vm), Some(ExitReason::StartInterrupted), "{text}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_vmm_whose_state_is_torn_or_gone_is_found_by_what_it_wrote_itself() {
    let (_dir, store) = store();
    let web = make(&store, "web");
    let id = store.find("web").unwrap().spec.unwrap().id;
    let run_dir = store.run_dir(&id).unwrap();
    let state = store.paths(&web).state;
    fs::write(&state, "{\"version\":1,").unwrap();
    assert_eq!(store.find("web").unwrap().phase, Phase::Crashed);
    fs::copy("/proc/self/stat", run_dir.join(process::BIRTH_RECORD)).unwrap();
    for torn in [true, false] {
        let vm = store.find("web").unwrap();
        assert_eq!((vm.phase, vm.is_orphan()), (Phase::Running, true));
        assert_eq!(vm.state.vmm, ProcessId::current());
        assert_eq!(vm.state.run_dir.as_ref(), Some(&run_dir));
        assert_eq!(vm.problem.is_some(), torn);
        // A shim that lives is known by its lock, without taking it.
        let lock = store.lock(&web).unwrap().unwrap();
        let vm = store.find("web").unwrap();
        assert_eq!((vm.is_orphan(), vm.is_unwritten()), (false, true));
        drop(lock);
        let _ = fs::remove_file(&state);
    }
    fs::write(run_dir.join(process::BIRTH_RECORD), "1 (qemu) S 1 1").unwrap();
    assert_eq!(store.find("web").unwrap().phase, Phase::Created);
}

#[test]
fn each_damaged_vm_tells_its_own_problem_and_every_other_vm_works() {
    let (_dir, store) = store();
    // What cannot be read as a directory, by root neither.
    fs::create_dir_all(store.vms_dir()).unwrap();
    fs::write(store.vms_dir().join("zfile"), "").unwrap();
    fs::create_dir_all(store.paths(&name("zodd")).spec).unwrap();
    for vm in ["future", "nospec", "torn", "web"] {
        make(&store, vm);
    }
    fs::write(store.paths(&name("future")).spec, "version = 9\n").unwrap();
    fs::remove_file(store.paths(&name("nospec")).spec).unwrap();
    fs::write(store.paths(&name("torn")).state, "{\"version\":1,\"pha").unwrap();
    let problems: Vec<(String, Option<String>)> = store
        .list()
        .unwrap()
        .into_iter()
        .map(|vm| {
            (
                vm.name.to_string(),
                vm.problem.map(|problem| problem.message),
            )
        })
        .collect();
    assert!(
        problems[0].1.as_ref().unwrap().contains("version 9"),
        "{problems:?}"
    );
    assert!(
        problems[1].1.as_ref().unwrap().contains("could not read"),
        "{problems:?}"
    );
    assert!(
        problems[2].1.as_ref().unwrap().contains("is torn"),
        "{problems:?}"
    );
    assert_eq!(problems[3], ("web".to_owned(), None));
    for unreadable in &problems[4..] {
        let problem = unreadable.1.as_ref().unwrap();
        assert!(problem.contains("could not read"), "{problem}");
    }
    assert_eq!(problems.len(), 6);
}

#[test]
fn a_lock_is_held_by_one_and_freed_with_its_owner() {
    let (_dir, store) = store();
    let web = make(&store, "web");
    let lock = store.lock(&web).unwrap().unwrap();
    assert!(store.lock(&web).unwrap().is_none());
    drop(lock);
    assert!(store.lock(&web).unwrap().is_some());
}

#[test]
fn removing_a_vm_removes_all_that_is_its_own() {
    let (_dir, store) = store();
    let web = make(&store, "web");
    let run = store.run_dir("0badcafe").unwrap();
    store
        .remove(store.lock(&web).unwrap().unwrap(), Some(&run))
        .unwrap();
    assert!(!run.exists());
    assert_eq!(fs::read_dir(store.vms_dir()).unwrap().count(), 0);
}

#[test]
fn sockets_move_to_a_short_directory_when_the_path_would_be_too_long() {
    let store = Store::locate(Some(Path::new(&format!("/{}", "d".repeat(120))))).unwrap();
    let dir = store.run_dir_path("0badcafe");
    assert!(dir.starts_with(std::env::temp_dir()), "{dir:?}");
}

#[test]
fn a_directory_that_others_can_write_to_is_refused_for_sockets() {
    let (_dir, store) = store();
    let run = store.run_dir("0badcafe").unwrap();
    fs::set_permissions(&run, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(
        store.run_dir("0badcafe"),
        Err(StoreError::UnsafeDirectory { .. })
    ));
}

#[test]
fn a_file_that_is_written_aside_replaces_the_old_one_or_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (aside, path) = (dir.path().join("new"), dir.path().join("file"));
    for text in ["one", "2"] {
        write_aside(&aside, &path, text.as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    // No file takes the place of a directory.
    write_aside(&aside, dir.path(), b"three").unwrap_err();
    assert!(!aside.exists());
}

#[test]
fn a_guest_is_silent_from_its_start_until_its_first_byte() {
    let (_dir, store) = store();
    let vm = make(&store, "web");
    let mut state = VmState {
        boot: Some(BootRecord::sample(1)),
        ..running()
    };
    let at = state.boot.as_ref().unwrap().at;
    let later = at + std::time::Duration::from_secs(9);
    let silent = |state: &VmState| {
        save(&store, &vm, state);
        store.find("web").unwrap().silent_for(later)
    };
    assert_eq!(silent(&state), None, "it has not started");
    let boot = state.boot.as_mut().unwrap();
    boot.phases
        .stamp(super::super::BootPhase::Started, 1_000_000);
    assert_eq!(silent(&state), Some(std::time::Duration::from_secs(8)));
    state.phase = Phase::Paused;
    assert_eq!(silent(&state), None);
    state.phase = Phase::Running;
    state.heard = true;
    assert_eq!(silent(&state), None);
}
