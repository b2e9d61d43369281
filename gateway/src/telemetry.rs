//! What can be seen of a request: counters that are always there, and a record of it where somebody looks.
//!
//! Counting takes a few atomic additions ([`stats`]). A [`Record`] is made only where a live tail is open on the handler or the
//! request's trace is exported; it ends, and goes to whom it was made for, when the last of those who could add to it lets go of
//! it: whoever answers the caller, the tab until it is done with `waitUntil`, a stack that waits for its source map. Nothing here
//! may hold a request up, or show what [`redact`] takes away.

pub mod otlp;
pub mod outcome;
pub mod record;
pub mod redact;
mod spans;
pub mod stats;
pub mod trace;
mod watch;

pub use otlp::Tracing;
pub use outcome::Outcome;
pub use record::Record;
pub use stats::{HandlerStats, Seen, Stats};
pub use watch::{Sight, Watch};
