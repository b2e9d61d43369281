//! A gateway's way to a shared rendezvous: one WebSocket as a [`Link`]. Joins once; to come back after the link ended
//! is the caller's job. No TLS: put a proxy in front, or use a private network.

use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tabmesh_protocol::signal::{ClientMessage, MAX_SIGNAL_MESSAGE, ServerMessage, SignalErrorCode};
use tokio::{
    sync::mpsc,
    time::{error::Elapsed, timeout},
};
use tokio_tungstenite::{
    connect_async_with_config,
    tungstenite::{self, Message, protocol::WebSocketConfig},
};

use crate::link::{self, Join, Link};

/// Opening the socket must not take longer.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// The server pings every few seconds ([`crate::Timing::ping_every`]); after this much silence it is gone.
const SILENCE: Duration = Duration::from_secs(20);

/// Time for the goodbye.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// Why no link came about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Bad URL, nobody there, or not a WebSocket. Boxed: it is large.
    #[error("cannot open the signalling socket: {0}")]
    Socket(#[from] Box<tungstenite::Error>),
    /// No answer within 10 s.
    #[error("the signalling server did not answer in time")]
    Timeout(#[from] Elapsed),
}

/// Opens `url` (`ws://host:port/_mesh/signal`) and sends `join`; the reply is the first message of the link.
///
/// # Errors
/// If the socket cannot be opened. A refused join is not an error here: it comes as `ServerMessage::Error`.
pub async fn connect(url: &str, join: Join) -> Result<Link, ConnectError> {
    let mut config = WebSocketConfig::default();
    config.max_message_size = Some(MAX_SIGNAL_MESSAGE);
    config.max_frame_size = Some(MAX_SIGNAL_MESSAGE);
    let opening = async {
        let (mut socket, _) = connect_async_with_config(url, Some(config), true).await.map_err(Box::new)?;
        socket.send(encode(&join.into_message())).await.map_err(Box::new)?;
        Ok::<_, ConnectError>(socket)
    };
    let socket = timeout(CONNECT_WITHIN, opening).await??;
    let (link, from_member, to_member) = link::pair();
    tokio::spawn(async move {
        let (mut sink, mut stream) = socket.split();
        tokio::select! {
            () = write(&mut sink, from_member) => {}
            () = read(&mut stream, &to_member) => {}
        }
        timeout(CLOSE_GRACE, sink.close()).await.ok();
    });
    Ok(link)
}

fn encode(message: &ClientMessage) -> Message {
    // The dialect is structs, enums, numbers and strings: all of it has a JSON form.
    Message::text(serde_json::to_string(message).expect("a signalling message always has a JSON form"))
}

async fn write(
    sink: &mut (impl Sink<Message, Error = tungstenite::Error> + Unpin),
    mut from_member: mpsc::Receiver<ClientMessage>,
) {
    while let Some(message) = from_member.recv().await {
        if sink.send(encode(&message)).await.is_err() {
            return;
        }
    }
}

async fn read(
    stream: &mut (impl Stream<Item = Result<Message, tungstenite::Error>> + Unpin),
    to_member: &mpsc::Sender<ServerMessage>,
) {
    let mut told_why = false;
    loop {
        let message = match timeout(SILENCE, stream.next()).await {
            Ok(Some(Ok(Message::Text(text)))) => match serde_json::from_str::<ServerMessage>(&text) {
                Ok(message) => message,
                Err(error) => {
                    tracing::warn!(%error, "the signalling server said something unknown");
                    continue;
                }
            },
            Ok(Some(Ok(Message::Close(frame)))) => {
                let code = frame.and_then(|frame| SignalErrorCode::from_close_code(frame.code.into()));
                match code {
                    Some(code) if !told_why => {
                        let message = "the server closed the connection".to_owned();
                        to_member.send(ServerMessage::Error { code, message }).await.ok();
                    }
                    _ => {}
                }
                return;
            }
            Ok(Some(Ok(_))) => continue, // pings are answered by the library
            Ok(Some(Err(_)) | None) | Err(_) => return,
        };
        told_why =
            matches!(&message, ServerMessage::Error { code, .. } if *code != SignalErrorCode::UnknownPeer);
        if to_member.send(message).await.is_err() {
            return;
        }
    }
}
