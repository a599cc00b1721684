//! Where keys are read.

/// Where keys are read: the top modal decides, else what has the focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Context {
    /// The list and the pages of the selected VM.
    Dashboard,
    /// A guest's console has the focus: all other keys are the guest's.
    Console,
    /// A panel that is read: help, messages.
    Panel,
    /// The doctor's panel.
    Doctor,
    /// A command that mends the host runs in a terminal: all other keys are its own.
    Mending,
    /// The create form; other keys are typed into the field.
    Form,
    /// A question about something that destroys.
    Confirm,
    /// The filter's line; other keys are typed into it.
    Filter,
    /// The console or the log is read.
    Reading,
    /// The line of a pattern; other keys are typed into it.
    Search,
    /// The menu of BREAK and `SysRq`; other keys are its letters.
    Break,
}

impl Context {
    /// All contexts, in the order of the help.
    pub const ALL: [Self; 11] = [
        Self::Dashboard,
        Self::Console,
        Self::Panel,
        Self::Doctor,
        Self::Mending,
        Self::Form,
        Self::Confirm,
        Self::Filter,
        Self::Reading,
        Self::Search,
        Self::Break,
    ];

    /// The word for it in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dashboard => "dashboard",
            Self::Console => "console",
            Self::Panel => "panel",
            Self::Doctor => "doctor",
            Self::Mending => "mending",
            Self::Form => "form",
            Self::Confirm => "confirm",
            Self::Filter => "filter",
            Self::Reading => "reading",
            Self::Search => "search",
            Self::Break => "break",
        }
    }
}
