//! What it costs to turn heads and pieces of body into bytes, and bytes into them.

use bytes::Bytes;
use divan::Bencher;
use divan::counter::BytesCount;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tabmesh_protocol::frame::{Frame, MAX_OVERHEAD};
use tabmesh_protocol::{Limits, RequestHead, ResponseHead, Target};

/// Pieces of a body in bytes: a small answer, and what a session sends of a long one at a time.
const PIECES: [usize; 2] = [200, 16 << 10];

/// What the bench encodes is within the limits of the wire.
const FITS: &str = "it fits";

fn main() {
    divan::main();
}

/// As a browser and the gateway send them.
const REQUEST_FIELDS: [(&str, &str); 12] = [
    ("host", "hello.localhost:8787"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("accept-language", "en-US,en;q=0.9"),
    ("cookie", "session=0f37253635a8e38517868d090ad655b5; theme=dark"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "none"),
    ("x-forwarded-for", "127.0.0.1"),
    ("cf-connecting-ip", "127.0.0.1"),
    ("x-forwarded-proto", "http"),
];

const RESPONSE_FIELDS: [(&str, &str); 4] = [
    ("content-type", "application/json; charset=utf-8"),
    ("cache-control", "private, max-age=60"),
    ("set-cookie", "session=0f37253635a8e38517868d090ad655b5; HttpOnly"),
    ("set-cookie", "theme=dark"),
];

fn fields(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

fn request() -> RequestHead {
    RequestHead {
        target: Target { tenant: "default".into(), handler: "hello".into(), version: "0".repeat(64) }.into(),
        request_id: "0f37253635a8e38517868d090ad655b5".into(),
        limits: Limits::default(),
        method: Method::GET,
        url: "http://hello.localhost:8787/any/path?x=1".into(),
        headers: fields(&REQUEST_FIELDS),
    }
}

fn response() -> ResponseHead {
    ResponseHead { status: StatusCode::OK, headers: fields(&RESPONSE_FIELDS) }
}

#[divan::bench]
fn request_head_encode(bencher: Bencher<'_, '_>) {
    let head = request();
    bencher.bench(|| head.encode());
}

#[divan::bench]
fn request_head_decode(bencher: Bencher<'_, '_>) {
    let bytes = Bytes::from(request().encode().expect(FITS));
    bencher.bench(|| RequestHead::decode(bytes.clone()));
}

#[divan::bench]
fn response_head_encode(bencher: Bencher<'_, '_>) {
    let head = response();
    bencher.bench(|| head.encode());
}

#[divan::bench]
fn response_head_decode(bencher: Bencher<'_, '_>) {
    let bytes = Bytes::from(response().encode().expect(FITS));
    bencher.bench(|| ResponseHead::decode(bytes.clone()));
}

fn piece(bytes: usize) -> Frame {
    Frame::Data { stream: 4711, fin: false, payload: vec![7; bytes].into() }
}

#[divan::bench(args = PIECES)]
fn body_frame_encode(bencher: Bencher<'_, '_>, bytes: usize) {
    let frame = piece(bytes);
    bencher.counter(BytesCount::new(bytes)).bench(|| {
        let mut out = Vec::with_capacity(bytes + MAX_OVERHEAD);
        frame.encode(&mut out);
        out
    });
}

#[divan::bench(args = PIECES)]
fn body_frame_decode(bencher: Bencher<'_, '_>, bytes: usize) {
    let mut out = Vec::new();
    piece(bytes).encode(&mut out);
    let message = Bytes::from(out);
    bencher.counter(BytesCount::new(bytes)).bench(|| Frame::decode(&mut message.clone()));
}
