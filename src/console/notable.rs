//! Lines of a console that matter by themselves: what a kernel or an init says when something broke.

use std::sync::LazyLock;

use regex::Regex;

/// What such a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Notable {
    /// The kernel gave up.
    Panic,
    /// The kernel went wrong, and goes on without a task.
    Oops,
    /// The kernel found itself wrong.
    Bug,
    /// Memory ran out, and a process was killed for it.
    OutOfMemory,
    /// A task waits without end.
    HungTask,
    /// A processor does not come back.
    Lockup,
    /// The init could not start something.
    FailedToStart,
    /// A program touched memory that is not its own.
    Segfault,
    /// The init gave up, and asks for a person.
    Emergency,
}

/// What each looks like: the words of Linux (`kernel/panic.c`, `arch/x86/mm/fault.c`, `lib/bug.c`,
/// `mm/oom_kill.c`, `kernel/hung_task.c`, `kernel/watchdog.c`, `kernel/rcu/tree_stall.h`) and of
/// systemd. The first that matches counts.
const PATTERNS: [(Notable, &str); 9] = [
    (Notable::Panic, r"Kernel panic - not syncing"),
    (Notable::Oops, r"\bOops: |Internal error: Oops"),
    (
        Notable::Lockup,
        r"watchdog: BUG: soft lockup|hard LOCKUP|rcu_\w+ (?:self-)?detected (?:expedited )?stall",
    ),
    (Notable::Bug, r"\bBUG: |kernel BUG at "),
    (
        Notable::OutOfMemory,
        r"Out of memory: Kill|Memory cgroup out of memory|invoked oom-killer",
    ),
    (
        Notable::HungTask,
        r"INFO: task .{0,99} blocked for more than \d+ seconds",
    ),
    (Notable::FailedToStart, r"Failed to start "),
    (
        Notable::Segfault,
        r"segfault at [0-9a-f]|: Segmentation fault",
    ),
    (
        Notable::Emergency,
        r"You are in emergency mode|Entering emergency mode|Started Emergency Shell",
    ),
];

/// All of them at once, a group for each: most lines match none, and one look tells.
static ANY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let groups: Vec<String> = PATTERNS
        .iter()
        .map(|(_, pattern)| format!("({pattern})"))
        .collect();
    Regex::new(&groups.join("|")).ok()
});

impl Notable {
    /// What this line tells of, if it is one that matters.
    pub fn of(line: &str) -> Option<Self> {
        let any = ANY.as_ref()?;
        if !any.is_match(line) {
            return None;
        }
        let found = any.captures(line)?;
        let which = PATTERNS.iter().zip(1..);
        which
            .filter(|(_, group)| found.get(*group).is_some())
            .map(|((notable, _), _)| *notable)
            .next()
    }

    /// A word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Oops => "oops",
            Self::Bug => "BUG",
            Self::OutOfMemory => "out of memory",
            Self::HungTask => "hung task",
            Self::Lockup => "lockup",
            Self::FailedToStart => "failed to start",
            Self::Segfault => "segfault",
            Self::Emergency => "emergency mode",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernel_or_an_init_says_when_something_broke_is_known() {
        let table = [
            (
                "[    9.1] Kernel panic - not syncing: sysrq triggered crash",
                Some(Notable::Panic),
            ),
            (
                "Oops: Oops: 0002 [#1] PREEMPT SMP NOPTI",
                Some(Notable::Oops),
            ),
            (
                "BUG: kernel NULL pointer dereference, address: 0000000000000000",
                Some(Notable::Bug),
            ),
            ("kernel BUG at fs/ext4/inode.c:2721!", Some(Notable::Bug)),
            (
                "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [cat:93]",
                Some(Notable::Lockup),
            ),
            (
                "rcu: INFO: rcu_sched self-detected stall on CPU",
                Some(Notable::Lockup),
            ),
            (
                "Out of memory: Killed process 71 (tail) total-vm:1kB",
                Some(Notable::OutOfMemory),
            ),
            (
                "sh invoked oom-killer: gfp_mask=0xcc0",
                Some(Notable::OutOfMemory),
            ),
            (
                "INFO: task kworker/0:1:9 blocked for more than 120 seconds.",
                Some(Notable::HungTask),
            ),
            (
                "[FAILED] Failed to start nginx.service - A web server.",
                Some(Notable::FailedToStart),
            ),
            (
                "a.out[80]: segfault at 0 ip 0000000000401136 sp 1",
                Some(Notable::Segfault),
            ),
            (
                "You are in emergency mode. After logging in, type",
                Some(Notable::Emergency),
            ),
            ("DEBUG: all is well", None),
            ("panic=1 on the command line", None),
            ("# echo c > /proc/sysrq-trigger", None),
            ("", None),
        ];
        for (line, notable) in table {
            assert_eq!(Notable::of(line), notable, "{line}");
        }
    }
}
