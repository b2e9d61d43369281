//! WebSockets between a caller and a handler (RFC 6455). To a tab such a request is like any other, whose two bodies are
//! messages in [`frames`]; the handler agrees by answering 101. Pings are answered here.

mod frames;

use crate::problem::{Problem, ProblemType};
use axum::body::Body;
use bytes::Bytes;
use frames::{Decoder, MAX_MESSAGE};
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

/// Messages from a caller that may wait for the tab.
const QUEUE: usize = 4;

/// Time for the caller to answer a close.
const GOODBYE: Duration = Duration::from_secs(5);

/// A caller's wish for a WebSocket.
pub(super) struct Upgrade {
    on: OnUpgrade,
    accept: String,
    messages: mpsc::Sender<Bytes>,
}

impl Upgrade {
    /// Takes the wish out of a request, whose body will be the caller's messages. `None` where there is none, or
    /// none that can be granted.
    pub(super) fn requested(request: &mut Request<Body>) -> Option<Self> {
        let headers = request.headers();
        let is = |name, value: &str| {
            let fields = headers.get_all(name).iter().filter_map(|field| field.to_str().ok());
            fields.flat_map(|field| field.split(',')).any(|part| part.trim().eq_ignore_ascii_case(value))
        };
        let wants = request.method() == Method::GET
            && is(header::UPGRADE, "websocket")
            && is(header::CONNECTION, "upgrade")
            && is(header::SEC_WEBSOCKET_VERSION, "13");
        if !wants {
            return None;
        }
        let accept = derive_accept_key(headers.get(header::SEC_WEBSOCKET_KEY)?.as_bytes());
        let on = request.extensions_mut().remove::<OnUpgrade>()?;
        // We offer no compression to either side.
        request.headers_mut().remove(header::SEC_WEBSOCKET_EXTENSIONS);
        let (messages, queue) = mpsc::channel(QUEUE);
        let stream = futures_util::stream::unfold(queue, async |mut queue| {
            Some((Ok::<_, std::convert::Infallible>(queue.recv().await?), queue))
        });
        *request.body_mut() = Body::from_stream(Box::pin(stream));
        Some(Self { on, accept, messages })
    }

    /// Gives the caller the handler's answer: where it is 101, messages pass from now on.
    pub(super) fn answer(self, response: Response<Body>) -> Response<Body> {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return response;
        }
        let (mut parts, body) = response.into_parts();
        for name in [header::CONTENT_LENGTH, header::SEC_WEBSOCKET_EXTENSIONS] {
            parts.headers.remove(name);
        }
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        parts.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            parts.headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        tokio::spawn(async move {
            let Ok(upgraded) = self.on.await else { return };
            let config = WebSocketConfig::default()
                .max_message_size(Some(MAX_MESSAGE))
                .max_frame_size(Some(MAX_MESSAGE))
                .max_write_buffer_size(2 * MAX_MESSAGE);
            let socket =
                WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
            pass(socket, body, self.messages).await;
        });
        Response::from_parts(parts, Body::empty())
    }
}

/// A handler that answers 101 to what was no wish for a WebSocket.
pub(super) fn unasked(response: Response<Body>) -> Response<Body> {
    use axum::response::IntoResponse as _;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    Problem::new(ProblemType::BadResponse).into_response()
}

/// Passes messages both ways until either side ends. Dropping the body tells the tab that the caller is gone.
async fn pass<S>(mut socket: WebSocketStream<S>, mut body: Body, messages: mpsc::Sender<Bytes>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut decoder = Decoder::default();
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(message)) => {
                    let closes = message.is_close();
                    // A tab that does not read holds the caller back.
                    if let Some(frame) = frames::encode(&message)
                        && messages.send(frame).await.is_err()
                    {
                        break;
                    }
                    if closes {
                        // Its answer is written by the next turn; the handler hears why it ended.
                        let _ = socket.flush().await;
                        drop(messages);
                        let rest = async { while let Some(Ok(_)) = body.frame().await {} };
                        let _ = tokio::time::timeout(GOODBYE, rest).await;
                        return;
                    }
                }
                Some(Err(_)) | None => return,
            },
            frame = body.frame() => match frame {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        decoder.push(&data);
                    }
                    loop {
                        match decoder.next() {
                            Ok(None) => break,
                            Ok(Some(message)) => {
                                let closes = message.is_close();
                                if socket.send(message).await.is_err() {
                                    return;
                                }
                                if closes {
                                    return goodbye(socket).await;
                                }
                            }
                            Err(_) => return close(socket, 1011).await,
                        }
                    }
                }
                // The tab died, or the handler broke off.
                Some(Err(_)) => return close(socket, 1011).await,
                None => return close(socket, 1001).await,
            },
        }
    }
    close(socket, 1011).await;
}

async fn close<S>(mut socket: WebSocketStream<S>, code: u16)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    use tokio_tungstenite::tungstenite::protocol::CloseFrame;
    let frame = CloseFrame { code: code.into(), reason: "".into() };
    if socket.send(Message::Close(Some(frame))).await.is_ok() {
        goodbye(socket).await;
    }
}

/// Waits for the caller's own close.
async fn goodbye<S>(mut socket: WebSocketStream<S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let rest = async { while let Some(Ok(_)) = socket.next().await {} };
    let _ = tokio::time::timeout(GOODBYE, rest).await;
}
