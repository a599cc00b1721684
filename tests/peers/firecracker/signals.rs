//! Signals that end it with a code of their own, after its figures are written.

use std::sync::Arc;

use nix::sys::signal::{SigSet, Signal};

use crate::vmm::Vmm;

/// Its exit codes for signals (`FcExitCode`), of those that others send. Such as a terminal that
/// closes: it is not deaf to that.
const CODES: [(Signal, i32); 3] = [
    (Signal::SIGHUP, 156),
    (Signal::SIGXFSZ, 151),
    (Signal::SIGXCPU, 154),
];

/// Ends by them from now on. Call it before any thread is started: all are to leave them to one.
pub(crate) fn end_by(vmm: &Arc<Vmm>) {
    let mut set = SigSet::empty();
    for (signal, _) in CODES {
        set.add(signal);
    }
    set.thread_block().expect("a mask");
    let vmm = Arc::clone(vmm);
    std::thread::spawn(move || {
        let signal = set.wait().expect("a signal");
        let code = CODES.iter().find(|(known, _)| *known == signal);
        vmm.log(&format!(
            "Shutting down VM after intercepting signal {}.",
            signal as i32
        ));
        vmm.exit(code.expect("one of the set").1);
    });
}
