//! Request bodies that nobody reads to their end: an answer may come before them, a 401 to an upload say. A connection
//! that ends while its caller still writes is reset, and the reset takes the answer with it (RFC 9112, section 9.6); so
//! the rest is read and thrown away, for a bounded time. Keeps nothing of it.

use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;

/// Longest time that the rest of a body is read for, as long as some of it comes.
const LINGER: Duration = Duration::from_secs(30);

/// ... and for which nothing of it may come.
const SILENCE: Duration = Duration::from_secs(5);

/// A body of which the rest is read when it is dropped.
pub(super) struct Lingering<B: Body + Unpin + Send + 'static>
where
    B::Data: Send,
{
    /// Here until it is dropped.
    body: Option<B>,
    /// The caller waits to be told that the body is wanted, and it was not asked for: there is none to come.
    is_withheld: bool,
}

impl<B: Body + Unpin + Send + 'static> Lingering<B>
where
    B::Data: Send,
{
    /// `expects`: the request says `Expect: 100-continue`.
    pub(super) fn new(body: B, expects: bool) -> Self {
        Self { body: Some(body), is_withheld: expects }
    }
}

impl<B: Body + Unpin + Send + 'static> Body for Lingering<B>
where
    B::Data: Send,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.is_withheld = false;
        self.body.as_mut().map_or(Poll::Ready(None), |body| Pin::new(body).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl<B: Body + Unpin + Send + 'static> Drop for Lingering<B>
where
    B::Data: Send,
{
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !self.is_withheld && !body.is_end_stream()) else {
            return;
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(discard(body, LINGER, SILENCE));
        }
    }
}

/// Reads until the end, an error, so much silence, or for so long at most.
async fn discard<B: Body + Unpin>(mut body: B, longest: Duration, silence: Duration) {
    let all = async { while let Ok(Some(Ok(_))) = tokio::time::timeout(silence, body.frame()).await {} };
    let _ = tokio::time::timeout(longest, all).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures_util::{StreamExt as _, stream};
    use http_body_util::StreamBody;
    use std::convert::Infallible;
    use tokio::sync::mpsc;

    type Sender = mpsc::Sender<Bytes>;

    fn lingering(
        expects: bool,
    ) -> (Sender, Lingering<impl Body<Data = Bytes, Error = Infallible> + Unpin + Send>) {
        let (sender, mut receiver) = mpsc::channel(1);
        let pieces =
            stream::poll_fn(move |context| receiver.poll_recv(context)).map(|piece| Ok(Frame::data(piece)));
        (sender, Lingering::new(StreamBody::new(pieces), expects))
    }

    async fn send(sender: &Sender) -> bool {
        sender.send(Bytes::from_static(b"piece")).await.is_ok()
    }

    #[tokio::test]
    async fn what_nobody_reads_is_read_to_its_end() {
        let (sender, mut body) = lingering(false);
        assert!(send(&sender).await);
        assert!(body.frame().await.is_some());
        drop(body);
        for _ in 0..1000 {
            assert!(send(&sender).await);
        }
    }

    #[tokio::test]
    async fn a_caller_who_waits_to_be_asked_is_not_waited_for() {
        let (sender, body) = lingering(true);
        drop(body);
        assert!(!send(&sender).await);

        let (sender, mut body) = lingering(true);
        assert!(send(&sender).await);
        assert!(body.frame().await.is_some());
        drop(body);
        assert!(send(&sender).await && send(&sender).await && send(&sender).await);
    }

    #[tokio::test]
    async fn silence_ends_it() {
        let (sender, body) = lingering(false);
        let lingers = discard(body, LINGER, Duration::from_millis(20));
        tokio::time::timeout(LINGER / 2, lingers).await.unwrap();
        drop(sender);
    }

    #[tokio::test]
    async fn a_body_without_end_is_not_read_for_ever() {
        let (sender, body) = lingering(false);
        let endless = async { while send(&sender).await {} };
        let lingers = discard(body, Duration::from_millis(50), SILENCE);
        let ended = async {
            tokio::select! { () = lingers => (), () = endless => panic!("nobody reads") }
        };
        tokio::time::timeout(LINGER / 2, ended).await.unwrap();
    }
}
