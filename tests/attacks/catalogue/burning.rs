//! Burning the processor: on the isolate's thread, between its tasks, after the answer, and on threads of the browser's.

use super::Attack;
use crate::customs;

const ENDED: &[&str] = &["503 cpu-limit"];
/// What works in slices may be ended by either clock.
const ENDED_IN_TIME: &[&str] = &["503 cpu-limit", "504 handler-timeout"];

/// The group `cpu`.
pub fn list() -> Vec<Attack> {
    let spins = [
        "cpu-while-true",
        "cpu-microtask-chain",
        "cpu-microtask-fork-bomb",
        "cpu-promise-fork-bomb",
        "cpu-regex",
        "cpu-json-bomb",
        "cpu-bigint",
        "cpu-sort",
        "cpu-proxy-recursion",
        "cpu-wasm-loop",
        "cpu-wasm-start",
        "cpu-rewriter",
    ];
    let slices = ["cpu-lying-clock", "cpu-timer-flood", "cpu-interval", "cpu-immediate", "cpu-message-storm"];
    let mut all: Vec<Attack> = spins.map(|name| Attack::call(name, ENDED).replaced()).to_vec();
    all.extend(slices.map(|name| Attack::call(name, ENDED_IN_TIME).replaced().limit("wall_ms", 1500)));
    all.extend([
        Attack::call("cpu-default-limits", ENDED).replaced().limit("cpu_ms", 2000),
        Attack::custom("cpu-many-isolates", customs::many_copies),
        Attack::call("cpu-json-deep", &["200", "500 handler-exception"]).limit("cpu_ms", 2000),
        Attack::rounds("cpu-getter", 4, &["503 cpu-limit"]).replaced(),
        Attack::call("cpu-load", &["503 cpu-limit"]).gone(),
        Attack::call("cpu-load-await", &["504 handler-timeout", "500 handler-failed-to-start"])
            .gone()
            .limit("wall_ms", 800),
        Attack::custom("cpu-wait-until", customs::afterwards).replaced(),
        Attack::custom("cpu-after-response", customs::burns_after_response),
        Attack::call("cpu-stream-pull", &["200 broken off"]).replaced(),
        Attack::custom("cpu-abort-listener", customs::caller_leaves).replaced(),
        Attack::call("cpu-atomics-wait", &["200", "503 cpu-limit", "504 handler-timeout"]),
        Attack::call("cpu-wasm-compile", ENDED_IN_TIME).replaced().limit("wall_ms", 1500),
        Attack::call("cpu-crypto", &["500 handler-exception"]),
        Attack::call("cpu-rsa", &["500 handler-exception"]),
        Attack::probe("cpu-gpu"),
    ]);
    all
}
