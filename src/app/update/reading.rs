//! Reading the console or the log: scroll, search, select, copy. The log is at hand here; the
//! console's text is where its terminal is, so its steps are effects.

use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::journal::Level;
use crate::app::reading::Reading;
use crate::app::state::{Modal, Page, SearchFor, State};
use crate::console::keys::{Key, KeyCode};
use crate::console::reader::{
    Kind, LONGEST_PATTERN, Motion, Pattern, Place, Reader, Search, Step, Text,
};

/// Begins to read what the page shows, unless that is done already; returns whether there is
/// anything to read.
pub(super) fn begin(state: &mut State, by_mouse: bool) -> bool {
    if state.reading.is_some() {
        return true;
    }
    let height = state.regions().page.height;
    let rows = i64::from(height);
    let reader = match state.page {
        Page::Console if state.console.target.is_some() => {
            let console = &state.console;
            let live = console.live_top;
            let top = live - i64::try_from(console.offset).unwrap_or(0);
            let cursor = console.screen.cursor.filter(|_| console.offset == 0);
            let cursor = cursor.map_or((top + rows - 1, 0), |cursor| {
                (top + i64::from(cursor.row), usize::from(cursor.column))
            });
            Reader::new(top, height, place(cursor), live + rows)
        }
        Page::Log => {
            let end = state.log.rows().end;
            let scrolled = i64::try_from(state.scroll.log).unwrap_or(0);
            let top = (end - rows - scrolled).max(state.log.rows().start);
            Reader::new(top, height, place((end - 1 - scrolled, 0)), end)
        }
        _ => {
            let text = "the console and the log can be read and searched: show one of them first";
            state.journal.tell(state.now, Level::Note, text);
            return false;
        }
    };
    state.reading = Some(Reading {
        page: state.page,
        reader,
        by_mouse,
    });
    true
}

fn place((row, column): (i64, usize)) -> Place {
    Place { row, column }
}

/// Ends the reading: the page follows what comes again.
pub(super) fn end(state: &mut State) {
    if state.reading.take().is_some() {
        state.console.offset = 0;
        state.console.new_lines = 0;
        state.scroll.log = 0;
    }
}

/// Ends a reading whose page is not shown any more.
pub(super) fn settle(state: &mut State) {
    let is_gone = |reading: &Reading| {
        reading.page != state.page
            || state.selected.is_none()
            || (state.page == Page::Console && state.console.target.is_none())
    };
    if state.reading.as_ref().is_some_and(is_gone) {
        end(state);
    }
    if state.reading.is_none() {
        let is_search = |modal: &Modal| matches!(modal, Modal::Search { .. });
        state.modals.retain(|modal| !is_search(modal));
    }
    let height = state.regions().page.height;
    if let Some(Reading {
        page: Page::Log,
        reader,
        ..
    }) = &mut state.reading
    {
        reader.resize(&state.log, height);
    }
}

/// Has the gutter show another time, where there is one.
pub(super) fn turn_clock(state: &mut State) {
    // The console has its gutter while it is read.
    if state.page == Page::Log || begin(state, false) {
        state.clock = state.clock.next();
    }
}

/// Has the reader take a step.
pub(super) fn step(state: &mut State, step: Step, effects: &mut Vec<Effect>) {
    let Some(reading) = &mut state.reading else {
        return;
    };
    if reading.page == Page::Console {
        return effects.push(Effect::Read(step));
    }
    reading.reader.take(&state.log, step);
    while matches!(reading.reader.search(), Search::Under { .. }) {
        reading.reader.take(&state.log, Step::GoOn);
    }
}

/// What an action of reading does.
pub(super) fn perform(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    let height = i64::from(state.regions().page.height).max(2);
    let motion = match action {
        Action::Read => {
            begin(state, false);
            return;
        }
        Action::Search => return ask(state, SearchFor::Next),
        Action::SearchBack => return ask(state, SearchFor::Previous),
        Action::FilterLines => return ask(state, SearchFor::Lines),
        Action::NextMatch => return find(state, false, effects),
        Action::PreviousMatch => return find(state, true, effects),
        Action::SelectText => return step(state, Step::Select(Kind::Cells), effects),
        Action::SelectLines => return step(state, Step::Select(Kind::Lines), effects),
        Action::Copy => return effects.push(Effect::Copy),
        Action::CursorLeft => Motion::Left,
        Action::CursorRight => Motion::Right,
        Action::WordForward => Motion::WordForward,
        Action::WordBack => Motion::WordBack,
        Action::WordEnd => Motion::WordEnd,
        Action::RowBegin => Motion::RowBegin,
        Action::RowEnd => Motion::RowEnd,
        Action::TextTop => Motion::Top,
        Action::TextBottom => Motion::Bottom,
        Action::ViewTop => Motion::ViewTop,
        Action::ViewMiddle => Motion::ViewMiddle,
        Action::ViewBottom => Motion::ViewBottom,
        Action::LineUp => Motion::Rows(-1),
        Action::LineDown => Motion::Rows(1),
        Action::PageUp => Motion::Rows(1 - height),
        Action::PageDown => Motion::Rows(height - 1),
        Action::HalfPageUp => Motion::Rows(-height / 2),
        Action::HalfPageDown => Motion::Rows(height / 2),
        _ => return,
    };
    step(state, Step::Move(motion), effects);
}

