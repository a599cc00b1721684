//! What a click or the wheel means where it happens.

use ratatui::layout::{Position, Rect};

use super::{actions, console, list};
use crate::app::effect::Effect;
use crate::app::layout;
use crate::app::message::{Mouse, MouseKind};
use crate::app::state::{Focus, Page, State};

/// Lines that one notch of the wheel scrolls.
const NOTCH: isize = 3;

/// Takes in what the mouse did.
pub(super) fn update(state: &mut State, mouse: Mouse, effects: &mut Vec<Effect>) {
    let regions = state.regions();
    let at = Position::new(mouse.column, mouse.row);
    let within = |area: Rect| area.contains(at);
    let lines = match mouse.kind {
        MouseKind::WheelUp => -NOTCH,
        MouseKind::WheelDown => NOTCH,
        MouseKind::Press => 0,
    };
    if !state.modals.is_empty() {
        return actions::scroll_modal(state, lines);
    }
    if mouse.kind != MouseKind::Press {
        if within(regions.page) {
            actions::scroll_page(state, lines);
        } else if within(regions.list) && state.focus == Focus::Dashboard {
            list::step(state, lines.signum());
        }
        return;
    }
    if within(regions.page) && state.page == Page::Console {
        return console::focus(state);
    }
    state.focus = Focus::Dashboard;
    if within(regions.list_rows()) {
        let index = state.top + usize::from(mouse.row - regions.list_rows().y);
        if index < state.shown_count() {
            list::select_at(state, index);
        }
    } else if within(regions.tabs) {
        let tab = layout::tabs(regions.tabs).find(|(_, _, tab)| within(*tab));
        if let Some((page, ..)) = tab {
            actions::show(state, page);
        }
    } else if within(regions.header) {
        super::open_doctor(state, effects);
    }
}
