//! What isolates and runtime say to each other, as plain data; [`crate::wire`] has the form on the port.

use bytes::Bytes;
use http::{HeaderMap, Method};
use std::rc::Rc;
use std::time::Duration;
use tabmesh_protocol::head::Target;
use tabmesh_protocol::{Limits, RequestHead, ResponseHead};

/// A failure that an isolate reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The handler threw.
    Exception,
    /// It returned something that is not a `Response`.
    NoResponse,
    /// The response body failed.
    Body,
    /// The request was aborted.
    Aborted,
}

/// A message from an isolate. Untrusted: a handler may have taken the isolate over.
#[derive(Clone, Debug)]
pub enum FromIsolate {
    /// See [`crate::wire::from_isolate`] for each.
    Booted,
    /// Code is loaded.
    Started,
    /// Code cannot be loaded.
    Failed {
        /// What went wrong.
        message: String,
        /// Where.
        stack: String,
    },
    /// Response head. `headers` is an error where they are no header fields.
    Response {
        /// Request.
        id: u32,
        /// As sent, perhaps out of range.
        status: u32,
        /// Fields.
        headers: Result<HeaderMap, &'static str>,
        /// Chunks follow.
        has_body: bool,
    },
    /// Piece of response body.
    Chunk {
        /// Request.
        id: u32,
        /// The bytes.
        data: Bytes,
    },
    /// Response body complete.
    End {
        /// Request.
        id: u32,
    },
    /// The request failed.
    Error {
        /// Request.
        id: u32,
        /// How.
        code: ErrorCode,
        /// What went wrong.
        message: String,
        /// Where.
        stack: String,
    },
    /// The handler read request body.
    Consumed {
        /// Request.
        id: u32,
        /// How much.
        bytes: usize,
    },
    /// Console line.
    Log {
        /// Request, or 0.
        id: u32,
        /// 0 debug to 3 error.
        level: u8,
        /// Clipped by the shell.
        text: String,
    },
    /// No more work on this request.
    Done {
        /// Request.
        id: u32,
    },
    /// Answer to a ping.
    Pong {
        /// The ping's number.
        n: u32,
    },
    /// Busy time since the last report, and bytes held outside of the heap.
    Spent {
        /// How long.
        busy: Duration,
        /// How much.
        bytes: u64,
    },
    /// It holds more memory than it may.
    OutOfMemory {
        /// A sentence for the developer.
        text: String,
    },
    /// About a call of its own.
    Call {
        /// Call; counts up.
        id: u32,
        /// What.
        message: FromCall,
    },
    /// Anything else; the text says what is wrong with it.
    Malformed(&'static str),
}

/// What an isolate says about a call of its handler to the gateway.
#[derive(Clone, Debug)]
pub enum FromCall {
    /// It begins.
    Open(Box<CallRequest>),
    /// Piece of request body.
    Chunk(Bytes),
    /// Request body complete.
    End,
    /// The handler read that much response body.
    Consumed(usize),
    /// The handler lost interest, or the request body failed.
    Abort,
}

/// The head of such a call.
#[derive(Clone, Debug)]
pub struct CallRequest {
    /// Request that it is made for, or 0.
    pub parent: u32,
    /// Name in `env`; empty for `fetch`.
    pub binding: String,
    /// Method.
    pub method: Method,
    /// URL.
    pub url: String,
    /// Fields.
    pub headers: HeaderMap,
    /// Chunks follow.
    pub has_body: bool,
}

/// A message to an isolate; see [`crate::wire::to_isolate`].
#[derive(Clone, Debug)]
pub enum ToIsolate {
    /// Load this code; the shell holds the bundle by its hash, `target.version`.
    Start {
        /// Which.
        target: Target,
        /// Of the handler, lowered to what the contributor allows.
        limits: Limits,
    },
    /// A request.
    Request {
        /// Request.
        id: u32,
        /// Head.
        head: Rc<RequestHead>,
        /// A body follows.
        has_body: bool,
    },
    /// Piece of request body.
    Body {
        /// Request.
        id: u32,
        /// The bytes.
        data: Bytes,
    },
    /// Request body complete.
    BodyEnd {
        /// Request.
        id: u32,
    },
    /// Nobody wants the answer.
    Abort {
        /// Request.
        id: u32,
        /// A sentence for the handler.
        reason: &'static str,
    },
    /// More response body may be sent.
    Credit {
        /// Request.
        id: u32,
        /// How many more bytes.
        bytes: usize,
    },
    /// Sign of life wanted.
    Ping {
        /// Number that the answer repeats.
        n: u32,
    },
    /// About a call that it made.
    Call {
        /// Call.
        id: u32,
        /// What.
        message: ToCall,
    },
}

/// What an isolate hears about a call of its handler.
#[derive(Clone, Debug)]
pub enum ToCall {
    /// Response head.
    Response {
        /// Head.
        head: Rc<ResponseHead>,
        /// Chunks follow.
        has_body: bool,
    },
    /// Piece of response body.
    Chunk(Bytes),
    /// Response body complete.
    End,
    /// It failed; a sentence for the handler. Nothing follows.
    Failed(String),
    /// More request body may be sent.
    Credit(usize),
}
