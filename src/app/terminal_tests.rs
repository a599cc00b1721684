use std::io::Read;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::*;
use crate::fault::guard;

/// Set in the process that plays the dashboard.
const ROLE: &str = "SMOLVM_TUI_TEST_ROLE";

/// Has this very test played again in a terminal of its own; returns what stands there at the end,
/// and what of the terminal was not given back.
fn play(test: &str, role: &str) -> (String, Vec<&'static str>) {
    let size = PtySize {
        rows: 50,
        cols: 200,
        ..PtySize::default()
    };
    let pair = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    command.env(ROLE, role);
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut bytes = Vec::new();
    // A terminal whose last user went ends with an error on Linux.
    let _ = pair
        .master
        .try_clone_reader()
        .unwrap()
        .read_to_end(&mut bytes);
    child.wait().unwrap();
    let mut parser = vt100::Parser::default();
    parser
        .screen_mut()
        .set_size(size.rows.try_into().unwrap(), size.cols.try_into().unwrap());
    parser.process(&bytes);
    let screen = parser.screen();
    let flags = pair.master.get_termios().unwrap().local_flags.bits();
    let left = [
        ("the alternate screen", screen.alternate_screen()),
        ("a hidden cursor", screen.hide_cursor()),
        ("bracketed paste", screen.bracketed_paste()),
        ("raw mode", flags & nix::libc::ICANON == 0),
    ];
    let left = left.into_iter().filter(|(_, there)| *there);
    (screen.contents(), left.map(|(what, _)| what).collect())
}

fn entered() -> Terminal {
    Terminal::enter((200, 50), true).unwrap()
}

#[test]
fn a_panic_is_told_on_the_terminal_as_it_was_before() {
    if std::env::var_os(ROLE).is_some() {
        let _terminal = entered();
        panic!("a bug of the dashboard");
    }
    let (screen, left) = play(
        "app::terminal::tests::a_panic_is_told_on_the_terminal_as_it_was_before",
        "panics",
    );
    assert!(screen.contains("a bug of the dashboard"), "{screen}");
    assert_eq!(left, Vec::<&str>::new());
}

#[test]
fn after_a_panic_elsewhere_nothing_more_is_drawn() {
    if std::env::var_os(ROLE).is_some() {
        let mut terminal = entered();
        assert!(guard(|| panic!("one that is caught")).is_none());
        terminal.draw(|_| {}).unwrap();
        let task = std::thread::spawn(|| panic!("a bug of a thread"));
        assert!(task.join().is_err());
        let refused = terminal.draw(|_| {}).unwrap_err();
        println!("refused: {refused}");
        return;
    }
    let (screen, left) = play(
        "app::terminal::tests::after_a_panic_elsewhere_nothing_more_is_drawn",
        "goes on",
    );
    assert!(screen.contains("a bug of a thread"), "{screen}");
    assert!(
        screen.contains("refused: a part of the program"),
        "{screen}"
    );
    assert!(!screen.contains("one that is caught"), "{screen}");
    assert_eq!(left, Vec::<&str>::new());
}
