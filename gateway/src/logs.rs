//! The process's log: lines on stderr, as text for people or as JSON for programs. What it must never do is repeat what crates
//! write that see connections from inside: at `trace` some of them show fields and frames, and so tokens.

use clap::ValueEnum;
use std::io::IsTerminal as _;
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Crates that see what connections carry: of them nothing finer than `debug` is shown.
const CARRIERS: [&str; 7] =
    ["h2", "hyper", "hyper_util", "reqwest", "rustls", "tokio_tungstenite", "tungstenite"];

/// From now on the process logs to `writer`: what RUST_LOG says, or else `default`. Once.
pub fn install<W>(format: LogFormat, default: &str, writer: W)
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let shown = filter_fn(|line| *line.level() <= Level::DEBUG || !is_carrier(line.target()));
    let lines = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_filter(shown).boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_filter(shown)
            .boxed(),
    };
    tracing_subscriber::registry().with(filter).with(lines).init();
}

fn is_carrier(target: &str) -> bool {
    CARRIERS.contains(&target.split("::").next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriers_are_known_by_their_crate() {
        assert!(is_carrier("h2::codec") && is_carrier("tungstenite"));
        assert!(!is_carrier("h2x::codec") && !is_carrier("tabmesh::hyper"));
    }
}
