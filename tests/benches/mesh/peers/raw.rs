//! What the data channel itself gives: the gateway's own transport code on this end, on the other a page whose Worker
//! sends messages back, pours or counts them. No HTTP, no session, no wasm, no isolate.

use super::source;
use super::tab::OpenPage;
use crate::stats::Samples;
use anyhow::{Context, Result, anyhow, bail, ensure};
use axum::extract::State;
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use tabmesh::config::{IceTransport, PeerConfig};
use tabmesh::mesh::peer::{ChannelEvent, Peer, PeerEvent, Peers};
use tabmesh::mesh::tab::Transport as _;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// Size of an echoed message, in bytes: about what a hello's head takes.
const ECHO: usize = 200;
/// Longest wait for one message.
const LIMIT: Duration = Duration::from_secs(60);

type Offer = (String, oneshot::Sender<Value>);
type Job = Box<dyn for<'a> FnOnce(&'a Peer) -> std::pin::Pin<Box<dyn Future<Output = ()> + 'a>> + Send>;

/// A page with a raw channel. The channel is driven by a thread of its own, as the gateway does it.
pub struct Raw {
    jobs: mpsc::Sender<Job>,
    page: OpenPage,
}

impl Raw {
    /// Opens the page and waits until its channel is open.
    pub async fn start(transport: IceTransport) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (offers_in, offers) = mpsc::channel::<Offer>(1);
        let (page, worker) = (source("raw.html")?, source("raw-worker.js")?);
        let worker = || async { ([("content-type", "text/javascript")], worker) };
        let router = Router::new()
            .route("/page", get(|| async { Html(page) }))
            .route("/raw-worker.js", get(worker))
            .route("/offer", post(offer))
            .with_state(offers_in);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let (jobs, queue) = mpsc::channel(1);
        let (opened_in, opened) = oneshot::channel();
        std::thread::Builder::new().name("raw".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(drive(transport, offers, queue, opened_in)),
                Err(error) => drop(opened_in.send(Err(error.into()))),
            }
        })?;
        let page = OpenPage::open(format!("http://{address}/page"));
        let opened = tokio::time::timeout(tabmesh_tests::LIMIT, opened).await;
        opened.context("no raw channel opens")?.context("the raw channel's thread ended")??;
        Ok(Self { jobs, page })
    }

    /// Ends channel and page.
    pub async fn close(self) {
        self.page.close().await;
    }

    /// Small messages there and back, one at a time, for `time`.
    pub async fn echo(&self, time: Duration) -> Result<Samples> {
        self.work(move |peer| Box::pin(echo(peer, time))).await
    }

    /// Seconds that so many bytes take from the tab to here.
    pub async fn down(&self, bytes: u32) -> Result<f64> {
        self.work(move |peer| Box::pin(down(peer, bytes))).await
    }

    /// Seconds that so many bytes take from here to the tab.
    pub async fn up(&self, bytes: u32) -> Result<f64> {
        self.work(move |peer| Box::pin(up(peer, bytes))).await
    }

    async fn work<T: Send + 'static>(
        &self,
        job: impl for<'a> FnOnce(&'a Peer) -> std::pin::Pin<Box<dyn Future<Output = Result<T>> + 'a>>
        + Send
        + 'static,
    ) -> Result<T> {
        let (done, result) = oneshot::channel();
        let job: Job = Box::new(move |peer| {
            Box::pin(async move {
                let result = tokio::time::timeout(LIMIT, job(peer)).await;
                // Nobody waits any more only where the bench itself was given up.
                let _ = done.send(result.unwrap_or_else(|_| Err(anyhow!("the raw channel is silent"))));
            })
        });
        self.jobs.send(job).await.map_err(|_| anyhow!("the raw channel is gone"))?;
        result.await.context("the raw channel's thread ended")?
    }
}

async fn offer(State(offers): State<mpsc::Sender<Offer>>, sdp: String) -> Json<Value> {
    let (answer_in, answer) = oneshot::channel();
    let _ = offers.send((sdp, answer_in)).await;
    Json(answer.await.unwrap_or_default())
}

/// The driver's thread: one channel, then one job after the other.
async fn drive(
    transport: IceTransport,
    mut offers: mpsc::Receiver<Offer>,
    mut jobs: mpsc::Receiver<Job>,
    opened: oneshot::Sender<Result<()>>,
) {
    let config = PeerConfig {
        ice_addr: vec![],
        ice_ports: None,
        ice_transport: transport,
        stun: vec![],
        turn: vec![],
    };
    let peers = Peers::new(config, Ipv4Addr::LOCALHOST.into());
    let peer = match connect(&peers, &mut offers).await {
        Ok(peer) => peer,
        Err(error) => return drop(opened.send(Err(error))),
    };
    let _ = opened.send(Ok(()));
    while let Some(job) = jobs.recv().await {
        job(&peer).await;
    }
    peer.close().await;
}

async fn connect(peers: &Peers, offers: &mut mpsc::Receiver<Offer>) -> Result<Peer> {
    let (sdp, answer) = offers.recv().await.context("the page went before it offered")?;
    let (peer, mut events) = peers.make(0).await?;
    let sdp = peer.answer(sdp).await?;
    let candidate = match events.recv().await {
        Some(PeerEvent::Candidate(candidate)) => candidate,
        other => bail!("instead of a candidate: {other:?}"),
    };
    let candidate = json!({ "candidate": candidate.candidate, "sdpMid": candidate.sdp_mid,
        "sdpMLineIndex": candidate.sdp_mline_index, "usernameFragment": candidate.username_fragment });
    let _ = answer.send(json!({ "sdp": sdp, "candidates": [candidate] }));
    match peer.next().await {
        ChannelEvent::Open => {}
        other => bail!("instead of opening: {other:?}"),
    }
    // Read to the end, so that the peer never waits for us.
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    Ok(peer)
}

async fn send(peer: &Peer, message: Vec<u8>) -> Result<()> {
    ensure!(peer.send(message).await, "the raw channel closed");
    Ok(())
}

async fn receive(peer: &Peer) -> Result<usize> {
    match peer.next().await {
        ChannelEvent::Message(message) => Ok(message.len()),
        other => bail!("instead of a message: {other:?}"),
    }
}

async fn echo(peer: &Peer, time: Duration) -> Result<Samples> {
    let end = Instant::now() + time;
    let mut trips = Vec::with_capacity(1 << 12);
    while Instant::now() < end {
        let start = Instant::now();
        send(peer, vec![0; ECHO]).await?;
        ensure!(receive(peer).await? == ECHO, "an echo of another size");
        trips.push(start.elapsed());
    }
    Ok(trips.into_iter().collect())
}

async fn down(peer: &Peer, bytes: u32) -> Result<f64> {
    let start = Instant::now();
    let mut order = vec![1];
    order.extend_from_slice(&bytes.to_be_bytes());
    send(peer, order).await?;
    let mut left = bytes as usize;
    while left > 0 {
        left = left.checked_sub(receive(peer).await?).context("more bytes than ordered")?;
    }
    Ok(start.elapsed().as_secs_f64())
}

async fn up(peer: &Peer, bytes: u32) -> Result<f64> {
    let start = Instant::now();
    let mut left = bytes as usize;
    while left > 0 {
        let piece = left.min(PeerConfig::MESSAGE);
        send(peer, vec![2; piece]).await?;
        left -= piece;
    }
    send(peer, vec![3]).await?;
    ensure!(receive(peer).await? == 8, "no count came back");
    Ok(start.elapsed().as_secs_f64())
}
