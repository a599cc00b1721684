//! The figures of the selected VM: CPU split into guest and VMM, memory, and what it is.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::text::{self, ABSENT, bar, clean, f64_of, put, spark, wrapped};
use super::{Role, Theme, list};
use crate::app::row::Row;
use crate::app::state::State;
use crate::sampler::Sample;
use crate::vm::{Phase, VmSpec};

/// Columns of the labels.
const LABEL: u16 = 10;
/// From this width on, figures and facts stand side by side.
const WIDE: u16 = 100;

/// Draws the page.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let Some(row) = state.selected_row().filter(|_| area.width > 2) else {
        return;
    };
    let inner = text::inset(area);
    if inner.width >= WIDE && inner.height >= 12 && row.vm.phase.is_live() {
        let left = inner.width / 2;
        let facts_area = Rect {
            width: left - 2,
            ..inner
        };
        let graphs_area = Rect {
            x: inner.x + left,
            width: inner.width - left,
            ..inner
        };
        let lines = facts(row, state, facts_area.width, theme);
        text::lines(frame.buffer_mut(), facts_area, &lines, state.scroll.page);
        graphs(frame.buffer_mut(), graphs_area, row, theme);
        return;
    }
    let mut lines = figures(row, inner.width, theme);
    lines.append(&mut facts(row, state, inner.width, theme));
    text::lines(frame.buffer_mut(), inner, &lines, state.scroll.page);
}

pub(super) fn label(text: &str, theme: &Theme) -> Span<'static> {
    let width = usize::from(LABEL);
    Span::styled(format!("{text:<width$}"), theme.style(Role::Muted))
}

fn most_cpu(row: &Row) -> f64 {
    let cores = row.vm.spec.as_ref().map_or(1, |spec| spec.vcpu_count);
    f64::from(cores) * 100.0
}

/// The figures in a few lines, for where there is no room for graphs.
pub(super) fn figures(row: &Row, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    if !row.vm.phase.is_live() {
        return Vec::new();
    }
    let sample = row.sample().unwrap_or_default();
    let room = usize::from(width.saturating_sub(LABEL + 16));
    let line = |name: &str, value: Option<f64>, of: fn(Sample) -> Option<f64>, role: Role| {
        let values = row.history.iter().map(|sample| sample.and_then(of));
        Line::from(vec![
            label(name, theme),
            Span::styled(
                format!("{:>6} %  ", text::percent(value)),
                theme.style(Role::Text),
            ),
            Span::styled(
                spark(values, room.min(60), most_cpu(row)),
                theme.style(role),
            ),
        ])
    };
    vec![
        line(
            "CPU guest",
            sample.guest_percent,
            |s| s.guest_percent,
            Role::Guest,
        ),
        line("    VMM", sample.vmm_percent, |s| s.vmm_percent, Role::Vmm),
        memory(row, usize::from(width.saturating_sub(LABEL)), theme),
    ]
}

/// Memory of the guest, in so many columns behind the label.
fn memory(row: &Row, width: usize, theme: &Theme) -> Line<'static> {
    let sample = row.sample().unwrap_or_default();
    let used = sample.memory().map(text::mib);
    // Where the guest's share is told apart, what the VMM holds in all is told beside it.
    let whole = sample
        .guest_memory
        .and(sample.rss)
        .map_or_else(String::new, |rss| format!(", VMM {}", text::mib(rss)));
    let allotted = row.vm.spec.as_ref().map(|spec| spec.mem_size_mib);
    let share = match (used, allotted) {
        (Some(used), Some(allotted)) if allotted > 0 => number(used) / number(allotted),
        _ => 0.0,
    };
    let shown = |mib: Option<u64>| mib.map_or_else(|| ABSENT.to_owned(), |mib| mib.to_string());
    let told = format!("{:>6} of {} MiB{whole}  ", shown(used), shown(allotted));
    let (full, empty) = bar(share.min(1.0), width.saturating_sub(told.len()).min(30));
    Line::from(vec![
        label("Memory", theme),
        Span::styled(told, theme.style(Role::Text)),
        Span::styled(full, theme.style(Role::Guest)),
        Span::styled(empty, theme.style(Role::Muted)),
    ])
}

