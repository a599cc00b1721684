//! A report for people: one line a check, a line with the way out below each problem.

use std::fmt::Write;

use super::{Finding, Report, Status, title};
use crate::console::sanitize_line;

/// As much of one line as is shown, in characters.
const LONGEST_LINE: usize = 400;

/// The report as lines that begin with `✅`, `⚠️ ` or `❌`; ways out are indented. Checks that do not
/// apply here are left out. The last line is the verdict.
pub fn to_text(report: &Report) -> String {
    let mut text = String::new();
    let findings = report.checks.as_slice();
    let shown = |finding: &&Finding| finding.status != Status::Skip;
    let mut is_choice_told = report.backend_requested == report.backend_resolved;
    for finding in findings.iter().filter(shown) {
        match finding.name.as_str() {
            "command:ip" | "command:nft" => network_tools(&mut text, findings, &finding.name),
            name => {
                let is_headline = matches!(
                    name,
                    "platform" | "backend" | "kvm" | "firecracker" | "sudo"
                );
                if !is_headline && !is_choice_told {
                    let choice = format!("{}, {}", report.backend_requested, report.backend_reason);
                    line(&mut text, Status::Pass, "Choice of backend", &choice, None);
                    is_choice_told = true;
                }
                let detail = headline(report, finding).unwrap_or_else(|| finding.detail.clone());
                line(
                    &mut text,
                    finding.status,
                    title(name),
                    &detail,
                    finding.fix.as_deref(),
                );
            }
        }
    }
    let (status, words) = verdict(report);
    line(&mut text, status, "Result", &words, None);
    text
}

/// The short form of what passes and is told first.
fn headline(report: &Report, finding: &Finding) -> Option<String> {
    match (finding.name.as_str(), finding.status) {
        ("platform", Status::Pass) => Some(report.system.to_lowercase()),
        ("backend", Status::Pass) => Some(report.backend_resolved.clone()),
        ("kvm", Status::Pass) => Some("enabled".to_owned()),
        _ => None,
    }
}

/// `ip` and `nft` in one line, at the place of the first that applies.
fn network_tools(text: &mut String, findings: &[Finding], at: &str) {
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
        return line(text, Status::Pass, "Network tools", &names.join(", "), None);
    };
    let details: Vec<String> = troubled
        .iter()
        .map(|(name, finding)| format!("{name}: {}", finding.detail))
        .collect();
    let fixes: Vec<&str> = troubled
        .iter()
        .filter_map(|(_, finding)| finding.fix.as_deref())
        .collect();
    line(
        text,
        status,
        "Network tools",
        &details.join(", "),
        Some(&fixes.join("; ")),
    );
}

fn verdict(report: &Report) -> (Status, String) {
    let (status, mut words) = {
        let (status, words) = report.verdict();
        (status, words.to_owned())
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
    let by_strictness = report.summary.failures == 0 && !report.summary.ok;
    if by_strictness {
        return (
            Status::Fail,
            format!("{words}; strict: warnings count as failures"),
        );
    }
    (status, words)
}

fn line(text: &mut String, status: Status, title: &str, detail: &str, fix: Option<&str>) {
    let sign = match status {
        Status::Pass | Status::Skip => "✅",
        // Most terminals draw it one column wide.
        Status::Warn => "⚠️ ",
        Status::Fail => "❌",
    };
    let clean = |text: &str| sanitize_line(text, LONGEST_LINE);
    // Writing to a string does not fail.
    let _ = writeln!(text, "{sign} {}: {}", clean(title), clean(detail));
    if let Some(fix) = fix {
        let _ = writeln!(text, "   fix: {}", clean(fix));
    }
}
