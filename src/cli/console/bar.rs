//! The line below the guest's screen: how to leave, and what there is to say.

use std::time::Duration;

use tokio::time::Instant;

use super::paste::Paste;
use crate::console::keys::{Key, KeyCode};
use crate::console::{Size, sanitize_line};

/// After the leave key, what gives the guest's terminal the size of this one.
pub(super) const FIT: Key = Key::plain(KeyCode::Char('f'));

/// How long after the leave key another one still counts.
const GRACE: Duration = Duration::from_millis(500);

/// What the line is made of.
#[derive(Debug, Default)]
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) leave: Vec<Key>,
    pub(super) read_only: bool,
    /// The leave key that was pressed, and when.
    pub(super) leaving: Option<(Key, Instant)>,
    /// The sizes of the guest's terminal and of this one, when they differ.
    pub(super) misfit: Option<(Size, Size)>,
    /// The paste that is asked about or under way.
    pub(super) paste: Option<Paste>,
    /// Something that went wrong.
    pub(super) note: Option<String>,
}

impl Bar {
    /// When the console is left, once the leave key was pressed.
    pub(super) fn leaves_at(&self) -> Instant {
        self.leaving
            .map_or_else(Instant::now, |(_, since)| since + GRACE)
    }

    pub(super) fn text(&self) -> String {
        if let Some((key, _)) = self.leaving {
            let name = &self.name;
            return match self.misfit {
                _ if self.read_only => format!(" leaving `{name}`"),
                None => format!(" leaving `{name}` · {key} sends {key}"),
                Some((_, pane)) => {
                    format!(" leaving `{name}` · {key} sends {key} · {FIT} gives the guest {pane}")
                }
            };
        }
        let keys: Vec<String> = self.leave.iter().map(ToString::to_string).collect();
        let keys = keys.join(" or ");
        if let Some(paste) = &self.paste {
            return format!(" {keys} leaves · {}", paste.text());
        }
        if let Some(note) = &self.note {
            return format!(" {keys} leaves · {}", sanitize_line(note, 200));
        }
        let name = &self.name;
        let kind = if self.read_only {
            "read-only"
        } else {
            "console"
        };
        // How to leave comes first: a long name, or a narrow terminal, cuts what is behind it.
        let Some((guest, pane)) = self.misfit else {
            return format!(" {keys} leaves, the VM goes on · {kind} · {name} ");
        };
        let text = format!(" {keys} leaves · {name} · guest {guest}, here {pane}");
        match self.leave.first() {
            Some(leave) if !self.read_only => format!("{text}: {leave} {FIT} fits it "),
            _ => format!("{text} · {kind}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar() -> Bar {
        Bar {
            name: "web".to_owned(),
            leave: vec!["ctrl-]".parse().unwrap()],
            ..Bar::default()
        }
    }

    #[test]
    fn the_bar_says_how_to_leave_whatever_else_it_says() {
        assert!(bar().text().contains("ctrl-] leaves"));
        let misfit = Some((Size::DEFAULT, Size::new(50, 132)));
        let unfit = Bar { misfit, ..bar() }.text();
        assert!(unfit.contains("ctrl-] leaves"), "{unfit}");
        assert!(
            unfit.contains("guest 80x24, here 132x50: ctrl-] f fits it"),
            "{unfit}"
        );
        let named = Bar {
            name: "a".repeat(63),
            misfit,
            ..bar()
        };
        assert!(named.text().starts_with(" ctrl-] leaves"));
        let fitting = Bar {
            misfit: None,
            ..named
        };
        assert!(fitting.text().starts_with(" ctrl-] leaves"));
        let note = Some("no\x1b[2J".to_owned());
        let noted = Bar { note, ..bar() }.text();
        assert!(
            noted.contains("ctrl-] leaves") && !noted.contains('\x1b'),
            "{noted}"
        );
        let looking = Bar {
            read_only: true,
            misfit,
            ..bar()
        }
        .text();
        assert!(
            looking.contains("read-only") && !looking.contains("fits"),
            "{looking}"
        );
    }
}
