//! Handlers' answers on their way to a caller and into the cache. A body is read at the handler's pace and not at the caller's, so
//! that those who wait for it do not wait for whoever asked first; what is too large to be stored passes through.

use super::entry::Entry;
use super::flight::Lead;
use super::key::{Key, Moment, Zone};
use super::policy::{Freshness, Verdict, judge};
use super::status::Status;
use super::{Cache, MAX_BODY, Value};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderName, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

/// How long a body is read on for those who wait for it, after who asked first went away.
const ORPHANED: Duration = Duration::from_secs(30);

/// A GET whose answer came.
pub struct Asked<'a> {
    /// Whose handler.
    pub zone: &'a Arc<Zone>,
    /// When it began.
    pub moment: Moment,
    /// Its URL, as the handler saw it.
    pub url: &'a str,
    /// Its fields.
    pub headers: &'a HeaderMap,
    /// For those who wait.
    pub lead: Option<Lead>,
}

impl Cache {
    /// Gives an answer on to its caller, and stores it where it is fit for that. `stored` is what to call it then.
    pub fn admit(
        self: &Arc<Self>,
        asked: Asked<'_>,
        stored: Status,
        mut response: Response<Body>,
    ) -> Response<Body> {
        let Asked { zone, moment, url, headers, lead } = asked;
        let now = SystemTime::now();
        let (freshness, vary, withheld) = match judge(headers, response.status(), response.headers(), now) {
            Verdict::Store { freshness, vary, withheld } => (freshness, vary, withheld),
            verdict => {
                zone.learn(false);
                self.pass(lead.as_ref());
                return self.told(
                    if verdict == Verdict::Silent { Status::Dynamic } else { Status::Bypass },
                    response,
                );
            }
        };
        zone.learn(true);
        if response.body().size_hint().lower() > MAX_BODY as u64 {
            self.pass(lead.as_ref());
            return self.told(Status::Bypass, response);
        }
        let filling = Filling {
            cache: Arc::clone(self),
            zone: Arc::clone(zone),
            moment,
            key: Key::new(moment, url),
            asked: vary
                .iter()
                .flat_map(|name| headers.get_all(name).iter().map(move |value| (name.clone(), value.clone())))
                .collect(),
            vary,
            status: response.status(),
            headers: response.headers().clone(),
            freshness,
            withheld,
            now,
            pieces: Vec::new(),
            bytes: 0,
            lead,
        };
        let body = std::mem::take(response.body_mut());
        *response.body_mut() = filling.begin(body);
        self.told(stored, response)
    }

    /// The same for an answer that no caller gets: where it is not fit to be stored, what it replaces is no answer either.
    pub fn replace(self: &Arc<Self>, asked: Asked<'_>, response: Response<Body>) -> Response<Body> {
        if let Some(lead) = &asked.lead {
            self.remove(lead.key());
        }
        self.admit(asked, Status::Expired, response)
    }

    /// Marks and counts an answer.
    pub fn told(&self, status: Status, mut response: Response<Body>) -> Response<Body> {
        status.mark(&mut response);
        self.count(status);
        response
    }

    /// Those who wait for an answer that is not stored, and those who come soon, shall not wait.
    pub fn pass(&self, lead: Option<&Lead>) {
        if let Some(lead) = lead.filter(|lead| lead.is_awaited()) {
            self.put(lead.key().clone(), Value::Pass);
        }
    }
}

/// An answer that is being stored.
struct Filling {
    cache: Arc<Cache>,
    zone: Arc<Zone>,
    moment: Moment,
    key: Key,
    vary: Vec<HeaderName>,
    /// Of the request, those that the answer depends on.
    asked: HeaderMap,
    status: StatusCode,
    headers: HeaderMap,
    freshness: Freshness,
    withheld: Vec<HeaderName>,
    now: SystemTime,
    pieces: Vec<Bytes>,
    bytes: usize,
    lead: Option<Lead>,
}

/// What the caller's body gets.
enum Step {
    Piece(Bytes),
    /// The rest, straight from the handler.
    Rest(Body),
    Failed(axum::Error),
    End,
}

