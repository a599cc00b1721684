//! Starts, boot phases and what the history keeps.

use super::bench::{Bench, READY, locally, status};
use super::fake::Launching;
use crate::backends::{MachineEvent, ProcessExit};
use crate::fault::Code;
use crate::shim::protocol::{Answer, Event, Request, ServerFrame};
use crate::shim::spawn::Task;
use crate::vm::{BootPhase, BootResult, ExitReason, Phase};

#[tokio::test(start_paused = true)]
async fn a_boot_is_stamped_told_and_kept_and_ends_on_request() {
    locally(async {
        let bench = Bench::new();
        let (mut client, shim) = bench.running().await;
        let vm = bench.vm();
        assert_eq!((vm.phase, vm.has_shim), (Phase::Running, true));
        assert!(bench.store.lock(&bench.name).unwrap().is_none());
        bench
            .world
            .prints(b"[    0.000000] Linux version 6.1.0\r\n[ 1.0] Run /init as init process\r\n")
            .await;
        bench.world.agent_says(READY).await;
        client.call(Request::WaitReady).await.unwrap();
        assert!(status(&mut client).await.ready);
        let boot = bench.boots().pop().unwrap();
        assert_eq!((boot.id, boot.result), (1, BootResult::Ready));
        let phases: Vec<_> = boot.phases.iter().map(|(phase, _)| phase).collect();
        assert_eq!(phases, BootPhase::ALL);
        assert_eq!(boot.phases.get(BootPhase::Spawned), Some(0));
        assert_eq!(boot.boot_args, "console=ttyS0");
        assert_eq!(boot.versions.vmm.as_deref(), Some("1.2.3"));
        let stages: Vec<_> = boot.guest_stages.iter().collect();
        assert_eq!(stages, [("init", 10), ("shell", 20)]);

        let mut other = bench.client().await;
        let world = &bench.world;
        let guest = async {
            assert_eq!(world.agent_hears().await, r#"{"say":"power_off"}"#);
            assert_eq!(bench.vm().phase, Phase::Stopping);
            let events = world.events.borrow().clone().unwrap();
            let ending = MachineEvent::Ending(ExitReason::GuestShutdown);
            events.send(ending).await.unwrap();
            drop(events);
            world.end(ProcessExit::Code(0));
        };
        let stop = client.call(Request::Stop { timeout_ms: None });
        let (answer, ()) = tokio::join!(stop, guest);
        let Answer::Status(status) = answer.unwrap() else {
            panic!()
        };
        assert_eq!(status.exit.unwrap().reason, ExitReason::Stopped);
        // Who hears of the end can start again at once.
        assert!(bench.store.lock(&bench.name).unwrap().is_some());
        assert!(!bench.run_dir().exists());
        let vm = bench.vm();
        assert_eq!(vm.phase, Phase::Stopped);
        assert_eq!((vm.state.vmm, vm.state.shim), (None, None));
        assert!(bench.store.paths(&bench.name).last_screen.exists());
        assert_eq!(bench.boots().len(), 1);
        assert!(other.call(Request::WaitExit).await.is_err());
        shim.await.unwrap().unwrap();
        assert_eq!(*world.calls.borrow(), ["start"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_may_take_minutes_to_copy_and_counts_for_no_deadline() {
    locally(async {
        let bench = Bench::new();
        bench.world.launching.set(Some(Launching::CopiesLong));
        let (mut client, _shim) = bench.running().await;
        assert_eq!(status(&mut client).await.phase, Phase::Running);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_vmm_that_dies_early_fails_the_start_with_its_words() {
    locally(async {
        for launching in [Launching::DiesEarly, Launching::RefusesToStart] {
            let bench = Bench::new();
            bench.world.launching.set(Some(launching));
            let shim = bench.shim(Task::Start).await;
            // The failure may have come before we connect: the shim waits for us.
            let mut client = bench.client().await;
            let failure = client.call(Request::WaitRunning).await.unwrap_err();
            assert_eq!(failure.code, Code::RuntimeError);
            shim.await.unwrap().unwrap();
            let vm = bench.vm();
            assert_eq!(vm.phase, Phase::Crashed);
            let exit = vm.exit().unwrap();
            assert_eq!(exit.reason, ExitReason::StartFailed);
            assert_eq!(exit.detail.as_ref(), Some(&failure.message));
            if launching == Launching::DiesEarly {
                assert!(failure.message.contains("no such machine"), "{failure}");
            }
            assert_eq!(bench.boots()[0].result, BootResult::Failed);
            assert!(!bench.run_dir().exists());
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_without_anybody_to_tell_ends_the_shim_too() {
    locally(async {
        let bench = Bench::new();
        bench.world.launching.set(Some(Launching::DiesEarly));
        bench.shim(Task::Start).await.await.unwrap().unwrap();
        assert_eq!(bench.vm().phase, Phase::Crashed);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stuck_launch_can_be_killed_and_leaves_nothing() {
    locally(async {
        let bench = Bench::new();
        bench.world.launching.set(Some(Launching::Hangs));
        let shim = bench.shim(Task::Start).await;
        bench.world.launched().await;
        let (mut waiting, mut killing) = (bench.client().await, bench.client().await);
        let (waited, killed) = tokio::join!(
            waiting.call(Request::WaitRunning),
            killing.call(Request::Kill)
        );
        killed.unwrap();
        assert_eq!(waited.unwrap_err().code, Code::NotRunning);
        assert_eq!(bench.world.dropped.get(), 1);
        shim.await.unwrap().unwrap();
        let vm = bench.vm();
        assert_eq!(vm.phase, Phase::Stopped);
        assert_eq!(vm.exit().unwrap().reason, ExitReason::Killed);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_launch_that_never_ends_fails_at_its_deadline() {
    locally(async {
        let bench = Bench::new();
        bench.world.launching.set(Some(Launching::Hangs));
        let shim = bench.shim(Task::Start).await;
        let failure = bench.client().await.call(Request::WaitRunning).await;
        assert_eq!(failure.unwrap_err().code, Code::Timeout);
        shim.await.unwrap().unwrap();
        assert_eq!(bench.world.dropped.get(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_pattern_says_ready_for_guests_without_agent() {
    locally(async {
        let bench = Bench::with(|spec| spec.ready_pattern = Some("^[a-z]+ login: $".to_owned()));
        let (mut client, _shim) = bench.running().await;
        let mut talking = bench.client().await;
        for piece in ["\x1b[1mDebian\r\nho", "st lo", "gin:", "\x1b[0m "] {
            bench.world.prints(piece.as_bytes()).await;
            assert!(!status(&mut talking).await.ready || piece == "\x1b[0m ");
        }
        client.call(Request::WaitReady).await.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_second_shim_is_told_that_the_vm_is_looked_after() {
    locally(async {
        let bench = Bench::new();
        let (_client, _shim) = bench.running().await;
        for task in [Task::Start, Task::Adopt] {
            let failure = bench.shim(task).await.await.unwrap().unwrap_err();
            assert_eq!(failure.code, Code::Busy);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_takes_no_state_does_not_end_the_vm_and_the_next_change_is_written() {
    locally(async {
        let bench = Bench::new();
        let (mut client, _shim) = bench.running().await;
        // Where the state is written first stands something else.
        let obstacle = bench.store.paths(&bench.name).dir.join("state.json.new");
        std::fs::create_dir(&obstacle).unwrap();
        client.call(Request::Pause).await.unwrap();
        let told = status(&mut client).await;
        assert_eq!(told.phase, Phase::Paused);
        let unsaved = told.unsaved.unwrap();
        assert!(unsaved.message.contains("state.json"), "{unsaved}");
        assert_eq!(bench.vm().phase, Phase::Running);
        std::fs::remove_dir(&obstacle).unwrap();
        // Nothing else happens to the VM.
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        assert_eq!(bench.vm().phase, Phase::Paused);
        assert_eq!(status(&mut client).await.unsaved, None);
    })
    .await;
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_full_disk_takes_the_state_in_the_room_that_the_last_one_had() {
    locally(async {
        let bench = Bench::new();
        let (mut client, shim) = bench.running().await;
        let new = bench.store.paths(&bench.name).dir.join("state.json.new");
        let fill = || std::os::unix::fs::symlink("/dev/full", &new).unwrap();
        fill();
        client.call(Request::Pause).await.unwrap();
        assert_eq!(bench.vm().phase, Phase::Paused);
        assert_eq!(status(&mut client).await.unsaved, None);
        fill();
        client.call(Request::Resume).await.unwrap();
        assert_eq!(bench.vm().phase, Phase::Running);
        fill();
        client.call(Request::Kill).await.unwrap();
        shim.await.unwrap().unwrap();
        assert_eq!(bench.vm().exit().unwrap().reason, ExitReason::Killed);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_state_that_somebody_tore_is_written_anew_when_the_shim_is_asked() {
    locally(async {
        let bench = Bench::new();
        let (mut client, _shim) = bench.running().await;
        let before = bench.vm();
        let path = bench.store.paths(&bench.name).state;
        for damage in ["{\"version\":1,", "", "{\"version\":99}"] {
            std::fs::write(&path, damage).unwrap();
            assert!(bench.vm().problem.is_some());
            status(&mut client).await;
            assert_eq!(bench.vm(), before);
        }
        std::fs::remove_file(&path).unwrap();
        status(&mut client).await;
        assert_eq!(bench.vm(), before);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn every_client_hears_of_phases_without_asking() {
    locally(async {
        let bench = Bench::new();
        let (_client, _shim) = bench.running().await;
        let (mut listener, _talker) = bench.client().await.split();
        bench.world.prints(b"x").await;
        bench.world.end(ProcessExit::Signal(9));
        let mut heard = Vec::new();
        while let Some(frame) = listener.next().await.unwrap() {
            heard.push(frame);
        }
        assert!(matches!(
            &heard[..],
            [
                ServerFrame::Event(Event::Boot {
                    phase: BootPhase::FirstByte,
                    console: 0,
                    ..
                }),
                ServerFrame::Event(Event::Phase {
                    phase: Phase::Crashed,
                    exit: Some(_),
                }),
            ]
        ));
        let exit = bench.vm().exit().cloned().unwrap();
        assert_eq!((exit.reason, exit.signal), (ExitReason::Signal, Some(9)));
        assert_eq!(bench.boots()[0].result, BootResult::Crashed);
    })
    .await;
}
