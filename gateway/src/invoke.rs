//! One request to a handler, from routed to answered. **The only place that retries.**
//!
//! A failed try goes to another tab when that cannot be noticed: the handler vouches that it never saw the request, or
//! the method is idempotent (RFC 9110, section 9.2.2); and the body can be sent again; and no byte of an answer was
//! passed on. Nothing here knows data channels or routes.

mod answer;
mod body;
mod head;

#[cfg(test)]
mod tests;

pub use head::Caller;

use crate::catalog::Handler;
use crate::config::{HttpConfig, PoolConfig};
use crate::mesh::call::{Call, Failure};
use crate::mesh::pool::{Lease, NoTab, Pool};
use crate::mesh::tab::TabId;
use crate::metrics::Metrics;
use crate::problem::{Problem, ProblemType};
use answer::Labels;
use axum::body::Body;
use axum::response::IntoResponse;
use body::RequestBody;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tabmesh_protocol::{RequestHead, ResetCode, SendError};

/// Time that a tab gets beyond a handler's limit before the gateway stops waiting for the tab's own word.
const GRACE: Duration = Duration::from_secs(2);

/// Invokes handlers. See the module's page.
pub struct Invoker {
    pool: Arc<Pool>,
    metrics: Arc<Metrics>,
    http: HttpConfig,
    scheduling: PoolConfig,
}

/// Seconds after which a caller who found no tab should come back.
const RETRY_AFTER: u64 = 1;

/// Header that gives a failed request's id to whoever asks about it.
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
    /// An invoker over `pool`.
    #[must_use]
    pub fn new(pool: Arc<Pool>, metrics: Arc<Metrics>, http: HttpConfig, scheduling: PoolConfig) -> Self {
        Self { pool, metrics, http, scheduling }
    }

    /// Answers `request` by running `handler` in some tab.
    pub async fn invoke(&self, handler: &Handler, caller: &Caller, request: Request<Body>) -> Response<Body> {
        let started = Instant::now();
        let request_id = head::request_id();
        let _active = Active::new(&self.metrics);
        let result = self.attempt_all(handler, caller, &request_id, request).await;
        self.metrics.latency.observe(started.elapsed().as_secs_f64());
        match result {
            Ok(response) => {
                self.metrics.count("ok");
                response
            }
            Err(problem) => {
                let slug = problem.kind().slug();
                self.metrics.count(slug);
                tracing::info!(handler = handler.name, request_id, problem = slug, "request failed");
                let mut response = problem.request_id(&request_id).into_response();
                if let Ok(id) = HeaderValue::from_str(&request_id) {
                    response.headers_mut().insert(REQUEST_ID, id);
                }
                response
            }
        }
    }

    async fn attempt_all(
        &self,
        handler: &Handler,
        caller: &Caller,
        request_id: &str,
        request: Request<Body>,
    ) -> Result<Response<Body>, Problem> {
        let (parts, body) = request.into_parts();
        let mut body = RequestBody::new(&parts.headers, body, self.http.max_body)?;
        let head = head::build(handler, caller, request_id, parts)?;
        let deadline = Instant::now() + self.scheduling.queue_deadline();
        let mut tried: Vec<TabId> = Vec::new();
        loop {
            let lease = match self.pool.lease(&head.target, &tried, deadline).await {
                Ok(lease) => lease,
                Err(no_tab) => return Err(no_tab_problem(no_tab)),
            };
            tried.push(lease.tab().id);
            let failure = match self.attempt(&head, lease, body).await {
                Ok(response) => return Ok(response),
                Err((TryError::Final(problem), _)) => return Err(problem),
                // The tab filled up between lease and open: it may have room again later.
                Err((TryError::NotSent, rest)) => {
                    body = rest;
                    tried.pop();
                    tokio::task::yield_now().await;
                    if Instant::now() >= deadline {
                        return Err(no_tab_problem(NoTab::AllBusy));
                    }
                    continue;
                }
                Err((TryError::Failure(failure), rest)) => {
                    body = rest;
                    failure
                }
            };
            let again =
                tried.len() < PoolConfig::ATTEMPTS && may_repeat(&head.method, &failure) && body.rewind();
            if !again {
                return Err(failure_problem(&failure, handler, request_id));
            }
            self.metrics.retries.inc();
            tracing::debug!(request_id, %failure, "trying another tab");
        }
    }

    /// One try on one tab. On failure the body comes back, perhaps fit to be sent again.
    async fn attempt(
        &self,
        head: &RequestHead,
        lease: Lease,
        mut body: RequestBody,
    ) -> Result<Response<Body>, (TryError, RequestBody)> {
        let mut call = match Call::open(lease.tab(), head, body.is_empty()) {
            Ok(call) => call,
            Err(SendError::Head(_)) => {
                return Err((TryError::Final(Problem::new(ProblemType::HeadersTooLarge)), body));
            }
            Err(SendError::NotAccepting | SendError::Closed) => return Err((TryError::NotSent, body)),
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
                            let upload = sending.then(|| body.upload(sender));
                            let labels = Labels {
                                handler: head.target.handler.clone(),
                                request_id: head.request_id.clone(),
                            };
                            return Ok(answer::response(&head.method, response, fin, call, lease, upload, labels));
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
        Err((error, body))
    }
}

