//! Rules that no compiler checks: who may know whom, how long a file may be, which words stay out.
//!
//! Each test lists everything that breaks its rule, not only the first.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

/// Non-test lines that a file may have.
const LONGEST_FILE: usize = 400;

struct Source {
    /// Relative to the repository, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// The lines before the tests; none of a file that holds nothing but tests.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests_only = self.path.ends_with("tests.rs")
            || self.path.contains("/tests/")
            || self.path.starts_with("tests/");
        self.text
            .lines()
            .take_while(move |line| !tests_only && *line != "#[cfg(test)]")
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    /// The same without lines that are comments.
    fn statements(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The directory or file under `src/` that it belongs to: `src/vm/name.rs` is of `vm`.
    fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        match inside.split_once('/') {
            Some((room, _)) => Some(room),
            None => inside.strip_suffix(".rs"),
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if [".git", "target"].contains(&name.as_str()) || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// All text files below `directory`, except what git and cargo keep there.
fn texts(directory: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    walk(&root().join(directory), &mut paths);
    paths.sort();
    let relative = |path: &Path| path.strip_prefix(root()).unwrap().display().to_string();
    paths
        .iter()
        .filter_map(|path| {
            let text = fs::read_to_string(path).ok()?;
            let path = relative(path);
            Some(Source { path, text })
        })
        .collect()
}

/// All Rust files of the program, the tests and the build script.
fn rust() -> Vec<Source> {
    let mut sources = texts("src");
    sources.extend(texts("tests"));
    sources.retain(|source| {
        Path::new(&source.path)
            .extension()
            .is_some_and(|e| e == "rs")
    });
    assert!(sources.len() > 10, "the sources were not found");
    sources
}

fn none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

/// Every line of code that matches `pattern`, as `path:line: text`.
fn naming<'a>(sources: impl Iterator<Item = &'a Source>, pattern: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).unwrap();
    sources
        .flat_map(|source| {
            let pattern = pattern.clone();
            source
                .statements()
                .filter(move |(_, line)| pattern.is_match(line))
                .map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim()))
        })
        .collect()
}

#[test]
fn every_file_begins_with_what_it_is() {
    let violations: Vec<_> = rust()
        .iter()
        .filter(|source| !source.text.starts_with("//!") && !source.path.ends_with("_tests.rs"))
        .map(|source| format!("{} does not begin with `//!`", source.path))
        .collect();
    none(&violations);
}

#[test]
fn no_file_is_too_long_to_be_one_concern() {
    let violations: Vec<_> = rust()
        .iter()
        .map(|source| (source, source.code().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .map(|(source, lines)| format!("{} has {lines} lines without its tests", source.path))
        .collect();
    none(&violations);
}

/// Room → rooms that it may know, read from the table in `src/lib.rs`, which is the one truth.
fn knowledge() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let row = Regex::new(r"^//! \| \[`(\w+)`\] \|[^|]*\|([^|]*)\|$").unwrap();
    let word = Regex::new(r"`(\w+)(?:::\w+)?`").unwrap();
    let rows: Vec<_> = text.lines().filter_map(|line| row.captures(line)).collect();
    let rooms: Vec<String> = rows.iter().map(|row| row[1].to_owned()).collect();
    let words = |text: &str| -> BTreeSet<String> {
        word.captures_iter(text)
            .map(|word| word[1].to_owned())
            .collect()
    };
    rows.iter()
        .enumerate()
        .map(|(index, row)| {
            let mut known: BTreeSet<String> = match row[2].trim() {
                "all above" => rooms[..index].iter().cloned().collect(),
                all if all.starts_with("all but") => {
                    let but = words(all);
                    let others = rooms.iter().filter(|room| !but.contains(*room));
                    others.cloned().collect()
                }
                named => words(named),
            };
            known.insert("fault".to_owned());
            known.insert(row[1].to_owned());
            (row[1].to_owned(), known)
        })
        .collect()
}

/// The first names after `crate::` in a file's code; groups in braces included.
fn crate_names(source: &Source) -> Vec<String> {
    let mut code: String = source
        .statements()
        .flat_map(|(_, line)| [line, "\n"])
        .collect();
    // Groups within groups are cut away from the inside out, so that only first names are left.
    let inner = Regex::new(r"(\w)::\{[^{}]*\}").unwrap();
    let outer = Regex::new(r"\bcrate::\{([^{}]*)\}").unwrap();
    let mut names = Vec::new();
    loop {
        let group = outer.captures(&code).map(|found| found[1].to_owned());
        let firsts = group.iter().flat_map(|group| group.split(','));
        names.extend(firsts.filter_map(|item| Some(item.trim().split("::").next()?.to_owned())));
        code = outer.replace(&code, "").into_owned();
        if group.is_some() {
            continue;
        }
        let cut = inner.replace_all(&code, "$1").into_owned();
        if cut == code {
            break;
        }
        code = cut;
    }
    let single = Regex::new(r"\bcrate::(\w+)").unwrap();
    names.extend(single.captures_iter(&code).map(|name| name[1].to_owned()));
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn a_room_knows_only_the_rooms_that_the_table_names() {
    let knowledge = knowledge();
    assert!(
        knowledge.len() > 10,
        "the table in src/lib.rs was not understood"
    );
    let mut violations = Vec::new();
    for source in texts("src") {
        let Some(room) = source.room() else { continue };
        let Some(known) = knowledge.get(room) else {
            if !["lib", "main", "bin"].contains(&room) {
                violations.push(format!(
                    "{}: `{room}` is not in the table of src/lib.rs",
                    source.path
                ));
            }
            continue;
        };
        for name in crate_names(&source) {
            if knowledge.contains_key(&name) && !known.contains(&name) {
                violations.push(format!("{}: `{room}` may not know `{name}`", source.path));
            }
        }
    }
    violations.dedup();
    none(&violations);
}

#[test]
fn grouped_imports_are_seen_too() {
    let text =
        "use crate::{\n    vm::{Store, VmName},\n    fault, console::keys,\n};\nuse crate::shim;\n";
    let source = Source {
        path: "src/x.rs".to_owned(),
        text: text.to_owned(),
    };
    assert_eq!(crate_names(&source), ["vm", "fault", "console", "shim"]);
}

#[test]
fn the_looks_know_no_clock_no_files_and_no_engine() {
    let sources = texts("src");
    let looks = sources.iter().filter(|source| source.room() == Some("ui"));
    let outside = r"\btokio\b|\bstd::(fs|net|process|thread|env)\b|\bInstant\b|\bSystemTime\b|Timestamp::now|\bcrossterm\b|\bnix::";
    none(&naming(looks, outside));
}

#[test]
fn only_the_terminal_names_its_engine() {
    let sources = texts("src");
    let others = sources
        .iter()
        .filter(|source| !source.path.starts_with("src/console/engine"));
    none(&naming(others, r"\balacritty_terminal\b"));
}

#[test]
fn nothing_is_left_for_later_and_no_lint_is_silenced_without_a_reason() {
    // Spelt in halves, so that this file passes its own rule.
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("X", "XX"),
        concat!("#[", "allow("),
        concat!("#![", "allow("),
        concat!("unimple", "mented!"),
        concat!("to", "do!("),
        concat!("#[", "ignore"),
    ];
    let mut violations = Vec::new();
    for source in rust() {
        for (index, line) in source.text.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                violations.push(format!("{}:{}: {word}", source.path, index + 1));
            }
        }
    }
    none(&violations);
}

