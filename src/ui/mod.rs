//! The dashboard's looks: pure functions of `(frame, area, &State, &Theme)`, a file for each region.
//!
//! ```text
//!  smolvm-tui  3 VMs · 2 running                        ✔ host ready   D
//!  PHASE       NAME       BACKEND             CPU        MEMORY  UPTIME   BOOT
//!  ● running   web        qemu/tcg emulated  12 % ▁▂▃▂  84/256M  1h 03m  812ms
//!  ✖ crashed   db         qemu/tcg emulated  killed by SIGKILL
//!  1 Overview  2 Console  3 Boot  4 Log  5 Spec  6 Metrics ─────────────── web
//!  …
//!  s stop  r restart  …
//! ```
//! Knows no clock, no files, no tokio and no engine.

mod boot;
mod confirm;
mod console;
mod doctor;
mod footer;
mod form;
mod gutter;
mod header;
mod help;
mod history;
mod list;
mod log;
mod marks;
mod mend;
mod messages;
mod metrics;
mod overview;
mod panel;
mod spec;
mod tabs;
mod text;
mod theme;

pub use theme::{Role, Theme, ThemeError};

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::app::layout::LEAST;
use crate::app::state::{Modal, Page, State};

/// Draws the whole screen.
pub fn render(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    // A terminal may have shrunk since the state heard of its size.
    let at_hand = State::regions(state);
    if at_hand.too_small || area.width < LEAST.0 || area.height < LEAST.1 {
        return too_small(frame, area, theme);
    }
    let regions = at_hand;
    header::render(frame, regions.header.intersection(area), state, theme);
    list::render(frame, regions.list.intersection(area), state, theme);
    rule(frame, regions.rule.intersection(area), theme);
    tabs::render(frame, regions.tabs.intersection(area), state, theme);
    let page = regions.page.intersection(area);
    match state.page {
        Page::Overview => overview::render(frame, page, state, theme),
        Page::Console => console::render(frame, page, state, theme),
        Page::Boot => boot::render(frame, page, state, theme),
        Page::Log => log::render(frame, page, state, theme),
        Page::Spec => spec::render(frame, page, state, theme),
        Page::Metrics => metrics::render(frame, page, state, theme),
    }
    for modal in &state.modals {
        match modal {
            Modal::Help { context, scroll } => {
                help::render(frame, area, state, *context, *scroll, theme);
            }
            Modal::Messages { scroll } => messages::render(frame, area, state, *scroll, theme),
            Modal::History { scroll } => history::render(frame, area, state, *scroll, theme),
            Modal::Doctor { choice } => {
                doctor::render(frame, area, state, choice.as_deref(), theme);
            }
            Modal::Mend(mend) => mend::render(frame, area, mend, theme),
            Modal::Form(form) => form::render(frame, area, form, theme),
            Modal::Confirm(question) => confirm::render(frame, area, question, theme),
            Modal::Paste(paste) => confirm::paste(frame, area, paste, theme),
            Modal::Break(menu) => confirm::send_break(frame, area, menu, theme),
            Modal::Filter { .. } | Modal::Search { .. } => {}
        }
    }
    messages::toasts(frame, area, state, theme);
    footer::render(frame, regions.footer.intersection(area), state, theme);
}

fn rule(frame: &mut Frame<'_>, area: Rect, theme: &Theme) {
    let style = theme.style(Role::Rule);
    for y in area.top()..area.bottom() {
        frame.buffer_mut().set_string(area.x, y, "│", style);
    }
}

fn too_small(frame: &mut Frame<'_>, area: Rect, theme: &Theme) {
    let lines = [
        "too small".to_owned(),
        format!("{}x{} here,", area.width, area.height),
        format!("{}x{} needed", LEAST.0, LEAST.1),
    ];
    let top = area.height.saturating_sub(3) / 2;
    for (y, text) in (area.y + top..area.bottom()).zip(lines) {
        let width = u16::try_from(text.len()).unwrap_or(0);
        let x = area.x + area.width.saturating_sub(width) / 2;
        let line = Line::styled(text, theme.style(Role::Warning));
        frame.buffer_mut().set_line(x, y, &line, area.right() - x);
    }
}

#[cfg(test)]
mod tests;
