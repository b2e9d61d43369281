//! A WebSocket as a member: moves frames between axum and the hub, keeps the connection alive, and closes it with a
//! reason. Decides nothing about rooms.
//!
//! Every fault is told twice: as a `ServerMessage::Error`, then as the close code
//! [`SignalErrorCode::close_code`]: 4400 malformed, 4403 forbidden, 4408 too slow (did not join in time, fell silent,
//! does not read), 4409 out of order, 4413 too large, 4422 bad pool, 4426 version, 4429 flooding, 4503 going away,
//! 4507 full. A slow reader gets the close code only, since its queue is full.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::any,
};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tabmesh_protocol::signal::{MAX_SIGNAL_MESSAGE, SIGNAL_PATH, SignalErrorCode};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout, timeout_at};

use crate::{
    config::Timing,
    hub::Hub,
    outbox::{Inbox, Outgoing},
    registry::{ConnId, Input, Trust},
};

/// Read buffer of one socket in bytes: descriptions are below 2 KiB, and idle members are many.
const READ_BUFFER: usize = 4 * 1024;

/// The signalling socket at [`SIGNAL_PATH`].
pub fn router(hub: Arc<Hub>) -> Router {
    Router::new().route(SIGNAL_PATH, any(upgrade)).with_state(hub)
}

/// The handler behind [`router`], for a gateway that has a router of its own. Answers 403 to pages that
/// [`Origins`](crate::Origins) keeps out.
pub async fn upgrade(
    State(hub): State<Arc<Hub>>,
    uri: Uri,
    headers: HeaderMap,
    socket: WebSocketUpgrade,
) -> Response {
    if !hub.origins().admits(&uri, &headers) {
        return (StatusCode::FORBIDDEN, "this page may not connect\n").into_response();
    }
    socket
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0) // every message is flushed anyway
        .max_message_size(MAX_SIGNAL_MESSAGE)
        .max_frame_size(MAX_SIGNAL_MESSAGE)
        .on_upgrade(move |socket| run(hub, socket))
}

type Sink = SplitSink<WebSocket, Message>;
type Stream = SplitStream<WebSocket>;

/// Why a pump stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The transport is gone: nothing can be said any more.
    Gone,
    /// The client says goodbye, or everything including the close was written.
    Closing,
    /// The hub closed the connection; the reason is queued.
    Refused,
    /// The client broke the WebSocket protocol; its reason is queued, and nothing can be read any more.
    Broken,
    /// The client stopped reading.
    Overrun,
}

async fn run(hub: Arc<Hub>, socket: WebSocket) {
    let _tracked = hub.track();
    let timing = hub.timing();
    let (mut sink, mut stream) = socket.split();
    let (conn, inbox, overrun) = hub.connect(Trust::Stranger);
    let end = {
        let mut writer = pin!(write(&mut sink, inbox, timing.ping_every));
        let end = tokio::select! {
            biased;
            () = overrun.notified() => End::Overrun,
            () = &mut writer => End::Closing,
            end = read(&hub, conn, &mut stream) => end,
        };
        if matches!(end, End::Refused | End::Broken) {
            timeout(timing.close_grace, &mut writer).await.ok();
        }
        end
    };
    hub.disconnect(conn);
    finish(end, &mut sink, &mut stream, timing).await;
}

/// Sends what the hub queues, and pings, until the close is written or the transport fails.
async fn write(sink: &mut Sink, mut inbox: Inbox, ping_every: Duration) {
    let mut pings = interval_at(Instant::now() + ping_every, ping_every);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let (message, last) = tokio::select! {
            item = inbox.recv() => match item {
                Some(Outgoing::Message(message)) => match serde_json::to_string(&message) {
                    Ok(text) => (Message::text(text), false),
                    Err(error) => {
                        // No message of the dialect holds a map with odd keys, the one thing that can fail.
                        tracing::error!(%error, "message not sent");
                        continue;
                    }
                },
                Some(Outgoing::Close(code)) => (close_frame(code), true),
                None => return,
            },
            _ = pings.tick() => (Message::Ping(Default::default()), false),
        };
        if sink.send(message).await.is_err() || last {
            return;
        }
    }
}

fn close_frame(code: SignalErrorCode) -> Message {
    Message::Close(Some(CloseFrame { code: code.close_code(), reason: code.as_str().into() }))
}

/// Hands what arrives to the hub until the client is gone, at fault, or closed by the hub.
async fn read(hub: &Hub, conn: ConnId, stream: &mut Stream) -> End {
    let Timing { silence, join_within, .. } = hub.timing();
    let join_by = Instant::now() + join_within;
    let mut deadline = join_by;
    let mut spoke = false;
    loop {
        let Ok(next) = timeout_at(deadline, stream.next()).await else {
            hub.refuse(conn, SignalErrorCode::TooSlow, "nothing heard in time");
            return End::Refused;
        };
        let open = match next {
            None => return End::Gone,
            Some(Ok(Message::Text(text))) => {
                spoke = true;
                hub.text(conn, &text)
            }
            Some(Ok(Message::Binary(_))) => {
                hub.refuse(conn, SignalErrorCode::Malformed, "binary messages have no meaning here");
                false
            }
            Some(Ok(Message::Ping(bytes) | Message::Pong(bytes))) => {
                hub.input(conn, Input::Noise { bytes: bytes.len() })
            }
            Some(Ok(Message::Close(_))) => return End::Closing,
            Some(Err(error)) => match broken(&error) {
                None => return End::Gone,
                Some(code) => {
                    hub.refuse(conn, code, "the message could not be read");
                    return End::Broken;
                }
            },
        };
        if !open {
            return End::Refused;
        }
        deadline = Instant::now() + silence;
        if !spoke {
            deadline = deadline.min(join_by);
        }
    }
}

/// What the client did wrong if the stream failed by its fault; `None` if the transport went away.
fn broken(error: &axum::Error) -> Option<SignalErrorCode> {
    use std::error::Error as _;
    let text = error.to_string();
    // axum keeps its WebSocket library to itself, so its errors can be told apart by their words only. Should those
    // change, the worst is `malformed` for `too-large`; a test would say so.
    if text.starts_with("Space limit exceeded") {
        return Some(SignalErrorCode::TooLarge);
    }
    let mut source = error.source();
    while let Some(inner) = source {
        if inner.is::<std::io::Error>() {
            return None;
        }
        source = inner.source();
    }
    let went_away = text.contains("without closing handshake") || text.contains("closed");
    (!went_away).then_some(SignalErrorCode::Malformed)
}

/// Ends the TCP connection in such a way that the client can still read why: closing a socket with unread input
/// resets it and discards what the client has not read yet.
async fn finish(end: End, sink: &mut Sink, stream: &mut Stream, timing: Timing) {
    let grace = timing.close_grace;
    match end {
        End::Gone => return,
        End::Broken => return tokio::time::sleep(grace).await,
        End::Overrun => {
            let close = sink.send(close_frame(SignalErrorCode::TooSlow));
            if timeout(grace, close).await.is_err() {
                return;
            }
        }
        End::Closing | End::Refused => {}
    }
    let drain = async { while let Some(Ok(_)) = stream.next().await {} };
    timeout(grace, drain).await.ok();
}
