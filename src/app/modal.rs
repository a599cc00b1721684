//! What lies over the dashboard.

use super::action::Context;
use super::form::Form;
use super::mend::Mend;
use crate::console::sysrq::SysRq;
use crate::vm::{Operation, VmName};

/// Something that lies over the dashboard and takes the keys. The last one is the top.
#[derive(Clone, Debug)]
pub enum Modal {
    /// The keys of a context.
    Help {
        /// Whose keys.
        context: Context,
        /// Lines scrolled down.
        scroll: usize,
    },
    /// Past messages.
    Messages {
        /// Lines scrolled down.
        scroll: usize,
    },
    /// The boots of all VMs.
    History {
        /// Lines scrolled down.
        scroll: usize,
    },
    /// The doctor's checklist.
    Doctor {
        /// The check whose details are shown; until one is chosen it is the worst.
        choice: Option<String>,
    },
    /// A command that mends the host.
    Mend(Box<Mend>),
    /// A new VM.
    Form(Box<Form>),
    /// Shall it be done?
    Confirm(Question),
    /// A paste on the console that asks first, or is under way.
    Paste(Paste),
    /// A BREAK is to be sent, and maybe a key of `SysRq` behind it.
    Break(Break),
    /// The filter is being typed; holds what it was before.
    Filter {
        /// What it was before.
        before: String,
    },
    /// A pattern is being typed.
    Search {
        /// What it is for.
        what: SearchFor,
        /// As it was typed so far.
        text: String,
        /// Why it cannot be searched.
        wrong: Option<String>,
        /// Whether the reading began with it.
        fresh: bool,
    },
}

/// What a pattern is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchFor {
    /// The next match.
    Next,
    /// The match before.
    Previous,
    /// The lines of the log that are to be shown.
    Lines,
}

/// A paste on the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paste {
    /// Into which VM.
    pub name: VmName,
    /// What.
    pub text: String,
    /// How many bytes of how many the guest has taken; `None` while it is a question.
    pub taken: Option<(usize, usize)>,
}

/// The menu of what goes past the bytes of the serial line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// To which VM.
    pub name: VmName,
    /// The key that destroys, of which the user is asked.
    pub asked: Option<SysRq>,
}

/// A question about something that destroys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Of which VM.
    pub name: VmName,
    /// What would be done.
    pub operation: Operation,
    /// Whether `Remove` has to kill first.
    pub force: bool,
}
