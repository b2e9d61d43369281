//! Request and response heads as bytes, to and from `http` types.
//!
//! Every field survives: repeated names in order, `Cookie` and `Host`, values that are not UTF-8. Lengths are
//! varints. Nothing here interprets a field.

use crate::config::{MAX_HEAD, MAX_HEADERS};
use crate::error::Violation;
use crate::limits::Limits;
use crate::varint;
use bytes::{Buf, BufMut, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::sync::Arc;

/// Which code a request is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Owner; decides the origin that the isolate runs in.
    pub tenant: String,
    /// Handler name.
    pub handler: String,
    /// SHA-256 of the bundle, 64 hex digits.
    pub version: String,
}

/// What the gateway sends to open a stream.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// The code to run. Shared: whoever serves or logs the request keeps it.
    pub target: Arc<Target>,
    /// Id of the request in logs on both sides.
    pub request_id: Arc<str>,
    /// What the request may use.
    pub limits: Limits,
    /// Method.
    pub method: Method,
    /// Absolute URL as the handler shall see it.
    pub url: String,
    /// Header fields.
    pub headers: HeaderMap,
}

/// What a tab sends to open a stream: a handler calls the gateway (outbound fetch, or a binding).
#[derive(Clone, Debug)]
pub struct CallHead {
    /// The code that calls. The gateway believes it only of a tab that it sent a request for this code not long ago.
    pub target: Arc<Target>,
    /// The gateway's stream whose request it serves; it may be over (`waitUntil`).
    pub parent: u64,
    /// Name of the binding in `env`, or one of [`crate::calls`].
    pub binding: String,
    /// Method.
    pub method: Method,
    /// Absolute URL for `fetch` and fetchers; a binding's own form for others.
    pub url: String,
    /// Header fields.
    pub headers: HeaderMap,
}

/// What the called side answers with.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// Status, 200-599 or 101.
    pub status: StatusCode,
    /// Header fields.
    pub headers: HeaderMap,
}

/// A head that does not fit [`MAX_HEAD`] bytes or [`MAX_HEADERS`] fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("head of {bytes} bytes and {fields} fields is over the limit")]
pub struct HeadTooLarge {
    /// Encoded size.
    pub bytes: usize,
    /// Number of fields.
    pub fields: usize,
}

const TRUNCATED: Violation = Violation::Malformed("head truncated");

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::put(out, bytes.len() as u64);
    out.put_slice(bytes);
}

fn get(input: &mut Bytes) -> Result<Bytes, Violation> {
    let len = varint::get(input).ok_or(TRUNCATED)?;
    let len = usize::try_from(len).ok().filter(|len| *len <= input.len()).ok_or(TRUNCATED)?;
    Ok(input.split_to(len))
}

fn get_text(input: &mut Bytes) -> Result<String, Violation> {
    String::from_utf8(get(input)?.into()).map_err(|_| Violation::Malformed("head text is not UTF-8"))
}

fn put_target(out: &mut Vec<u8>, Target { tenant, handler, version }: &Target) {
    for text in [tenant, handler, version] {
        put(out, text.as_bytes());
    }
}

fn get_target(input: &mut Bytes) -> Result<Arc<Target>, Violation> {
    let target = Target { tenant: get_text(input)?, handler: get_text(input)?, version: get_text(input)? };
    Ok(target.into())
}

fn put_headers(out: &mut Vec<u8>, headers: &HeaderMap) {
    varint::put(out, headers.len() as u64);
    for (name, value) in headers {
        put(out, name.as_str().as_bytes());
        put(out, value.as_bytes());
    }
}

fn get_headers(input: &mut Bytes) -> Result<HeaderMap, Violation> {
    let count = varint::get(input).ok_or(TRUNCATED)?;
    let count = usize::try_from(count)
        .ok()
        .filter(|count| *count <= MAX_HEADERS)
        .ok_or(Violation::Malformed("too many header fields"))?;
    let mut headers = HeaderMap::with_capacity(count);
    for _ in 0..count {
        let name = HeaderName::from_bytes(&get(input)?).map_err(|_| Violation::Malformed("header name"))?;
        let value =
            HeaderValue::from_maybe_shared(get(input)?).map_err(|_| Violation::Malformed("header value"))?;
        headers.append(name, value);
    }
    if input.is_empty() { Ok(headers) } else { Err(Violation::Malformed("bytes after the head")) }
}

