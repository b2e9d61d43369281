//! Tabs that are protocol sessions in memory and do with requests what a script says.

use crate::breach::{Breach, Limit};
use crate::cache::Cache;
use crate::catalog::Handler;
use crate::config::{LimitConfig, PoolConfig};
use crate::invoke::{Caller, CodeStore, Invoker};
use crate::mesh::incoming::NoHost;
use crate::mesh::pool::Pool;
use crate::mesh::tab::{Tab, TabId, Transport, Watcher};
use crate::metrics::{Lane, Metrics};
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use tabmesh_protocol::{Config, Event, Limits, ResetCode, ResponseHead, Role, Session, StreamId, Target};
use tokio::sync::mpsc;

struct Wire(mpsc::UnboundedSender<Vec<u8>>);

#[async_trait::async_trait]
impl Transport for Wire {
    async fn send(&self, message: Vec<u8>) -> bool {
        self.0.send(message).is_ok()
    }
}

/// Has the same code for every version.
struct OneBundle(Bytes);

#[async_trait::async_trait]
impl CodeStore for OneBundle {
    async fn bundle(&self, _version: &str) -> Option<Bytes> {
        Some(self.0.clone())
    }
}

/// What a tab does with a request whose body has arrived.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Does {
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
    /// Answers with this Content-Length, and no body for a while.
    Declares(u64),
    /// Answers with this many bytes in small pieces and goes on, whatever it is told.
    Pours(usize),
    /// Answers, some turns later, with this status and these fields, and with the request's number as its body.
    Says(u16, &'static [(&'static str, &'static str)]),
    /// Says this many lines of 100 bytes, then answers.
    Talks(usize),
}

pub(super) struct Mesh {
    pub(super) pool: Arc<Pool>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) invoker: Arc<Invoker>,
    pub(super) served: Arc<AtomicU64>,
    pub(super) resets: Arc<AtomicU64>,
    /// Tabs and versions of which they were sent code and requests, in order.
    pub(super) arrivals: Arc<Mutex<Vec<(TabId, Arrival)>>>,
    pub(super) next: AtomicU64,
}

/// What came to a tab.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Arrival {
    Code(String),
    Request(String),
}

impl Mesh {
    pub(super) fn new() -> Self {
        Self::with_bundle(Bytes::from_static(b"{}"))
    }

    /// A mesh in which every version's code is this.
    pub(super) fn with_bundle(bundle: Bytes) -> Self {
        let metrics = Arc::new(Metrics::default());
        let pool = Pool::new(2, Arc::clone(&metrics));
        let caps = LimitConfig::default().caps(2 << 20);
        let scheduling = PoolConfig { queue: 2, queue_deadline: 200, tab_concurrency: 4, max_tabs: 8 };
        Self {
            invoker: Arc::new(Invoker::new(
                Arc::clone(&pool),
                Arc::new(OneBundle(bundle)),
                Arc::clone(&metrics),
                caps,
                scheduling,
                Arc::new(Cache::new(16 << 20, metrics.cache.clone())),
            )),
            pool,
            metrics,
            served: Arc::default(),
            resets: Arc::default(),
            arrivals: Arc::default(),
            next: AtomicU64::new(1),
        }
    }

