//! A toy guest: prints as a kernel does, has a shell of a few words, and our agent.
//!
//! | typed | does |
//! |---|---|
//! | `echo TEXT` | prints it, `$((A*B))` multiplied |
//! | `cmdline` | prints the kernel's command line |
//! | `sleep S; COMMAND` | the command, later |
//! | `flood N` | prints N lines |
//! | `poweroff` | halts, which ends nothing, as on x86 |
//! | `reboot`, `panic` | ends in good order |
//! | `fault` | ends as when the vCPU met what KVM cannot do |
//! | `exit N` | ends with that code |

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::Value;

use crate::counters::count;
use crate::script::Guest;
use crate::vmm::Vmm;

/// The port that the agent calls.
const PORT: u32 = 1024;
const READY: &str =
    "{\"say\":\"ready\",\"protocol\":1,\"version\":\"scripted\",\"stages\":{\"init\":1000}}\n";

fn stdin() -> BorrowedFd<'static> {
    // SAFETY: standard input is open as long as the process lives.
    unsafe { BorrowedFd::borrow_raw(0) }
}

fn stdout() -> BorrowedFd<'static> {
    // SAFETY: standard output is open as long as the process lives.
    unsafe { BorrowedFd::borrow_raw(1) }
}

/// Neither input nor output may block the devices, whoever shares the descriptors.
pub(crate) fn take_serial_line() {
    for fd in [stdin(), stdout()] {
        if let Ok(flags) = fcntl(fd, FcntlArg::F_GETFL) {
            let flags = OFlag::from_bits_truncate(flags) | OFlag::O_NONBLOCK;
            let _ = fcntl(fd, FcntlArg::F_SETFL(flags));
        }
    }
}

/// Starts the vCPUs.
pub(crate) fn start(vmm: &Arc<Vmm>) {
    let cpus = vmm.state().machine["vcpu_count"].as_u64().unwrap_or(1);
    for index in 0..cpus {
        let vmm = Arc::clone(vmm);
        crate::spawn(&format!("fc_vcpu {index}"), move || {
            match vmm.script.guest {
                Guest::Silent => burn(),
                _ if index == 0 => run(&vmm),
                _ => std::thread::park(),
            }
        });
    }
}

/// Starts the agent, which says *ready* once the shell reads.
fn start_agent(vmm: &Arc<Vmm>) {
    let path = vmm.state().vsock["uds_path"].as_str().map(str::to_owned);
    if let Some(path) = path.filter(|_| vmm.script.guest == Guest::Ordinary) {
        let vmm = Arc::clone(vmm);
        crate::spawn("agent", move || agent(&vmm, &format!("{path}_{PORT}")));
    }
}

/// As where KVM interprets the kernel: all time is the host's.
fn burn() {
    loop {
        let _ = nix::sys::stat::stat("/");
    }
}

/// Writes to the serial line; what it does not take at once is lost.
fn print(vmm: &Vmm, text: &str) {
    vmm.wait_while_paused();
    for bytes in text.as_bytes().chunks(64) {
        count(&vmm.counters.exit_io_out, bytes.len());
        let written = nix::unistd::write(stdout(), bytes).unwrap_or(0);
        count(&vmm.counters.uart_written, written);
        count(&vmm.counters.uart_lost, bytes.len() - written);
    }
}

