//! Errors as callers and developers see them: RFC 9457 problem documents.
//!
//! Every kind of error the gateway answers with stands in [`ProblemType`], once, with its slug, status and title.
//! Nothing internal may get into a problem: no paths, no handler stacks, no text of a library's or system's error.
//! What went wrong inside is logged under the request id that the problem carries.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};

/// Media type of a problem document.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// A problem's `type` is this and the slug. A name, not an address: slugs are stable, never change their meaning, and
/// are what programs should compare.
pub const TYPE_PREFIX: &str = "urn:tabmesh:problem:";

macro_rules! problem_types {
    ($($(#[doc = $doc:literal])+ $name:ident = $slug:literal, $status:ident, $title:literal;)+) => {
        /// Every kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemType {
            $($(#[doc = $doc])+ $name,)+
        }

        impl ProblemType {
            /// All kinds, in the order of this list.
            pub const ALL: &'static [ProblemType] = &[$(ProblemType::$name),+];

            /// The stable last part of `type`, also fit for a metric's label.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(ProblemType::$name => $slug,)+ }
            }

            /// The HTTP status it is answered with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(ProblemType::$name => StatusCode::$status,)+ }
            }

            /// A short name for people, the same for every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(ProblemType::$name => $title,)+ }
            }
        }
    };
}

problem_types! {
    /// No handler of this name is deployed.
    HandlerNotFound = "handler-not-found", NOT_FOUND, "No such handler";
    /// There is no tenant of this name.
    TenantNotFound = "tenant-not-found", NOT_FOUND, "No such tenant";
    /// The handler has no such version, or not any more.
    VersionNotFound = "version-not-found", NOT_FOUND, "No such version";
    /// Several versions are deployed, and what was asked for would end that.
    RolloutUnderWay = "rollout-under-way", CONFLICT, "A rollout is under way";
    /// No such resource of the gateway's own.
    NotFound = "not-found", NOT_FOUND, "Not found";
    /// The resource does not know this method; `Allow` lists what it knows.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "Method not allowed";
    /// No tab has joined.
    NoTab = "no-tab", SERVICE_UNAVAILABLE, "No tab is connected";
    /// All tabs stayed busy until the queue's deadline.
    QueueTimeout = "queue-timeout", SERVICE_UNAVAILABLE, "All tabs are busy";
    /// All tabs are busy and as many requests as allowed wait already.
    QueueFull = "queue-full", SERVICE_UNAVAILABLE, "Too many requests are waiting";
    /// The handler threw or its promise was rejected.
    HandlerException = "handler-exception", INTERNAL_SERVER_ERROR, "The handler failed";
    /// The handler returned something that is no `Response`.
    NoResponse = "no-response", INTERNAL_SERVER_ERROR, "The handler gave no response";
    /// The handler's code could not be loaded.
    HandlerFailedToStart = "handler-failed-to-start", INTERNAL_SERVER_ERROR, "The handler could not be started";
    /// The handler took longer than its limit.
    HandlerTimeout = "handler-timeout", GATEWAY_TIMEOUT, "The handler took too long";
    /// The handler used more CPU time than it may; its isolate was ended.
    CpuLimit = "cpu-limit", SERVICE_UNAVAILABLE, "The handler used too much CPU time";
    /// The handler used more memory than it may; its isolate was ended.
    MemoryLimit = "memory-limit", SERVICE_UNAVAILABLE, "The handler used too much memory";
    /// The handler's response is larger than it may be.
    ResponseTooLarge = "response-too-large", BAD_GATEWAY, "The handler's response is too large";
    /// The request went through here too often: it calls itself.
    LoopDetected = "loop-detected", LOOP_DETECTED, "The request goes round in circles";
    /// The tab went away during the request and it was not safe to repeat it.
    TabLost = "tab-lost", BAD_GATEWAY, "The tab serving the request went away";
    /// The tab's answer cannot be sent as HTTP.
    BadResponse = "bad-response", BAD_GATEWAY, "The handler's response is not valid";
    /// The body is over its limit.
    PayloadTooLarge = "payload-too-large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// The headers are over their limit.
    HeadersTooLarge = "headers-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large";
    /// The URL is over its limit.
    UriTooLong = "uri-too-long", URI_TOO_LONG, "The URL is too long";
    /// A handler cannot have this name.
    InvalidHandlerName = "invalid-handler-name", BAD_REQUEST, "Invalid handler name";
    /// A tenant cannot have this name.
    InvalidTenantName = "invalid-tenant-name", BAD_REQUEST, "Invalid tenant name";
    /// The request is not as it should be.
    InvalidRequest = "invalid-request", BAD_REQUEST, "Invalid request";
    /// The body is of a kind that this resource does not take.
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type";
    /// Deployed code has a syntax error; `file`, `line` and `column` say where.
    SyntaxError = "syntax-error", UNPROCESSABLE_ENTITY, "Syntax error";
    /// Deployed modules do not fit together.
    ModuleError = "module-error", UNPROCESSABLE_ENTITY, "Module error";
    /// The token does not allow it (`action` names what is missing), or a web page tried what pages may not do.
    Forbidden = "forbidden", FORBIDDEN, "Forbidden";
    /// No token, or none that is valid.
    Unauthorized = "unauthorized", UNAUTHORIZED, "A valid token is needed";
    /// Nobody granted the tenant this host.
    HostNotGranted = "host-not-granted", FORBIDDEN, "The host is not the tenant's";
    /// More requests than the limit; `Retry-After` says when there may be more.
    RateLimited = "rate-limited", TOO_MANY_REQUESTS, "Too many requests";
    /// The tenant has as much as it was granted.
    QuotaExceeded = "quota-exceeded", CONFLICT, "The tenant's quota is used up";
    /// As many tokens as allowed exist.
    TooManyTokens = "too-many-tokens", CONFLICT, "Too many tokens";
    /// The body took too long to arrive.
    RequestTimeout = "request-timeout", REQUEST_TIMEOUT, "The request took too long";
    /// As many handlers as allowed are deployed.
    TooManyHandlers = "too-many-handlers", CONFLICT, "Too many handlers";
    /// A route of the deployment is another handler's.
    RouteConflict = "route-conflict", CONFLICT, "The route is taken";
    /// As many tenants as allowed exist.
    TooManyTenants = "too-many-tenants", CONFLICT, "Too many tenants";
    /// Another namespace or database has this name.
    NameTaken = "name-taken", CONFLICT, "The name is taken";
    /// The tenant has as many namespaces or databases as it may.
    TooManyStores = "too-many-stores", CONFLICT, "Too many namespaces or databases";
    /// A stored value is not what was written.
    DamagedValue = "damaged-value", INTERNAL_SERVER_ERROR, "The stored value is damaged";
    /// SQLite refuses a statement; `detail` is its sentence.
    SqlError = "sql-error", BAD_REQUEST, "SQL error";
    /// As many deployments as allowed are under way.
    TooManyUploads = "too-many-uploads", SERVICE_UNAVAILABLE, "Too many deployments at once";
    /// As many live tails as allowed are open.
    TooManyReaders = "too-many-readers", TOO_MANY_REQUESTS, "Too many live tails";
    /// The gateway is shutting down.
    Draining = "draining", SERVICE_UNAVAILABLE, "The gateway is shutting down";
    /// Anything unexpected; the log has it under the request id.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Internal error";
}

