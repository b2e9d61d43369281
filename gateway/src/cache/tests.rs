//! The cache as a whole, without handlers: what goes in comes out, and no more of it than there is room for.

use super::*;
use crate::metrics::Metrics;
use axum::body::Body;
use futures_util::StreamExt as _;
use http::{Method, Response};
use http_body_util::BodyExt as _;
use std::convert::Infallible;
use std::time::SystemTime;
use tokio::sync::mpsc;

fn cache(bytes: u64) -> Arc<Cache> {
    Arc::new(Cache::new(bytes, Metrics::default().cache))
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn response(fields: &[(&'static str, &'static str)], body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.headers_mut() = headers(fields);
    response
}

const FRESH: (&str, &str) = ("cache-control", "max-age=60");

/// A zone, a URL in it and a cache.
struct Site {
    cache: Arc<Cache>,
    zone: Arc<Zone>,
}

impl Site {
    fn new(bytes: u64) -> Self {
        Self { cache: cache(bytes), zone: Arc::default() }
    }

    fn key(&self, url: &str) -> Key {
        Key::new(self.zone.moment(), url)
    }

    fn admit(
        &self,
        url: &str,
        asked: &HeaderMap,
        lead: Option<Lead>,
        response: Response<Body>,
    ) -> Response<Body> {
        let asked = Asked { zone: &self.zone, moment: self.zone.moment(), url, headers: asked, lead };
        self.cache.admit(asked, Status::Miss, response)
    }

    async fn found(&self, url: &str, asked: &HeaderMap) -> Option<String> {
        match self.cache.find(&self.key(url), asked).0 {
            Found::Entry(entry) => Some(text(entry.answer(&Method::GET, asked, SystemTime::now())).await),
            _ => None,
        }
    }
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
}

/// A body that comes when it is sent.
fn slow() -> (mpsc::UnboundedSender<Result<Bytes, std::io::Error>>, Body) {
    let (sender, pieces) = mpsc::unbounded_channel();
    let stream =
        futures_util::stream::unfold(pieces, |mut pieces| async { Some((pieces.recv().await?, pieces)) });
    (sender, Body::from_stream(stream))
}

#[tokio::test]
async fn what_may_be_stored_is_found_until_it_is_purged() {
    let site = Site::new(1 << 20);
    let none = HeaderMap::new();
    let answer = site.admit("http://h/a", &none, None, response(&[FRESH], "one"));
    assert_eq!(
        (answer.headers()[&CACHE_STATUS].clone(), text(answer).await),
        ("MISS".parse().unwrap(), "one".to_owned())
    );
    assert_eq!(site.found("http://h/a", &none).await.as_deref(), Some("one"));
    assert_eq!(site.found("http://h/b", &none).await, None);
    assert!(site.cache.purge(&site.zone, "http://H/a") && !site.cache.purge(&site.zone, "http://h/a"));
    assert_eq!(site.found("http://h/a", &none).await, None);
    site.admit("http://h/a", &none, None, response(&[FRESH], "two"));
    site.zone.purge();
    assert_eq!(site.found("http://h/a", &none).await, None);
    let silent = site.admit("http://h/a", &none, None, response(&[], "x"));
    assert_eq!(silent.headers()[&CACHE_STATUS], "DYNAMIC");
    let forbidden = site.admit("http://h/a", &none, None, response(&[("cache-control", "private")], "x"));
    assert_eq!(forbidden.headers()[&CACHE_STATUS], "BYPASS");
    assert_eq!(site.found("http://h/a", &none).await, None);
}

#[tokio::test]
async fn variants_do_not_mix_and_go_together() {
    let site = Site::new(1 << 20);
    let (de, en) = (headers(&[("accept-language", "de")]), headers(&[("accept-language", "en"), ("x", "1")]));
    let vary = [FRESH, ("vary", "Accept-Language")];
    for (asked, body) in [(&de, "hallo"), (&en, "hello")] {
        assert_eq!(site.found("http://h/", asked).await, None);
        site.admit("http://h/", asked, None, response(&vary, body));
    }
    assert_eq!(site.found("http://h/", &de).await.as_deref(), Some("hallo"));
    assert_eq!(site.found("http://h/", &en).await.as_deref(), Some("hello"));
    assert_eq!(site.found("http://h/", &HeaderMap::new()).await, None);
    site.cache.purge(&site.zone, "http://h/");
    site.admit("http://h/", &de, None, response(&vary, "neu"));
    assert_eq!(site.found("http://h/", &en).await, None);
}

#[tokio::test]
async fn a_body_that_streams_is_stored_at_its_end_and_not_after_a_purge() {
    let site = Site::new(1 << 20);
    let none = HeaderMap::new();
    for purged in [false, true] {
        let (sender, body) = slow();
        sender.send(Ok("one ".into())).unwrap();
        let answer = site.admit("http://h/", &none, None, response(&[FRESH], body));
        sender.send(Ok("two".into())).unwrap();
        assert_eq!(site.found("http://h/", &none).await, None);
        if purged {
            site.cache.purge(&site.zone, "http://h/other");
        }
        drop(sender);
        assert_eq!(text(answer).await, "one two");
        assert_eq!(site.found("http://h/", &none).await.is_some(), !purged);
        site.cache.purge(&site.zone, "http://h/");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_or_is_too_large_is_passed_on_and_not_stored() {
    let site = Site::new(64 << 20);
    let none = HeaderMap::new();
    let (sender, body) = slow();
    let answer = site.admit("http://h/", &none, None, response(&[FRESH], body));
    sender.send(Ok("part".into())).unwrap();
    sender.send(Err(std::io::Error::other("broken"))).unwrap();
    assert!(answer.into_body().collect().await.is_err());
    assert_eq!(site.found("http://h/", &none).await, None);
    for later in [false, true] {
        let piece = Bytes::from(vec![b'x'; MAX_BODY / 2]);
        let pieces = futures_util::stream::iter([piece.clone(), piece.clone(), piece]);
        let stream = pieces.then(move |piece| async move {
            if later {
                tokio::task::yield_now().await;
            }
            Ok::<_, Infallible>(piece)
        });
        let answer = site.admit("http://h/", &none, None, response(&[FRESH], Body::from_stream(stream)));
        assert_eq!(text(answer).await.len(), MAX_BODY / 2 * 3);
        assert_eq!(site.found("http://h/", &none).await, None);
    }
}

#[tokio::test]
async fn a_caller_who_leaves_ends_the_body_unless_others_wait_for_it() {
    let site = Site::new(1 << 20);
    let none = HeaderMap::new();
    let place = site.key("http://h/");
    let lead = || match site.cache.turn(&place) {
        Turn::Lead(lead) => lead,
        _ => panic!("somebody else leads"),
    };
    let (sender, body) = slow();
    drop(site.admit("http://h/", &none, Some(lead()), response(&[FRESH], body)));
    sender.closed().await;
    while !matches!(site.cache.turn(&place), Turn::Lead(_)) {
        tokio::task::yield_now().await;
    }

    let lead = lead();
    let Turn::Wait(mut over) = site.cache.turn(&place) else { panic!("one leads") };
    let (sender, body) = slow();
    drop(site.admit("http://h/", &none, Some(lead), response(&[FRESH], body)));
    tokio::task::yield_now().await;
    sender.send(Ok("late".into())).unwrap();
    drop(sender);
    assert!(over.changed().await.is_err());
    assert_eq!(site.found("http://h/", &none).await.as_deref(), Some("late"));
}

#[tokio::test]
async fn who_waits_in_vain_does_not_wait_again() {
    let site = Site::new(1 << 20);
    let none = HeaderMap::new();
    let place = site.key("http://h/");
    for (is_awaited, expected) in [(false, false), (true, true)] {
        let Turn::Lead(lead) = site.cache.turn(&place) else { panic!("nobody leads") };
        let waiting = is_awaited.then(|| site.cache.turn(&place));
        site.admit("http://h/", &none, Some(lead), response(&[("cache-control", "no-store")], "x"));
        assert_eq!(matches!(site.cache.find(&place, &none).0, Found::Pass), expected);
        drop(waiting);
    }
}

#[tokio::test]
async fn memory_is_bounded_and_counted() {
    let bytes = 1 << 20;
    let site = Site::new(bytes);
    let none = HeaderMap::new();
    for url in 0..100 {
        site.admit(&format!("http://h/{url}"), &none, None, response(&[FRESH], vec![b'x'; 100_000]));
    }
    site.cache.entries.as_ref().unwrap().run_pending_tasks();
    let held = site.cache.metrics.bytes.get();
    assert!(held > 0 && held <= i64::try_from(bytes).unwrap(), "{held}");
    assert!(site.cache.metrics.evictions.get() > 0);
    let off = Site::new(0);
    off.admit("http://h/", &none, None, response(&[FRESH], "x"));
    assert!(!off.cache.is_on() && off.found("http://h/", &none).await.is_none());
}
