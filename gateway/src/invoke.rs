//! One request to a handler, from routed to answered, through the response cache ([`cached`]). **The only place that retries.**
//!
//! A failed try goes to another tab when that cannot be noticed: the handler vouches that it never saw the request, or
//! the method is idempotent (RFC 9110, section 9.2.2); and the body can be sent again; and no byte of an answer was
//! passed on. Nothing here knows data channels or routes.

mod about;
mod answer;
mod body;
mod cached;
mod code;
mod head;
mod verdict;
mod websocket;

#[cfg(test)]
mod tests;

pub use about::{About, Abouts, Colo};
pub use code::CodeStore;
pub use head::{Caller, request_id, strip_hop_by_hop};

use crate::breach::{self, Labels};
use crate::cache::Cache;
use crate::catalog::Handler;
use crate::config::PoolConfig;
use crate::limits;
use crate::mesh::call::{Call, Failure};
use crate::mesh::pool::{Lease, NoTab, Pool};
use crate::mesh::tab::TabId;
use crate::metrics::Metrics;
use crate::problem::{Problem, ProblemType};
use crate::tail::{self, Tail};
use crate::telemetry::trace::Cause;
use crate::telemetry::{Outcome, Record, Tracing, Watch};
use answer::Held;
use axum::body::Body;
use axum::response::IntoResponse;
use body::{BodyLimit, RequestBody};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use prometheus_client::metrics::gauge::Gauge;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tabmesh_protocol::{Limits, RequestHead, ResetCode, SendError, Target};
use verdict::{breached, concerns_the_tab, failure_problem, may_repeat, no_tab_problem, too_large_response};
use websocket::Upgrade;

/// Time that a tab gets beyond a handler's limit before the gateway stops waiting for the tab's own word.
const GRACE: Duration = Duration::from_secs(2);

/// Pause before a request goes to tabs that have all refused it.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// Invokes handlers. See the module's page.
pub struct Invoker {
    pool: Arc<Pool>,
    code: Arc<dyn CodeStore>,
    metrics: Arc<Metrics>,
    /// The highest value of each limit.
    caps: Limits,
    scheduling: PoolConfig,
    cache: Arc<Cache>,
    tail: Arc<Tail>,
    tracing: Option<Arc<Tracing>>,
}

/// What came of running a handler.
struct Ran {
    response: Response<Body>,
    /// The request, where the handler answered it.
    head: Option<RequestHead>,
}

/// Header that gives a request's id to whoever asks about it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Why a try failed.
enum TryError {
    /// Perhaps another tab can.
    Failure(Failure),
    /// The request itself is at fault, or the caller.
    Final(Problem),
    /// Opening the stream failed; nothing was sent.
    NotSent,
}

impl Invoker {
    /// An invoker over `pool` of handlers whose code is in `code`; no handler gets more than `caps`.
    #[must_use]
    pub fn new(
        pool: Arc<Pool>,
        code: Arc<dyn CodeStore>,
        metrics: Arc<Metrics>,
        caps: Limits,
        scheduling: PoolConfig,
        cache: Arc<Cache>,
    ) -> Self {
        Self { pool, code, metrics, caps, scheduling, cache, tail: Tail::new(), tracing: None }
    }

    /// The same, whose requests are traced.
    #[must_use]
    pub fn traced(mut self, tracing: Option<Arc<Tracing>>) -> Self {
        self.tracing = tracing;
        self
    }

    /// Who listens to handlers.
    #[must_use]
    pub fn tail(&self) -> &Arc<Tail> {
        &self.tail
    }

    /// The cache in front of the handlers.
    #[must_use]
    pub fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// Answers `request` by running `handler` in some tab. The cache has no part in it: callers inside the house get what the
    /// handler says now.
    pub async fn invoke_now(
        &self,
        handler: &Handler,
        caller: Caller,
        request: Request<Body>,
    ) -> Response<Body> {
        self.run(handler, caller, request).await.response
    }

