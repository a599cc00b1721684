//! With the real QEMU, and with programs that behave as badly as one can.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::*;
use crate::backends::{Line, Machine, MachineEvent, ProcessExit, canary, sample};
use crate::vm::{Accel, ExitReason, PortForward};

const LONG: Duration = Duration::from_mins(1);

/// A launch of the canary in a directory of its own.
fn canary_in(root: &Path) -> Launch {
    let mut launch = sample::launch(root);
    launch.program = program(launch.spec.arch).unwrap();
    launch.spec.mem_size_mib = 64;
    launch.initrd = None;
    launch.kernel = root.join("canary");
    canary::write(launch.spec.arch, &launch.kernel).unwrap();
    std::fs::create_dir_all(&launch.paths.dir).unwrap();
    std::fs::create_dir_all(&launch.run_dir).unwrap();
    launch
}

/// A launch of a shell script in QEMU's place.
fn impostor(root: &Path, script: &str) -> Launch {
    let mut launch = canary_in(root);
    launch.program = root.join("qemu-impostor");
    std::fs::write(&launch.program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&launch.program, PermissionsExt::from_mode(0o755)).unwrap();
    launch
}

async fn run(launch: &Launch) -> Result<Launched<QemuMachine>, BackendError> {
    timeout(LONG, Qemu.launch(launch, &mut |_| {}))
        .await
        .unwrap()
}

async fn expect(line: &mut Line, text: &str) {
    let mut seen = Vec::new();
    let read = async {
        while !String::from_utf8_lossy(&seen).contains(text) {
            assert!(line.read_buf(&mut seen).await.unwrap() > 0, "{seen:?}");
        }
    };
    timeout(LONG, read).await.unwrap();
}

/// How the guest ends. That it halts and goes on at our request is no news.
async fn ending(launched: &mut Launched<QemuMachine>) -> Option<ExitReason> {
    match timeout(LONG, launched.events.recv()).await.unwrap() {
        Some(MachineEvent::Ending(reason)) => Some(reason),
        Some(other) => panic!("{other:?}"),
        None => None,
    }
}

#[tokio::test]
async fn a_guest_boots_talks_halts_goes_on_and_powers_off() {
    let dir = tempfile::tempdir().unwrap();
    let mut launch = canary_in(dir.path());
    launch.spec.vcpu_count = 2;
    let mut phases = Vec::new();
    let mut launched = timeout(LONG, Qemu.launch(&launch, &mut |phase| phases.push(phase)))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(phases, [BootPhase::Spawned, BootPhase::VmmReady]);
    assert!(launched.process.is_alive());
    assert_eq!(launched.vcpu_threads.len(), 2);
    assert!(
        launched
            .version
            .as_deref()
            .is_some_and(|version| version.contains('.'))
    );
    assert_eq!(launched.argv[0], launch.program.to_str().unwrap());
    assert!(launched.agent.is_some());
    for name in ["serial.sock", "qmp.sock", "agent.sock"] {
        let mode = std::fs::metadata(launch.run_dir.join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }

    let machine = launched.machine.clone();
    assert!(
        machine.is_paused().await.unwrap(),
        "nothing runs before `start`"
    );
    machine.start().await.unwrap();
    expect(&mut launched.serial, "smolvm-tui canary\r\n").await;
    launched.serial.write_all(b"a").await.unwrap();
    expect(&mut launched.serial, "a").await;
    machine.pause().await.unwrap();
    assert!(machine.is_paused().await.unwrap());
    machine.resume().await.unwrap();
    launched
        .serial
        .write_all(&[canary::POWER_OFF])
        .await
        .unwrap();
    assert_eq!(ending(&mut launched).await, Some(ExitReason::GuestShutdown));
    assert_eq!(
        timeout(LONG, launched.exit).await.unwrap(),
        ProcessExit::Code(0)
    );
    assert_eq!(
        std::fs::read(&launch.paths.gap_log).unwrap(),
        b"smolvm-tui canary\r\na"
    );
    assert!(matches!(
        machine.pause().await,
        Err(BackendError::Disconnected { .. })
    ));
    machine.kill().unwrap();
}

#[tokio::test]
async fn a_reset_ends_the_vm_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut launched = run(&canary_in(dir.path())).await.unwrap();
    launched.machine.start().await.unwrap();
    expect(&mut launched.serial, "smolvm-tui canary\r\n").await;
    launched.serial.write_all(&[canary::RESET]).await.unwrap();
    assert_eq!(ending(&mut launched).await, Some(ExitReason::GuestReset));
    assert_eq!(
        timeout(LONG, launched.exit).await.unwrap(),
        ProcessExit::Code(0)
    );
}

