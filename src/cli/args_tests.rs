use super::*;
use clap::CommandFactory;

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn global_options_are_understood_on_either_side_of_the_command() {
    for line in [
        "smolvm-tui --json --backend QEMU ls",
        "smolvm-tui ls --json --backend=QEMU",
    ] {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        assert!(cli.globals.json);
        assert_eq!(cli.globals.backend.as_deref(), Some("QEMU"));
    }
}

#[test]
fn a_misspelt_backend_is_told_in_the_words_that_scripts_know() {
    let error = Cli::try_parse_from(["x", "--backend", " Firecrackerr ", "ls"]).unwrap_err();
    let expected = "Unsupported backend 'firecrackerr'. Supported values: auto, firecracker, qemu";
    assert!(error.to_string().contains(expected), "{error}");
    assert!(Cli::try_parse_from(["x", "--backend", "", "ls"]).is_ok());
}

#[test]
fn options_may_follow_the_text_of_send() {
    let cli = Cli::try_parse_from(["x", "send", "web", "ls\\n", "-l", "--json"]);
    assert!(cli.is_err(), "-l is no option of ours, and needs `--`");
    let cli = Cli::try_parse_from(["x", "send", "web", "a", "b", "--json"]).unwrap();
    assert!(cli.globals.json);
    let cli = Cli::try_parse_from(["x", "send", "web", "--", "-l"]).unwrap();
    let Some(Command::Send(send)) = cli.command else {
        panic!()
    };
    assert_eq!(send.text, ["-l"]);
}

#[test]
fn seconds_may_have_a_fraction_but_no_sign() {
    assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
    for bad in ["-1", "NaN", "inf", "1e300", "", "5s"] {
        assert!(seconds(bad).is_err(), "{bad}");
    }
}
