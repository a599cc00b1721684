//! Keys of the host's terminal as the console knows them.

use crossterm::event::{KeyCode as HostCode, KeyEvent, KeyModifiers};

use crate::console::keys::{Key, KeyCode};

/// The key of an event; `None` for keys that no serial line has.
pub(super) fn key(event: KeyEvent) -> Option<Key> {
    let has = |modifier| event.modifiers.contains(modifier);
    let shift = has(KeyModifiers::SHIFT);
    let code = match event.code {
        // A legacy terminal sends 0x1D for ctrl-], which crossterm tells as ctrl-5.
        HostCode::Char('5') if has(KeyModifiers::CONTROL) => KeyCode::Char(']'),
        HostCode::Char(c) => KeyCode::Char(c),
        HostCode::F(number) => KeyCode::F(number),
        HostCode::Enter => KeyCode::Enter,
        HostCode::Esc => KeyCode::Esc,
        HostCode::Tab if shift => KeyCode::BackTab,
        HostCode::Tab => KeyCode::Tab,
        HostCode::BackTab => KeyCode::BackTab,
        HostCode::Backspace => KeyCode::Backspace,
        HostCode::Delete => KeyCode::Delete,
        HostCode::Insert => KeyCode::Insert,
        HostCode::Home => KeyCode::Home,
        HostCode::End => KeyCode::End,
        HostCode::PageUp => KeyCode::PageUp,
        HostCode::PageDown => KeyCode::PageDown,
        HostCode::Up => KeyCode::Up,
        HostCode::Down => KeyCode::Down,
        HostCode::Left => KeyCode::Left,
        HostCode::Right => KeyCode::Right,
        _ => return None,
    };
    let is_character = matches!(code, KeyCode::Char(_) | KeyCode::BackTab);
    Some(Key {
        code,
        ctrl: has(KeyModifiers::CONTROL),
        alt: has(KeyModifiers::ALT),
        // Of a character, shift is in the character.
        shift: shift && !is_character,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leave_chord_is_known_in_both_forms_that_terminals_send() {
        for code in ['5', ']'] {
            let event = KeyEvent::new(HostCode::Char(code), KeyModifiers::CONTROL);
            let key = key(event).unwrap();
            assert_eq!((key.code, key.ctrl), (KeyCode::Char(']'), true));
        }
        let plain = KeyEvent::new(HostCode::Char('5'), KeyModifiers::NONE);
        assert_eq!(key(plain).unwrap().code, KeyCode::Char('5'));
    }

    #[test]
    fn shift_is_in_the_character_and_beside_other_keys() {
        let event = KeyEvent::new(HostCode::Char('A'), KeyModifiers::SHIFT);
        assert!(!key(event).unwrap().shift);
        let event = KeyEvent::new(HostCode::Left, KeyModifiers::SHIFT);
        assert!(key(event).unwrap().shift);
    }
}
