//! The wire between a Tabmesh gateway and a browser tab.
//!
//! The same code runs on both ends: natively in the gateway, as wasm in the tab. It is **sans-I/O**: a [`Session`]
//! takes messages, calls and the time, and gives back messages, events and the time of its next deadline. Nothing
//! in this crate opens a socket, reads a clock, draws a random number or starts a thread, and no input from the
//! other side makes it panic or allocate without bound.
//!
//! How the layers stack, from the bottom:
//!
//! 1. a *message* is what one `send` on an ordered, reliable, message-based transport carries (a WebRTC data channel;
//!    a WebSocket would do): up to [`config::MAX_MESSAGE`] bytes, a sequence of whole frames;
//! 2. a [`frame::Frame`] is a type, a stream number, a length and a payload ([`varint`]s as in RFC 9000);
//! 3. a *stream* is one HTTP exchange: request head and body one way, response head and body the other, each half
//!    closed on its own, both under credit ([`session`]);
//! 4. [`head`] maps heads to and from `http` types; [`bundle`] is the code that a request's version names;
//!    [`signal`] is what is said before there is a data channel.

#![forbid(unsafe_code)]

pub mod bundle;
pub mod calls;
pub mod config;
pub mod error;
pub mod frame;
pub mod head;
pub mod limits;
pub mod session;
pub mod signal;
pub mod varint;

pub use config::Config;
pub use error::{ResetCode, Violation};
pub use frame::Cost;
pub use head::{CallHead, RequestHead, ResponseHead, Target};
pub use limits::Limits;
pub use session::{Event, Hello, Load, Now, Role, SendError, Session, StreamId};
