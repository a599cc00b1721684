//! What a reader found and selected, over the text.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::{Role, Theme};
use crate::console::reader::{Marks, Span};

/// Marks it; the cursor is the host terminal's own.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, marks: &Marks, theme: &Theme) {
    for span in &marks.found {
        paint(buffer, area, span, theme.style(Role::Found));
    }
    for span in &marks.selected {
        paint(buffer, area, span, theme.style(Role::Marked));
    }
}

fn paint(buffer: &mut Buffer, area: Rect, span: &Span, style: Style) {
    let width = span.columns.end.saturating_sub(span.columns.start);
    let place = Rect {
        x: area.x.saturating_add(span.columns.start),
        y: area.y.saturating_add(span.row),
        width,
        height: 1,
    };
    for position in place.intersection(area).positions() {
        if let Some(cell) = buffer.cell_mut(position) {
            // What the guest reversed already is told by being reversed back.
            let is_reversed = cell.modifier.contains(Modifier::REVERSED);
            cell.set_style(style);
            if is_reversed && style.add_modifier.contains(Modifier::REVERSED) {
                cell.modifier.remove(Modifier::REVERSED);
            }
        }
    }
}
