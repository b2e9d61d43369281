//! Outbound fetch of handlers: to the public internet, or what the operator and the handler's own list allow, with redirects
//! as the Fetch standard has them, bodies streaming both ways.

mod address;
mod connect;
pub mod policy;
pub mod secrets;

pub use address::Allowed;

use axum::body::Body;
use connect::Connect;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use secrets::Secrets;
use std::error::Error;
use std::time::Duration;
use tower::Service as _;
use tower_http::decompression::Decompression;

use crate::invoke::strip_hop_by_hop;

/// Redirects that are followed (Fetch, section 4.4).
const MAX_REDIRECTS: usize = 20;

/// Largest body that is kept to be sent again after a redirect, in bytes.
const REPLAY: usize = 256 << 10;

/// Longest wait for a response head. The handler's own limit is usually shorter.
const RESPONSE: Duration = Duration::from_secs(100);

/// Idle connections are kept this long.
const IDLE: Duration = Duration::from_secs(30);

/// Idle connections kept per host.
const IDLE_PER_HOST: usize = 16;

/// Where the answer came from, for `response.url`; the runtime takes it off before the handler sees the fields.
pub const FINAL_URL: HeaderName = HeaderName::from_static("x-tabmesh-url");

/// What to do with a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// Go there.
    Follow,
    /// Give it to the handler.
    Manual,
    /// Fail.
    Error,
}

impl Redirect {
    /// A word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Follow => ":fetch",
            Self::Manual => ":fetch-manual",
            Self::Error => ":fetch-error",
        }
    }
}

/// The client.
#[derive(Clone, Debug)]
pub struct Egress {
    client: Decompression<Client<HttpsConnector<Connect>, Body>>,
}

impl Egress {
    /// A client that reaches the public internet and what is `allowed` beside it.
    ///
    /// # Errors
    /// When the system has no root certificates.
    pub fn new(allowed: Vec<Allowed>) -> std::io::Result<Self> {
        let https = HttpsConnectorBuilder::new()
            .with_native_roots()?
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(Connect::new(allowed));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .build(https);
        Ok(Self { client: Decompression::new(client) })
    }

    /// Fetches. `hosts` is the handler's own list, `secrets` what stands behind its placeholders.
    ///
    /// # Errors
    /// A sentence for the handler.
    pub async fn fetch(
        &self,
        request: Request<Body>,
        redirect: Redirect,
        hosts: Option<&[String]>,
        secrets: &Secrets,
    ) -> Result<Response<Body>, String> {
        let (mut parts, body) = request.into_parts();
        strip_hop_by_hop(&mut parts.headers);
        parts.headers.remove(header::HOST);
        let mut body = Payload::of(&parts.headers, body).await?;
        body.reveal(&mut parts.headers, secrets);
        let mut followed = 0;
        loop {
            check(&parts.uri, hosts)?;
            let mut request = Request::new(body.take());
            *request.method_mut() = parts.method.clone();
            // What is said of the URL afterwards has the placeholder.
            *request.uri_mut() = secrets::in_uri(&parts.uri, secrets).unwrap_or_else(|| parts.uri.clone());
            *request.headers_mut() = parts.headers.clone();
            secrets::in_headers(request.headers_mut(), secrets);
            let mut response =
                self.send(request).await.map_err(|why| format!("fetch {}: {why}", shown(&parts.uri)))?;
            let Some(next) = location(&response, &parts.uri).filter(|_| redirect != Redirect::Manual) else {
                // The other end does not say where we found it.
                response.headers_mut().remove(FINAL_URL);
                if let Ok(url) = HeaderValue::try_from(parts.uri.to_string()) {
                    response.headers_mut().insert(FINAL_URL, url);
                }
                return Ok(response);
            };
            if redirect == Redirect::Error {
                return Err(format!("fetch {}: it redirects, and redirect is \"error\"", shown(&parts.uri)));
            }
            followed += 1;
            if followed > MAX_REDIRECTS {
                return Err(format!("Too many redirects: more than {MAX_REDIRECTS}."));
            }
            let next = next.map_err(|why| format!("fetch {}: {why}", shown(&parts.uri)))?;
            if turns_to_get(response.status(), &parts.method) {
                parts.method = Method::GET;
                body = Payload::None;
                for name in [
                    header::CONTENT_TYPE,
                    header::CONTENT_LENGTH,
                    header::CONTENT_ENCODING,
                    header::CONTENT_LANGUAGE,
                    header::CONTENT_LOCATION,
                ] {
                    parts.headers.remove(name);
                }
            } else if matches!(body, Payload::Spent) {
                return Err(
                    "A request with a one-time-use body encountered a redirect requiring the body to be \
                            retransmitted. Use a string or buffer as the body."
                        .to_owned(),
                );
            }
            if origin(&next) != origin(&parts.uri) {
                // Credentials are for whom they were meant.
                for name in [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION] {
                    parts.headers.remove(name);
                }
            }
            parts.uri = next;
        }
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, String> {
        let answer = tokio::time::timeout(RESPONSE, self.client.clone().call(request)).await;
        let response =
            answer.map_err(|_| "no answer came in time".to_owned())?.map_err(|error| reason(&error))?;
        let mut response = response.map(Body::new);
        strip_hop_by_hop(response.headers_mut());
        Ok(response)
    }
}

/// A request's body.
enum Payload {
    None,
    /// Small enough to be sent more than once.
    Whole(bytes::Bytes),
    Stream(Body),
    Spent,
}

impl Payload {
    /// A body whose small length is known is taken in at once: it is all there.
    async fn of(headers: &http::HeaderMap, body: Body) -> Result<Self, String> {
        if http_body::Body::is_end_stream(&body) {
            return Ok(Self::None);
        }
        let length =
            headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if length.is_none_or(|length| length > REPLAY) {
            return Ok(Self::Stream(body));
        }
        let whole = Limited::new(body, REPLAY).collect().await.map_err(|error| error.to_string())?;
        Ok(Self::Whole(whole.to_bytes()))
    }

