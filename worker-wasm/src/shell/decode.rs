//! What an isolate posted, as [`FromIsolate`]; see [`crate::wire::from_isolate`]. Structured clone has made plain data of
//! it, but any plain data: every length is checked before anything is copied, and nothing is assumed.

use crate::core::{CallRequest, ErrorCode, FromCall, FromIsolate};
use crate::headers::{self, MAX_JOINED};
use crate::wire::from_isolate::{
    BOOTED, BREACH, CALL, CALL_ABORT, CALL_CHUNK, CALL_CONSUMED, CALL_END, CHUNK, CONSUMED, DONE, END, ERROR,
    FAILED, LOG, PONG, RESPONSE, SPENT, STARTED,
};
use bytes::Bytes;
use http::{HeaderMap, Method};
use js_sys::{Array, JsString, Uint8Array};
use std::time::Duration;
use tabmesh_protocol::config::{MAX_HEAD, MAX_HEADERS, MAX_TEXT};
use wasm_bindgen::prelude::*;

/// Reads a message.
pub(super) fn message(value: &JsValue) -> FromIsolate {
    value
        .dyn_ref::<Array>()
        .and_then(parse)
        .unwrap_or(FromIsolate::Malformed("a message that is none of the protocol's"))
}

fn parse(message: &Array) -> Option<FromIsolate> {
    let id = || number(message, 1);
    Some(match number(message, 0)? {
        RESPONSE => FromIsolate::Response {
            id: id()?,
            status: number(message, 2)?,
            headers: fields(message.get(3).dyn_ref()?),
            has_body: message.get(4).as_bool()?,
        },
        CHUNK => FromIsolate::Chunk { id: id()?, data: bytes(message)? },
        END => FromIsolate::End { id: id()? },
        DONE => FromIsolate::Done { id: id()? },
        CONSUMED => FromIsolate::Consumed { id: id()?, bytes: number(message, 2)? as usize },
        ERROR => {
            let code = match text(message, 2)?.as_str() {
                "exception" => ErrorCode::Exception,
                "no-response" => ErrorCode::NoResponse,
                "body" => ErrorCode::Body,
                "aborted" => ErrorCode::Aborted,
                _ => return None,
            };
            FromIsolate::Error { id: id()?, code, message: text(message, 3)?, stack: text(message, 4)? }
        }
        LOG => {
            let level = match text(message, 2)?.as_str() {
                "debug" => 0,
                "info" => 1,
                "warn" => 2,
                "error" => 3,
                _ => return None,
            };
            FromIsolate::Log { id: id()?, level, text: text(message, 3)? }
        }
        BOOTED => FromIsolate::Booted,
        STARTED => FromIsolate::Started,
        FAILED => FromIsolate::Failed { message: text(message, 1)?, stack: text(message, 2)? },
        PONG => FromIsolate::Pong { n: id()? },
        SPENT => FromIsolate::Spent {
            busy: Duration::from_secs_f64(real(message, 1)?.min(MAX_SPENT) / 1000.0),
            bytes: real(message, 2)? as u64,
        },
        CALL => {
            let request = CallRequest {
                parent: number(message, 2)?,
                binding: whole(message, 3)?,
                method: Method::from_bytes(whole(message, 4)?.as_bytes()).ok()?,
                url: whole(message, 5)?,
                headers: fields(message.get(6).dyn_ref()?).ok()?,
                has_body: message.get(7).as_bool()?,
            };
            FromIsolate::Call { id: id()?, message: FromCall::Open(Box::new(request)) }
        }
        CALL_CHUNK => FromIsolate::Call { id: id()?, message: FromCall::Chunk(bytes(message)?) },
        CALL_END => FromIsolate::Call { id: id()?, message: FromCall::End },
        CALL_CONSUMED => {
            FromIsolate::Call { id: id()?, message: FromCall::Consumed(number(message, 2)? as usize) }
        }
        CALL_ABORT => FromIsolate::Call { id: id()?, message: FromCall::Abort },
        BREACH if text(message, 1)? == "memory" => FromIsolate::OutOfMemory { text: text(message, 2)? },
        _ => return None,
    })
}

/// Longest busy time that one report may tell, in ms: more than any limit.
const MAX_SPENT: f64 = 600_000.0;

/// A number from 0 up.
fn real(message: &Array, at: u32) -> Option<f64> {
    message.get(at).as_f64().filter(|value| value.is_finite() && *value >= 0.0)
}

fn number(message: &Array, at: u32) -> Option<u32> {
    let value = message.get(at).as_f64()?;
    (value >= 0.0 && value <= f64::from(u32::MAX) && value.fract() == 0.0).then_some(value as u32)
}

/// A piece of body.
fn bytes(message: &Array) -> Option<Bytes> {
    Some(Bytes::from(message.get(2).dyn_ref::<Uint8Array>()?.to_vec()))
}

/// A string that is of no use in parts; none that could not be in a head.
fn whole(message: &Array, at: u32) -> Option<String> {
    let value = message.get(at);
    let text = value.dyn_ref::<JsString>()?;
    if text.length() as usize <= MAX_HEAD { value.as_string() } else { None }
}

/// A string, clipped to what a frame may carry (in UTF-16 units here, in bytes by the session).
fn text(message: &Array, at: u32) -> Option<String> {
    let value = message.get(at);
    let text = value.dyn_ref::<JsString>()?;
    let most = MAX_TEXT as u32;
    if text.length() <= most { value.as_string() } else { text.slice(0, most).as_string() }
}

fn fields(flat: &Array) -> Result<HeaderMap, &'static str> {
    let count = flat.length();
    if count as usize > 2 * MAX_HEADERS {
        return Err("too many header fields");
    }
    let joined = flat.join("\n");
    if joined.length() > MAX_JOINED {
        return Err("the head is too large");
    }
    headers::split(&String::from(joined), count as usize)
}
