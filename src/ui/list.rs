//! The list of VMs. Only the rows that are seen are built.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::text::{self, ABSENT, clean, put, spark};
use super::{Role, Theme};
use crate::app::action::{Action, Context};
use crate::app::row::Row;
use crate::app::state::{Focus, State};
use crate::vm::Phase;

/// The glyph of a phase; its word always stands beside it.
pub(super) fn glyph(phase: Phase) -> &'static str {
    match phase {
        Phase::Created => "○",
        Phase::Starting => "◐",
        Phase::Running => "●",
        Phase::Paused => "‖",
        Phase::Stopping => "◑",
        Phase::Stopped => "■",
        Phase::Crashed => "✖",
    }
}

/// Widths of the columns; one that does not fit is 0 and left out.
#[derive(Clone, Copy, Debug)]
struct Columns {
    phase: u16,
    name: u16,
    backend: u16,
    cpu: u16,
    spark: u16,
    memory: u16,
    uptime: u16,
    boot: u16,
}

/// What is said in place of *running* of a guest that says nothing for long.
pub(super) const SILENT: &str = "running, silent";

/// Wide enough for `◑ restarting…`.
const PHASE: u16 = 12;
/// Wide enough for `● running, silent`.
const PHASE_SILENT: u16 = 17;

impl Columns {
    /// Columns go, from the least useful on, until what is left fits.
    fn of(width: u16, phase: u16) -> Self {
        let mut columns = Self {
            phase,
            name: 9,
            backend: 17,
            cpu: 5,
            spark: 5,
            memory: 9,
            uptime: 7,
            boot: 6,
        };
        let least = |c: &Self| c.fixed() + c.name;
        let narrower: [fn(&mut Self); 6] = [
            |columns| columns.spark = 0,
            |columns| columns.boot = 0,
            |columns| columns.uptime = 0,
            |columns| columns.backend = 8,
            |columns| columns.memory = 0,
            |columns| columns.backend = 0,
        ];
        for narrow in narrower {
            if least(&columns) > width {
                narrow(&mut columns);
            }
        }
        let spare = width.saturating_sub(least(&columns));
        let for_name = spare.min(15);
        columns.name += for_name;
        if columns.spark > 0 {
            let for_spark = (spare - for_name).min(25);
            columns.spark += for_spark;
        }
        columns
    }

    /// All but the name, with a space before each column.
    fn fixed(&self) -> u16 {
        let others = [
            self.backend,
            self.cpu,
            self.spark,
            self.memory,
            self.uptime,
            self.boot,
        ];
        2 + self.phase + others.iter().map(|w| w + u16::from(*w > 0)).sum::<u16>()
    }
}

/// Draws heading and rows.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    if area.is_empty() {
        return;
    }
    let buffer = frame.buffer_mut();
    let is_silent = |row: &Row| row.silence(state.now).is_some();
    let phase = if state.shown().any(is_silent) {
        PHASE_SILENT
    } else {
        PHASE
    };
    let columns = Columns::of(area.width, phase);
    heading(buffer, area, state, &columns, theme);
    let rows = Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    };
    if state.shown_count() == 0 {
        return empty(buffer, rows, state, theme);
    }
    let seen = state.shown().skip(state.top);
    for (y, row) in (rows.top()..rows.bottom()).zip(seen) {
        let line = Rect {
            y,
            height: 1,
            ..rows
        };
        self::row(buffer, line, row, state, &columns, theme);
    }
}

