//! A data directory of its own, the program run on it, and the end of everything that it started.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::Process;

/// What one run of the program gave.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    said: String,
}

impl Answer {
    /// The run must have succeeded.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    /// The run must have failed with `code` and said each of `words` on either stream.
    pub(crate) fn failed(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        for word in words {
            let said = self.stdout.contains(word) || self.stderr.contains(word);
            assert!(said, "not a word of `{word}` in {self:#?}");
        }
        self
    }

    /// The one JSON object of a `--json` answer; nothing else may stand on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON ({error}) of `{}`: {self:#?}", self.said))
    }
}

/// `data` of a JSON answer, whose envelope must agree with itself.
pub(crate) fn json_of(answer: &Answer) -> Value {
    let json = answer.json();
    assert_eq!(json["exit_code"], answer.code, "{json:#}");
    assert_eq!(json["ok"], answer.code == 0, "{json:#}");
    json["data"].clone()
}

/// A data directory and a home, both gone with it; VMs left in it are ended first.
pub(crate) struct Bed {
    // Short, since the paths of sockets are.
    directory: TempDir,
    /// Further variables that the program sees.
    variables: Vec<(String, String)>,
}

impl Bed {
    /// An empty one: no image, no VM.
    pub(crate) fn bare() -> Self {
        let directory = tempfile::Builder::new().prefix("bed").tempdir().unwrap();
        let bed = Self {
            directory,
            variables: Vec::new(),
        };
        for place in [bed.data(), bed.home()] {
            fs::create_dir(place).unwrap();
        }
        bed
    }

    /// One with the image `tiny`.
    pub(crate) fn new() -> Self {
        let bed = Self::bare();
        symlink(super::image::images(), bed.data().join("images")).unwrap();
        bed
    }

    /// One with a VM `web` whose guest is ready.
    pub(crate) fn with_web() -> Self {
        let bed = Self::new();
        bed.run(&["create", "web", "--wait", "--timeout", "90"])
            .ok();
        bed
    }

    /// One with the scripted Firecracker, which the variables `SCRIPTED_FC_…` tell what to do. Its
    /// VMs have no network unless they ask: root's would have TAP devices on this host.
    pub(crate) fn with_firecracker(script: &[(&str, &str)]) -> Self {
        let mut bed = Self::new();
        let directory = bed.home().join(".config/smolvm-tui");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("config.toml"), "network = \"none\"\n").unwrap();
        bed.script_firecracker(script);
        bed
    }

    /// From now on Firecracker is scripted so.
    pub(crate) fn script_firecracker(&mut self, script: &[(&str, &str)]) {
        let program = super::scripted(&self.home(), script);
        self.variables = vec![
            ("FIRECRACKER_BIN".to_owned(), program.display().to_string()),
            ("SMOLVM_BACKEND".to_owned(), "firecracker".to_owned()),
        ];
    }

    /// From now on the environment has this too.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("d")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.directory.path().join("h")
    }

    /// The directory of a VM.
    pub(crate) fn vm(&self, name: &str) -> PathBuf {
        self.data().join("vms").join(name)
    }

    /// The variables that the program sees, whoever starts it.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let path = std::env::var("PATH").unwrap_or_default();
        let show = |path: &Path| path.display().to_string();
        [
            ("PATH", path),
            ("HOME", show(&self.home())),
            ("SMOLVM_TUI_DATA_DIR", show(&self.data())),
            ("LANG", "C.UTF-8".to_owned()),
            ("TERM", "xterm-256color".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .chain(self.variables.iter().cloned())
        .collect()
    }

    /// The program, ready to be run on this bed with no terminal.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smolvm-tui"));
        command
            .args(arguments)
            .env_clear()
            .envs(self.environment())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        Self::answer(self.command(arguments), arguments)
    }

    /// Runs `command` to its end; `arguments` are for the message when it fails.
    pub(crate) fn answer(mut command: Command, arguments: &[&str]) -> Answer {
        let output = command.output().unwrap();
        Answer {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            said: arguments.join(" "),
        }
    }

    /// `data` of a `--json` run that must succeed.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let answer = self.run(&[arguments, &["--json"]].concat()).ok();
        json_of(&answer)
    }

    /// The rows of `ls`.
    pub(crate) fn rows(&self) -> Vec<Value> {
        let data = self.json(&["ls"]);
        let rows = data["vms"].as_array();
        rows.unwrap_or_else(|| panic!("no rows in {data:#}"))
            .clone()
    }

    /// The row of one VM.
    pub(crate) fn row(&self, name: &str) -> Value {
        let rows = self.rows();
        let row = rows.iter().find(|row| row["name"] == name);
        row.unwrap_or_else(|| panic!("no `{name}` in {rows:#?}"))
            .clone()
    }

    /// The phase of one VM, as `ls` has it.
    pub(crate) fn phase(&self, name: &str) -> String {
        self.row(name)["phase"].as_str().unwrap().to_owned()
    }

    /// The VMM of a VM that runs.
    pub(crate) fn vmm(&self, name: &str) -> Process {
        let row = self.row(name);
        let pid = row["pid"].as_i64();
        Process(i32::try_from(pid.unwrap_or_else(|| panic!("no pid in {row:#}"))).unwrap())
    }

    /// The shim of a VM, as its state file has it.
    pub(crate) fn shim(&self, name: &str) -> Process {
        let text = fs::read_to_string(self.vm(name).join("state.json")).unwrap();
        let state: Value = serde_json::from_str(&text).unwrap();
        let pid = state["shim"]["pid"].as_i64();
        Process(i32::try_from(pid.unwrap_or_else(|| panic!("no shim in {state:#}"))).unwrap())
    }

    /// Processes of this bed that still run, written down or not: all that it starts have its
    /// directory among their arguments or in their environment.
    pub(crate) fn processes(&self) -> Vec<Process> {
        let mine = self.directory.path().display().to_string();
        let entries = fs::read_dir("/proc").unwrap();
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok().map(Process))
            .filter(|process| process.names(&mine) && process.is_alive())
            .collect()
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let names: Vec<String> = fs::read_dir(self.data().join("vms"))
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        for name in names {
            let _ = self.command(&["rm", &name, "--force"]).output();
        }
        // What `rm` could not end, because a test broke it or the program is broken.
        for process in self.processes() {
            process.signal(nix::sys::signal::Signal::SIGKILL);
        }
    }
}
