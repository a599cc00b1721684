//! What the VMM counts of its guest, beside the figures of the host's kernel.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::overview::{self, label};
use super::text::{self, ABSENT, clean, spark, wrapped};
use super::{Role, Theme};
use crate::app::metrics::{Count, Counter, Metrics, Rates, VcpuLoad};
use crate::app::row::Row;
use crate::app::state::State;
use crate::vm::{BalloonFigures, Figures};

/// Columns of the labels.
const LABEL: u16 = 10;
/// Columns of a value.
const VALUE: usize = 11;
/// Columns of what is told beside a value.
const BESIDE: usize = 26;
/// The widest graph.
const WIDEST: usize = 120;

/// Draws the page.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let Some(row) = state.selected_row() else {
        return;
    };
    let inner = text::inset(area);
    let lines = page(row, &state.metrics, inner.width, theme);
    text::lines(frame.buffer_mut(), inner, &lines, state.scroll.page);
}

fn page(row: &Row, metrics: &Metrics, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let muted = theme.style(Role::Muted);
    if !row.vm.phase.is_live() {
        let text = "Nothing is counted: the VM does not run.";
        return vec![Line::styled(text, muted)];
    }
    let mut lines = Vec::new();
    if let Some(failure) = &metrics.failure {
        let style = theme.style(Role::Failed);
        lines.append(&mut wrapped(&clean(&failure.message), width, 0, style));
    }
    lines.append(&mut overview::figures(row, width, theme));
    // What was counted of another VM, or of its VMM before this one, is not told of this one.
    let of = row.vm.state.vmm.map(|vmm| (row.vm.name.clone(), vmm));
    let nothing = Metrics::default();
    let metrics = if metrics.of == of { metrics } else { &nothing };
    let count = metrics.last.clone().unwrap_or_default();
    let mut table = Table {
        lines,
        metrics,
        count: &count,
        width,
        theme,
    };
    table.vcpus();
    table.exits();
    table.devices();
    table.balloon();
    if let Some(since) = count.figures.since {
        let text = format!(
            "Counted since {}: the VM has had another shim since then.",
            since.strftime("%Y-%m-%d %H:%M:%S UTC")
        );
        table.lines.append(&mut wrapped(&text, width, 0, muted));
    }
    table.lines
}

struct Table<'a> {
    lines: Vec<Line<'static>>,
    metrics: &'a Metrics,
    count: &'a Count,
    width: u16,
    theme: &'a Theme,
}

impl Table<'_> {
    fn figures(&self) -> &Figures {
        &self.count.figures
    }

    fn rate(&self, counter: Counter) -> Option<f64> {
        self.metrics.rates()?.of(counter)
    }

    /// A value, what is to be told beside it, and its past where there is room.
    fn tell(
        &mut self,
        name: &str,
        value: &str,
        beside: &str,
        role: Role,
        of: impl Fn(&Rates) -> Option<f64>,
    ) {
        let used = usize::from(LABEL) + VALUE + 2 + BESIDE + 1;
        let room = usize::from(self.width).saturating_sub(used).min(WIDEST);
        let past = || self.metrics.history.iter().rev().take(room).rev();
        let values = || past().map(|rates| rates.as_ref().and_then(&of));
        // What a VM can do is not known: the tallest bar is the most that it did.
        let most = values().flatten().fold(0.0, f64::max);
        let text = self.theme.style(Role::Text);
        let muted = self.theme.style(Role::Muted);
        self.lines.push(Line::from(vec![
            label(name, self.theme),
            Span::styled(format!("{value:>VALUE$}  "), text),
            Span::styled(format!("{:<BESIDE$} ", text::fit(beside, BESIDE)), muted),
            Span::styled(spark(values(), room, most), self.theme.style(role)),
        ]));
    }

    fn absent(&mut self, name: &str) {
        self.tell(name, ABSENT, "", Role::Guest, |_| None);
    }

    fn vcpus(&mut self) {
        for index in 0..self.count.vcpus.len() {
            let load = |rates: &Rates| -> Option<VcpuLoad> { *rates.vcpus.get(index)? };
            let now = self.metrics.rates().and_then(load);
            let value = format!("{} %", text::percent(now.map(|load| load.total)));
            let kernel = text::percent(now.map(|load| load.system));
            self.tell(
                &format!("vCPU {index}"),
                &value,
                &format!("{kernel} % in the host's kernel"),
                Role::Guest,
                |rates| load(rates).map(|load| load.total),
            );
        }
    }

    fn exits(&mut self) {
        self.counted("Exits", Counter::Exits, Role::Vmm);
        let kinds: Vec<String> = match self.metrics.rates() {
            Some(rates) => rates
                .exits
                .iter()
                .map(|(kind, rate)| format!("{} {}", clean(kind), per_second(*rate)))
                .collect(),
            None => Vec::new(),
        };
        if !kinds.is_empty() {
            let style = self.theme.style(Role::Muted);
            let kinds = wrapped(&kinds.join(", "), self.width, LABEL + 2, style);
            self.lines.extend(kinds);
        }
    }

    fn devices(&mut self) {
        use Counter as C;
        self.pair(
            ["Disk read", "    write"],
            [C::DiskReadBytes, C::DiskWriteBytes],
            Some([C::DiskReads, C::DiskWrites]),
        );
        self.pair(["Net in", "    out"], [C::NetReceived, C::NetSent], None);
        self.pair(
            ["Serial in", "      out"],
            [C::SerialRead, C::SerialWritten],
            None,
        );
        self.pair(
            ["Vsock in", "     out"],
            [C::VsockReceived, C::VsockSent],
            None,
        );
    }

    /// Bytes in and out of a device; one line where neither is counted.
    fn pair(&mut self, names: [&str; 2], bytes: [Counter; 2], times: Option<[Counter; 2]>) {
        if bytes.iter().all(|it| it.of(self.figures()).is_none()) {
            let name = names[0].split(' ').next().unwrap_or_default();
            return self.absent(name);
        }
        for (index, role) in [Role::Guest, Role::Vmm].into_iter().enumerate() {
            let times = times.map(|times| times[index]);
            self.counted_bytes(names[index], bytes[index], times, role);
        }
    }

    fn counted_bytes(&mut self, name: &str, bytes: Counter, times: Option<Counter>, role: Role) {
        let Some(sum) = bytes.of(self.figures()) else {
            return self.absent(name);
        };
        let rate = self.rate(bytes);
        let value = rate.map_or_else(|| ABSENT.to_owned(), |rate| format!("{}/s", size(rate)));
        let times = times.map(|times| format!(", {}", per_second(self.rate(times))));
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        let beside = format!("{} in all{}", size(sum as f64), times.unwrap_or_default());
        self.tell(name, &value, &beside, role, |rates| rates.of(bytes));
    }

    fn counted(&mut self, name: &str, counter: Counter, role: Role) {
        let Some(sum) = counter.of(self.figures()) else {
            return self.absent(name);
        };
        let value = per_second(self.rate(counter));
        self.tell(name, &value, &format!("{sum} in all"), role, |rates| {
            rates.of(counter)
        });
    }

    /// How much the balloon took of the guest's memory, and what the guest says of the rest.
    fn balloon(&mut self) {
        let Some(balloon) = self.figures().balloon else {
            return self.absent("Balloon");
        };
        let told = balloon_words(&balloon);
        let style = self.theme.style(Role::Text);
        let mut lines = wrapped(&told, self.width, LABEL, style);
        if let Some(span) = lines.first_mut().and_then(|line| line.spans.first_mut()) {
            *span = label("Balloon", self.theme);
        }
        self.lines.append(&mut lines);
    }
}

