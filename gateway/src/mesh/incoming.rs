//! Calls of handlers as they come from a tab: streams that the tab opened. Each is served by the [`Host`] as an HTTP exchange,
//! in a task of its own, with backpressure both ways. What a call means is the host's business; here is only whether the tab may
//! make it: for code that it serves now, or served not long ago (`waitUntil`).

use super::call::{BodySender, poll_piece};
use super::exchange::{Failure, Piece};
use super::memory::Memory;
use super::tab::Tab;
use crate::breach::Labels;
use crate::telemetry::Sight;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tabmesh_protocol::{CallHead, Limits, ResetCode, ResponseHead, StreamId, Target};
use tokio::sync::{Notify, mpsc, oneshot};

/// How long after its last request a tab may still call for a handler: what tabs allow `waitUntil`, and some more.
pub(super) const AFTERWARDS: Duration = Duration::from_secs(35);

/// Handlers whose requests ended that a tab may still call for: more than a tab has isolates.
const REMEMBERED: usize = 64;

/// Who calls. The gateway's own knowledge: of what the tab says only the choice among its handlers is believed.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Whose code, and for which request: of those that are over, the code's last.
    pub labels: Labels,
    /// Of the handler.
    pub limits: Limits,
    /// What its calls may hold.
    pub memory: Memory,
    /// Who looks at the request, where it is known.
    pub sight: Option<Sight>,
}

/// Serves calls.
#[async_trait::async_trait]
pub trait Host: Send + Sync {
    /// Answers a call to `binding` (empty: `fetch`).
    ///
    /// # Errors
    /// A sentence that the handler gets as its error.
    async fn serve(
        &self,
        grant: Grant,
        binding: &str,
        request: Request<Body>,
    ) -> Result<Response<Body>, String>;
}

/// A host without anything to call.
#[derive(Debug, Default)]
pub struct NoHost;

#[async_trait::async_trait]
impl Host for NoHost {
    async fn serve(&self, _: Grant, _: &str, _: Request<Body>) -> Result<Response<Body>, String> {
        Err("this gateway serves no calls".to_owned())
    }
}

/// Handlers whose requests on a tab ended last. What is there is moved, not searched anew: most requests of a busy tab are one
/// handler's.
#[derive(Debug, Default)]
pub(super) struct Recent(VecDeque<(Labels, Limits, Instant)>);

impl Recent {
    /// A request for this code ended.
    pub(super) fn ended(&mut self, labels: Labels, limits: Limits, now: Instant) {
        let Labels { target, .. } = &labels;
        let same = |known: &Arc<Target>| Arc::ptr_eq(known, target) || known == target;
        if let Some(known) = self.0.iter_mut().find(|(known, ..)| same(&known.target)) {
            *known = (labels, limits, now);
            return;
        }
        if self.0.len() >= REMEMBERED {
            // The one that ended first.
            let oldest = self.0.iter().enumerate().min_by_key(|(_, (.., at))| *at).map(|(at, _)| at);
            oldest.and_then(|at| self.0.remove(at));
        }
        self.0.push_front((labels, limits, now));
    }

    /// What a call for this code may use, if it is not too late.
    pub(super) fn get(&self, target: &Target, now: Instant) -> Option<(Labels, Limits)> {
        let (labels, limits, at) = self.0.iter().find(|(known, ..)| *known.target == *target)?;
        (now.duration_since(*at) < AFTERWARDS).then(|| (labels.clone(), *limits))
    }
}

/// The tab's end of one call, under its lock. Dropping it ends the task that serves the call.
pub(super) struct Ends {
    pub(super) body: mpsc::UnboundedSender<Piece>,
    pub(super) writable: Arc<Notify>,
    _alive: oneshot::Sender<()>,
}

/// A call that was admitted.
pub(super) struct Incoming {
    id: StreamId,
    grant: Grant,
    head: Box<CallHead>,
    fin: bool,
    pieces: mpsc::UnboundedReceiver<Piece>,
    writable: Arc<Notify>,
    over: oneshot::Receiver<()>,
}

