//! What is told about requests, to whom.

use clap::Args;

/// Traces, metrics, logs.
#[derive(Clone, Debug, Args)]
pub struct TelemetryConfig {
    /// Collector that gets traces by OTLP over HTTP, as http://host:4318. Nothing is traced without it
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,

    /// Field that goes with traces, as NAME=VALUE; OTEL_EXPORTER_OTLP_HEADERS works, too
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_header)]
    pub otlp_header: Vec<(String, String)>,

    /// Name of this gateway in traces
    #[arg(long, env = "OTEL_SERVICE_NAME", default_value = "tabmesh", value_name = "NAME")]
    pub otlp_service_name: String,

    /// Share of requests that are traced, from 0 to 1
    #[arg(long, env = "TABMESH_TRACE_SAMPLING", default_value_t = 1.0, value_parser = parse_ratio, value_name = "RATIO")]
    pub trace_sampling: f64,

    /// Callers decide by the sampled flag of their `traceparent` whether a request is traced. For gateways behind a proxy that sets
    /// it: anybody else could have every request traced, or none
    #[arg(long, env = "TABMESH_TRUST_TRACEPARENT")]
    pub trust_traceparent: bool,

    /// Handlers with a label of their own in /_mesh/metrics, some 25 series each; further ones count together
    #[arg(long, default_value_t = Self::METRICS_HANDLERS, value_name = "HANDLERS")]
    pub metrics_handlers: usize,

    /// Log every request, without its query and fields
    #[arg(long, env = "TABMESH_ACCESS_LOG")]
    pub access_log: bool,
}

impl TelemetryConfig {
    /// Handlers with a label of their own, unless told otherwise: 5,000 series are a small part of what a Prometheus takes.
    pub const METRICS_HANDLERS: usize = 200;
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    // The value may be a secret: it is not repeated.
    let (name, value) = text.split_once('=').ok_or("a field is NAME=VALUE")?;
    match name.trim() {
        "" => Err("a field is NAME=VALUE".to_owned()),
        name => Ok((name.to_owned(), value.trim().to_owned())),
    }
}

fn parse_ratio(text: &str) -> Result<f64, String> {
    let ratio: Option<f64> = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| format!("`{text}` is no number from 0 to 1"))
}