    /// Puts secrets into a whole body; its length changes with that.
    fn reveal(&mut self, headers: &mut http::HeaderMap, secrets: &Secrets) {
        if let Self::Whole(bytes) = self
            && let Some(new) = secrets::in_body(headers, bytes, secrets)
        {
            headers.insert(header::CONTENT_LENGTH, new.len().into());
            *bytes = new;
        }
    }

    fn take(&mut self) -> Body {
        match self {
            Self::None | Self::Spent => Body::empty(),
            Self::Whole(bytes) => Body::from(bytes.clone()),
            Self::Stream(body) => {
                let body = std::mem::take(body);
                *self = Self::Spent;
                body
            }
        }
    }
}

/// Whether a handler with this list of hosts may fetch this.
pub(super) fn check(uri: &Uri, hosts: Option<&[String]>) -> Result<(), String> {
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(format!("Fetch API cannot load: {}", shown(uri)));
    }
    let host = uri.host().ok_or("Fetch API cannot load a URL without a host.")?;
    if policy::admits(hosts, host) {
        return Ok(());
    }
    Err(format!(
        "fetch {}: {host} is not on this handler's list of hosts (`egress` in its deployment)",
        shown(uri)
    ))
}

/// Where a redirect leads; `None` for what is none.
fn location(response: &Response<Body>, from: &Uri) -> Option<Result<Uri, String>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let target = response.headers().get(header::LOCATION)?;
    let joined =
        target.to_str().ok().and_then(|target| url::Url::parse(&from.to_string()).ok()?.join(target).ok());
    let uri = joined.and_then(|mut url| {
        url.set_fragment(None);
        url.as_str().parse().ok()
    });
    Some(uri.ok_or_else(|| "it redirects to something that is no URL".to_owned()))
}

/// Fetch, section 4.4, step 12.
fn turns_to_get(status: StatusCode, method: &Method) -> bool {
    match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method == Method::POST,
        StatusCode::SEE_OTHER => *method != Method::GET && *method != Method::HEAD,
        _ => false,
    }
}

fn origin(uri: &Uri) -> (Option<&str>, Option<&str>, Option<u16>) {
    let port = uri.port_u16().or(match uri.scheme_str() {
        Some("https") => Some(443),
        _ => Some(80),
    });
    (uri.scheme_str(), uri.host(), port)
}

/// A URL in a message: without its query, which may hold secrets.
fn shown(uri: &Uri) -> String {
    format!(
        "{}://{}{}",
        uri.scheme_str().unwrap_or(""),
        uri.authority().map_or("", |it| it.as_str()),
        uri.path()
    )
}

/// The innermost cause says what happened; those around it say "error trying to connect".
fn reason(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
