//! Getting out of the isolate, and bending what is inside it until requests or the runtime break.

use super::Attack;
use crate::customs;

/// The groups `escape` and `tamper`.
pub fn list() -> Vec<Attack> {
    let probes = [
        "escape-nested-worker",
        "escape-page-reach",
        "escape-capture-port",
        "escape-second-boot",
        "escape-forge-messages",
        "escape-callsites",
        "escape-constructors",
        "escape-walk",
        "escape-modules",
        "escape-fingerprint",
        "tamper-object-prototype",
        "tamper-array-prototype",
        "tamper-promise",
        "tamper-functions",
        "tamper-collections",
        "tamper-rewriter",
    ];
    let mut all = probes.map(Attack::probe).to_vec();
    all.extend([
        Attack::rounds("tamper-thenable", 6, &["200"]),
        Attack::rounds("tamper-json", 3, &["200"]),
        Attack::rounds(
            "tamper-response",
            9,
            &["200", "500 no-response", "500 handler-exception", "502 bad-response"],
        ),
        Attack::rounds("tamper-classes", 3, &["200"]),
        Attack::rounds("tamper-streams", 10, &["200", "200 broken off", "no response"]),
        Attack::rounds("tamper-errors", 14, &["500 handler-exception"]),
        Attack::custom("escape-main-origin", customs::main_origin),
        Attack::custom("tamper-abort", customs::caller_leaves),
    ]);
    all
}
