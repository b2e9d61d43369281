//! Requests over tabs that are protocol sessions in memory: what the invoker does when tabs answer, fail and go.

use super::*;
use crate::catalog::Limits;
use crate::mesh::pool::Pool;
use crate::mesh::tab::{Tab, Transport, Watcher};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use std::collections::HashMap;
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use tabmesh_protocol::{Config, Event, ResponseHead, Role, Session, StreamId};
use tokio::sync::mpsc;

struct Wire(mpsc::UnboundedSender<Vec<u8>>);

#[async_trait::async_trait]
impl Transport for Wire {
    async fn send(&self, message: Vec<u8>) -> bool {
        self.0.send(message).is_ok()
    }
}

/// What a tab does with a request whose body has arrived.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    /// Answers 200 with the request's body.
    Echo,
    /// Answers with a head and, some turns later, a body.
    Trickles,
    /// Ends the stream.
    Reset(ResetCode),
    /// Leaves.
    Dies,
    /// Nothing, ever, but answers pings.
    Hangs,
    /// Nothing at all, from its first request on.
    Freezes,
    /// Sends a head and some body, then leaves.
    DiesAnswering,
    /// Answers with a body shorter than its Content-Length.
    Lies,
}

struct Mesh {
    pool: Arc<Pool>,
    metrics: Arc<Metrics>,
    invoker: Invoker,
    served: Arc<AtomicU64>,
    resets: Arc<AtomicU64>,
    next: AtomicU64,
}

impl Mesh {
    fn new() -> Self {
        let metrics = Arc::new(Metrics::default());
        let pool = Pool::new(2, Arc::clone(&metrics));
        let http = HttpConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            domain: "localhost".into(),
            max_body: 2 << 20,
            drain: 1,
        };
        let scheduling = PoolConfig { queue: 2, queue_deadline: 200, tab_concurrency: 4, max_tabs: 8 };
        Self {
            invoker: Invoker::new(Arc::clone(&pool), Arc::clone(&metrics), http, scheduling),
            pool,
            metrics,
            served: Arc::default(),
            resets: Arc::default(),
            next: AtomicU64::new(1),
        }
    }

    /// A tab joins and treats its n-th request as `script` says; the last entry goes for all that follow.
    async fn join(&self, script: &[Does]) -> Arc<Tab> {
        let (to_tab, mut inbox) = mpsc::unbounded_channel();
        let watcher: Weak<dyn Watcher> = Arc::downgrade(&(Arc::clone(&self.pool) as Arc<dyn Watcher>));
        let config = Config { max_incoming_streams: 0, max_outgoing_streams: 4, ..Config::default() };
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let tab = Tab::new(id, format!("p{id}"), config, Arc::clone(&self.metrics), watcher);
        self.pool.add(&tab);
        let sending = Arc::clone(&tab);
        let pool = Arc::clone(&self.pool);
        tokio::spawn(async move {
            sending.run(&Wire(to_tab)).await;
            pool.remove(sending.id);
        });
        let (gateway, served, resets) =
            (Arc::clone(&tab), Arc::clone(&self.served), Arc::clone(&self.resets));
        let script = script.to_vec();
        tokio::spawn(async move {
            let started = Instant::now();
            let mut session = Session::new(Role::Tab, Config::default(), Duration::ZERO);
            let mut bodies: HashMap<StreamId, Vec<u8>> = HashMap::new();
            let mut count = 0;
            loop {
                while let Some(message) = session.poll_transmit() {
                    gateway.receive(message.into());
                }
                if gateway.is_closed() {
                    return;
                }
                let Some(message) = inbox.recv().await else { return };
                session.handle_message(started.elapsed(), Bytes::from(message)).unwrap();
                while let Some(event) = session.poll_event() {
                    let complete = match event {
                        Event::Request { id, fin, .. } => {
                            served.fetch_add(1, Ordering::Relaxed);
                            bodies.insert(id, Vec::new());
                            fin.then_some(id)
                        }
                        Event::Data { id, data, fin } => {
                            session.consumed(started.elapsed(), id, data.len());
                            bodies.entry(id).or_default().extend_from_slice(&data);
                            fin.then_some(id)
                        }
                        Event::Reset { .. } => {
                            resets.fetch_add(1, Ordering::Relaxed);
                            None
                        }
                        _ => None,
                    };
                    let Some(id) = complete else { continue };
                    let does = *script.get(count).or(script.last()).unwrap();
                    count += 1;
                    let mut head = ResponseHead { status: StatusCode::OK, headers: HeaderMap::new() };
                    match does {
                        Does::Echo => {
                            session.respond(id, &head, false).unwrap();
                            session.send(id, bodies.remove(&id).unwrap().into(), true).unwrap();
                        }
                        Does::Reset(code) => session.reset(started.elapsed(), id, code, "secret stack"),
                        Does::Trickles => {
                            session.respond(id, &head, false).unwrap();
                            gateway.receive(session.poll_transmit().unwrap().into());
                            for _ in 0..100 {
                                tokio::task::yield_now().await;
                            }
                            session.send(id, Bytes::from_static(b"late"), true).unwrap();
                        }
                        Does::Hangs => {}
                        Does::Freezes => std::future::pending().await,
                        Does::Dies => gateway.close("test"),
                        Does::DiesAnswering => {
                            session.respond(id, &head, false).unwrap();
                            session.send(id, Bytes::from_static(b"part"), false).unwrap();
                            gateway.receive(session.poll_transmit().unwrap().into());
                            gateway.close("test");
                        }
                        Does::Lies => {
                            head.headers.insert("content-length", 10.into());
                            session.respond(id, &head, false).unwrap();
                            session.send(id, Bytes::from_static(b"short"), true).unwrap();
                        }
                    }
                }
            }
        });
        while !tab.is_ready() {
            tokio::task::yield_now().await;
        }
        tab
    }

    async fn call(&self, method: Method, body: impl Into<Body>) -> Response<Body> {
        self.call_limited(method, body, 30_000).await
    }

    async fn call_limited(&self, method: Method, body: impl Into<Body>, wall_ms: u32) -> Response<Body> {
        let handler = Handler {
            tenant: "default".into(),
            name: "hello".into(),
            version: "0".repeat(64),
            limits: Limits { wall_ms, ..Limits::default() },
            created_at_ms: 0,
            updated_at_ms: 0,
            size: 0,
            modules: vec![],
        };
        let caller = Caller {
            address: ([127, 0, 0, 1], 1).into(),
            authority: "hello.localhost".into(),
            path_and_query: "/".into(),
            prefix: None,
        };
        let request = Request::builder().method(method).uri("/").body(body.into()).unwrap();
        self.invoker.invoke(&handler, &caller, request).await
    }

    fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
}