fn run(vmm: &Arc<Vmm>) {
    let (args, drives) = {
        let state = vmm.state();
        let args = state.boot_source["boot_args"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (args, state.drives.len())
    };
    count(&vmm.counters.block_reads, 7 * drives);
    if !args.contains("console=ttyS0") {
        start_agent(vmm);
        loop {
            std::thread::park();
        }
    }
    print(
        vmm,
        "[    0.000000] Linux version 6.1.0-scripted (scripted@peer)\r\n",
    );
    print(
        vmm,
        &format!("[    0.000000] Command line: {args} pci=off\r\n"),
    );
    print(vmm, "[    0.100000] Run /init as init process\r\n");
    print(vmm, "/ # ");
    start_agent(vmm);
    let mut line = String::new();
    loop {
        let mut ready = [PollFd::new(stdin(), PollFlags::POLLIN)];
        let _ = poll(&mut ready, PollTimeout::NONE);
        vmm.wait_while_paused();
        // The device takes 64 bytes at a time.
        let mut buffer = [0; 64];
        let Ok(length @ 1..) = nix::unistd::read(stdin(), &mut buffer) else {
            continue;
        };
        count(&vmm.counters.uart_read, length);
        for &byte in &buffer[..length] {
            match byte {
                b'\r' | b'\n' => {
                    print(vmm, "\r\n");
                    command(vmm, &std::mem::take(&mut line), &args);
                    print(vmm, "/ # ");
                }
                byte => {
                    line.push(char::from(byte));
                    print(vmm, &char::from(byte).to_string());
                }
            }
        }
    }
}

fn command(vmm: &Vmm, line: &str, args: &str) {
    let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    match word {
        "" => {}
        "echo" => print(vmm, &format!("{}\r\n", evaluated(rest))),
        "cmdline" => print(vmm, &format!("{args}\r\n")),
        "sleep" => {
            let (seconds, then) = rest.split_once(';').unwrap_or((rest, ""));
            let seconds = seconds.trim().parse().unwrap_or(0.0);
            std::thread::sleep(Duration::from_secs_f64(seconds));
            command(vmm, then, args);
        }
        "flood" => {
            for n in 0..rest.parse().unwrap_or(0) {
                print(
                    vmm,
                    &format!("{n} of many lines that a guest prints without end\r\n"),
                );
            }
        }
        "poweroff" => {
            print(vmm, "[    9.000000] reboot: System halted\r\n");
            loop {
                std::thread::park();
            }
        }
        "reboot" => restart(vmm),
        "panic" => {
            print(
                vmm,
                "[    9.000000] Kernel panic - not syncing: sysrq triggered crash\r\n",
            );
            print(vmm, "[    9.100000] Rebooting in 1 seconds..\r\n");
            vmm.exit(0);
        }
        "fault" => {
            vmm.log("Received KVM_EXIT_INTERNAL_ERROR signal: EmulationFailure");
            vmm.exit(crate::GENERIC_ERROR);
        }
        "exit" => {
            let code = rest.parse().unwrap_or(0);
            vmm.log(&format!("Firecracker exiting with error. exit_code={code}"));
            vmm.exit(code);
        }
        other => print(vmm, &format!("sh: {other}: not found\r\n")),
    }
}

/// A shell's words, with `$((A*B))` multiplied.
fn evaluated(text: &str) -> String {
    let text = text.trim_matches(['"', '\'']);
    let Some((before, rest)) = text.split_once("$((") else {
        return text.to_owned();
    };
    let Some((sum, after)) = rest.split_once("))") else {
        return text.to_owned();
    };
    let product = sum
        .split('*')
        .map(|part| part.trim().parse::<u64>())
        .try_fold(1, |product, part| {
            Ok::<u64, std::num::ParseIntError>(product * part?)
        });
    match product {
        Ok(product) => format!("{before}{product}{}", evaluated(after)),
        Err(_) => text.to_owned(),
    }
}

/// The guest restarts, which is how Firecracker ends on x86.
pub(crate) fn restart(vmm: &Vmm) {
    print(vmm, "[    9.000000] reboot: Restarting system\r\n");
    vmm.exit(0);
}

/// Calls the host, and again when it hangs up.
fn agent(vmm: &Vmm, path: &str) {
    loop {
        vmm.wait_while_paused();
        if let Ok(stream) = UnixStream::connect(path) {
            count(&vmm.counters.calls_made, 1);
            converse(vmm, &stream);
            count(&vmm.counters.calls_ended, 1);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn converse(vmm: &Vmm, stream: &UnixStream) {
    let say = |line: &str| {
        count(&vmm.counters.vsock_tx, line.len());
        (&*stream).write_all(line.as_bytes())
    };
    if say(READY).is_err() {
        return;
    }
    let mut host = BufReader::new(stream);
    let mut line = String::new();
    while let Ok(length @ 1..) = host.by_ref().take(4096).read_line(&mut line) {
        count(&vmm.counters.vsock_rx, length);
        let said: Value = serde_json::from_str(&line).unwrap_or_default();
        let word = said["say"].as_str().unwrap_or_default().to_owned();
        line.clear();
        vmm.wait_while_paused();
        let answered = match word.as_str() {
            "hello" => say(READY),
            word => say(&format!("{{\"say\":\"ack\",\"what\":\"{word}\"}}\n")),
        };
        if matches!(word.as_str(), "power_off" | "reboot") {
            restart(vmm);
        }
        if answered.is_err() {
            return;
        }
    }
}