fn fits(out: Vec<u8>, fields: usize) -> Result<Vec<u8>, HeadTooLarge> {
    if out.len() <= MAX_HEAD && fields <= MAX_HEADERS {
        Ok(out)
    } else {
        Err(HeadTooLarge { bytes: out.len(), fields })
    }
}

impl RequestHead {
    /// The head's bytes.
    ///
    /// # Errors
    /// [`HeadTooLarge`]; the caller answers 431.
    pub fn encode(&self) -> Result<Vec<u8>, HeadTooLarge> {
        let mut out = Vec::with_capacity(512);
        put_target(&mut out, &self.target);
        put(&mut out, self.request_id.as_bytes());
        self.limits.put(&mut out);
        put(&mut out, self.method.as_str().as_bytes());
        put(&mut out, self.url.as_bytes());
        put_headers(&mut out, &self.headers);
        fits(out, self.headers.len())
    }

    /// Reads a head.
    ///
    /// # Errors
    /// [`Violation::Malformed`].
    pub fn decode(mut input: Bytes) -> Result<Self, Violation> {
        let input = &mut input;
        let target = get_target(input)?;
        let request_id = get_text(input)?.into();
        let limits = Limits::get(input)?;
        let method = Method::from_bytes(&get(input)?).map_err(|_| Violation::Malformed("method"))?;
        let url = get_text(input)?;
        Ok(Self { target, request_id, limits, method, url, headers: get_headers(input)? })
    }
}

impl CallHead {
    /// The head's bytes.
    ///
    /// # Errors
    /// [`HeadTooLarge`].
    pub fn encode(&self) -> Result<Vec<u8>, HeadTooLarge> {
        let mut out = Vec::with_capacity(256);
        put_target(&mut out, &self.target);
        put(&mut out, self.binding.as_bytes());
        varint::put(&mut out, self.parent);
        put(&mut out, self.method.as_str().as_bytes());
        put(&mut out, self.url.as_bytes());
        put_headers(&mut out, &self.headers);
        fits(out, self.headers.len())
    }

    /// Reads a head.
    ///
    /// # Errors
    /// [`Violation::Malformed`].
    pub fn decode(mut input: Bytes) -> Result<Self, Violation> {
        let input = &mut input;
        let target = get_target(input)?;
        let binding = get_text(input)?;
        let parent = varint::get(input).ok_or(TRUNCATED)?;
        let method = Method::from_bytes(&get(input)?).map_err(|_| Violation::Malformed("method"))?;
        let url = get_text(input)?;
        Ok(Self { target, parent, binding, method, url, headers: get_headers(input)? })
    }
}

impl ResponseHead {
    /// The head's bytes.
    ///
    /// # Errors
    /// [`HeadTooLarge`].
    pub fn encode(&self) -> Result<Vec<u8>, HeadTooLarge> {
        let mut out = Vec::with_capacity(256);
        out.put_u16(self.status.as_u16());
        put_headers(&mut out, &self.headers);
        fits(out, self.headers.len())
    }