#[tokio::test]
async fn a_request_is_answered_and_its_lease_freed() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Echo]).await;
    for size in [0, 5, 100_000, 1_000_000] {
        let response = mesh.call(Method::POST, vec![b'x'; size]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(text(response).await.len(), size);
    }
    assert_eq!(mesh.metrics.active.get(), 0);
}

#[tokio::test]
async fn a_dead_tab_costs_an_idempotent_request_nothing() {
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let mesh = Mesh::new();
        mesh.join(&[Does::Dies]).await;
        mesh.join(&[Does::Echo]).await;
        let response = mesh.call(method, "body").await;
        assert_eq!(text(response).await, "body");
        assert_eq!(mesh.served(), 2);
    }
}

#[tokio::test]
async fn a_post_that_a_handler_may_have_seen_is_not_repeated() {
    for does in [Does::Dies, Does::Reset(ResetCode::IsolateLost)] {
        let mesh = Mesh::new();
        mesh.join(&[does]).await;
        mesh.join(&[Does::Echo]).await;
        assert_eq!(mesh.call(Method::POST, "body").await.status(), StatusCode::BAD_GATEWAY);
        assert_eq!(mesh.served(), 1);
    }
}

#[tokio::test]
async fn a_post_that_no_handler_saw_is_repeated() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Reset(ResetCode::Refused)]).await;
    mesh.join(&[Does::Echo]).await;
    assert_eq!(text(mesh.call(Method::POST, "body").await).await, "body");
    assert_eq!(mesh.metrics.retries.get(), 1);
}

