//! A stored response, and the answers that are made of it. Pure: the time is given.

use super::conditional;
use super::policy::{Freshness, Verdict, judge};
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use httpdate::fmt_http_date;
use std::time::SystemTime;

/// Memory of an entry beside its text, in bytes: what the maps and allocations around it take, roughly.
pub const OVERHEAD: usize = 512;

/// A response, whole.
#[derive(Debug)]
pub struct Entry {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// How long it is of use.
    pub freshness: Freshness,
}

impl Entry {
    /// Takes a response over, without the fields that are withheld. `body` is in a buffer of its own: a part of a larger one
    /// would keep all of it.
    pub fn new(
        status: StatusCode,
        mut headers: HeaderMap,
        body: Bytes,
        freshness: Freshness,
        withheld: &[HeaderName],
        now: SystemTime,
    ) -> Self {
        withheld.iter().for_each(|name| drop(headers.remove(name)));
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::AGE);
        if !headers.contains_key(header::DATE) {
            headers.extend(HeaderValue::try_from(fmt_http_date(now)).ok().map(|date| (header::DATE, date)));
        }
        Self { status, headers, body, freshness }
    }

    /// Bytes that it takes.
    pub fn weight(&self) -> usize {
        let fields: usize =
            self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum();
        self.body.len() + fields + OVERHEAD
    }

    /// Answers a request with these fields.
    pub fn answer(&self, method: &Method, asked: &HeaderMap, now: SystemTime) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        let mut headers = self.headers.clone();
        headers.insert(header::AGE, self.freshness.age(now).into());
        *response.headers_mut() = headers;
        conditional::answer(&mut response, method, asked, &self.body);
        response
    }

    /// Makes a request's fields ask whether this is still the answer.
    pub fn ask_again(&self, asked: &mut HeaderMap) {
        for name in [header::RANGE, header::IF_RANGE, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
            asked.remove(name);
        }
        for (stored, condition) in
            [(header::ETAG, header::IF_NONE_MATCH), (header::LAST_MODIFIED, header::IF_MODIFIED_SINCE)]
        {
            if let Some(value) = self.headers.get(stored) {
                asked.insert(condition, value.clone());
            }
        }
    }

    /// The entry after a 304 with these fields (RFC 9111, sections 3.2 and 4.3.4); `None` where that is about another
    /// response, or says that this must not be kept.
    pub fn refreshed(&self, asked: &HeaderMap, update: &HeaderMap, now: SystemTime) -> Option<Self> {
        let tag =
            |headers: &HeaderMap| headers.get(header::ETAG).and_then(conditional::opaque).map(str::to_owned);
        if tag(update).is_some_and(|new| Some(new) != tag(&self.headers)) {
            return None;
        }
        let mut headers = self.headers.clone();
        headers.remove(header::DATE);
        for name in update.keys().filter(|name| !conditional::OF_BODY.contains(name)) {
            headers.remove(name);
            for value in update.get_all(name) {
                headers.append(name.clone(), value.clone());
            }
        }
        match judge(asked, self.status, &headers, now) {
            Verdict::Store { freshness, withheld, .. } => {
                Some(Self::new(self.status, headers, self.body.clone(), freshness, &withheld, now))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    fn entry() -> Entry {
        let headers = headers(&[
            ("cache-control", "max-age=60"),
            ("etag", "\"a\""),
            ("content-type", "text/plain"),
            ("content-length", "99"),
            ("set-cookie", "secret"),
        ]);
        let freshness = Freshness::lasting(Duration::from_secs(60), NOW);
        Entry::new(StatusCode::OK, headers, "0123456789".into(), freshness, &[header::SET_COOKIE], NOW)
    }

    fn answered(method: &Method, asked: &[(&'static str, &'static str)]) -> (u16, HeaderMap) {
        let response = entry().answer(method, &headers(asked), NOW + Duration::from_secs(5));
        (response.status().as_u16(), response.headers().clone())
    }

    #[test]
    fn answers_have_the_stored_fields_and_an_age() {
        let (status, whole) = answered(&Method::GET, &[]);
        assert_eq!(status, 200);
        assert_eq!(
            (&whole["age"], &whole["date"]),
            (&"5".parse().unwrap(), &"Thu, 01 Jan 1970 00:00:00 GMT".parse().unwrap())
        );
        assert!(!whole.contains_key("set-cookie") && !whole.contains_key("content-length"));
        assert_eq!(answered(&Method::HEAD, &[]).1["content-length"], "10");
        let (status, unmodified) = answered(&Method::GET, &[("if-none-match", "\"a\"")]);
        assert!(status == 304 && unmodified.contains_key("etag") && !unmodified.contains_key("content-type"));
        let (status, part) = answered(&Method::GET, &[("range", "bytes=2-4")]);
        assert_eq!((status, &part["content-range"]), (206, &"bytes 2-4/10".parse().unwrap()));
        let (status, none) = answered(&Method::GET, &[("range", "bytes=20-")]);
        assert_eq!((status, &none["content-range"]), (416, &"bytes */10".parse().unwrap()));
        assert_eq!(answered(&Method::HEAD, &[("range", "bytes=2-4")]).0, 200);
    }

    #[test]
    fn a_304_refreshes_what_it_is_about() {
        let later = NOW + Duration::from_secs(100);
        let fields = headers(&[
            ("etag", "W/\"a\""),
            ("cache-control", "max-age=5"),
            ("x-new", "1"),
            ("content-type", "no"),
        ]);
        let new = entry().refreshed(&HeaderMap::new(), &fields, later).unwrap();
        assert_eq!(
            (&new.headers["x-new"], &new.headers["content-type"]),
            (&"1".parse().unwrap(), &"text/plain".parse().unwrap())
        );
        assert_eq!((new.freshness.age(later), new.body.len()), (0, 10));
        for update in [&[("etag", "\"b\"")][..], &[("cache-control", "no-store")]] {
            assert!(entry().refreshed(&HeaderMap::new(), &headers(update), later).is_none());
        }
        let mut asked = headers(&[("range", "bytes=0-1"), ("if-none-match", "\"theirs\""), ("accept", "x")]);
        entry().ask_again(&mut asked);
        assert_eq!(asked, headers(&[("if-none-match", "\"a\""), ("accept", "x")]));
    }
}
