//! The mesh: the tabs that joined, and how a request reaches one.
//!
//! [`rendezvous`] turns a signalling offer into a [`peer`] (the only module that knows the WebRTC crates), which carries
//! the messages of a [`tab`] (one protocol session); the [`pool`] picks a tab and leases it; a [`call`] is one
//! exchange on it, and what its handler calls in turn comes [`incoming`]. Nothing here knows HTTP servers, handlers' code or retries.

pub mod call;
mod console;
mod exchange;
pub mod incoming;
pub mod memory;
pub mod peer;
pub mod pool;
pub mod rendezvous;
pub mod shares;
pub mod tab;
