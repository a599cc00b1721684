//! What could make the boot faster, and what came of trying it.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{difference, spread};
use crate::app::action::{Action, Context};
use crate::app::boots::{self, Past};
use crate::app::row::Row;
use crate::app::state::State;
use crate::app::tryout::{self, Stage, Tryout, Verdict};
use crate::ui::text::{clean, milliseconds, wrapped};
use crate::ui::{Role, Theme};
use crate::vm::BootRecord;

/// Columns of the cost.
const COST: u16 = 12;

/// The hints, each with its way out and what came of trying it.
pub(super) fn lines(
    row: &Row,
    past: &Past,
    boot: &BootRecord,
    state: &State,
    width: u16,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let hints = boots::hints(past, boot);
    if hints.is_empty() {
        return Vec::new();
    }
    let next = tryout::next(&row.vm.name, &hints, &state.tryouts);
    let is_busy = state.tryouts.iter().any(Tryout::is_running);
    let key = state.keymap.shown(Context::Dashboard, Action::TryHint);
    let (text, muted) = (theme.style(Role::Text), theme.style(Role::Muted));
    let mut lines = vec![
        Line::default(),
        Line::styled("What cost time", theme.style(Role::Title)),
    ];
    for hint in &hints {
        let cost = format!("{:>10}", milliseconds(hint.cost_us));
        lines.append(&mut beside(
            &cost,
            theme.style(Role::Warning),
            &hint.told,
            text,
            width,
        ));
        lines.append(&mut wrapped(&format!("→ {}", hint.way), width, COST, muted));
        let tried = state.tryouts.iter();
        let mut tried = tried.filter(|it| it.name == row.vm.name);
        let tried = tried.find(|it| Some(it.words) == hint.words);
        match tried {
            Some(tryout) => lines.append(&mut outcome(&tryout.stage, width, theme)),
            None if next.is_some() && next == hint.words && !is_busy => {
                let offer = format!("`{key}` tries it: {} boots", tryout::boots());
                lines.append(&mut wrapped(&offer, width, COST, theme.style(Role::Key)));
            }
            None => {}
        }
    }
    lines
}

/// A label, and text beside it that is wrapped.
fn beside(label: &str, style: Style, text: &str, plain: Style, width: u16) -> Vec<Line<'static>> {
    let mut lines = wrapped(text, width, COST, plain);
    if let Some(first) = lines.first_mut().and_then(|line| line.spans.first_mut()) {
        *first = Span::styled(format!("{label:<width$}", width = usize::from(COST)), style);
    }
    lines
}

fn outcome(stage: &Stage, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let (text, role) = match stage {
        Stage::Running(over, of) => (format!("trying it: boot {over} of {of}…"), Role::Changing),
        Stage::Failed(failure) => (clean(&failure.message), Role::Failed),
        Stage::Done(verdict) => {
            let Verdict {
                before,
                after,
                difference: pairs,
            } = verdict;
            let change = difference(pairs.p50.unsigned_abs(), 0);
            let change = match pairs.p50 {
                0.. => change,
                _ => change.replace('+', "−"),
            };
            let text = format!(
                "tried: {} before, {} after; {change} at the median of {} pairs, faster in {}",
                spread(*before),
                spread(*after),
                pairs.n,
                pairs.faster
            );
            // In all but one pair at the most: more is chance.
            let role = if pairs.faster + 1 >= pairs.n {
                Role::Good
            } else {
                Role::Muted
            };
            (text, role)
        }
    };
    wrapped(&text, width, COST, theme.style(role))
}
