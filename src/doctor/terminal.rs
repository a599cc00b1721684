//! What the terminal can show. Without one, as in CI, none of this matters.

use super::exam::Exam;
use super::outcome::{Outcome, advice, pass, skip, warn};

/// What the dashboard is made for at least.
const LEAST: (u16, u16) = (80, 24);

/// Terminals that are known to take OSC 52, by `TERM_PROGRAM`.
const CLIPBOARD: [&str; 6] = ["iTerm.app", "WezTerm", "ghostty", "rio", "tabby", "contour"];

fn off() -> Outcome {
    skip("there is no terminal here")
}

/// Its columns and rows.
fn terminal(exam: &Exam) -> Option<(u16, u16)> {
    exam.note("asked the terminal's driver".to_owned());
    exam.host().terminal()
}

fn variable(exam: &Exam, name: &str) -> Option<String> {
    exam.note(format!("read ${name}"));
    exam.host().variable(name)
}

/// Colours, as the environment tells.
pub(super) fn colours(exam: &Exam) -> Outcome {
    if terminal(exam).is_none() {
        return off();
    }
    if variable(exam, "NO_COLOR").is_some() {
        return pass("none, as NO_COLOR asks");
    }
    let term = variable(exam, "TERM").unwrap_or_default();
    let colour = variable(exam, "COLORTERM").unwrap_or_default();
    match term.as_str() {
        "" | "dumb" | "unknown" => warn(
            format!("TERM is `{term}`: this terminal promises nothing"),
            advice("use a terminal that sets TERM, such as xterm-256color"),
        ),
        _ if matches!(colour.as_str(), "truecolor" | "24bit") => pass(format!("{term}, 24 bit")),
        _ if term.contains("256color") || term.ends_with("-direct") => pass(format!("{term}, 256")),
        _ => pass(format!("{term}, 16")),
    }
}

/// Whether characters beyond ASCII come out: the first of three variables that is set says.
pub(super) fn utf8(exam: &Exam) -> Outcome {
    if terminal(exam).is_none() {
        return off();
    }
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let set = names
        .into_iter()
        .find_map(|name| Some((name, variable(exam, name)?)));
    let (name, value) = set.unwrap_or(("LANG", String::new()));
    let upper = value.to_uppercase();
    if upper.contains("UTF-8") || upper.contains("UTF8") {
        return pass(format!("{name}={value}"));
    }
    let detail = if value.is_empty() {
        "no locale is set, so frames and graphs may come out as question marks".to_owned()
    } else {
        format!("{name}={value} is no UTF-8, so frames and graphs may come out as question marks")
    };
    warn(
        detail,
        advice("set LC_ALL=C.UTF-8 in the environment of this terminal"),
    )
}

/// Room for the dashboard.
pub(super) fn size(exam: &Exam) -> Outcome {
    let Some((columns, rows)) = terminal(exam) else {
        return off();
    };
    let detail = format!("{columns}x{rows}");
    if columns >= LEAST.0 && rows >= LEAST.1 {
        return pass(detail);
    }
    warn(
        format!(
            "{detail}, but the dashboard is made for {}x{}",
            LEAST.0, LEAST.1
        ),
        advice("make the window larger, or its font smaller"),
    )
}

/// Whether text can be copied out of a console (OSC 52). No terminal can be asked, so what is said
/// is what is known of its name.
pub(super) fn clipboard(exam: &Exam) -> Outcome {
    if terminal(exam).is_none() {
        return off();
    }
    if variable(exam, "TMUX").is_some() {
        return pass("tmux passes it on where its option set-clipboard is on or external");
    }
    let program = variable(exam, "TERM_PROGRAM").unwrap_or_default();
    let term = variable(exam, "TERM").unwrap_or_default();
    let is_known = CLIPBOARD.contains(&program.as_str())
        || ["xterm-kitty", "alacritty", "foot", "xterm-ghostty"]
            .iter()
            .any(|known| term.starts_with(known));
    match program.as_str() {
        "Apple_Terminal" => skip("Terminal.app does not take OSC 52"),
        _ if is_known => pass("this terminal takes OSC 52"),
        _ => skip(format!(
            "not known of TERM `{term}`: a terminal cannot be asked for it"
        )),
    }
}
