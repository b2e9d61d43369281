//! [`ToIsolate`] as the arrays that an isolate reads; see [`crate::wire::to_isolate`].

use crate::core::{ToCall, ToIsolate};
use crate::headers;
use crate::wire::to_isolate::{
    ABORT, BODY, BODY_END, CALL_CHUNK, CALL_CREDIT, CALL_END, CALL_FAILED, CALL_RESPONSE, CREDIT, PING,
    REQUEST, START,
};
use bytes::Bytes;
use http::HeaderMap;
use js_sys::{Array, JsString, Object, Reflect, Uint8Array};
use std::collections::HashMap;
use wasm_bindgen::prelude::*;

/// Below this many bytes a copy is cheaper than a transfer.
const MIN_TRANSFER: usize = 16 * 1024;

/// The message; buffers to transfer with it are added to `transfers`.
pub(super) fn message(message: &ToIsolate, bundles: &HashMap<String, JsValue>, transfers: &Array) -> JsValue {
    match message {
        ToIsolate::Request { id, head, has_body } => {
            let fields = fields(&head.headers);
            let info = object(&[("requestId", (*head.request_id).into())]);
            let request =
                array(REQUEST, &[(*id).into(), head.method.as_str().into(), head.url.as_str().into()]);
            request.push(&fields);
            request.push(&(*has_body).into());
            request.push(&info);
            request.into()
        }
        ToIsolate::Credit { id, bytes } => array(CREDIT, &[(*id).into(), (*bytes as f64).into()]).into(),
        ToIsolate::Body { id, data } => array(BODY, &[(*id).into(), body(data, transfers)]).into(),
        ToIsolate::BodyEnd { id } => array(BODY_END, &[(*id).into()]).into(),
        ToIsolate::Abort { id, reason } => array(ABORT, &[(*id).into(), (*reason).into()]).into(),
        ToIsolate::Call { id, message } => call((*id).into(), message, transfers).into(),
        ToIsolate::Ping { n } => array(PING, &[(*n).into()]).into(),
        ToIsolate::Start { target, limits } => {
            let info = object(&[
                ("handler", target.handler.as_str().into()),
                ("tenant", target.tenant.as_str().into()),
                ("version", target.version.as_str().into()),
                ("memory", ((u64::from(limits.memory_mb) << 20) as f64).into()),
                ("subrequests", limits.subrequests.into()),
                ("logBytes", limits.log_bytes.into()),
            ]);
            let bundle = bundles.get(&target.version).cloned().unwrap_or(JsValue::NULL);
            array(START, &[bundle, info.into()]).into()
        }
    }
}

fn call(id: JsValue, message: &ToCall, transfers: &Array) -> Array {
    match message {
        ToCall::Response { head, has_body } => {
            let status = head.status.as_u16().into();
            array(CALL_RESPONSE, &[id, status, fields(&head.headers).into(), (*has_body).into()])
        }
        ToCall::Chunk(data) => array(CALL_CHUNK, &[id, body(data, transfers)]),
        ToCall::End => array(CALL_END, &[id]),
        ToCall::Failed(reason) => array(CALL_FAILED, &[id, reason.as_str().into()]),
        ToCall::Credit(bytes) => array(CALL_CREDIT, &[id, (*bytes as f64).into()]),
    }
}

/// A flat list: name, value, name, value.
fn fields(headers: &HeaderMap) -> Array {
    if headers.is_empty() { Array::new() } else { JsString::from(headers::join(headers)).split("\n") }
}

fn body(data: &Bytes, transfers: &Array) -> JsValue {
    let bytes = Uint8Array::new_from_slice(data);
    if data.len() >= MIN_TRANSFER {
        transfers.push(&bytes.buffer());
    }
    bytes.into()
}

fn array(opcode: u32, rest: &[JsValue]) -> Array {
    let message = Array::of1(&opcode.into());
    for value in rest {
        message.push(value);
    }
    message
}

/// A plain object.
pub(super) fn object(fields: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        // Fails only for frozen objects and proxies.
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object
}
