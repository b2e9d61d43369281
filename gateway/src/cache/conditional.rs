//! Conditional requests and ranges, answered from a stored response or a file (RFC 9110, sections 13 and 14). Pure.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use httpdate::parse_http_date;
use std::ops::Range;

/// Fields that describe a body, and that a 304 does without.
pub const OF_BODY: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_RANGE,
];

/// How a stored response answers a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Whole,
    /// 304.
    NotModified,
    /// 206 with these bytes.
    Part(Range<usize>),
    /// 416.
    Unsatisfiable,
}

/// Whether only the handler can answer: a precondition that guards a change is not a cache's to judge (RFC 9111, section 4.3.2).
pub fn is_guarded(asked: &HeaderMap) -> bool {
    asked.contains_key(header::IF_MATCH) || asked.contains_key(header::IF_UNMODIFIED_SINCE)
}

/// Whether the handler's answer to this request may be another one than the whole.
pub fn is_partial(asked: &HeaderMap) -> bool {
    [header::RANGE, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE]
        .iter()
        .any(|name| asked.contains_key(name))
}

/// Gives a response, which has the whole one's status and fields, what the request asks for of the whole body.
pub fn answer(response: &mut Response<Body>, method: &Method, asked: &HeaderMap, body: &Bytes) {
    let (status, length) = (response.status(), body.len());
    let form = form(method, asked, status, response.headers(), length);
    let headers = response.headers_mut();
    if status == StatusCode::OK && !headers.contains_key(header::ACCEPT_RANGES) {
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    let (status, range) = match form {
        Form::Whole => {
            if *method == Method::HEAD {
                headers.insert(header::CONTENT_LENGTH, length.into());
            } else {
                *response.body_mut() = Body::from(body.clone());
            }
            return;
        }
        Form::NotModified => (StatusCode::NOT_MODIFIED, None),
        Form::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, Some(format!("bytes */{length}"))),
        Form::Part(part) => {
            let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            *response.body_mut() = Body::from(body.slice(part));
            (StatusCode::PARTIAL_CONTENT, Some(range))
        }
    };
    let headers = response.headers_mut();
    if status != StatusCode::PARTIAL_CONTENT {
        OF_BODY.iter().for_each(|name| drop(headers.remove(name)));
    }
    let range = range.and_then(|range| HeaderValue::try_from(range).ok());
    headers.extend(range.map(|range| (header::CONTENT_RANGE, range)));
    *response.status_mut() = status;
}

/// How a stored response with these fields and a body of `length` bytes answers the request.
pub fn form(
    method: &Method,
    asked: &HeaderMap,
    status: StatusCode,
    stored: &HeaderMap,
    length: usize,
) -> Form {
    if status.is_success() && is_unmodified(asked, stored) {
        return Form::NotModified;
    }
    let range = asked.get(header::RANGE).and_then(|range| range.to_str().ok());
    let Some(range) =
        range.filter(|_| *method == Method::GET && status == StatusCode::OK && is_same(asked, stored))
    else {
        return Form::Whole;
    };
    part(range, length)
}

fn is_unmodified(asked: &HeaderMap, stored: &HeaderMap) -> bool {
    if asked.contains_key(header::IF_NONE_MATCH) {
        let Some(tag) = stored.get(header::ETAG).and_then(opaque) else {
            return asked.get_all(header::IF_NONE_MATCH).iter().any(|value| value.as_bytes() == b"*");
        };
        return asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(
            |value| {
                value
                    .split(',')
                    .map(str::trim)
                    .any(|asked| asked == "*" || asked.trim_start_matches("W/") == tag)
            },
        );
    }
    match (
        asked.get(header::IF_MODIFIED_SINCE).and_then(date),
        stored.get(header::LAST_MODIFIED).and_then(date),
    ) {
        (Some(since), Some(modified)) => modified <= since,
        _ => false,
    }
}

/// Whether If-Range, where there is one, names this very representation.
fn is_same(asked: &HeaderMap, stored: &HeaderMap) -> bool {
    let Some(condition) = asked.get(header::IF_RANGE) else { return true };
    let strong = |value: &HeaderValue| !value.as_bytes().starts_with(b"W/");
    match stored.get(header::ETAG) {
        Some(tag) if strong(tag) && condition == tag => true,
        _ => date(condition)
            .is_some_and(|since| stored.get(header::LAST_MODIFIED).and_then(date) == Some(since)),
    }
}

