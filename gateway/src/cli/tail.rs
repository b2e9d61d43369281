//! `tabmesh tail`: what handlers do, as it happens.
//!
//! Reads server-sent events and comes back when the connection ends; what was said meanwhile is not heard, which the gateway's
//! next events do not tell either.

use std::time::Duration;

use clap::Args;
use form_urlencoded::Serializer;
use http::{Method, header};
use serde_json::Value;

use super::client::Client;
use super::error::CliError;
use super::event;
use super::out::Out;
use super::sources::Connect;
use super::table::clean_lines;
use crate::api::tail::END_EVENT;

/// Waits before a lost connection is made again, first and longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// Longest line of the stream, in bytes: events are bounded by the gateway, far below.
const MAX_LINE: usize = 4 << 20;

/// What `tail` is told.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  tabmesh tail shop
  tabmesh tail shop --status 5xx --outcome exception
  tabmesh tail --json | jq .event.request.url      every handler of the tenant, one event a line")]
pub struct TailArgs {
    /// The handler [default: all of the tenant's]
    handler: Option<String>,

    /// Only requests that ended so: ok, error, canceled, exception, exceededCpu, ...
    #[arg(long, value_name = "OUTCOME", value_delimiter = ',')]
    outcome: Vec<String>,

    /// Only requests with this method
    #[arg(long, value_name = "METHOD", value_delimiter = ',')]
    method: Vec<String>,

    /// Only answers with this status: 404, 5xx
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<String>,

    /// Only events with this text in the URL, a console line or an exception
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,

    /// Only this version: first digits of its hash
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,

    /// Share of the events to hear, above 0 and up to 1
    #[arg(long, value_name = "SHARE")]
    sampling_rate: Option<f64>,

    #[command(flatten)]
    connect: Connect,
}

impl TailArgs {
    fn query(&self) -> String {
        let mut query = Serializer::new(String::new());
        for (name, values) in [("outcome", &self.outcome), ("method", &self.method), ("status", &self.status)]
        {
            for value in values {
                query.append_pair(name, value);
            }
        }
        let rate = self.sampling_rate.map(|rate| rate.to_string());
        for (name, value) in [("search", &self.search), ("version", &self.version), ("sampling_rate", &rate)]
        {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let query = query.finish();
        if query.is_empty() { query } else { format!("?{query}") }
    }
}

/// `tabmesh tail`: until Ctrl-C, or until nobody reads the output.
pub(super) async fn run(args: TailArgs, out: Out) -> Result<(), CliError> {
    let client = Client::here(&args.connect)?;
    let path = match &args.handler {
        Some(handler) => client.handler(handler, &["tail"])?,
        None => client.path(&["tail"])?,
    };
    let path = format!("{path}{}", args.query());
    let show = |event: &Value| {
        if out.json { out.line(&event.to_string()) } else { out.bytes(event::text(event, out).as_bytes()) }
    };
    tokio::select! {
        result = follow(&client, &path, true, show) => result,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

/// Hands events to `show` until it fails, and comes back when the connection ends. `told` says so on stderr. Ends with an
/// error when the gateway refuses; at the first try also when it cannot be reached.
pub(super) async fn follow(
    client: &Client,
    path: &str,
    told: bool,
    mut show: impl FnMut(&Value) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut backoff = BACKOFF.0;
    let mut was_there = false;
    loop {
        let request = client.request(Method::GET, path).header(header::ACCEPT, "text/event-stream");
        match client.send(request).await {
            Ok(mut response) => {
                if told && !was_there {
                    eprintln!("listening; Ctrl-C ends");
                }
                (was_there, backoff) = (true, BACKOFF.0);
                let mut lines = Lines::default();
                while let Ok(Some(chunk)) = response.chunk().await {
                    lines.push(&chunk);
                    while let Some(said) = lines.next() {
                        match said {
                            Said::Event(event) => show(&event)?,
                            Said::End(end) => return Err(ended(&end)),
                        }
                    }
                }
                if told {
                    eprintln!("the connection ended; trying again");
                }
            }
            Err(CliError::Unreachable { .. }) if was_there => {}
            // A gateway that is full, or shutting down.
            Err(CliError::Refused { status: 429 | 503, .. }) if was_there => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(backoff).await;
        backoff = (backoff * 2).min(BACKOFF.1);
    }
}

/// The gateway ended the tail, and it would not listen again.
fn ended(end: &Value) -> CliError {
    let why = end["detail"].as_str().map_or_else(|| "no reason was given".to_owned(), clean_lines);
    CliError::Refused {
        message: format!("the gateway ended the tail: {why}"),
        frame: None,
        hint: Some("`tabmesh config` says where the token comes from".into()),
        status: 0,
        kind: end["reason"].as_str().map(clean_lines),
    }
}

/// What a stream says.
#[derive(Debug, PartialEq)]
enum Said {
    Event(Value),
    /// Nothing follows, and why.
    End(Value),
}

/// The events in a stream of bytes.
#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
    /// Whether what follows is the last event.
    is_end: bool,
    /// Whether the line under way is too long and left out.
    is_skipping: bool,
}

impl Lines {
    fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
        if self.bytes.len() > MAX_LINE && !self.bytes.contains(&b'\n') {
            self.bytes.clear();
            self.is_skipping = true;
        }
    }

    /// The next event that is whole.
    fn next(&mut self) -> Option<Said> {
        loop {
            let end = self.bytes.iter().position(|byte| *byte == b'\n')?;
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            if std::mem::take(&mut self.is_skipping) {
                continue;
            }
            if let Some(name) = line.strip_prefix(b"event:") {
                self.is_end = name.trim_ascii() == END_EVENT.as_bytes();
            }
            // One line an event is what the gateway writes; comments keep the connection awake.
            let Some(data) = line.strip_prefix(b"data:") else { continue };
            let is_end = std::mem::take(&mut self.is_end);
            if let Ok(data) = serde_json::from_slice(data) {
                return Some(if is_end { Said::End(data) } else { Said::Event(data) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_come_in_any_pieces() {
        let stream = b": hello\n\ndata: {\"a\":1}\n\ndata:{\"a\":2}\r\n\ndata: broken\n\nevent: end\ndata: {\"a\":3}\n";
        for piece in [1, 3, 1000] {
            let mut lines = Lines::default();
            let mut found = Vec::new();
            for chunk in stream.chunks(piece) {
                lines.push(chunk);
                found.extend(std::iter::from_fn(|| lines.next()));
            }
            let [first, second] = [1, 2].map(|a| Said::Event(json!({ "a": a })));
            assert_eq!(found, [first, second, Said::End(json!({ "a": 3 }))], "{piece}");
        }
    }

    #[test]
    fn a_line_without_end_is_left_out() {
        let mut lines = Lines::default();
        for _ in 0..10 {
            lines.push(&[b'x'; MAX_LINE / 2]);
            assert_eq!(lines.next(), None);
            assert!(lines.bytes.len() <= MAX_LINE);
        }
        lines.push(b"\ndata: {\"a\":1}\n");
        assert_eq!(lines.next(), Some(Said::Event(json!({ "a": 1 }))));
    }
}
