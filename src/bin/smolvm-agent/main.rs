//! PID 1 and agent of a guest: mounts, loads the virtio modules that the devices present need,
//! starts a shell on the serial line, and says *ready* to the host once that shell reads.
//!
//! The program is linked statically (`build.rs`), has no thread, and starts no process but the
//! shell, what the host asks for, and busybox where the image lacks its links. It never ends by itself: whatever fails
//! becomes one line on the console, and a panic becomes an emergency shell, because the death of
//! PID 1 is the death of the guest.

mod backoff;
mod cmdline;
mod command;
mod devices;
mod log;
mod modules;
mod mounts;
mod net;
mod port;
mod power;
#[path = "../../guest/protocol/mod.rs"]
#[expect(dead_code, reason = "the other half of it is the host's")]
mod protocol;
mod root;
mod serve;
mod shell;
mod stages;
mod start;
mod streams;
mod transfer;
#[path = "../../guest/tree/mod.rs"]
#[expect(dead_code, reason = "the host tells how far it is")]
mod tree;
mod users;
mod vsock;
mod wire;

use std::process::{Command, ExitCode};
use std::time::Duration;

use cmdline::Cmdline;
use devices::Wave;
use log::{quieten_kernel, warn};
use modules::Modules;
use serve::Agent;
use shell::Shell;
use stages::Stages;

fn main() -> ExitCode {
    if std::process::id() != 1 {
        eprintln!(
            "smolvm-agent {} is the init of a guest and runs only as its PID 1",
            env!("CARGO_PKG_VERSION")
        );
        return ExitCode::from(2);
    }
    let ended = std::panic::catch_unwind(run);
    let why = match ended {
        Ok(Err(error)) => error.to_string(),
        Ok(Ok(never)) => match never {},
        Err(_) => "it panicked".to_owned(),
    };
    warn(&format!("cannot go on: {why}; here is an emergency shell"));
    emergency_shell()
}

/// The agent's life; it returns only with an error.
fn run() -> std::io::Result<std::convert::Infallible> {
    let mut stages = Stages::begin();
    mounts::mount_all();
    stages.mark("mounts");
    let cmdline = Cmdline::read();
    power::take_over_ctrl_alt_del();
    let name = cmdline.value("smolvm.name").unwrap_or("smolvm");
    net::name_host(name);

    // Signals are blocked before the first child exists, and uevents are listened to before the
    // first module can cause one, so that neither is missed.
    let mut agent = Agent::new()?;
    let mut modules = Modules::read(&cmdline);
    modules.load(Wave::First);
    stages.mark("modules");
    net::bring_up(&cmdline);
    stages.mark("network");

    shell::install_tools();
    let mut shell = Shell::new(&cmdline);
    if let Some(device) = cmdline.value("smolvm.root") {
        modules.load(Wave::Rest);
        // Does not return when the disk has an init of its own.
        match root::enter(device) {
            Ok(directory) => shell.live_in(directory),
            Err(why) => warn(&why),
        }
        stages.mark("root");
    }
    quieten_kernel(&cmdline);
    shell.start();
    stages.mark("shell");
    agent.serve(shell, modules, stages)
}

/// What is left when the agent itself has failed: a shell on whatever PID 1 was given.
fn emergency_shell() -> ExitCode {
    let mut pause = Duration::from_secs(1);
    loop {
        match Command::new(shell::BUSYBOX).arg("sh").status() {
            Ok(_) => warn("the emergency shell ended; here is another"),
            Err(error) => warn(&format!("cannot start {}: {error}", shell::BUSYBOX)),
        }
        // One that ends at once would end without end.
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_mins(1));
    }
}
