//! The shape that Tabmesh replaces: a page behind a WebSocket. A request becomes one JSON message, its answer another;
//! the handler runs in the page itself. No isolation, no streaming, no flow control.

use super::source;
use super::tab::OpenPage;
use anyhow::{Context, Result};
use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Request, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// Messages that may wait for the page.
const QUEUE: usize = 1024;
/// Largest request body.
const MAX_BODY: usize = 1 << 20;

/// The proxy's end of the page.
struct Shared {
    state: Mutex<Waiting>,
    to_page: watch::Sender<Option<mpsc::Sender<String>>>,
}

#[derive(Default)]
struct Waiting {
    last: u64,
    answers: HashMap<u64, oneshot::Sender<Value>>,
}

/// A running proxy with its page.
pub struct Proxy {
    /// Where it answers HTTP.
    pub address: SocketAddr,
    page: OpenPage,
    server: JoinHandle<std::io::Result<()>>,
}

impl Proxy {
    /// Starts the server and opens its page, which runs this module.
    pub async fn start(handler: String) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (to_page, mut page_is_there) = watch::channel(None);
        let shared = Arc::new(Shared { state: Mutex::default(), to_page });
        let page = source("proxy.html")?;
        let script = move || async move { ([("content-type", "text/javascript")], handler) };
        let router = Router::new()
            .route("/page", get(|| async { Html(page) }))
            .route("/handler.js", get(script))
            .route("/tab", get(tab))
            .fallback(forward)
            .with_state(shared);
        let listener = listener.tap_io(|stream| {
            // Without it the row would measure Nagle's algorithm.
            let _ = stream.set_nodelay(true);
        });
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let page = OpenPage::open(format!("http://{address}/page"));
        let arrived =
            tokio::time::timeout(tabmesh_tests::LIMIT, page_is_there.wait_for(Option::is_some)).await;
        arrived.context("the proxy's page does not come")?.context("the proxy ended")?;
        Ok(Self { address, page, server })
    }

    /// Ends server and page.
    pub async fn close(self) {
        self.page.close().await;
        self.server.abort();
    }
}

async fn tab(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|socket| serve_page(shared, socket))
}

async fn serve_page(shared: Arc<Shared>, mut socket: WebSocket) {
    let (to_page, mut requests) = mpsc::channel(QUEUE);
    shared.to_page.send_replace(Some(to_page));
    loop {
        tokio::select! {
            Some(request) = requests.recv() => {
                if socket.send(Message::Text(request.into())).await.is_err() {
                    return;
                }
            }
            message = socket.recv() => {
                let Some(Ok(message)) = message else { return };
                let Message::Text(text) = message else { continue };
                let Ok(answer) = serde_json::from_str::<Value>(&text) else { continue };
                let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
                let waiting = answer["id"].as_u64().and_then(|id| state.answers.remove(&id));
                drop(state);
                if let Some(waiting) = waiting {
                    // The caller may have gone.
                    let _ = waiting.send(answer);
                }
            }
        }
    }
}

async fn forward(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    match answer(&shared, request).await {
        Some(response) => response,
        None => StatusCode::BAD_GATEWAY.into_response(),
    }
}

async fn answer(shared: &Shared, request: Request) -> Option<Response> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY).await.ok()?;
    let headers: Vec<_> =
        head.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    let host = head.headers.get("host").and_then(|host| host.to_str().ok())?;
    let (done, waiting) = oneshot::channel();
    let id = {
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.last += 1;
        let id = state.last;
        state.answers.insert(id, done);
        id
    };
    let message = json!({
        "id": id,
        "method": head.method.as_str(),
        "url": format!("http://{host}{}", head.uri),
        "headers": headers,
        "body": (!body.is_empty()).then(|| String::from_utf8_lossy(&body).into_owned()),
    });
    let to_page = shared.to_page.borrow().clone()?;
    to_page.send(message.to_string()).await.ok()?;
    let answer = waiting.await.ok()?;
    let mut response = http::Response::builder().status(u16::try_from(answer["status"].as_u64()?).ok()?);
    for header in answer["headers"].as_array()? {
        response = response.header(header[0].as_str()?, header[1].as_str()?);
    }
    response.body(axum::body::Body::from(answer["body"].as_str()?.to_owned())).ok()
}
