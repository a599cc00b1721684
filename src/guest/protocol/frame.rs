//! Lines and frames out of bytes, and frames as bytes.

/// The first byte of a frame; it is in no UTF-8, hence in no line.
const MARK: u8 = 0xf5;

/// The bytes before a frame's payload.
const HEADER: usize = 12;

/// The longest payload, in bytes. A port takes 32 KiB at a time (`drivers/char/virtio_console.c`).
pub(crate) const LONGEST_PAYLOAD: usize = 32 * 1024 - HEADER;

/// What a new host says before its *hello*: empty lines, as many as complete any frame that the
/// host before it was cut off in.
pub(crate) static FLUSH: [u8; HEADER + LONGEST_PAYLOAD] = [b'\n'; HEADER + LONGEST_PAYLOAD];

/// A piece of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// What it is: see [`super::message::Message`].
    pub(crate) kind: u8,
    /// Which stream it belongs to.
    pub(crate) stream: u32,
    /// At most [`LONGEST_PAYLOAD`].
    pub(crate) payload: &'a [u8],
}

impl Frame<'_> {
    /// Appends the frame; what exceeds the longest payload is left out, so callers split.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let payload = &self.payload[..self.payload.len().min(LONGEST_PAYLOAD)];
        let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
        let mut head = [0; 8];
        head[0] = MARK;
        head[1] = self.kind;
        head[2..4].copy_from_slice(&length.to_le_bytes());
        head[4..8].copy_from_slice(&self.stream.to_le_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(&checksum(head, payload).to_le_bytes());
        out.extend_from_slice(payload);
    }
}

/// Finds out that bytes are not what was sent, such as when the sender was cut off in their midst.
/// It is no seal against somebody who wants it to fit.
fn checksum(head: [u8; 8], payload: &[u8]) -> u32 {
    let mut sum = Sum::default();
    sum.add(&head);
    sum.add(payload);
    let sum = sum.finish();
    let [.., a, b, c, d] = (sum ^ (sum >> 32)).to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// A fast checksum of a stream, the same however it is split.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    mixed: u64,
    /// What is not a word yet.
    rest: [u8; 8],
    length: usize,
}

impl Default for Sum {
    fn default() -> Self {
        Self {
            // Not zero, which zeros would leave as it is.
            mixed: 0x243f_6a88_85a3_08d3,
            rest: [0; 8],
            length: 0,
        }
    }
}

impl Sum {
    /// Adds bytes.
    pub(crate) fn add(&mut self, mut bytes: &[u8]) {
        if self.length > 0 {
            let (begin, tail) = bytes.split_at(bytes.len().min(8 - self.length));
            self.rest[self.length..][..begin.len()].copy_from_slice(begin);
            self.length += begin.len();
            bytes = tail;
            if self.length < 8 {
                return;
            }
            self.mix(u64::from_le_bytes(self.rest));
            self.length = 0;
        }
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        self.rest[..rest.len()].copy_from_slice(rest);
        self.length = rest.len();
    }

    fn mix(&mut self, word: u64) {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        self.mixed = (self.mixed.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    }

    /// The sum of all that was added.
    pub(crate) fn finish(mut self) -> u64 {
        if self.length > 0 {
            self.rest[self.length..].fill(0);
            // With its length, or zeros at the end would not count.
            self.mix(u64::from_le_bytes(self.rest) ^ ((self.length as u64) << 56));
        }
        let mut sum = self.mixed;
        sum ^= sum >> 29;
        sum = sum.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        sum ^ (sum >> 32)
    }
}

/// What came over the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Incoming<'a> {
    /// A line, without its end.
    Line(&'a [u8]),
    /// A frame whose checksum is right.
    Frame(Frame<'a>),
}

/// Takes bytes split anywhere and gives lines and frames.
///
/// It begins with lines alone, for it may begin amid the frame of another life. The one who reads
/// calls [`Self::expect_frames`] when both ends agree on a session; from then on a byte that begins
/// a frame does. A frame that does not add up was cut off: it is dropped whole, and until the next
/// session there are only lines, of which the reader believes none but a greeting
/// ([`Self::is_lost`]). What was inside of a frame is never looked at as if it were lines.
#[derive(Debug)]
pub(crate) struct Decoder {
    buffer: Vec<u8>,
    taken: usize,
    longest_line: usize,
    framed: bool,
    lost: bool,
    /// The line under way is too long: what is left of it is passed over.
    skipping: bool,
}

enum Found {
    Line(usize, usize),
    Frame(u8, u32, usize, usize),
}

impl Decoder {
    /// For lines of at most so many bytes.
    pub(crate) fn new(longest_line: usize) -> Self {
        Self {
            buffer: Vec::new(),
            taken: 0,
            longest_line,
            framed: false,
            lost: false,
            skipping: false,
        }
    }

    /// From here on frames are frames.
    pub(crate) fn expect_frames(&mut self) {
        (self.framed, self.lost) = (true, false);
    }

    /// From here on there are lines only, until the next session.
    pub(crate) fn expect_lines(&mut self) {
        self.framed = false;
    }

    /// A frame was torn, and no session has begun since.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }

    /// The other end is gone, and what it had not said to the end with it.
    pub(crate) fn cut(&mut self) {
        *self = Self::new(self.longest_line);
    }

    /// Takes what was read; call [`Self::next`] until it gives nothing before the next of these, so
    /// that never more than a read and a frame or line is held.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..std::mem::take(&mut self.taken));
        self.buffer.extend_from_slice(bytes);
    }

    /// The next line or frame that is there whole.
    pub(crate) fn next(&mut self) -> Option<Incoming<'_>> {
        let found = self.find()?;
        Some(match found {
            Found::Line(begin, end) => Incoming::Line(&self.buffer[begin..end]),
            Found::Frame(kind, stream, begin, end) => Incoming::Frame(Frame {
                kind,
                stream,
                payload: &self.buffer[begin..end],
            }),
        })
    }

    fn find(&mut self) -> Option<Found> {
        loop {
            let begin = self.taken;
            let rest = &self.buffer[begin..];
            if self.framed && *rest.first()? == MARK {
                self.skipping = false;
                let (head, after) = rest.split_first_chunk::<8>()?;
                let (sum, after) = after.split_first_chunk::<4>()?;
                let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
                if length > LONGEST_PAYLOAD {
                    self.lose(1);
                    continue;
                }
                let payload = after.get(..length)?;
                if checksum(*head, payload) != u32::from_le_bytes(*sum) {
                    self.lose(HEADER + length);
                    continue;
                }
                let stream = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
                let kind = head[1];
                self.taken += HEADER + length;
                return Some(Found::Frame(kind, stream, begin + HEADER, self.taken));
            }
            let framed = self.framed;
            let ends = |&byte: &u8| byte == b'\n' || (framed && byte == MARK);
            let Some(length) = rest.iter().position(ends) else {
                if rest.len() > self.longest_line {
                    self.skipping = true;
                    self.taken = self.buffer.len();
                }
                return None;
            };
            let torn = rest[length] == MARK;
            self.taken += length + usize::from(!torn);
            let skipped = std::mem::take(&mut self.skipping) || length > self.longest_line;
            if length > 0 && !torn && !skipped {
                return Some(Found::Line(begin, begin + length));
            }
        }
    }

    /// Drops `length` bytes that are no frame.
    fn lose(&mut self, length: usize) {
        self.taken += length;
        (self.framed, self.lost) = (false, true);
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
