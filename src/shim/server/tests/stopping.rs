//! Ends of all kinds, and what is told of them.

use super::bench::{Bench, READY, locally, status};
use super::fake::Launching;
use crate::backends::{MachineEvent, ProcessExit};
use crate::fault::Code;
use crate::shim::protocol::{Answer, Event, ReplayFrom, Request, ServerFrame};
use crate::shim::spawn::Task;
use crate::vm::{BootResult, ExitReason, Phase};

const ONE_SECOND: Request = Request::Stop {
    timeout_ms: Some(1000),
};

#[tokio::test(start_paused = true)]
async fn a_guest_that_does_not_listen_is_ended_by_its_vmm_then_by_a_signal() {
    locally(async {
        for obeys in [true, false] {
            let bench = Bench::new();
            bench.world.obeys_quit.set(obeys);
            let (mut client, shim) = bench.running().await;
            let begun = tokio::time::Instant::now();
            client.call(ONE_SECOND).await.unwrap();
            let took = begun.elapsed().as_millis();
            shim.await.unwrap().unwrap();
            let exit = bench.vm().exit().cloned().unwrap();
            assert_eq!(exit.reason, ExitReason::Stopped);
            let calls = bench.world.calls.borrow().clone();
            if obeys {
                assert_eq!(calls, ["start", "power_button", "quit"]);
                assert!((1000..1500).contains(&took), "{took}");
            } else {
                assert_eq!(calls, ["start", "power_button", "quit", "kill"]);
                assert_eq!(exit.signal, Some(9));
                assert!((3000..3500).contains(&took), "{took}");
            }
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_paused_guest_goes_on_before_it_is_asked_to_power_off() {
    locally(async {
        let bench = Bench::new();
        bench.world.obeys_quit.set(true);
        let (mut client, _shim) = bench.running().await;
        bench.world.agent_says(READY).await;
        client.call(Request::WaitReady).await.unwrap();
        client.call(Request::Pause).await.unwrap();
        client.call(ONE_SECOND).await.unwrap();
        assert_eq!(
            *bench.world.calls.borrow(),
            ["start", "pause", "resume", "quit"]
        );
        assert_eq!(bench.vm().phase, Phase::Stopped);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_operation_at_a_time_and_kill_always() {
    locally(async {
        let bench = Bench::new();
        let (mut first, shim) = bench.running().await;
        bench.world.pausing_hangs.set(true);
        let (mut second, mut third) = (bench.client().await, bench.client().await);
        let pausing = tokio::task::spawn_local(async move { first.call(Request::Pause).await });
        while bench.world.calls.borrow().len() < 2 {
            tokio::task::yield_now().await;
        }
        for request in [
            Request::Pause,
            ONE_SECOND,
            Request::Restart { timeout_ms: None },
        ] {
            assert_eq!(second.call(request).await.unwrap_err().code, Code::Busy);
        }
        // Asking is no operation.
        assert_eq!(status(&mut second).await.phase, Phase::Running);
        third.call(Request::Kill).await.unwrap();
        assert!(
            pausing
                .await
                .unwrap()
                .unwrap_err()
                .message
                .contains("cut short")
        );
        shim.await.unwrap().unwrap();
        assert_eq!(bench.vm().exit().unwrap().reason, ExitReason::Killed);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn kill_during_a_stop_ends_it_at_once_and_both_askers_are_told() {
    locally(async {
        let bench = Bench::new();
        let (mut stopping, shim) = bench.running().await;
        let mut killing = bench.client().await;
        let stop = tokio::task::spawn_local(async move { stopping.call(ONE_SECOND).await });
        while bench.vm().phase != Phase::Stopping {
            tokio::task::yield_now().await;
        }
        let failure = killing.call(ONE_SECOND).await.unwrap_err();
        assert_eq!(failure.code, Code::Busy);
        killing.call(Request::Kill).await.unwrap();
        stop.await.unwrap().unwrap();
        shim.await.unwrap().unwrap();
        assert_eq!(bench.vm().exit().unwrap().reason, ExitReason::Killed);
        assert!(!bench.world.calls.borrow().contains(&"quit"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_keeps_shim_clients_and_offsets() {
    locally(async {
        let bench = Bench::new();
        bench.world.obeys_quit.set(true);
        let (mut client, _shim) = bench.running().await;
        let pid = bench.vm().state.shim;
        bench.world.prints(b"first").await;
        let (mut listener, mut talker) = bench.client().await.split();
        talker
            .say(crate::shim::protocol::ClientFrame::Request {
                id: 1,
                request: Request::Attach {
                    from: ReplayFrom::Boot,
                },
            })
            .await
            .unwrap();
        let restart = Request::Restart {
            timeout_ms: Some(1),
        };
        assert_eq!(client.call(restart).await.unwrap(), Answer::Done);
        bench.world.prints(b"second").await;
        bench.world.agent_says(READY).await;
        client.call(Request::WaitReady).await.unwrap();
        let mut heard = String::new();
        let mut phases = Vec::new();
        while !heard.contains("second") {
            match listener.next().await.unwrap().unwrap() {
                ServerFrame::Output { bytes, .. } => {
                    heard.push_str(std::str::from_utf8(&bytes).unwrap());
                }
                ServerFrame::Event(Event::Phase { phase, .. }) => phases.push(phase),
                _ => {}
            }
        }
        assert_eq!(heard, "firstsecond");
        assert_eq!(phases, [Phase::Stopping, Phase::Starting, Phase::Running]);
        assert_eq!(bench.vm().state.shim, pid);
        let boots: Vec<_> = bench
            .boots()
            .iter()
            .map(|boot| (boot.id, boot.result, boot.console_offset))
            .collect();
        assert_eq!(
            boots,
            [(1, BootResult::Stopped, 0), (2, BootResult::Ready, 5)]
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_whose_second_half_fails_is_a_failed_start() {
    locally(async {
        let bench = Bench::new();
        bench.world.obeys_quit.set(true);
        let (mut client, shim) = bench.running().await;
        bench.world.launching.set(Some(Launching::DiesEarly));
        let restart = Request::Restart {
            timeout_ms: Some(1),
        };
        let failure = client.call(restart).await.unwrap_err();
        assert!(failure.message.contains("no such machine"), "{failure}");
        shim.await.unwrap().unwrap();
        assert_eq!(bench.vm().exit().unwrap().reason, ExitReason::StartFailed);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_vmms_own_reason_is_heard_even_when_its_end_comes_first() {
    locally(async {
        let bench = Bench::new();
        let (mut client, _shim) = bench.running().await;
        // The last output and the reason are on their way while the process is gone already.
        let events = bench.world.events.borrow().clone().unwrap();
        bench.world.prints(b"reboot: machine restart").await;
        bench.world.end(ProcessExit::Code(0));
        let tell = async {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            let ending = MachineEvent::Ending(ExitReason::GuestReset);
            events.send(ending).await.unwrap();
        };
        let (answer, ()) = tokio::join!(client.call(Request::WaitExit), tell);
        let Ok(Answer::Status(status)) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(status.exit.unwrap().reason, ExitReason::GuestReset);
        assert_eq!(status.console_end, 23);
        assert_eq!(bench.vm().phase, Phase::Stopped);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn pauses_by_others_are_shown_and_waiting_for_ready_fails_when_the_vm_ends() {
    locally(async {
        let bench = Bench::new();
        let (mut client, _shim) = bench.running().await;
        let events = bench.world.events.borrow().clone().unwrap();
        events.send(MachineEvent::Paused).await.unwrap();
        while status(&mut client).await.phase != Phase::Paused {}
        events.send(MachineEvent::Resumed).await.unwrap();
        while status(&mut client).await.phase != Phase::Running {}
        drop(events);
        let end = async { bench.world.end(ProcessExit::Code(3)) };
        let (ready, ()) = tokio::join!(client.call(Request::WaitReady), end);
        assert_eq!(ready.unwrap_err().code, Code::NotRunning);
        let exit = bench.vm().exit().cloned().unwrap();
        assert_eq!((exit.reason, exit.code), (ExitReason::VmmError, Some(3)));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_next_shim_can_start_the_vm_again() {
    locally(async {
        let bench = Bench::new();
        for boot in 1..4 {
            let (mut client, shim) = bench.running().await;
            bench.world.prints(b"12345").await;
            client.call(Request::Kill).await.unwrap();
            shim.await.unwrap().unwrap();
            assert_eq!(bench.vm().state.boot.unwrap().id, boot);
        }
        let offsets: Vec<_> = bench
            .boots()
            .iter()
            .map(|boot| boot.console_offset)
            .collect();
        assert_eq!(offsets, [0, 5, 10]);
        // Adopting what has ended is refused.
        let failure = bench.shim(Task::Adopt).await.await.unwrap().unwrap_err();
        assert_eq!(failure.code, Code::NotRunning);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_reset_right_after_a_panic_is_a_panic_and_any_other_reset_is_none() {
    locally(async {
        let panic = "[ 9.1] ---[ end Kernel panic - not syncing: no init ]---\r\n";
        let long_ago = format!("{panic}{}", "and life went on\r\n".repeat(200));
        for (last, reason) in [
            ("reboot: Restarting system\r\n", ExitReason::GuestReset),
            (panic, ExitReason::GuestPanic),
            (&long_ago, ExitReason::GuestReset),
        ] {
            let bench = Bench::new();
            let (_client, shim) = bench.running().await;
            bench.world.prints(last.as_bytes()).await;
            let events = bench.world.events.borrow().clone().unwrap();
            let ending = MachineEvent::Ending(ExitReason::GuestReset);
            events.send(ending).await.unwrap();
            bench.world.end(ProcessExit::Code(0));
            shim.await.unwrap().unwrap();
            assert_eq!(bench.vm().exit().unwrap().reason, reason, "{last}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn figures_are_asked_for_only_when_somebody_wants_them_and_once_for_all_who_do() {
    locally(async {
        let bench = Bench::new();
        let (mut client, _shim) = bench.running().await;
        client.call(Request::Pause).await.unwrap();
        assert_eq!(*bench.world.calls.borrow(), ["start", "pause"]);
        let mut other = bench.client().await;
        let (one, two) = tokio::join!(client.call(Request::Figures), other.call(Request::Figures));
        assert_eq!(one.unwrap(), Answer::Figures(Box::default()));
        assert_eq!(two.unwrap(), Answer::Figures(Box::default()));
        let asked = bench
            .world
            .calls
            .borrow()
            .iter()
            .filter(|&&call| call == "figures")
            .count();
        assert!((1..=2).contains(&asked), "{asked}");
        client.call(Request::Kill).await.unwrap();
    })
    .await;
}
