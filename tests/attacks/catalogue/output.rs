//! What handlers give out: heads, bodies and log lines that are too large, too many, endless or false.

use super::Attack;
use crate::customs;

const MIB: u64 = 1 << 20;

/// The group `output`.
pub fn list() -> Vec<Attack> {
    vec![
        Attack::call("output-giant-header", &["502 bad-response"]),
        // Firefox needs longer to make so many than a handler has.
        Attack::call("output-many-headers", &["502 bad-response", "503 cpu-limit"]).limit("cpu_ms", 2000),
        Attack::probe("output-header-injection"),
        Attack::custom("output-hop-headers", customs::smuggling),
        Attack::call("output-giant-body", &["502 response-too-large"])
            .limit("response_bytes", MIB)
            .limit("memory_mb", 64),
        Attack::call("output-endless-body", &["200 broken off"]).limit("response_bytes", MIB),
        Attack::call("output-crumbs", &["200 broken off"])
            .limit("response_bytes", MIB / 100)
            .limit("cpu_ms", 2000),
        Attack::rounds("output-false-length", 4, &["200 broken off", "no response"]),
        Attack::probe("output-status"),
        Attack::custom("output-log-lines", customs::logs).limit("cpu_ms", 2000).limit("log_bytes", 64 << 10),
        Attack::custom("output-log-giants", customs::logs).limit("cpu_ms", 2000).limit("log_bytes", 64 << 10),
        Attack::custom("output-log-later", customs::logs).limit("cpu_ms", 2000).limit("log_bytes", 64 << 10),
        Attack::custom("output-log-forgery", customs::logs),
        Attack::custom("output-log-background", customs::background_logs),
        Attack::custom("output-rejections", customs::logs).limit("cpu_ms", 2000).limit("log_bytes", 64 << 10),
        Attack::call("output-console-objects", &["200", "503 cpu-limit"]).limit("cpu_ms", 1000),
        Attack::custom("output-drip", customs::drip),
    ]
}
