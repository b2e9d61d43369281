//! Wasting memory: on the heap, in buffers that JavaScript made, in those that the browser made, in wasm, in the browser.
//!
//! What an isolate's heap holds nobody can measure from outside; filling it takes time, so the CPU limit ends it.

use super::Attack;
use crate::customs;

/// What a handler does within this CPU time cannot be more than its memory limit and the room for garbage on top.
const LONG: u64 = 2500;
const HEAP: &[&str] = &["503 cpu-limit", "503 memory-limit"];
const COUNTED: &[&str] = &["503 memory-limit"];
/// The limit, or a refusal that the handler caught and answers with.
const REFUSED: &[&str] = &["503 memory-limit", "200"];

/// The group `memory`.
pub fn list() -> Vec<Attack> {
    let heap = ["memory-heap-array", "memory-heap-awaiting", "memory-strings", "memory-map", "memory-clones"];
    let counted = [
        "memory-buffers",
        "memory-buffers-slow",
        "memory-typed-arrays",
        "memory-resizable",
        "memory-decoded",
        "memory-byte-streams",
        "memory-byte-queues",
        "memory-byte-views",
        "memory-byte-pipes",
        "memory-byte-rewriter",
    ];
    let either = [
        "memory-gzip-bomb",
        "memory-blobs",
        "memory-messages",
        "memory-streams",
        "memory-canvas",
        "memory-entries",
    ];
    let mut all: Vec<Attack> = heap.map(|name| Attack::call(name, HEAP).replaced().fills_heap()).to_vec();
    all.extend(
        counted.map(|name| {
            Attack::call(name, COUNTED).replaced().limit("cpu_ms", LONG).limit("wall_ms", 4 * LONG)
        }),
    );
    let any = &["503 memory-limit", "503 cpu-limit", "500 handler-exception"];
    all.extend(either.map(|name| Attack::call(name, any).replaced()));
    // Tables are not counted: like the heap, they are bounded by time and by the engine.
    all.push(Attack::call("memory-wasm-tables", any).replaced().fills_heap());
    all.extend([
        Attack::call("memory-wasm-grow", REFUSED),
        Attack::call("memory-wasm-inner-grow", REFUSED),
        Attack::call("memory-wasm-initial", REFUSED),
        // What does not fit into the parser's memory is refused; parsers that were given up are collected, or counted.
        Attack::call("memory-rewriter", any).gone(),
        Attack::call("memory-rewriter-waits", any).gone(),
        Attack::custom("memory-leak", customs::leak).replaced(),
    ]);
    all
}
