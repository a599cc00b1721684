//! A report for people: one line a check, below each problem why it matters and the way out. No
//! colours, so that it reads the same on a terminal, in a CI log and in a bug report.

use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

use super::finding::{Finding, Fix, Status};
use super::report::{Report, Verdict};
use super::title;
use crate::console::sanitize_line;

/// As much of one line as is shown, in characters.
const LONGEST_LINE: usize = 400;

/// What lies below a line of its own is set in by this.
const INDENT: &str = "   ";

/// The report as lines that begin with `✅`, `⚠️ ` or `❌`; what belongs to one is indented below it.
/// Checks that do not apply here are left out. The last lines are the verdict. With a `width` in
/// columns, lines are broken to fit.
pub fn to_text(report: &Report, width: Option<u16>) -> String {
    let mut page = Page::new(width);
    let findings = report.checks.as_slice();
    let shown = |finding: &&Finding| finding.status != Status::Skip;
    let mut is_choice_told = report.backend_requested == report.backend_resolved;
    for finding in findings.iter().filter(shown) {
        match finding.name.as_str() {
            "command:ip" | "command:nft" => network_tools(&mut page, findings, &finding.name),
            name => {
                let is_headline = matches!(
                    name,
                    "platform" | "backend" | "kvm" | "firecracker" | "sudo"
                );
                if !is_headline && !is_choice_told {
                    let choice = format!("{}, {}", report.backend_requested, report.backend_reason);
                    page.sign(Status::Pass, "Choice of backend", &choice);
                    is_choice_told = true;
                }
                let detail = headline(report, finding).unwrap_or_else(|| finding.detail.clone());
                page.sign(finding.status, title(name), &detail);
                if matches!(finding.status, Status::Warn | Status::Fail) {
                    page.below("why", &finding.why);
                    page.fix(finding.fix.as_ref());
                }
            }
        }
    }
    verdicts(&mut page, report);
    page.text
}

/// The report with all that a maintainer asks for, to be pasted: evidence, times, what was skipped.
/// What gives its writer away was taken out before, by [`Privacy`](super::Privacy).
pub fn to_bug_report(report: &Report) -> String {
    let mut page = Page::new(None);
    page.line(&format!(
        "smolvm-tui {} on {} {}, backend {} (requested: {}): {}",
        env!("CARGO_PKG_VERSION"),
        report.system,
        report.arch,
        report.backend_resolved,
        report.backend_requested,
        report.backend_reason
    ));
    page.line("");
    for finding in &report.checks {
        page.sign(finding.status, &finding.name, &finding.detail);
        let took = format!(
            "{}.{:03} ms",
            finding.took_us() / 1000,
            finding.took_us() % 1000
        );
        page.below("seen", &format!("{} ({took})", finding.evidence));
        page.fix(finding.fix.as_ref());
    }
    verdicts(&mut page, report);
    page.text
}

/// The short form of what passes and is told first.
fn headline(report: &Report, finding: &Finding) -> Option<String> {
    match (finding.name.as_str(), finding.status) {
        ("platform", Status::Pass) => Some(report.system.to_lowercase()),
        ("backend", Status::Pass) => Some(report.backend_resolved.clone()),
        ("kvm", Status::Pass) => Some("enabled".to_owned()),
        ("sudo", Status::Pass) => Some("configured".to_owned()),
        _ => None,
    }
}

/// `ip` and `nft` in one line, at the place of the first that applies.
fn network_tools(page: &mut Page, findings: &[Finding], at: &str) {
    let tools: Vec<(&str, &Finding)> = findings
        .iter()
        .filter(|finding| finding.status != Status::Skip)
        .filter_map(|finding| Some((finding.name.strip_prefix("command:")?, finding)))
        .filter(|(name, _)| matches!(*name, "ip" | "nft"))
        .collect();
    if tools.first().is_none_or(|(_, first)| first.name != at) {
        return;
    }
    let troubled: Vec<_> = tools
        .iter()
        .filter(|(_, finding)| finding.status != Status::Pass)
        .collect();
    let Some(status) = troubled.iter().map(|(_, finding)| finding.status).max() else {
        let names: Vec<&str> = tools.iter().map(|(name, _)| *name).collect();
        return page.sign(Status::Pass, "Network tools", &names.join(", "));
    };
    let details: Vec<String> = troubled
        .iter()
        .map(|(name, finding)| format!("{name}: {}", finding.detail))
        .collect();
    page.sign(status, "Network tools", &details.join(", "));
    for (_, finding) in troubled {
        page.below("why", &finding.why);
        page.fix(finding.fix.as_ref());
    }
}

