//! A request's record as spans: the request, each try on a tab, the handler, and what it called. Names of attributes are
//! OpenTelemetry's where it has any. Pure.

use super::Outcome;
use super::record::Used;
use super::trace::Ids;
use crate::tail::{Exception, Subject};
use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use std::borrow::Cow;
use std::time::{Duration, SystemTime};
use tabmesh_protocol::Target;

/// One try on one tab.
#[derive(Clone, Debug)]
pub struct Try {
    /// Which.
    pub tab: u64,
    /// How it is carried.
    pub lane: &'static str,
    /// Since the request came.
    pub begun: Duration,
    /// When and why it failed.
    pub failed: Option<(Duration, String)>,
}

/// Something that the handler called.
#[derive(Clone, Debug)]
pub struct Called {
    /// Its span.
    pub span: SpanId,
    /// What kind of thing it is: `fetch`, `kv`, `sql`, `service`, ...
    pub kind: &'static str,
    /// Method.
    pub method: String,
    /// URL as it may be shown, or the binding's name.
    pub url: String,
    /// Since the request came.
    pub begun: Duration,
    /// The same.
    pub ended: Duration,
    /// Status, or nothing where it failed.
    pub status: Option<u16>,
}

/// All that becomes spans.
#[derive(Debug)]
pub(super) struct Story<'a> {
    pub(super) ids: Ids,
    pub(super) scope: &'a InstrumentationScope,
    pub(super) target: &'a Target,
    pub(super) request_id: &'a str,
    pub(super) at: SystemTime,
    pub(super) wall: Duration,
    pub(super) subject: &'a Subject,
    pub(super) outcome: Outcome,
    pub(super) status: u16,
    pub(super) used: Option<Used>,
    pub(super) tries: &'a [Try],
    pub(super) calls: &'a [Called],
    pub(super) exceptions: &'a [Exception],
    pub(super) calls_left_out: u32,
}

/// What one span needs beside what all have in common.
struct Span {
    id: SpanId,
    parent: SpanId,
    kind: SpanKind,
    name: Cow<'static, str>,
    from: Duration,
    to: Duration,
    attributes: Vec<KeyValue>,
    status: Status,
}