/// Picks one figure of a sample.
type Share = fn(Sample) -> Option<f64>;

/// Graphs of some rows each: the guest's CPU, the VMM's, and memory.
fn graphs(buffer: &mut Buffer, area: Rect, row: &Row, theme: &Theme) {
    let sample = row.sample().unwrap_or_default();
    let cpu = most_cpu(row);
    let allotted = row.vm.spec.as_ref().map_or(0, |spec| spec.mem_size_mib);
    let shares: [(Line<'_>, f64, Share, Role); 3] = [
        (
            share("CPU of the guest", sample.guest_percent, theme),
            cpu,
            |s| s.guest_percent,
            Role::Guest,
        ),
        (
            share("CPU of the VMM", sample.vmm_percent, theme),
            cpu,
            |s| s.vmm_percent,
            Role::Vmm,
        ),
        (
            memory(row, usize::from(area.width.saturating_sub(LABEL)), theme),
            number(allotted),
            |s| s.memory().map(|bytes| number(text::mib(bytes))),
            Role::Guest,
        ),
    ];
    let each = (area.height / 3).clamp(3, 12);
    for (y, (title, most, of, role)) in (area.y..).step_by(usize::from(each)).zip(shares) {
        let part = Rect {
            y,
            height: each - 1,
            ..area
        };
        let part = part.intersection(area);
        text::lines(buffer, part, &[title], 0);
        let graph = Rect {
            y: part.y + 1,
            height: part.height.saturating_sub(1),
            ..part
        };
        let values: Vec<_> = row
            .history
            .iter()
            .map(|sample| sample.and_then(of))
            .collect();
        self::graph(buffer, graph, &values, most, role, theme);
    }
}

fn share(name: &str, value: Option<f64>, theme: &Theme) -> Line<'static> {
    let text = format!("{name}  {} %", text::percent(value));
    Line::styled(text, theme.style(Role::Text))
}

fn number(mib: u64) -> f64 {
    f64_of(usize::try_from(mib).unwrap_or(usize::MAX))
}

/// Bars of several rows: each row shows its own slice of the scale.
fn graph(
    buffer: &mut Buffer,
    area: Rect,
    values: &[Option<f64>],
    most: f64,
    role: Role,
    theme: &Theme,
) {
    let slice = most / f64::from(area.height.max(1));
    for (y, below) in (area.top()..area.bottom()).zip((0..area.height).rev()) {
        let base = f64::from(below) * slice;
        let within = values.iter().map(|value| {
            value.and_then(|value| (value > base || below == 0).then_some(value - base))
        });
        let bars = spark(within, usize::from(area.width), slice);
        put(buffer, area.x, y, area.width, &bars, theme.style(role));
    }
}

/// What it is and how it stands.
fn facts(row: &Row, state: &State, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let mut facts = Facts {
        lines: Vec::new(),
        width,
        theme,
    };
    let vm = &row.vm;
    if let Some(problem) = &vm.problem {
        facts.tell("Problem", &problem.message, Role::Failed);
        if let Some(hint) = &problem.hint {
            facts.tell("", hint, Role::Accent);
        }
    }
    let ready = match (vm.phase, vm.state.ready) {
        (Phase::Running | Phase::Paused, true) => ", the guest is ready",
        (Phase::Running, false) => ", the guest has not said that it is ready",
        _ => "",
    };
    if let Some(silence) = row.silence(state.now) {
        let phase = format!("{} {}", list::glyph(vm.phase), list::SILENT);
        facts.tell("Phase", &phase, Role::Warning);
        facts.tell("", &silence.words(), Role::Warning);
    } else {
        let phase = format!("{} {}{ready}", list::glyph(vm.phase), vm.phase);
        facts.tell("Phase", &phase, Theme::phase(vm.phase));
    }
    if let Some(activity) = vm.state.activity.as_ref().filter(|_| vm.phase.is_live()) {
        facts.tell("", activity, Role::Changing);
    }
    if let Some(exit) = vm.exit() {
        let role = if exit.reason.is_clean() {
            Role::Text
        } else {
            Role::Failed
        };
        facts.tell("Exit", &exit.summary(), role);
        if let Some(detail) = &exit.detail {
            facts.tell("", detail, Role::Muted);
        }
    }
    if let Some(uptime) = row.uptime(state.now) {
        facts.tell("Uptime", &list::uptime(uptime), Role::Text);
    }
    if let Some(boot) = row.last_boot() {
        facts.tell(
            "Boot",
            &format!("ready after {}", text::duration(boot)),
            Role::Text,
        );
    }
    backend(&mut facts, row);
    if let Some(spec) = &vm.spec {
        self::spec(&mut facts, spec, row.vm.state.network.as_deref());
    }
    if let Some(vmm) = vm.state.vmm.filter(|_| vm.phase.is_live()) {
        let shim = vm
            .state
            .shim
            .map_or_else(|| ABSENT.to_owned(), |shim| shim.pid.to_string());
        facts.tell(
            "Processes",
            &format!("VMM {}, shim {shim}", vmm.pid),
            Role::Muted,
        );
    }
    facts.lines
}

