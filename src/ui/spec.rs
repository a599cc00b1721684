//! The spec as it is on disk, and the exact command line.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{self, clean, wrapped};
use super::{Role, Theme};
use crate::app::row::Row;
use crate::app::state::State;

/// Draws the page.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let Some(row) = state.selected_row() else {
        return;
    };
    let inner = text::inset(area);
    let lines = page(row, inner.width, theme);
    text::lines(frame.buffer_mut(), inner, &lines, state.scroll.page);
}

fn page(row: &Row, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let title = theme.style(Role::Title);
    let plain = theme.style(Role::Text);
    let mut lines = Vec::new();
    if let Some(problem) = &row.vm.problem {
        lines.extend(wrapped(
            &clean(&problem.message),
            width,
            0,
            theme.style(Role::Failed),
        ));
        if let Some(hint) = &problem.hint {
            lines.extend(wrapped(&clean(hint), width, 0, theme.style(Role::Accent)));
        }
        lines.push(Line::default());
    }
    lines.append(&mut invocation(row, width, theme));
    lines.push(Line::default());
    lines.push(Line::styled("Spec", title));
    match row.vm.spec.as_ref().map(crate::vm::VmSpec::to_toml) {
        Some(Ok(toml)) => {
            for line in toml.lines() {
                lines.extend(wrapped(&clean(line), width, 0, plain));
            }
        }
        _ => lines.push(Line::styled("cannot be read", theme.style(Role::Failed))),
    }
    lines
}

/// By what the VM was last started; before the first start, by what it would be.
fn invocation(row: &Row, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let title = theme.style(Role::Title);
    let (plain, muted) = (theme.style(Role::Text), theme.style(Role::Muted));
    let state = &row.vm.state;
    let mut lines = vec![Line::styled("Command line", title)];
    let (argv, api_calls) = match &row.invocation {
        _ if !state.argv.is_empty() => (&state.argv, &state.api_calls),
        Some(Ok(invocation)) => {
            let why = "Not started yet; started now it would be:";
            lines.extend(wrapped(why, width, 0, muted));
            (&invocation.argv, &invocation.api_calls)
        }
        Some(Err(failure)) => {
            let failed = theme.style(Role::Failed);
            lines.extend(wrapped(&clean(&failure.message), width, 0, failed));
            let hint = failure.hint.as_deref().map(clean).unwrap_or_default();
            lines.extend(wrapped(&hint, width, 0, theme.style(Role::Accent)));
            return lines;
        }
        None => {
            lines.extend(wrapped("Not started yet.", width, 0, muted));
            return lines;
        }
    };
    lines.extend(wrapped(&command(argv), width, 0, plain));
    if api_calls.is_empty() {
        return lines;
    }
    lines.push(Line::default());
    lines.push(Line::styled("Calls of its API", title));
    for call in api_calls {
        let body = serde_json::to_string(&call.body).unwrap_or_default();
        let told = format!("{} {} {body}", call.method.word(), call.path);
        lines.extend(wrapped(&clean(&told), width, 0, plain));
    }
    let is_tap = |spec: &crate::vm::VmSpec| spec.network == crate::vm::NetworkMode::Tap;
    if state.argv.is_empty() && row.vm.spec.as_ref().is_some_and(is_tap) {
        let text = "and one for its TAP device, which is made at the start";
        lines.extend(wrapped(text, width, 0, muted));
    }
    lines
}

/// The command line as a shell would take it.
fn command(argv: &[String]) -> String {
    let quoted: Vec<String> = argv
        .iter()
        .map(|word| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
            if !word.is_empty() && word.chars().all(is_plain) {
                word.clone()
            } else {
                format!("'{}'", clean(word).replace('\'', r"'\''"))
            }
        })
        .collect();
    quoted.join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_command_line_can_be_pasted_into_a_shell() {
        let argv = ["qemu", "-append", "console=ttyS0 it's", ""].map(str::to_owned);
        assert_eq!(
            super::command(&argv),
            r"qemu -append 'console=ttyS0 it'\''s' ''"
        );
    }
}