    /// The same.
    async fn run(&self, handler: &Handler, caller: Caller, request: Request<Body>) -> Ran {
        let request_id = Arc::clone(caller.request_id());
        let started = Instant::now();
        let mut request = request;
        let upgrade = Upgrade::requested(&mut request);
        let caller = caller.upgrading(upgrade.is_some());
        let result = self.attempt_all(handler, caller, request).await;
        self.metrics.latency.observe(started.elapsed().as_secs_f64());
        match result {
            Ok((response, head)) => {
                self.metrics.count_ok();
                let response = match upgrade {
                    Some(upgrade) => upgrade.answer(response),
                    None => websocket::unasked(response),
                };
                Ran { response, head: Some(head) }
            }
            Err(problem) => {
                let slug = problem.kind().slug();
                self.metrics.count(slug);
                let Target { tenant, handler: name, version } = &*handler.target;
                let version = version.get(..8);
                tracing::info!(
                    tenant,
                    handler = name,
                    version,
                    request_id = &*request_id,
                    problem = slug,
                    "request failed"
                );
                if let Some(limit) = breached(problem.kind()) {
                    let (target, request_id) = (Arc::clone(&handler.target), Arc::clone(&request_id));
                    let labels = Labels { target, request_id, passes: 0 };
                    breach::report(&self.metrics, &labels, limit);
                }
                let mut response = problem.request_id(&*request_id).into_response();
                if let Ok(id) = HeaderValue::from_str(&request_id) {
                    response.headers_mut().insert(REQUEST_ID, id);
                }
                Ran { response, head: None }
            }
        }
    }

    /// A record of the request, where somebody wants to know of it.
    fn record(&self, cause: Cause, bits: u64, head: &mut RequestHead) -> Option<Arc<Record>> {
        let traced = self.tracing.as_ref().and_then(|tracing| {
            let ids = tracing.sampling.begin(cause, &mut head.headers, tail::lot(&head.request_id))?;
            Some((Arc::clone(tracing), ids))
        });
        let is_heard = self.tail.is_watched(bits) && self.tail.is_heard(&head.target);
        (is_heard || traced.is_some()).then(|| Record::new(Arc::clone(&self.tail), is_heard, traced, head))
    }

    async fn attempt_all(
        &self,
        handler: &Handler,
        caller: Caller,
        request: Request<Body>,
    ) -> Result<(Response<Body>, RequestHead), Problem> {
        let (stats, bits) = handler.seen.of(&self.metrics.handlers, &handler.target);
        let mut active = Active::new(&self.metrics, Watch::new(Arc::clone(stats)));
        let (parts, body) = request.into_parts();
        let limits = limits::within(handler.limits, &self.caps);
        let own = limits.request_bytes < self.caps.request_bytes;
        let limit = BodyLimit {
            // A WebSocket's messages are bounded one by one.
            bytes: if caller.is_upgrading() { u64::MAX } else { limits.request_bytes },
            whose: if own { "the handler's limit `request_bytes`" } else { "the gateway's limit" },
        };
        let body = RequestBody::new(&parts.headers, body, limit, Arc::clone(stats));
        let mut body = body.map_err(|problem| active.failed(problem))?;
        let cause = caller.cause();
        let head = head::build(handler, limits, caller, parts);
        let mut head = head.map_err(|problem| active.failed(problem))?;
        active.watch.record(self.record(cause, bits, &mut head));
        let deadline = Instant::now() + self.scheduling.queue_deadline();
        let mut tried: Vec<TabId> = Vec::new();
        let mut attempts = 0;
        loop {
            let lease = match self.pool.lease(&head.target, &tried, deadline).await {
                Ok(lease) => lease,
                Err(no_tab) => return Err(active.failed(no_tab_problem(no_tab))),
            };
            let tab = lease.tab().id;
            let code = code::ahead(&*self.code, handler, &lease).await;
            let failed = match self.attempt(&head, code.as_ref(), lease, body, active).await {
                Ok(answered) => return answered.map(|response| (response, head)),
                Err(failed) => failed,
            };
            (body, active) = (failed.body, failed.active);
            let failure = match failed.error {
                TryError::Final(problem) => return Err(active.failed(problem)),
                // The tab filled up between lease and open: it may have room again later.
                TryError::NotSent => {
                    tokio::task::yield_now().await;
                    if Instant::now() >= deadline {
                        return Err(active.failed(no_tab_problem(NoTab::AllBusy)));
                    }
                    continue;
                }
                TryError::Failure(failure) => failure,
            };
            attempts += 1;
            if let Some(record) = &active.watch.sight().record {
                record.failed(&failure);
            }
            let again =
                attempts < PoolConfig::ATTEMPTS && may_repeat(&head.method, &failure) && body.rewind();
            if !again {
                let record = active.watch.sight().record.clone();
                return Err(active.failed(failure_problem(&failure, &head, record)));
            }
            stats.retried();
            if concerns_the_tab(&failure) {
                tried.push(tab);
                if !self.pool.has_untried(&head.target, &tried) {
                    // All have refused; perhaps the first has room again.
                    tried.clear();
                    tokio::time::sleep(REFUSED_PAUSE).await;
                }
            }
            self.metrics.retries.inc();
            tracing::debug!(request_id = &*head.request_id, %failure, "trying another tab");
        }
    }