#[tokio::test]
async fn quit_and_kill_end_the_vmm_each_in_its_way() {
    let dir = tempfile::tempdir().unwrap();
    let launch = canary_in(dir.path());
    let mut launched = run(&launch).await.unwrap();
    launched.machine.quit().await.unwrap();
    assert_eq!(ending(&mut launched).await, Some(ExitReason::Stopped));
    assert_eq!(
        timeout(LONG, launched.exit).await.unwrap(),
        ProcessExit::Code(0)
    );
    // The same directory serves again, stale sockets or not.
    let launched = run(&launch).await.unwrap();
    launched.machine.kill().unwrap();
    assert_eq!(
        timeout(LONG, launched.exit).await.unwrap(),
        ProcessExit::Signal(9)
    );
    let launched = run(&launch).await.unwrap();
    launched.machine.kill().unwrap();
    timeout(LONG, launched.exit).await.unwrap();
}

#[tokio::test]
async fn a_vmm_whose_shim_let_go_is_adopted_with_console_control_and_exit() {
    let dir = tempfile::tempdir().unwrap();
    let launch = canary_in(dir.path());
    let mut first = run(&launch).await.unwrap();
    first.machine.start().await.unwrap();
    expect(&mut first.serial, "smolvm-tui canary\r\n").await;
    let Launched {
        machine,
        process,
        exit,
        serial,
        agent,
        events,
        argv,
        ..
    } = first;
    drop((machine, serial, agent, events));

    let mut second = timeout(LONG, Qemu.adopt(&launch, process))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(second.argv, argv);
    assert!(!second.machine.is_paused().await.unwrap());
    assert_eq!(second.vcpu_threads.len(), 1);
    second.serial.write_all(b"b").await.unwrap();
    expect(&mut second.serial, "b").await;
    second.machine.kill().unwrap();
    assert_eq!(
        timeout(LONG, second.exit).await.unwrap(),
        ProcessExit::Unseen
    );
    // The parent, which this test still is, sees it as it was.
    assert_eq!(timeout(LONG, exit).await.unwrap(), ProcessExit::Signal(9));
    let error = Qemu.adopt(&launch, process).await.err().unwrap();
    assert!(error.to_string().starts_with("could not adopt"), "{error}");
}

