//! A collector of traces: takes OTLP over HTTP, as any would, and shows what came.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

#[derive(Default)]
struct Got {
    spans: Vec<Span>,
    services: Vec<String>,
    fields: Vec<HeaderMap>,
    bytes: Vec<u8>,
}

/// A collector on loopback. It ends with the test's runtime.
pub struct Collector {
    /// Where it listens.
    pub address: SocketAddr,
    got: Arc<Mutex<Got>>,
}

impl Collector {
    /// Starts it.
    pub async fn start() -> Self {
        let got = Arc::new(Mutex::new(Got::default()));
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&got));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, got }
    }

    /// Its endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.got.lock().unwrap().spans.clone()
    }

    /// Names of the services that sent them.
    #[must_use]
    pub fn services(&self) -> Vec<String> {
        self.got.lock().unwrap().services.clone()
    }

    /// Whether each request had this field.
    #[must_use]
    pub fn all_had(&self, name: &str, value: &str) -> bool {
        self.got.lock().unwrap().fields.iter().all(|fields| fields.get(name).is_some_and(|it| it == value))
    }

    /// Everything that came, as it came.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.got.lock().unwrap().bytes.clone()
    }
}

async fn take(State(got): State<Arc<Mutex<Got>>>, fields: HeaderMap, body: Bytes) -> StatusCode {
    if fields.get("content-type").is_none_or(|kind| kind != "application/x-protobuf") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    let Ok(request) = ExportTraceServiceRequest::decode(body.clone()) else { return StatusCode::BAD_REQUEST };
    let mut got = got.lock().unwrap();
    got.bytes.extend_from_slice(&body);
    got.fields.push(fields);
    for resource in request.resource_spans {
        let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
        let name = attributes.iter().find(|attribute| attribute.key == "service.name");
        if let Some(Value::StringValue(name)) =
            name.and_then(|name| name.value.clone()).and_then(|value| value.value)
        {
            got.services.push(name);
        }
        got.spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
    StatusCode::OK
}

/// An attribute of a span, as text.
#[must_use]
pub fn attribute(span: &Span, key: &str) -> Option<String> {
    let value = span.attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?.value?;
    Some(match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        Value::BoolValue(it) => it.to_string(),
        other => format!("{other:?}"),
    })
}
