//! Real Workers apps: npm packages used as their documentation says, deployed by `tabmesh deploy`, and asked what that
//! documentation promises. `cargo xtask apps` runs it.
//!
//! The projects are in `tests/apps/`, one a folder; nothing in them knows of Tabmesh. Where workerd is at hand and an app
//! needs no binding that workerd alone does not have, each question is put to both, and the answers must be equal
//! ([`app`]).
#![allow(missing_docs, clippy::unwrap_used)]

mod app;
mod astro;
mod bound;
mod hono;
mod itty;
mod jsx;
mod missing;
mod openapi;
mod rooms;
mod todo;
mod tokens;
mod validation;
