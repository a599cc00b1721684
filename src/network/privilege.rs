//! Who runs the privileged commands, and whether they may.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::address::{Pool, device_name};
use super::error::NetworkError;
use super::step::Step;
use crate::vm::process;

/// One command takes milliseconds; sudo may ask a directory service.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long an answer of [`permitted_lately`] counts.
const FRESH: Duration = Duration::from_secs(10);
/// `CAP_NET_ADMIN` of capabilities(7).
const NET_ADMIN: u32 = 12;
/// Where programs of the administrator are, also for those whose `PATH` leaves them out.
const PLACES: [&str; 5] = [
    "/usr/sbin",
    "/sbin",
    "/usr/bin",
    "/bin",
    "/run/current-system/sw/bin",
];

/// How the privileged commands are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// As they are: by root, or with a capability that they inherit.
    Own,
    /// With `sudo -n`.
    Sudo,
}

/// How this process would run them. Whether sudo lets it, only sudo knows.
pub fn privilege() -> Privilege {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if may_itself(&status, nix::unistd::geteuid().is_root()) {
        Privilege::Own
    } else {
        Privilege::Sudo
    }
}

/// From `/proc/PID/status` (proc(5)): what a program started from here will have.
fn may_itself(status: &str, root: bool) -> bool {
    let has = |key: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
            .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .is_some_and(|mask| mask >> NET_ADMIN & 1 == 1)
    };
    // Others lose at exec what is not ambient; root, what is not in its bounding set.
    has("CapAmb") || (root && has("CapEff") && has("CapBnd"))
}

/// Whether a VM could be given a TAP device with addresses of `pool` now, and how; else why not, as a
/// clause.
///
/// Changes nothing. Without privileges of its own it asks `sudo -n -l` whether each of the commands
/// is permitted, all at once (about 10 ms). Where sudo wants a password for some of them only, sudo
/// may say yes here and no later.
pub fn permitted(pool: Pool) -> Result<Privilege, String> {
    prerequisites()?;
    authority(pool)
}

/// Whether this host has what a TAP device takes besides privileges; else what is missing, as a
/// clause.
pub fn prerequisites() -> Result<(), String> {
    if !cfg!(target_os = "linux") {
        return Err("they are a thing of Linux".to_owned());
    }
    for name in ["ip", "nft"] {
        if program(name).is_none() {
            return Err(format!("`{name}` is not installed"));
        }
    }
    if !Path::new("/dev/net/tun").exists() {
        return Err("there is no `/dev/net/tun`: `modprobe tun` makes it".to_owned());
    }
    let tun = nix::unistd::access(
        "/dev/net/tun",
        nix::unistd::AccessFlags::R_OK | nix::unistd::AccessFlags::W_OK,
    );
    if let Err(errno) = tun {
        return Err(format!("`/dev/net/tun` cannot be opened: {}", errno.desc()));
    }
    Ok(())
}

/// Whether this process may run the privileged commands for addresses of `pool`, and how, whatever
/// else they need; else why not, as a clause. Changes nothing; asks sudo as [`permitted`] does.
pub fn authority(pool: Pool) -> Result<Privilege, String> {
    if privilege() == Privilege::Own {
        return Ok(Privilege::Own);
    }
    if nix::unistd::geteuid().is_root() {
        return Err("root has no CAP_NET_ADMIN here, as in a container".to_owned());
    }
    let Some(sudo) = program("sudo") else {
        return Err("this user is not root, and `sudo` is not installed".to_owned());
    };
    // None of them is run.
    let user = nix::unistd::geteuid().as_raw();
    let steps = Step::of_each_shape(&device_name("00000000"), user, pool.first());
    let asked: Vec<io::Result<Child>> = steps
        .iter()
        .map(|step| {
            let mut words = vec!["-n".to_owned(), "-l".to_owned()];
            words.extend(located(step));
            spawn(&sudo, &words)
        })
        .collect();
    let until = Instant::now() + DEADLINE;
    let mut answer = Ok(Privilege::Sudo);
    for child in asked {
        if !matches!(child.and_then(|child| finish(child, until)), Ok(ended) if ended.ok) {
            answer = Err(not_by_sudo(pool));
        }
    }
    answer
}

/// The rules of sudo are for one pool: who changes the configuration's needs other rules.
fn not_by_sudo(pool: Pool) -> String {
    let of_pool = if pool == Pool::default() {
        String::new()
    } else {
        format!(" for addresses of {pool}")
    };
    format!("this user is not root, and `sudo -n` does not permit it{of_pool}")
}

