//! What a reader of the console or the log can ask for.

use super::{Action, ActionSpec, Context};

/// What is to be known of an action of reading.
pub(super) fn spec(action: Action) -> ActionSpec {
    use Context as C;
    let (name, summary, bindings): (_, _, &'static [(C, &'static str)]) = match action {
        Action::Read => (
            "read",
            "Read the console or the log: scroll, search, select, copy",
            &[(C::Dashboard, "v")],
        ),
        Action::Search => (
            "search",
            "Search the console or the log for a regular expression",
            &[(C::Dashboard, "ctrl-f"), (C::Reading, "/")],
        ),
        Action::SearchBack => (
            "search-back",
            "Search towards the top",
            &[(C::Reading, "?")],
        ),
        Action::FilterLines => (
            "filter-lines",
            "Show only lines of the log that match",
            &[(C::Reading, "&")],
        ),
        Action::NextMatch => ("next-match", "Go to the next match", &[(C::Reading, "n")]),
        Action::PreviousMatch => (
            "previous-match",
            "Go to the match before",
            &[(C::Reading, "N")],
        ),
        Action::SelectText => (
            "select-text",
            "Begin a selection, or end it",
            &[(C::Reading, "v space")],
        ),
        Action::SelectLines => ("select-lines", "Select whole lines", &[(C::Reading, "V")]),
        Action::Copy => (
            "copy",
            "Copy what is selected, else the line",
            &[(C::Reading, "y enter")],
        ),
        Action::CursorLeft => (
            "cursor-left",
            "Go a character to the left",
            &[(C::Reading, "left h")],
        ),
        Action::CursorRight => (
            "cursor-right",
            "Go a character to the right",
            &[(C::Reading, "right l")],
        ),
        Action::WordForward => ("word-forward", "Go to the next word", &[(C::Reading, "w")]),
        Action::WordBack => ("word-back", "Go to the word before", &[(C::Reading, "b")]),
        Action::WordEnd => (
            "word-end",
            "Go to the end of the word",
            &[(C::Reading, "e")],
        ),
        Action::RowBegin => (
            "row-begin",
            "Go to the first column",
            &[(C::Reading, "0 home ^")],
        ),
        Action::RowEnd => (
            "row-end",
            "Go to the end of the row",
            &[(C::Reading, "$ end")],
        ),
        Action::TextTop => ("text-top", "Go to the oldest line", &[(C::Reading, "g")]),
        Action::TextBottom => ("text-bottom", "Go to the newest line", &[(C::Reading, "G")]),
        Action::ViewTop => (
            "view-top",
            "Go to the top of the view",
            &[(C::Reading, "H")],
        ),
        Action::ViewMiddle => (
            "view-middle",
            "Go to the middle of the view",
            &[(C::Reading, "M")],
        ),
        Action::ViewBottom => (
            "view-bottom",
            "Go to the end of the view",
            &[(C::Reading, "L")],
        ),
        Action::HalfPageUp => (
            "half-page-up",
            "Scroll up half a page",
            &[(C::Reading, "ctrl-u")],
        ),
        Action::HalfPageDown => (
            "half-page-down",
            "Scroll down half a page",
            &[(C::Reading, "ctrl-d")],
        ),
        other => return super::lines::spec(other),
    };
    ActionSpec {
        name,
        summary,
        bindings,
    }
}
