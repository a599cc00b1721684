//! Starting a shim: the same binary, in a session of its own, that tells over a pipe when it listens.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::fault::{Code, Failure};
use crate::vm::{Store, VmName, process};

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "__shim";

/// What of the environment a shim and its VMM keep: where programs, home and temporary files are.
const ENVIRONMENT: [&str; 7] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "QEMU_BIN",
    "FIRECRACKER_BIN",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
];

/// An adoption may take ten seconds when the VMM hangs; everything else takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(20);

/// The longest word that a shim says: a failure with a VMM's last lines.
const LONGEST_WORD: u64 = 64 * 1024;

/// What a new shim shall do first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Boot the VM.
    Start,
    /// Boot it with a talkative kernel, this once.
    StartTalkative,
    /// Take over a VMM whose shim died.
    Adopt,
}

impl Task {
    /// The word for it, as the hidden subcommand is told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::StartTalkative => "start-talkative",
            Self::Adopt => "adopt",
        }
    }

    /// The task with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Start, Self::StartTalkative, Self::Adopt]
            .into_iter()
            .find(|task| task.word() == word)
    }
}

/// Starts a shim and returns when it listens on its socket, or with the failure that it told.
///
/// When another shim holds the VM's lock the failure's code is `busy`.
pub async fn spawn(store: &Store, name: &VmName, task: Task) -> Result<(), Failure> {
    spawn_program(&process::own_program(), store, name, task).await
}

/// The same with a program of the caller's choice: for tests, whose own has no such subcommand.
async fn spawn_program(
    program: &Path,
    store: &Store,
    name: &VmName,
    task: Task,
) -> Result<(), Failure> {
    let failed = |what: String| Failure::new(Code::RuntimeError, what);
    let mut command = Command::new(program);
    command
        .arg(SUBCOMMAND)
        .arg("--data-dir")
        .arg(store.root())
        .args(["--task", task.word(), name.as_str()])
        .env_clear()
        .envs(
            ENVIRONMENT
                .iter()
                .filter_map(|&key| Some((key, std::env::var_os(key)?))),
        )
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = process::birth(|| command.spawn()).map_err(|error| {
        failed(format!("could not run `{}`: {error}", program.display()))
            .with_hint("install smolvm-tui again")
    })?;
    let pipe = child.stdout.take();
    let word = async {
        let mut word = Vec::new();
        if let Some(pipe) = pipe {
            pipe.take(LONGEST_WORD).read_to_end(&mut word).await?;
        }
        // It forked: our child has ended, the shim is its child and nobody's zombie.
        child.wait().await.map(|_| word)
    };
    let word = match tokio::time::timeout(DEADLINE, word).await {
        Ok(word) => word.map_err(|error| failed(format!("could not hear the shim: {error}")))?,
        Err(_) => {
            return Err(Failure::new(
                Code::Timeout,
                format!(
                    "the shim of `{name}` said nothing for {} s",
                    DEADLINE.as_secs()
                ),
            ));
        }
    };
    match word.trim_ascii() {
        b"ready" => Ok(()),
        b"" => Err(failed(format!("the shim of `{name}` ended without a word"))),
        word => Err(serde_json::from_slice(word).unwrap_or_else(|_| {
            let said = String::from_utf8_lossy(word);
            let said = crate::console::sanitize_line(&said, 200);
            failed(format!(
                "the shim of `{name}` said something unexpected: {said}"
            ))
        })),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A shim that does what `script` says.
    async fn spawned(script: &str) -> Result<(), Failure> {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("shim");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let store = Store::locate(Some(dir.path())).unwrap();
        spawn_program(&program, &store, &"web".parse().unwrap(), Task::Adopt).await
    }

    #[tokio::test]
    async fn a_shim_that_listens_says_so_and_its_first_process_is_reaped() {
        spawned(
            r#"[ "$1 $2 $4 $5 $6" = "__shim --data-dir --task adopt web" ] && [ -d "$3" ] &&
               [ -z "$CARGO_MANIFEST_DIR" ] && [ -n "$PATH" ] && [ "$PWD" = / ] && echo ready"#,
        )
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn what_a_shim_tells_instead_is_the_failure() {
        let failure = spawned(r#"echo '{"code":"busy","message":"taken"}'; exit 1"#)
            .await
            .unwrap_err();
        assert_eq!((failure.code, &*failure.message), (Code::Busy, "taken"));
        let failure = spawned("exit 3").await.unwrap_err();
        assert!(failure.message.contains("without a word"), "{failure}");
        let failure = spawned(r"printf 'oops\033[2J'").await.unwrap_err();
        assert!(failure.message.contains("oops"), "{failure}");
        assert!(!failure.message.contains('\x1b'), "{failure}");
    }
}
