//! The gutter of the log and of the console that is read.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::text::{self, put};
use super::{Role, Theme};
use crate::app::gutter::Side;
use crate::app::state::State;

/// Draws what stands beside a row of the page whose text is so many columns wide: at its left the
/// time, at its right, where the text leaves room, what it is marked for and the silence after it.
pub(super) fn draw(
    buffer: &mut Buffer,
    row: Rect,
    side: &Side,
    used: usize,
    state: &State,
    theme: &Theme,
) {
    let gutter = state.gutter();
    let silence = side.silence().filter(|_| gutter > 0);
    let (muted, marked) = (theme.style(Role::Muted), theme.style(Role::Warning));
    if gutter > 0 {
        let time = state.clock_text(side.when);
        let width = usize::from(gutter - 2);
        let time = format!("{time:>width$}");
        let x = put(buffer, row.x, row.y, gutter - 2, &time, muted);
        let (glyph, style) = match (side.mark, silence) {
            (Some(_), _) => ("◆", marked),
            (None, Some(_)) => ("┄", muted),
            (None, None) => (" ", muted),
        };
        put(buffer, x, row.y, 1, glyph, style);
    }
    let mark = side.mark.map(|mark| format!(" ◆ {mark}"));
    let silence = silence.map(|time| format!(" ── {} silent ──", text::duration(time)));
    let width = [&mark, &silence].into_iter().flatten();
    let width: usize = width.map(|text| text.width()).sum();
    let room = usize::from(row.width.saturating_sub(gutter)).saturating_sub(used);
    let Some(width) = u16::try_from(width).ok().filter(|_| width < room) else {
        // In the gutter it is marked already.
        if mark.is_some() && gutter == 0 {
            put(buffer, row.right() - 1, row.y, 1, "◆", marked);
        }
        return;
    };
    let mut x = row.right() - width;
    for (text, style) in [(mark, marked), (silence, muted)] {
        if let Some(text) = text {
            x = put(buffer, x, row.y, row.right() - x, &text, style);
        }
    }
}
