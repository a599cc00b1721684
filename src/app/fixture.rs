//! A dashboard for tests: VMs in every phase, with figures and boots that are always the same.

mod host;

use std::time::Duration;

use super::effect::Effect;
use super::keymap::Keymap;
use super::message::{Message, SessionEvent};
use super::metrics::Count;
use super::now::Now;
use super::state::{Modal, State};
use super::update::update;
use crate::config::Config;
use crate::console::{Size, Terminal};

use crate::sampler::{Sample, VcpuTimes};
pub(crate) use host::{acceptable, examine, name_taken, report};

use crate::vm::{
    Accel, BackendKind, BalloonFigures, BlockFigures, BootPhase, BootPhases, BootRecord,
    BootResult, Exit, ExitReason, Figures, ImageRef, NetworkMode, Phase, Problem, ProcessId,
    SerialFigures, Vm, VmName, VmSpec, VmState,
};

/// The wall clock at the start of every test.
const START: &str = "2026-05-04T10:00:00Z";

/// The moment so many seconds after the start.
pub(crate) fn at(seconds: f64) -> Now {
    let mono = Duration::from_secs_f64(seconds);
    let start: jiff::Timestamp = START.parse().unwrap();
    Now {
        mono,
        wall: start + mono,
    }
}

/// The key that is written so.
pub(crate) fn key(text: &str) -> Message {
    Message::Key(text.parse().unwrap())
}

/// A VM's name.
pub(crate) fn name(text: &str) -> VmName {
    text.parse().unwrap()
}

/// A dashboard that knows of no VM yet.
pub(crate) fn empty(size: (u16, u16)) -> State {
    let config = Config::default();
    let keymap = Keymap::new(&config).unwrap();
    let mut state = State::new(config, keymap, size);
    state.now = at(0.0);
    state
}

/// A dashboard with a VM in each phase, `web` selected, two seconds after the start.
pub(crate) fn fleet(size: (u16, u16)) -> State {
    let mut state = empty(size);
    let mut vms: Vec<Vm> = [
        vm("api", Phase::Created),
        vm("build-2", Phase::Stopped),
        vm("cache", Phase::Paused),
        vm("db", Phase::Crashed),
        vm("queue", Phase::Stopping),
        vm("web", Phase::Running),
        vm("worker", Phase::Starting),
    ]
    .into();
    let mut damaged = vm("zoo", Phase::Crashed);
    damaged.spec = None;
    damaged.problem = Some(Problem {
        message: "`spec.toml` has version 9, this program reads up to 1".to_owned(),
        hint: Some("use a newer smolvm-tui".to_owned()),
    });
    vms.push(damaged);
    send(&mut state, 0.0, Message::Vms(Ok(vms)));
    let offered = Message::Offered {
        name: Some("calm-otter".to_owned()),
        images: vec!["tiny".to_owned()],
    };
    send(&mut state, 0.0, offered);
    while state.selected != Some(name("web")) {
        send(&mut state, 0.0, key("down"));
    }
    for second in 0..40 {
        let busy = f64::from(second % 10) * 9.0;
        let sample = Sample {
            cpu_percent: Some(busy + 3.4),
            guest_percent: Some(busy),
            vmm_percent: Some(3.4),
            rss: Some(131 << 20),
            guest_memory: Some(84 << 20),
            vcpus: None,
        };
        let samples = vec![(name("web"), sample)];
        send(&mut state, 2.0, Message::Samples(samples));
    }
    state
}

/// Has the page of metrics shown, and the VMM of the selected VM answer forty times.
pub(crate) fn counted(state: &mut State) {
    press(state, "6");
    let name = state.selected.clone().unwrap();
    for second in 0..40_u64 {
        let busy = second % 10;
        let n = second * 1000 + busy * 90;
        let count = Count {
            at: Duration::from_secs(second),
            figures: Figures {
                exits: [("io_in", n), ("io_out", 12 * n), ("mmio_write", n / 7)]
                    .map(|(kind, count)| (kind.to_owned(), count))
                    .into(),
                block: Some(BlockFigures {
                    read_bytes: Some(n * 4096),
                    write_bytes: Some(n * 512),
                    reads: Some(n),
                    writes: Some(n / 8),
                    flushes: None,
                }),
                serial: Some(SerialFigures {
                    reads: Some(second),
                    writes: Some(n),
                    errors: Some(0),
                }),
                balloon: Some(BalloonFigures {
                    target_bytes: Some(0),
                    actual_bytes: Some(0),
                    free_bytes: Some(140 << 20),
                    available_bytes: Some(150 << 20),
                    total_bytes: Some(240 << 20),
                }),
                ..Figures::default()
            },
            vcpus: vec![Some(VcpuTimes {
                total: Duration::from_millis(second * 450 + busy * 20),
                system: Duration::from_millis(second * 12),
            })],
        };
        send(
            state,
            2.0,
            Message::Counted(name.clone(), Ok(Box::new(count))),
        );
    }
}

