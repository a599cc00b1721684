//! Starting a program: in the memory of the agent until it runs, so that nothing is copied.
//!
//! As `posix_spawn` does it, which knows no other root directory and no other user.

use std::ffi::{CString, c_char, c_int, c_void};
use std::os::fd::RawFd;
use std::ptr;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

/// What the child needs until it runs its program: some system calls, no deeper.
const STACK: usize = 32 * 1024;

/// Everything that a program is started with.
pub(crate) struct Start {
    /// Another root directory.
    pub(crate) root: Option<CString>,
    /// The working directory, and where to be when that is not there.
    pub(crate) directory: CString,
    /// Used when `directory` cannot be entered; without it that is a failure.
    pub(crate) fallback: Option<CString>,
    /// User, group and further groups to become.
    pub(crate) user: Option<(u32, u32, Vec<u32>)>,
    /// Where the program may be, in the order in which to try.
    pub(crate) candidates: Vec<CString>,
    pub(crate) argv: Vec<CString>,
    pub(crate) env: Vec<CString>,
    /// Standard input, output and error.
    pub(crate) stdio: [RawFd; 3],
    /// Standard input is the terminal of the new session.
    pub(crate) has_terminal: bool,
}

/// At what a start failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Step {
    #[default]
    Process,
    Root,
    Directory,
    User,
    Terminal,
    Program,
}

/// What the child shares with us.
struct Shared<'a> {
    start: &'a Start,
    argv: Vec<*const c_char>,
    env: Vec<*const c_char>,
    failed: (Step, c_int),
}

impl Start {
    /// Starts it as the leader of a session of its own, with every signal as at birth.
    pub(crate) fn spawn(&self) -> Result<Pid, (Step, Errno)> {
        let pointers = |strings: &[CString]| {
            let strings = strings.iter().map(|string| string.as_ptr());
            strings.chain([ptr::null()]).collect::<Vec<_>>()
        };
        let mut shared = Shared {
            start: self,
            argv: pointers(&self.argv),
            env: pointers(&self.env),
            failed: (Step::Process, 0),
        };
        let mut stack = vec![0_u128; STACK / size_of::<u128>()];
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        // SAFETY: the child runs on a stack of its own that outlives it here, for CLONE_VFORK holds
        // us until it runs its program or ends; what it touches of `shared` nobody else touches.
        let pid = unsafe {
            let top = stack.as_mut_ptr_range().end;
            libc::clone(
                child,
                top.cast::<c_void>(),
                flags,
                (&raw mut shared).cast::<c_void>(),
            )
        };
        if pid < 0 {
            return Err((Step::Process, Errno::last()));
        }
        match shared.failed {
            (_, 0) => Ok(Pid::from_raw(pid)),
            // The child has ended, and is reaped with all others.
            (step, error) => Err((step, Errno::from_raw(error))),
        }
    }
}

/// The child: only system calls, no memory is taken or given back.
extern "C" fn child(shared: *mut c_void) -> c_int {
    // SAFETY: it is the `Shared` of `spawn`, which waits for us.
    let shared = unsafe { &mut *shared.cast::<Shared<'_>>() };
    let step = prepare_and_run(shared.start, &shared.argv, &shared.env);
    shared.failed = (step, Errno::last_raw().max(1));
    // SAFETY: ends this process alone, nothing of the parent's is run.
    unsafe { libc::_exit(127) }
}

/// Returns only when something failed: at what, the error is in `errno`.
fn prepare_and_run(start: &Start, argv: &[*const c_char], env: &[*const c_char]) -> Step {
    // SAFETY: system calls on strings and numbers that live until the end of this process.
    unsafe {
        for signal in 1..=libc::SIGRTMAX() {
            libc::signal(signal, libc::SIG_DFL);
        }
        libc::setsid();
        if let Some(root) = &start.root
            && libc::chroot(root.as_ptr()) != 0
        {
            return Step::Root;
        }
        if start.stdio.iter().zip(0..).any(|(&from, to)| {
            // What has its number already would be closed when the program runs.
            let moved = if from == to {
                libc::fcntl(from, libc::F_SETFD, 0)
            } else {
                libc::dup2(from, to)
            };
            moved < 0
        }) {
            return Step::Process;
        }
        if start.has_terminal && libc::ioctl(0, libc::TIOCSCTTY as _, 0) != 0 {
            return Step::Terminal;
        }
        if let Some((user, group, groups)) = &start.user {
            // Not the library's functions, which tell all threads of a process.
            let done = libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) == 0
                && libc::syscall(libc::SYS_setresgid, *group, *group, *group) == 0
                && libc::syscall(libc::SYS_setresuid, *user, *user, *user) == 0;
            if !done {
                return Step::User;
            }
        }
        let enters = |place: &CString| libc::chdir(place.as_ptr()) == 0;
        if !enters(&start.directory) && !start.fallback.as_ref().is_some_and(enters) {
            return Step::Directory;
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
        let mut error = libc::ENOENT;
        for candidate in &start.candidates {
            libc::execve(candidate.as_ptr(), argv.as_ptr(), env.as_ptr());
            match Errno::last_raw() {
                // As execvp(3) goes on.
                libc::ENOENT | libc::ENOTDIR => {}
                libc::EACCES => error = libc::EACCES,
                other => {
                    error = other;
                    break;
                }
            }
        }
        Errno::set_raw(error);
    }
    Step::Program
}
