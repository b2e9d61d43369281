//! Sends callers without TLS to the port with it. Answers nothing else, so needs no other part of the gateway.

use super::Entry;
use crate::config::ProxyConfig;
use http::{Request, Response, StatusCode, header};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Connections at once.
const MAX_CONNECTIONS: usize = 1024;

/// Longest time for a whole connection: one question, one answer.
const LIFETIME: Duration = Duration::from_secs(10);

/// Redirects to HTTPS on `port`, until it is dropped. Proxies introduce connections here as they do there.
pub async fn redirect(listener: TcpListener, port: u16, proxies: ProxyConfig) -> Infallible {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let entry = Arc::new(Entry { tls: None, proxies });
    loop {
        // Never closed.
        let place = Arc::clone(&places).acquire_owned().await;
        let Ok((mut stream, address)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let entry = Arc::clone(&entry);
        tokio::spawn(async move {
            if entry.introduce(&mut stream, address.ip()).await.is_err() {
                return;
            }
            let service =
                service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(&request, port))));
            let mut http = hyper::server::conn::http1::Builder::new();
            let connection = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
            // Whether it was read is the caller's affair.
            let _ = tokio::time::timeout(LIFETIME, connection).await;
            drop(place);
        });
    }
}

fn answer(request: &Request<Incoming>, port: u16) -> Response<Empty<Bytes>> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let mut response = Response::new(Empty::new());
    match host
        .and_then(|host| place(host, request.uri().path_and_query().map_or("/", |path| path.as_str()), port))
    {
        Some(place) => {
            // Keeps the method and the body.
            *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
            response.headers_mut().insert(header::LOCATION, place);
        }
        None => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response.headers_mut().insert(header::CONNECTION, http::HeaderValue::from_static("close"));
    response
}

fn place(host: &str, path: &str, port: u16) -> Option<http::HeaderValue> {
    let authority: http::uri::Authority = host.parse().ok()?;
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    let path = if path.starts_with('/') { path } else { "/" };
    format!("https://{}{port}{path}", authority.host()).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn the_same_place_with_tls() {
        let to = |host: &str, path: &str, port| {
            place(host, path, port).map(|place| place.to_str().unwrap().to_owned())
        };
        assert_eq!(to("a.example:80", "/x?y", 443).as_deref(), Some("https://a.example/x?y"));
        assert_eq!(to("[::1]:80", "*", 8443).as_deref(), Some("https://[::1]:8443/"));
        assert_eq!(to("a b", "/", 443), None);
    }
}
