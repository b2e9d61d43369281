//! Reaching out: the network in every way there is, and storage that outlives a request or is shared.

use super::Attack;

/// The groups `network` and `storage`.
pub fn list() -> Vec<Attack> {
    let probes = [
        "network-fetch",
        "network-xhr",
        "network-websocket",
        "network-eventsource",
        "network-webtransport",
        "network-beacon",
        "network-webrtc",
        "network-import",
        "network-own-origin",
        "network-importscripts",
        "network-wasm-streaming",
        "network-fonts",
        "network-images",
        "network-lan-scan",
        "network-gateway-api",
        "network-dns",
        "storage-indexeddb",
        "storage-caches",
        "storage-opfs",
        "storage-cookies",
        "storage-broadcast",
        "storage-locks",
        "storage-service-worker",
        "storage-notifications",
    ];
    probes.map(Attack::probe).to_vec()
}
