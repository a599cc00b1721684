//! The console of the selected VM: focus, typing, scrolling back, what its connection tells.

use std::time::Duration;

use ratatui::layout::Position;

use super::{list, paste};
use crate::app::action::{Action, Context};
use crate::app::effect::{Effect, SessionKind, Typed};
use crate::app::journal::Level;
use crate::app::message::SessionEvent;
use crate::app::state::{Focus, Link, Page, State};
use crate::console::Size;
use crate::console::keys::Key;
use crate::console::mouse::{Mouse, MouseKind};
use crate::shim::protocol::Push;

/// Within this time after leaving, the same key is sent to the guest.
const SEND_WITHIN: Duration = Duration::from_secs(1);

/// Gives the keys to the guest, if there is one that lives.
pub(super) fn focus(state: &mut State) {
    let Some(row) = state.selected_row() else {
        return;
    };
    let (name, phase) = (row.vm.name.clone(), row.vm.phase);
    state.page = Page::Console;
    state.console.left = None;
    if phase.is_live() {
        state.focus = Focus::Console;
        if matches!(state.console.link, Link::Ended(_)) {
            reconnect(state);
        }
    } else {
        let key = state.keymap.shown(Context::Dashboard, Action::StartStop);
        let text = format!("`{name}` is {phase}: `{key}` starts it");
        state.journal.tell(state.now, Level::Note, text);
    }
}

/// Forgets the connection, so that a new one is asked for.
fn reconnect(state: &mut State) {
    state.console.target = None;
}

/// Gives the keys back to the dashboard.
pub(super) fn leave(state: &mut State, key: Key) {
    state.stale = true;
    state.focus = Focus::Dashboard;
    state.console.left = Some((key, state.now.mono));
}

/// A key that means nothing on the dashboard: the leave key once more, soon, goes to the guest.
pub(super) fn leave_again(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let Some((left_by, at)) = state.console.left.take() else {
        return;
    };
    let soon = state.now.mono.saturating_sub(at) <= SEND_WITHIN;
    if left_by == key && soon && state.page == Page::Console {
        state.focus = Focus::Console;
        effects.push(Effect::Type(Typed::Key(key)));
    }
}

/// Something is typed on the console. Typing goes back to where the guest writes.
pub(super) fn typed(state: &mut State, typed: Typed, effects: &mut Vec<Effect>) {
    if state.console.offset > 0 {
        state.console.offset = 0;
        state.console.new_lines = 0;
        state.stale = true;
    }
    effects.push(Effect::Type(typed));
}

/// Whether the guest that has the keys is to be told of what the mouse did, unless the user keeps it
/// by holding shift: on its screen, or on the way from there with a button down.
pub(super) fn is_guests(state: &State, mouse: Mouse) -> bool {
    let page = state.regions().page;
    let is_inside = page.contains(Position::new(mouse.column, mouse.row));
    let follows =
        state.pointer.is_some() && matches!(mouse.kind, MouseKind::Drag(_) | MouseKind::Release(_));
    state.context() == Context::Console
        && state.console.offset == 0
        && (is_inside || follows)
        && (follows || state.pressed.is_none())
        && mouse.is_guests(state.console.modes)
}

/// Tells the guest what the mouse did; of a pointer that moves only when it comes to another cell.
pub(super) fn point(state: &mut State, mouse: Mouse, effects: &mut Vec<Effect>) {
    let page = state.regions().page;
    let size = state.console.guest.unwrap_or(Size::DEFAULT);
    let place = |at: u16, from: u16, most: u16| at.saturating_sub(from).min(most - 1);
    let told = Mouse {
        column: place(mouse.column, page.x, size.columns()),
        row: place(mouse.row, page.y, size.rows()),
        ..mouse
    };
    let is_same = state.pointer == Some(told);
    state.pointer = Some(told);
    if !is_same || matches!(told.kind, MouseKind::Press(_) | MouseKind::Release(_)) {
        effects.push(Effect::Type(Typed::Mouse(told)));
    }
    if let MouseKind::Release(_) = told.kind {
        state.pointer = None;
    }
}

/// Tells a guest that its terminal got the keys, or lost them; what it wants to know is up to it.
pub(super) fn tell_focus(state: &mut State, effects: &mut Vec<Effect>) {
    let console = &state.console;
    let has_keys =
        state.context() == Context::Console && state.has_desktop && console.link == Link::Live;
    let has_keys = has_keys.then_some(console.session);
    let before = std::mem::replace(&mut state.held.focus, has_keys);
    // Another connection's guest cannot be told any more.
    let was_told = before == Some(console.session);
    if has_keys.is_some() != was_told {
        effects.push(Effect::Type(Typed::Focus(has_keys.is_some())));
    }
}

/// Scrolls back by so many lines, or forward.
pub(super) fn scroll(state: &mut State, lines: isize) {
    state.stale = true;
    let console = &mut state.console;
    console.offset = console
        .offset
        .saturating_add_signed(lines)
        .min(console.screen.scrollback);
    if console.offset == 0 {
        console.new_lines = 0;
    }
}

/// Gives the guest's terminal the size of the pane.
pub(super) fn fit(state: &mut State, effects: &mut Vec<Effect>) {
    let console = &state.console;
    let is_console = matches!(
        console.target.as_ref().map(|target| target.kind),
        Some(SessionKind::Console(_))
    );
    let note = match (console.size, console.misfit()) {
        (Some(size), Some(_)) if is_console && console.link == Link::Live => {
            return effects.push(Effect::Fit(size, Push::ByAnyMeans));
        }
        (_, None) if is_console && console.link == Link::Live => {
            "the guest's terminal has the size of its page"
        }
        _ => "only a console that is shown can be fitted: go to page 2",
    };
    state.journal.tell(state.now, Level::Note, note);
}

/// What the connection tells; the words of an older one are of no interest.
pub(super) fn session(state: &mut State, id: u64, event: SessionEvent, effects: &mut Vec<Effect>) {
    if id != state.console.session {
        return;
    }
    match event {
        SessionEvent::Live => state.console.link = Link::Live,
        SessionEvent::LastScreen(true) => state.console.link = Link::LastScreen,
        SessionEvent::LastScreen(false) => state.console.link = Link::NoScreen,
        SessionEvent::Gap(missing) => {
            state.console.missing = state.console.missing.saturating_add(missing);
        }
        SessionEvent::Boot(phase, offset_us) => {
            let target = state
                .console
                .target
                .as_ref()
                .map(|target| target.name.clone());
            if let Some(row) = target.and_then(|name| state.row_mut(&name))
                && let Some(boot) = &mut row.vm.state.boot
            {
                boot.phases.stamp(phase, offset_us);
            }
        }
        SessionEvent::Phase => {
            if let Some(target) = &state.console.target {
                effects.push(Effect::Reload(target.name.clone()));
            }
        }
        SessionEvent::NotTaken => {
            let text = "the guest does not read its serial line: what you typed was not taken";
            state.journal.tell(state.now, Level::Failed, text);
        }
        SessionEvent::Pasted(taken, all) => paste::went_on(state, taken, all),
        SessionEvent::Refused(failure) => {
            paste::over(state);
            state.journal.fail(state.now, &failure);
        }
        SessionEvent::Ended(why) => {
            paste::over(state);
            state.console.link = Link::Ended(why);
            if let Some(target) = &state.console.target {
                effects.push(Effect::Reload(target.name.clone()));
            }
        }
    }
    list::settle(state);
}
