//! Settings of a hub. Plain data; never reads a file or the environment.

use std::time::Duration;

use crate::{origin::Origins, policy::Policy};

/// Deadlines of a socket.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Between two pings of the server.
    pub ping_every: Duration,
    /// A socket that sends nothing for this long, not even a pong, is dead.
    pub silence: Duration,
    /// The first message must be here by then.
    pub join_within: Duration,
    /// How long a socket that is being closed may take to read the reason.
    pub close_grace: Duration,
}

impl Default for Timing {
    /// Pings every 5 s, dead after 15 s (two pongs lost), 10 s to join, 1 s to close.
    fn default() -> Self {
        Self {
            ping_every: Duration::from_secs(5),
            silence: Duration::from_secs(15),
            join_within: Duration::from_secs(10),
            close_grace: Duration::from_secs(1),
        }
    }
}

/// Bytes that may wait for a slow reader.
#[derive(Clone, Copy, Debug)]
pub struct Queues {
    /// For a connection that has not joined, and for a tab.
    pub tab: usize,
    /// For a gateway, which hears from every tab of its pool.
    pub gateway: usize,
}

impl Default for Queues {
    /// 512 KiB for a tab: eight of the largest messages. 16 MiB for a gateway: sixteen tabs that burst at once.
    fn default() -> Self {
        Self { tab: 512 << 10, gateway: 16 << 20 }
    }
}

/// Settings of a [`Hub`](crate::Hub).
#[derive(Clone, Debug, Default)]
pub struct HubConfig {
    /// Who may join, and bounds.
    pub policy: Policy,
    /// Which web pages may connect.
    pub origins: Origins,
    /// Deadlines.
    pub timing: Timing,
    /// Outgoing queues.
    pub queues: Queues,
}
