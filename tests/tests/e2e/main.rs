//! Every promise of Tabmesh, kept or broken in real Chromium. One binary, so that all tests share two gateways; those
//! that break things start their own.
#![allow(missing_docs, clippy::unwrap_used)]

mod bindings;
mod cache;
mod cli;
mod code;
mod commands;
mod consent;
mod console;
mod deploy;
mod dev;
mod errors;
mod examples;
mod headers;
mod hostile;
mod isolation;
mod lifetime;
mod limits;
mod modules;
mod outbound;
mod page;
mod push;
mod routes;
mod sandbox;
mod schedule;
mod script;
mod share;
mod static_files;
mod streaming;
mod support;
mod swarm;
mod tabs;
mod tenants;
mod versions;
mod websocket;
