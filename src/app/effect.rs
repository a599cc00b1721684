//! What the world must do, as the logic asks for it.

use crate::console::Size;
use crate::console::keys::Key;
use crate::fleet::Draft;
use crate::shim::protocol::Push;
use crate::vm::{Operation, ProcessId, Vm, VmName};

/// Something to be done outside the logic.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Read all VMs, and have orphans adopted.
    Scan,
    /// Read one VM again.
    Reload(VmName),
    /// Read the boots of this VM.
    Boots(Box<Vm>),
    /// Carry out an operation.
    Operate {
        /// On which VM.
        name: VmName,
        /// Which.
        operation: Operation,
        /// Whether `Remove` may kill first.
        force: bool,
    },
    /// Find out what a new VM could be made of.
    Offer,
    /// Check a draft; a newer check replaces an older one.
    Check {
        /// Comes back with the answer.
        generation: u64,
        /// What is checked.
        draft: Box<Draft>,
    },
    /// Make a VM.
    Create(Box<Draft>),
    /// Run the doctor.
    Examine,
    /// Note that the doctor was shown on first start.
    NoteFirstStart,
    /// From now on, this connection and no other; `None`: no connection.
    Session(Option<OpenSession>),
    /// Ask that the guest's terminal be given this size.
    Fit(Size, Push),
    /// Type on the console.
    Type(Typed),
    /// Give up the paste that is under way.
    CancelPaste,
    /// Read the end of this VM's log, and again as it grows; `None`: no longer.
    Follow(Option<VmName>),
    /// Sample these VMs once a second; none: no longer.
    Sample(Vec<SampleTarget>),
    /// Draw everything anew.
    Redraw,
    /// Go to the background.
    Suspend,
    /// End the dashboard.
    Quit,
}

/// Something that is typed on a console; encoded where the guest's modes are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// A key.
    Key(Key),
    /// Pasted text.
    Paste(String),
}

/// A VM's processes, to be sampled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleTarget {
    /// Whose.
    pub name: VmName,
    /// The VMM.
    pub process: ProcessId,
    /// The threads of its vCPUs.
    pub vcpu_threads: Vec<u32>,
    /// What the guest was given, in bytes; `None` when its spec cannot be read.
    pub memory: Option<u64>,
}

/// A connection that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSession {
    /// Its number: what it tells carries it, so that late words of an older one are known.
    pub id: u64,
    /// To what.
    pub target: SessionTarget,
    /// The size of the guest's terminal, as far as it is known before its shim tells.
    pub size: Size,
}

/// To what a connection goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionTarget {
    /// The VM.
    pub name: VmName,
    /// What is wanted of it.
    pub kind: SessionKind,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// Console and events of a living VM, looked after by this shim.
    Console(Option<ProcessId>),
    /// Its events only.
    Events(Option<ProcessId>),
    /// The last screen of this boot of a dead VM.
    LastScreen(u64),
}
