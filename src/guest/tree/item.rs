//! Items out of bytes, which may be a hostile sender's.

use nix::sys::time::TimeSpec;

use super::{LONGEST_NAME, LONGEST_TARGET, kind};

/// Something to be made.
pub(super) enum Item {
    File {
        name: Vec<u8>,
        mode: u32,
        time: TimeSpec,
        size: u64,
    },
    Directory {
        name: Vec<u8>,
        mode: u32,
        time: TimeSpec,
    },
    Link {
        name: Vec<u8>,
        target: Vec<u8>,
        time: TimeSpec,
    },
    Other(Vec<u8>),
    Up,
    End,
}

/// What is left of the bytes that describe items.
pub(super) struct Items<'a>(&'a [u8]);

impl<'a> Items<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.0.len()
    }

    /// The next item; `None` while it is not there whole.
    pub(super) fn next(&mut self, modes: u32) -> Option<Result<Item, String>> {
        let [kind] = self.number()?;
        Some(Ok(match kind {
            kind::FILE => {
                let (mode, time) = (self.mode(modes)?, self.time()?);
                let size = u64::from_le_bytes(self.number()?);
                let name = match self.name()? {
                    Ok(name) => name,
                    Err(why) => return Some(Err(why)),
                };
                Item::File {
                    name,
                    mode,
                    time,
                    size,
                }
            }
            kind::DIRECTORY => {
                let (mode, time) = (self.mode(modes)?, self.time()?);
                let name = match self.name()? {
                    Ok(name) => name,
                    Err(why) => return Some(Err(why)),
                };
                Item::Directory { name, mode, time }
            }
            kind::LINK => {
                let time = self.time()?;
                let name = match self.name()? {
                    Ok(name) => name,
                    Err(why) => return Some(Err(why)),
                };
                let target = self.string()?;
                if target.len() > LONGEST_TARGET || target.contains(&0) {
                    return Some(Err("the sender speaks of an impossible link".to_owned()));
                }
                Item::Link { name, target, time }
            }
            kind::OTHER => match self.name()? {
                Ok(name) => Item::Other(name),
                Err(why) => return Some(Err(why)),
            },
            kind::UP => Item::Up,
            kind::END => Item::End,
            other => return Some(Err(format!("the sender speaks of an unknown kind {other}"))),
        }))
    }

    pub(super) fn number<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*number)
    }

    fn mode(&mut self, modes: u32) -> Option<u32> {
        Some(u32::from_le_bytes(self.number()?) & modes)
    }

    fn time(&mut self) -> Option<TimeSpec> {
        let seconds = i64::from_le_bytes(self.number()?);
        let nanoseconds = u32::from_le_bytes(self.number()?).min(999_999_999);
        Some(TimeSpec::new(seconds, nanoseconds.into()))
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        let length = usize::from(u16::from_le_bytes(self.number()?));
        Some(self.0.split_off(..length)?.to_vec())
    }

    /// A name that means something within its directory alone.
    fn name(&mut self) -> Option<Result<Vec<u8>, String>> {
        let name = self.string()?;
        let plain = !name.is_empty()
            && name.len() <= LONGEST_NAME
            && !matches!(name.as_slice(), b"." | b"..")
            && !name.iter().any(|byte| matches!(byte, b'/' | 0));
        Some(if plain {
            Ok(name)
        } else {
            Err("the sender speaks of an impossible name".to_owned())
        })
    }
}
