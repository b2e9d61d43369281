//! What can go wrong on the wire: a [`Violation`] ends the connection, a [`ResetCode`] ends one stream.

/// The peer broke the protocol. The connection that it came on must be closed; no other connection is concerned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A message longer than [`crate::config::MAX_MESSAGE`].
    #[error("message of {0} bytes is over the limit")]
    MessageTooLarge(usize),
    /// A frame's bytes do not parse.
    #[error("malformed frame: {0}")]
    Malformed(&'static str),
    /// A frame type this version does not know.
    #[error("unknown frame type {0:#04x}")]
    UnknownFrame(u8),
    /// Anything but a hello came first, or a second hello came.
    #[error("hello out of order")]
    HelloOrder,
    /// The peer speaks another version of the protocol.
    #[error("peer speaks protocol version {0}")]
    Version(u32),
    /// A frame named a stream that was never opened, or opened one wrongly.
    #[error("bad use of stream {0}: {1}")]
    Stream(u64, &'static str),
    /// More body bytes than the credit we gave.
    #[error("flow control violated on stream {0} (0 is the connection)")]
    FlowControl(u64),
    /// A tab sent code: only gateways have any to give.
    #[error("code from a tab")]
    CodeFromTab,
    /// More streams at once than we allow.
    #[error("too many concurrent streams")]
    TooManyStreams,
    /// The peer makes us queue answers faster than it reads them.
    #[error("too many unread control frames")]
    ControlFlood,
    /// Nothing was heard for too long.
    #[error("no sign of life from the peer")]
    Silent,
}

/// Why a stream ended before its time. Sent as a varint; codes we do not know read as [`ResetCode::Internal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ResetCode {
    /// The caller went away; nobody wants the answer.
    Cancelled = 1,
    /// The handler's wall time limit ran out.
    Timeout = 2,
    /// The handler threw or its promise was rejected.
    Exception = 3,
    /// The handler returned something that is not a `Response`.
    NoResponse = 4,
    /// The handler's code could not be fetched, compiled or evaluated; the handler did not see the request.
    StartFailed = 5,
    /// The tab does not take the request (paused, full, leaving); the handler did not see it.
    Refused = 6,
    /// The isolate ended while it held the request.
    IsolateLost = 7,
    /// The response cannot be carried: head too large, status out of range.
    BadResponse = 8,
    /// The response body failed after its head was sent.
    BodyFailed = 9,
    /// Something else went wrong at the sender.
    Internal = 10,
    /// The handler used more CPU time than it may; its isolate was ended.
    CpuLimit = 11,
    /// The handler used more memory than it may; its isolate was ended.
    MemoryLimit = 12,
    /// The response body is larger than it may be.
    ResponseTooLarge = 13,
}

impl ResetCode {
    /// The code on the wire.
    #[must_use]
    pub const fn to_wire(self) -> u64 {
        self as u64
    }

    /// Reads a code; unknown ones become [`ResetCode::Internal`].
    #[must_use]
    pub const fn from_wire(code: u64) -> Self {
        match code {
            1 => Self::Cancelled,
            2 => Self::Timeout,
            3 => Self::Exception,
            4 => Self::NoResponse,
            5 => Self::StartFailed,
            6 => Self::Refused,
            7 => Self::IsolateLost,
            8 => Self::BadResponse,
            9 => Self::BodyFailed,
            11 => Self::CpuLimit,
            12 => Self::MemoryLimit,
            13 => Self::ResponseTooLarge,
            _ => Self::Internal,
        }
    }

    /// Whether the sender vouches that the handler never saw the request, so that another tab may take it whatever
    /// its method.
    #[must_use]
    pub const fn not_started(self) -> bool {
        matches!(self, Self::Refused | Self::StartFailed)
    }
}
