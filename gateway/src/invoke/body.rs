//! The request body on its way to a tab: limited, with backpressure, and kept while it is small so that it can be
//! sent again.

use crate::breach::{self, Labels, Limit};
use crate::config::HttpConfig;
use crate::mesh::call::BodySender;
use crate::metrics::Metrics;
use crate::problem::{Problem, ProblemType};
use crate::telemetry::HandlerStats;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::task::AbortHandle;

/// A request body. See the module's page.
pub struct RequestBody {
    source: Body,
    /// Read and not accepted by the tab yet; the first go out first.
    unsent: VecDeque<Bytes>,
    /// Sent; as long as `replayable`, everything so far.
    sent: Vec<Bytes>,
    kept: usize,
    replayable: bool,
    left: u64,
    limit: BodyLimit,
    ended: bool,
    stats: Arc<HandlerStats>,
}

/// How much a request may send, and whose limit that is.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit {
    /// Bytes.
    pub bytes: u64,
    /// What the caller is told of it.
    pub whose: &'static str,
}

/// An upload that goes on while the response streams; ends with it.
pub struct Upload(AbortHandle);

impl Drop for Upload {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl RequestBody {
    /// Takes over the body; at most `limit` of it. What is read of it counts in `stats`.
    ///
    /// # Errors
    /// 413 when the caller announces more.
    pub fn new(
        headers: &HeaderMap,
        source: Body,
        limit: BodyLimit,
        stats: Arc<HandlerStats>,
    ) -> Result<Self, Problem> {
        let announced =
            headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|bytes| bytes > limit.bytes) {
            return Err(too_large(limit));
        }
        let ended = source.is_end_stream();
        Ok(Self {
            source,
            unsent: VecDeque::new(),
            sent: Vec::new(),
            kept: 0,
            replayable: true,
            left: limit.bytes,
            limit,
            ended,
            stats,
        })
    }

    /// Whether there is no body at all, so that the head can close the stream.
    pub fn is_empty(&self) -> bool {
        self.ended && self.unsent.is_empty() && self.sent.is_empty()
    }

    /// Makes the body start again; false where it was too long to keep.
    pub fn rewind(&mut self) -> bool {
        if self.replayable {
            for piece in self.sent.drain(..).rev() {
                self.unsent.push_front(piece);
            }
        }
        self.replayable
    }

    /// Sends until the end or until the tab wants no more. May be dropped and called again: nothing is lost.
    ///
    /// # Errors
    /// 413 over the limit; 400 when the caller's body broke off.
    pub async fn pump(&mut self, tab: &BodySender) -> Result<(), Problem> {
        loop {
            if self.unsent.is_empty() && !self.ended {
                self.read().await?;
            }
            let piece = self.unsent.front().cloned().unwrap_or_default();
            let fin = self.ended && self.unsent.len() <= 1;
            if !tab.send(piece, fin).await {
                return Ok(());
            }
            self.accepted();
            if fin {
                return Ok(());
            }
        }
    }

    /// Goes on sending on a task of its own.
    pub fn upload(mut self, tab: BodySender, labels: Labels, metrics: Arc<Metrics>) -> Upload {
        let task = tokio::spawn(async move {
            // The answer is under way already: all that is left to tell the caller is that it breaks off.
            if let Err(problem) = self.pump(&tab).await {
                tracing::debug!(
                    problem = problem.kind().slug(),
                    "upload failed after the response had begun"
                );
                if problem.kind() == ProblemType::PayloadTooLarge {
                    breach::report(&metrics, &labels, Limit::RequestBytes);
                }
                tab.abort();
            }
        });
        Upload(task.abort_handle())
    }

    /// Reads one more piece, or the end.
    async fn read(&mut self) -> Result<(), Problem> {
        match self.source.frame().await {
            None => self.ended = true,
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    self.left =
                        self.left.checked_sub(data.len() as u64).ok_or_else(|| too_large(self.limit))?;
                    self.stats.received(data.len());
                    self.unsent.push_back(data);
                }
                self.ended = self.source.is_end_stream();
            }
            Some(Err(_)) => {
                return Err(Problem::new(ProblemType::InvalidRequest).detail("The request body broke off."));
            }
        }
        Ok(())
    }

    /// The tab took the first unsent piece.
    fn accepted(&mut self) {
        let Some(piece) = self.unsent.pop_front() else { return };
        self.kept += piece.len();
        self.replayable &= self.kept <= HttpConfig::REPLAY;
        if self.replayable {
            self.sent.push(piece);
        } else {
            self.sent.clear();
        }
    }
}

fn too_large(limit: BodyLimit) -> Problem {
    let BodyLimit { bytes, whose } = limit;
    Problem::new(ProblemType::PayloadTooLarge)
        .detail(format!("The request body is over {whose} of {bytes} bytes."))
}