/// Two entity tags are weakly the same when these are.
pub fn opaque(tag: &HeaderValue) -> Option<&str> {
    tag.to_str().ok().map(|tag| tag.trim().trim_start_matches("W/"))
}

fn date(value: &HeaderValue) -> Option<std::time::SystemTime> {
    parse_http_date(value.to_str().ok()?).ok()
}

/// One range of bytes. Several, other units and nonsense are answered with the whole, as every server may.
fn part(range: &str, length: usize) -> Form {
    let Some((unit, spec)) = range.split_once('=') else { return Form::Whole };
    let Some((first, last)) =
        spec.trim().split_once('-').filter(|_| unit.trim().eq_ignore_ascii_case("bytes"))
    else {
        return Form::Whole;
    };
    // A number too large for us is beyond the end, too.
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(usize::MAX))
    };
    let (start, end) = match (number(first.trim()), number(last.trim())) {
        (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(length)),
        (Some(first), None) if last.trim().is_empty() => (first, length),
        (None, Some(suffix)) if first.trim().is_empty() => (length.saturating_sub(suffix), length),
        _ => return Form::Whole,
    };
    if start < end { Form::Part(start..end) } else { Form::Unsatisfiable }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    fn asked(pairs: &[(&'static str, &'static str)]) -> Form {
        let stored = headers(&[("etag", "\"a\""), ("last-modified", "Thu, 01 Jan 1970 00:01:00 GMT")]);
        form(&Method::GET, &headers(pairs), StatusCode::OK, &stored, 10)
    }

    #[test]
    fn conditions_are_evaluated() {
        for (name, value, unmodified) in [
            ("if-none-match", "\"a\"", true),
            ("if-none-match", "W/\"a\"", true),
            ("if-none-match", "\"b\" , \"a\"", true),
            ("if-none-match", "*", true),
            ("if-none-match", "\"b\"", false),
            ("if-modified-since", "Thu, 01 Jan 1970 00:01:00 GMT", true),
            ("if-modified-since", "Thu, 01 Jan 1970 00:00:59 GMT", false),
            ("if-modified-since", "nonsense", false),
        ] {
            assert_eq!(asked(&[(name, value)]) == Form::NotModified, unmodified, "{name}: {value}");
        }
        let both = [("if-none-match", "\"b\""), ("if-modified-since", "Thu, 01 Jan 1970 00:01:00 GMT")];
        assert_eq!(asked(&both), Form::Whole, "the tag decides");
        let gone = form(
            &Method::GET,
            &headers(&[("if-none-match", "*")]),
            StatusCode::NOT_FOUND,
            &HeaderMap::new(),
            1,
        );
        assert_eq!(gone, Form::Whole);
    }

    #[test]
    fn ranges_are_cut() {
        for (range, form) in [
            ("bytes=0-3", Form::Part(0..4)),
            ("Bytes=2-", Form::Part(2..10)),
            ("bytes=-3", Form::Part(7..10)),
            ("bytes=-30", Form::Part(0..10)),
            ("bytes=5-99999999999999999999999", Form::Part(5..10)),
            ("bytes=9-9", Form::Part(9..10)),
            ("bytes=10-", Form::Unsatisfiable),
            ("bytes=-0", Form::Unsatisfiable),
            ("bytes=3-2", Form::Whole),
            ("bytes=0-1,4-5", Form::Whole),
            ("bytes=+1-2", Form::Whole),
            ("bytes=-", Form::Whole),
            ("lines=0-1", Form::Whole),
            ("bytes", Form::Whole),
        ] {
            assert_eq!(asked(&[("range", range)]), form, "{range}");
        }
        for (condition, form) in [
            ("\"a\"", Form::Part(0..2)),
            ("Thu, 01 Jan 1970 00:01:00 GMT", Form::Part(0..2)),
            ("\"b\"", Form::Whole),
            ("W/\"a\"", Form::Whole),
            ("Thu, 01 Jan 1970 00:02:00 GMT", Form::Whole),
        ] {
            assert_eq!(asked(&[("range", "bytes=0-1"), ("if-range", condition)]), form, "{condition}");
        }
        let empty =
            form(&Method::GET, &headers(&[("range", "bytes=0-")]), StatusCode::OK, &HeaderMap::new(), 0);
        assert_eq!(empty, Form::Unsatisfiable);
    }
}
