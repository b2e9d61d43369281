//! Web pages of other origins that may use the API: none, unless the operator names them. A page needs a token as
//! everybody does; browsers never send credentials of their own here.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri, header};
use std::str::FromStr;

/// What such a page may send.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, kv-metadata");

/// What it may read of an answer, besides what browsers always show.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("allow, location, ratelimit, ratelimit-policy, retry-after, www-authenticate");

/// How long a browser may remember the answer to a preflight, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// An origin, as browsers write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hint = || format!("`{text}` is no origin: say https://console.example, without a path");
        let uri: Uri = text.parse().map_err(|_| hint())?;
        let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme)).ok_or_else(hint)?;
        let authority = uri.authority().filter(|host| !host.as_str().contains('@')).ok_or_else(hint)?;
        // As browsers write it: anything more than these two makes another text.
        let plain = format!("{scheme}://{authority}");
        if plain != text || plain != plain.to_ascii_lowercase() {
            return Err(hint());
        }
        HeaderValue::try_from(plain).map(Self).map_err(|_| hint())
    }
}

/// The origins that are let in.
#[derive(Clone, Debug)]
pub(super) struct Cors(Vec<Origin>);

impl Cors {
    pub(super) fn new(origins: &[Origin]) -> Self {
        Self(origins.to_vec())
    }

    /// The origin of the page that sent this, if it is let in.
    pub(super) fn admitted(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        self.0.iter().find(|known| known.0 == origin).map(|known| known.0.clone())
    }

    /// Says to a browser that the page may read this.
    pub(super) fn mark(&self, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
        if !self.0.is_empty() {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

/// Whether a browser asks what a page may send.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// What an admitted page may send; [`Cors::mark`] says which page.
pub(super) fn preflight<B: Default>() -> Response<B> {
    let fields: [(HeaderName, HeaderValue); 3] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().extend(fields);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_taken_as_browsers_write_them() {
        for text in ["https://console.example", "http://localhost:3000"] {
            assert!(text.parse::<Origin>().is_ok(), "{text}");
        }
        for text in [
            "*",
            "null",
            "",
            "console.example",
            "https://a.example/",
            "https://A.example",
            "ftp://a",
            "https://u@a",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_very_origin_is_admitted() {
        let cors = Cors::new(&["https://a.example".parse().unwrap()]);
        let admitted = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            cors.admitted(&headers).is_some()
        };
        assert!(admitted("https://a.example"));
        for origin in [
            "http://a.example",
            "https://a.example:8443",
            "https://b.a.example",
            "null",
            "https://a.example.evil",
        ] {
            assert!(!admitted(origin), "{origin}");
        }
        assert!(cors.admitted(&HeaderMap::new()).is_none());
    }
}
