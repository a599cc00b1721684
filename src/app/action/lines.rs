//! What can be asked of the lines of the console and the log: when they came, marks, a file of them.

use super::{Action, ActionSpec, Context};

/// What is to be known of an action on lines.
pub(super) fn spec(action: Action) -> ActionSpec {
    use Context as C;
    let (name, summary, bindings): (_, _, &'static [(C, &'static str)]) = match action {
        Action::Clock => (
            "clock",
            "Show when lines came: since power-on, time of day, off",
            &[(C::Dashboard, "t"), (C::Reading, "t")],
        ),
        Action::Bookmark => (
            "bookmark",
            "Mark the line of the log, or no longer",
            &[(C::Reading, "m")],
        ),
        Action::NextMark => (
            "next-mark",
            "Go to the next marked line, or phase of the boot",
            &[(C::Dashboard, "]"), (C::Reading, "]")],
        ),
        Action::PreviousMark => (
            "previous-mark",
            "Go to the marked line, or phase, before",
            &[(C::Dashboard, "["), (C::Reading, "[")],
        ),
        Action::Export => (
            "export",
            "Write the log to a file in the current directory",
            &[(C::Dashboard, "x"), (C::Reading, "x")],
        ),
        Action::ExportRaw => (
            "export-raw",
            "The same, with its escape sequences",
            &[(C::Dashboard, "X"), (C::Reading, "X")],
        ),
        // Every other one is in the tables before.
        _ => ("", "", &[]),
    };
    ActionSpec {
        name,
        summary,
        bindings,
    }
}
