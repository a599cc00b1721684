//! What the world must do, as the logic asks for it.

use crate::console::Size;
use crate::console::keys::Key;
use crate::console::mouse::Mouse;
use crate::console::reader::Step;
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
    /// Read the boots of all VMs.
    History,
    /// Boot VMs like this one as it was and with these words for its kernel, and measure.
    Try(Box<Vm>, &'static str),
    /// Carry out an operation.
    Operate {
        /// On which VM.
        name: VmName,
        /// Which.
        operation: Operation,
        /// Whether `Remove` may kill first.
        force: bool,
    },
    /// Start this VM with a kernel that tells all that it can, this once.
    StartTalkative(VmName),
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
    /// Run the doctor, and boot the canary if so.
    Examine {
        /// Whether the canary is booted as well.
        boots: bool,
    },
    /// Run a command that mends the host in a terminal; a newer one replaces an older one.
    Mend(Mending),
    /// Type into it.
    TypeMending(Typed),
    /// Give its terminal another size.
    ResizeMending(Size),
    /// End it, if it still runs.
    EndMending,
    /// Note that the doctor was shown on first start.
    NoteFirstStart,
    /// From now on, this connection and no other; `None`: no connection.
    Session(Option<OpenSession>),
    /// Ask that the guest's terminal be given this size.
    Fit(Size, Push),
    /// Type on the console.
    Type(Typed),
    /// Send a BREAK to the guest of the console, and a key of `SysRq` behind it.
    Break(Option<char>),
    /// Have the reader of the console take a step.
    Read(Step),
    /// Put what the reader selected into the clipboard.
    Copy,
    /// Give up the paste that is under way.
    CancelPaste,
    /// Read the end of this VM's log, and again as it grows; `None`: no longer.
    Follow(Option<VmName>),
    /// Keep that a line of this VM's log was marked by hand, or no longer is.
    Bookmark {
        /// Whose log.
        name: VmName,
        /// Offset of the line.
        offset: u64,
        /// Which of both.
        marked: bool,
    },
    /// Write the log of this VM to a file.
    Export {
        /// Whose log.
        name: VmName,
        /// Whether escape sequences stay in it.
        escapes: bool,
    },
    /// Sample these VMs once a second; none: no longer.
    Sample(Vec<SampleTarget>),
    /// Ask once a second what the VMM of this VM counts; `None`: no longer.
    Count(Option<CountTarget>),
    /// Find out by what this VM would be started.
    Plan(VmName),
    /// Draw everything anew.
    Redraw,
    /// Go to the background.
    Suspend,
    /// End the dashboard.
    Quit,
}

/// A command that is to run in a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mending {
    /// Its number, so that late words of an older one are known.
    pub id: u64,
    /// What the shell is given.
    pub command: String,
    /// The size of its terminal.
    pub size: Size,
}

/// Something that is typed on a console; encoded where the guest's modes are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// A key.
    Key(Key),
    /// Pasted text.
    Paste(String),
    /// What the mouse did, at a place of the guest's screen.
    Mouse(Mouse),
    /// The console got the keys, or lost them.
    Focus(bool),
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

/// A VM whose VMM is asked for what it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountTarget {
    /// Which.
    pub name: VmName,
    /// The VMM.
    pub process: ProcessId,
    /// The threads of its vCPUs.
    pub vcpu_threads: Vec<u32>,
    /// Who asks it for us: a new shim begins anew.
    pub shim: Option<ProcessId>,
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