impl Story<'_> {
    /// The spans.
    pub(super) fn spans(&self) -> Vec<SpanData> {
        let ids = self.ids;
        let mut spans = vec![self.request()];
        let mut parent = ids.request;
        for (index, tried) in self.tries.iter().enumerate() {
            parent = super::trace::span_id();
            let (to, status) = match &tried.failed {
                Some((at, why)) => (*at, Status::error(why.clone())),
                None => (self.wall, Status::Unset),
            };
            spans.push(self.span(Span {
                id: parent,
                parent: ids.request,
                kind: SpanKind::Client,
                name: "tab".into(),
                from: tried.begun,
                to,
                attributes: vec![
                    KeyValue::new("tabmesh.tab", count(tried.tab)),
                    KeyValue::new("tabmesh.lane", tried.lane),
                    KeyValue::new("http.request.resend_count", count(index as u64)),
                ],
                status,
            }));
        }
        if let Some(last) = self.tries.last() {
            spans.push(self.handler(parent, last.begun));
            spans.extend(self.calls.iter().map(|called| self.called(called)));
        }
        spans
    }

    fn request(&self) -> SpanData {
        let Target { tenant, handler, version } = self.target;
        let mut attributes = vec![
            KeyValue::new("faas.invoked_name", handler.clone()),
            KeyValue::new("faas.version", version.clone()),
            KeyValue::new("tabmesh.tenant", tenant.clone()),
            KeyValue::new("tabmesh.request_id", self.request_id.to_owned()),
            KeyValue::new("tabmesh.outcome", self.outcome.name()),
        ];
        let (name, kind) = match self.subject {
            Subject::Request { method, url, .. } => {
                attributes.push(KeyValue::new("faas.trigger", "http"));
                attributes.push(KeyValue::new("http.request.method", method.clone()));
                attributes.extend(of_url(url));
                if self.status > 0 {
                    attributes.push(KeyValue::new("http.response.status_code", i64::from(self.status)));
                }
                (format!("{method} {handler}"), SpanKind::Server)
            }
            Subject::Cron { pattern, .. } => {
                attributes.push(KeyValue::new("faas.trigger", "timer"));
                attributes.push(KeyValue::new("faas.cron", pattern.clone()));
                (format!("scheduled {handler}"), SpanKind::Internal)
            }
        };
        let failed = self.outcome.is_error() || self.status >= 500;
        if failed {
            attributes.push(KeyValue::new("error.type", self.outcome.name()));
        }
        let (parent, is_remote) = self.ids.parent.unwrap_or((SpanId::INVALID, false));
        let mut span = self.span(Span {
            id: self.ids.request,
            parent,
            kind,
            name: name.into(),
            from: Duration::ZERO,
            to: self.wall,
            attributes,
            status: if failed { Status::error(self.outcome.name()) } else { Status::Unset },
        });
        span.parent_span_is_remote = is_remote;
        span
    }

    fn handler(&self, parent: SpanId, begun: Duration) -> SpanData {
        let mut attributes = vec![
            KeyValue::new("faas.name", self.target.handler.clone()),
            KeyValue::new("tabmesh.subrequests.left_out", i64::from(self.calls_left_out)),
        ];
        let (from, to) = match self.used {
            Some(Used { cpu, queued, ran }) => {
                attributes.push(KeyValue::new("tabmesh.cpu_time", cpu.as_secs_f64()));
                attributes.push(KeyValue::new("tabmesh.queue_time", queued.as_secs_f64()));
                (begun + queued, begun + queued + ran)
            }
            None => (begun, self.wall),
        };
        let failed = self.outcome.is_error();
        let mut span = self.span(Span {
            id: self.ids.handler,
            parent,
            kind: SpanKind::Internal,
            name: format!("handler {}", self.target.handler).into(),
            from,
            to,
            attributes,
            status: if failed { Status::error(self.outcome.name()) } else { Status::Unset },
        });
        let mut events = SpanEvents::default();
        events.events.extend(self.exceptions.iter().map(|it| {
            let attributes = vec![
                KeyValue::new("exception.type", it.name.clone()),
                KeyValue::new("exception.message", it.message.clone()),
                KeyValue::new("exception.stacktrace", it.stack.clone()),
            ];
            let at = SystemTime::UNIX_EPOCH + Duration::from_millis(it.at);
            Event::new("exception", at, attributes, 0)
        }));
        span.events = events;
        span
    }

    fn called(&self, called: &Called) -> SpanData {
        let Called { span, kind, method, url, begun, ended, status } = called;
        let mut attributes = vec![KeyValue::new("tabmesh.call", *kind)];
        let name = match *kind {
            "kv" | "sql" => {
                attributes.push(KeyValue::new(
                    "db.system.name",
                    if *kind == "sql" { "sqlite" } else { "tabmesh.kv" },
                ));
                attributes.push(KeyValue::new("db.operation.name", method.clone()));
                attributes.push(KeyValue::new("db.namespace", url.clone()));
                format!("{kind} {method} {url}")
            }
            "service" => {
                attributes.push(KeyValue::new("faas.invoked_name", url.clone()));
                format!("service {url}")
            }
            _ => {
                attributes.push(KeyValue::new("http.request.method", method.clone()));
                attributes.push(KeyValue::new("url.full", url.clone()));
                attributes.extend(server(url));
                method.clone()
            }
        };
        if let Some(status) = status {
            attributes.push(KeyValue::new("http.response.status_code", i64::from(*status)));
        }
        let failed = status.is_none_or(|status| status >= 400);
        self.span(Span {
            id: *span,
            parent: self.ids.handler,
            kind: SpanKind::Client,
            name: name.into(),
            from: *begun,
            to: *ended,
            attributes,
            status: if failed { Status::error("") } else { Status::Unset },
        })
    }

    fn span(&self, span: Span) -> SpanData {
        let Span { id, parent, kind, name, from, to, attributes, status } = span;
        let flags = TraceFlags::SAMPLED;
        SpanData {
            span_context: SpanContext::new(self.ids.trace, id, flags, false, TraceState::default()),
            parent_span_id: parent,
            parent_span_is_remote: false,
            span_kind: kind,
            name,
            start_time: self.at + from,
            end_time: self.at + to.max(from),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: self.scope.clone(),
        }
    }
}

/// Parts of a URL that was redacted.
fn of_url(url: &str) -> Vec<KeyValue> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![] };
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (_, target) = rest.split_at(at);
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let mut attributes =
        vec![KeyValue::new("url.scheme", scheme.to_owned()), KeyValue::new("url.path", path.to_owned())];
    attributes.extend(query.map(|query| KeyValue::new("url.query", query.to_owned())));
    attributes.extend(server(url));
    attributes
}

fn server(url: &str) -> Vec<KeyValue> {
    let Ok(uri) = url.parse::<http::Uri>() else { return vec![] };
    let host = uri.host().map(|host| KeyValue::new("server.address", host.to_owned()));
    let port = uri.port_u16().map(|port| KeyValue::new("server.port", i64::from(port)));
    host.into_iter().chain(port).collect()
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
