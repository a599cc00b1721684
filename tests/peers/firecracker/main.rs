//! `scripted-firecracker`: a stand-in for Firecracker, as strict as its API and with a toy guest
//! inside, so that everything around a VMM is tested on hosts on which none runs.
//!
//! It takes Firecracker's arguments and refuses others, knows which field came in which version,
//! enforces what is allowed before and after the start, checks ids and files, and words its faults
//! alike. Use it as `FIRECRACKER_BIN`; what it is to do wrong is told in variables ([`script`]).

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "it ends wherever the real one does, and a wrong script is to be seen at once"
)]

mod bodies;
mod counters;
mod guest;
mod http;
mod requests;
mod script;
mod signals;
mod tap;
mod vmm;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use script::Script;
use vmm::Vmm;

/// Its exit codes (`FcExitCode`).
const GENERIC_ERROR: i32 = 1;
const BAD_CONFIGURATION: i32 = 152;
const BAD_ARGUMENTS: i32 = 153;

/// Metrics are written by themselves so often.
const METRICS_EVERY: Duration = Duration::from_mins(1);

struct Arguments {
    api_sock: String,
    id: String,
    log_path: Option<String>,
}

fn main() {
    let script = Script::from_environment();
    let arguments = match parse(&script) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return,
        Err(error) => {
            println!("Arguments parsing error: {error} \n\nFor more information try --help.");
            std::process::exit(BAD_ARGUMENTS);
        }
    };
    script.maybe_die("arguments", None);
    let log = arguments.log_path.as_deref().map(|path| {
        open(path).unwrap_or_else(|error| {
            println!("Could not initialize logger: {error}");
            std::process::exit(GENERIC_ERROR);
        })
    });
    let vmm = Arc::new(Vmm::new(script, &arguments.id, log));
    signals::end_by(&vmm);
    vmm.script.maybe_die("listen", vmm.log.as_ref());
    if !valid_id(&arguments.id) {
        vmm.log("Invalid instance ID");
        std::process::exit(BAD_CONFIGURATION);
    }
    let listener = UnixListener::bind(&arguments.api_sock).unwrap_or_else(|_| {
        let path = &arguments.api_sock;
        let words = format!(
            "RunWithApiError error: Failed to open the API socket at: {path}. Check that it is not already used."
        );
        vmm.log(&words);
        eprintln!("Error: {words}");
        std::process::exit(GENERIC_ERROR);
    });
    guest::take_serial_line();
    let server = Arc::clone(&vmm);
    spawn("fc_api", move || http::serve(&listener, &server));
    loop {
        std::thread::sleep(METRICS_EVERY);
        vmm.write_metrics();
    }
}

/// Starts a thread under a name that the host's kernel tells.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().name(name.to_owned());
    let (begun, begins) = std::sync::mpsc::channel();
    let work = move || {
        let _ = begun.send(());
        work();
    };
    thread.spawn(work).expect("a thread");
    // It has its name now: the call that starts the vCPUs is answered only once they stand.
    let _ = begins.recv();
}

/// Opens a file that it is told to write to, as Firecracker does: from its beginning, and a FIFO too,
/// whoever reads it. It makes none that is not there, as older ones do not.
fn open(path: &str) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(path)
}

fn valid_id(id: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (1..=64).contains(&id.len()) && id.chars().all(allowed)
}

/// `None` when the question was answered.
fn parse(script: &Script) -> Result<Option<Arguments>, String> {
    let mut arguments = Arguments {
        api_sock: "/run/firecracker.socket".to_owned(),
        id: "anonymous-instance".to_owned(),
        log_path: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || {
            let value = words.next().filter(|value| !value.starts_with("--"));
            value.ok_or_else(|| {
                format!("The argument '{word}' requires a value, but none was supplied.")
            })
        };
        match word.as_str() {
            "--version" => {
                println!("Firecracker v{}\n", script.version);
                // As the real one does, on the same stream.
                println!(
                    "2026-11-23T14:15:24.313930996 [anonymous-instance:main] Firecracker exiting successfully. exit_code=0"
                );
                return Ok(None);
            }
            "--api-sock" => arguments.api_sock = value()?,
            "--id" => arguments.id = value()?,
            "--log-path" => arguments.log_path = Some(value()?),
            "--level" => {
                let level = value()?;
                let known = ["error", "warning", "info", "debug", "trace", "off"];
                if !known.contains(&level.to_lowercase().as_str()) {
                    return Err(format!("Invalid value for '--level': {level}."));
                }
            }
            "--show-level" | "--show-log-origin" | "--boot-timer" => {}
            "--metrics-path" | "--module" | "--http-api-max-payload-size" => drop(value()?),
            other => {
                return Err(format!(
                    "Found argument '{other}' which wasn't expected, or isn't valid in this context."
                ));
            }
        }
    }
    Ok(Some(arguments))
}
