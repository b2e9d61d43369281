//! Frames: the unit that a message carries one or more of.
//!
//! Layout: type (1 byte), stream (varint, 0 where none), payload length (varint), payload. A frame never spans
//! messages. Parsing borrows from the message; nothing here keeps state or knows which frame is due.

use crate::bundle::{HASH_CHARS, is_hash};
use crate::config::{MAX_HEAD, MAX_HELLO, MAX_MESSAGE, MAX_PUSHED_CODE, MAX_TEXT};
use crate::error::{ResetCode, Violation};
use crate::varint;
use bytes::{Buf, BufMut, Bytes};

/// One parsed frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// First frame of each side: protocol version and a JSON payload ([`crate::Hello`]).
    Hello {
        /// Protocol version.
        version: u32,
        /// JSON.
        payload: Bytes,
    },
    /// Opens a stream (from its opener: a request head) or answers on it (a response head).
    Head {
        /// Stream.
        stream: u64,
        /// No body follows.
        fin: bool,
        /// Encoded by [`crate::head`].
        payload: Bytes,
    },
    /// A piece of body.
    Data {
        /// Stream.
        stream: u64,
        /// Last piece.
        fin: bool,
        /// The bytes; under flow control.
        payload: Bytes,
    },
    /// Ends both halves of a stream at once.
    Reset {
        /// Stream.
        stream: u64,
        /// Why.
        code: ResetCode,
        /// For the log: message and stack of an exception, say.
        reason: String,
    },
    /// "Send me no more body on this stream"; the other half goes on.
    Stop {
        /// Stream.
        stream: u64,
    },
    /// More body bytes may be sent.
    Credit {
        /// Stream; 0 for the connection.
        stream: u64,
        /// How many more.
        bytes: u64,
    },
    /// Asks for a sign of life.
    Ping {
        /// Comes back in the pong.
        nonce: u64,
    },
    /// Answer to a ping, with the sender's load.
    Pong {
        /// Of the ping.
        nonce: u64,
        /// Requests being worked on.
        active: u32,
        /// Requests waiting for an isolate.
        waiting: u32,
        /// Isolates alive.
        isolates: u32,
    },
    /// Whether the sender takes new streams from now on.
    Drain {
        /// True: open no more streams to me.
        draining: bool,
    },
    /// A line of a handler's console.
    Log {
        /// Stream that it belongs to; 0 where none.
        stream: u64,
        /// 0 debug, 1 info, 2 warn, 3 error.
        level: u8,
        /// The line.
        text: String,
    },
    /// What a request used. Only tabs send it, to gateways that said that they take it.
    Cost {
        /// Stream; it may be over.
        stream: u64,
        /// What.
        cost: Cost,
    },
    /// Code that a request behind it needs. Only gateways send it.
    Code {
        /// Hash of the bundle, as [`is_hash`] has it.
        hash: String,
        /// JSON of a [`crate::bundle::Bundle`].
        bundle: Bytes,
    },
}

/// What a request used in a tab, as that tab says: a hint, for a tab may lie. All in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// CPU time of the handler.
    pub cpu: u32,
    /// From the request's arrival until its handler could begin: no isolate was free, or the code was being loaded.
    pub queued: u32,
    /// From then until the last of its work, `waitUntil` included, was done.
    pub ran: u32,
}

const HELLO: u8 = 0x01;
const HEAD: u8 = 0x02;
const HEAD_FIN: u8 = 0x03;
const DATA: u8 = 0x04;
const DATA_FIN: u8 = 0x05;
const RESET: u8 = 0x06;
const STOP: u8 = 0x07;
const CREDIT: u8 = 0x08;
const PING: u8 = 0x09;
const PONG: u8 = 0x0a;
const DRAIN: u8 = 0x0b;
const LOG: u8 = 0x0c;
const CODE: u8 = 0x0d;
const COST: u8 = 0x0e;

/// Most bytes that a frame adds to its payload: type, 8-byte stream, 4-byte length.
pub const MAX_OVERHEAD: usize = 1 + 8 + 4;

/// Appends a head or data frame; the session's fast path, without building a [`Frame`].
pub(crate) fn put_body(out: &mut impl BufMut, head: bool, stream: u64, fin: bool, payload: &[u8]) {
    out.put_u8((if head { HEAD } else { DATA }) + u8::from(fin));
    varint::put(out, stream);
    varint::put(out, payload.len() as u64);
    out.put_slice(payload);
}

