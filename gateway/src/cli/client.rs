//! A client of the API: address, token and tenant from the settings; every answer that is no success is a [`CliError`]
//! with a hint. Sends the token to the gateway it is for, follows no redirects, and never writes it anywhere.

use std::path::Path;
use std::time::Duration;

use http::{Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use super::error::CliError;
use super::http as connections;
use super::refusal::{Refusal, refused};
use super::settings::{Origin, Settings};
use super::sources::{Connect, token};
use crate::api::TENANTS_PATH;
use crate::near;

/// Longest time for an answer: an upload has 60 s, compiling some more.
const TIMEOUT: Duration = Duration::from_secs(180);

/// Longest time until a connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest answer that is read as JSON, in bytes.
const MAX_ANSWER: usize = 64 << 20;

/// What stands in a path's segment as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A gateway, as whom it is spoken to, and whose handlers are meant.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    tenant: Option<String>,
    token: Option<String>,
    /// Where a token stands that is another gateway's.
    withheld: Option<Origin>,
}

impl Client {
    /// As flags, environment and files (also those of the project in `folder`) say.
    pub(super) fn new(connect: &Connect, folder: &Path) -> Result<Self, CliError> {
        Self::with(connect.settings(folder)?)
    }

    /// For a command that is about no project.
    pub(super) fn here(connect: &Connect) -> Result<Self, CliError> {
        Self::new(connect, Path::new("."))
    }

    /// With settings that are known.
    pub(super) fn with(settings: Settings) -> Result<Self, CliError> {
        let base = settings.gateway.value;
        check_base(&base)?;
        let token = settings.token.map(|found| token(&found.value)).transpose()?;
        if token.is_some() && base.starts_with("http:") && !is_loopback(&base) {
            eprintln!("warning: the token goes to {base} without encryption; use https://");
        }
        let ca = settings.ca.map(|found| found.value);
        let builder = connections::builder(&base, ca.as_deref())?
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT);
        let http = builder.build().map_err(|error| unreachable(&base, &error))?;
        let tenant = settings.tenant.map(|found| found.value);
        Ok(Self { http, base, tenant, token, withheld: settings.withheld })
    }

    /// A client of a gateway that runs in this process.
    pub(super) fn of(base: &str, token: Option<String>) -> Result<Self, CliError> {
        let http = connections::builder(base, None)?.build().map_err(|error| unreachable(base, &error))?;
        Ok(Self { http, base: base.to_owned(), tenant: None, token, withheld: None })
    }

    /// The gateway's address, without a slash at its end.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// A path of the tenant's part of the API; `segments` are text, not yet encoded.
    pub(super) fn path(&self, segments: &[&str]) -> Result<String, CliError> {
        let mut path = match &self.tenant {
            Some(tenant) => format!("{TENANTS_PATH}/{}", segment(tenant)?),
            None => "/_mesh/v1".to_owned(),
        };
        for text in segments {
            path.push('/');
            path.push_str(&segment(text)?);
        }
        Ok(path)
    }

    /// A path below one handler.
    pub(super) fn handler(&self, name: &str, rest: &[&str]) -> Result<String, CliError> {
        let segments: Vec<&str> = ["handlers", name].iter().chain(rest).copied().collect();
        self.path(&segments)
    }

    /// A request to be filled and given to [`Self::send`].
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// The JSON of a resource.
    pub(super) async fn get(&self, path: &str) -> Result<Value, CliError> {
        self.json(self.request(Method::GET, path)).await
    }

    /// POSTs JSON, and gives the answer's.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, CliError> {
        self.json(self.request(Method::POST, path).json(body)).await
    }

    /// DELETEs a resource.
    pub(super) async fn delete(&self, path: &str) -> Result<Value, CliError> {
        self.json(self.request(Method::DELETE, path)).await
    }

    /// Sends it and reads JSON; an answer without a body is `null`.
    pub(super) async fn json(&self, request: RequestBuilder) -> Result<Value, CliError> {
        let response = self.send(request.timeout(TIMEOUT)).await?;
        let bytes = self.read(response).await?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|_| self.no_gateway("it answers with what is no JSON"))
    }

    /// Sends it; gives the answer if it is a success.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, CliError> {
        let refusal = match self.try_send(request).await? {
            Ok(response) => return Ok(response),
            Err(refusal) => refusal,
        };
        let refusal = self.with_names(refusal).await;
        Err(refused(&refusal, self.token.is_some(), self.withheld.as_ref()))
    }

    /// The same; what the gateway says where it refuses is left to the caller.
    pub(super) async fn try_send(
        &self,
        request: RequestBuilder,
    ) -> Result<Result<Response, Refusal>, CliError> {
        let response = request.send().await.map_err(|error| unreachable(&self.base, &error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(Ok(response));
        }
        let path = response.url().path().to_owned();
        let location =
            response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()).map(str::to_owned);
        if let Some(to) = location.filter(|_| status.is_redirection()) {
            return Err(self.no_gateway(&format!("it redirects to {to}")));
        }
        let body = serde_json::from_slice(&self.read(response).await?).unwrap_or(Value::Null);
        Ok(Err(Refusal { status: status.as_u16(), body, path, near: Vec::new() }))
    }

    /// The error of a refusal that the caller looked at.
    pub(super) fn error(&self, refusal: &Refusal) -> CliError {
        refused(refusal, self.token.is_some(), self.withheld.as_ref())
    }

    /// An answer broke off.
    pub(super) fn broken(&self, error: &reqwest::Error) -> CliError {
        unreachable(&self.base, error)
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, CliError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&self.base, &error))? {
            if bytes.len() + chunk.len() > MAX_ANSWER {
                return Err(self.no_gateway("its answer has no end"));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Adds the names of handlers that may have been meant.
    async fn with_names(&self, refusal: Refusal) -> Refusal {
        if refusal.status != StatusCode::NOT_FOUND.as_u16() || refusal.kind() != Some("handler-not-found") {
            return refusal;
        }
        let Some(name) = refusal.path.split("/handlers/").nth(1).and_then(|rest| rest.split('/').next())
        else {
            return refusal;
        };
        let Ok(path) = self.path(&["handlers"]) else { return refusal };
        let request = self.request(Method::GET, &path).timeout(CONNECT_TIMEOUT);
        let Ok(Ok(response)) = self.try_send(request).await else { return refusal };
        let Ok(bytes) = self.read(response).await else { return refusal };
        let list: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let names =
            list["handlers"].as_array().into_iter().flatten().filter_map(|handler| handler["name"].as_str());
        let near = near::nearest(name, names).into_iter().map(str::to_owned).collect();
        Refusal { near, ..refusal }
    }

    fn no_gateway(&self, reason: &str) -> CliError {
        CliError::Unreachable {
            url: self.base.clone(),
            reason: reason.to_owned(),
            hint: "is a Tabmesh gateway at this address? `tabmesh config` says where it comes from".into(),
        }
    }
}

/// One segment of a path. `.` and `..` would mean another resource, whatever they are encoded as.
pub(super) fn segment(text: &str) -> Result<String, CliError> {
    if matches!(text, "" | "." | "..") {
        return Err(CliError::usage(format!("`{text}` is no name"), "names have letters and digits"));
    }
    Ok(utf8_percent_encode(text, SEGMENT).to_string())
}

fn check_base(base: &str) -> Result<(), CliError> {
    let is_good = url::Url::parse(base).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.path() == "/"
            && url.query().is_none()
    });
    if is_good {
        return Ok(());
    }
    Err(CliError::usage(
        format!("`{base}` is not a gateway's address"),
        "it is like https://mesh.example.com or http://127.0.0.1:8787, without a path",
    ))
}