/// Whether the request may go to another tab after this failure.
fn may_repeat(method: &Method, failure: &Failure) -> bool {
    match failure {
        Failure::TabLost | Failure::Reset { code: ResetCode::IsolateLost, .. } => method.is_idempotent(),
        Failure::Reset { code, .. } => *code == ResetCode::Refused,
    }
}

fn no_tab_problem(no_tab: NoTab) -> Problem {
    match no_tab {
        NoTab::NoneJoined => {
            Problem::new(ProblemType::NoTab).detail("No browser tab has joined this gateway.")
        }
        NoTab::AllBusy => Problem::new(ProblemType::QueueTimeout),
        NoTab::QueueFull => Problem::new(ProblemType::QueueFull),
        NoTab::Draining => Problem::new(ProblemType::Draining),
    }
    .retry_after(RETRY_AFTER)
}

/// What the caller is told of a failure. The handler's message and stack go to the log alone.
fn failure_problem(failure: &Failure, handler: &Handler, request_id: &str) -> Problem {
    let Failure::Reset { code, reason } = failure else {
        return Problem::new(ProblemType::TabLost);
    };
    if !reason.is_empty() {
        tracing::error!(target: "tabmesh::handler", handler = handler.name, request_id, text = reason, "failed");
    }
    match code {
        ResetCode::Exception => Problem::new(ProblemType::HandlerException),
        ResetCode::NoResponse => Problem::new(ProblemType::NoResponse),
        ResetCode::StartFailed => Problem::new(ProblemType::HandlerFailedToStart),
        ResetCode::Timeout => Problem::new(ProblemType::HandlerTimeout)
            .detail(format!("The handler gave no response within {} ms.", handler.limits.wall_ms)),
        ResetCode::BadResponse | ResetCode::BodyFailed => Problem::new(ProblemType::BadResponse),
        ResetCode::Refused => no_tab_problem(NoTab::AllBusy),
        ResetCode::CpuLimit => Problem::new(ProblemType::CpuLimit),
        ResetCode::MemoryLimit => Problem::new(ProblemType::MemoryLimit),
        ResetCode::ResponseTooLarge => Problem::new(ProblemType::ResponseTooLarge),
        ResetCode::IsolateLost | ResetCode::Cancelled | ResetCode::Internal => {
            Problem::new(ProblemType::TabLost)
        }
    }
}

/// Counts a request as active while it lives.
struct Active<'a>(&'a Metrics);

impl<'a> Active<'a> {
    fn new(metrics: &'a Metrics) -> Self {
        metrics.active.inc();
        Self(metrics)
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.active.dec();
    }
}
