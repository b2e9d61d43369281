//! Header fields as one text, the form in which they cross between wasm and JavaScript: name, value, name, value,
//! joined by newlines, which no field can contain. One string instead of two per field: each crossing costs. Values are
//! ByteStrings: the characters U+0000 to U+00FF stand for the bytes.

use http::{HeaderMap, HeaderName, HeaderValue};
use tabmesh_protocol::config::MAX_HEADERS;

/// Most characters of the joined text of a response that are looked at: twice what a head may hold, since the session's
/// own check gives the better error.
pub const MAX_JOINED: u32 = 128 * 1024;

/// Fields as one text. Without fields it is empty.
#[must_use]
pub fn join(headers: &HeaderMap) -> String {
    let mut out = String::with_capacity(headers.len() * 40);
    for (name, value) in headers {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(name.as_str());
        out.push('\n');
        match value.to_str() {
            Ok(ascii) => out.push_str(ascii),
            Err(_) => out.extend(value.as_bytes().iter().map(|byte| char::from(*byte))),
        }
    }
    out
}

/// Fields from such a text of `count` parts.
///
/// # Errors
/// What is wrong, for the log: the text comes from a handler.
pub fn split(joined: &str, count: usize) -> Result<HeaderMap, &'static str> {
    if count == 0 {
        return Ok(HeaderMap::new());
    }
    if !count.is_multiple_of(2) {
        return Err("a header without a value");
    }
    if count / 2 > MAX_HEADERS {
        return Err("too many header fields");
    }
    let mut headers = HeaderMap::with_capacity(count / 2);
    let mut parts = joined.split('\n');
    for _ in 0..count / 2 {
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            return Err("a header without a value");
        };
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "not a header name")?;
        headers.append(name, value_of(value)?);
    }
    if parts.next().is_some() { Err("a line break in a header") } else { Ok(headers) }
}

fn value_of(text: &str) -> Result<HeaderValue, &'static str> {
    const WRONG: &str = "not a header value";
    if text.is_ascii() {
        return HeaderValue::from_str(text).map_err(|_| WRONG);
    }
    let bytes: Result<Vec<u8>, _> = text.chars().map(|c| u8::try_from(u32::from(c))).collect();
    HeaderValue::from_maybe_shared(bytes::Bytes::from(bytes.map_err(|_| WRONG)?)).map_err(|_| WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_field_survives() {
        let mut headers = HeaderMap::new();
        headers.append("set-cookie", HeaderValue::from_static("a=1"));
        headers.append("set-cookie", HeaderValue::from_static("b=2"));
        headers.append("x-empty", HeaderValue::from_static(""));
        headers.append("x-latin1", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        let joined = join(&headers);
        assert_eq!(joined, "set-cookie\na=1\nset-cookie\nb=2\nx-empty\n\nx-latin1\ncaf\u{e9}");
        assert_eq!(split(&joined, 8), Ok(headers));
        assert_eq!(split("", 0), Ok(HeaderMap::new()));
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for (joined, count) in [
            ("a", 1),
            ("a\nb\nc", 2),
            ("a\nb", 4),
            ("a b\nc", 2),
            ("\nc", 2),
            ("a\n\u{100}", 2),
            ("a\nb\0", 2),
            ("a\nb\rc", 2),
        ] {
            assert!(split(joined, count).is_err(), "{joined:?}");
        }
        assert!(split("", 2 * MAX_HEADERS + 2).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(joined in "\\PC{0,60}", count in 0usize..20) {
            let _ = split(&joined, count);
        }
    }
}
