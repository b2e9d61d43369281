//! The life of isolates: callers that come and go, handlers that die, floods, and what handlers share.

use super::Attack;
use crate::customs;

/// The group `lifecycle`.
pub fn list() -> Vec<Attack> {
    vec![
        Attack::call("lifecycle-hang", &["504 handler-timeout"]).replaced().limit("wall_ms", 500),
        Attack::custom("lifecycle-abort-race", customs::abort_race).limit("cpu_ms", 2000),
        Attack::rounds("lifecycle-crash-loop", 5, &["503 cpu-limit"]).replaced().limit("cpu_ms", 100),
        Attack::rounds("lifecycle-load-crash-loop", 5, &["500 handler-failed-to-start"]).gone(),
        Attack::calls("lifecycle-flood", 100, &["200", "503 queue-timeout"]).limit("concurrency", 2),
        Attack::calls("lifecycle-hold-places", 100, &["504 handler-timeout", "503 queue-timeout"])
            .replaced()
            .limit("wall_ms", 1000),
        Attack::custom("lifecycle-hold-isolates", customs::many_copies).limit("wall_ms", 1500),
        Attack::custom("lifecycle-unread-bodies", customs::unread_bodies),
        Attack::calls("lifecycle-wait-until-hoard", 200, &["200"]),
        Attack::custom("lifecycle-globals", customs::shared_globals),
        Attack::custom("lifecycle-blob-url", customs::blob_across_tenants),
        Attack::probe("lifecycle-timing"),
    ]
}
