//! What the protocol costs: a gateway's session and a tab's, joined in memory. No transport, no clock, no handler: what is
//! left is opening, encoding, decoding, scheduling and credit, on both ends together.

use bytes::Bytes;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use std::time::Duration;
use tabmesh_protocol::{
    Config, Event, Limits, Now, RequestHead, ResponseHead, Role, Session, StreamId, Target,
};

/// Time stands still: nothing here is ever due.
const NOW: Now = Duration::ZERO;

/// What a handler writes at once.
const PIECE: usize = 64 << 10;

/// Both ends are ours.
const KEPT: &str = "both ends keep the protocol";

fn main() {
    divan::main();
}

struct Pair {
    gateway: Session,
    tab: Session,
    request: RequestHead,
    response: ResponseHead,
    piece: Bytes,
    /// Answers that are not sent completely: stream and bytes left.
    unsent: Vec<(StreamId, usize)>,
}

/// Passes on all that waits; whether there was anything.
fn carry(from: &mut Session, to: &mut Session) -> bool {
    let mut moved = false;
    while let Some(message) = from.poll_transmit() {
        to.handle_message(NOW, message.into()).expect(KEPT);
        moved = true;
    }
    moved
}

impl Pair {
    fn joined() -> Self {
        let tab = Config { max_incoming_streams: 256, ..Config::default() };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        let mut pair = Self {
            gateway: Session::new(Role::Gateway, Config::default(), NOW),
            tab: Session::new(Role::Tab, tab, NOW),
            request: RequestHead {
                target: Target { tenant: "default".into(), handler: "hello".into(), version: "0".repeat(64) }
                    .into(),
                request_id: "0f37253635a8e38517868d090ad655b5".into(),
                limits: Limits::default(),
                method: Method::GET,
                url: "http://hello.localhost:8787/any/path?x=1".into(),
                headers: headers.clone(),
            },
            response: ResponseHead { status: StatusCode::OK, headers },
            piece: vec![7; PIECE].into(),
            unsent: Vec::new(),
        };
        while carry(&mut pair.gateway, &mut pair.tab) | carry(&mut pair.tab, &mut pair.gateway) {}
        pair
    }

    /// So many requests at once, each answered with so many bytes.
    fn exchange(&mut self, streams: usize, bytes: usize) {
        for _ in 0..streams {
            self.gateway.open(&self.request, true).expect(KEPT);
        }
        let mut open = streams;
        while open > 0 {
            let asked = carry(&mut self.gateway, &mut self.tab);
            self.answer(bytes);
            let answered = carry(&mut self.tab, &mut self.gateway);
            assert!(asked || answered, "{open} exchanges are stuck");
            while let Some(event) = self.gateway.poll_event() {
                if let Event::Data { id, data, fin } = event {
                    self.gateway.consumed(NOW, id, data.len());
                    open -= usize::from(fin);
                }
            }
        }
    }

    /// The tab's side: as much as there is room for.
    fn answer(&mut self, bytes: usize) {
        while let Some(event) = self.tab.poll_event() {
            if let Event::Request { id, .. } = event {
                self.tab.respond(id, &self.response, false).expect(KEPT);
                self.unsent.push((id, bytes));
            }
        }
        let Self { tab, piece, unsent, .. } = self;
        unsent.retain_mut(|(id, left)| {
            let now = tab.room(*id).min(*left).min(PIECE);
            if now > 0 {
                *left -= now;
                tab.send(*id, piece.slice(..now), *left == 0).expect(KEPT);
            }
            *left > 0
        });
    }
}

#[divan::bench]
fn small_exchange(bencher: Bencher<'_, '_>) {
    let mut pair = Pair::joined();
    bencher.bench_local(|| pair.exchange(1, 200));
}

/// Bodies of four turns each, so that the streams take turns.
#[divan::bench]
fn interleaved_64(bencher: Bencher<'_, '_>) {
    let mut pair = Pair::joined();
    bencher.counter(ItemsCount::new(64usize)).bench_local(|| pair.exchange(64, 64 << 10));
}

#[divan::bench]
fn bulk_16_mib(bencher: Bencher<'_, '_>) {
    let mut pair = Pair::joined();
    bencher.counter(BytesCount::new(16usize << 20)).bench_local(|| pair.exchange(1, 16 << 20));
}
