use super::*;
use std::os::unix::net::UnixStream;
use std::time::Duration;

fn sh(script: &str, fds: &[OwnedFd]) -> Guard {
    let streams = [Stdio::null(), Stdio::null(), Stdio::null()];
    let arguments = ["-c".into(), script.into()];
    Guard::new(spawn(Path::new("/bin/sh"), &arguments, streams, fds, None).unwrap())
}

fn watched(guard: &Guard) -> Process {
    Process::of_child(guard.0.as_ref().unwrap()).unwrap()
}

#[tokio::test]
async fn the_exit_of_a_child_is_seen_with_code_or_signal() {
    for (script, exit) in [
        ("exit 7", ProcessExit::Code(7)),
        ("kill -9 $$", ProcessExit::Signal(9)),
    ] {
        let guard = sh(script, &[]);
        let process = watched(&guard);
        assert_eq!(guard.keep(process).await, exit, "{script}");
    }
}

#[tokio::test]
async fn a_child_gets_its_descriptors_a_session_and_nothing_else_of_ours() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (leak, _other) = UnixStream::pair().unwrap();
    // A descriptor without close-on-exec, as a careless parent of ours would leave.
    let leaked = nix::unistd::dup(&leak).unwrap();
    let script =
        "exec 5<&-; (ls /proc/self/fd; env; umask; pwd; cut -d' ' -f6 /proc/$$/stat; echo $$) >&3";
    let guard = sh(script, &[theirs.into()]);
    let process = watched(&guard);
    assert_eq!(guard.keep(process).await, ProcessExit::Code(0));
    drop(leaked);
    let mut told = String::new();
    ours.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    (&ours).read_to_string(&mut told).unwrap();
    let lines: Vec<&str> = told.lines().collect();
    if cfg!(target_os = "linux") {
        // 0, 1, 2, 3, and the one with which `ls` reads the directory.
        let fds = lines.iter().take_while(|line| line.parse::<u8>().is_ok());
        assert!(fds.clone().count() <= 5, "{told}");
        assert!(!told.contains("HOME=") && !told.contains("CARGO"), "{told}");
        assert!(lines.contains(&"0077") && lines.contains(&"/"), "{told}");
        let [session, pid] = lines[lines.len() - 2..] else {
            panic!("{told}")
        };
        assert_eq!(session, pid, "it leads a session of its own");
    }
}

#[tokio::test]
async fn a_dropped_guard_leaves_no_child_and_a_kill_of_the_dead_is_no_error() {
    let guard = sh("exec sleep 600", &[]);
    let process = watched(&guard);
    assert!(process.id().is_alive());
    drop(guard);
    assert!(!process.id().is_alive());
    process.ended().await.unwrap();
    process.kill().unwrap();
    assert!(Process::adopt(process.id()).is_err());
}

#[tokio::test]
async fn an_adopted_process_is_watched_and_killed_and_a_reused_pid_is_not_it() {
    let mut guard = sh("exec sleep 600", &[]);
    let id = watched(&guard).id();
    let stranger = ProcessId {
        start_time: id.start_time + 1,
        ..id
    };
    assert!(Process::adopt(stranger).is_err());
    let adopted = Process::adopt(id).unwrap();
    adopted.kill().unwrap();
    adopted.ended().await.unwrap();
    assert_eq!(guard.reap().and_then(|status| status.signal()), Some(9));
}

#[test]
fn last_words_are_few_clean_and_the_last() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("vmm.log");
    assert_eq!(last_words(&log), "");
    let text = format!("{}\n\nsix\x1b[31m\nseven\n", "line\n".repeat(9999));
    std::fs::write(&log, text).unwrap();
    assert_eq!(last_words(&log), "line\nline\nline\nsix[31m\nseven");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_vmm_writes_who_it_is_before_it_runs_and_is_ended_by_that() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let streams = [Stdio::null(), Stdio::null(), Stdio::null()];
    let arguments = ["1000".into()];
    let program = Path::new("sleep");
    let guard = Guard::new(spawn(program, &arguments, streams, &[], Some(file.as_file())).unwrap());
    let process = watched(&guard);
    let recorded = ProcessId::of_birth_record(file.path()).unwrap();
    assert_eq!(recorded, process.id());
    end(recorded).await.unwrap();
    assert_eq!(guard.keep(process).await, ProcessExit::Signal(9));
    // Gone by now, and so is whoever has its pid.
    end(recorded).await.unwrap();
}