/// A guest on Firecracker that has run for twelve seconds without a word, its vCPU in the kernel.
pub(crate) fn silent(state: &mut State) {
    let mut vm = vm("web", Phase::Running);
    vm.state.accel = Some(Accel::Kvm);
    vm.state.backend = Some(BackendKind::Firecracker);
    vm.state.accel_reason = None;
    vm.state.ready = false;
    let boot = vm.state.boot.as_mut().unwrap();
    boot.phases = BootPhases::default();
    boot.result = BootResult::Booting;
    boot.phases.stamp(BootPhase::Started, 0);
    send(state, 2.0, Message::Vm(name("web"), Some(Box::new(vm))));
    let sample = Sample {
        cpu_percent: Some(100.0),
        guest_percent: Some(99.0),
        vmm_percent: Some(1.0),
        rss: Some(30 << 20),
        guest_memory: Some(12 << 20),
        vcpus: Some(VcpuTimes {
            total: Duration::from_millis(11_900),
            system: Duration::from_millis(11_600),
        }),
    };
    send(state, 12.0, Message::Samples(vec![(name("web"), sample)]));
}

/// Has the dashboard take a message in, so many seconds after the start.
pub(crate) fn send(state: &mut State, seconds: f64, message: Message) -> Vec<Effect> {
    update(state, at(seconds), message)
}

/// Has it take in keys, one after the other, at the time that it has.
pub(crate) fn press(state: &mut State, keys: &str) -> Vec<Effect> {
    let now = state.now;
    keys.split(' ')
        .flat_map(|text| update(state, now, key(text)))
        .collect()
}

/// A VM in that phase.
pub(crate) fn vm(text: &str, phase: Phase) -> Vm {
    let mut state = VmState {
        phase,
        ..VmState::default()
    };
    if phase != Phase::Created {
        state.backend = Some(BackendKind::Qemu);
        state.accel = Some(Accel::Tcg);
        state.accel_reason = Some("KVM here emulates kernel code".to_owned());
        state.boot = Some(boot(3, phase));
        state.argv = argv(text);
    }
    if phase.is_live() {
        state.vmm = Some(process(4242));
        state.shim = Some(process(4241));
        state.ready = phase != Phase::Starting;
        state.vcpu_threads = vec![4243];
    } else if phase != Phase::Created {
        let (reason, signal) = match phase {
            Phase::Crashed => (ExitReason::Signal, Some(9)),
            _ => (ExitReason::GuestShutdown, None),
        };
        state.exit = Some(Exit {
            reason,
            code: None,
            signal,
            meaning: None,
            at: Some(START.parse().unwrap()),
            detail: None,
        });
    }
    if phase == Phase::Stopping {
        state.activity = Some("waiting for the guest to power off".to_owned());
    }
    Vm {
        name: name(text),
        spec: Some(spec()),
        state,
        phase,
        has_shim: phase.is_live(),
        state_lost: false,
        problem: None,
    }
}

fn process(pid: u32) -> ProcessId {
    ProcessId {
        pid,
        start_time: 77,
    }
}

fn argv(name: &str) -> Vec<String> {
    let words =
        "/usr/bin/qemu-system-x86_64 -nodefaults -machine q35,accel=tcg -m 256 -smp 1 -append";
    let mut argv: Vec<String> = words.split(' ').map(str::to_owned).collect();
    argv.push(format!("console=ttyS0 reboot=t smolvm.name={name}"));
    argv
}

fn spec() -> VmSpec {
    VmSpec {
        created_at: START.parse().unwrap(),
        image: Some(ImageRef {
            name: "tiny".to_owned(),
            digest: "9f86d081884c7d659a2feaa0c55ad015".to_owned(),
        }),
        network: NetworkMode::User,
        publish: vec!["8080:80".parse().unwrap()],
        ..VmSpec::sample("0a1b2c3d")
    }
}

/// The boot with that number; of a VM that starts it came as far as the kernel.
pub(crate) fn boot(id: u64, phase: Phase) -> BootRecord {
    let mut phases = BootPhases::default();
    let offsets = [0, 61_200, 65_900, 154_000, 213_000, 640_000, 812_000];
    let came = if phase == Phase::Starting { 5 } else { 7 };
    for (milestone, offset) in BootPhase::ALL.into_iter().zip(offsets).take(came) {
        phases.stamp(milestone, offset + offset * (id % 3) / 10);
    }
    BootRecord {
        vm_id: "0a1b2c3d".to_owned(),
        at: START.parse().unwrap(),
        result: match phase {
            Phase::Starting => BootResult::Booting,
            _ => BootResult::Ready,
        },
        phases,
        boot_args: "console=ttyS0".to_owned(),
        ..BootRecord::sample(id)
    }
}

/// Fills the terminal of the command that mends the host.
pub(crate) fn mending_says(state: &mut State, bytes: &[u8]) {
    let Some(Modal::Mend(mend)) = state.modals.last_mut() else {
        panic!("nothing is mended");
    };
    let mut terminal = Terminal::new(mend.size, 100);
    terminal.feed(bytes);
    terminal.view(0, &mut mend.screen);
}

/// Fills the console of the selected VM as if its shim had sent these bytes.
pub(crate) fn console_says(state: &mut State, bytes: &[u8]) {
    let size = state.console.size.unwrap_or(Size::DEFAULT);
    let mut terminal = Terminal::new(size, 100);
    terminal.feed(bytes);
    terminal.view(state.console.offset, &mut state.console.screen);
    let live = Message::Session(state.console.session, SessionEvent::Live);
    let now = state.now;
    update(state, now, live);
}