impl Incoming {
    pub(super) fn new(id: StreamId, grant: Grant, head: Box<CallHead>, fin: bool) -> (Self, Ends) {
        let (body, pieces) = mpsc::unbounded_channel();
        let writable = Arc::new(Notify::new());
        let (alive, over) = oneshot::channel();
        let ends = Ends { body, writable: Arc::clone(&writable), _alive: alive };
        (Self { id, grant, head, fin, pieces, writable, over }, ends)
    }

    /// Serves the call to its end, or until the tab wants it no more.
    pub(super) async fn run(self, tab: Arc<Tab>, host: Arc<dyn Host>) {
        let Self { id, grant, head, fin, pieces, writable, over } = self;
        let sender = BodySender::new(Arc::clone(&tab), id, writable);
        let mut ended = Ended { tab: Arc::clone(&tab), id, answered: false };
        let serving = async {
            let CallHead { binding, method, url, headers, .. } = *head;
            let body = match fin {
                true => Body::empty(),
                false => Body::new(CallBody { tab: Arc::clone(&tab), id, pieces, done: false }),
            };
            let mut request = Request::new(body);
            *request.method_mut() = method;
            *request.headers_mut() = headers;
            *request.uri_mut() = url.parse().map_err(|_| format!("Fetch API cannot load: {url}"))?;
            let response = host.serve(grant, &binding, request).await?;
            answer(&tab, id, &sender, response).await
        };
        tokio::select! {
            result = serving => match result {
                Ok(()) => ended.answered = true,
                Err(reason) => tab.refuse(id, ResetCode::Refused, &reason),
            },
            _ = over => {}
        }
    }
}

/// Sends a response.
async fn answer(
    tab: &Tab,
    id: StreamId,
    sender: &BodySender,
    response: Response<Body>,
) -> Result<(), String> {
    let (parts, mut body) = response.into_parts();
    let head = ResponseHead { status: parts.status, headers: parts.headers };
    let fin = http_body::Body::is_end_stream(&body);
    tab.respond(id, &head, fin)?;
    if fin {
        return Ok(());
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("The response body broke off: {error}"))?;
        let Ok(data) = frame.into_data() else { continue };
        if !data.is_empty() && !sender.send(data, false).await {
            return Ok(());
        }
    }
    sender.send(Bytes::new(), true).await;
    Ok(())
}

/// Takes the call out of the tab's books, whatever became of it.
struct Ended {
    tab: Arc<Tab>,
    id: StreamId,
    answered: bool,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.tab.call_ended(self.id, self.answered);
    }
}

/// A call's request body. Credit goes back for what is read.
struct CallBody {
    tab: Arc<Tab>,
    id: StreamId,
    pieces: mpsc::UnboundedReceiver<Piece>,
    done: bool,
}

impl http_body::Body for CallBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Failure>>> {
        let Self { tab, id, pieces, done } = &mut *self;
        poll_piece(tab, *id, pieces, done, cx).map_ok(http_body::Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(handler: &str) -> Arc<Target> {
        Target { tenant: "t".into(), handler: handler.into(), version: "v".into() }.into()
    }

    fn labels(handler: &str) -> Labels {
        Labels { target: target(handler), request_id: "r".into(), passes: 0 }
    }

    #[test]
    fn a_tab_may_call_for_what_it_served_not_long_ago() {
        let mut recent = Recent::default();
        let now = Instant::now();
        assert!(recent.get(&target("a"), now).is_none());
        recent.ended(labels("a"), Limits::default(), now);
        assert!(recent.get(&target("a"), now + AFTERWARDS / 2).is_some());
        assert!(recent.get(&target("b"), now).is_none());
        assert!(recent.get(&target("a"), now + AFTERWARDS).is_none());
    }

    #[test]
    fn the_one_that_ended_first_is_forgotten() {
        let mut recent = Recent::default();
        let now = Instant::now();
        let later = |seconds| now + Duration::from_millis(seconds);
        for number in 0..REMEMBERED as u64 {
            recent.ended(labels(&number.to_string()), Limits::default(), later(number));
        }
        recent.ended(labels("0"), Limits::default(), later(100));
        recent.ended(labels("new"), Limits::default(), later(101));
        assert!(recent.get(&target("1"), now).is_none());
        assert!(recent.get(&target("0"), now).is_some() && recent.get(&target("new"), now).is_some());
    }
}