    /// A tab joins and treats its n-th request as `script` says; the last entry goes for all that follow.
    pub(super) async fn join(&self, script: &[Does]) -> Arc<Tab> {
        let (to_tab, mut inbox) = mpsc::unbounded_channel();
        let watcher: Weak<dyn Watcher> = Arc::downgrade(&(Arc::clone(&self.pool) as Arc<dyn Watcher>));
        let config = Config { max_incoming_streams: 0, max_outgoing_streams: 4, ..Config::default() };
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let tab = Tab::new(
            id,
            format!("p{id}"),
            Lane::Own,
            config,
            Arc::clone(&self.metrics),
            watcher,
            Arc::new(NoHost),
        );
        self.pool.add(&tab);
        let sending = Arc::clone(&tab);
        let pool = Arc::clone(&self.pool);
        tokio::spawn(async move {
            sending.run(&Wire(to_tab)).await;
            pool.remove(sending.id);
        });
        let (gateway, served, resets) =
            (Arc::clone(&tab), Arc::clone(&self.served), Arc::clone(&self.resets));
        let (script, arrivals) = (script.to_vec(), Arc::clone(&self.arrivals));
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
                    let arrived = |what| arrivals.lock().unwrap().push((gateway.id, what));
                    let complete = match event {
                        Event::Code { hash, .. } => {
                            arrived(Arrival::Code(hash));
                            None
                        }
                        Event::Request { id, head, fin } => {
                            arrived(Arrival::Request(head.target.version.clone()));
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
                        Does::Declares(length) => {
                            head.headers.insert("content-length", length.into());
                            session.respond(id, &head, false).unwrap();
                        }
                        Does::Pours(bytes) => {
                            session.respond(id, &head, false).unwrap();
                            for sent in (0..bytes).step_by(1000) {
                                let piece = Bytes::from(vec![b'p'; 1000.min(bytes - sent)]);
                                // Gone once the gateway has had enough.
                                let _ = session.send(id, piece, sent + 1000 >= bytes);
                                while let Some(message) = session.poll_transmit() {
                                    gateway.receive(message.into());
                                }
                                tokio::task::yield_now().await;
                                while let Ok(message) = inbox.try_recv() {
                                    session.handle_message(started.elapsed(), Bytes::from(message)).unwrap();
                                }
                            }
                        }
                        Does::Says(status, fields) => {
                            for _ in 0..100 {
                                tokio::task::yield_now().await;
                            }
                            head.status = StatusCode::from_u16(status).unwrap();
                            for (name, value) in fields {
                                head.headers.append(*name, HeaderValue::from_static(value));
                            }
                            session.respond(id, &head, false).unwrap();
                            // Gone where nobody wants it.
                            let _ = session.send(id, count.to_string().into(), true);
                        }
                        Does::Talks(lines) => {
                            for _ in 0..lines {
                                session.log(Some(id), 1, &"t".repeat(100));
                                session.log(Some(id + 1000), 1, "a line of nobody");
                            }
                            session.respond(id, &head, true).unwrap();
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

    pub(super) async fn call(&self, method: Method, body: impl Into<Body>) -> Response<Body> {
        self.call_limited(method, body, Limits::default()).await
    }

    pub(super) async fn call_limited(
        &self,
        method: Method,
        body: impl Into<Body>,
        limits: Limits,
    ) -> Response<Body> {
        self.call_handler(&Handler { limits, ..handler("0") }, method, body).await
    }

    pub(super) async fn call_handler(
        &self,
        handler: &Handler,
        method: Method,
        body: impl Into<Body>,
    ) -> Response<Body> {
        let caller = Caller::new(&arrival(), "hello.localhost", "/", None);
        let request = Request::builder().method(method).uri("/").body(body.into()).unwrap();
        self.invoker.invoke(handler, caller, request).await
    }

    /// Asks for a path of a handler, with these fields.
    pub(super) async fn ask(
        &self,
        handler: &Handler,
        method: Method,
        path: &str,
        fields: &[(&'static str, &'static str)],
    ) -> Response<Body> {
        let caller = Caller::new(&arrival(), "hello.localhost", path, None);
        let mut request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        for (name, value) in fields {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        self.invoker.invoke(handler, caller, request).await
    }

    /// How often this limit was exceeded.
    pub(super) fn breaches(&self, limit: Limit) -> u64 {
        self.metrics.breaches.get_or_create(&Breach { limit: limit.name() }).get()
    }

    /// Waits until nothing holds a place or counts as active.
    pub(super) async fn quiet(&self) {
        let quiet = async {
            while self.pool.outstanding() > 0 || self.metrics.active.get() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(2), quiet).await.unwrap();
    }

    pub(super) fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }
}

/// A handler whose version is this digit again and again.
pub(super) fn handler(digit: &str) -> Handler {
    Handler {
        number: 1,
        previews: true,
        target: Target { tenant: "default".into(), handler: "hello".into(), version: digit.repeat(64) }
            .into(),
        limits: Limits::default(),
        crons: vec![],
        routes: vec![],
        has_site: false,
        created_at_ms: 0,
        updated_at_ms: 0,
        size: 0,
        modules: vec![],
        zone: Arc::default(),
        seen: Arc::default(),
    }
}

pub(super) async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
}

fn arrival() -> crate::server::Arrival {
    crate::server::Arrival::new(std::net::Ipv4Addr::LOCALHOST.into(), false)
}
