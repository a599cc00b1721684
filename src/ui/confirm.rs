//! The question before something that destroys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{self, wrapped};
use super::{Role, Theme, panel};
use crate::app::state::Question;
use crate::vm::Operation;

/// Draws the panel.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, question: &Question, theme: &Theme) {
    let name = &question.name;
    let (title, asked, told) = match (question.operation, question.force) {
        (Operation::Kill, _) => (
            "Kill",
            format!("End `{name}` at once?"),
            "The guest is not asked: what it has not written is lost.",
        ),
        (_, true) => (
            "Delete",
            format!("Kill and delete `{name}`?"),
            "It is running. Its disk, logs and history go with it.",
        ),
        (_, false) => (
            "Delete",
            format!("Delete `{name}`?"),
            "Its disk, logs and history go with it.",
        ),
    };
    let inner = panel::open(frame, area, (64, 6), title, theme);
    let mut lines = wrapped(&asked, inner.width, 1, theme.style(Role::Failed));
    lines.append(&mut wrapped(told, inner.width, 1, theme.style(Role::Text)));
    lines.insert(0, Line::default());
    text::lines(frame.buffer_mut(), inner, &lines, 0);
}
