//! Rendezvous of Tabmesh: browser tabs and gateways meet here, exchange descriptions and candidates, and leave.
//!
//! Two ways in: a gateway mounts [`router`] at its own origin and takes part through [`Hub::attach_local`]; or many
//! gateways share the `tabmesh-signaling` binary and reach it with [`client::connect`]. All rules live in
//! [`registry`], which is pure; [`hub`] gives it a lock, a clock and peer ids; [`socket`] moves WebSocket frames.
//! Nothing here reads a description or a candidate, and no tenant traffic passes through.
#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod client;
mod config;
pub mod hub;
pub mod link;
pub mod metrics;
mod origin;
mod outbox;
pub mod policy;
pub mod registry;
pub mod socket;

pub use config::{HubConfig, Queues, Timing};
pub use hub::Hub;
pub use link::{Join, Link};
pub use metrics::Metrics;
pub use origin::Origins;
pub use policy::{Allowance, Limits, Policy};
pub use socket::router;
pub use tabmesh_protocol::signal::SIGNAL_PATH;
