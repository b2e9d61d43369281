//! Simulated tabs: native peers that join a gateway as tabs do and keep every rule, but run no handler. They answer each
//! request themselves, so that a thousand of them fit beside the gateway that is looked at.
//!
//! A path that contains `/hold` is answered with [`HELD`] and an open end, until its caller leaves; all others with a whole
//! [`ANSWER`].

use crate::channel::Channel;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tabmesh_protocol::{Config, Event, RequestHead, ResponseHead, Role, Session, StreamId, Violation};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Body of a whole answer.
pub const ANSWER: &str = "simulated\n";
/// What comes first of an answer that stays open.
pub const HELD: &str = "held\n";

/// Joins under way at once. Most of a join is waiting; so many keep a core busy.
const AT_ONCE: usize = 64;
/// From a tab's first step to its hello.
const JOIN_LIMIT: Duration = Duration::from_secs(20);

/// Tabs that joined. Dropping it ends them all at once, as a crash would.
pub struct Swarm {
    tabs: JoinSet<()>,
    /// Why the others did not join.
    pub failed: Vec<String>,
    /// From the first step of the first to the hello of the last.
    pub took: Duration,
}

impl Swarm {
    /// Joins so many tabs to the gateway at `address`; each has one try.
    pub async fn join(address: SocketAddr, count: usize) -> Self {
        let start = Instant::now();
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut joins = JoinSet::new();
        for _ in 0..count {
            let places = Arc::clone(&places);
            joins.spawn(async move {
                // Never closed.
                let _place = places.acquire().await;
                tokio::time::timeout(JOIN_LIMIT, SimulatedTab::join(address)).await.context("too slow")?
            });
        }
        let mut swarm = Self { tabs: JoinSet::new(), failed: vec![], took: Duration::ZERO };
        while let Some(joined) = joins.join_next().await {
            match joined.map_err(anyhow::Error::from).flatten() {
                Ok(tab) => drop(swarm.tabs.spawn(tab.serve())),
                Err(error) => swarm.failed.push(format!("{error:#}")),
            }
        }
        swarm.took = start.elapsed();
        swarm
    }

    /// Tabs that are still joined.
    pub fn alive(&mut self) -> usize {
        while self.tabs.try_join_next().is_some() {}
        self.tabs.len()
    }

    /// Waits until no tab is left.
    pub async fn ended(mut self) {
        while self.tabs.join_next().await.is_some() {}
    }
}

struct SimulatedTab {
    channel: Channel,
    session: Session,
    epoch: Instant,
}

impl SimulatedTab {
    /// Joined, and hello said both ways.
    async fn join(address: SocketAddr) -> Result<Self> {
        let channel = Channel::open(address).await?;
        let config = Config { agent: "simulated tab".into(), ..Config::default() };
        let session = Session::new(Role::Tab, config, Duration::ZERO);
        let mut tab = Self { channel, session, epoch: Instant::now() };
        // The tab speaks second.
        let hello = tab.channel.next().await.context("the gateway closed the channel")?;
        tab.session.handle_message(tab.epoch.elapsed(), hello)?;
        if !tab.transmit().await {
            bail!("the gateway closed the channel");
        }
        Ok(tab)
    }

    async fn serve(mut self) {
        // Either side's end is the tab's end; a gateway that breaks the rules shows as a tab less.
        while let Ok(true) = self.turn().await {}
        self.channel.close().await;
    }

    /// Waits for one thing to happen and does what follows; false once the channel is closed.
    async fn turn(&mut self) -> Result<bool, Violation> {
        let deadline = self.epoch + self.session.poll_timeout();
        tokio::select! {
            message = self.channel.next() => {
                let Some(message) = message else { return Ok(false) };
                self.session.handle_message(self.epoch.elapsed(), message)?;
            }
            () = tokio::time::sleep_until(deadline.into()) => self.session.handle_timeout(self.epoch.elapsed())?,
        }
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Request { id, head, .. } => self.answer(id, &head),
                Event::Data { id, data, .. } => self.session.consumed(self.epoch.elapsed(), id, data.len()),
                _ => {}
            }
        }
        Ok(self.transmit().await)
    }

    fn answer(&mut self, id: StreamId, request: &RequestHead) {
        let hold = request.url.contains("/hold");
        let head = ResponseHead { status: StatusCode::OK, headers: HeaderMap::new() };
        let body = Bytes::from_static(if hold { HELD } else { ANSWER }.as_bytes());
        // A caller that has left meanwhile needs no answer.
        let _ = self.session.respond(id, &head, false);
        let _ = self.session.send(id, body, !hold);
    }

    async fn transmit(&mut self) -> bool {
        while let Some(message) = self.session.poll_transmit() {
            if !self.channel.send(&message).await {
                return false;
            }
        }
        true
    }
}
