//! What several themes need.

use bytes::Bytes;
use futures_util::StreamExt as _;
use reqwest::{Body, Response};
use serde_json::Value;
use std::convert::Infallible;
use tabmesh_tests::gateway::client;
use tabmesh_tests::{eventually, within};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A handler whose POST waits for the end of its request body, and says in the log that it began.
pub const HOLD: &str = r"
    export default {
      async fetch(request) {
        if (request.method === 'GET') return new Response('free');
        console.log('holding');
        return new Response(`held ${await request.text()}`);
      },
    };
";

/// A request that stays in flight until it is let go: its body does not end before.
pub struct Held {
    body: mpsc::Sender<Bytes>,
    response: JoinHandle<reqwest::Result<Response>>,
}

impl Held {
    /// POSTs to `url` and sends the first piece of the body.
    pub async fn start(url: String) -> Self {
        let (body, pieces) = mpsc::channel::<Bytes>(4);
        let pieces = futures_util::stream::unfold(pieces, |mut pieces| async {
            pieces.recv().await.map(|piece| (Ok::<_, Infallible>(piece), pieces))
        });
        let request = client().post(url).body(Body::wrap_stream(pieces));
        let response = tokio::spawn(request.send());
        body.send(Bytes::from_static(b"one ")).await.unwrap();
        Self { body, response }
    }

    /// Ends the body and gives the answer.
    pub async fn finish(self) -> Response {
        self.body.send(Bytes::from_static(b"two")).await.unwrap();
        drop(self.body);
        within("the answer to a held request", self.response).await.unwrap().unwrap()
    }

    /// Gives the answer that comes although the body does not end.
    pub async fn answer(self) -> Response {
        let answer = within("an answer while the body is open", self.response).await.unwrap().unwrap();
        drop(self.body);
        answer
    }

    /// Hangs up.
    pub fn abandon(self) {
        self.response.abort();
    }
}

/// Status and problem document of a response that must be one.
pub async fn problem(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    let text = response.text().await.unwrap();
    assert_eq!(kind.as_deref(), Some("application/problem+json"), "{status} {text}");
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["status"], status, "{document}");
    (status, document)
}

/// Checks status and slug of a problem, and gives its request id.
pub async fn expect_problem(response: Response, status: u16, slug: &str) -> String {
    let (got, document) = problem(response).await;
    let kind = document["type"].as_str().unwrap_or_default().to_owned();
    assert_eq!((got, kind.as_str()), (status, format!("urn:tabmesh:problem:{slug}").as_str()), "{document}");
    document["requestId"].as_str().unwrap_or_default().to_owned()
}

/// Asks again until the JSON answer has `value` at `pointer`.
pub async fn wait_for_json(url: &str, pointer: &str, value: impl Into<Value>) {
    let value = value.into();
    let client = client();
    eventually(&format!("{pointer} of {url} is {value}"), || async {
        let answer: Value = client.get(url).send().await.unwrap().json().await.ok()?;
        (answer.pointer(pointer) == Some(&value)).then_some(())
    })
    .await;
}

/// The next piece of a streamed response.
pub async fn next_piece(response: &mut Response) -> Option<Bytes> {
    within("the next piece of a body", response.chunk()).await.unwrap()
}

/// `size` bytes that no two offsets share by accident.
pub fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|at| ((at ^ (at >> 8) ^ (at >> 16)) & 0xff) as u8).collect()
}

/// The same as [`pattern`], in JavaScript: a function of offset and length.
pub const PATTERN_JS: &str = r"
    function pattern(from, size) {
      const bytes = new Uint8Array(size);
      for (let i = 0; i < size; i++) { const at = from + i; bytes[i] = at ^ (at >> 8) ^ (at >> 16); }
      return bytes;
    }
";

/// A body that is sent in pieces, without a length.
pub fn chunked(bytes: &[u8], piece: usize) -> Body {
    let pieces: Vec<Bytes> = bytes.chunks(piece).map(Bytes::copy_from_slice).collect();
    Body::wrap_stream(futures_util::stream::iter(pieces).map(Ok::<_, Infallible>))
}
