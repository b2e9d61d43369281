//! The carrier with one UDP port for all tabs of a thread: a driver of our own around the sans-I/O crate `rtc`. Host
//! candidates over UDP only.
//!
//! ```text
//! socket -> routes: whose is it? -> link: ICE, DTLS, SCTP -> messages to the tab's sink
//!                                     link <- a message, straight from the task that sends it
//! ```
//!
//! [`port`] does the I/O, [`link`] is one connection; [`routes`], [`timers`] and [`stun`] are pure.

mod link;
mod port;
mod routes;
mod socket;
mod stun;
#[cfg(test)]
mod tests;
mod timers;

use super::settings::settings;
use super::{ChannelEvent, PeerEvent};
use crate::config::IceTransport;
use bytes::{Bytes, BytesMut};
use link::{Link, Sent, Sink};
use port::{Port, Slot};
use rtc::crypto::RTCCryptoProvider;
use rtc::ice::candidate::CandidateConfig;
use rtc::ice::candidate::candidate_host::CandidateHostConfig;
use rtc::peer_connection::certificate::RTCCertificate;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use rtc::shared::error::Error;
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};
use tokio::runtime::{Handle, Id};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// What a certificate's holder is called, and how long it is good for: longer than a process lives.
const HOLDER: &str = "tabmesh";
const LIFETIME: Duration = Duration::from_secs(10 * 366 * 86_400);

/// The ports of all threads, and what their peers share.
#[derive(Default)]
pub(super) struct Ports(Mutex<Shared>);

#[derive(Default)]
struct Shared {
    ports: HashMap<Id, (Arc<Port>, Option<AbortHandle>)>,
    identity: Option<Identity>,
}

/// Made once: one for each tab would cost a key and a signature when it joins. The tabs learn its fingerprint through signalling,
/// each by itself.
#[derive(Clone)]
struct Identity {
    crypto: Arc<dyn RTCCryptoProvider>,
    certificate: RTCCertificate,
}

impl Identity {
    fn new() -> Result<Self, Error> {
        let crypto = rtc::crypto::default_provider().map_err(|error| Error::Crypto(error.to_string()))?;
        let certificate =
            rtc::dtls::crypto::Certificate::generate_self_signed([HOLDER.to_owned()], crypto.crypto())?;
        let certificate = RTCCertificate::from_existing(certificate, SystemTime::now() + LIFETIME);
        Ok(Self { crypto, certificate })
    }
}

impl Ports {
    /// The port of the runtime we run on. Where the range has no free one left it is another thread's: slower, but it works.
    fn here(&self, addrs: &[IpAddr], range: Option<(u16, u16)>) -> Result<(Arc<Port>, Identity), Error> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = match &shared.identity {
            Some(identity) => identity.clone(),
            None => shared.identity.insert(Identity::new()?).clone(),
        };
        let here = Handle::current();
        if let Some((port, _)) = shared.ports.get(&here.id()) {
            return Ok((Arc::clone(port), identity));
        }
        let (first, last) = range.unwrap_or((0, 0));
        let mut failed = io::Error::other("no ICE port given");
        for number in first..=last {
            match Port::bind(addrs, number) {
                Ok(port) => {
                    let task = here.spawn(Arc::clone(&port).run()).abort_handle();
                    tracing::debug!(sockets = ?port.locals().collect::<Vec<_>>(), "data channels come to these");
                    shared.ports.insert(here.id(), (Arc::clone(&port), Some(task)));
                    return Ok((port, identity));
                }
                Err(error) => failed = error,
            }
        }
        let port = shared.ports.values().next().map(|(port, _)| Arc::clone(port)).ok_or(failed)?;
        shared.ports.insert(here.id(), (Arc::clone(&port), None));
        Ok((port, identity))
    }
}

impl Drop for Ports {
    fn drop(&mut self) {
        let shared = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        shared.ports.values().filter_map(|(_, task)| task.as_ref()).for_each(AbortHandle::abort);
    }
}

/// See [`super::Peer`].
pub(super) struct Peer {
    port: Arc<Port>,
    slot: Arc<Slot>,
}

