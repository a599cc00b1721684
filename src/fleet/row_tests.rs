use super::*;
use crate::fleet::tests::{fleet, spec};
use crate::vm::{BootPhases, ExitReason, Problem, VmState};

fn vm(phase: Phase) -> Vm {
    Vm {
        name: "web".parse().unwrap(),
        spec: Some(spec("0badcafe")),
        state: VmState::default(),
        phase,
        has_shim: false,
        state_lost: false,
        problem: None,
    }
}

fn boot(id: u64, result: BootResult) -> BootRecord {
    let mut phases = BootPhases::default();
    phases.stamp(BootPhase::Spawned, 0);
    phases.stamp(BootPhase::Ready, 1_234_567);
    BootRecord {
        result,
        phases,
        ..BootRecord::sample(id)
    }
}

#[test]
fn the_row_has_the_keys_of_the_contract_in_its_order() {
    let json = serde_json::to_string(&row(&vm(Phase::Created))).unwrap();
    assert_eq!(
        json,
        r#"{"name":"web","phase":"created","backend":"qemu","accel":null,"pid":null,"cpus":1,"mem_size_mib":256,"cpu_percent":null,"rss_bytes":null,"guest_memory_bytes":null,"uptime_ms":null,"ready":false,"last_boot_ms":null,"exit":null,"error":null}"#
    );
}

#[test]
fn a_dead_vm_shows_no_pid_and_is_not_ready_whatever_its_file_says() {
    let mut vm = vm(Phase::Crashed);
    vm.state.vmm = crate::vm::ProcessId::current();
    vm.state.ready = true;
    vm.state.boot = Some(boot(1, BootResult::Ready));
    vm.state.exit = Some(Exit {
        reason: ExitReason::Signal,
        code: None,
        signal: Some(9),
        meaning: None,
        at: None,
        detail: None,
    });
    let row = row(&vm);
    assert_eq!((row.pid, row.rss_bytes, row.ready), (None, None, false));
    assert_eq!(row.last_boot_ms, Some(1234));
    assert_eq!(row.exit.unwrap().summary(), "killed by SIGKILL");
}

#[test]
fn a_damaged_vm_has_a_row_with_its_problem_and_unknown_figures() {
    let mut vm = vm(Phase::Crashed);
    vm.spec = None;
    vm.problem = Some(Problem {
        message: "torn".to_owned(),
        hint: None,
    });
    let row = row(&vm);
    assert_eq!(
        (row.cpus, row.mem_size_mib, row.backend),
        (None, None, None)
    );
    assert_eq!(row.error.as_deref(), Some("torn"));
}

#[test]
fn the_boot_under_way_is_among_the_boots_and_no_boot_is_there_twice() {
    let (_dir, fleet) = fleet();
    std::fs::create_dir_all(fleet.store.root()).unwrap();
    fleet
        .store
        .append_boot(&boot(1, BootResult::Ready))
        .unwrap();
    let mut vm = vm(Phase::Running);
    vm.state.boot = Some(boot(1, BootResult::Ready));
    assert_eq!(fleet.boots(&vm).unwrap().len(), 1);
    vm.state.boot = Some(boot(2, BootResult::Booting));
    let results = |vm: &Vm| -> Vec<_> {
        let boots = fleet.boots(vm).unwrap();
        boots.iter().map(|boot| (boot.id, boot.result)).collect()
    };
    assert_eq!(results(&vm)[1], (2, BootResult::Booting));
    vm.phase = Phase::Crashed;
    assert_eq!(results(&vm)[1], (2, BootResult::Crashed));
}
