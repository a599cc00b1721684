//! What must not be in a report that is pasted where everybody reads it: who one is, and where.

use super::report::Report;

/// A user or host name shorter than this is not looked for: it would be found in other words.
const SHORTEST: usize = 3;

/// The words that give somebody away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privacy {
    /// The home directory: `~` takes its place.
    pub home: Option<String>,
    /// The user's name: `USER` takes its place. That of root says nothing and stays.
    pub user: Option<String>,
    /// The host's name: `HOST` takes its place, with or without its domain.
    pub host: Option<String>,
}

impl Privacy {
    /// Of whoever runs this program here.
    pub fn of_this_user() -> Self {
        let user = nix::unistd::User::from_uid(nix::unistd::Uid::effective());
        let user = user.ok().flatten().map(|user| user.name);
        let host = nix::unistd::gethostname().ok();
        Self {
            home: std::env::var("HOME").ok(),
            user: user.or_else(|| std::env::var("USER").ok()),
            host: host.and_then(|host| host.into_string().ok()),
        }
    }

    /// The text without them.
    pub fn shorten(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if let Some(home) = self.home.as_deref().map(|home| home.trim_end_matches('/'))
            && home.len() > 1
        {
            text = replace_words(&text, home, "~");
        }
        if let Some(user) = self.user.as_deref().filter(|user| *user != "root") {
            text = replace_words(&text, user, "USER");
        }
        if let Some(host) = self.host.as_deref().filter(|host| *host != "localhost") {
            text = replace_words(&text, host, "HOST");
            let short = host.split('.').next().unwrap_or(host);
            text = replace_words(&text, short, "HOST");
        }
        text
    }

    /// The report without them.
    #[must_use]
    pub fn shorten_report(&self, mut report: Report) -> Report {
        let change = |text: &str| self.shorten(text);
        report.backend_reason = change(&report.backend_reason);
        let checks = report.checks.into_iter();
        // Names of checks are ours, and some are words that may be a user's name.
        report.checks = checks
            .map(|finding| {
                let (name, why) = (finding.name.clone(), finding.why.clone());
                let finding = finding.map_text(&change);
                super::Finding {
                    name,
                    why,
                    ..finding
                }
            })
            .collect();
        for verdict in &mut report.verdicts {
            verdict.reasons = verdict.reasons.iter().map(|text| change(text)).collect();
        }
        report
    }
}

/// Replaces `word` where it stands for itself, not within another word.
fn replace_words(text: &str, word: &str, by: &str) -> String {
    if word.len() < SHORTEST {
        return text.to_owned();
    }
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let mut shortened = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, found) = rest.split_at(at);
        let after = &found[word.len()..];
        shortened.push_str(before);
        let is_within = is_part(shortened.chars().last()) || is_part(after.chars().next());
        shortened.push_str(if is_within { word } else { by });
        rest = after;
    }
    shortened + rest
}
