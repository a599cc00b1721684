//! Keys as they are written in the file: `ctrl-]`, `f12`, `alt-x`, `shift-left`, `G`, `space`.

use crate::console::keys::{Key, KeyCode};

const NAMED: [(&str, KeyCode); 16] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backtab", KeyCode::BackTab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("space", KeyCode::Char(' ')),
];

/// Reads a key; the error is a sentence.
pub(super) fn parse(text: &str) -> Result<Key, String> {
    let wrong = || {
        format!(
            "`{text}` is no key: write it like `ctrl-]`, `f12`, `alt-x`, `shift-left`, `G` or `space`"
        )
    };
    let mut key = Key {
        code: KeyCode::Esc,
        ctrl: false,
        alt: false,
        shift: false,
    };
    let mut rest = text;
    loop {
        let mut characters = rest.chars();
        if let (Some(character), None) = (characters.next(), characters.next()) {
            key.code = KeyCode::Char(character);
            return Ok(key);
        }
        if let Some((_, code)) = NAMED.iter().find(|(name, _)| *name == rest) {
            key.code = *code;
            return Ok(key);
        }
        let number = rest
            .strip_prefix('f')
            .and_then(|number| number.parse().ok());
        if let Some(number) = number.filter(|number| (1..=24).contains(number)) {
            key.code = KeyCode::F(number);
            return Ok(key);
        }
        let (modifier, after) = rest.split_once('-').ok_or_else(wrong)?;
        let held = match modifier {
            "ctrl" => &mut key.ctrl,
            "alt" => &mut key.alt,
            "shift" => &mut key.shift,
            _ => return Err(wrong()),
        };
        if std::mem::replace(held, true) {
            return Err(wrong());
        }
        rest = after;
    }
}

/// Writes a key so that [`parse`] reads it.
pub(super) fn write(key: Key) -> String {
    let name = match (NAMED.iter().find(|(_, code)| *code == key.code), key.code) {
        (Some((name, _)), _) => (*name).to_owned(),
        (None, KeyCode::Char(character)) => character.to_string(),
        (None, KeyCode::F(number)) => format!("f{number}"),
        (None, _) => String::new(),
    };
    let held = |yes, word| if yes { word } else { "" };
    let (ctrl, alt) = (held(key.ctrl, "ctrl-"), held(key.alt, "alt-"));
    format!("{ctrl}{alt}{}{name}", held(key.shift, "shift-"))
}