impl ProblemType {
    /// The full `type` URI.
    #[must_use]
    pub fn uri(self) -> String {
        format!("{TYPE_PREFIX}{}", self.slug())
    }
}

/// One occurrence of a problem. Turns into a response with the kind's status.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: ProblemType,
    detail: Option<Cow<'static, str>>,
    instance: Option<String>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem without details.
    #[must_use]
    pub fn new(kind: ProblemType) -> Self {
        Problem { kind, detail: None, instance: None, members: Map::new(), headers: Vec::new() }
    }

    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> ProblemType {
        self.kind
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// Its explanation, if it has one.
    #[must_use]
    pub fn detail_text(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Explains this occurrence to a person.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// A URI reference of this occurrence.
    #[must_use]
    pub fn instance(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    /// The id under which the log has this request; the member `requestId`.
    #[must_use]
    pub fn request_id(self, id: impl Into<String>) -> Self {
        self.member("requestId", id.into())
    }

    /// An extension member. The standard ones (`type`, `title`, `status`, `detail`, `instance`) cannot be replaced.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// [`Problem::member`] if there is a value.
    #[must_use]
    pub fn member_if(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.member(name, value),
            None => self,
        }
    }

    /// A header of the response.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// `Retry-After` in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// `Allow`: the methods the resource knows, as in `GET, HEAD`.
    #[must_use]
    pub fn allow(self, methods: &'static str) -> Self {
        self.header(header::ALLOW, HeaderValue::from_static(methods))
    }

    /// The JSON document.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let standard = Standard {
            kind: self.kind.uri(),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: self.detail.as_deref(),
            instance: self.instance.as_deref(),
        };
        let mut document = self.members.clone();
        if let Ok(Value::Object(standard)) = serde_json::to_value(&standard) {
            document.extend(standard);
        }
        Value::Object(document)
    }
}

#[derive(Serialize)]
struct Standard<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
}

impl From<ProblemType> for Problem {
    fn from(kind: ProblemType) -> Self {
        Problem::new(kind)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json().to_string()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.headers);
        response
    }
}

#[cfg(test)]
mod tests;