    /// One try on one tab. Once there is an answer, also one that cannot be passed on, there is no other.
    async fn attempt(
        &self,
        head: &RequestHead,
        code: Option<&Bytes>,
        lease: Lease,
        mut body: RequestBody,
        active: Active,
    ) -> Result<Result<Response<Body>, Problem>, Failed> {
        let sight = active.watch.sight();
        if let Some(record) = &sight.record {
            record.tries(lease.tab().id, lease.tab().lane.name());
        }
        let mut call = match Call::open(lease.tab(), head, sight, code, body.is_empty()) {
            Ok(call) => call,
            Err(SendError::Head(_)) => {
                let error = TryError::Final(Problem::new(ProblemType::HeadersTooLarge));
                return Err(Failed { error, body, active });
            }
            Err(SendError::NotAccepting | SendError::Closed) => {
                return Err(Failed { error: TryError::NotSent, body, active });
            }
        };
        let sender = call.body();
        let limit = Duration::from_millis(u64::from(head.limits.wall_ms)) + GRACE;
        let mut sending = !body.is_empty();
        let error = {
            let timeout = tokio::time::sleep(limit);
            tokio::pin!(timeout);
            loop {
                tokio::select! {
                    biased;
                    answered = call.answer() => match answered {
                        Ok((response, fin)) => {
                            let (labels, metrics) = (Labels::of(head), Arc::clone(&self.metrics));
                            let upload = sending.then(|| body.upload(sender, labels.clone(), Arc::clone(&metrics)));
                            let limit = head.limits.response_bytes;
                            let held = Held { _lease: lease, _upload: upload, active, labels, metrics, limit };
                            return Ok(answer::response(&head.method, response, fin, call, held));
                        }
                        Err(failure) => break TryError::Failure(failure),
                    },
                    sent = body.pump(&sender), if sending => match sent {
                        Ok(()) => sending = false,
                        Err(problem) => break TryError::Final(problem),
                    },
                    () = &mut timeout => {
                        call.cancel(ResetCode::Timeout);
                        break TryError::Failure(Failure::Reset { code: ResetCode::Timeout, reason: String::new() });
                    }
                }
            }
        };
        Err(Failed { error, body, active })
    }
}

/// What is left of a try that failed. The body is perhaps fit to be sent again.
struct Failed {
    error: TryError,
    body: RequestBody,
    active: Active,
}

/// Counts a request as active while it lives, which is until its response's body ends, and tells what became of it.
struct Active {
    gauge: Gauge,
    watch: Watch,
}

impl Active {
    fn new(metrics: &Metrics, watch: Watch) -> Self {
        metrics.active.inc();
        Self { gauge: metrics.active.clone(), watch }
    }

    /// The caller gets this instead of an answer.
    fn failed(&mut self, problem: Problem) -> Problem {
        self.watch.settle(Outcome::of_problem(problem.kind()));
        self.watch.answered(problem.kind().status().as_u16());
        problem
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}