fn is_loopback(base: &str) -> bool {
    let Ok(url) = url::Url::parse(base) else { return false };
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn unreachable(base: &str, error: &reqwest::Error) -> CliError {
    let reason =
        if error.is_timeout() { "it does not answer in time".into() } else { connections::reason(error) };
    let hint = connections::hint(base, &reason).to_owned();
    CliError::Unreachable { url: base.to_owned(), reason, hint }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::HANDLERS_PATH;

    fn client(tenant: Option<&str>) -> Client {
        Client { tenant: tenant.map(str::to_owned), ..Client::of("http://127.0.0.1:1", None).unwrap() }
    }

    #[test]
    fn names_stay_in_their_segment() {
        assert_eq!(client(None).handler("hello", &[]).unwrap(), format!("{HANDLERS_PATH}/hello"));
        let path = client(Some("acme")).path(&["kv", "ns", "values", "a/b ü?#%"]).unwrap();
        assert_eq!(path, format!("{TENANTS_PATH}/acme/kv/ns/values/a%2Fb%20%C3%BC%3F%23%25"));
        for name in ["", ".", ".."] {
            assert_eq!(client(None).handler(name, &[]).unwrap_err().exit_code(), 2);
        }
    }

    #[test]
    fn addresses_of_gateways() {
        for good in ["http://127.0.0.1:8787", "https://mesh.example.com"] {
            assert!(check_base(good).is_ok(), "{good}");
        }
        for bad in ["mesh.example.com", "ftp://x", "http://x/path", "http://x?y", ""] {
            assert!(check_base(bad).is_err(), "{bad}");
        }
        assert!(
            is_loopback("http://[::1]:1")
                && is_loopback("http://a.localhost")
                && !is_loopback("http://10.0.0.1")
        );
    }
}
