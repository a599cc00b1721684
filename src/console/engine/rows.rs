//! The engine's rows as our cells, and as text.

use alacritty_terminal::term::cell::{Cell as EngineCell, Flags};
use alacritty_terminal::vte::ansi;
use unicode_width::UnicodeWidthChar;

use crate::console::{Attributes, Cell, Color};

/// What blinks, which the engine has no flag for: the guard sets this one for nothing else.
pub(super) const BLINK: Flags = Flags::DASHED_UNDERLINE;

/// Copies the cells of a row.
pub(super) fn copy(from: &[EngineCell], to: &mut Vec<Cell>) {
    to.resize_with(from.len(), Cell::default);
    let mut behind_wide = false;
    for (column, (source, cell)) in from.iter().zip(to).enumerate() {
        cell.foreground = color(source.fg);
        cell.background = color(source.bg);
        cell.attributes = attributes(source.flags);
        cell.text.clear();
        if std::mem::take(&mut behind_wide) {
            continue;
        }
        let spacer_follows = from
            .get(column + 1)
            .is_some_and(|next| next.flags.contains(Flags::WIDE_CHAR_SPACER));
        if source.flags.contains(Flags::WIDE_CHAR) && spacer_follows {
            behind_wide = true;
            push_text(source, 2, &mut cell.text);
        } else if source.flags.intersects(
            Flags::WIDE_CHAR | Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER,
        ) {
            cell.text.push(' ');
        } else {
            push_text(source, 1, &mut cell.text);
        }
    }
}

/// The text of a cell, which is always `width` columns wide, so that a host terminal that reckons
/// otherwise cannot shift the rest of the line.
fn push_text(source: &EngineCell, width: usize, text: &mut String) {
    match source.c {
        ' '..='~' => text.push(source.c),
        // The engine notes a tab in the cell where it began.
        c if c.width() == Some(width) => text.push(c),
        _ => {
            text.extend(std::iter::repeat_n(' ', width));
            return;
        }
    }
    // The guard lets none through that would change the width.
    text.extend(source.zerowidth().into_iter().flatten());
}

fn color(color: ansi::Color) -> Color {
    match color {
        ansi::Color::Indexed(index) => Color::Indexed(index),
        ansi::Color::Spec(rgb) => Color::Rgb(rgb.r, rgb.g, rgb.b),
        // 0 to 15 are the named ones of the palette; the others are foreground and background.
        ansi::Color::Named(name) => match u8::try_from(name as usize) {
            Ok(index @ 0..=15) => Color::Indexed(index),
            _ => Color::Default,
        },
    }
}

fn attributes(flags: Flags) -> Attributes {
    Attributes {
        bold: flags.contains(Flags::BOLD),
        dim: flags.contains(Flags::DIM),
        italic: flags.contains(Flags::ITALIC),
        underline: flags.contains(Flags::UNDERLINE),
        inverse: flags.contains(Flags::INVERSE),
        hidden: flags.contains(Flags::HIDDEN),
        strike: flags.contains(Flags::STRIKEOUT),
        blink: flags.contains(BLINK),
    }
}

/// Appends the text of a row; returns whether the next row continues its line. Each cell gives as
/// many columns of text as it is wide; blanks at the end of a line are cut.
pub(super) fn text(row: &[EngineCell], text: &mut String) -> bool {
    let wraps = row
        .last()
        .is_some_and(|last| last.flags.contains(Flags::WRAPLINE));
    let begin = text.len();
    let used = row.iter().rposition(|cell| cell.c != ' ' || wraps);
    let row = row.get(..used.map_or(0, |last| last + 1)).unwrap_or(row);
    let mut behind_wide = false;
    for (column, cell) in row.iter().enumerate() {
        if std::mem::take(&mut behind_wide) {
            continue;
        }
        if cell.flags.is_empty() && matches!(cell.c, ' '..='~') {
            text.push(cell.c);
            if cell.extra.is_some() {
                text.extend(cell.zerowidth().into_iter().flatten());
            }
            continue;
        }
        // What a wide character left free at the end of the row is no text of the guest's.
        if cell.flags.contains(Flags::LEADING_WIDE_CHAR_SPACER) && wraps {
            continue;
        }
        let spacer_follows = row
            .get(column + 1)
            .is_none_or(|next| next.flags.contains(Flags::WIDE_CHAR_SPACER));
        if cell.flags.contains(Flags::WIDE_CHAR) && spacer_follows {
            behind_wide = true;
            push_text(cell, 2, text);
        } else if cell.flags.intersects(
            Flags::WIDE_CHAR | Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER,
        ) {
            text.push(' ');
        } else {
            push_text(cell, 1, text);
        }
    }
    if !wraps {
        let end = begin + text[begin..].trim_end_matches(' ').len();
        text.truncate(end);
    }
    wraps
}
