//! What the footer says: the keys that matter now, with what they mean now.

use super::action::{Action, Context};
use super::reading::Reading;
use super::state::{Modal, Page, State};
use super::update::start_or_stop;
use crate::vm::{Operation, Phase};

/// A key and what it does, the most useful first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The key, as it is written in the configuration.
    pub key: String,
    /// What it does, in a word or two.
    pub label: &'static str,
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
        Context::Confirm => {
            let label = match state.modals.last() {
                Some(Modal::Confirm(question)) if question.operation == Operation::Kill => {
                    "kill it"
                }
                Some(Modal::Mend(_)) => "run it",
                _ => "delete it",
            };
            vec![(Action::Yes, label), (Action::No, "leave it")]
        }
        Context::Reading => reading(state),
        Context::Search => vec![(Action::Accept, "search"), (Action::Close, "cancel")],
        Context::Filter => vec![(Action::Accept, "keep"), (Action::Close, "cancel")],
    };
    actions
        .into_iter()
        .map(|(action, label)| Hint {
            key: state.keymap.shown(context, action),
            label,
        })
        .filter(|hint| !hint.key.is_empty())
        .collect()
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
        hints.push((
            Action::StartStop,
            match start_or_stop(phase) {
                Operation::Stop => "stop",
                _ => "start",
            },
        ));
        match phase {
            Phase::Running => hints.push((Action::PauseResume, "pause")),
            Phase::Paused => hints.push((Action::PauseResume, "resume")),
            _ => {}
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
