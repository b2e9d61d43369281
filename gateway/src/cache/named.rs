//! Caches that code keeps itself, as the isolate's `Cache` asks for them: GET, PUT and DELETE of the URL that a response is kept
//! under. A cache belongs to a tenant, and its name is the tenant's own; a lifetime is what the response says, else what Cloudflare
//! gives its status.

use super::policy::{Freshness, State, Verdict, judge};
use super::{CACHE_STATUS, Cache, Entry, Found, Key, MAX_BODY, Status};
use crate::invoke::strip_hop_by_hop;
use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use percent_encoding::percent_decode_str;
use std::time::{Duration, SystemTime};

/// The cache's name, percent-encoded; the default one has none.
const NAME: HeaderName = HeaderName::from_static("x-tabmesh-cache-name");

/// Status of a response that is put.
const STATUS: HeaderName = HeaderName::from_static("x-tabmesh-cache-status");

/// Longest name, in bytes.
const MAX_NAME: usize = 512;

/// Answers a call of the Cache API by code of this tenant.
///
/// # Errors
/// A sentence for the handler.
pub async fn serve(cache: &Cache, tenant: &str, request: Request<Body>) -> Result<Response<Body>, String> {
    let (mut parts, body) = request.into_parts();
    let name = parts
        .headers
        .remove(NAME)
        .map(|name| percent_decode_str(name.to_str().unwrap_or("")).decode_utf8_lossy().into_owned());
    if name.as_ref().is_some_and(|name| name.len() > MAX_NAME) {
        return Err(format!("The name of a cache has at most {MAX_NAME} bytes."));
    }
    let key = Key::named(tenant, name.as_deref(), &parts.uri);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = match parts.method {
        Method::GET => return Ok(matching(cache, &key, &parts.headers)),
        Method::PUT => put(cache, key, parts.headers, body).await?,
        Method::DELETE if cache.remove(&key) => StatusCode::OK,
        Method::DELETE => StatusCode::NOT_FOUND,
        _ => StatusCode::METHOD_NOT_ALLOWED,
    };
    Ok(response)
}

fn matching(cache: &Cache, key: &Key, asked: &HeaderMap) -> Response<Body> {
    let now = SystemTime::now();
    let (status, mut response) = match cache.find(key, asked).0 {
        Found::Entry(entry) if entry.freshness.state(now) == State::Fresh => {
            (Status::Hit, entry.answer(&Method::GET, asked, now))
        }
        _ => (Status::Miss, Response::new(Body::empty())),
    };
    status.mark(&mut response);
    response
}

async fn put(cache: &Cache, key: Key, mut headers: HeaderMap, body: Body) -> Result<StatusCode, String> {
    let status = headers.remove(STATUS).and_then(|status| status.to_str().ok()?.parse().ok());
    let status: StatusCode = status.ok_or("The response to put has no status.")?;
    strip_hop_by_hop(&mut headers);
    headers.remove(CACHE_STATUS);
    let now = SystemTime::now();
    let (freshness, withheld) = match judge(&HeaderMap::new(), status, &headers, now) {
        Verdict::Store { freshness, withheld, .. } => (freshness, withheld),
        Verdict::Silent if headers.contains_key(header::SET_COOKIE) => {
            return Ok(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Verdict::Silent => match lifetime(status) {
            Some(left) => (Freshness::lasting(left, now), vec![]),
            None => return Ok(StatusCode::PAYLOAD_TOO_LARGE),
        },
        Verdict::Forbidden => return Ok(StatusCode::PAYLOAD_TOO_LARGE),
    };
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return Ok(StatusCode::PAYLOAD_TOO_LARGE);
    };
    // Pieces may be parts of larger buffers.
    let body = bytes::Bytes::copy_from_slice(&body.to_bytes());
    let Some(body) = cache.hold(body) else { return Ok(StatusCode::PAYLOAD_TOO_LARGE) };
    headers.insert(
        header::DATE,
        HeaderValue::try_from(httpdate::fmt_http_date(now)).map_err(|error| error.to_string())?,
    );
    cache.store(
        &key,
        vec![],
        &HeaderMap::new(),
        Entry::new(status, headers, body, freshness, &withheld, now),
    );
    Ok(StatusCode::NO_CONTENT)
}

/// How long Cloudflare keeps a response that says nothing itself.
fn lifetime(status: StatusCode) -> Option<Duration> {
    let minutes = match status.as_u16() {
        200 | 301 => 120,
        302 | 303 => 20,
        404 | 410 => 3,
        _ => return None,
    };
    Some(Duration::from_secs(minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    async fn call(
        cache: &Cache,
        tenant: &str,
        method: Method,
        fields: &[(&'static str, &'static str)],
        body: &'static str,
    ) -> (u16, HeaderMap, String) {
        let mut request =
            Request::builder().method(method).uri("http://x/a?b").body(Body::from(body)).unwrap();
        for (name, value) in fields {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        let response = serve(cache, tenant, request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status.as_u16(), parts.headers, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn what_is_put_is_matched_by_its_tenant_in_its_cache_until_it_is_deleted() {
        let cache = Cache::new(1 << 20, Metrics::default().cache);
        let put = [("x-tabmesh-cache-status", "404"), ("x-own", "1"), ("x-tabmesh-cache-name", "n%C3%A4me")];
        assert_eq!(call(&cache, "a", Method::PUT, &put, "gone").await.0, 204);
        let named = [("x-tabmesh-cache-name", "n%C3%A4me")];
        let (status, headers, body) = call(&cache, "a", Method::GET, &named, "").await;
        assert_eq!(
            (status, &*body, &headers["cf-cache-status"], &headers["x-own"]),
            (404, "gone", &"HIT".parse().unwrap(), &"1".parse().unwrap())
        );
        assert!(
            !headers.contains_key("x-tabmesh-cache-status") && !headers.contains_key("x-tabmesh-cache-name")
        );
        for (tenant, fields) in [("b", &named[..]), ("a", &[]), ("a", &[("x-tabmesh-cache-name", "other")])] {
            assert_eq!(call(&cache, tenant, Method::GET, fields, "").await.1["cf-cache-status"], "MISS");
            assert_eq!(call(&cache, tenant, Method::DELETE, fields, "").await.0, 404);
        }
        assert_eq!(call(&cache, "a", Method::DELETE, &named, "").await.0, 200);
        assert_eq!(call(&cache, "a", Method::GET, &named, "").await.1["cf-cache-status"], "MISS");
    }

    #[tokio::test]
    async fn what_must_not_be_kept_is_not() {
        let cache = Cache::new(1 << 20, Metrics::default().cache);
        let ok = ("x-tabmesh-cache-status", "200");
        for (fields, kept) in [
            (&[ok][..], true),
            (&[ok, ("cache-control", "no-store")], false),
            (&[ok, ("cache-control", "max-age=0")], false),
            (&[ok, ("set-cookie", "a=1")], false),
            (&[ok, ("set-cookie", "a=1"), ("cache-control", "max-age=9, private=Set-Cookie")], true),
            (&[("x-tabmesh-cache-status", "500")], false),
        ] {
            call(&cache, "a", Method::DELETE, &[], "").await;
            assert_eq!(call(&cache, "a", Method::PUT, fields, "x").await.0 == 204, kept, "{fields:?}");
            let (_, headers, _) = call(&cache, "a", Method::GET, &[], "").await;
            assert_eq!(headers["cf-cache-status"] == "HIT", kept, "{fields:?}");
            assert!(!headers.contains_key("set-cookie"));
        }
    }
}
