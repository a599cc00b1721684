//! Runs a program for its few lines of output, under a deadline.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::vm::process;

/// How long a program may take to answer a simple question.
///
/// The first run of a program on macOS waits seconds for it to be verified.
pub(super) const DEADLINE: Duration =
    Duration::from_secs(if cfg!(target_os = "macos") { 15 } else { 2 });

/// More than this of its output is not read.
const LONGEST_OUTPUT: u64 = 64 << 10;

/// The standard output of `program`, if it ends well before the deadline; else a clause that says
/// what went wrong. It is killed when the deadline passes.
///
/// Makes an event loop of its own, so it must not be called from one.
pub(super) fn output(
    program: &Path,
    arguments: &[&str],
    deadline: Duration,
) -> Result<String, String> {
    let name = program.display();
    let failed = |error: std::io::Error| format!("`{name}` could not be run: {error}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(failed)?;
    runtime.block_on(async {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = process::birth(|| command.spawn()).map_err(failed)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let talk = async { tokio::join!(read(stdout), read(stderr), child.wait()) };
        match timeout(deadline, talk).await {
            Ok((output, _, Ok(status))) if status.success() => Ok(output),
            Ok((_, words, Ok(status))) => {
                let words = words.lines().next().unwrap_or_default();
                let colon = if words.is_empty() { "" } else { ": " };
                Err(format!("`{name}` failed ({status}){colon}{words}"))
            }
            Ok((_, _, Err(error))) => Err(failed(error)),
            Err(_) => {
                // One that runs as root by itself, as sudo does, may not let us.
                let _ = child.kill().await;
                Err(format!(
                    "`{name}` did not answer within {} s",
                    deadline.as_secs()
                ))
            }
        }
    })
}

async fn read(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // What was read before an error is still worth showing.
        let _ = stream.take(LONGEST_OUTPUT).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::ProcessId;

    fn sh(script: &str, deadline: Duration) -> Result<String, String> {
        output(Path::new("/bin/sh"), &["-c", script], deadline)
    }

    #[test]
    fn a_program_that_ends_well_is_heard() {
        assert_eq!(
            sh("echo one; echo two >&2", DEADLINE),
            Ok("one\n".to_owned())
        );
    }

    #[test]
    fn a_program_that_fails_is_quoted() {
        assert_eq!(
            sh("echo no luck >&2; echo more >&2; exit 3", DEADLINE),
            Err("`/bin/sh` failed (exit status: 3): no luck".to_owned())
        );
        let error = output(Path::new("/no/such/program"), &[], DEADLINE).unwrap_err();
        assert!(
            error.starts_with("`/no/such/program` could not be run: "),
            "{error}"
        );
    }

    #[test]
    fn a_program_that_hangs_is_ended_at_the_deadline() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let script = format!("echo $$ > '{}'; exec sleep 600", file.display());
        let error = sh(&script, Duration::from_secs(1)).unwrap_err();
        assert_eq!(error, "`/bin/sh` did not answer within 1 s");
        if let Some(pid) = std::fs::read_to_string(&file)
            .ok()
            .and_then(|pid| pid.trim().parse().ok())
        {
            assert_eq!(ProcessId::of(pid), None);
        }
    }

    #[test]
    fn a_program_that_prints_without_end_is_cut_off() {
        let error = sh(
            "while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done",
            DEADLINE,
        )
        .unwrap_err();
        assert!(
            error.contains("SIGPIPE") || error.contains("failed"),
            "{error}"
        );
    }
}
