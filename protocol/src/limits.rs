//! What a request of a handler may use. Part of a deployment; the gateway caps it at deploy, a tab by its contributor's
//! settings. Both ends enforce: the tab because it runs the code, the gateway because it does not trust the tab.

use crate::error::Violation;
use crate::varint;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Calls to bindings that a request may make, beside its subrequests; as Workers allow.
pub const BINDING_CALLS: u32 = 1000;

/// Limits of one handler. Reached exactly is still allowed, but for times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Longest time from the request's arrival in a tab to its response head, in milliseconds. After the head a body may
    /// stream as long as its caller reads.
    pub wall_ms: u32,
    /// Time that the request may keep its isolate busy, in milliseconds, `waitUntil` work included. Shared equally by
    /// requests that an isolate works on together.
    pub cpu_ms: u32,
    /// Memory outside of the JavaScript heap (array buffers, wasm memories) that one isolate may hold, in MiB.
    pub memory_mb: u32,
    /// Largest request body, in bytes.
    pub request_bytes: u64,
    /// Largest response body, in bytes.
    pub response_bytes: u64,
    /// Requests that one isolate works on at once; more start another isolate.
    pub concurrency: u32,
    /// Outbound requests per request.
    pub subrequests: u32,
    /// Console text per request, in bytes; more is dropped and said so once.
    pub log_bytes: u32,
}

impl Default for Limits {
    /// As Cloudflare Workers where they have a number (128 MiB, 100 MiB bodies, 50 subrequests, 256 KiB of logs, 30 s). The
    /// CPU time of 2 s is less than their 30 s: the machine is a volunteer's, and what a handler allocates between
    /// two signs of life nobody can see. 1 GiB out, and 64 requests on one thread.
    fn default() -> Self {
        Self {
            wall_ms: 30_000,
            cpu_ms: 2_000,
            memory_mb: 128,
            request_bytes: 100 << 20,
            response_bytes: 1 << 30,
            concurrency: 64,
            subrequests: 50,
            log_bytes: 256 << 10,
        }
    }
}

impl Limits {
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        for number in [
            u64::from(self.wall_ms),
            u64::from(self.cpu_ms),
            u64::from(self.memory_mb),
            self.request_bytes,
            self.response_bytes,
            u64::from(self.concurrency),
            u64::from(self.subrequests),
            u64::from(self.log_bytes),
        ] {
            varint::put(out, number);
        }
    }

    pub(crate) fn get(input: &mut Bytes) -> Result<Self, Violation> {
        const WRONG: Violation = Violation::Malformed("limits");
        let mut long = || varint::get(input).ok_or(WRONG);
        let short = |number: u64| u32::try_from(number).map_err(|_| WRONG);
        Ok(Self {
            wall_ms: short(long()?)?,
            cpu_ms: short(long()?)?,
            memory_mb: short(long()?)?,
            request_bytes: long()?,
            response_bytes: long()?,
            concurrency: short(long()?)?,
            subrequests: short(long()?)?,
            log_bytes: short(long()?)?,
        })
    }
}
