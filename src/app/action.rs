//! What a user can ask of the dashboard: one closed table, from which the keymap, the help
//! overlay, the footer, `smolvm-tui keys` and the README's table are made.

mod lines;
mod reading;
mod table;

pub use super::context::Context;

/// Something that a user can ask for with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each has a sentence in `Action::spec`")]
pub enum Action {
    SelectNext,
    SelectPrevious,
    SelectFirst,
    SelectLast,
    NextPage,
    PreviousPage,
    ShowOverview,
    ShowConsole,
    ShowBoot,
    ShowLog,
    ShowSpec,
    ShowMetrics,
    ScrollUp,
    ScrollDown,
    FocusConsole,
    Fit,
    SendBreak,
    Zoom,
    StartStop,
    StartTalkative,
    TryHint,
    Restart,
    PauseResume,
    Kill,
    Delete,
    Create,
    Filter,
    Doctor,
    Messages,
    History,
    Help,
    Back,
    Refresh,
    Redraw,
    Suspend,
    Quit,
    LeaveConsole,
    ScrollbackUp,
    ScrollbackDown,
    Read,
    Search,
    SearchBack,
    FilterLines,
    NextMatch,
    PreviousMatch,
    SelectText,
    SelectLines,
    Copy,
    Clock,
    Bookmark,
    NextMark,
    PreviousMark,
    Export,
    ExportRaw,
    CursorLeft,
    CursorRight,
    WordForward,
    WordBack,
    WordEnd,
    RowBegin,
    RowEnd,
    TextTop,
    TextBottom,
    ViewTop,
    ViewMiddle,
    ViewBottom,
    HalfPageUp,
    HalfPageDown,
    LineUp,
    LineDown,
    PageUp,
    PageDown,
    ExamineAgain,
    BootCanary,
    Mend,
    StopMending,
    NextField,
    PreviousField,
    NextChoice,
    PreviousChoice,
    Submit,
    Yes,
    No,
    Accept,
    Close,
}

/// All that is to be known of an action.
#[derive(Clone, Copy, Debug)]
pub struct ActionSpec {
    /// Its name in the configuration, in kebab-case.
    pub name: &'static str,
    /// One sentence without a period.
    pub summary: &'static str,
    /// Where it can be asked for, and by which keys unless the user says otherwise: keys as
    /// [`Key`](crate::console::keys::Key) reads them, separated by spaces.
    pub bindings: &'static [(Context, &'static str)],
}

impl Action {
    /// All actions, in the order of the help.
    pub const ALL: [Self; 85] = [
        Self::SelectNext,
        Self::SelectPrevious,
        Self::SelectFirst,
        Self::SelectLast,
        Self::NextPage,
        Self::PreviousPage,
        Self::ShowOverview,
        Self::ShowConsole,
        Self::ShowBoot,
        Self::ShowLog,
        Self::ShowSpec,
        Self::ShowMetrics,
        Self::ScrollUp,
        Self::ScrollDown,
        Self::FocusConsole,
        Self::Fit,
        Self::SendBreak,
        Self::Zoom,
        Self::StartStop,
        Self::StartTalkative,
        Self::TryHint,
        Self::Restart,
        Self::PauseResume,
        Self::Kill,
        Self::Delete,
        Self::Create,
        Self::Filter,
        Self::Doctor,
        Self::Messages,
        Self::History,
        Self::Help,
        Self::Back,
        Self::Refresh,
        Self::Redraw,
        Self::Suspend,
        Self::Quit,
        Self::LeaveConsole,
        Self::ScrollbackUp,
        Self::ScrollbackDown,
        Self::Read,
        Self::Search,
        Self::SearchBack,
        Self::FilterLines,
        Self::NextMatch,
        Self::PreviousMatch,
        Self::SelectText,
        Self::SelectLines,
        Self::Copy,
        Self::Clock,
        Self::Bookmark,
        Self::NextMark,
        Self::PreviousMark,
        Self::Export,
        Self::ExportRaw,
        Self::CursorLeft,
        Self::CursorRight,
        Self::WordForward,
        Self::WordBack,
        Self::WordEnd,
        Self::RowBegin,
        Self::RowEnd,
        Self::TextTop,
        Self::TextBottom,
        Self::ViewTop,
        Self::ViewMiddle,
        Self::ViewBottom,
        Self::HalfPageUp,
        Self::HalfPageDown,
        Self::LineUp,
        Self::LineDown,
        Self::PageUp,
        Self::PageDown,
        Self::ExamineAgain,
        Self::BootCanary,
        Self::Mend,
        Self::StopMending,
        Self::NextField,
        Self::PreviousField,
        Self::NextChoice,
        Self::PreviousChoice,
        Self::Submit,
        Self::Yes,
        Self::No,
        Self::Accept,
        Self::Close,
    ];

    /// The action of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|action| action.spec().name == name)
    }

    /// Whether it can be asked for in `context`.
    pub fn applies_in(self, context: Context) -> bool {
        self.spec()
            .bindings
            .iter()
            .any(|(known, _)| *known == context)
    }
}
