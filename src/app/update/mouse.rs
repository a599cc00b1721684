//! What a click or the wheel means where it happens.

use ratatui::layout::{Position, Rect};

use super::{actions, console, list, reading};
use crate::app::effect::Effect;
use crate::app::layout;
use crate::app::state::{Focus, Page, State};
use crate::console::mouse::{Button, Mouse, MouseKind};
use crate::console::reader::Step;

/// Lines that one notch of the wheel scrolls.
const NOTCH: isize = 3;

/// Takes in what the mouse did.
pub(super) fn update(state: &mut State, mouse: Mouse, effects: &mut Vec<Effect>) {
    if console::is_guests(state, mouse) {
        return console::point(state, mouse, effects);
    }
    let regions = state.regions();
    let at = Position::new(mouse.column, mouse.row);
    let within = |area: Rect| area.contains(at);
    let lines = match mouse.kind {
        MouseKind::Press(Button::WheelUp) => -NOTCH,
        MouseKind::Press(Button::WheelDown) => NOTCH,
        _ => 0,
    };
    if !state.modals.is_empty() {
        return actions::scroll_modal(state, lines);
    }
    match mouse.kind {
        MouseKind::Drag(Button::Left) => return drag(state, at, effects),
        MouseKind::Release(Button::Left) => return release(state, effects),
        MouseKind::Press(_) => {}
        _ => return,
    }
    if lines != 0 {
        if within(regions.page) && state.reading.is_some() {
            let rows = if lines < 0 { -3 } else { 3 };
            reading::step(state, Step::Scroll(rows), effects);
        } else if within(regions.page) {
            actions::scroll_page(state, lines);
        } else if within(regions.list) && state.focus == Focus::Dashboard {
            list::step(state, lines.signum());
        }
        return;
    }
    if mouse.kind != MouseKind::Press(Button::Left) {
        return;
    }
    state.pressed = None;
    if within(regions.page) && matches!(state.page, Page::Console | Page::Log) {
        let text = state.text_area();
        let column = mouse.column.saturating_sub(text.x);
        state.pressed = Some((mouse.row - text.y, column));
        if let Some(reading) = &mut state.reading {
            reading.reader.clear();
            return;
        }
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

/// The pointer moved with the button down: what lies between is selected.
fn drag(state: &mut State, at: Position, effects: &mut Vec<Effect>) {
    let Some(from) = state.pressed else { return };
    if reading::begin(state, true) {
        let page = state.text_area();
        let row = i32::from(at.y) - i32::from(page.y);
        let column =
            at.x.saturating_sub(page.x)
                .min(page.width.saturating_sub(1));
        let to = (row, column);
        reading::step(state, Step::Drag { from, to }, effects);
    }
}

/// The button went up: what was selected with it is copied.
fn release(state: &mut State, effects: &mut Vec<Effect>) {
    state.pressed = None;
    if state
        .reading
        .as_ref()
        .is_some_and(|reading| reading.reader.is_dragged())
    {
        effects.push(Effect::Copy);
    }
}