#[tokio::test]
async fn an_option_that_qemu_refuses_fails_at_once_with_its_own_words() {
    let dir = tempfile::tempdir().unwrap();
    let mut launch = canary_in(dir.path());
    launch.spec.mem_size_mib = 1 << 40;
    let error = run(&launch).await.err().unwrap();
    let BackendError::ExitedEarly { status, words, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(status, "exit code 1");
    assert!(words.contains("qemu-system"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn an_early_death_is_told_at_once_with_the_last_words() {
    let dir = tempfile::tempdir().unwrap();
    let script = "echo first; echo 'sorry: no' >&2; kill -SEGV $$";
    let launch = impostor(dir.path(), script);
    // A paused clock goes on when there is nothing to do but wait for it, and not beside work that
    // blocks: whatever waits for a clock in place of the death is told as late as this work ends.
    let (told, blocked) = std::sync::mpsc::channel::<()>();
    tokio::task::spawn_blocking(move || blocked.recv_timeout(LONG));
    let begun = Instant::now();
    let error = run(&launch).await.err().unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    drop(told);
    assert_eq!(
        error.to_string(),
        "qemu-impostor ended while it was starting (SIGSEGV): first\nsorry: no"
    );
}

#[tokio::test]
async fn what_hangs_up_without_dying_is_told_and_left_no_life() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let script = format!(
        "echo $$ > {}; exec 3<&- 4<&- 5<&-; exec sleep 600",
        pid.display()
    );
    let error = run(&impostor(dir.path(), &script)).await.err().unwrap();
    assert!(
        matches!(error, BackendError::Disconnected { .. }),
        "{error}"
    );
    let pid = std::fs::read_to_string(pid)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(ProcessId::of(pid).is_none());
}

#[tokio::test]
async fn a_stuck_launch_can_be_dropped_and_leaves_no_child() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("pid");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let script = format!("echo $$ > {}; exec sleep 600", fifo.display());
    let launch = impostor(dir.path(), &script);
    let told = tokio::net::unix::pipe::OpenOptions::new()
        .open_receiver(&fifo)
        .unwrap();
    let mut launching = Box::pin(run(&launch));
    let mut pid = Vec::new();
    let spawned = async {
        while !pid.ends_with(b"\n") {
            told.readable().await.unwrap();
            let _ = told.try_read_buf(&mut pid);
        }
    };
    tokio::select! {
        launched = &mut launching => panic!("{}", launched.err().unwrap()),
        () = spawned => {}
    }
    let pid = String::from_utf8(pid).unwrap().trim().parse().unwrap();
    assert!(ProcessId::of(pid).is_some());
    drop(launching);
    assert!(ProcessId::of(pid).is_none());
}

#[tokio::test]
async fn bad_input_is_refused_before_anything_is_spawned() {
    let dir = tempfile::tempdir().unwrap();
    let launch = canary_in(dir.path());
    let refused = |launch: Launch| async move {
        let mut stamped = false;
        let error = Qemu
            .launch(&launch, &mut |_| stamped = true)
            .await
            .err()
            .unwrap();
        assert!(!stamped, "{error}");
        error.to_string()
    };

    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let mut taken = launch.clone();
    taken.spec.publish = vec![PortForward {
        host: port,
        guest: 80,
    }];
    assert_eq!(
        refused(taken).await,
        format!("port {port} of this host is taken already")
    );

    let mut missing = launch.clone();
    missing.kernel = dir.path().join("none");
    let told = refused(missing).await;
    assert!(
        told.starts_with("could not open") && told.contains("/none"),
        "{told}"
    );

    let script = dir.path().join("script");
    std::fs::write(&script, "#!/bin/sh").unwrap();
    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for (path, why) in [(script, "it is no kernel"), (fifo, "it is no file")] {
        let mut wrong = launch.clone();
        wrong.kernel = path;
        let told = refused(wrong).await;
        assert!(told.contains(why), "{told}");
    }

    let mut nowhere = launch.clone();
    nowhere.run_dir = dir.path().join("no/run/dir");
    assert!(refused(nowhere).await.contains("could not listen on"));

    let mut absent = launch;
    absent.program = dir.path().join("no-qemu");
    let error = run(&absent).await.err().unwrap();
    assert!(error.to_string().starts_with("could not run"), "{error}");
}

#[tokio::test]
async fn a_disk_is_layered_over_the_image_and_a_shared_one_is_the_image() {
    let dir = tempfile::tempdir().unwrap();
    let mut launch = canary_in(dir.path());
    let image = dir.path().join("root.img");
    std::fs::write(&image, vec![0; 1 << 20]).unwrap();
    launch.rootfs = Some(image.clone());
    let launched = run(&launch).await.unwrap();
    assert!(
        launched
            .argv
            .iter()
            .any(|argument| argument.contains("disk.qcow2"))
    );
    assert_eq!(
        disk::Format::of(&launch.paths.disk).unwrap(),
        disk::Format::Qcow2
    );
    launched.machine.kill().unwrap();
    launched.exit.await;
    launch.spec.disk_mode = crate::vm::DiskMode::Shared;
    launch.spec.accel = Some(Accel::Tcg);
    let launched = run(&launch).await.unwrap();
    assert!(
        launched
            .argv
            .iter()
            .any(|argument| argument.contains("root.img"))
    );
    launched.machine.kill().unwrap();
    launched.exit.await;
}
