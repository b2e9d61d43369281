//! The words between a session and its owner: events, errors, and what the two sides say of themselves.

use crate::error::ResetCode;
use crate::frame::Cost;
use crate::head::{CallHead, HeadTooLarge, RequestHead, ResponseHead};
#[cfg(doc)]
use crate::session::Session;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The time, as its owner tells it: since any fixed moment, never going back.
pub type Now = Duration;

/// Number of a stream. Gateways open odd ones, tabs even ones, each counting up.
pub type StreamId = u64;

/// Which end this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Opens odd streams.
    Gateway,
    /// Opens even streams.
    Tab,
}

/// What each side says first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Software and version.
    pub agent: String,
    /// Streams that may be open towards the sender at once.
    pub max_streams: u32,
    /// First window of each stream, in bytes.
    pub stream_window: u32,
    /// Window of the connection, in bytes.
    pub connection_window: u32,
    /// The sender does not take streams now.
    #[serde(default)]
    pub draining: bool,
    /// Tenants that the sender serves; none named: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
    /// A gateway: it takes costs of requests. A tab: it tells one for each request that it was sent. Older ones do neither.
    #[serde(default)]
    pub costs: bool,
}

/// How busy a tab is, as it says itself in each pong. A hint: it may lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Requests being worked on.
    pub active: u32,
    /// Requests waiting for an isolate.
    pub waiting: u32,
    /// Isolates alive.
    pub isolates: u32,
}

/// What the session tells its owner.
#[derive(Debug)]
pub enum Event {
    /// The peer's hello came: streams may be opened.
    Ready(Hello),
    /// The gateway opened a stream.
    Request {
        /// Stream.
        id: StreamId,
        /// Head.
        head: Box<RequestHead>,
        /// No body follows.
        fin: bool,
    },
    /// The tab opened a stream.
    Call {
        /// Stream.
        id: StreamId,
        /// Head.
        head: Box<CallHead>,
        /// No body follows.
        fin: bool,
    },
    /// The gateway sent code ahead of a request that needs it.
    Code {
        /// Its name: a hash of the right form, which nobody has compared with the code.
        hash: String,
        /// JSON of a [`crate::bundle::Bundle`], unchecked.
        bundle: Bytes,
    },
    /// The peer answered on a stream that we opened.
    Response {
        /// Stream.
        id: StreamId,
        /// Head.
        head: Box<ResponseHead>,
        /// No body follows.
        fin: bool,
    },
    /// A piece of body. Give its credit back with [`Session::consumed`] once it has been used.
    Data {
        /// Stream.
        id: StreamId,
        /// The bytes, perhaps none.
        data: Bytes,
        /// Last piece.
        fin: bool,
    },
    /// The peer ended the stream; it is gone.
    Reset {
        /// Stream.
        id: StreamId,
        /// Why.
        code: ResetCode,
        /// Text for the log; untrusted.
        reason: String,
    },
    /// The peer wants no more of our body on this stream; what was queued is dropped.
    Stopped {
        /// Stream.
        id: StreamId,
    },
    /// Half the send buffer is free again, after [`Session::room`] found less.
    Writable {
        /// Stream.
        id: StreamId,
    },
    /// The peer started or stopped taking new streams.
    Draining(bool),
    /// A line of a handler's console.
    Log {
        /// Stream that it belongs to, if any; may be gone already.
        stream: Option<StreamId>,
        /// 0 debug, 1 info, 2 warn, 3 error.
        level: u8,
        /// Untrusted text.
        text: String,
    },
    /// The tab is done with a request.
    Cost {
        /// Stream that it came on; may be gone already.
        stream: StreamId,
        /// What the tab says that it used.
        cost: Cost,
    },
    /// A pong came.
    Pong {
        /// The peer's load.
        load: Load,
        /// Time since our ping.
        round_trip: Duration,
    },
}

/// Why something could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The head is too large.
    #[error(transparent)]
    Head(#[from] HeadTooLarge),
    /// The peer allows no more streams now, drains, or has not said hello.
    #[error("the peer takes no more streams now")]
    NotAccepting,
    /// The stream is gone or its sending half is closed.
    #[error("the stream is closed")]
    Closed,
}