#[test]
fn no_file_names_a_directory_of_the_machine_it_was_written_on() {
    let directories = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/."),
        concat!("/fa", "rm/"),
    ];
    let mut violations = Vec::new();
    for source in texts(".") {
        for (index, line) in source.text.lines().enumerate() {
            for word in directories.iter().filter(|word| line.contains(**word)) {
                violations.push(format!("{}:{}: {word}", source.path, index + 1));
            }
        }
    }
    none(&violations);
}

#[test]
fn dependencies_are_sorted() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut violations = Vec::new();
    let mut before = "";
    for line in manifest.lines() {
        let name = line.split([' ', '=', '.']).next().unwrap();
        if line.starts_with('[') {
            before = if line.contains("dependencies") {
                "-"
            } else {
                ""
            };
        } else if !before.is_empty() && !name.is_empty() && !name.starts_with('#') {
            if name < before {
                violations.push(format!("Cargo.toml: `{name}` stands after `{before}`"));
            }
            before = name;
        }
    }
    none(&violations);
}

#[test]
fn tests_are_named_by_sentences() {
    let named = Regex::new(r"#\[(?:tokio::)?test[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:async )?fn (\w+)")
        .unwrap();
    let mut violations = Vec::new();
    for source in rust() {
        for name in named
            .captures_iter(&source.text)
            .map(|found| found[1].to_owned())
        {
            if name.matches('_').count() < 2 {
                violations.push(format!("{}: `{name}` is no sentence", source.path));
            }
        }
    }
    none(&violations);
}

#[test]
fn the_files_that_the_readme_links_to_are_there() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let link = Regex::new(r"\]\(([^)#]+)\)").unwrap();
    let violations: Vec<_> = link
        .captures_iter(&readme)
        .map(|link| link[1].to_owned())
        .filter(|target| !target.contains("://") && !root().join(target).exists())
        .map(|target| format!("README.md links to `{target}`, which is not there"))
        .collect();
    none(&violations);
}

/// `UPDATE=1 cargo test --test tidy` writes the table anew.
#[test]
fn the_readme_shows_the_keys_that_the_program_has() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_smolvm-tui"))
        .arg("keys")
        .env_clear()
        .env("HOME", home.path())
        .output()
        .unwrap();
    let keys = String::from_utf8(output.stdout).unwrap();
    assert!(keys.contains("ctrl-]"), "`keys` printed:\n{keys}");
    let (begin, end) = ("<!-- keys -->\n", "<!-- /keys -->");
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(begin).expect("the mark `<!-- keys -->`");
    let (shown, after) = rest.split_once(end).expect("the mark `<!-- /keys -->`");
    let table = format!("```text\n{}\n```\n", keys.trim_end());
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, format!("{before}{begin}{table}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(
        shown, table,
        "README.md is old: run UPDATE=1 cargo test --test tidy"
    );
}
