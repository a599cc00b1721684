//! The lines of the agent's protocol, one flat JSON object each, written and read without a
//! library. The library's own types for them are in `src/guest/agent.rs`, whose tests include this
//! file and hold the two together.

use std::fmt::Write as _;

/// The version of the protocol.
pub(crate) const PROTOCOL: u32 = 2;

/// The name of the virtio-serial port.
pub(crate) const PORT_NAME: &str = "org.smolvm.agent.0";

/// The host's port on a virtio socket.
pub(crate) const VSOCK_PORT: u32 = 1024;

/// The longest line that is read, in bytes.
pub(crate) const LONGEST_LINE: usize = 4096;

/// What the host asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Say *ready* once that is true.
    Hello {
        /// What both repeat before frames flow; a host that knows no frames has none.
        session: Option<u64>,
    },
    /// Sync and power off.
    PowerOff,
    /// Sync and reboot.
    Reboot,
    /// Set the clock.
    Clock {
        /// µs since 1970.
        unix_us: u64,
    },
    /// The size of the terminal on the serial line.
    Resize {
        /// Rows.
        rows: u16,
        /// Columns.
        columns: u16,
    },
}

impl Request {
    /// Reads one line. `None` for everything that is not a request that we know: a newer host may
    /// say more than we understand.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let fields = flat_object(line)?;
        let field = |key: &str| fields.iter().find(|(name, _)| *name == key);
        let number = |key: &str| field(key)?.1.parse().ok();
        let long = |key: &str| field(key)?.1.parse().ok();
        match field("say")?.1 {
            "hello" => Some(Self::Hello {
                session: long("session"),
            }),
            "power_off" => Some(Self::PowerOff),
            "reboot" => Some(Self::Reboot),
            "clock" => Some(Self::Clock {
                unix_us: long("unix_us")?,
            }),
            "resize" => Some(Self::Resize {
                rows: number("rows")?,
                columns: number("columns")?,
            }),
            _ => None,
        }
    }

    /// Its word in the protocol.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::PowerOff => "power_off",
            Self::Reboot => "reboot",
            Self::Clock { .. } => "clock",
            Self::Resize { .. } => "resize",
        }
    }
}

/// The line that says *ready*, in this session if there is one; `stages` are names of ours, in µs
/// since the guest's boot.
pub(crate) fn ready<'a>(
    version: &str,
    session: Option<u64>,
    stages: impl Iterator<Item = (&'a str, u64)>,
) -> String {
    let mut line = format!(
        r#"{{"say":"ready","protocol":{PROTOCOL},"version":"{}","stages":{{"#,
        escaped(version)
    );
    for (index, (stage, at_us)) in stages.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        // Writing to a string does not fail.
        let _ = write!(line, r#"{comma}"{}":{at_us}"#, escaped(stage));
    }
    line.push('}');
    if let Some(session) = session {
        let _ = write!(line, r#","session":{session}"#);
    }
    line.push_str("}\n");
    line
}

/// The line that says that a request was understood.
pub(crate) fn ack(request: Request) -> String {
    format!("{{\"say\":\"ack\",\"what\":\"{}\"}}\n", request.word())
}

/// A text as the inside of a JSON string.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            ' '.. => out.push(character),
            control => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
        }
    }
    out
}

/// The keys and values of an object whose values are strings without escapes, or bare words such
/// as numbers. Strings lose their quotes. `None` for any other text.
fn flat_object(line: &str) -> Option<Vec<(&str, &str)>> {
    let mut rest = line.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let (key, after) = string(rest)?;
        let after = after.trim_start().strip_prefix(':')?.trim_start();
        let (value, after) = if after.starts_with('"') {
            string(after)?
        } else {
            let end = after.find(',').unwrap_or(after.len());
            let (word, after) = after.split_at(end);
            (word.trim_end(), after)
        };
        let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"_-+.".contains(&byte);
        if value.is_empty() || !value.bytes().all(bare) {
            return None;
        }
        fields.push((key, value));
        rest = match after.trim_start() {
            "" => "",
            more => {
                let more = more.strip_prefix(',')?.trim_start();
                if more.is_empty() {
                    return None;
                }
                more
            }
        };
    }
    Some(fields)
}

/// The string that `text` begins with, and what follows it.
fn string(text: &str) -> Option<(&str, &str)> {
    let (inside, after) = text.strip_prefix('"')?.split_once('"')?;
    (!inside.contains('\\')).then_some((inside, after))
}
