//! Words and figures, made to fit.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::console::sanitize_line;

/// What stands where a figure could not be read.
pub(super) const ABSENT: &str = "–";

/// A page's area without its first and last column.
pub(super) fn inset(area: Rect) -> Rect {
    area.inner(Margin::new(1, 0))
}

/// Foreign text as one harmless line.
pub(super) fn clean(text: &str) -> String {
    const LONGEST: usize = 1000;
    sanitize_line(&text.replace('\n', " "), LONGEST)
}

/// The text in at most `width` columns, with `…` where it was cut.
pub(super) fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > width {
            break;
        }
        cut.push(character);
    }
    if width > 0 {
        cut.push('…');
    }
    cut
}

/// Writes text at a column of a row, within `width`; returns the column after it.
pub(super) fn put(
    buffer: &mut Buffer,
    x: u16,
    y: u16,
    width: u16,
    text: &str,
    style: Style,
) -> u16 {
    let area = buffer.area;
    if y < area.top() || y >= area.bottom() || x >= area.right() {
        return x;
    }
    let text = fit(text, usize::from(width));
    buffer.set_stringn(x, y, text, usize::from(width), style).0
}

/// Draws lines from the top of an area, the first `skip` left out; keeps the end in view. Returns
/// how many were really left out.
pub(super) fn lines(buffer: &mut Buffer, area: Rect, lines: &[Line<'_>], skip: usize) -> usize {
    let height = usize::from(area.height);
    let skip = skip.min(lines.len().saturating_sub(height));
    for (y, line) in (area.top()..area.bottom()).zip(lines.iter().skip(skip)) {
        buffer.set_line(area.x, y, line, area.width);
    }
    skip
}

/// Breaks text at spaces into lines of at most `width` columns; longer words are broken anywhere.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        let bare = word.trim_end_matches(' ');
        if used > 0 && used + bare.width() > width {
            lines.push(String::new());
            used = 0;
        }
        for character in word.chars() {
            let wide = character.width().unwrap_or(0);
            if used + wide > width {
                if character == ' ' {
                    continue;
                }
                lines.push(String::new());
                used = 0;
            }
            used += wide;
            if let Some(line) = lines.last_mut() {
                line.push(character);
            }
        }
    }
    lines
}

/// The wrapped text as lines of one style, each after an indent.
pub(super) fn wrapped(text: &str, width: u16, indent: u16, style: Style) -> Vec<Line<'static>> {
    let inner = usize::from(width.saturating_sub(indent));
    wrap(text, inner)
        .into_iter()
        .map(|line| {
            let indent = Span::raw(" ".repeat(usize::from(indent)));
            Line::from(vec![indent, Span::styled(line, style)])
        })
        .collect()
}

/// The newest values as a row of bars, right-aligned; `None` leaves a gap.
pub(super) fn spark(
    values: impl DoubleEndedIterator<Item = Option<f64>>,
    width: usize,
    most: f64,
) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = |value: Option<f64>| match value {
        None => ' ',
        Some(value) => {
            let share = if most > 0.0 { value / most } else { 0.0 };
            let index = (0..7)
                .take_while(|step| share * 8.0 >= f64::from(step + 1))
                .count();
            BARS.get(index).copied().unwrap_or('█')
        }
    };
    let mut bars: Vec<char> = values.rev().take(width).map(bar).collect();
    bars.resize(width, ' ');
    bars.iter().rev().collect()
}

/// A bar of `width` columns, filled by `share` (0 to 1): the filled and the empty part.
pub(super) fn bar(share: f64, width: usize) -> (String, String) {
    let filled = (1..=width)
        .take_while(|column| f64_of(*column) <= share * f64_of(width) + 0.5)
        .count();
    ("█".repeat(filled), "░".repeat(width - filled))
}

/// A small number as a float.
pub(super) fn f64_of(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

/// A time in at most seven columns: `812ms`, `1.24s`, `42s`, `3m 12s`, `1h 03m`, `4d 02h`.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{}ms", time.as_millis()),
        1..10 => format!("{:.2}s", time.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// Microseconds as milliseconds: `0.4 ms`, `12.3 ms`, `812 ms`.
pub(super) fn milliseconds(us: u64) -> String {
    if us < 100_000 {
        format!("{}.{} ms", us / 1000, us / 100 % 10)
    } else {
        format!("{} ms", (us + 500) / 1000)
    }
}

/// Percent of a core: `3.4`, `42`, `187`.
pub(super) fn percent(value: Option<f64>) -> String {
    match value {
        None => ABSENT.to_owned(),
        Some(value) if value < 9.95 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}

/// Bytes as MiB.
pub(super) fn mib(bytes: u64) -> u64 {
    bytes >> 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_does_not_fit_is_cut_with_a_mark() {
        assert_eq!(fit("database", 8), "database");
        assert_eq!(fit("database", 5), "data…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("x", 0), "");
    }

    #[test]
    fn wrapping_breaks_at_spaces_and_loses_nothing() {
        assert_eq!(wrap("one two three", 8), ["one two ", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
    }

    #[test]
    fn bars_are_scaled_right_aligned_and_gaps_stay_gaps() {
        let values = [Some(0.0), None, Some(50.0), Some(100.0), Some(900.0)];
        assert_eq!(spark(values.into_iter(), 6, 100.0), " ▁ ▅██");
        assert_eq!(spark(values.into_iter(), 2, 100.0), "██");
        assert_eq!(bar(0.5, 4), ("██".to_owned(), "░░".to_owned()));
        assert_eq!(bar(7.0, 2), ("██".to_owned(), String::new()));
    }

    #[test]
    fn times_are_short() {
        let shown = |ms| duration(Duration::from_millis(ms));
        assert_eq!(shown(812), "812ms");
        assert_eq!(shown(1240), "1.24s");
        assert_eq!(shown(42_000), "42s");
        assert_eq!(shown(192_000), "3m 12s");
        assert_eq!(shown(3_780_000), "1h 03m");
        assert_eq!(shown(352_800_000), "4d 02h");
        assert_eq!(milliseconds(12_345), "12.3 ms");
        assert_eq!(milliseconds(812_400), "812 ms");
    }
}