fn heading(buffer: &mut Buffer, area: Rect, state: &State, columns: &Columns, theme: &Theme) {
    let style = theme.style(Role::Muted);
    let mut x = area.x + 1;
    let left = |buffer: &mut Buffer, x: &mut u16, width: u16, word: &str| {
        if width > 0 {
            put(buffer, *x, area.y, width, word, style);
            *x += width + 1;
        }
    };
    left(buffer, &mut x, columns.phase, "PHASE");
    let below = state
        .shown_count()
        .saturating_sub(state.top + usize::from(area.height - 1));
    let mut name = "NAME ".to_owned();
    for (count, arrow) in [(state.top, '↑'), (below, '↓')] {
        if count > 0 {
            name.extend([arrow.to_string(), count.to_string()]);
        }
    }
    left(buffer, &mut x, columns.name, &name);
    left(buffer, &mut x, columns.backend, "BACKEND");
    for (width, word) in [
        (columns.cpu, "CPU %"),
        (columns.spark, ""),
        (columns.memory, "MEM MiB"),
        (columns.uptime, "UPTIME"),
        (columns.boot, "BOOT"),
    ] {
        let width_of = usize::from(width);
        left(buffer, &mut x, width, &format!("{word:>width_of$}"));
    }
}

fn row(
    buffer: &mut Buffer,
    line: Rect,
    row: &Row,
    state: &State,
    columns: &Columns,
    theme: &Theme,
) {
    let is_selected = state.selected.as_ref() == Some(&row.vm.name);
    let phase = row.vm.phase;
    let role = Theme::phase(phase);
    let text_style = theme.style(Role::Text);
    let muted = theme.style(Role::Muted);
    let mut x = line.x;
    let marker = if is_selected { "▌" } else { " " };
    put(buffer, x, line.y, 1, marker, theme.style(Role::Accent));
    x += 1;
    let (word, role) = match row.doing() {
        Some(doing) => (doing, Role::Changing),
        None if row.silence(state.now).is_some() => (SILENT, Role::Warning),
        None => (phase.word(), role),
    };
    let state_text = format!("{} {word}", glyph(phase));
    put(
        buffer,
        x,
        line.y,
        columns.phase,
        &state_text,
        theme.style(role),
    );
    x += columns.phase + 1;
    put(
        buffer,
        x,
        line.y,
        columns.name,
        row.vm.name.as_str(),
        text_style,
    );
    x += columns.name + 1;
    if columns.backend > 0 {
        let (text, role) = backend(row, columns.backend);
        put(buffer, x, line.y, columns.backend, &text, theme.style(role));
        x += columns.backend + 1;
    }
    let room = line.right().saturating_sub(x);
    let is_live = phase.is_live();
    let remark = row.remark().map(|remark| clean(&remark));
    if let Some(remark) = remark.filter(|_| !is_live || row.vm.problem.is_some()) {
        let is_bad = phase == Phase::Crashed || row.vm.problem.is_some();
        let style = theme.style(if is_bad { Role::Failed } else { Role::Muted });
        put(buffer, x, line.y, room, &remark, style);
    } else if is_live {
        figures(buffer, x, line.y, row, state, columns, theme);
    } else if columns.boot > 0 {
        let width = usize::from(room);
        let boot = row.last_boot().map(text::duration).unwrap_or_default();
        put(buffer, x, line.y, room, &format!("{boot:>width$}"), muted);
    }
    if is_selected {
        let highlight = match state.focus {
            // One bar: reversed, the row's own colours would be blocks of colour in it.
            Focus::Dashboard => Style::new()
                .fg(Color::Reset)
                .remove_modifier(Modifier::DIM)
                .patch(theme.style(Role::Selection)),
            Focus::Console => theme.style(Role::Title),
        };
        buffer.set_style(
            Rect {
                x: line.x + 1,
                width: line.width - 1,
                ..line
            },
            highlight,
        );
    }
}

