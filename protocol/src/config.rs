//! The numbers of the wire, each with its unit and reason, and [`Config`], the part of them a side may set.

use std::time::Duration;

/// Version of the frame protocol; a peer with another one is refused.
pub const PROTOCOL_VERSION: u32 = 4;

/// Largest message, in bytes. SCTP messages of 16-64 KiB gave the best throughput between Rust and Chromium; 256 KiB
/// overflowed Chromium's UDP socket buffer and fell to 3-5 MB/s.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Largest encoded request or response head, in bytes: a head is one frame, and a frame is never split.
pub const MAX_HEAD: usize = 60 * 1024;

/// Largest piece of body in one frame, in bytes. Streams take turns by this quantum, so a small response waits behind
/// at most this much of each large one.
pub const DATA_QUANTUM: usize = 16 * 1024;

/// Largest bundle that travels ahead of a request, in bytes: it is one frame, and leaves room in its message for the
/// request's head. Nobody waits behind it for longer than behind a body's turn.
pub const MAX_PUSHED_CODE: usize = 56 * 1024;

/// Longest reason of a reset or text of a log line, in bytes; longer ones are cut at a character.
pub const MAX_TEXT: usize = 16 * 1024;

/// Largest hello payload, in bytes.
pub const MAX_HELLO: usize = 4 * 1024;

/// Tenants that a hello may name: with the longest names it stays below [`MAX_HELLO`].
pub const MAX_TENANTS: usize = 32;

/// Control frames that may wait to be sent. A peer that makes us answer (pings) without reading gets here first.
pub const MAX_QUEUED_CONTROL: usize = 16 * 1024;

/// Calls of handlers (outbound fetch, bindings) that a tab has open at once; more wait in the tab. Each may take a stream
/// window of the gateway's memory.
pub const MAX_CALLS: u32 = 128;

/// Most header fields in a head; hyper's own limit on the HTTP side is lower.
pub const MAX_HEADERS: usize = 512;

/// What one side of a session allows and expects.
#[derive(Clone, Debug)]
pub struct Config {
    /// Streams the peer may have open towards us at once. 0 where the peer may open none.
    pub max_incoming_streams: u32,
    /// Streams we open towards the peer at once, whatever it offers.
    pub max_outgoing_streams: u32,
    /// Body bytes per stream that the peer may send before it must wait for credit, at first. Small, so that many
    /// slow readers together stay below [`Config::connection_window`]; it doubles while the reader keeps up.
    pub stream_window: u32,
    /// The largest that a stream's window grows to, in bytes.
    pub max_stream_window: u32,
    /// Body bytes over all streams that the peer may have unread at our side.
    pub connection_window: u32,
    /// Unsent body bytes per stream after which [`crate::Session::room`] is 0.
    pub send_buffer: usize,
    /// A window that is used up faster than this doubles.
    pub window_growth_time: Duration,
    /// Time between pings while streams are open.
    pub busy_ping: Duration,
    /// Silence after which a peer with open streams is taken for dead: callers wait on it.
    pub busy_silence: Duration,
    /// Silence allowed after [`crate::Session::probe`].
    pub probe_silence: Duration,
    /// Time between pings while no stream is open: a thousand idle tabs must cost next to nothing.
    pub idle_ping: Duration,
    /// Silence after which an idle peer is taken for dead.
    pub idle_silence: Duration,
    /// Name and version of the software, for the other side's log.
    pub agent: String,
    /// Tenants that we serve, at most [`MAX_TENANTS`]; none named: all.
    pub tenants: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_incoming_streams: 256,
            max_outgoing_streams: 256,
            stream_window: 64 * 1024,
            max_stream_window: 1024 * 1024,
            connection_window: 40 * 1024 * 1024,
            send_buffer: 256 * 1024,
            window_growth_time: Duration::from_millis(100),
            busy_ping: Duration::from_millis(300),
            busy_silence: Duration::from_millis(1400),
            probe_silence: Duration::from_millis(700),
            idle_ping: Duration::from_secs(15),
            idle_silence: Duration::from_secs(15),
            agent: String::from(concat!("tabmesh-protocol/", env!("CARGO_PKG_VERSION"))),
            tenants: Vec::new(),
        }
    }
}

impl Config {
    /// Bytes that stream windows may grow by, over all streams: see [`Config::connection_window`].
    #[must_use]
    pub fn growth_budget(&self) -> u64 {
        let streams = u64::from(self.max_incoming_streams) + u64::from(self.max_outgoing_streams);
        u64::from(self.connection_window).saturating_sub(streams * u64::from(self.stream_window))
    }
}