impl Filling {
    /// Takes what is there already. Most bodies are there whole.
    fn begin(mut self, mut body: Body) -> Body {
        let size = body.size_hint();
        let (steps, received) = mpsc::unbounded_channel();
        let streamed = |rest| Body::new(Streamed { received, rest, size });
        loop {
            match body.frame().now_or_never() {
                Some(None) => return Body::from(self.store()),
                Some(Some(Ok(frame))) => {
                    if !self.take(frame, &steps) {
                        self.cache.pass(self.lead.as_ref());
                        return streamed(Some(body));
                    }
                }
                Some(Some(Err(error))) => {
                    // Nobody is left to see to whom it does not go.
                    let _ = steps.send(Step::Failed(error));
                    return streamed(None);
                }
                None => {
                    tokio::spawn(self.finish(body, steps));
                    return streamed(None);
                }
            }
        }
    }

    /// Keeps a piece and passes it on; false once there is too much to be stored.
    fn take(&mut self, frame: Frame<Bytes>, steps: &mpsc::UnboundedSender<Step>) -> bool {
        let Ok(data) = frame.into_data() else { return true };
        self.bytes += data.len();
        let held = self.cache.hold(data.clone()).filter(|_| self.bytes <= MAX_BODY);
        // A caller who is gone misses nothing.
        let _ = steps.send(Step::Piece(held.clone().unwrap_or(data)));
        held.map(|held| self.pieces.push(held)).is_some()
    }

    async fn finish(mut self, mut body: Body, steps: mpsc::UnboundedSender<Step>) {
        let orphaned = tokio::time::sleep(Duration::MAX);
        tokio::pin!(orphaned);
        let mut is_orphan = false;
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = steps.closed(), if !is_orphan => {
                    if !self.lead.as_ref().is_some_and(Lead::is_awaited) {
                        return;
                    }
                    is_orphan = true;
                    orphaned.as_mut().reset(tokio::time::Instant::now() + ORPHANED);
                    continue;
                }
                () = &mut orphaned, if is_orphan => return,
            };
            let step = match frame {
                Some(Ok(frame)) => {
                    if self.take(frame, &steps) {
                        continue;
                    }
                    self.cache.pass(self.lead.as_ref());
                    Step::Rest(body)
                }
                Some(Err(error)) => Step::Failed(error),
                None => {
                    self.store();
                    Step::End
                }
            };
            let _ = steps.send(step);
            return;
        }
    }

    /// Stores the whole, unless something was purged meanwhile, and gives it back. Who waited finds it.
    fn store(self) -> Bytes {
        let mut body = BytesMut::with_capacity(self.bytes);
        self.pieces.iter().for_each(|piece| body.extend_from_slice(piece));
        let body = body.freeze();
        if let Some(held) = self.cache.hold(body.clone()).filter(|_| self.zone.moment() == self.moment) {
            let entry = Entry::new(self.status, self.headers, held, self.freshness, &self.withheld, self.now);
            self.cache.store(&self.key, self.vary, &self.asked, entry);
        }
        body
    }
}

/// The caller's body while the cache is filled.
struct Streamed {
    received: mpsc::UnboundedReceiver<Step>,
    rest: Option<Body>,
    size: SizeHint,
}

/// The task that reads the body is gone.
#[derive(Debug, thiserror::Error)]
#[error("the response broke off")]
struct BrokeOff;

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // What was read before comes before the rest.
        let step = match (self.received.poll_recv(cx), &mut self.rest) {
            (Poll::Ready(Some(step)), _) => step,
            (_, Some(rest)) => return Pin::new(rest).poll_frame(cx),
            (Poll::Ready(None), None) => Step::Failed(axum::Error::new(BrokeOff)),
            (Poll::Pending, None) => return Poll::Pending,
        };
        match step {
            Step::Piece(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Step::Rest(rest) => {
                self.rest = Some(rest);
                self.poll_frame(cx)
            }
            Step::Failed(error) => Poll::Ready(Some(Err(error))),
            Step::End => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}
