//! The core against scripted gateways, isolates and a page, on a virtual clock.

mod calls;
mod hostile;
mod lifecycle;
mod limits;
mod network;
mod push;
mod requests;
mod sim;
