//! The user's clipboard: by the terminal (OSC 52), and by a program of the platform where there is one.

use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// The most text that is copied at once, in bytes: many terminals take 100,000 bytes of base64 at most.
pub(super) const MOST: usize = 74_994;

/// The sequence that has a terminal put the text into its clipboard. Of the text nothing but base64
/// reaches the terminal.
pub(super) fn sequence(text: &str) -> String {
    format!("\x1b]52;c;{}\x07", STANDARD.encode(text))
}

/// The program that takes text for the clipboard on its standard input, as the environment tells.
///
/// Inside of tmux that is tmux: unless it was set up to, it does not pass OSC 52 on.
fn program(is_set: impl Fn(&str) -> bool) -> Option<&'static [&'static str]> {
    if is_set("TMUX") {
        Some(&["tmux", "load-buffer", "-w", "-"])
    } else if cfg!(target_os = "macos") {
        Some(&["pbcopy"])
    } else if is_set("WAYLAND_DISPLAY") {
        Some(&["wl-copy"])
    } else if is_set("DISPLAY") {
        Some(&["xclip", "-selection", "clipboard", "-in"])
    } else {
        None
    }
}

/// Hands the text to the platform's clipboard, where there is one. Its program may not be
/// installed: the terminal was told in any case.
pub(super) fn offer(text: String) {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let Some([program, arguments @ ..]) = program(is_set) else {
        return;
    };
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return };
    drop(tokio::task::spawn_local(async move {
        if let Some(mut stdin) = child.stdin.take() {
            // A program that ends early has its reasons.
            let _ = stdin.write_all(text.as_bytes()).await;
        }
        let _ = child.wait().await;
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_reaches_the_terminal_as_base64_only() {
        assert_eq!(sequence("a\x1b]0;x\x07"), "\x1b]52;c;YRtdMDt4Bw==\x07");
        assert!(sequence(&"x".repeat(MOST)).len() < 100_010);
    }

    #[test]
    fn tmux_comes_before_the_display_and_without_either_there_is_none() {
        let first = |set: &[&str]| program(|name| set.contains(&name)).map(|words| words[0]);
        assert_eq!(first(&["TMUX", "DISPLAY"]), Some("tmux"));
        if cfg!(target_os = "linux") {
            assert_eq!(first(&["DISPLAY"]), Some("xclip"));
            assert_eq!(first(&["DISPLAY", "WAYLAND_DISPLAY"]), Some("wl-copy"));
            assert_eq!(first(&[]), None);
        }
    }
}