impl Peer {
    pub(super) fn new(
        ports: &Ports,
        addrs: &[IpAddr],
        range: Option<(u16, u16)>,
    ) -> Result<(Self, mpsc::Receiver<PeerEvent>), Error> {
        let (port, Identity { crypto, certificate }) = ports.here(addrs, range)?;
        let local = port.locals().all(|addr| addr.ip().is_loopback());
        let settings = settings(IceTransport::Udp, local).with_crypto_provider(crypto).build();
        let (link, events) = Link::new(settings, certificate, port.epoch, Instant::now())?;
        port.enter();
        Ok((Self { port, slot: Slot::new(link) }, events))
    }

    pub(super) fn answer(&self, offer: String) -> Result<String, Error> {
        let candidates = reachable(self.port.locals())?.into_iter().map(candidate);
        let candidates = candidates.collect::<Result<Vec<_>, _>>()?;
        self.with(|link, now| {
            let answer = link.answer(now, offer, &candidates)?;
            let name = answer.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"));
            self.port.name(&self.slot, link, name.unwrap_or_default());
            Ok(answer)
        })
    }

    pub(super) fn add_candidate(&self, candidate: RTCIceCandidateInit) -> Result<(), Error> {
        self.with(|link, _| link.add_candidate(candidate))
    }

    pub(super) async fn next(&self) -> ChannelEvent {
        poll_fn(|cx| self.with(|link, _| link.next(cx.waker())).map_or(Poll::Pending, Poll::Ready)).await
    }

    pub(super) async fn receive(&self, sink: Sink) {
        self.slot.lock().redirect(sink);
        poll_fn(|cx| if self.slot.lock().poll_over(cx.waker()) { Poll::Ready(()) } else { Poll::Pending })
            .await;
    }

    pub(super) async fn send(&self, message: Vec<u8>) -> bool {
        // From a vector we own alone: no copy.
        let mut message = BytesMut::from(Bytes::from(message));
        poll_fn(|cx| {
            let (mut link, now) = (self.slot.lock(), Instant::now());
            match link.send(now, std::mem::take(&mut message), cx.waker()) {
                Sent::Yes => {
                    self.port.flush(&self.slot, &mut link, now);
                    if link.may_want_sooner(now) {
                        self.port.schedule(&self.slot, &mut link, now);
                    }
                    Poll::Ready(true)
                }
                Sent::Full(back) => {
                    message = back;
                    Poll::Pending
                }
                Sent::Over => Poll::Ready(false),
            }
        })
        .await
    }

    pub(super) fn close(&self) {
        self.with(|link, _| link.close());
        let mut link = self.slot.lock();
        link.end();
        self.port.forget(&mut link);
    }

    /// Uses the link and sends what comes of it.
    fn with<R>(&self, work: impl FnOnce(&mut Link, Instant) -> R) -> R {
        let (mut link, now) = (self.slot.lock(), Instant::now());
        let result = work(&mut link, now);
        self.port.flush(&self.slot, &mut link, now);
        self.port.schedule(&self.slot, &mut link, now);
        result
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.close();
        self.port.leave();
    }
}

/// A host candidate.
fn candidate(addr: SocketAddr) -> Result<String, Error> {
    let base_config = CandidateConfig {
        network: "udp".to_owned(),
        address: addr.ip().to_string(),
        port: addr.port(),
        component: 1,
        ..CandidateConfig::default()
    };
    let host = CandidateHostConfig { base_config, ..CandidateHostConfig::default() }.new_candidate_host()?;
    Ok(host.marshal())
}

/// The addresses at which tabs reach these sockets: in place of a wildcard those of all interfaces as they are now, loopback's
/// and link-local ones only where there is nothing else.
fn reachable(sockets: impl Iterator<Item = SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    let mut reachable = Vec::new();
    for socket in sockets {
        if !socket.ip().is_unspecified() {
            reachable.push(socket);
            continue;
        }
        let interfaces =
            rtc::shared::ifaces::ifaces()?.into_iter().filter_map(|interface| Some(interface.addr?.ip()));
        let own: Vec<IpAddr> = interfaces.filter(|ip| ip.is_ipv4() == socket.is_ipv4()).collect();
        let far = own.iter().filter(|ip| !is_near(ip)).count();
        let offered = own.iter().filter(|ip| far == 0 || !is_near(ip));
        reachable.extend(offered.map(|ip| SocketAddr::new(*ip, socket.port())));
    }
    reachable.sort_unstable();
    reachable.dedup();
    Ok(reachable)
}

fn is_near(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
    }
}
