//! Frames as bytes, and bytes as frames however they were split on the way.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Answer, ClientFrame, Event, LONGEST_FRAME, Piece, Request, ServerFrame};
use crate::fault::Failure;

/// The bytes of a frame's length field.
const LENGTH: usize = 4;

/// Kinds of frames. A client's are below 128, a shim's above, so that a peer that talks to itself
/// notices.
mod kind {
    pub(super) const CLIENT_HELLO: u8 = 1;
    pub(super) const REQUEST: u8 = 2;
    pub(super) const INPUT: u8 = 3;
    pub(super) const TO_AGENT: u8 = 4;
    pub(super) const SERVER_HELLO: u8 = 129;
    pub(super) const ANSWER: u8 = 130;
    pub(super) const EVENT: u8 = 131;
    pub(super) const OUTPUT: u8 = 132;
    pub(super) const LIVE: u8 = 133;
    pub(super) const GAP: u8 = 134;
    pub(super) const FROM_AGENT: u8 = 135;
}

/// Why bytes are no frame, or a frame cannot be sent. The connection is of no use after the former.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A length of nothing, or beyond [`LONGEST_FRAME`].
    #[error("a frame of {0} bytes, allowed are 1 to {LONGEST_FRAME}")]
    Length(usize),
    /// A payload that is not what its kind says.
    #[error("a malformed frame of kind {kind}: {why}")]
    Malformed {
        /// The frame's kind.
        kind: u8,
        /// What is wrong with it.
        why: String,
    },
}

/// What came over the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming<F> {
    /// A frame that we know.
    Frame(F),
    /// Well formed, but from a newer peer.
    Unknown {
        /// The id to refuse, when it is a request.
        id: Option<u64>,
        /// What it is, in words.
        what: String,
    },
}

/// A frame of either side.
pub trait Frame: Sized {
    /// Appends the frame to `out`; `out` is as before when it fails.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Reads kind and payload.
    fn decode(kind: u8, payload: &[u8]) -> Result<Incoming<Self>, CodecError>;
}

/// Takes bytes split anywhere and gives frames.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    taken: usize,
}

impl Decoder {
    /// Where to append what was read. At most a frame and one read are ever held.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        // A long frame must not cost its memory for the rest of a connection's life.
        if self.buffer.is_empty() && self.buffer.capacity() > 64 * 1024 {
            self.buffer = Vec::new();
        }
        &mut self.buffer
    }

    /// The next whole frame, if there is one.
    pub fn take<F: Frame>(&mut self) -> Result<Option<Incoming<F>>, CodecError> {
        let rest = &self.buffer[self.taken..];
        let Some((length, rest)) = rest.split_first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length) as usize;
        if length == 0 || length > LONGEST_FRAME {
            return Err(CodecError::Length(length));
        }
        let Some(frame) = rest.get(..length) else {
            return Ok(None);
        };
        let incoming = F::decode(frame[0], &frame[1..])?;
        self.taken += LENGTH + length;
        Ok(Some(incoming))
    }
}

fn frame(
    out: &mut Vec<u8>,
    kind: u8,
    write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
) -> Result<(), CodecError> {
    let begin = out.len();
    out.extend([0; LENGTH]);
    out.push(kind);
    let written = write(out).map_err(|error| CodecError::Malformed {
        kind,
        why: error.to_string(),
    });
    let length = out.len() - begin - LENGTH;
    let checked = written.and_then(|()| {
        u32::try_from(length)
            .ok()
            .filter(|_| length <= LONGEST_FRAME)
            .ok_or(CodecError::Length(length))
    });
    match checked {
        Ok(length) => {
            out[begin..begin + LENGTH].copy_from_slice(&length.to_le_bytes());
            Ok(())
        }
        Err(error) => {
            out.truncate(begin);
            Err(error)
        }
    }
}

fn json(out: &mut Vec<u8>, kind: u8, payload: &impl Serialize) -> Result<(), CodecError> {
    frame(out, kind, |out| serde_json::to_writer(out, payload))
}

fn binary(out: &mut Vec<u8>, kind: u8, numbers: &[u64], bytes: &[u8]) -> Result<(), CodecError> {
    frame(out, kind, |out| {
        out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        out.extend_from_slice(bytes);
        Ok(())
    })
}

fn piece(out: &mut Vec<u8>, kind: u8, piece: &Piece) -> Result<(), CodecError> {
    frame(out, kind, |out| {
        out.extend(piece.stream.to_le_bytes());
        out.push(piece.kind);
        out.extend_from_slice(&piece.payload);
        Ok(())
    })
}

fn read_piece(kind: u8, payload: &[u8]) -> Result<Piece, CodecError> {
    let [a, b, c, d, of, payload @ ..] = payload else {
        return Err(too_few(kind, payload));
    };
    Ok(Piece {
        stream: u32::from_le_bytes([*a, *b, *c, *d]),
        kind: *of,
        payload: payload.to_vec(),
    })
}

fn too_few(kind: u8, payload: &[u8]) -> CodecError {
    CodecError::Malformed {
        kind,
        why: format!("{} bytes are too few", payload.len()),
    }
}

/// JSON that is none is malformed; JSON that we cannot place is a newer peer's.
fn read<T: DeserializeOwned>(
    kind: u8,
    payload: &[u8],
) -> Result<Result<T, serde_json::Value>, CodecError> {
    match serde_json::from_slice(payload) {
        Ok(value) => Ok(Ok(value)),
        Err(_) => match serde_json::from_slice(payload) {
            Ok(value) => Ok(Err(value)),
            Err(error) => Err(CodecError::Malformed {
                kind,
                why: error.to_string(),
            }),
        },
    }
}

