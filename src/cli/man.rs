//! The manual page: one, with a section for each command.

use std::io;

use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

const EXIT_STATUS: [(&str, &str); 4] = [
    ("0", "Done."),
    ("1", "Failed; the reason is on the standard error."),
    ("2", "Wrong usage."),
    ("130", "Interrupted."),
];

const ENVIRONMENT: [(&str, &str); 5] = [
    (
        "SMOLVM_BACKEND",
        "What runs VMs, where --backend says nothing: auto, firecracker or qemu.",
    ),
    (
        "SMOLVM_TUI_DATA_DIR",
        "Where VMs and images are kept, where --data-dir says nothing.",
    ),
    (
        "QEMU_BIN",
        "The QEMU program to use instead of the one on PATH.",
    ),
    (
        "FIRECRACKER_BIN",
        "The Firecracker program to use instead of the one on PATH.",
    ),
    ("NO_COLOR", "No colours when it is set and not empty."),
];

const FILES: [(&str, &str); 2] = [
    (
        "~/.config/smolvm-tui/config.toml",
        "Configuration, where --config names no other.",
    ),
    (
        "~/.local/state/smolvm-tui",
        "VMs, images, boots and logs, where nothing names another place.",
    ),
];

/// The page, in the language of roff(7).
pub(super) fn page(mut command: Command) -> io::Result<Vec<u8>> {
    // Gives the subcommands their whole names, and all of them the global options.
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    let mut rest = Roff::new();
    rest.control("SH", ["SYNOPSIS"]);
    rest.text([bold("smolvm-tui"), roman(" [OPTIONS] [COMMAND]")]);
    rest.to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut rest = Roff::new();
    rest.control("SH", ["COMMANDS"]);
    commands(&mut rest, &command);
    for (title, rows) in [
        ("EXIT STATUS", &EXIT_STATUS[..]),
        ("ENVIRONMENT", &ENVIRONMENT),
        ("FILES", &FILES),
    ] {
        rest.control("SH", [title]);
        for (term, meaning) in rows {
            rest.control("TP", []);
            rest.text([bold(*term)]);
            rest.text([roman(*meaning)]);
        }
    }
    rest.to_writer(&mut page)?;
    Ok(page)
}

/// Every command below `command` that does something itself.
fn leaves(command: &Command) -> Vec<&Command> {
    let subs = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    subs.flat_map(|sub| {
        if sub.has_subcommands() {
            leaves(sub)
        } else {
            vec![sub]
        }
    })
    .collect()
}

/// A section for each of them.
fn commands(page: &mut Roff, command: &Command) {
    for leaf in leaves(command) {
        let usage = leaf.clone().render_usage().to_string();
        page.control("SS", [usage.trim_start_matches("Usage: ")]);
        if let Some(about) = leaf.get_long_about().or_else(|| leaf.get_about()) {
            page.text([roman(about.to_string())]);
        }
        for arg in leaf.get_arguments().filter(|arg| is_its_own(arg)) {
            page.control("TP", []);
            page.text(term(arg));
            page.text([roman(meaning(arg))]);
        }
    }
}

/// Whether it is described here: the global options are once for all, and everybody knows `--help`.
fn is_its_own(arg: &Arg) -> bool {
    !arg.is_global_set() && !arg.is_hide_set() && arg.get_id() != "help"
}

/// `--image <IMAGE>`, `-f, --follow` or `NAME`.
fn term(arg: &Arg) -> Vec<clap_mangen::roff::Inline> {
    let value = arg
        .get_value_names()
        .and_then(|names| names.first())
        .map(ToString::to_string)
        .unwrap_or_default();
    if arg.is_positional() {
        return vec![italic(value)];
    }
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let mut term = vec![bold(names.join(", "))];
    if arg.get_action().takes_values() {
        term.extend([roman(" "), italic(format!("<{value}>"))]);
    }
    term
}

/// Its help, the values that it may have, and the one that it has without being given.
fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or_else(|| arg.get_help());
    let mut text = help.map(ToString::to_string).unwrap_or_default();
    let takes_value = arg.get_action().takes_values();
    let values: Vec<_> = arg
        .get_possible_values()
        .into_iter()
        .filter(|_| takes_value)
        .map(|value| value.get_name().to_owned())
        .collect();
    if !values.is_empty() {
        text = format!("{text}: {}", values.join(", "));
    }
    if let Some(default) = arg.get_default_values().first().filter(|_| takes_value) {
        text = format!("{text} (default: {})", default.to_string_lossy());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;
    use clap::CommandFactory;

    fn text() -> String {
        // What roff escapes reads as it was written.
        String::from_utf8(page(Cli::command()).unwrap())
            .unwrap()
            .replace("\\-", "-")
            .replace("\\fR", "")
            .replace("\\fB", "")
            .replace("\\fI", "")
    }

    #[test]
    fn the_page_is_one_and_has_every_command_with_its_options() {
        let text = text();
        assert_eq!(text.matches("\n.TH ").count(), 1);
        let mut command = Cli::command();
        command.build();
        for sub in leaves(&command) {
            let usage = sub.clone().render_usage().to_string();
            let heading = format!(".SS \"{}\"", usage.trim_start_matches("Usage: "));
            let section = text.split_once(&heading).expect(&heading).1;
            let section = section.split(".SS").next().unwrap();
            for arg in sub.get_arguments().filter(|arg| is_its_own(arg)) {
                let name = arg.get_long().map_or_else(
                    || arg.get_value_names().unwrap()[0].to_string(),
                    |long| format!("--{long}"),
                );
                assert!(section.contains(&name), "{heading}: {name}");
            }
        }
        assert!(text.contains(".SS \"smolvm-tui image build "));
    }

    #[test]
    fn values_and_defaults_are_told_and_flags_have_none() {
        let text = text();
        assert!(text.contains("--timeout <S>\nHow long to wait, in seconds (default: 30)"));
        assert!(text.contains("Where to begin instead of the last `send`: now, boot"));
        assert!(text.contains("--strict\nLet warnings count as failures\n"));
        assert!(text.contains("-f, --follow\n"));
    }
}
