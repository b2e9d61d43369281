//! The webrtc crate's tokio runtime, with two differences.
//!
//! The listeners that ICE-TCP uses have TCP_NODELAY (accepted connections inherit it on Linux): without it Nagle's algorithm and
//! delayed acknowledgements make a round trip 18-45 ms instead of 0.35. And a connection over UDP alone that is
//! [quiet](super::quiet) wakes less often.

use super::quiet::{Quiet, Watched, uptime};
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime, default_runtime,
};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Delegates everything else.
#[derive(Debug)]
struct Tuned {
    inner: Arc<dyn Runtime>,
    /// What goes by on TCP is not seen, so where there is TCP no connection counts as quiet.
    quiet: Option<Arc<Quiet>>,
}

/// The runtime to build one peer with.
pub(super) fn runtime(udp_alone: bool) -> Option<Arc<dyn Runtime>> {
    let quiet = udp_alone.then(Arc::default);
    Some(Arc::new(Tuned { inner: default_runtime()?, quiet }))
}

impl Runtime for Tuned {
    fn spawn(&self, future: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        self.inner.spawn(future)
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let socket = self.inner.wrap_udp_socket(socket)?;
        Ok(match &self.quiet {
            Some(quiet) => Watched::new(socket, Arc::clone(quiet)),
            None => socket,
        })
    }

    fn wrap_tcp_listener(&self, listener: TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        socket2::SockRef::from(&listener).set_tcp_nodelay(true)?;
        self.inner.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(&'a self, remote: SocketAddr) -> Boxed<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        self.inner.connect_tcp(remote)
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        self.inner.resolve_host(host)
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        self.inner.sleep(self.quiet.as_ref().map_or(duration, |quiet| quiet.stretch(uptime(), duration)))
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.inner.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.inner.block_on(future);
    }

    fn yield_now(&self) -> Boxed<'static, ()> {
        self.inner.yield_now()
    }
}
