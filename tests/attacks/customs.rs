//! Plays that are more than calls and answers: callers that leave, marks that travel, logs and connections to look into.

mod callers;
mod logs;
mod sharing;

use crate::plays::Played;
use futures_util::future::BoxFuture;

pub use callers::{abort_race, afterwards, burns_after_response, caller_leaves, drip, leak, unread_bodies};
pub use logs::{background_logs, logs};
pub use sharing::{blob_across_tenants, main_origin, many_copies, shared_globals, smuggling};

type Play<'a> = BoxFuture<'a, Played>;
