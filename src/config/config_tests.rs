use super::*;
use crate::fault::Fault;

const EXAMPLE: &str = include_str!("../../config.example.toml");

/// A configuration without the memory of where it was said.
fn bare(config: Config) -> Config {
    Config {
        file: None,
        origin: Origin::default(),
        ..config
    }
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Some(Path::new("/home/ann/config.toml")), text)
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().message
}

/// Every key of a document with its tables, as `table.key`.
fn keys_of(text: &str) -> Vec<String> {
    let table: toml::Table = text.parse().unwrap();
    let mut keys = Vec::new();
    for (key, value) in table {
        match value {
            toml::Value::Table(inner) => {
                keys.push(key.clone());
                keys.extend(inner.keys().map(|name| format!("{key}.{name}")));
            }
            _ => keys.push(key),
        }
    }
    keys.sort();
    keys
}

#[test]
fn the_example_is_the_default_configuration() {
    assert_eq!(bare(parse(EXAMPLE).unwrap()), Config::default());
}

#[test]
fn the_example_has_every_key_and_a_comment_above_each() {
    let written = Config::default().to_toml().unwrap();
    assert_eq!(keys_of(EXAMPLE), keys_of(&written));
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    for pair in lines.windows(2) {
        if pair[1].contains(" = ") && !pair[1].starts_with('#') {
            assert!(pair[0].starts_with("# "), "{} has no comment", pair[1]);
        }
    }
}

#[test]
fn what_is_written_out_is_read_back_as_it_was() {
    let text = r#"
backend = " QEMU "
vcpu_count = 4
mem_size_mib = 1024
disk_mode = "shared"
image = "debian-12.5"
network = "none"
network_pool = "10.9.0.0/20"
cpu_model = "max"
accel = "tcg"
stop_timeout_s = 3
[console]
leave = ["ctrl-alt-q", "f1", "ctrl-space"]
scrollback = 0
[ui]
theme = "mono"
mouse = false
[keys]
"ctrl-p" = "pause"
"]" = "none"
"#;
    let config = parse(text).unwrap();
    assert_eq!(config.backend, " QEMU ");
    assert_eq!(config.accel, Some(Accel::Tcg));
    assert_eq!(config.keys.get("]").map(String::as_str), Some("none"));
    let again = parse(&config.to_toml().unwrap()).unwrap();
    assert_eq!(bare(again), bare(config));
    let default = Config::default();
    assert_eq!(bare(parse(&default.to_toml().unwrap()).unwrap()), default);
}

#[test]
fn an_empty_file_means_the_defaults() {
    assert_eq!(bare(parse("").unwrap()), Config::default());
    assert_eq!(bare(parse("backend = \"\"").unwrap()).backend, "");
}

#[test]
fn an_unknown_key_is_shown_with_file_line_and_caret() {
    assert_eq!(
        refusal("vcpu_count = 2\n\n  vcpus = 2\n"),
        "could not use `/home/ann/config.toml`, line 3, column 3: unknown field `vcpus`, expected \
         one of `backend`, `vcpu_count`, `mem_size_mib`, `disk_mode`, `image`, `network`, \
         `network_pool`, `cpu_model`, `accel`, `stop_timeout_s`, `console`, `ui`, `keys`\n  \
         |\n\
         3 |   vcpus = 2\n  \
         |   ^^^^^"
    );
    assert!(refusal("[ui]\ncolour = 1").contains("line 2, column 1: unknown field `colour`"));
}

#[test]
fn a_bad_value_is_shown_with_its_line_and_what_would_do() {
    let cases = [
        (
            "backend = \"firecrackerr\"",
            "column 11: Unsupported backend 'firecrackerr'. Supported values: auto, firecracker, qemu",
            "          ^^^^^^^^^^^^^^",
        ),
        (
            "vcpu_count = 0",
            "column 14: 0 is not a number from 1 to 32",
            "             ^",
        ),
        (
            "mem_size_mib = -5",
            "column 16: -5 is not a number from 32 to 16777216",
            "               ^^",
        ),
        (
            "mem_size_mib = \"1G\"",
            "column 16: invalid type: string \"1G\", expected i64",
            "               ^^^^",
        ),
        (
            "disk_mode = \"own\"",
            "column 13: unknown variant `own`, expected `isolated` or `shared`",
            "            ^^^^^",
        ),
        (
            "image = \"../x\"",
            "column 9: `../x` cannot be the name of an image",
            "        ^^^^^^",
        ),
        (
            "accel = \"xen\"",
            "column 9: unknown variant `xen`, expected one of `auto`, `kvm`, `hvf`, `tcg`",
            "        ^^^^^",
        ),
        (
            "console.scrollback = 100_001",
            "column 22: 100001 is not a number from 0 to 100000",
            "                     ^^^^^^^",
        ),
        (
            "console.leave = [\"f1\", \"strg-q\"]",
            "column 17: could not understand the key `strg-q`",
            "                ^^^^^^^^^^^^^^^^",
        ),
        (
            "console.leave = []",
            "column 17: without a key nothing leaves the console",
            "                ^^",
        ),
        (
            "console.leave = [\"q\"]",
            "column 17: `q` could no more be typed in the console",
            "                ^^^^^",
        ),
        (
            "keys.\"hyper-x\" = \"quit\"",
            "column 6: could not understand the key `hyper-x`",
            "     ^^^^^^^^^",
        ),
        ("ui.mouse = yes", "column 12: ", "           ^"),
    ];
    for (line, message, carets) in cases {
        let said = refusal(&format!("# one\n{line}\n"));
        let place = "could not use `/home/ann/config.toml`, line 2, ";
        assert!(said.starts_with(&format!("{place}{message}")), "{said}");
        assert!(
            said.contains(&format!("\n2 | {line}\n  | {carets}")),
            "{said}"
        );
    }
}

