//! What each action does.

use super::{
    console, examine, fleet, form, lines, list, mend, open_doctor, paste, reading, sysrq, tryout,
};
use crate::app::action::{Action, Context};
use crate::app::effect::Effect;
use crate::app::journal::Level;
use crate::app::state::{Modal, Page, Question, State};
use crate::console::keys::Key;
use crate::vm::{Operation, Phase};

/// Carries out an action that was asked for with `key`.
pub(super) fn perform(state: &mut State, action: Action, key: Key, effects: &mut Vec<Effect>) {
    let page_height = isize::try_from(state.regions().page.height)
        .unwrap_or(10)
        .max(2)
        - 1;
    match action {
        Action::SelectNext => list::step(state, 1),
        Action::SelectPrevious => list::step(state, -1),
        Action::SelectFirst => list::select_at(state, 0),
        Action::SelectLast => list::select_at(state, usize::MAX),
        Action::NextPage => turn(state, true),
        Action::PreviousPage => turn(state, false),
        Action::ShowOverview => show(state, Page::Overview),
        Action::ShowConsole => show(state, Page::Console),
        Action::ShowBoot => show(state, Page::Boot),
        Action::ShowLog => show(state, Page::Log),
        Action::ShowSpec => show(state, Page::Spec),
        Action::ShowMetrics => show(state, Page::Metrics),
        Action::ScrollUp => scroll_page(state, -page_height),
        Action::ScrollDown => scroll_page(state, page_height),
        Action::FocusConsole if lines::jump(state) => {}
        Action::FocusConsole => {
            reading::end(state);
            console::focus(state);
        }
        Action::Fit => console::fit(state, effects),
        Action::SendBreak => sysrq::open(state),
        Action::Zoom => state.zoomed = !state.zoomed,
        Action::StartStop => start_stop(state, effects),
        Action::StartTalkative => start_talkative(state, effects),
        Action::TryHint => tryout::begin(state, effects),
        Action::Restart => on_selected(state, Operation::Restart, effects),
        Action::PauseResume => pause_resume(state, effects),
        Action::Kill => ask(state, Operation::Kill),
        Action::Delete => ask(state, Operation::Remove),
        Action::Create => form::open(state, effects),
        Action::Filter => {
            let before = state.filter.clone();
            state.modals.push(Modal::Filter { before });
        }
        Action::Doctor => open_doctor(state, effects),
        Action::History => {
            state.modals.push(Modal::History { scroll: 0 });
            effects.push(Effect::History);
        }
        Action::Messages => state.modals.push(Modal::Messages { scroll: 0 }),
        Action::Help => state.modals.push(Modal::Help {
            context: state.context(),
            scroll: 0,
        }),
        Action::Back if state.zoomed => state.zoomed = false,
        Action::Back => state.filter.clear(),
        Action::Refresh => effects.push(Effect::Scan),
        Action::Redraw => effects.push(Effect::Redraw),
        Action::Suspend => effects.push(Effect::Suspend),
        Action::Quit => effects.push(Effect::Quit),
        Action::Clock
        | Action::Bookmark
        | Action::NextMark
        | Action::PreviousMark
        | Action::Export
        | Action::ExportRaw => lines::perform(state, action, effects),
        Action::LeaveConsole => console::leave(state, key),
        Action::ScrollbackUp => console::scroll(state, page_height),
        Action::ScrollbackDown => console::scroll(state, -page_height),
        _ if state.context() == Context::Reading && action != Action::Close => {
            reading::perform(state, action, effects);
        }
        Action::LineUp => scroll_modal(state, -1),
        Action::LineDown => scroll_modal(state, 1),
        Action::PageUp => scroll_modal(state, -page_height),
        Action::PageDown => scroll_modal(state, page_height),
        Action::ExamineAgain => examine(state, effects),
        Action::BootCanary => {
            state.doctor.boots = true;
            examine(state, effects);
        }
        Action::Mend => mend::ask(state),
        Action::StopMending => mend::stop(state, effects),
        Action::NextField => form::change(state, effects, |form| form.go(true)),
        Action::PreviousField => form::change(state, effects, |form| form.go(false)),
        Action::NextChoice => form::change(state, effects, |form| form.choose(true)),
        Action::PreviousChoice => form::change(state, effects, |form| form.choose(false)),
        Action::Submit => form::submit(state, effects),
        Action::Yes if is_paste(state) => paste::confirmed(state, effects),
        Action::No if is_paste(state) => paste::refused(state, effects),
        Action::Yes if is_break(state) => sysrq::confirmed(state, effects),
        Action::Yes => confirmed(state, effects),
        Action::Accept if state.context() == Context::Search => reading::accept(state, effects),
        Action::No | Action::Accept => drop(state.modals.pop()),
        Action::Close if state.context() == Context::Reading => reading::close(state),
        Action::Close => match state.modals.pop() {
            Some(Modal::Filter { before }) => state.filter = before,
            Some(Modal::Mend(_)) => effects.push(Effect::EndMending),
            Some(Modal::Search { fresh, .. }) => reading::give_up(state, fresh, effects),
            _ => {}
        },
        _ => reading::perform(state, action, effects),
    }
}

