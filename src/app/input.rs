//! What crossterm reads, in our words: its types stop here.

use crossterm::event::{
    Event, KeyCode as TerminalCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent,
    MouseEventKind,
};

use super::message::{Message, Mouse, MouseKind};
use crate::console::keys::{Key, KeyCode};

/// The message that an event is, if it is one.
pub(super) fn message(event: Event) -> Option<Message> {
    match event {
        Event::Key(key) => self::key(key).map(Message::Key),
        Event::Paste(text) => Some(Message::Paste(text)),
        Event::Mouse(mouse) => self::mouse(mouse).map(Message::Mouse),
        Event::Resize(columns, rows) => Some(Message::Resize(columns, rows)),
        Event::FocusGained | Event::FocusLost => None,
    }
}

/// The key of an event, in its normal form; `None` for a release and for keys that no serial line has.
pub(crate) fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let mut ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let code = match event.code {
        TerminalCode::Char(character) => KeyCode::Char(character),
        TerminalCode::F(number @ 1..=24) => KeyCode::F(number),
        TerminalCode::Enter => KeyCode::Enter,
        TerminalCode::Esc => KeyCode::Esc,
        TerminalCode::Tab => KeyCode::Tab,
        TerminalCode::BackTab => KeyCode::BackTab,
        TerminalCode::Backspace => KeyCode::Backspace,
        TerminalCode::Delete => KeyCode::Delete,
        TerminalCode::Insert => KeyCode::Insert,
        TerminalCode::Home => KeyCode::Home,
        TerminalCode::End => KeyCode::End,
        TerminalCode::PageUp => KeyCode::PageUp,
        TerminalCode::PageDown => KeyCode::PageDown,
        TerminalCode::Up => KeyCode::Up,
        TerminalCode::Down => KeyCode::Down,
        TerminalCode::Left => KeyCode::Left,
        TerminalCode::Right => KeyCode::Right,
        TerminalCode::Null => {
            ctrl = true;
            KeyCode::Char(' ')
        }
        _ => return None,
    };
    let key = Key {
        code,
        ctrl,
        alt: event.modifiers.contains(KeyModifiers::ALT),
        shift: event.modifiers.contains(KeyModifiers::SHIFT),
    };
    Some(key.normalise())
}

fn mouse(event: MouseEvent) -> Option<Mouse> {
    let kind = match event.kind {
        MouseEventKind::Down(MouseButton::Left) => MouseKind::Press,
        MouseEventKind::ScrollUp => MouseKind::WheelUp,
        MouseEventKind::ScrollDown => MouseKind::WheelDown,
        _ => return None,
    };
    Some(Mouse {
        kind,
        column: event.column,
        row: event.row,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: TerminalCode, modifiers: KeyModifiers) -> Option<String> {
        key(KeyEvent::new(code, modifiers)).map(|key| key.to_string())
    }

    #[test]
    fn the_leave_chord_is_known_however_the_terminal_tells_it() {
        for character in ['5', ']'] {
            let told = read(TerminalCode::Char(character), KeyModifiers::CONTROL);
            assert_eq!(told.as_deref(), Some("ctrl-]"));
        }
    }

    #[test]
    fn shift_is_part_of_the_character_and_a_released_key_is_none() {
        let told = read(TerminalCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(told.as_deref(), Some("G"));
        let told = read(TerminalCode::PageUp, KeyModifiers::SHIFT);
        assert_eq!(told.as_deref(), Some("shift-pageup"));
        let released = KeyEvent::new_with_kind(
            TerminalCode::Char('x'),
            KeyModifiers::NONE,
            KeyEventKind::Release,
        );
        assert_eq!(key(released), None);
    }
}
