//! The program run as a script runs it: without a terminal, without VMs that live.

#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A home of its own for each test.
struct Bed {
    dir: TempDir,
}

/// What a run gave.
#[derive(Debug)]
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Bed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smolvm-tui"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.dir.path())
            .env("PATH", "/usr/bin:/bin")
            .env("SMOLVM_TUI_DATA_DIR", self.data())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        Run::from(&self.command(arguments).output().unwrap())
    }

    /// Makes a VM that boots a file with a kernel's magic.
    fn create(&self, name: &str) -> Run {
        let kernel = self.kernel();
        let kernel = kernel.to_str().unwrap();
        self.run(&["create", name, "--backend", "qemu", "--kernel", kernel])
    }

    fn kernel(&self) -> PathBuf {
        let path = self.dir.path().join("Image");
        let mut bytes = vec![0; 0x300];
        match std::env::consts::ARCH {
            "aarch64" => bytes[56..60].copy_from_slice(b"ARM\x64"),
            _ => bytes[0x202..0x206].copy_from_slice(b"HdrS"),
        }
        fs::write(&path, bytes).unwrap();
        path
    }

    fn vm(&self, name: &str) -> PathBuf {
        self.data().join("vms").join(name)
    }

    fn config(&self, text: &str) -> String {
        let path = self.dir.path().join("config.toml");
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Run {
    fn from(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    #[track_caller]
    fn done(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    #[track_caller]
    fn failed(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            let told = self.err.contains(word) || self.out.contains(word);
            assert!(told, "nothing of `{word}`: {self:?}");
        }
        self
    }

    /// The envelope, which must agree with the exit code.
    #[track_caller]
    fn json(&self) -> Value {
        let json: Value =
            serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"));
        assert_eq!(json["exit_code"], self.code);
        assert_eq!(json["ok"], self.code == 0);
        let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(keys.len(), 5, "{keys:?}");
        json
    }
}

fn entries(dir: &Path) -> usize {
    fs::read_dir(dir).map_or(0, Iterator::count)
}

#[test]
fn an_empty_store_is_listed_and_not_made() {
    let bed = Bed::new();
    let json = bed.run(&["ls", "--json"]).done().json();
    assert_eq!(
        (&json["command"], &json["data"]),
        (&json!("ls"), &json!({ "vms": [] }))
    );
    assert!(bed.run(&["ls"]).done().out.contains("smolvm-tui create"));
    assert!(!bed.data().exists());
}

#[test]
fn a_vm_is_made_listed_told_of_and_removed() {
    let bed = Bed::new();
    assert_eq!(bed.create("web").done().out, "web\n");
    let json = bed.run(&["ls", "--json"]).done().json();
    let row = &json["data"]["vms"][0];
    assert_eq!(
        (&row["name"], &row["phase"]),
        (&json!("web"), &json!("created"))
    );
    let keys = [
        "name",
        "phase",
        "backend",
        "accel",
        "pid",
        "cpus",
        "mem_size_mib",
        "cpu_percent",
        "rss_bytes",
        "guest_memory_bytes",
        "uptime_ms",
        "ready",
        "last_boot_ms",
        "exit",
        "error",
    ];
    let row = row.as_object().unwrap();
    assert_eq!(row.len(), keys.len());
    assert!(keys.iter().all(|&key| row.contains_key(key)), "{row:?}");
    let info = bed.run(&["info", "web", "--json"]).done().json();
    for key in ["argv", "paths", "boots", "spec"] {
        assert!(!info["data"][key].is_null(), "{key}");
    }
    assert_eq!(
        bed.run(&["boots", "web", "--json"]).done().json()["data"]["boots"],
        json!([])
    );
    bed.run(&["create", "web"])
        .failed(1, &["exists already", "rm web"]);
    bed.run(&["rm", "web"]).done();
    assert_eq!(entries(&bed.data().join("vms")), 0);
}

#[test]
fn a_vm_without_name_gets_a_friendly_one_and_prints_it() {
    let bed = Bed::new();
    let kernel = bed.kernel();
    let kernel = kernel.to_str().unwrap();
    let name = bed
        .run(&["create", "--backend", "qemu", "--kernel", kernel])
        .done()
        .out;
    assert!(bed.vm(name.trim()).join("spec.toml").exists(), "{name}");
}

#[test]
fn a_refused_draft_leaves_nothing_behind() {
    let bed = Bed::new();
    for (arguments, code, words) in [
        (&["create", "Web"][..], 1, &["`Web`"][..]),
        (&["create", "web"], 1, &["tiny", "smolvm-tui image build"]),
        (&["create", "web", "--cpus", "0"], 1, &["cpus from 1 to 32"]),
        (
            &["create", "web", "--memory", "99999999"],
            1,
            &["this host's"],
        ),
        (
            &["create", "web", "--kernel", "/nowhere"],
            1,
            &["`/nowhere`"],
        ),
        (
            &["create", "web", "--kernel", "/etc/passwd"],
            1,
            &["no Linux kernel"],
        ),
        (&["create", "web", "--publish", "80"], 2, &["HOST:GUEST"]),
        (
            &["create", "web", "--disk-mode", "x"],
            2,
            &["isolated shared"],
        ),
    ] {
        bed.run(arguments).failed(code, words);
        assert_eq!(entries(&bed.data()), 0, "{arguments:?}");
    }
}

#[test]
fn the_backend_is_refused_in_the_words_that_scripts_know_whoever_names_it() {
    let words = ["Unsupported backend 'firecrackerr'. Supported values: auto, firecracker, qemu"];
    let bed = Bed::new();
    bed.run(&["doctor", "--backend", "firecrackerr"])
        .failed(2, &words);
    let mut command = bed.command(&["doctor", "--json"]);
    let output = command
        .env("SMOLVM_BACKEND", " Firecrackerr ")
        .output()
        .unwrap();
    let json = Run::from(&output).failed(1, &words).json();
    assert_eq!(json["error"]["code"], "invalid_input");
}

#[test]
fn an_unknown_vm_is_met_with_the_nearest_name() {
    let bed = Bed::new();
    bed.create("web").done();
    for command in [
        "start", "stop", "restart", "kill", "pause", "resume", "rm", "info", "screen", "logs",
        "boots",
    ] {
        bed.run(&[command, "wbe"])
            .failed(1, &["no VM is named `wbe`", "did you mean `web`?"]);
    }
    let json = bed.run(&["stop", "wbe", "--json"]).failed(1, &[]).json();
    assert_eq!(json["error"]["code"], "not_found");
    assert_eq!(json["error"]["recovery"], "did you mean `web`?");
}

#[test]
fn what_needs_a_running_vm_says_how_to_start_it() {
    let bed = Bed::new();
    bed.create("web").done();
    for arguments in [
        &["send", "web", "x"][..],
        &["pause", "web"],
        &["screen", "web"],
    ] {
        bed.run(arguments).failed(1, &["web"]);
    }
    bed.run(&["send", "web", "x"])
        .failed(1, &["start it with `smolvm-tui start web`"]);
    bed.run(&["expect", "web", "x", "--timeout", "9"])
        .failed(1, &["created"]);
    bed.run(&["expect", "web", "("])
        .failed(2, &["unclosed group"]);
    bed.run(&["stop", "web"]).done();
    bed.run(&["kill", "web"]).done();
}

#[test]
fn several_names_get_one_result_each() {
    let bed = Bed::new();
    bed.create("web").done();
    let json = bed
        .run(&["stop", "web", "nobody", "web", "--json"])
        .failed(1, &[])
        .json();
    let rows = json["data"]["vms"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (&rows[0]["error"], &rows[0]["phase"]),
        (&json!(null), &json!("created"))
    );
    assert_eq!(rows[1]["error"], "no VM is named `nobody`");
}

#[test]
fn wrong_usage_is_an_envelope_too_and_exit_code_two() {
    let bed = Bed::new();
    for (arguments, command) in [
        (&["frobnicate", "--json"][..], ""),
        (&["--json", "stop"], "stop"),
        (&["create", "--cpus", "many", "--json"], "create"),
        (&["logs", "web", "--boot", "x", "--json"], "logs"),
    ] {
        let json = bed.run(arguments).failed(2, &[]).json();
        assert_eq!(json["error"]["code"], "usage_error", "{arguments:?}");
        assert_eq!(json["command"], command, "{arguments:?}");
    }
    let run = bed.run(&["stop"]).failed(2, &["NAME"]);
    assert_eq!(run.out, "");
}

#[test]
fn without_a_terminal_what_needs_one_says_what_does_not() {
    let bed = Bed::new();
    bed.run(&[]).failed(2, &["needs a terminal", "--help"]);
    bed.run(&["console", "web"])
        .failed(2, &["needs a terminal", "send"]);
}

#[test]
fn a_damaged_vm_is_told_on_its_row_harms_no_other_and_can_be_removed() {
    let bed = Bed::new();
    for name in ["good", "torn", "future", "hollow"] {
        bed.create(name).done();
    }
    fs::write(bed.vm("torn").join("state.json"), "{\"version\":").unwrap();
    fs::write(bed.vm("future").join("spec.toml"), "version = 99\n").unwrap();
    fs::remove_file(bed.vm("hollow").join("spec.toml")).unwrap();
    let json = bed.run(&["ls", "--json"]).done().json();
    let error = |at: usize| {
        json["data"]["vms"][at]["error"]
            .as_str()
            .unwrap_or("")
            .to_owned()
    };
    assert!(error(0).contains("version 99"), "{}", error(0));
    assert_eq!(error(1), "");
    assert!(error(2).contains("spec.toml"), "{}", error(2));
    assert!(error(3).contains("torn"), "{}", error(3));
    bed.run(&["info", "torn"]).done();
    bed.run(&["start", "future"]).failed(1, &["version 99"]);
    bed.run(&["rm", "torn"]).failed(1, &["--force"]);
    bed.run(&["rm", "torn", "future", "hollow", "--force"])
        .done();
    assert_eq!(entries(&bed.data().join("vms")), 1);
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named_with_the_way_out() {
    let bed = Bed::new();
    fs::create_dir(bed.data()).unwrap();
    fs::set_permissions(bed.data(), fs::Permissions::from_mode(0o500)).unwrap();
    if nix::unistd::Uid::effective().is_root() {
        // Modes do not bind root; a file in the place of a directory does.
        fs::remove_dir(bed.data()).unwrap();
        fs::write(bed.data(), "").unwrap();
        bed.create("web").failed(1, &["data"]);
    } else {
        bed.create("web").failed(1, &["data", "--data-dir"]);
    }
}

#[test]
fn an_error_in_the_configuration_stops_creating_but_neither_looking_nor_ending() {
    let bed = Bed::new();
    bed.create("web").done();
    let config = bed.config("backend = \"qemu\"\nvcpu_conut = 2\n");
    for arguments in [
        &["ls", "--json"][..],
        &["stop", "web"],
        &["kill", "web"],
        &["logs", "web"],
        &["info", "web"],
    ] {
        let run = bed
            .run(&[&["--config", &config], arguments].concat())
            .done();
        assert!(
            run.err.contains("warning:") && run.err.contains("vcpu_conut"),
            "{run:?}"
        );
    }
    for arguments in [&["create"][..], &["doctor"], &["config"], &["start", "web"]] {
        let run = bed.run(&[&["--json", "--config", &config], arguments].concat());
        let json = run.failed(1, &["vcpu_conut", "config.toml"]).json();
        assert_eq!(json["error"]["code"], "config_error");
    }
}

#[test]
fn the_log_of_a_dead_vm_is_told_without_what_a_terminal_would_obey() {
    let bed = Bed::new();
    bed.create("web").done();
    fs::write(
        bed.vm("web").join("console.log"),
        "one\r\n\x1b]0;evil\x07\x1b[31mtwo\x1b[m\r\n",
    )
    .unwrap();
    assert_eq!(bed.run(&["logs", "web"]).done().out, "one\ntwo\n");
    assert_eq!(bed.run(&["logs", "web", "--tail", "1"]).done().out, "two\n");
    assert_eq!(bed.run(&["logs", "web", "-f"]).done().out, "one\ntwo\n");
    assert_eq!(bed.run(&["expect", "web", "^two$"]).done().out, "two\n");
    bed.run(&["logs", "web", "--boot", "3"])
        .failed(1, &["no boot 3"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let bed = Bed::new();
    for number in 0..3 {
        bed.create(&format!("vm{number}")).done();
    }
    let mut child = bed
        .command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(Run::from(&output).err, "");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_doctor_answers_in_the_shape_of_the_contract() {
    let bed = Bed::new();
    let run = bed.run(&["doctor", "--backend", "qemu", "--json"]);
    let json = run.json();
    assert_eq!(json["error"], Value::Null);
    let data = &json["data"];
    assert_eq!(data["backend_requested"], "qemu");
    assert_eq!(data["backend_resolved"], "qemu");
    assert!(["Linux", "Darwin"].contains(&data["system"].as_str().unwrap()));
    for check in data["checks"].as_array().unwrap() {
        let status = check["status"].as_str().unwrap();
        assert!(["pass", "warn", "fail", "skip"].contains(&status));
        assert!(check["name"].is_string() && check["detail"].is_string());
        assert!(check["fix"].is_string() || check["fix"].is_null());
    }
    assert_eq!(data["summary"]["ok"], run.code == 0);
    assert_eq!(data["summary"]["strict"], false);
}

#[test]
fn the_generated_files_and_tables_are_there() {
    let bed = Bed::new();
    assert!(
        bed.run(&["completions", "zsh"])
            .done()
            .out
            .contains("#compdef smolvm-tui")
    );
    assert!(bed.run(&["man"]).done().out.contains(".SH NAME"));
    assert!(bed.run(&["keys"]).done().out.contains("ACTION"));
    let config = bed.run(&["config", "--json"]).done().json();
    assert_eq!(config["data"]["values"]["vcpu_count"], 1);
    assert_eq!(
        bed.run(&["image", "ls", "--json"]).done().json()["data"],
        json!({ "images": [] })
    );
}
