//! The table of actions; those of reading are [apart](super::reading).

use super::{Action, ActionSpec, Context};

/// A key that means the same wherever the guest does not have the keys.
const fn anywhere(keys: &'static str) -> [(Context, &'static str); 9] {
    [
        (Context::Dashboard, keys),
        (Context::Panel, keys),
        (Context::Doctor, keys),
        (Context::Form, keys),
        (Context::Confirm, keys),
        (Context::Filter, keys),
        (Context::Reading, keys),
        (Context::Search, keys),
        (Context::Break, keys),
    ]
}

impl Action {
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
            Self::ShowMetrics => (
                "show-metrics",
                "Page 6: what the VMM counts, each second",
                &[(C::Dashboard, "6")],
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
                &[(C::Dashboard, "enter a"), (C::Reading, "a i")],
            ),
            Self::Fit => (
                "fit",
                "Give the guest's terminal the size of the console's page",
                &[(C::Dashboard, "f")],
            ),
            Self::SendBreak => (
                "send-break",
                "Send BREAK or a key of SysRq over the serial line",
                &[(C::Dashboard, "b")],
            ),
            Self::Zoom => (
                "zoom",
                "Give the page the whole screen, or give it back",
                &[(C::Dashboard, "z"), (C::Reading, "z")],
            ),
            Self::StartStop => (
                "start-stop",
                "Start the VM, or ask its guest to power off",
                &[(C::Dashboard, "s")],
            ),
            Self::StartTalkative => (
                "start-talkative",
                "Start the VM with a talkative kernel, this once",
                &[(C::Dashboard, "S")],
            ),
            Self::TryHint => (
                "try-hint",
                "Try the next hint of the boot, and measure",
                &[(C::Dashboard, "T")],
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
            Self::History => (
                "history",
                "Show the boots of all VMs, by image, backend and day",
                &[(C::Dashboard, "B")],
            ),
            Self::Help => (
                "help",
                "Show the keys",
                &[(C::Dashboard, "? f1"), (C::Reading, "f1")],
            ),
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
                &[
                    (C::Panel, "up k"),
                    (C::Doctor, "up k"),
                    (C::Reading, "up k"),
                ],
            ),
            Self::LineDown => (
                "line-down",
                "Scroll down a line",
                &[
                    (C::Panel, "down j"),
                    (C::Doctor, "down j"),
                    (C::Reading, "down j"),
                ],
            ),
            Self::PageUp => (
                "page-up",
                "Scroll up a page",
                &[
                    (C::Panel, "pageup"),
                    (C::Doctor, "pageup"),
                    (C::Reading, "pageup shift-pageup ctrl-b"),
                ],
            ),
            Self::PageDown => (
                "page-down",
                "Scroll down a page",
                &[
                    (C::Panel, "pagedown space"),
                    (C::Doctor, "pagedown space"),
                    (C::Reading, "pagedown shift-pagedown ctrl-f"),
                ],
            ),
            Self::ExamineAgain => (
                "examine-again",
                "Run all checks again",
                &[(C::Doctor, "r f5")],
            ),
            Self::BootCanary => (
                "boot-canary",
                "Boot a throw-away guest on each backend and time it",
                &[(C::Doctor, "b")],
            ),
            Self::Mend => (
                "mend",
                "Run the command that mends the selected check, after a question",
                &[(C::Doctor, "f")],
            ),
            Self::StopMending => (
                "stop-mending",
                "End the command and go back to the checks",
                &[(C::Mending, "ctrl-]")],
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
            Self::Accept => (
                "accept",
                "Keep the filter, or go to the match",
                &[(C::Filter, "enter"), (C::Search, "enter")],
            ),
            Self::Close => (
                "close",
                "Close it",
                &[
                    (C::Panel, "esc q enter ctrl-c"),
                    (C::Doctor, "esc q enter D ctrl-c"),
                    (C::Form, "esc ctrl-c"),
                    (C::Filter, "esc ctrl-c"),
                    (C::Search, "esc ctrl-c"),
                    (C::Break, "esc ctrl-c"),
                    (C::Reading, "q esc ctrl-c"),
                ],
            ),
            reading => return super::reading::spec(reading),
        };
        ActionSpec {
            name,
            summary,
            bindings,
        }
    }
}
