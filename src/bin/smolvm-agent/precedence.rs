//! Who comes first on the guest's CPU: the agent, or all else.

use nix::libc;

use crate::log::warn;

/// The agent's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precedence {
    /// Runs only when nothing else wants to: while we look whether the shell is there, it gets there.
    Last,
    /// As every process.
    Usual,
    /// Runs until it waits for something. On a single CPU nothing else runs meanwhile.
    First,
}

/// Takes a place.
pub(crate) fn take(place: Precedence) {
    let (policy, priority) = match place {
        Precedence::Last => (libc::SCHED_IDLE, 0),
        Precedence::Usual => (libc::SCHED_OTHER, 0),
        Precedence::First => (libc::SCHED_FIFO, 1),
    };
    // SAFETY: `sched_param` is a plain C structure, for which all zeros is a valid value.
    let mut parameter: libc::sched_param = unsafe { std::mem::zeroed() };
    parameter.sched_priority = priority;
    // By number: the C library of some targets refuses the call. 0 is this process.
    // SAFETY: sched_setscheduler(2) reads one `sched_param`, which lives until the call returns.
    let taken = unsafe {
        libc::syscall(
            libc::SYS_sched_setscheduler,
            0,
            policy,
            &raw const parameter,
        )
    };
    if taken == -1 {
        let error = std::io::Error::last_os_error();
        warn(&format!("cannot be {place:?} on the CPU: {error}"));
    }
}

/// Whether nothing else runs while we come first.
pub(crate) fn is_exclusive() -> bool {
    // SAFETY: `cpu_set_t` is a plain C structure, for which all zeros is a valid value, and
    // sched_getaffinity(2) writes at most its size into it. 0 is this process.
    let cpus = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        match libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) {
            0 => libc::CPU_COUNT(&set),
            _ => 0,
        }
    };
    cpus == 1
}
