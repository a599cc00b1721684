//! What a user can ask of the dashboard: one closed table, from which the keymap, the help
//! overlay, the footer, `smolvm-tui keys` and the README's table are made.

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
    ScrollUp,
    ScrollDown,
    FocusConsole,
    Fit,
    Zoom,
    StartStop,
    Restart,
    PauseResume,
    Kill,
    Delete,
    Create,
    Filter,
    Doctor,
    Messages,
    Help,
    Back,
    Refresh,
    Redraw,
    Suspend,
    Quit,
    LeaveConsole,
    ScrollbackUp,
    ScrollbackDown,
    LineUp,
    LineDown,
    PageUp,
    PageDown,
    ExamineAgain,
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

/// A key that means the same wherever the guest does not have the keys.
const fn anywhere(keys: &'static str) -> [(Context, &'static str); 6] {
    [
        (Context::Dashboard, keys),
        (Context::Panel, keys),
        (Context::Doctor, keys),
        (Context::Form, keys),
        (Context::Confirm, keys),
        (Context::Filter, keys),
    ]
}

impl Action {
    /// All actions, in the order of the help.
    pub const ALL: [Self; 48] = [
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
        Self::ScrollUp,
        Self::ScrollDown,
        Self::FocusConsole,
        Self::Fit,
        Self::Zoom,
        Self::StartStop,
        Self::Restart,
        Self::PauseResume,
        Self::Kill,
        Self::Delete,
        Self::Create,
        Self::Filter,
        Self::Doctor,
        Self::Messages,
        Self::Help,
        Self::Back,
        Self::Refresh,
        Self::Redraw,
        Self::Suspend,
        Self::Quit,
        Self::LeaveConsole,
        Self::ScrollbackUp,
        Self::ScrollbackDown,
        Self::LineUp,
        Self::LineDown,
        Self::PageUp,
        Self::PageDown,
        Self::ExamineAgain,
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

    /// What is to be known of it.
    #[expect(
        clippy::too_many_lines,
        reason = "this is the table, a row for each action"
    )]
    pub fn spec(self) -> ActionSpec {
        use Context as C;
        let (name, summary, bindings): (_, _, &'static [(C, &'static str)]) = match self {
            Self::SelectNext => (
                "select-next",
                "Select the next VM",
                &[(C::Dashboard, "down j")],
            ),
            Self::SelectPrevious => (
                "select-previous",
                "Select the VM before",
                &[(C::Dashboard, "up k")],
            ),
            Self::SelectFirst => (
                "select-first",
                "Select the first VM",
                &[(C::Dashboard, "home g")],
            ),
            Self::SelectLast => (
                "select-last",
                "Select the last VM",
                &[(C::Dashboard, "end G")],
            ),
            Self::NextPage => (
                "next-page",
                "Show the next page of the VM",
                &[(C::Dashboard, "tab right l")],
            ),
            Self::PreviousPage => (
                "previous-page",
                "Show the page before",
                &[(C::Dashboard, "shift-tab left h")],
            ),
            Self::ShowOverview => ("show-overview", "Page 1: figures", &[(C::Dashboard, "1")]),
            Self::ShowConsole => (
                "show-console",
                "Page 2: serial console",
                &[(C::Dashboard, "2")],
            ),
            Self::ShowBoot => ("show-boot", "Page 3: boot timeline", &[(C::Dashboard, "3")]),
            Self::ShowLog => ("show-log", "Page 4: serial log", &[(C::Dashboard, "4")]),
            Self::ShowSpec => (
                "show-spec",
                "Page 5: spec and command line",
                &[(C::Dashboard, "5")],
            ),
            Self::ScrollUp => (
                "scroll-up",
                "Scroll the page up",
                &[(C::Dashboard, "pageup shift-pageup ctrl-u")],
            ),
            Self::ScrollDown => (
                "scroll-down",
                "Scroll the page down",
                &[(C::Dashboard, "pagedown shift-pagedown ctrl-d")],
            ),
            Self::FocusConsole => (
                "focus-console",
                "Type on the VM's console; the leave key leaves it",
                &[(C::Dashboard, "enter a")],
            ),
            Self::Fit => (
                "fit",
                "Give the guest's terminal the size of the console's page",
                &[(C::Dashboard, "f")],
            ),
            Self::Zoom => (
                "zoom",
                "Give the page the whole screen, or give it back",
                &[(C::Dashboard, "z")],
            ),
            Self::StartStop => (
                "start-stop",
                "Start the VM, or ask its guest to power off",
                &[(C::Dashboard, "s")],
            ),
            Self::Restart => (
                "restart",
                "Stop the VM, then start it",
                &[(C::Dashboard, "r")],
            ),
            Self::PauseResume => (
                "pause-resume",
                "Halt the VM's processors, or let them go on",
                &[(C::Dashboard, "p")],
            ),
            Self::Kill => (
                "kill",
                "End the VM at once, after a question",
                &[(C::Dashboard, "K")],
            ),
            Self::Delete => (
                "delete",
                "Delete the VM and its disk, after a question",
                &[(C::Dashboard, "d delete")],
            ),
            Self::Create => (
                "create",
                "Create a VM and start it",
                &[(C::Dashboard, "n c")],
            ),
            Self::Filter => (
                "filter",
                "Show only VMs whose name matches",
                &[(C::Dashboard, "/")],
            ),
            Self::Doctor => (
                "doctor",
                "Show what works on this host",
                &[(C::Dashboard, "D")],
            ),
            Self::Messages => (
                "messages",
                "Read past messages again",
                &[(C::Dashboard, "m")],
            ),
            Self::Help => ("help", "Show the keys", &[(C::Dashboard, "? f1")]),
            Self::Back => (
                "back",
                "Leave zoom, else clear the filter",
                &[(C::Dashboard, "esc")],
            ),
            Self::Refresh => (
                "refresh",
                "Read all VMs again from disk",
                &[(C::Dashboard, "f5 ctrl-r")],
            ),
            Self::Redraw => (
                "redraw",
                "Draw the whole screen anew",
                const { &anywhere("ctrl-l") },
            ),
            Self::Suspend => (
                "suspend",
                "Go to the background",
                const { &anywhere("ctrl-z") },
            ),
            Self::Quit => (
                "quit",
                "Close the dashboard; running VMs go on",
                &[(C::Dashboard, "q ctrl-c")],
            ),
            Self::LeaveConsole => (
                "leave-console",
                "Leave the console; pressed again within a second it is sent to the guest",
                &[(C::Console, "ctrl-] f12")],
            ),
            Self::ScrollbackUp => (
                "scrollback-up",
                "Look back at what scrolled away",
                &[(C::Console, "shift-pageup")],
            ),
            Self::ScrollbackDown => (
                "scrollback-down",
                "Go forward again",
                &[(C::Console, "shift-pagedown")],
            ),
            Self::LineUp => (
                "line-up",
                "Scroll up a line",
                &[(C::Panel, "up k"), (C::Doctor, "up k")],
            ),
            Self::LineDown => (
                "line-down",
                "Scroll down a line",
                &[(C::Panel, "down j"), (C::Doctor, "down j")],
            ),
            Self::PageUp => (
                "page-up",
                "Scroll up a page",
                &[(C::Panel, "pageup"), (C::Doctor, "pageup")],
            ),
            Self::PageDown => (
                "page-down",
                "Scroll down a page",
                &[(C::Panel, "pagedown space"), (C::Doctor, "pagedown space")],
            ),
            Self::ExamineAgain => (
                "examine-again",
                "Run all checks again",
                &[(C::Doctor, "r f5")],
            ),
            Self::NextField => (
                "next-field",
                "Go to the next field",
                &[(C::Form, "tab down")],
            ),
            Self::PreviousField => (
                "previous-field",
                "Go to the field before",
                &[(C::Form, "shift-tab up")],
            ),
            Self::NextChoice => ("next-choice", "Take the next value", &[(C::Form, "right")]),
            Self::PreviousChoice => (
                "previous-choice",
                "Take the value before",
                &[(C::Form, "left")],
            ),
            Self::Submit => (
                "submit",
                "Create the VM and start it",
                &[(C::Form, "enter ctrl-s")],
            ),
            Self::Yes => ("yes", "Do it", &[(C::Confirm, "y enter")]),
            Self::No => (
                "no",
                "Leave things as they are",
                &[(C::Confirm, "n esc q ctrl-c")],
            ),
            Self::Accept => ("accept", "Keep the filter", &[(C::Filter, "enter")]),
            Self::Close => (
                "close",
                "Close it",
                &[
                    (C::Panel, "esc q enter ctrl-c"),
                    (C::Doctor, "esc q enter D ctrl-c"),
                    (C::Form, "esc ctrl-c"),
                    (C::Filter, "esc ctrl-c"),
                ],
            ),
        };
        ActionSpec {
            name,
            summary,
            bindings,
        }
    }

    /// Whether it can be asked for in `context`.
    pub fn applies_in(self, context: Context) -> bool {
        self.spec()
            .bindings
            .iter()
            .any(|(known, _)| *known == context)
    }
}