fn figures(
    buffer: &mut Buffer,
    mut x: u16,
    y: u16,
    row: &Row,
    state: &State,
    columns: &Columns,
    theme: &Theme,
) {
    let style = theme.style(Role::Text);
    let mut right = |buffer: &mut Buffer, width: u16, text: &str| {
        if width > 0 {
            let pad = usize::from(width);
            put(buffer, x, y, width, &format!("{text:>pad$}"), style);
            x += width + 1;
        }
        x
    };
    let sample = row.sample();
    let cpu = text::percent(sample.and_then(|sample| sample.cpu_percent));
    let at = right(buffer, columns.cpu, &cpu);
    if columns.spark > 0 {
        let values = row.history.iter().map(|s| s.and_then(|s| s.cpu_percent));
        let cores = row.vm.spec.as_ref().map_or(1, |spec| spec.vcpu_count);
        let bars = spark(values, usize::from(columns.spark), f64::from(cores) * 100.0);
        right(buffer, columns.spark, "");
        put(
            buffer,
            at,
            y,
            columns.spark,
            &bars,
            theme.style(Role::Guest),
        );
    }
    let used = sample
        .and_then(|sample| sample.memory())
        .map_or_else(|| ABSENT.to_owned(), |used| text::mib(used).to_string());
    let allotted = row
        .vm
        .spec
        .as_ref()
        .map_or_else(|| ABSENT.to_owned(), |spec| spec.mem_size_mib.to_string());
    right(buffer, columns.memory, &format!("{used}/{allotted}"));
    let uptime = row
        .uptime(state.now)
        .map_or_else(|| ABSENT.to_owned(), uptime);
    right(buffer, columns.uptime, &uptime);
    let boot = row.last_boot().map_or_else(
        || if row.is_booting() { "…" } else { ABSENT }.to_owned(),
        text::duration,
    );
    right(buffer, columns.boot, &boot);
}

/// Whole seconds: an uptime is no measurement.
pub(super) fn uptime(time: std::time::Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        _ => text::duration(time),
    }
}

/// Who runs it, with what, and whether that is emulation.
fn backend(row: &Row, width: u16) -> (String, Role) {
    let spec = row.vm.spec.as_ref();
    let backend = row.vm.state.backend.or(spec.map(|spec| spec.backend));
    let accel = row.vm.state.accel.or(spec.and_then(|spec| spec.accel));
    match (backend, accel) {
        (None, _) => (ABSENT.to_owned(), Role::Muted),
        (Some(backend), None) => (backend.to_string(), Role::Muted),
        (Some(backend), Some(accel)) if accel.is_emulated() && width >= 17 => {
            (format!("{backend}/{accel} emulated"), Role::Warning)
        }
        (Some(backend), Some(accel)) if row.vm.state.accel_doubted => {
            let doubt = if width >= 24 { " doubtful" } else { "?" };
            (format!("{backend}/{accel}{doubt}"), Role::Warning)
        }
        (Some(backend), Some(accel)) => (format!("{backend}/{accel}"), Role::Muted),
    }
}

/// An empty list says how to begin.
fn empty(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let key = |action| state.keymap.shown(Context::Dashboard, action);
    let mut lines: Vec<(String, Role)> = Vec::new();
    if let Some(failure) = &state.store_failure {
        lines.push((clean(&failure.message), Role::Failed));
        lines.extend(
            failure
                .hint
                .as_deref()
                .map(|hint| (clean(hint), Role::Text)),
        );
    } else if !state.rows.is_empty() {
        let text = format!(
            "No VM's name contains `{}`: `{}` clears it.",
            state.filter,
            key(Action::Back)
        );
        lines.push((text, Role::Text));
    } else {
        if state.has_image == Some(false) {
            let text = "There is no guest image yet: `smolvm-tui image build` makes one.";
            lines.push((text.to_owned(), Role::Warning));
        }
        let text = format!("No VMs yet: press `{}` to create one.", key(Action::Create));
        lines.push((text, Role::Text));
        let text = format!("`{}` shows what this host can do.", key(Action::Doctor));
        lines.push((text, Role::Muted));
    }
    for (y, (text, role)) in (area.top()..area.bottom()).zip(lines) {
        put(
            buffer,
            area.x + 2,
            y,
            area.width.saturating_sub(2),
            &text,
            theme.style(role),
        );
    }
}
