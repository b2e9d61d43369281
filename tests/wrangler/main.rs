//! Unmodified `wrangler` against a gateway that asks for tokens: a shop is deployed, changed, looked at and taken away again by
//! wrangler's commands alone, and called in between. `cargo xtask wrangler` runs it.
//!
//! `package.json` pins wrangler; the project in `shop/` knows nothing of Tabmesh but the gateway's address in the environment.
#![allow(missing_docs, clippy::unwrap_used)]

mod lacking;
mod shop;
mod tool;
