//! The Tabmesh gateway: HTTP requests in, answers from browser tabs out.
//!
//! A request flows one way through these modules, and each knows only the next:
//! [`server`] (sockets) -> [`front`] (which host, which path) -> [`invoke`] (limits, retries) -> [`mesh`] (pick a tab,
//! one session each, data channels); what handlers call in turn goes [`mesh`] -> [`host`]. Beside the flow stand the control API
//! ([`api`], `cloudflare`, [`deploy`], [`catalog`], [`store`], [`kv`], [`sql`], [`storage`]), static files ([`site`]), the embedded pages
//! ([`assets`]), headless tabs ([`headless`]), what is seen of requests ([`telemetry`], [`tail`], [`metrics`]) and [`serve`],
//! which puts all together. [`push`] is the API's client on the command line. Connections and
//! data channels run on the [`io_threads`].

#![forbid(unsafe_code)]

pub mod access;
pub mod api;
pub mod assets;
pub mod backup;
pub mod breach;
pub mod cache;
pub mod catalog;
pub mod cli;
mod cloudflare;
pub mod config;
pub mod cron;
pub mod deploy;
pub mod front;
pub mod headless;
pub mod host;
pub mod invoke;
pub mod io_threads;
pub mod kv;
pub mod limits;
pub mod logs;
pub mod loops;
pub mod mesh;
pub mod metrics;
pub mod near;
pub mod problem;
pub mod push;
pub mod routes;
pub mod sandbox;
pub mod serve;
pub mod server;
pub mod site;
pub mod sourcemap;
pub mod sql;
pub mod stacks;
pub mod storage;
pub mod store;
pub mod tail;
pub mod telemetry;
