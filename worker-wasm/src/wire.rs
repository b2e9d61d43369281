//! Opcodes of the messages between the runtime and an isolate, over a `MessagePort`.
//!
//! Every `postMessage` carries an array of messages; a message is an array whose first element is one of these
//! numbers. The other end has its own copies: `IN` in `web/isolate/isolate.js`, `OUT` in `web/isolate/serve.js`. The
//! numbers are part of one build of the page, never stored and never sent to a gateway.

/// Runtime to isolate.
pub mod to_isolate {
    /// `[1, bundle, info]`: load this code. `info` is `{handler, tenant, version, memory, subrequests, logBytes}`;
    /// `memory` in bytes. A bundle that names `HTMLRewriter` has the bytes of its module as `rewriter`.
    pub const START: u32 = 1;
    /// `[2, id, method, url, headers, hasBody, info]`: a request. `info` is `{requestId}`.
    pub const REQUEST: u32 = 2;
    /// `[3, id, Uint8Array]`: a piece of request body.
    pub const BODY: u32 = 3;
    /// `[4, id]`: the request body is complete.
    pub const BODY_END: u32 = 4;
    /// `[5, id, reason]`: nobody wants the answer; nothing more is said about `id` by either side.
    pub const ABORT: u32 = 5;
    /// `[6, id, bytes]`: that many more bytes of response body may be sent.
    pub const CREDIT: u32 = 6;
    /// `[7, n]`: asks for a sign of life.
    pub const PING: u32 = 7;
    /// `[8, id, status, headers, hasBody]`: the answer to a call of the isolate.
    pub const CALL_RESPONSE: u32 = 8;
    /// `[9, id, Uint8Array]`: a piece of its body.
    pub const CALL_CHUNK: u32 = 9;
    /// `[10, id]`: its body is complete.
    pub const CALL_END: u32 = 10;
    /// `[11, id, message]`: the call failed; nothing more is said about it.
    pub const CALL_FAILED: u32 = 11;
    /// `[12, id, bytes]`: that many more bytes of the call's request body may be sent.
    pub const CALL_CREDIT: u32 = 12;
}

/// Isolate to runtime.
pub mod from_isolate {
    /// `[1]`: blank and ready for code.
    pub const BOOTED: u32 = 1;
    /// `[2, forms]`: the code is loaded.
    pub const STARTED: u32 = 2;
    /// `[3, message, stack]`: the code cannot be loaded.
    pub const FAILED: u32 = 3;
    /// `[4, id, status, headers, hasBody]`: response head.
    pub const RESPONSE: u32 = 4;
    /// `[5, id, Uint8Array]`: a piece of response body.
    pub const CHUNK: u32 = 5;
    /// `[6, id]`: the response body is complete.
    pub const END: u32 = 6;
    /// `[7, id, code, message, stack]`: the request failed.
    pub const ERROR: u32 = 7;
    /// `[8, id, bytes]`: the handler read that much of the request body.
    pub const CONSUMED: u32 = 8;
    /// `[9, id or 0, level, text]`: a console line.
    pub const LOG: u32 = 9;
    /// `[10, id]`: the isolate no longer works on `id`.
    pub const DONE: u32 = 10;
    /// `[11, n]`: answer to a ping.
    pub const PONG: u32 = 11;
    /// `[12, ms, bytes]`: busy that long since the last such message, and holding that many bytes outside of its heap.
    pub const SPENT: u32 = 12;
    /// `[13, "memory", text]`: a limit that the isolate itself guards is exceeded; it must end.
    pub const BREACH: u32 = 13;
    /// `[14, id, request or 0, binding, method, url, headers, hasBody]`: the handler calls the gateway. Ids count up from 1.
    pub const CALL: u32 = 14;
    /// `[15, id, Uint8Array]`: a piece of the call's request body.
    pub const CALL_CHUNK: u32 = 15;
    /// `[16, id]`: the call's request body is complete.
    pub const CALL_END: u32 = 16;
    /// `[17, id, bytes]`: the handler read that much of the call's response body.
    pub const CALL_CONSUMED: u32 = 17;
    /// `[18, id]`: the handler wants the call no more.
    pub const CALL_ABORT: u32 = 18;
}