fn is_paste(state: &State) -> bool {
    matches!(state.modals.last(), Some(Modal::Paste(_)))
}

fn is_break(state: &State) -> bool {
    matches!(state.modals.last(), Some(Modal::Break(_)))
}

fn turn(state: &mut State, forward: bool) {
    let count = Page::ALL.len();
    let at = Page::ALL
        .iter()
        .position(|page| *page == state.page)
        .unwrap_or(0);
    let next = if forward { at + 1 } else { at + count - 1 } % count;
    show(state, Page::ALL.get(next).copied().unwrap_or_default());
}

/// Shows a page.
pub(super) fn show(state: &mut State, page: Page) {
    if state.page != page {
        state.page = page;
        state.phase = None;
        state.sought = None;
        state.scroll.page = 0;
        state.scroll.log = 0;
    }
}

/// Scrolls the page by so many lines down; the view keeps within what there is.
pub(super) fn scroll_page(state: &mut State, lines: isize) {
    match state.page {
        Page::Console => console::scroll(state, -lines),
        Page::Log => {
            let height = usize::from(state.regions().page.height);
            let most = state.log.shown().saturating_sub(height);
            state.scroll.log = state.scroll.log.saturating_add_signed(-lines).min(most);
        }
        Page::Overview | Page::Boot | Page::Spec | Page::Metrics => {
            // How long these pages are depends on how they wrap; the view stops at their end.
            state.scroll.page = state
                .scroll
                .page
                .saturating_add_signed(lines)
                .min(MOST_LINES);
        }
    }
}

/// More lines than any panel or page has.
const MOST_LINES: usize = 2000;

/// Scrolls the top panel by so many lines down; in the doctor's it goes to another check.
pub(super) fn scroll_modal(state: &mut State, lines: isize) {
    match state.modals.last_mut() {
        Some(
            Modal::Help { scroll, .. } | Modal::Messages { scroll } | Modal::History { scroll },
        ) => {
            *scroll = scroll.saturating_add_signed(lines).min(MOST_LINES);
        }
        Some(Modal::Doctor { choice }) => {
            let doctor = &state.doctor;
            let last = doctor.planned.len().saturating_sub(1);
            let place = doctor.shown(choice.as_deref()).saturating_add_signed(lines);
            *choice = doctor.planned.get(place.min(last)).cloned();
        }
        _ => {}
    }
}

fn on_selected(state: &mut State, operation: Operation, effects: &mut Vec<Effect>) {
    match state.selected.clone() {
        Some(name) => fleet::operate(state, &name, operation, false, effects),
        None => nothing_selected(state),
    }
}

fn nothing_selected(state: &mut State) {
    let key = state.keymap.shown(Context::Dashboard, Action::Create);
    let text = format!("there is no VM to do that with: `{key}` creates one");
    state.journal.tell(state.now, Level::Note, text);
}

/// What the start-stop key means for the selected VM.
pub fn start_or_stop(phase: Phase) -> Operation {
    if phase.is_live() {
        Operation::Stop
    } else {
        Operation::Start
    }
}

fn start_stop(state: &mut State, effects: &mut Vec<Effect>) {
    let phase = state.selected_row().map(|row| row.vm.phase);
    let operation = phase.map_or(Operation::Start, start_or_stop);
    on_selected(state, operation, effects);
}

/// Starts the VM, its kernel talkative this once.
fn start_talkative(state: &mut State, effects: &mut Vec<Effect>) {
    let mut wanted = Vec::new();
    on_selected(state, Operation::Start, &mut wanted);
    effects.extend(wanted.into_iter().map(|effect| match effect {
        Effect::Operate { name, .. } => Effect::StartTalkative(name),
        effect => effect,
    }));
}

fn pause_resume(state: &mut State, effects: &mut Vec<Effect>) {
    let is_paused = state
        .selected_row()
        .is_some_and(|row| row.vm.phase == Phase::Paused);
    let operation = if is_paused {
        Operation::Resume
    } else {
        Operation::Pause
    };
    on_selected(state, operation, effects);
}

/// Asks before something that destroys; what makes no sense now is told at once.
fn ask(state: &mut State, operation: Operation) {
    let Some(row) = state.selected_row() else {
        return nothing_selected(state);
    };
    let name = row.vm.name.clone();
    let is_live = row.vm.phase.is_live();
    if operation == Operation::Kill && !is_live {
        let text = format!("`{name}` is {}: there is nothing to kill", row.vm.phase);
        return state.journal.tell(state.now, Level::Note, text);
    }
    state.modals.push(Modal::Confirm(Question {
        name,
        operation,
        force: operation == Operation::Remove && is_live,
    }));
}

fn confirmed(state: &mut State, effects: &mut Vec<Effect>) {
    if let Some(Modal::Mend(_)) = state.modals.last() {
        return mend::run(state, effects);
    }
    if let Some(Modal::Confirm(question)) = state.modals.pop() {
        let Question {
            name,
            operation,
            force,
        } = question;
        fleet::operate(state, &name, operation, force, effects);
    }
}