/// The close key: nothing is selected any more, else the reading ends.
pub(super) fn close(state: &mut State) {
    if let Some(reading) = &mut state.reading
        && !reading.reader.clear()
    {
        end(state);
    }
}

/// Goes to the next match, or asks for what to search.
fn find(state: &mut State, against: bool, effects: &mut Vec<Effect>) {
    let has_pattern = |reading: &Reading| reading.reader.pattern().0.is_some();
    if state.reading.as_ref().is_some_and(has_pattern) {
        step(state, Step::Find { against }, effects);
    } else {
        ask(state, SearchFor::Next);
    }
}

/// Opens the line of the pattern.
fn ask(state: &mut State, what: SearchFor) {
    if what == SearchFor::Lines && state.page != Page::Log {
        let text = "only lines of the log can be left out: the console's page is a screen";
        return state.journal.tell(state.now, Level::Note, text);
    }
    let fresh = state.reading.is_none();
    if !begin(state, false) {
        return;
    }
    let text = match (&state.reading, what) {
        (_, SearchFor::Lines) => state.log.filter().map(|p| p.text().to_owned()),
        _ => None,
    };
    state.modals.push(Modal::Search {
        what,
        text: text.unwrap_or_default(),
        wrong: None,
        fresh,
    });
}

/// A key on the line of the pattern. Matches are marked while it is typed.
pub(super) fn typed(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let Some(Modal::Search {
        what, text, wrong, ..
    }) = state.modals.last_mut()
    else {
        return;
    };
    match key.code {
        KeyCode::Backspace => drop(text.pop()),
        KeyCode::Char('u') if key.ctrl => text.clear(),
        KeyCode::Char(character)
            if !key.ctrl && !key.alt && text.len() + character.len_utf8() <= LONGEST_PATTERN =>
        {
            text.push(character);
        }
        _ => return,
    }
    let pattern = (!text.is_empty()).then(|| Pattern::new(text)).transpose();
    *wrong = pattern.as_ref().err().map(ToString::to_string);
    if let (Ok(pattern), true) = (pattern, *what != SearchFor::Lines) {
        step(state, Step::Mark(pattern), effects);
    }
}

/// The pattern is complete: goes to the first match. A wrong one stays, to be mended; an empty one
/// means the one before, or, as a filter, all lines.
pub(super) fn accept(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Modal::Search {
        what, text, wrong, ..
    }) = state.modals.last()
    else {
        return;
    };
    let what = *what;
    let pattern = match (!text.is_empty()).then(|| Pattern::new(text)).transpose() {
        Ok(pattern) if wrong.is_none() => pattern,
        _ => return,
    };
    state.modals.pop();
    if what == SearchFor::Lines {
        state.log.set_filter(pattern);
        return end(state);
    }
    if let Some(reading) = &mut state.reading {
        reading.reader.face(what == SearchFor::Previous);
    }
    if pattern.is_some() {
        step(state, Step::Mark(pattern), effects);
    }
    step(state, Step::Find { against: false }, effects);
}

/// Leaves the line of the pattern, and the reading if it began with it.
pub(super) fn give_up(state: &mut State, fresh: bool, effects: &mut Vec<Effect>) {
    if fresh {
        end(state);
    } else {
        step(state, Step::Mark(None), effects);
    }
}

/// What was copied, and whether anything took it.
pub(super) fn copied(state: &mut State, copied: Result<usize, String>) {
    let (level, text) = match copied {
        Ok(0) => (Level::Note, "there is nothing to copy here".to_owned()),
        Ok(1) => (Level::Done, "copied 1 character".to_owned()),
        Ok(count) => (Level::Done, format!("copied {count} characters")),
        Err(why) => (Level::Failed, why),
    };
    state.journal.tell(state.now, level, text);
    if let Some(reading) = &mut state.reading {
        reading.reader.clear();
        if reading.by_mouse {
            end(state);
        }
    }
}
