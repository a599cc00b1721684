//! The create form: a label, a value and, beside it, what is wrong with it.

use ratatui::Frame;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::text::{clean, fit, put};
use super::{Role, Theme, panel};
use crate::app::form::{Field, Form};

const LABEL: u16 = 13;
/// Lines of what the backend brings.
const OUTLOOK: u16 = 6;

/// Draws the panel.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, form: &Form, theme: &Theme) {
    // Each field and, where there is room, the line below it for its help or its objection; what
    // the backend brings; the verdict.
    let fields = u16::try_from(Field::ALL.len()).unwrap_or(0);
    let roomy = area.height >= fields * 2 + OUTLOOK + 6;
    let step = if roomy { 2 } else { 1 };
    let height = fields * step + OUTLOOK + 4;
    let inner = panel::open(frame, area, (84, height), "New VM", theme);
    if inner.is_empty() {
        return;
    }
    let mut cursor = None;
    let mut y = inner.y;
    for field in Field::ALL {
        if y >= inner.bottom() {
            break;
        }
        let end = self::field(frame, inner, y, form, field, roomy, theme);
        if field == form.focus {
            cursor = Some((end.min(inner.right().saturating_sub(1)), y));
        }
        y += step;
    }
    let outlook = Rect {
        y: y.min(inner.bottom()),
        height: inner.bottom().saturating_sub(y + 1),
        ..inner
    };
    self::outlook(frame, outlook, form, theme);
    let verdict = Rect {
        y: (inner.bottom() - 1).max(inner.y),
        height: 1,
        ..inner
    };
    self::verdict(frame, verdict, form, theme);
    if let Some(cursor) = cursor.filter(|_| !form.is_submitted) {
        frame.set_cursor_position(cursor);
    }
}

fn field(
    frame: &mut Frame<'_>,
    inner: Rect,
    y: u16,
    form: &Form,
    field: Field,
    roomy: bool,
    theme: &Theme,
) -> u16 {
    let buffer = frame.buffer_mut();
    let in_focus = form.focus == field;
    let role = if in_focus { Role::Accent } else { Role::Muted };
    let marker = if in_focus { "▌" } else { " " };
    put(buffer, inner.x, y, 1, marker, theme.style(Role::Accent));
    put(
        buffer,
        inner.x + 1,
        y,
        LABEL,
        field.label(),
        theme.style(role),
    );
    let x = inner.x + 1 + LABEL;
    let room = inner.right().saturating_sub(x);
    let value = clean(form.value(field));
    let objection = form.objection(field).map(|text| clean(&text));
    let end = if value.is_empty() {
        let shown = match (field, &form.free_name) {
            (Field::Name, Some(name)) => name.clone(),
            _ => "none".to_owned(),
        };
        put(buffer, x, y, room, &shown, theme.style(Role::Muted));
        x
    } else if field.choices().is_some() {
        let text = if in_focus {
            format!("‹ {value} ›")
        } else {
            value
        };
        put(buffer, x, y, room, &text, theme.style(Role::Text))
    } else {
        // The end of a long value is what is being typed.
        let width = usize::from(room.saturating_sub(1));
        let hidden = value.width().saturating_sub(width);
        let shown: String = value.chars().skip(hidden).collect();
        put(buffer, x, y, room, &shown, theme.style(Role::Text))
    };
    let (note, role) = match (&objection, in_focus) {
        (Some(objection), _) => (format!("✖ {objection}"), Role::Failed),
        (None, true) => (help(form, field), Role::Muted),
        (None, false) => return end,
    };
    if roomy {
        let width = inner.width.saturating_sub(1 + LABEL);
        put(buffer, x, y + 1, width, &note, theme.style(role));
    } else {
        let at = (end + 2).max(x + 12);
        let width = inner.right().saturating_sub(at);
        put(
            buffer,
            at,
            y,
            width,
            &fit(&note, usize::from(width)),
            theme.style(role),
        );
    }
    end
}

/// What the backend brings; what was different with the one before is marked.
fn outlook(frame: &mut Frame<'_>, area: Rect, form: &Form, theme: &Theme) {
    let Some(outlook) = &form.outlook else { return };
    let buffer = frame.buffer_mut();
    // A line apart from the fields, where there is one to spare.
    let spare = area.height > u16::try_from(outlook.traits.len()).unwrap_or(u16::MAX);
    for (y, it) in (area.y + u16::from(spare)..area.bottom()).zip(&outlook.traits) {
        let role = match (it.is_poor, form.is_changed(it)) {
            (true, _) => Role::Warning,
            (false, true) => Role::Text,
            (false, false) => Role::Muted,
        };
        let marker = if form.is_changed(it) { "▸" } else { " " };
        put(buffer, area.x, y, 1, marker, theme.style(Role::Accent));
        put(
            buffer,
            area.x + 1,
            y,
            LABEL,
            it.about,
            theme.style(Role::Muted),
        );
        let x = area.x + 1 + LABEL;
        let width = area.right().saturating_sub(x);
        let text = fit(&clean(&it.text), usize::from(width));
        put(buffer, x, y, width, &text, theme.style(role));
    }
}

fn help(form: &Form, field: Field) -> String {
    if field == Field::Image && !form.images.is_empty() {
        return format!("at hand: {}", clean(&form.images.join(", ")));
    }
    field.help().to_owned()
}

fn verdict(frame: &mut Frame<'_>, line: Rect, form: &Form, theme: &Theme) {
    let (text, role) = if let Some(failure) = &form.failure {
        (format!("✖ {}", clean(failure)), Role::Failed)
    } else if form.is_submitted {
        ("creating…".to_owned(), Role::Changing)
    } else if let Some(objection) = form.other_objections().next() {
        (
            format!("✖ {}", clean(&objection.failure.message)),
            Role::Failed,
        )
    } else if form.objections.is_none() {
        ("checking…".to_owned(), Role::Muted)
    } else if form.is_acceptable() {
        ("✔ ready to create".to_owned(), Role::Good)
    } else {
        ("✖ see above".to_owned(), Role::Failed)
    };
    put(
        frame.buffer_mut(),
        line.x + 1,
        line.y,
        line.width.saturating_sub(1),
        &text,
        theme.style(role),
    );
}
