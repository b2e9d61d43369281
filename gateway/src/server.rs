//! Sockets in, requests out: the accept loop, TLS, HTTP/1.1 and HTTP/2 on one port, and draining. Knows nothing of routes.

mod arrival;
mod linger;
mod proxy;
mod redirect;
mod tls;

pub use arrival::Arrival;
pub use redirect::redirect;
pub use tls::{Tls, TlsError};

use crate::config::ProxyConfig;
use crate::front::Front;
use crate::io_threads::IoThreads;
use axum::BoxError;
use axum::body::Body;
use http::{Request, Response, header};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use linger::Lingering;
use std::convert::Infallible;
use std::future::Future;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Connections open at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 16_384;

/// From a connection's first byte to the end of a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// From a connection's beginning to its first request. Longer than hyper's own bound above, which tells callers why; hyper has none for
/// those who leave open which version of HTTP they speak.
const FIRST_TIMEOUT: Duration = Duration::from_secs(20);

/// hyper's own bound on a request head, above ours ([`crate::config::HttpConfig::MAX_HEADERS`]) so that most
/// offenders get an explanation; beyond it hyper answers 431 without one.
const HEAD_BUFFER: usize = 128 * 1024;

/// Header fields in a request; the wire carries 512.
const MAX_FIELDS: usize = 256;

/// HTTP/2 streams on one connection.
const MAX_STREAMS: u32 = 256;

/// Pause after a failed accept (out of file descriptors, say), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Longest time for a proxy to say who calls.
const INTRODUCTION: Duration = Duration::from_secs(5);

/// How connections begin.
#[derive(Clone, Default)]
pub struct Entry {
    /// TLS, where callers speak it.
    pub tls: Option<Arc<Tls>>,
    /// Proxies in front.
    pub proxies: ProxyConfig,
}

impl Entry {
    /// Who is at the other end, and whether they are a proxy whose word counts for each request.
    async fn introduce(&self, stream: &mut TcpStream, peer: IpAddr) -> std::io::Result<(IpAddr, bool)> {
        let is_trusted = arrival::is_trusted(peer, &self.proxies.trusted_proxy);
        if !is_trusted || !self.proxies.proxy_protocol {
            return Ok((peer, is_trusted));
        }
        let said = tokio::time::timeout(INTRODUCTION, proxy::introduced(stream)).await;
        let caller = said.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))?.unwrap_or(peer);
        Ok((caller, arrival::is_trusted(caller, &self.proxies.trusted_proxy)))
    }
}

/// Serves on `threads` until `shutdown`, then lets requests in flight finish for at most `drain`.
pub async fn serve(
    listener: TcpListener,
    front: Arc<Front>,
    threads: IoThreads,
    shutdown: impl Future<Output = ()>,
    drain: Duration,
    entry: Entry,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BUFFER)
        .max_headers(MAX_FIELDS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .max_header_list_size(u32::try_from(HEAD_BUFFER).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, address, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // A response is written whole; waiting for more to send only delays it.
        let _ = stream.set_nodelay(true);
        let Ok(stream) = stream.into_std() else { continue };
        let (front, entry) = (Arc::clone(&front), entry.clone());
        let (builder, watcher) = (builder.clone(), graceful.watcher());
        threads.spawn(async move {
            // From here on the socket's events come to this thread.
            let Ok(mut stream) = TcpStream::from_std(stream) else { return };
            let ended = async {
                let (caller, is_proxy) = entry.introduce(&mut stream, address.ip()).await?;
                // Every request carries it; it does not change, but by a proxy's word.
                let arrival = Arrival::new(caller, entry.tls.is_some());
                let proxies = Arc::new(entry.proxies);
                let asked = Arc::new(AtomicBool::new(false));
                let has_asked = Arc::clone(&asked);
                let service = service_fn(move |request: Request<Incoming>| {
                    has_asked.store(true, Relaxed);
                    let (front, proxies) = (Arc::clone(&front), Arc::clone(&proxies));
                    let arrival = match is_proxy {
                        true => arrival.forwarded(request.headers(), &proxies.trusted_proxy),
                        false => arrival.clone(),
                    };
                    let expects = request.headers().contains_key(header::EXPECT);
                    let request = request.map(|body| Body::new(Lingering::new(body, expects)));
                    async move { Ok::<_, Infallible>(front.answer(&arrival, request).await) }
                });
                match &entry.tls {
                    None => run(&builder, watcher, stream, service, &asked, FIRST_TIMEOUT).await,
                    Some(tls) => match tls.accept(stream).await? {
                        Some(stream) => run(&builder, watcher, stream, service, &asked, FIRST_TIMEOUT).await,
                        None => Ok(()),
                    },
                }
            };
            let ended: Result<(), BoxError> = ended.await;
            if let Err(error) = ended {
                tracing::debug!(%address, error, "connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still in flight after the drain time; they are cut off");
    }
}

/// One connection, to its end; `asked` is set by its first request, which must come within `first`.
async fn run<S>(
    builder: &Builder<TokioExecutor>,
    watcher: Watcher,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: S,
    asked: &AtomicBool,
    first: Duration,
) -> Result<(), BoxError>
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
{
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut connection = pin!(watcher.watch(connection.into_owned()));
    match tokio::time::timeout(first, &mut connection).await {
        Ok(ended) => ended,
        Err(_) if asked.load(Relaxed) => connection.await,
        Err(silent) => Err(silent.into()),
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, std::net::SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// Long enough for a busy machine to see a request that is there.
    const FIRST: Duration = Duration::from_millis(500);

    /// What a caller gets who sends this and stays, and whether the gateway ends the connection.
    async fn answered(said: &[u8]) -> (String, bool) {
        let (mut caller, gateway) = tokio::io::duplex(1 << 16);
        let asked = Arc::new(AtomicBool::new(false));
        let has_asked = Arc::clone(&asked);
        let service = service_fn(move |_| {
            has_asked.store(true, Relaxed);
            async {
                tokio::time::sleep(FIRST * 2).await;
                Ok::<_, Infallible>(Response::new(Body::from("late")))
            }
        });
        let graceful = GracefulShutdown::new();
        let watcher = graceful.watcher();
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        let connection =
            tokio::spawn(async move { run(&builder, watcher, gateway, service, &asked, FIRST).await });
        caller.write_all(said).await.unwrap();
        let mut answer = String::new();
        caller.read_to_string(&mut answer).await.unwrap();
        (answer, connection.await.unwrap().is_err())
    }

    #[tokio::test]
    async fn who_says_nothing_does_not_stay() {
        for said in [&b""[..], b"PRI * HT"] {
            assert_eq!(answered(said).await, (String::new(), true), "{said:?}");
        }
        let (answer, is_cut) = answered(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        assert!(answer.ends_with("late") && !is_cut, "{answer}");
    }
}