    /// Reads a head.
    ///
    /// # Errors
    /// [`Violation::Malformed`], also for a status below 200 or above 599: a handler's answer is final. But 101: it
    /// agreed to a WebSocket, and the bodies are its messages from then on.
    pub fn decode(mut input: Bytes) -> Result<Self, Violation> {
        if input.len() < 2 {
            return Err(TRUNCATED);
        }
        let status = input.get_u16();
        let status = StatusCode::from_u16(status)
            .ok()
            .filter(|_| status == 101 || (200..600).contains(&status))
            .ok_or(Violation::Malformed("status"))?;
        Ok(Self { status, headers: get_headers(&mut input)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers() -> impl Strategy<Value = HeaderMap> {
        let name = "[a-z][a-z0-9-]{0,12}";
        let value = proptest::collection::vec(prop_oneof![0x20u8..0x7f, 0x80u8..=0xff], 0..30);
        proptest::collection::vec((name, value), 0..12).prop_map(|fields| {
            let mut map = HeaderMap::new();
            for (name, value) in fields {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                map.append(name, HeaderValue::from_bytes(&value).unwrap());
            }
            map
        })
    }

    fn request() -> RequestHead {
        let mut headers = HeaderMap::new();
        headers.append("host", HeaderValue::from_static("hello.localhost"));
        headers.append("cookie", HeaderValue::from_static("a=1"));
        headers.append("cookie", HeaderValue::from_static("b=2"));
        headers.append("x-latin1", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        RequestHead {
            target: Target { tenant: "default".into(), handler: "hello".into(), version: "00ff".into() }
                .into(),
            request_id: "r1".into(),
            limits: Limits { cpu_ms: 50, ..Limits::default() },
            method: Method::from_bytes(b"PROPFIND").unwrap(),
            url: "http://hello.localhost/a?b=c".into(),
            headers,
        }
    }

    #[test]
    fn a_request_keeps_every_field() {
        let head = request();
        let back = RequestHead::decode(head.encode().unwrap().into()).unwrap();
        assert_eq!(back.headers, head.headers);
        assert_eq!(back.headers.get_all("cookie").iter().count(), 2);
        assert_eq!((back.method, back.url), (head.method, head.url));
        assert_eq!((back.target, back.request_id, back.limits), (head.target, head.request_id, head.limits));
    }

    #[test]
    fn a_call_keeps_every_field() {
        let RequestHead { target, method, url, headers, .. } = request();
        let head = CallHead { target, parent: 70_001, binding: "KV".into(), method, url, headers };
        let bytes = head.encode().unwrap();
        let back = CallHead::decode(bytes.clone().into()).unwrap();
        assert_eq!((back.target, back.parent, back.binding), (head.target, head.parent, head.binding));
        assert_eq!((back.method, back.url, back.headers), (head.method, head.url, head.headers));
        for cut in 0..bytes.len() {
            assert!(CallHead::decode(bytes[..cut].to_vec().into()).is_err(), "{cut}");
        }
    }

    #[test]
    fn the_bytes_are_pinned() {
        let mut headers = HeaderMap::new();
        headers.append("set-cookie", HeaderValue::from_static("a=1"));
        headers.append("set-cookie", HeaderValue::from_static("b=2"));
        let response = ResponseHead { status: StatusCode::OK, headers };
        insta::assert_snapshot!(
            format!("{}\n{}", request().encode().unwrap().escape_ascii(), response.encode().unwrap().escape_ascii()),
            @r"
        \x07default\x05hello\x0400ff\x02r1\x80\x00u02@\x80\x86@\x00\x00\xc0\x00\x00\x00@\x00\x00\x00@@2\x80\x04\x00\x00\x08PROPFIND\x1chttp://hello.localhost/a?b=c\x04\x04host\x0fhello.localhost\x06cookie\x03a=1\x06cookie\x03b=2\x08x-latin1\x04caf\xe9
        \x00\xc8\x02\nset-cookie\x03a=1\nset-cookie\x03b=2
        "
        );
    }

    #[test]
    fn too_large_heads_are_refused() {
        let mut head = request();
        head.url = "x".repeat(MAX_HEAD);
        assert!(head.encode().is_err());
        let mut head = request();
        for index in 0..=MAX_HEADERS {
            head.headers.append("x", HeaderValue::from(index));
        }
        assert!(head.encode().is_err());
    }

    #[test]
    fn interim_and_odd_statuses_are_refused() {
        for status in [100u16, 102, 199, 600, 999] {
            let mut bytes = status.to_be_bytes().to_vec();
            bytes.push(0);
            assert!(ResponseHead::decode(bytes.into()).is_err(), "{status}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(headers in headers(), status in 200u16..600) {
            let head = ResponseHead { status: StatusCode::from_u16(status).unwrap(), headers };
            let back = ResponseHead::decode(head.encode().unwrap().into()).unwrap();
            prop_assert_eq!(back.status, head.status);
            prop_assert_eq!(back.headers, head.headers);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = RequestHead::decode(bytes.clone().into());
            let _ = CallHead::decode(bytes.clone().into());
            let _ = ResponseHead::decode(bytes.into());
        }
    }
}