/// Appends a code frame, without building a [`Frame`].
pub(crate) fn put_code(out: &mut Vec<u8>, hash: &str, bundle: &[u8]) {
    out.put_u8(CODE);
    varint::put(out, 0);
    varint::put(out, (hash.len() + bundle.len()) as u64);
    out.extend_from_slice(hash.as_bytes());
    out.extend_from_slice(bundle);
}

/// Cuts `text` to at most `max` bytes at a character boundary.
#[must_use]
pub fn clip(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

impl Frame {
    /// Appends the frame's bytes. Texts longer than [`MAX_TEXT`] are cut.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut payload = Vec::new();
        let (kind, stream) = match self {
            Self::Head { stream, fin, payload } => return put_body(out, true, *stream, *fin, payload),
            Self::Data { stream, fin, payload } => return put_body(out, false, *stream, *fin, payload),
            Self::Code { hash, bundle } => return put_code(out, hash, bundle),
            Self::Hello { version, payload: json } => {
                varint::put(&mut payload, u64::from(*version));
                payload.extend_from_slice(json);
                (HELLO, 0)
            }
            Self::Reset { stream, code, reason } => {
                varint::put(&mut payload, code.to_wire());
                payload.extend_from_slice(clip(reason, MAX_TEXT).as_bytes());
                (RESET, *stream)
            }
            Self::Stop { stream } => (STOP, *stream),
            Self::Credit { stream, bytes } => {
                varint::put(&mut payload, *bytes);
                (CREDIT, *stream)
            }
            Self::Ping { nonce } => {
                varint::put(&mut payload, *nonce);
                (PING, 0)
            }
            Self::Pong { nonce, active, waiting, isolates } => {
                varint::put(&mut payload, *nonce);
                for value in [active, waiting, isolates] {
                    varint::put(&mut payload, u64::from(*value));
                }
                (PONG, 0)
            }
            Self::Drain { draining } => {
                payload.push(u8::from(*draining));
                (DRAIN, 0)
            }
            Self::Log { stream, level, text } => {
                payload.push(*level);
                payload.extend_from_slice(clip(text, MAX_TEXT).as_bytes());
                (LOG, *stream)
            }
            Self::Cost { stream, cost: Cost { cpu, queued, ran } } => {
                for value in [cpu, queued, ran] {
                    varint::put(&mut payload, u64::from(*value));
                }
                (COST, *stream)
            }
        };
        out.put_u8(kind);
        varint::put(out, stream);
        varint::put(out, payload.len() as u64);
        out.extend_from_slice(&payload);
    }

    /// Takes one frame off the front of a message.
    ///
    /// # Errors
    /// [`Violation`] when the bytes are not a frame of this version or a payload is over its limit.
    pub fn decode(message: &mut Bytes) -> Result<Self, Violation> {
        const TRUNCATED: Violation = Violation::Malformed("truncated");
        if message.len() > MAX_MESSAGE {
            return Err(Violation::MessageTooLarge(message.len()));
        }
        if message.is_empty() {
            return Err(TRUNCATED);
        }
        let kind = message.get_u8();
        let stream = varint::get(message).ok_or(TRUNCATED)?;
        let len = varint::get(message).ok_or(TRUNCATED)?;
        let len = usize::try_from(len).ok().filter(|len| *len <= message.len()).ok_or(TRUNCATED)?;
        let mut payload = message.split_to(len);
        let needs_stream = matches!(kind, HEAD | HEAD_FIN | DATA | DATA_FIN | RESET | STOP | COST);
        if needs_stream && stream == 0 {
            return Err(Violation::Malformed("stream frame without a stream"));
        }
        if matches!(kind, HELLO | PING | PONG | DRAIN | CODE) && stream != 0 {
            return Err(Violation::Malformed("connection frame with a stream"));
        }
        let frame = match kind {
            HELLO => {
                if len > MAX_HELLO {
                    return Err(Violation::Malformed("hello too long"));
                }
                let version = small(&mut payload)?;
                return Ok(Self::Hello { version, payload });
            }
            HEAD | HEAD_FIN => {
                if len > MAX_HEAD {
                    return Err(Violation::Malformed("head too long"));
                }
                return Ok(Self::Head { stream, fin: kind == HEAD_FIN, payload });
            }
            DATA | DATA_FIN => return Ok(Self::Data { stream, fin: kind == DATA_FIN, payload }),
            RESET => {
                let code = ResetCode::from_wire(varint::get(&mut payload).ok_or(TRUNCATED)?);
                return Ok(Self::Reset { stream, code, reason: text(&payload)? });
            }
            LOG => {
                if payload.is_empty() {
                    return Err(TRUNCATED);
                }
                let level = payload.get_u8();
                if level > 3 {
                    return Err(Violation::Malformed("log level"));
                }
                return Ok(Self::Log { stream, level, text: text(&payload)? });
            }
            CODE => {
                if len > HASH_CHARS + MAX_PUSHED_CODE {
                    return Err(Violation::Malformed("code too long"));
                }
                let hash = payload.split_to(HASH_CHARS.min(len));
                let hash = std::str::from_utf8(&hash).ok().filter(|hash| is_hash(hash));
                let hash = hash.ok_or(Violation::Malformed("code without a hash"))?.to_owned();
                return Ok(Self::Code { hash, bundle: payload });
            }
            STOP => Self::Stop { stream },
            CREDIT => Self::Credit { stream, bytes: varint::get(&mut payload).ok_or(TRUNCATED)? },
            PING => Self::Ping { nonce: varint::get(&mut payload).ok_or(TRUNCATED)? },
            PONG => Self::Pong {
                nonce: varint::get(&mut payload).ok_or(TRUNCATED)?,
                active: small(&mut payload)?,
                waiting: small(&mut payload)?,
                isolates: small(&mut payload)?,
            },
            COST => Self::Cost {
                stream,
                cost: Cost {
                    cpu: small(&mut payload)?,
                    queued: small(&mut payload)?,
                    ran: small(&mut payload)?,
                },
            },
            DRAIN => match payload.split_to(len.min(1)).first() {
                Some(0) => Self::Drain { draining: false },
                Some(1) => Self::Drain { draining: true },
                _ => return Err(Violation::Malformed("drain flag")),
            },
            other => return Err(Violation::UnknownFrame(other)),
        };
        if payload.is_empty() { Ok(frame) } else { Err(Violation::Malformed("bytes after the payload")) }
    }
}

