//! The harness of Tabmesh's end-to-end tests: real gateways, real browsers, and callers that do what others forbid.
//!
//! A [`Gateway`] runs the built `tabmesh` binary; a [`Browser`] is driven over WebDriver, a [`Firefox`]
//! opens one page; [`raw`] speaks HTTP/1.1 by
//! hand; a [`hostile::FakeTab`] joins like a tab and then misbehaves, a [`swarm::Swarm`] is many tabs that do not. Whatever a test starts ends with it: every child
//! hangs on a pipe of the test process ([`child`]), so not even a killed test run leaves one behind.
//!
//! Failures panic with what was waited for, because every user is a test. Nothing here sleeps for luck: [`eventually`]
//! and [`child::Lines::wait`] look until a condition holds or a generous limit passes.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

pub mod access;
pub mod answer;
pub mod browser;
pub mod ca;
pub mod channel;
pub mod child;
pub mod collector;
pub mod examples;
pub mod firefox;
pub mod gateway;
pub mod hostile;
pub mod known;
pub mod pebble;
pub mod png;
pub mod processes;
pub mod raw;
pub mod swarm;
pub mod upstream;
mod wait;
pub mod workerd;

pub use browser::Browser;
pub use ca::PrivateCa;
pub use firefox::Firefox;
pub use gateway::{Gateway, Setup, mesh, solo};
pub use pebble::Pebble;
pub use wait::{LIMIT, eventually, within};