fn backend(facts: &mut Facts<'_>, row: &Row) {
    let state = &row.vm.state;
    let backend = state
        .backend
        .or(row.vm.spec.as_ref().map(|spec| spec.backend));
    let Some(backend) = backend else { return };
    let chosen = row.vm.spec.as_ref();
    let chosen = chosen.and_then(|spec| spec.backend_reason.as_deref());
    let Some(accel) = state.accel else {
        facts.tell("Backend", backend.word(), Role::Text);
        return facts.tell_some("", chosen, Role::Muted);
    };
    let (remark, role) = match (accel.is_emulated(), state.accel_doubted) {
        (true, _) => (", emulated", Role::Warning),
        (false, true) => (", doubtful", Role::Warning),
        (false, false) => ("", Role::Text),
    };
    facts.tell("Backend", &format!("{backend} with {accel}{remark}"), role);
    facts.tell_some("", state.accel_reason.as_deref(), Role::Muted);
    facts.tell_some("", chosen, Role::Muted);
}

fn spec(facts: &mut Facts<'_>, spec: &VmSpec, network_told: Option<&str>) {
    let size = format!(
        "{} vCPU, {} MiB, {}",
        spec.vcpu_count, spec.mem_size_mib, spec.arch
    );
    facts.tell("Size", &size, Role::Text);
    if let Some(image) = &spec.image {
        let digest: String = image.digest.chars().take(12).collect();
        facts.tell("Image", &format!("{} {digest}", image.name), Role::Text);
    }
    if let Some(kernel) = &spec.kernel {
        facts.tell("Kernel", &kernel.display().to_string(), Role::Text);
    }
    let ports: Vec<String> = spec
        .publish
        .iter()
        .map(|port| format!("127.0.0.1:{} → {}", port.host, port.guest))
        .collect();
    let network = if ports.is_empty() {
        spec.network.to_string()
    } else {
        format!("{}: {}", spec.network, ports.join(", "))
    };
    facts.tell("Network", &network, Role::Text);
    if let Some(told) = network_told {
        facts.tell("", told, Role::Muted);
    }
    facts.tell("Disk", spec.disk_mode.word(), Role::Text);
}

struct Facts<'a> {
    lines: Vec<Line<'static>>,
    width: u16,
    theme: &'a Theme,
}

impl Facts<'_> {
    fn tell_some(&mut self, name: &str, value: Option<&str>, role: Role) {
        if let Some(value) = value {
            self.tell(name, value, role);
        }
    }

    fn tell(&mut self, name: &str, value: &str, role: Role) {
        let style = self.theme.style(role);
        let mut lines = wrapped(&clean(value), self.width, LABEL, style);
        if let Some(span) = lines.first_mut().and_then(|line| line.spans.first_mut()) {
            *span = label(name, self.theme);
        }
        self.lines.append(&mut lines);
    }
}
