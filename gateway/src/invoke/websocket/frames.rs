//! WebSocket messages inside of a request's bodies: a kind, a length in four bytes, a payload. Tabs have the other side in
//! `web/isolate/websocket.js`.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

/// Largest message, in bytes, both ways.
pub(super) const MAX_MESSAGE: usize = 4 << 20;

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const HEADER: usize = 5;

/// A message as it goes to a tab; `None` for those that end at the gateway (pings).
pub(super) fn encode(message: &Message) -> Option<Bytes> {
    let (kind, payload): (u8, Bytes) = match message {
        Message::Text(text) => (TEXT, Bytes::copy_from_slice(text.as_bytes())),
        Message::Binary(bytes) => (BINARY, Bytes::copy_from_slice(bytes)),
        Message::Close(None) => (CLOSE, Bytes::new()),
        Message::Close(Some(frame)) => {
            let mut payload = BytesMut::with_capacity(2 + frame.reason.len());
            payload.put_u16(frame.code.into());
            payload.put_slice(frame.reason.as_bytes());
            (CLOSE, payload.freeze())
        }
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return None,
    };
    let mut out = BytesMut::with_capacity(HEADER + payload.len());
    out.put_u8(kind);
    out.put_u32(u32::try_from(payload.len()).ok()?);
    out.put_slice(&payload);
    Some(out.freeze())
}

/// What a tab sends, cut into messages.
#[derive(Debug, Default)]
pub(super) struct Decoder(BytesMut);

/// A tab sent what is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Decoder {
    /// Takes bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole message.
    pub(super) fn next(&mut self) -> Result<Option<Message>, Malformed> {
        if self.0.len() < HEADER {
            return Ok(None);
        }
        let kind = self.0[0];
        let len = u32::from_be_bytes([self.0[1], self.0[2], self.0[3], self.0[4]]) as usize;
        if len > MAX_MESSAGE {
            return Err(Malformed);
        }
        if self.0.len() < HEADER + len {
            return Ok(None);
        }
        self.0.advance(HEADER);
        let mut payload = self.0.split_to(len).freeze();
        let text = |bytes: Bytes| Utf8Bytes::try_from(bytes).map_err(|_| Malformed);
        Ok(Some(match kind {
            TEXT => Message::Text(text(payload)?),
            BINARY => Message::Binary(payload),
            CLOSE if payload.is_empty() => Message::Close(None),
            CLOSE if payload.len() >= 2 => {
                let code = CloseCode::from(payload.get_u16());
                // Codes that may not be sent (1005, 1006) say nothing anyway.
                let frame = CloseFrame { code, reason: text(payload)? };
                Message::Close(frame.code.is_allowed().then_some(frame))
            }
            _ => return Err(Malformed),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_pass_in_any_pieces() {
        let close = CloseFrame { code: CloseCode::Library(4000), reason: "bye".into() };
        let messages = [
            Message::text("hällo"),
            Message::binary(vec![0, 255]),
            Message::text(""),
            Message::Close(Some(close)),
            Message::Close(None),
        ];
        let bytes: Vec<u8> = messages.iter().flat_map(|message| encode(message).unwrap().to_vec()).collect();
        for size in [1, 3, 1000] {
            let mut decoder = Decoder::default();
            let mut got = Vec::new();
            for piece in bytes.chunks(size) {
                decoder.push(piece);
                while let Some(message) = decoder.next().unwrap() {
                    got.push(message);
                }
            }
            assert_eq!(got, messages);
        }
        assert!(encode(&Message::Ping(Bytes::new())).is_none());
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for wrong in [&[1, 255, 0, 0, 0][..], &[3, 0, 0, 0, 0], &[1, 0, 0, 0, 1, 255], &[8, 0, 0, 0, 1, 3]] {
            let mut decoder = Decoder::default();
            decoder.push(wrong);
            assert_eq!(decoder.next(), Err(Malformed), "{wrong:?}");
        }
    }
}