/// [`permitted`] as it was within the last seconds, for those who ask often.
pub fn permitted_lately(pool: Pool) -> Result<Privilege, String> {
    type Answer = Result<Privilege, String>;
    static LAST: std::sync::Mutex<Option<(Instant, Pool, Answer)>> = std::sync::Mutex::new(None);
    let mut last = LAST
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    match &*last {
        Some((at, of, answer)) if *of == pool && at.elapsed() < FRESH => answer.clone(),
        _ => {
            let answer = permitted(pool);
            *last = Some((Instant::now(), pool, answer.clone()));
            answer
        }
    }
}

/// Runs one command to its end, under a deadline.
pub(super) fn run(step: &Step) -> Result<(), NetworkError> {
    let mut words = located(step);
    let mut shown = step.argv().join(" ");
    if privilege() == Privilege::Sudo {
        words.splice(0..0, ["sudo".to_owned(), "-n".to_owned()]);
        shown.insert_str(0, "sudo -n ");
    }
    if let Some((end, _)) = shown.char_indices().nth(80) {
        shown.truncate(end);
        shown.push('…');
    }
    let failed = |why: String| NetworkError::Command {
        what: step.what(),
        command: shown.clone(),
        why,
    };
    let name = &words[0];
    let path = program(name).ok_or_else(|| failed(format!("needs `{name}`, which is missing")))?;
    let ended = spawn(&path, &words[1..])
        .and_then(|child| finish(child, Instant::now() + DEADLINE))
        .map_err(|error| failed(format!("failed: {error}")))?;
    if ended.ok {
        return Ok(());
    }
    Err(failed(format!("failed: {}", ended.words)))
}

/// The command with its program's path, where it is known.
fn located(step: &Step) -> Vec<String> {
    let mut words = step.argv();
    if let Some(path) = program(&words[0]) {
        words[0] = path.to_string_lossy().into_owned();
    }
    words
}

/// A program of this name in the places of the system: what is run with privileges is not looked for
/// where the user's `PATH` leads.
pub fn program(name: &str) -> Option<PathBuf> {
    if name.starts_with('/') {
        return Some(PathBuf::from(name));
    }
    PLACES
        .iter()
        .map(|place| Path::new(place).join(name))
        .find(|path| path.is_file())
}

struct Ended {
    ok: bool,
    /// The first line of what it said on standard error.
    words: String,
}

fn spawn(path: &Path, arguments: &[String]) -> io::Result<Child> {
    let mut command = Command::new(path);
    command
        .args(arguments)
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    process::birth(|| command.spawn())
}

/// Waits for the end of standard error, which is the program's own end, then for the program. One
/// that is still there at the deadline is killed, if it lets us: sudo runs as root.
fn finish(mut child: Child, until: Instant) -> io::Result<Ended> {
    let mut said = Vec::new();
    if let Some(mut stderr) = child.stderr.take() {
        let mut buffer = [0; 1024];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
            if poll(
                &mut [PollFd::new(stderr.as_fd(), PollFlags::POLLIN)],
                timeout,
            )? == 0
            {
                let _ = child.kill();
                let _ = child.try_wait();
                return Err(io::ErrorKind::TimedOut.into());
            }
            match stderr.read(&mut buffer)? {
                0 => break,
                length if said.len() < 4096 => said.extend_from_slice(&buffer[..length]),
                _ => {}
            }
        }
    }
    let status = child.wait()?;
    let said = String::from_utf8_lossy(&said);
    let line = said.lines().map(str::trim).find(|line| !line.is_empty());
    let words = line.map_or_else(
        || status.to_string(),
        |line| line.chars().filter(|c| !c.is_control()).take(300).collect(),
    );
    Ok(Ended {
        ok: status.success(),
        words,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, deadline: Duration) -> io::Result<Ended> {
        let words = ["-c".to_owned(), script.to_owned()];
        finish(
            spawn(Path::new("/bin/sh"), &words)?,
            Instant::now() + deadline,
        )
    }

    #[test]
    fn a_command_that_fails_is_quoted_and_one_that_hangs_is_ended() {
        let ended = sh("echo; echo no luck >&2; echo more >&2; exit 3", DEADLINE).unwrap();
        assert_eq!((ended.ok, ended.words.as_str()), (false, "no luck"));
        assert!(sh("true", DEADLINE).unwrap().ok);
        let begun = Instant::now();
        let error = sh("exec sleep 600", Duration::from_millis(50))
            .err()
            .unwrap();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() < DEADLINE);
    }

    #[test]
    fn only_capabilities_that_survive_exec_count() {
        let status = |effective: &str, ambient: &str| {
            format!(
                "Name:\tx\nCapEff:\t{effective}\nCapBnd:\t000001ffffffffff\nCapAmb:\t{ambient}\n"
            )
        };
        let (none, net) = ("0000000000000000", "0000000000001000");
        assert!(may_itself(&status(net, none), true));
        assert!(!may_itself(&status(net, none), false));
        assert!(may_itself(&status(net, net), false));
        assert!(!may_itself(&status(none, none), true));
        assert!(!may_itself("", true));
    }
}
