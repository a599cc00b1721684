//! What happened, told to the logic.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::log::LogPart;
use super::metrics::Count;
use crate::console::keys::Key;
use crate::console::mouse::Mouse;
use crate::doctor::Progress;
use crate::fault::Failure;
use crate::fleet::{Measured, Objection, Outlook, Past};
use crate::sampler::Sample;
use crate::vm::{BootPhase, BootRecord, Invocation, Operation, Vm, VmName};

/// Something that happened.
#[derive(Debug)]
pub enum Message {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// The mouse did something.
    Mouse(Mouse),
    /// The terminal got the keys of the user's desktop, or lost them.
    Focus(bool),
    /// The terminal has another size, in columns and rows.
    Resize(u16, u16),
    /// All VMs were read from disk.
    Vms(Result<Vec<Vm>, Failure>),
    /// One VM was read again; `None` when it is gone.
    Vm(VmName, Option<Box<Vm>>),
    /// The boots of one VM, and those to compare them with.
    Boots(VmName, Box<Past>),
    /// The boots of all VMs, oldest first.
    History(Vec<BootRecord>),
    /// A boot of the hint that is tried is over.
    Lap,
    /// The hint was tried.
    Tried(Result<Box<Measured>, Failure>),
    /// Figures of the last second.
    Samples(Vec<(VmName, Sample)>),
    /// What the VMM of a VM counted so far.
    Counted(VmName, Result<Box<Count>, Failure>),
    /// By what a VM would be started.
    Planned(VmName, Result<Box<Invocation>, Failure>),
    /// The doctor tells.
    Doctor(Progress),
    /// Something that the doctor looks at changed.
    HostChanged,
    /// The command with this number that was to mend the host ended: well, or how, as a clause.
    Mended(u64, Result<(), String>),
    /// The doctor could not begin.
    Unexamined(Failure),
    /// An operation ended.
    Operated {
        /// On which VM.
        name: VmName,
        /// Which.
        operation: Operation,
        /// The VM as it then is.
        result: Result<Box<Vm>, Failure>,
    },
    /// What a new VM could be made of.
    Offered {
        /// A free name.
        name: Option<String>,
        /// Images at hand.
        images: Vec<String>,
    },
    /// A draft was checked.
    Checked {
        /// Which state of the form was checked.
        generation: u64,
        /// What is wrong with it.
        objections: Vec<Objection>,
        /// What the VM would be like; `None` while its backend is no backend.
        outlook: Option<Box<Outlook>>,
    },
    /// A VM was made, or not.
    Created(Result<VmName, Failure>),
    /// The connection with this number tells.
    Session(u64, SessionEvent),
    /// What came to a VM's serial log, already harmless.
    Log(VmName, LogPart),
    /// The offsets of the lines of a VM's log that were marked by hand.
    Bookmarks(VmName, BTreeSet<u64>),
    /// Where a log was written to.
    Exported(PathBuf),
    /// A search on the console is not at its end.
    SearchOn,
    /// So many characters were copied; or why not.
    Copied(Result<usize, String>),
    /// Something to tell the user that belongs to no VM.
    Notice(Failure),
    /// A picture changes by itself about now.
    Wake,
    /// The process was told to end.
    Terminate,
}

/// What a connection to a shim tells, its bytes apart: those never travel through messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// The replay is over: what comes now comes as the guest says it.
    Live,
    /// A dead VM's last screen is shown; `false` when none was kept.
    LastScreen(bool),
    /// Bytes were left out because we were too slow.
    Gap(u64),
    /// A boot phase came, so many µs after *spawned*.
    Boot(BootPhase, u64),
    /// The VM is in another phase.
    Phase,
    /// What was typed was not taken: the guest's line is full.
    NotTaken,
    /// So many bytes of a paste of so many were taken by the guest.
    Pasted(usize, usize),
    /// Something that was asked of the shim was refused.
    Refused(Failure),
    /// The connection ended.
    Ended(Option<Failure>),
}
