//! Outbound fetches whose answers a handler wants kept (`cf.cacheTtl`, `cf.cacheEverything`): in the gateway's cache, for the
//! handlers of the tenant. Only what depends on nothing but its URL, and only what was read to its end.

use crate::cache::{Cache, named};
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::try_unfold;
use http::uri::Uri;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use http_body_util::BodyExt as _;
use std::sync::Arc;

/// What a handler's `cf` asks for: seconds, or [`EVERYTHING`]. `web/isolate/fetch.js` sets it.
const FIELD: HeaderName = HeaderName::from_static("x-tabmesh-keep");
const EVERYTHING: &str = "everything";

/// Fields of [`named`].
const NAME: HeaderName = HeaderName::from_static("x-tabmesh-cache-name");
const STATUS: HeaderName = HeaderName::from_static("x-tabmesh-cache-status");
const TOLD: HeaderName = HeaderName::from_static("cf-cache-status");

/// Longest body that is kept, in bytes: each call may hold as much while it passes.
const MAX: usize = 1 << 20;

/// A request with one of these is not for its URL alone.
const PERSONAL: [HeaderName; 8] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
];

/// Where one answer is kept, and for how long.
#[derive(Clone, Debug)]
pub struct Wish {
    tenant: String,
    /// The name of the cache: by kind of fetch, for redirects make different answers.
    name: HeaderValue,
    uri: Uri,
    /// Seconds; `None`: as the answer says (RFC 9111), or Cloudflare gives its status.
    ttl: Option<u32>,
}

impl Wish {
    /// What a request of this tenant asks for, if it can be had; takes the field off. `kind`: what must not be mixed up.
    pub fn of(request: &mut Request<Body>, tenant: &str, kind: &'static str) -> Option<Self> {
        let asked = request.headers_mut().remove(FIELD)?;
        let ttl = match asked.to_str().ok()? {
            EVERYTHING => None,
            seconds => Some(seconds.parse().ok()?),
        };
        let is_plain = *request.method() == Method::GET
            && http_body::Body::is_end_stream(request.body())
            && !request.headers().keys().any(|name| PERSONAL.contains(name));
        let uri = request.uri().clone();
        is_plain.then(|| Self { tenant: tenant.to_owned(), name: HeaderValue::from_static(kind), uri, ttl })
    }

    /// What is kept already.
    pub async fn find(&self, cache: &Cache) -> Option<Response<Body>> {
        let found = named::serve(cache, &self.tenant, self.request(Method::GET, Body::empty())).await.ok()?;
        found.headers().get(TOLD).is_some_and(|told| told == "HIT").then_some(found)
    }

    /// The same answer, which is kept when it has passed.
    pub fn keep(self, cache: Arc<Cache>, mut response: Response<Body>) -> Response<Body> {
        response.headers_mut().insert(TOLD, HeaderValue::from_static("MISS"));
        let Some(headers) = self.kept_headers(&response) else { return response };
        let (parts, body) = response.into_parts();
        let passing = Passing { body, held: Some(vec![]), headers, wish: self, cache };
        Response::from_parts(parts, Body::from_stream(try_unfold(passing, Passing::next)))
    }

    /// The fields of an answer that may be kept.
    fn kept_headers(&self, response: &Response<Body>) -> Option<HeaderMap> {
        let mut headers = response.headers().clone();
        let varies = headers
            .get_all(header::VARY)
            .iter()
            .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"accept-encoding"));
        if varies
            || headers.contains_key(header::SET_COOKIE)
            || (self.ttl.is_some() && !response.status().is_success())
        {
            return None;
        }
        if let Some(ttl) = self.ttl {
            headers.remove(header::EXPIRES);
            headers.remove(header::PRAGMA);
            headers.insert(header::CACHE_CONTROL, HeaderValue::try_from(format!("max-age={ttl}")).ok()?);
        }
        headers.insert(STATUS, response.status().as_u16().into());
        Some(headers)
    }

    fn request(&self, method: Method, body: Body) -> Request<Body> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().insert(NAME, self.name.clone());
        request
    }
}

/// A body on its way to the handler.
struct Passing {
    body: Body,
    /// What has passed; `None` once it is too much.
    held: Option<Vec<u8>>,
    headers: HeaderMap,
    wish: Wish,
    cache: Arc<Cache>,
}

impl Passing {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, axum::Error> {
        while let Some(frame) = self.body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            self.held = self.held.filter(|held| held.len() + data.len() <= MAX);
            if let Some(held) = &mut self.held {
                held.extend_from_slice(&data);
            }
            return Ok(Some((data, self)));
        }
        if let Some(held) = self.held {
            let mut request = self.wish.request(Method::PUT, Body::from(held));
            request.headers_mut().extend(self.headers);
            // What cannot be kept is fetched again.
            let _ = named::serve(&self.cache, &self.wish.tenant, request).await;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn asked(fields: &[(&'static str, &'static str)]) -> Option<Wish> {
        let mut request = Request::builder().uri("http://x/a").body(Body::empty()).unwrap();
        for (name, value) in fields {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        let wish = Wish::of(&mut request, "t", "kind");
        assert!(!request.headers().contains_key("x-tabmesh-keep"));
        wish
    }

    async fn passes(cache: &Arc<Cache>, wish: &Wish, response: Response<Body>) -> bool {
        let passed = wish.clone().keep(Arc::clone(cache), response);
        assert_eq!(passed.headers()["cf-cache-status"], "MISS");
        let _ = passed.into_body().collect().await.unwrap();
        wish.find(cache).await.is_some()
    }

    #[tokio::test]
    async fn what_is_asked_for_and_may_be_kept_is_kept() {
        for fields in [&[][..], &[("x-tabmesh-keep", "soon")], &[("x-tabmesh-keep", "9"), ("cookie", "a=1")]]
        {
            assert!(asked(fields).is_none(), "{fields:?}");
        }
        let (everything, minute) =
            (asked(&[("x-tabmesh-keep", "everything")]), asked(&[("x-tabmesh-keep", "60")]));
        let (everything, minute) = (everything.unwrap(), minute.unwrap());
        for (wish, status, field, kept) in [
            (&everything, 200, ("x-a", "1"), true),
            (&everything, 200, ("cache-control", "no-store"), false),
            (&minute, 200, ("cache-control", "no-store"), true),
            (&minute, 200, ("set-cookie", "a=1"), false),
            (&minute, 200, ("vary", "x-user"), false),
            (&minute, 500, ("x-a", "1"), false),
        ] {
            let cache = Arc::new(Cache::new(8 << 20, Metrics::default().cache));
            let response =
                Response::builder().status(status).header(field.0, field.1).body(Body::from("body"));
            assert_eq!(passes(&cache, wish, response.unwrap()).await, kept, "{status} {field:?}");
        }
        let cache = Arc::new(Cache::new(8 << 20, Metrics::default().cache));
        assert!(!passes(&cache, &minute, Response::new(Body::from(vec![0; MAX + 1]))).await);
    }
}
