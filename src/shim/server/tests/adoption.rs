//! A new shim takes over where the last one died.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;

use tokio::net::UnixStream;

use super::bench::{Bench, READY, locally, output, status};
use crate::backends::{Line, ProcessExit};
use crate::shim::log::Reader;
use crate::shim::protocol::{ClientFrame, ReplayFrom, Request};
use crate::shim::server::console::Console;
use crate::shim::server::gap::Gap;
use crate::shim::spawn::Task;
use crate::vm::{BootPhase, BootResult, ExitReason, Phase, ProcessId, VmState, process};

/// What the VMM's `logfile=` does.
fn vmm_logs(bench: &Bench, bytes: &[u8]) {
    let mut options = std::fs::File::options();
    options.append(true).create(true);
    let path = bench.store.paths(&bench.name).gap_log;
    options.open(path).unwrap().write_all(bytes).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_new_shim_takes_over_with_all_that_was_printed_meanwhile() {
    locally(async {
        let bench = Bench::new();
        let (mut client, shim) = bench.running().await;
        bench.world.prints(b"Linux version 6.1\r\n").await;
        vmm_logs(&bench, b"Linux version 6.1\r\n");
        while status(&mut client).await.console_end < 19 {}
        // As a kill: nothing is written, nobody is told, and the VMM lives on.
        let (serial, agent) = (bench.world.serial.take(), bench.world.agent.take());
        shim.abort();
        let _ = shim.await;
        assert_eq!(bench.vm().phase, Phase::Running);
        assert_eq!(bench.vm().exit(), None);
        drop((client, serial, agent));
        vmm_logs(&bench, b"missed \x1b[6n");
        vmm_logs(&bench, &vec![b'.'; 100_000]);

        let shim = bench.shim(Task::Adopt).await;
        let hello = bench.world.agent_line().await;
        assert!(hello.starts_with(r#"{"say":"hello","protocol":2,"session":"#));
        let mut client = bench.client().await;
        assert_eq!(status(&mut client).await.console_end, 19 + 11 + 100_000);
        vmm_logs(&bench, b"live");
        bench.world.prints(b"live").await;
        let (mut listener, mut talker) = bench.client().await.split();
        let request = Request::Attach {
            from: ReplayFrom::Boot,
        };
        talker
            .say(ClientFrame::Request { id: 1, request })
            .await
            .unwrap();
        let (bytes, missed) = output(&mut listener, 0, 100_034).await;
        assert_eq!(missed, 0);
        assert!(bytes.starts_with(b"Linux version 6.1\r\nmissed \x1b[6n.."));
        assert!(bytes.ends_with(b"..live"));
        // What came meanwhile has no time of its own, and the log says so.
        let log = Reader::open(&bench.store.paths(&bench.name)).unwrap();
        let missed = [18, 19, 100_029, 100_030].map(|at| log.when(at).unwrap().missed);
        assert_eq!(missed, [false, true, true, false]);
        // The query was stale: what is typed is the first that the guest reads.
        talker.say(ClientFrame::Input(b"x".to_vec())).await.unwrap();
        assert_eq!(bench.world.reads(1).await, b"x");

        // It says that it is ready; since when nobody knows.
        bench.world.agent_says(READY).await;
        client.call(Request::WaitReady).await.unwrap();
        let boot = bench.boots().pop().unwrap();
        assert_eq!(boot.result, BootResult::Ready);
        assert!(boot.phases.get(BootPhase::Kernel).is_some());
        assert_eq!(boot.phases.get(BootPhase::Ready), None);

        let end = async { bench.world.end(ProcessExit::Unseen) };
        let (ended, ()) = tokio::join!(client.call(Request::WaitExit), end);
        ended.unwrap();
        shim.await.unwrap().unwrap();
        assert_eq!(bench.vm().exit().unwrap().reason, ExitReason::Unknown);
        assert_eq!(bench.boots().len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_vm_that_was_paused_is_adopted_paused() {
    locally(async {
        let bench = Bench::new();
        let (mut client, shim) = bench.running().await;
        client.call(Request::Pause).await.unwrap();
        shim.abort();
        let _ = shim.await;
        bench.world.is_paused.set(true);
        let _shim = bench.shim(Task::Adopt).await;
        assert_eq!(status(&mut bench.client().await).await.phase, Phase::Paused);
    })
    .await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_vmm_whose_shim_died_while_it_started_it_is_ended_and_that_is_told() {
    locally(async {
        let bench = Bench::new();
        let mut vmm = std::process::Command::new("sleep");
        let mut vmm = vmm.arg("1000").spawn().unwrap();
        let state = VmState {
            phase: Phase::Starting,
            vmm: ProcessId::of(vmm.id()),
            host_boot: process::host_boot_id(),
            ..VmState::default()
        };
        let lock = bench.store.lock(&bench.name).unwrap().unwrap();
        bench.store.save_state(&lock, &state).unwrap();
        drop(lock);
        assert!(bench.vm().is_orphan());
        let failure = bench.shim(Task::Adopt).await.await.unwrap().unwrap_err();
        assert!(failure.message.contains("start interrupted"), "{failure}");
        assert_eq!(vmm.wait().unwrap().signal(), Some(9));
        assert_eq!(bench.vm().phase, Phase::Crashed);
        let reason = bench.vm().exit().unwrap().reason;
        assert_eq!(reason, ExitReason::StartInterrupted);
    })
    .await;
}

/// Console, gap log and serial line of a VM, without a shim.
fn adopted(bench: &Bench) -> (Console, Gap, Line, UnixStream) {
    let paths = bench.store.paths(&bench.name);
    let mut console = Console::open(&paths).unwrap();
    let mut gap = Gap::new(&paths, console.end());
    gap.begin(&mut console).unwrap();
    let (line, guest) = UnixStream::pair().unwrap();
    (console, gap, line.into(), guest)
}

#[tokio::test]
async fn what_the_line_delivers_during_an_adoption_counts_once() {
    let bench = Bench::new();
    let mut random = fastrand::Rng::with_seed(7);
    let mut truth: Vec<u8> = Vec::new();
    let (mut console, mut gap, ..) = adopted(&bench);
    for round in 0..50 {
        let (line, guest) = UnixStream::pair().unwrap();
        let line = Line::from(line);
        let mut print = |length: usize, listened: bool, console: Option<&mut Console>| {
            let bytes: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
            if listened {
                assert_eq!(guest.try_write(&bytes).unwrap(), length);
            }
            vmm_logs(&bench, &bytes);
            truth.extend(&bytes);
            if let Some(console) = console {
                console.take(&bytes, 0);
            }
        };
        guest.writable().await.unwrap();
        // Seen by the shim before, then by nobody, then by the line of the adoption.
        print(1000 + round, false, Some(&mut console));
        print(round * 100, false, None);
        print(round * 7 % 50, true, None);
        gap.catch_up(&mut console, &line, 0);
        assert_eq!(console.end(), truth.len() as u64);
    }
    let log = std::fs::read(bench.store.paths(&bench.name).console_log).unwrap();
    assert!(log == truth);
}

#[tokio::test]
async fn the_gap_log_stays_short_on_disk_and_its_offsets_stay_right() {
    let bench = Bench::new();
    let path = bench.store.paths(&bench.name).gap_log;
    let (mut console, mut gap, line, _guest) = adopted(&bench);
    for round in 0..40u8 {
        let bytes = vec![round; 256 * 1024];
        vmm_logs(&bench, &bytes);
        console.take(&bytes, 0);
        gap.trim(&mut console);
    }
    let blocks = std::fs::metadata(&path).unwrap().blocks() * 512;
    assert!(blocks <= 2 << 20, "{blocks} bytes on disk");
    vmm_logs(&bench, b"missed");
    gap.catch_up(&mut console, &line, 0);
    assert_eq!(console.end(), 40 * 256 * 1024 + 6);
    let log = std::fs::read(bench.store.paths(&bench.name).console_log).unwrap();
    assert!(log.ends_with(b"missed"));
}

#[tokio::test]
async fn a_byte_that_the_vmm_logs_twice_shifts_nothing_in_an_adoption() {
    let bench = Bench::new();
    let (mut console, mut gap, line, _guest) = adopted(&bench);
    let mut random = fastrand::Rng::with_seed(8);
    let seen: Vec<u8> = (0..10_000).map(|_| random.u8(..)).collect();
    console.take(&seen, 0);
    vmm_logs(&bench, &seen[..5000]);
    vmm_logs(&bench, &seen[4999..]);
    for missed in ["missed", "and more"] {
        vmm_logs(&bench, missed.as_bytes());
        gap.catch_up(&mut console, &line, 0);
    }
    assert_eq!(console.end(), 10_014);
    let log = std::fs::read(bench.store.paths(&bench.name).console_log).unwrap();
    assert!(log.ends_with(b"missedand more"));
}
