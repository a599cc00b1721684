//! A paste: several lines ask first, a long one goes no faster than the guest takes it.

use super::super::serial::Serial;
use crate::console::Modes;
use crate::console::keys::{Key, KeyCode, encode_paste, pasted_lines};
use crate::fault::Failure;

/// A shorter paste is over before anybody could read how far it is, in bytes.
const LONG: usize = 4096;

/// The size of a piece, in bytes.
const PIECE: usize = 2048;

/// Pieces that are under way: while one is taken, the next is there.
const UNDER_WAY: usize = 2;

/// What says yes.
pub(super) const YES: [Key; 2] = [Key::plain(KeyCode::Char('y')), Key::plain(KeyCode::Enter)];

/// A paste.
#[derive(Debug)]
pub(super) enum Paste {
    /// It is several lines: shall it be done?
    Asked(String),
    /// It is under way.
    Goes {
        bytes: Vec<u8>,
        bracketed: bool,
        sent: usize,
        taken: usize,
    },
}

impl Paste {
    /// Begins a paste, or the question before it; `None` when it is done at once.
    pub(super) async fn begin(
        text: String,
        serial: &mut Serial<'_>,
        modes: Modes,
    ) -> Result<Option<Self>, Failure> {
        if pasted_lines(&text) > 1 {
            return Ok(Some(Self::Asked(text)));
        }
        Self::go(&text, serial, modes).await
    }

    async fn go(
        text: &str,
        serial: &mut Serial<'_>,
        modes: Modes,
    ) -> Result<Option<Self>, Failure> {
        let bytes = encode_paste(text, modes);
        if bytes.len() <= LONG {
            serial.type_bytes(bytes).await?;
            return Ok(None);
        }
        let mut paste = Self::Goes {
            bytes,
            bracketed: modes.bracketed_paste,
            sent: 0,
            taken: 0,
        };
        for _ in 0..UNDER_WAY {
            paste.send(serial).await?;
        }
        Ok(Some(paste))
    }

    /// Yes to the question.
    pub(super) async fn confirm(
        self,
        serial: &mut Serial<'_>,
        modes: Modes,
    ) -> Result<Option<Self>, Failure> {
        match self {
            Self::Asked(text) => Self::go(&text, serial, modes).await,
            goes @ Self::Goes { .. } => Ok(Some(goes)),
        }
    }

    /// Whether this key says no, or ends what is under way.
    pub(super) fn ends_by(&self, key: Key) -> bool {
        let ctrl_c = Key {
            ctrl: true,
            ..Key::plain(KeyCode::Char('c'))
        };
        key == Key::plain(KeyCode::Esc)
            || key == ctrl_c
            || matches!(self, Self::Asked(_)) && key == Key::plain(KeyCode::Char('n'))
    }

    /// No to the question, or the end of what is under way; a bracket that is open is closed.
    pub(super) async fn cancel(self, serial: &mut Serial<'_>) -> Result<(), Failure> {
        match self {
            Self::Goes {
                bytes,
                bracketed: true,
                sent,
                ..
            } if sent < bytes.len() => serial.type_bytes(b"\x1b[201~".to_vec()).await,
            _ => Ok(()),
        }
    }

    /// The guest took a piece; `None` when that was the last.
    pub(super) async fn took_one(
        mut self,
        serial: &mut Serial<'_>,
    ) -> Result<Option<Self>, Failure> {
        if let Self::Goes { bytes, taken, .. } = &mut self {
            *taken = (*taken + PIECE).min(bytes.len());
            if *taken == bytes.len() {
                return Ok(None);
            }
        }
        self.send(serial).await?;
        Ok(Some(self))
    }

    async fn send(&mut self, serial: &mut Serial<'_>) -> Result<(), Failure> {
        if let Self::Goes { bytes, sent, .. } = self
            && *sent < bytes.len()
        {
            let end = (*sent + PIECE).min(bytes.len());
            serial.type_piece(bytes[*sent..end].to_vec()).await?;
            *sent = end;
        }
        Ok(())
    }

    /// What there is to say of it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Asked(text) => format!(
                "paste {} lines, {} bytes? y pastes, n does not",
                pasted_lines(text),
                text.len()
            ),
            Self::Goes { bytes, taken, .. } => {
                format!(
                    "pasting: {}% · esc ends it",
                    taken * 100 / bytes.len().max(1)
                )
            }
        }
    }
}
