//! Connections to the outside. The addresses are looked at after the name was resolved and are the ones connected to, so a name
//! that changes its mind in between (DNS rebinding) gains nothing.

use super::address::{Allowed, may_reach};
use http::Uri;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};

/// Longest wait for one address to take a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Addresses of a name that are tried.
const ADDRESSES: usize = 4;

/// Why there is no connection. The texts are for handlers: they name no address that a handler did not name.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL has no host.
    #[error("the URL has no host")]
    NoHost,
    /// Not an address on the public internet.
    #[error(
        "{0} is not on the public internet, and this gateway's operator has not allowed it (--egress-allow)"
    )]
    Forbidden(String),
    /// The name does not resolve.
    #[error("the name {0} does not resolve")]
    Unknown(String),
    /// Nobody answers.
    #[error("{0} cannot be reached: {1}")]
    Unreachable(String, std::io::Error),
}

/// Makes connections.
#[derive(Clone, Debug)]
pub struct Connect {
    allowed: Arc<[Allowed]>,
}

impl Connect {
    /// To the public internet and what is `allowed` beside it.
    #[must_use]
    pub fn new(allowed: Vec<Allowed>) -> Self {
        Self { allowed: allowed.into() }
    }

    async fn open(self, uri: Uri) -> Result<TokioIo<TcpStream>, ConnectError> {
        let host = uri.host().ok_or(ConnectError::NoHost)?;
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let addresses: Vec<SocketAddr> = match literal {
            Some(ip) => vec![SocketAddr::new(ip, port)],
            None => {
                let found = lookup_host((host, port)).await;
                found.map_err(|_| ConnectError::Unknown(host.to_owned()))?.collect()
            }
        };
        if addresses.is_empty() {
            return Err(ConnectError::Unknown(host.to_owned()));
        }
        let mut failed = ConnectError::Forbidden(host.to_owned());
        for address in addresses.into_iter().filter(|at| may_reach(*at, &self.allowed)).take(ADDRESSES) {
            let error = match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(TokioIo::new(stream));
                }
                Ok(Err(error)) => error,
                Err(_) => std::io::ErrorKind::TimedOut.into(),
            };
            failed = ConnectError::Unreachable(host.to_owned(), error);
        }
        Err(failed)
    }
}

impl tower::Service<Uri> for Connect {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().open(uri))
    }
}
