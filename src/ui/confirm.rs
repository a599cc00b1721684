//! The question before something that destroys, and before a paste that may run commands.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::text::{self, wrapped};
use super::{Role, Theme, panel};
use crate::app::state::{Break, Paste, Question};
use crate::console::keys::pasted_lines;
use crate::console::sysrq::SysRq;
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
            "It is running. Its disk and logs go with it.",
        ),
        (_, false) => (
            "Delete",
            format!("Delete `{name}`?"),
            "Its disk and logs go with it.",
        ),
    };
    let inner = panel::open(frame, area, (64, 6), title, theme);
    let mut lines = wrapped(&asked, inner.width, 1, theme.style(Role::Failed));
    lines.append(&mut wrapped(told, inner.width, 1, theme.style(Role::Text)));
    lines.insert(0, Line::default());
    text::lines(frame.buffer_mut(), inner, &lines, 0);
}

/// Draws the panel of a paste: the question, then how far it is.
pub(super) fn paste(frame: &mut Frame<'_>, area: Rect, paste: &Paste, theme: &Theme) {
    let inner = panel::open(frame, area, (64, 6), "Paste", theme);
    let name = &paste.name;
    let (asked, told) = match paste.taken {
        None => (
            format!(
                "Paste {} lines, {} bytes, into `{name}`?",
                pasted_lines(&paste.text),
                paste.text.len()
            ),
            "A shell runs each line as it comes.".to_owned(),
        ),
        Some((taken, all)) => (
            format!("Pasting into `{name}`: {}%", taken * 100 / all.max(1)),
            format!(
                "The guest took {} of {} KiB.",
                taken >> 10,
                all.div_ceil(1024)
            ),
        ),
    };
    let mut lines = wrapped(&asked, inner.width, 1, theme.style(Role::Warning));
    lines.append(&mut wrapped(&told, inner.width, 1, theme.style(Role::Text)));
    lines.insert(0, Line::default());
    text::lines(frame.buffer_mut(), inner, &lines, 0);
}

/// Draws the menu of BREAK and `SysRq`, or the question before a key of it that destroys.
pub(super) fn send_break(frame: &mut Frame<'_>, area: Rect, menu: &Break, theme: &Theme) {
    let name = &menu.name;
    if let Some(key) = menu.asked {
        let inner = panel::open(frame, area, (64, 6), "SysRq", theme);
        let asked = format!("Have the kernel of `{name}` {}?", key.does);
        let told = "Nobody in the guest is asked: what it has not written is lost.";
        let mut lines = wrapped(&asked, inner.width, 1, theme.style(Role::Failed));
        lines.append(&mut wrapped(told, inner.width, 1, theme.style(Role::Text)));
        lines.insert(0, Line::default());
        text::lines(frame.buffer_mut(), inner, &lines, 0);
        return;
    }
    let row = |key: String, does: String, role| {
        Line::from(vec![
            Span::styled(format!(" {key:<7}"), theme.style(Role::Key)),
            Span::styled(does, theme.style(role)),
        ])
    };
    let mut lines = vec![row(
        "enter".to_owned(),
        "BREAK alone; Linux waits 5 s for one of these".to_owned(),
        Role::Text,
    )];
    lines.extend(SysRq::ALL.into_iter().map(|key| {
        let (mark, role) = if key.destroys {
            (" …", Role::Warning)
        } else {
            ("", Role::Text)
        };
        row(key.letter.to_string(), format!("{}{mark}", key.does), role)
    }));
    let told = "/proc/sys/kernel/sysrq in the guest may forbid some.";
    let height = u16::try_from(lines.len() + 4).unwrap_or(u16::MAX);
    let title = format!("BREAK and SysRq for {name}");
    let inner = panel::open(frame, area, (64, height), &title, theme);
    lines.append(&mut wrapped(told, inner.width, 1, theme.style(Role::Muted)));
    text::lines(frame.buffer_mut(), inner, &lines, 0);
}