#[tokio::test]
async fn a_body_too_long_to_keep_is_not_repeated() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Dies]).await;
    mesh.join(&[Does::Echo]).await;
    let response = mesh.call(Method::PUT, vec![0; HttpConfig::REPLAY + 1]).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn tries_are_bounded() {
    let mesh = Mesh::new();
    for _ in 0..PoolConfig::ATTEMPTS + 2 {
        mesh.join(&[Does::Dies]).await;
    }
    assert_eq!(mesh.call(Method::GET, "").await.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(mesh.served(), PoolConfig::ATTEMPTS as u64);
}

#[tokio::test]
async fn each_failure_has_its_answer_and_keeps_the_handlers_words() {
    for (code, status) in [
        (ResetCode::Exception, 500),
        (ResetCode::NoResponse, 500),
        (ResetCode::StartFailed, 500),
        (ResetCode::Timeout, 504),
        (ResetCode::BadResponse, 502),
    ] {
        let mesh = Mesh::new();
        mesh.join(&[Does::Reset(code)]).await;
        mesh.join(&[Does::Echo]).await;
        let response = mesh.call(Method::GET, "").await;
        assert_eq!(response.status().as_u16(), status, "{code:?}");
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body = text(response).await;
        assert!(body.contains(&id) && !body.contains("secret stack"), "{body}");
    }
}

#[tokio::test]
async fn without_a_tab_the_caller_is_told_to_come_back() {
    let mesh = Mesh::new();
    let response = mesh.call(Method::GET, "").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn a_full_tab_makes_callers_wait_and_a_full_line_turns_them_away() {
    let mesh = Arc::new(Mesh::new());
    mesh.join(&[Does::Hangs]).await;
    let calls: Vec<_> = (0..7)
        .map(|_| {
            let mesh = Arc::clone(&mesh);
            tokio::spawn(async move { mesh.call_limited(Method::GET, "", 500).await })
        })
        .collect();
    let mut problems = HashMap::new();
    for call in calls {
        let body = text(call.await.unwrap()).await;
        let slug = body.split("urn:tabmesh:problem:").nth(1).unwrap().split('"').next().unwrap().to_owned();
        *problems.entry(slug).or_insert(0) += 1;
    }
    // Four places on the tab, two in the line, one turned away at once.
    assert_eq!(problems["handler-timeout"], 4);
    assert_eq!(problems["queue-timeout"], 2);
    assert_eq!(problems["queue-full"], 1);
}

#[tokio::test]
async fn a_tab_that_comes_late_serves_who_waited() {
    let mesh = Arc::new(Mesh::new());
    let waiting = Arc::clone(&mesh);
    let call = tokio::spawn(async move { waiting.call(Method::GET, "").await });
    while mesh.metrics.queued.get() == 0 {
        tokio::task::yield_now().await;
    }
    mesh.join(&[Does::Echo]).await;
    assert_eq!(call.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_broken_answer_never_looks_whole() {
    for does in [Does::DiesAnswering, Does::Lies] {
        let mesh = Mesh::new();
        mesh.join(&[does]).await;
        mesh.join(&[Does::Echo]).await;
        let response = mesh.call(Method::GET, "").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.into_body().collect().await.is_err(), "{does:?}");
    }
}

#[tokio::test]
async fn a_caller_who_leaves_cancels_the_handler() {
    let mesh = Arc::new(Mesh::new());
    mesh.join(&[Does::Hangs]).await;
    let calling = Arc::clone(&mesh);
    let call = tokio::spawn(async move { calling.call(Method::GET, "").await });
    while mesh.served() == 0 {
        tokio::task::yield_now().await;
    }
    call.abort();
    while mesh.resets.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(mesh.metrics.active.get(), 0);
}

#[tokio::test]
async fn a_frozen_tab_is_noticed_within_two_seconds() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Freezes]).await;
    let called = Instant::now();
    assert_eq!(mesh.call(Method::POST, "").await.status(), StatusCode::BAD_GATEWAY);
    assert!(called.elapsed() < Duration::from_secs(2), "{:?}", called.elapsed());
}

#[tokio::test]
async fn bodies_are_limited_announced_or_not() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Echo]).await;
    let body = vec![0; (2 << 20) + 1];
    let chunked = Body::from_stream(futures_util::stream::iter(
        body.chunks(100_000).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect::<Vec<_>>(),
    ));
    assert_eq!(mesh.call(Method::POST, chunked).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(mesh.call(Method::POST, "fine").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_answer_whose_body_nobody_wants_frees_its_lease() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Trickles]).await;
    assert_eq!(mesh.call(Method::HEAD, "").await.status(), StatusCode::OK);
    let freed = async {
        while mesh.pool.outstanding() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(2), freed).await.unwrap();
}

#[tokio::test]
async fn a_warm_tab_is_preferred_until_it_is_busy() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Echo]).await;
    mesh.join(&[Does::Echo]).await;
    let target = |version: &str| tabmesh_protocol::Target {
        tenant: "default".into(),
        handler: "hello".into(),
        version: version.into(),
    };
    let soon = || Instant::now() + Duration::from_millis(100);
    let first = mesh.pool.lease(&target("a"), &[], soon()).await.unwrap().tab().id;
    for _ in 0..3 {
        assert_eq!(mesh.pool.lease(&target("a"), &[], soon()).await.unwrap().tab().id, first);
    }
    let other = mesh.pool.lease(&target("a"), &[first], soon()).await.unwrap().tab().id;
    assert_ne!(other, first);
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(mesh.pool.lease(&target("a"), &[], soon()).await.unwrap());
    }
    let on_first = held.iter().filter(|lease| lease.tab().id == first).count();
    assert_eq!(on_first, 4, "both hold it now: they share evenly");
}