fn balloon_words(balloon: &BalloonFigures) -> String {
    let mib = |bytes: Option<u64>| {
        bytes.map_or_else(
            || ABSENT.to_owned(),
            |bytes| format!("{} MiB", text::mib(bytes)),
        )
    };
    let mut told = format!("holds {}", mib(balloon.actual_bytes));
    if balloon.target_bytes.is_some() && balloon.target_bytes != balloon.actual_bytes {
        told = format!("{told}, shall hold {}", mib(balloon.target_bytes));
    }
    if balloon.total_bytes.is_some() {
        told = format!(
            "{told}; the guest says that {} are free, {} available, of {}",
            mib(balloon.free_bytes),
            mib(balloon.available_bytes),
            mib(balloon.total_bytes),
        );
    }
    told
}

/// Something a second: `3.4/s`, `812/s`, `12.3k/s`.
fn per_second(rate: Option<f64>) -> String {
    match rate {
        None => ABSENT.to_owned(),
        Some(rate) if rate < 0.05 => "0/s".to_owned(),
        Some(rate) if rate < 9.95 => format!("{rate:.1}/s"),
        Some(rate) if rate < 9999.5 => format!("{rate:.0}/s"),
        Some(rate) if rate < 999_950.0 => format!("{:.1}k/s", rate / 1000.0),
        Some(rate) => format!("{:.1}M/s", rate / 1e6),
    }
}

/// Bytes in three or four digits: `0 B`, `812 B`, `1.2 KiB`, `34 MiB`.
fn size(bytes: f64) -> String {
    let mut value = bytes;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        match unit {
            "B" if value < 1023.5 => return format!("{value:.0} B"),
            _ if unit != "B" && value < 9.95 => return format!("{value:.1} {unit}"),
            _ if unit != "B" && value < 1023.5 => return format!("{value:.0} {unit}"),
            _ => value /= 1024.0,
        }
    }
    format!("{value:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_sizes_are_short() {
        for (rate, words) in [
            (0.0, "0/s"),
            (3.44, "3.4/s"),
            (812.4, "812/s"),
            (12_340.0, "12.3k/s"),
            (2_500_000.0, "2.5M/s"),
        ] {
            assert_eq!(per_second(Some(rate)), words);
        }
        assert_eq!(per_second(None), "–");
        for (bytes, words) in [
            (0.0, "0 B"),
            (1023.0, "1023 B"),
            (1229.0, "1.2 KiB"),
            (35_651_584.0, "34 MiB"),
            (5.5e12, "5.0 TiB"),
        ] {
            assert_eq!(size(bytes), words);
        }
    }

    #[test]
    fn a_balloon_tells_what_is_known_of_it_and_no_more() {
        let balloon = BalloonFigures {
            target_bytes: Some(64 << 20),
            actual_bytes: Some(32 << 20),
            ..BalloonFigures::default()
        };
        assert_eq!(balloon_words(&balloon), "holds 32 MiB, shall hold 64 MiB");
        let known = BalloonFigures {
            actual_bytes: Some(0),
            total_bytes: Some(128 << 20),
            available_bytes: Some(80 << 20),
            ..BalloonFigures::default()
        };
        assert_eq!(
            balloon_words(&known),
            "holds 0 MiB; the guest says that – are free, 80 MiB available, of 128 MiB"
        );
    }
}