fn small(payload: &mut Bytes) -> Result<u32, Violation> {
    varint::get(payload)
        .and_then(|value| u32::try_from(value).ok())
        .ok_or(Violation::Malformed("number out of range"))
}

/// Text from a peer: bounded, and never refused for its encoding (it goes to a log, not to a parser).
fn text(payload: &[u8]) -> Result<String, Violation> {
    if payload.len() > MAX_TEXT {
        return Err(Violation::Malformed("text too long"));
    }
    Ok(String::from_utf8_lossy(payload).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_frame() -> impl Strategy<Value = Frame> {
        let stream = 1..varint::MAX;
        let bytes = proptest::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from);
        prop_oneof![
            (any::<u32>().prop_map(|v| v >> 2), bytes.clone())
                .prop_map(|(version, payload)| Frame::Hello { version, payload }),
            (stream.clone(), any::<bool>(), bytes.clone()).prop_map(|(stream, fin, payload)| Frame::Head {
                stream,
                fin,
                payload
            }),
            (stream.clone(), any::<bool>(), bytes.clone()).prop_map(|(stream, fin, payload)| Frame::Data {
                stream,
                fin,
                payload
            }),
            ("[0-9a-f]{64}", bytes).prop_map(|(hash, bundle)| Frame::Code { hash, bundle }),
            (stream.clone(), 1u64..11, ".{0,40}").prop_map(|(stream, code, reason)| Frame::Reset {
                stream,
                code: ResetCode::from_wire(code),
                reason
            }),
            stream.prop_map(|stream| Frame::Stop { stream }),
            (0..varint::MAX, 0..varint::MAX).prop_map(|(stream, bytes)| Frame::Credit { stream, bytes }),
            (0..varint::MAX).prop_map(|nonce| Frame::Ping { nonce }),
            (0..varint::MAX, any::<u32>(), any::<u32>(), any::<u32>()).prop_map(
                |(nonce, active, waiting, isolates)| Frame::Pong { nonce, active, waiting, isolates }
            ),
            any::<bool>().prop_map(|draining| Frame::Drain { draining }),
            (1..varint::MAX, any::<u32>(), any::<u32>(), any::<u32>()).prop_map(
                |(stream, cpu, queued, ran)| Frame::Cost { stream, cost: Cost { cpu, queued, ran } }
            ),
            (0..varint::MAX, 0u8..4, ".{0,40}").prop_map(|(stream, level, text)| Frame::Log {
                stream,
                level,
                text
            }),
        ]
    }

    proptest! {
        #[test]
        fn several_frames_round_trip_in_one_message(frames in proptest::collection::vec(any_frame(), 1..8)) {
            let mut out = Vec::new();
            frames.iter().for_each(|frame| frame.encode(&mut out));
            let mut message = Bytes::from(out);
            for frame in &frames {
                prop_assert_eq!(&Frame::decode(&mut message).unwrap(), frame);
            }
            prop_assert!(message.is_empty());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut message = Bytes::from(bytes);
            while !message.is_empty() && Frame::decode(&mut message).is_ok() {}
        }
    }

    #[test]
    fn the_bytes_are_pinned() {
        let frames = [
            Frame::Hello { version: 1, payload: Bytes::from_static(b"{}") },
            Frame::Head { stream: 1, fin: true, payload: Bytes::from_static(b"head") },
            Frame::Data { stream: 16_384, fin: false, payload: Bytes::from_static(b"body") },
            Frame::Reset { stream: 3, code: ResetCode::Timeout, reason: "slow".into() },
            Frame::Stop { stream: 3 },
            Frame::Credit { stream: 0, bytes: 65_536 },
            Frame::Ping { nonce: 7 },
            Frame::Pong { nonce: 7, active: 1, waiting: 2, isolates: 3 },
            Frame::Drain { draining: true },
            Frame::Log { stream: 1, level: 3, text: "oh".into() },
            Frame::Code { hash: "0f".repeat(32), bundle: Bytes::from_static(b"{}") },
            Frame::Cost { stream: 3, cost: Cost { cpu: 70_000, queued: 1, ran: 64 } },
        ];
        let lines: Vec<String> = frames
            .iter()
            .map(|frame| {
                let mut out = Vec::new();
                frame.encode(&mut out);
                out.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        01 00 03 01 7b 7d
        03 01 04 68 65 61 64
        04 80 00 40 00 04 62 6f 64 79
        06 03 05 02 73 6c 6f 77
        07 03 00
        08 00 04 80 01 00 00
        09 00 01 07
        0a 00 04 07 01 02 03
        0b 00 01 01
        0c 01 03 03 6f 68
        0d 00 40 42 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 30 66 7b 7d
        0e 03 07 80 01 11 70 01 40 40
        ");
    }

    #[test]
    fn code_has_a_hash_and_a_bound() {
        let decode = |payload: &[u8]| {
            let mut out = vec![CODE, 0];
            varint::put(&mut out, payload.len() as u64);
            out.extend_from_slice(payload);
            Frame::decode(&mut Bytes::from(out))
        };
        let hash = "0f".repeat(32);
        let with = |bundle: usize| [hash.as_bytes(), &vec![b' '; bundle]].concat();
        let Ok(Frame::Code { bundle, .. }) = decode(&with(MAX_PUSHED_CODE)) else { panic!("the largest") };
        assert_eq!(bundle.len(), MAX_PUSHED_CODE);
        assert!(matches!(decode(&with(0)), Ok(Frame::Code { .. })));
        assert_eq!(decode(&with(MAX_PUSHED_CODE + 1)), Err(Violation::Malformed("code too long")));
        for wrong in [&b""[..], &hash.as_bytes()[1..], hash.to_uppercase().as_bytes(), &[0xff; 64]] {
            assert_eq!(decode(wrong), Err(Violation::Malformed("code without a hash")), "{wrong:?}");
        }
    }

    #[test]
    fn texts_are_cut_at_a_character() {
        let mut out = Vec::new();
        Frame::Log { stream: 0, level: 1, text: "é".repeat(MAX_TEXT) }.encode(&mut out);
        let Frame::Log { text, .. } = Frame::decode(&mut Bytes::from(out)).unwrap() else { panic!() };
        assert_eq!(text.len(), MAX_TEXT);
    }
}
