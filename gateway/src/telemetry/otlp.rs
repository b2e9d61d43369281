//! Spans on their way to a collector (OTLP over HTTP), in batches and from a task of their own. Where the collector is slow or gone
//! spans are lost and counted; no request waits and no memory grows.

use super::trace::Sampling;
use crate::config::TelemetryConfig;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::mpsc;

/// Spans that may wait for the collector.
const MAX_WAITING: usize = 4096;

/// Spans sent at once.
const BATCH: usize = 512;

/// Longest time that a span waits for others.
const DELAY: Duration = Duration::from_secs(1);

/// Longest time that a batch may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where the path of traces is, under an endpoint.
const PATH: &str = "/v1/traces";

/// Takes spans and sends them. See the module's page.
pub struct Tracing {
    /// Which requests are traced.
    pub sampling: Sampling,
    spans: mpsc::Sender<SpanData>,
    scope: InstrumentationScope,
    lost: AtomicU64,
}

impl fmt::Debug for Tracing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracing").field("sampling", &self.sampling).finish_non_exhaustive()
    }
}

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
#[error("spans cannot be sent to {endpoint}: {reason}")]
pub struct OtlpError {
    endpoint: String,
    reason: String,
}

impl Tracing {
    /// Sends to the collector of this configuration, if it names one. Needs a runtime.
    ///
    /// # Errors
    /// When the address or a field is none.
    pub fn start(config: &TelemetryConfig) -> Result<Option<Arc<Self>>, OtlpError> {
        let Some(endpoint) = &config.otlp_endpoint else { return Ok(None) };
        let wrong = |reason: String| OtlpError { endpoint: endpoint.clone(), reason };
        // Of the process; whoever was first is right.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let headers: HashMap<String, String> = config.otlp_header.iter().cloned().collect();
        let url = match endpoint.ends_with(PATH) {
            true => endpoint.clone(),
            false => [endpoint.trim_end_matches('/'), PATH].concat(),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(url)
            .with_headers(headers)
            .with_timeout(TIMEOUT)
            .build();
        let mut exporter = exporter.map_err(|error| wrong(error.to_string()))?;
        let resource = Resource::builder()
            .with_service_name(config.otlp_service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        exporter.set_resource(&resource);
        let (spans, queue) = mpsc::channel(MAX_WAITING);
        tokio::spawn(send(exporter, queue));
        let sampling = Sampling { ratio: config.trace_sampling, trusts: config.trust_traceparent };
        let scope = InstrumentationScope::builder("tabmesh").with_version(env!("CARGO_PKG_VERSION")).build();
        Ok(Some(Arc::new(Self { sampling, spans, scope, lost: AtomicU64::new(0) })))
    }

    /// What made the spans.
    #[must_use]
    pub fn scope(&self) -> &InstrumentationScope {
        &self.scope
    }

    /// Hands spans over, or loses them.
    pub fn take(&self, spans: impl IntoIterator<Item = SpanData>) {
        for span in spans {
            if self.spans.try_send(span).is_err() {
                self.lost.fetch_add(1, Relaxed);
            }
        }
    }

    /// Spans that were lost because the collector was too slow.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}

async fn send(exporter: SpanExporter, mut queue: mpsc::Receiver<SpanData>) {
    let mut failing = false;
    loop {
        let mut batch = Vec::new();
        let Some(first) = queue.recv().await else { return };
        batch.push(first);
        let filling =
            async { while batch.len() < BATCH && queue.recv_many(&mut batch, BATCH - 1).await > 0 {} };
        // Late or full, it goes.
        let _ = tokio::time::timeout(DELAY, filling).await;
        let result = tokio::time::timeout(TIMEOUT, exporter.export(batch)).await;
        let failed = match &result {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("no answer in time".to_owned()),
        };
        // Once, and not for each batch.
        if let Some(error) = failed.as_ref().filter(|_| !failing) {
            tracing::warn!(error, "traces are lost: the collector does not take them");
        }
        failing = failed.is_some();
    }
}
