//! What the terminal can show.

use super::*;

#[test]
fn without_a_terminal_nothing_is_asked_of_it() {
    let host = FakeHost::sound().with(|host| host.terminal = None);
    for name in ["colours", "utf-8", "size", "clipboard"] {
        let name = format!("terminal:{name}");
        expect(&host, Qemu, &name, Skip, "no terminal here");
    }
}

#[test]
fn colours_are_as_the_environment_tells() {
    table(
        "terminal:colours",
        Qemu,
        &[
            (&|_| {}, Pass, "xterm-256color, 24 bit"),
            (&|host| host.unset("COLORTERM"), Pass, "xterm-256color, 256"),
            (
                &|host| host.set("NO_COLOR", "1"),
                Pass,
                "none, as NO_COLOR asks",
            ),
            (&|host| host.set("TERM", "dumb"), Warn, "TERM is `dumb`"),
            (&|host| host.unset("TERM"), Warn, "TERM is ``"),
            (
                &|host| {
                    host.unset("COLORTERM");
                    host.set("TERM", "linux");
                },
                Pass,
                "linux, 16",
            ),
        ],
    );
}

#[test]
fn the_first_locale_that_is_set_decides_on_utf_8() {
    table(
        "terminal:utf-8",
        Qemu,
        &[
            (&|_| {}, Pass, "LANG=en_US.UTF-8"),
            (
                &|host| host.set("LC_ALL", "C"),
                Warn,
                "LC_ALL=C is no UTF-8",
            ),
            (
                &|host| host.set("LC_CTYPE", "de_DE.utf8"),
                Pass,
                "LC_CTYPE=de_DE.utf8",
            ),
            (&|host| host.unset("LANG"), Warn, "no locale is set"),
        ],
    );
}

#[test]
fn a_small_terminal_is_told() {
    table(
        "terminal:size",
        Qemu,
        &[
            (&|_| {}, Pass, "120x40"),
            (&|host| host.terminal = Some((80, 24)), Pass, "80x24"),
            (&|host| host.terminal = Some((79, 24)), Warn, "79x24, but"),
            (&|host| host.terminal = Some((80, 23)), Warn, "80x23, but"),
        ],
    );
}

#[test]
fn no_more_is_claimed_of_the_clipboard_than_is_known() {
    table(
        "terminal:clipboard",
        Qemu,
        &[
            (&|_| {}, Pass, "takes OSC 52"),
            (
                &|host| host.unset("TERM_PROGRAM"),
                Skip,
                "not known of TERM `xterm-256color`",
            ),
            (
                &|host| host.set("TERM_PROGRAM", "Apple_Terminal"),
                Skip,
                "does not take",
            ),
            (&|host| host.set("TMUX", "/tmp/tmux"), Pass, "set-clipboard"),
        ],
    );
}