/// Both backends side by side where both are judged; else the judged one as the result, and the
/// other one below it.
fn verdicts(page: &mut Page, report: &Report) {
    let judged: Vec<&Verdict> = report.verdicts.iter().filter(|v| v.judged).collect();
    let worst = judged.iter().map(|verdict| verdict.status()).max();
    let mut status = worst.unwrap_or(Status::Fail);
    let mut words = match judged.as_slice() {
        [one] => one.word().to_owned(),
        several => {
            for verdict in several {
                page.sign(verdict.status(), verdict.title(), &verdict.words());
            }
            let words = several
                .iter()
                .map(|verdict| format!("{} {}", verdict.backend, verdict.word()));
            words.collect::<Vec<_>>().join(", ")
        }
    };
    let counted = [
        (report.summary.failures, "failure"),
        (report.summary.warnings, "warning"),
    ];
    let counts: Vec<String> = counted
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}{}", if *count == 1 { "" } else { "s" }))
        .collect();
    if !counts.is_empty() {
        words = format!("{words} ({})", counts.join(", "));
    }
    if report.summary.failures == 0 && !report.summary.ok {
        status = Status::Fail;
        words = format!("{words}; strict: warnings count as failures");
    }
    page.sign(status, "Result", &words);
    for verdict in report.verdicts.iter().filter(|verdict| !verdict.judged) {
        page.below(
            &format!("{}, not judged", verdict.backend),
            &verdict.words(),
        );
    }
}

/// Text that grows line by line, each harmless and short enough.
struct Page {
    text: String,
    width: usize,
}

impl Page {
    fn new(width: Option<u16>) -> Self {
        Self {
            text: String::new(),
            // Narrower than that it would be a column of letters.
            width: width.map_or(usize::MAX, |width| usize::from(width).max(20)),
        }
    }

    fn sign(&mut self, status: Status, title: &str, detail: &str) {
        let sign = match status {
            Status::Pass => "✅",
            Status::Skip => "➖",
            // Most terminals draw it one column wide.
            Status::Warn => "⚠️ ",
            Status::Fail => "❌",
        };
        self.wrapped(
            &format!("{sign} {}: ", sanitize_line(title, LONGEST_LINE)),
            detail,
        );
    }

    fn below(&mut self, word: &str, text: &str) {
        self.wrapped(&format!("{INDENT}{word}: "), text);
    }

    fn fix(&mut self, fix: Option<&Fix>) {
        if let Some(fix) = fix {
            self.below("fix", &fix.to_string());
        }
    }

    fn line(&mut self, text: &str) {
        self.wrapped("", text);
    }

    /// Breaks at spaces; a longer word stays whole, so that paths and commands can be copied.
    fn wrapped(&mut self, head: &str, text: &str) {
        let columns = |text: &str| -> usize { text.chars().filter_map(char::width).sum() };
        let text = sanitize_line(text, LONGEST_LINE);
        let mut line = format!("{head}{text}");
        while columns(&line) > self.width {
            let mut used = 0;
            let fitting = line.char_indices().take_while(|(_, c)| {
                used += c.width().unwrap_or(0);
                used <= self.width
            });
            // Never within what a line begins with: the indent, or the sign and its space.
            let least = 2 * INDENT.len();
            let spaces = |(at, c): &(usize, char)| *c == ' ' && *at > least;
            let inside = fitting.filter(spaces).last();
            let Some((cut, _)) = inside.or_else(|| line.char_indices().find(spaces)) else {
                break;
            };
            let _ = writeln!(self.text, "{}", line[..cut].trim_end());
            line = format!("{INDENT}{INDENT}{}", line[cut..].trim_start());
        }
        let _ = writeln!(self.text, "{}", line.trim_end());
    }
}