fn numbers<const N: usize>(kind: u8, payload: &[u8]) -> Result<([u64; N], &[u8]), CodecError> {
    let mut rest = payload;
    let mut numbers = [0; N];
    for number in &mut numbers {
        let Some((bytes, tail)) = rest.split_first_chunk() else {
            return Err(too_few(kind, payload));
        };
        *number = u64::from_le_bytes(*bytes);
        rest = tail;
    }
    Ok((numbers, rest))
}

fn unknown<F>(kind: u8) -> Incoming<F> {
    Incoming::Unknown {
        id: None,
        what: format!("a frame of kind {kind}"),
    }
}

#[derive(Serialize, Deserialize)]
struct ClientHello {
    protocol: u32,
    version: String,
}

#[derive(Serialize, Deserialize)]
struct Asked<R> {
    id: u64,
    request: R,
}

#[derive(Serialize, Deserialize)]
struct ServerHello {
    protocol: u32,
    version: String,
    pid: u32,
}

#[derive(Serialize, Deserialize)]
struct Answered<A, F> {
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<A>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<F>,
}

impl Frame for ClientFrame {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match self {
            Self::Hello { protocol, version } => json(
                out,
                kind::CLIENT_HELLO,
                &ClientHello {
                    protocol: *protocol,
                    version: version.clone(),
                },
            ),
            Self::Request { id, request } => json(out, kind::REQUEST, &Asked { id: *id, request }),
            Self::Input(bytes) => binary(out, kind::INPUT, &[], bytes),
            Self::Stream(of) => piece(out, kind::TO_AGENT, of),
        }
    }

    fn decode(kind: u8, payload: &[u8]) -> Result<Incoming<Self>, CodecError> {
        Ok(match kind {
            kind::CLIENT_HELLO => match read::<ClientHello>(kind, payload)? {
                Ok(ClientHello { protocol, version }) => {
                    Incoming::Frame(Self::Hello { protocol, version })
                }
                Err(_) => unknown(kind),
            },
            kind::REQUEST => match read::<Asked<Request>>(kind, payload)? {
                Ok(Asked { id, request }) => Incoming::Frame(Self::Request { id, request }),
                Err(value) => Incoming::Unknown {
                    id: value.get("id").and_then(serde_json::Value::as_u64),
                    what: "a request that this shim does not know".to_owned(),
                },
            },
            kind::INPUT => Incoming::Frame(Self::Input(payload.to_vec())),
            kind::TO_AGENT => Incoming::Frame(Self::Stream(read_piece(kind, payload)?)),
            _ => unknown(kind),
        })
    }
}

impl Frame for ServerFrame {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match self {
            Self::Hello {
                protocol,
                version,
                pid,
            } => json(
                out,
                kind::SERVER_HELLO,
                &ServerHello {
                    protocol: *protocol,
                    version: version.clone(),
                    pid: *pid,
                },
            ),
            Self::Answer { id, result } => json(
                out,
                kind::ANSWER,
                &Answered {
                    id: *id,
                    answer: result.as_ref().ok(),
                    failure: result.as_ref().err(),
                },
            ),
            Self::Event(event) => json(out, kind::EVENT, event),
            Self::Output {
                offset,
                t_us,
                bytes,
            } => binary(out, kind::OUTPUT, &[*offset, *t_us], bytes),
            Self::Live { offset } => binary(out, kind::LIVE, &[*offset], &[]),
            Self::Gap { offset, missing } => binary(out, kind::GAP, &[*offset, *missing], &[]),
            Self::Stream(of) => piece(out, kind::FROM_AGENT, of),
        }
    }

    fn decode(kind: u8, payload: &[u8]) -> Result<Incoming<Self>, CodecError> {
        Ok(match kind {
            kind::SERVER_HELLO => match read::<ServerHello>(kind, payload)? {
                Ok(hello) => Incoming::Frame(Self::Hello {
                    protocol: hello.protocol,
                    version: hello.version,
                    pid: hello.pid,
                }),
                Err(_) => unknown(kind),
            },
            kind::ANSWER => match read::<Answered<Answer, Failure>>(kind, payload)? {
                Ok(Answered {
                    id,
                    answer: Some(answer),
                    ..
                }) => Incoming::Frame(Self::Answer {
                    id,
                    result: Ok(answer),
                }),
                Ok(Answered {
                    id,
                    failure: Some(failure),
                    ..
                }) => Incoming::Frame(Self::Answer {
                    id,
                    result: Err(failure),
                }),
                Ok(Answered { id, .. }) => Incoming::Unknown {
                    id: Some(id),
                    what: "an empty answer".to_owned(),
                },
                Err(value) => Incoming::Unknown {
                    id: value.get("id").and_then(serde_json::Value::as_u64),
                    what: "an answer that this client does not know".to_owned(),
                },
            },
            kind::EVENT => match read::<Event>(kind, payload)? {
                Ok(event) => Incoming::Frame(Self::Event(event)),
                Err(_) => unknown(kind),
            },
            kind::OUTPUT => {
                let ([offset, t_us], bytes) = numbers(kind, payload)?;
                Incoming::Frame(Self::Output {
                    offset,
                    t_us,
                    bytes: bytes.to_vec(),
                })
            }
            kind::LIVE => {
                let ([offset], _) = numbers(kind, payload)?;
                Incoming::Frame(Self::Live { offset })
            }
            kind::GAP => {
                let ([offset, missing], _) = numbers(kind, payload)?;
                Incoming::Frame(Self::Gap { offset, missing })
            }
            kind::FROM_AGENT => Incoming::Frame(Self::Stream(read_piece(kind, payload)?)),
            _ => unknown(kind),
        })
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