#[test]
fn a_key_said_twice_is_an_error() {
    assert!(refusal("image = \"a\"\nimage = \"b\"").contains("line 2, column 1: duplicate key"));
}

#[test]
fn an_unknown_action_found_later_still_shows_its_line() {
    let config =
        parse("[keys]\n\"f5\" = \"doctor\"\nq = \"none\"\n\"ctrl-x\" = \"quitt\"\n").unwrap();
    assert_eq!(
        config
            .check_actions(&["doctor", "quit"])
            .unwrap_err()
            .message,
        "could not use `/home/ann/config.toml`, line 4, column 12: unknown action `quitt`, did you \
         mean `quit`?\n  \
         |\n\
         4 | \"ctrl-x\" = \"quitt\"\n  \
         |            ^^^^^^^"
    );
    let error = config.check_actions(&["quitt"]).unwrap_err();
    assert!(
        error.message.contains("`smolvm-tui keys` shows them all"),
        "{error}"
    );
    assert_eq!(config.check_actions(&["doctor", "quitt"]), Ok(()));
}

#[test]
fn an_unknown_theme_found_later_still_shows_its_line() {
    let config = parse("ui.theme = \"pink\"").unwrap();
    let error = config.check_theme(&["default", "mono"]).unwrap_err();
    assert!(
        error.message.contains(
            "line 1, column 12: unknown theme `pink`, expected one of: default, mono\n  |\n1 | ui.theme = \"pink\""
        ),
        "{error}"
    );
    assert_eq!(Config::default().check_theme(&["default"]), Ok(()));
    let elsewhere = Config::default().check_theme(&["mono"]).unwrap_err();
    assert!(
        elsewhere
            .message
            .starts_with("could not use the configuration: unknown theme")
    );
}

#[test]
fn a_file_that_was_named_must_be_readable_text() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none.toml");
    let error = Config::load(Some(&missing)).unwrap_err();
    assert!(
        error
            .message
            .starts_with("could not read the configuration `"),
        "{error}"
    );
    assert!(
        error.message.contains("none.toml`: No such file"),
        "{error}"
    );
    assert_eq!(error.code(), crate::fault::Code::ConfigError);
    assert!(Config::load(Some(dir.path())).is_err());
    let binary = dir.path().join("binary.toml");
    std::fs::write(&binary, [0xff, 0xfe]).unwrap();
    assert!(
        Config::load(Some(&binary))
            .unwrap_err()
            .message
            .contains("UTF-8")
    );
    let huge = dir.path().join("huge.toml");
    std::fs::write(&huge, "#".repeat(2 << 20)).unwrap();
    assert!(
        Config::load(Some(&huge))
            .unwrap_err()
            .message
            .contains("longer than 1 MiB")
    );
    let good = dir.path().join("good.toml");
    std::fs::write(&good, "vcpu_count = 3").unwrap();
    let config = Config::load(Some(&good)).unwrap();
    assert_eq!((config.vcpu_count, config.file), (3, Some(good)));
    assert_eq!(
        bare(Config::load(Some(Path::new("/dev/null"))).unwrap()),
        Config::default()
    );
}

#[test]
fn the_default_file_may_be_missing_but_not_broken() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    let load = || Config::load_from(None, Some(file.clone()));
    assert_eq!(load(), Ok(Config::default()));
    assert_eq!(Config::load_from(None, None), Ok(Config::default()));
    std::fs::write(&file, "mem_size_mib = 64").unwrap();
    assert_eq!(load().unwrap().mem_size_mib, 64);
    std::fs::write(&file, "mem_size_mib").unwrap();
    assert!(load().is_err());
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert!(load().is_err());
}

#[test]
fn no_text_however_broken_makes_the_reader_panic() {
    let long = format!("image = \"{}\"", "x".repeat(5_000));
    let shown = refusal(&long);
    assert!(shown.lines().last().unwrap().len() < 200, "{shown}");
    let texts = [
        "\u{0}",
        "a",
        "=",
        "[keys",
        "\"",
        "é = 1",
        "image = \"\u{1b}[31m\"",
        "image = \"\\u001b[31m\"",
        "[keys]\n\"\" = 1\r\n",
        "console = 1",
    ];
    for text in texts {
        assert!(!refusal(text).contains('\u{1b}'), "{text:?}");
    }
    for end in (0..EXAMPLE.len()).filter(|&end| EXAMPLE.is_char_boundary(end)) {
        let _ = parse(&EXAMPLE[..end]);
    }
}

#[test]
fn a_configured_size_has_the_bounds_of_one_that_is_asked_for() {
    use crate::vm::{MEM_SIZE_MIB, VCPU_COUNT};
    let bounds = [
        (
            "vcpu_count",
            u64::from(*VCPU_COUNT.start())..=u64::from(*VCPU_COUNT.end()),
        ),
        ("mem_size_mib", MEM_SIZE_MIB),
    ];
    for (key, bounds) in bounds {
        for number in [
            bounds.start() - 1,
            *bounds.start(),
            *bounds.end(),
            bounds.end() + 1,
        ] {
            let read = parse(&format!("{key} = {number}"));
            assert_eq!(read.is_ok(), bounds.contains(&number), "{key} = {number}");
        }
    }
}
