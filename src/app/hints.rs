//! What the footer says: the keys that matter now, with what they mean now.

use std::borrow::Cow;

use super::action::{Action, Context};
use super::reading::Reading;
use super::state::{Link, Modal, Page, State};
use super::update::start_or_stop;
use crate::vm::Operation;

/// A key and what it does, the most useful first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The key, as it is written in the configuration.
    pub key: String,
    /// What it does, in a word or two.
    pub label: Cow<'static, str>,
}

/// The hints for where keys are read now.
pub fn hints(state: &State) -> Vec<Hint> {
    let context = state.context();
    let actions: Vec<(Action, &'static str)> = match context {
        Context::Dashboard => dashboard(state),
        Context::Console => vec![
            (Action::LeaveConsole, "leave (twice: send it)"),
            (Action::ScrollbackUp, "look back"),
        ],
        Context::Panel => match state.modals.last() {
            Some(Modal::Mend(_)) => vec![(Action::Close, "back to the checks")],
            _ => vec![(Action::Close, "close"), (Action::LineDown, "scroll")],
        },
        Context::Doctor => vec![
            (Action::Close, "close"),
            (Action::Mend, "mend"),
            (Action::ExamineAgain, "examine again"),
            (Action::BootCanary, "boot a canary"),
            (Action::LineDown, "next check"),
        ],
        Context::Mending => vec![(
            Action::StopMending,
            "end the command; other keys are its own",
        )],
        Context::Form => vec![
            (Action::Submit, "create and start"),
            (Action::NextField, "next field"),
            (Action::NextChoice, "next value"),
            (Action::Close, "cancel"),
        ],
        Context::Confirm if matches!(state.modals.last(), Some(Modal::Paste(_))) => {
            match state.modals.last() {
                Some(Modal::Paste(paste)) if paste.taken.is_some() => vec![(Action::No, "end it")],
                _ => vec![(Action::Yes, "paste it"), (Action::No, "leave it")],
            }
        }
        Context::Confirm => {
            let label = match state.modals.last() {
                Some(Modal::Confirm(question)) if question.operation == Operation::Kill => {
                    "kill it"
                }
                Some(Modal::Mend(_)) => "run it",
                Some(Modal::Break(_)) => "send it",
                _ => "delete it",
            };
            vec![(Action::Yes, label), (Action::No, "leave it")]
        }
        Context::Reading => reading(state),
        Context::Break => vec![(Action::Close, "close; a letter sends it")],
        Context::Search => vec![(Action::Accept, "search"), (Action::Close, "cancel")],
        Context::Filter => vec![(Action::Accept, "keep"), (Action::Close, "cancel")],
    };
    let mut hints: Vec<Hint> = actions
        .into_iter()
        .map(|(action, label)| Hint {
            key: state.keymap.shown(context, action),
            label: label.into(),
        })
        .filter(|hint| !hint.key.is_empty())
        .collect();
    if let Some(hint) = misfit(state, context) {
        hints.insert(1.min(hints.len()), hint);
    }
    hints
}

/// That the guest's terminal has another size than its pane, and which keys change that.
fn misfit(state: &State, context: Context) -> Option<Hint> {
    let (guest, pane) = state.console.misfit()?;
    let shows = state.page == Page::Console && state.console.link == Link::Live;
    let fit = state.keymap.shown(Context::Dashboard, Action::Fit);
    let key = match context {
        _ if !shows || fit.is_empty() => return None,
        Context::Dashboard => fit,
        Context::Console => {
            let leave = state.keymap.shown(context, Action::LeaveConsole);
            format!("{leave} {fit}")
        }
        _ => return None,
    };
    let label = format!("fit guest {guest} to {pane}").into();
    Some(Hint { key, label })
}

fn reading(state: &State) -> Vec<(Action, &'static str)> {
    let selects = |reading: &Reading| reading.reader.selection().is_some();
    let selects = state.reading.as_ref().is_some_and(selects);
    let mut hints = vec![
        (Action::Close, if selects { "unselect" } else { "leave" }),
        (Action::Search, "search"),
        (Action::NextMatch, "next"),
        (Action::PreviousMatch, "previous"),
        (Action::SelectText, "select"),
        (Action::Copy, "copy"),
    ];
    if state.page == Page::Log {
        hints.push((Action::FilterLines, "filter"));
    }
    hints.push((Action::Help, "keys"));
    hints
}

fn dashboard(state: &State) -> Vec<(Action, &'static str)> {
    let mut hints = Vec::new();
    if let Some(row) = state.selected_row() {
        let phase = row.vm.phase;
        if phase.is_live() {
            hints.push((Action::FocusConsole, "type"));
        }
        let start_stop = start_or_stop(phase);
        for (operation, action) in [
            (start_stop, Action::StartStop),
            (Operation::Pause, Action::PauseResume),
            (Operation::Resume, Action::PauseResume),
        ] {
            if row.may(operation) {
                hints.push((action, operation.word()));
            }
        }
        // Only that cuts short what is under way.
        if !row.may(start_stop) && row.may(Operation::Kill) {
            hints.push((Action::Kill, "kill"));
        }
    }
    if state.zoomed {
        hints.insert(0, (Action::Zoom, "unzoom"));
    } else {
        hints.push((Action::Zoom, "zoom"));
    }
    if matches!(state.page, Page::Console | Page::Log) {
        hints.extend([(Action::Read, "read"), (Action::Search, "search")]);
    }
    hints.extend([
        (Action::Create, "new"),
        (Action::Delete, "delete"),
        (Action::Doctor, "doctor"),
        (Action::Filter, "filter"),
        (Action::Messages, "messages"),
        (Action::Help, "keys"),
        (Action::Quit, "quit"),
    ]);
    hints
}
