//! The runtime that a browser tab runs, compiled to wasm, in a dedicated Worker off the page's main thread.
//!
//! Two layers:
//!
//! 1. [`core`] decides everything and touches nothing: it takes an [`core::Input`] and the time and gives
//!    [`core::Output`]s. Signalling, connection attempts and their backoff, one [`tabmesh_protocol::Session`] per
//!    gateway, the isolates that hold handlers, their limits, credit both ways. It runs and is tested on the host.
//! 2. `shell` (wasm only) owns what the browser gives: WebSocket, data channels, message ports, one timer, the clock.
//!    It turns browser events into inputs and outputs into browser calls, and decides nothing.
//!
//! The life of a request: data channel message -> `Session` -> [`core::Core`] picks or makes an isolate -> one
//! `postMessage` to it -> its answer, one `postMessage` -> `Session` -> one data channel message. On that path there is
//! no JSON, no promise and no timer.
//!
//! [`headers`] is how header fields cross into JavaScript. [`wire`] numbers the messages between runtime and isolate; the JavaScript side of those numbers is in
//! `web/isolate/`.

pub mod core;
pub mod headers;
#[cfg(target_arch = "wasm32")]
mod shell;
pub mod wire;

#[cfg(target_arch = "wasm32")]
pub use shell::start;
