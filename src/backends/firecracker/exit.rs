//! How Firecracker ends: its exit codes in words.

use crate::backends::ProcessExit;
use crate::vm::{Arch, ExitReason};

/// What an exit code of Firecracker's means (`FcExitCode` in its `vmm` crate); 128 and the number
/// of the signal, where it handled one and ended for it.
pub(super) fn words(code: i32) -> Option<&'static str> {
    Some(match code {
        0 => "it ended in good order",
        1 => "an error that it has no code for, such as a guest that it cannot run on",
        2 => "it took one of its own steps for unsafe",
        148 => "SIGSYS: its seccomp filter refused a system call",
        149 => "SIGBUS: memory that could not be had, such as a file that became shorter",
        150 => "SIGSEGV: it used memory that is not its own",
        151 => "SIGXFSZ: a file would have passed the limit of its size",
        152 => "a configuration that it does not accept",
        153 => "arguments that it does not accept",
        154 => "SIGXCPU: it used more CPU time than it may",
        156 => "SIGHUP: its terminal was closed",
        157 => "SIGILL: the processor does not know an instruction",
        _ => return None,
    })
}

/// What the end says of the guest. On x86 Firecracker ends in good order only when the guest resets
/// the machine; on arm64 power off and reset look the same from here.
pub(super) fn reason(exit: ProcessExit, arch: Arch) -> Option<ExitReason> {
    match (exit, arch) {
        (ProcessExit::Code(0), Arch::X86_64) => Some(ExitReason::GuestReset),
        (ProcessExit::Code(0), Arch::Aarch64) => Some(ExitReason::GuestShutdown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_that_firecracker_has_is_told_in_words() {
        for code in [0, 1, 2, 148, 149, 150, 151, 152, 153, 154, 156, 157] {
            assert!(words(code).is_some(), "{code}");
        }
        assert_eq!(words(155), None);
        assert_eq!(words(-1), None);
        assert!(words(148).unwrap().contains("seccomp"));
    }

    #[test]
    fn a_good_end_is_the_guests_own_and_any_other_tells_nothing_of_it() {
        let reset = reason(ProcessExit::Code(0), Arch::X86_64);
        assert_eq!(reset, Some(ExitReason::GuestReset));
        for exit in [
            ProcessExit::Code(1),
            ProcessExit::Signal(9),
            ProcessExit::Unseen,
        ] {
            assert_eq!(reason(exit, Arch::X86_64), None);
        }
    }
}
