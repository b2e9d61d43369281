//! A receive window: how much the peer may still send, and when to grant more.

use crate::config::Config;
use crate::session::Now;

/// Credit that we gave the peer, for one stream or for the connection.
#[derive(Debug)]
pub(super) struct Window {
    /// Size to keep open, in bytes.
    size: u64,
    max: u64,
    /// What the peer may still send.
    left: u64,
    /// Used up by the application, not granted again yet.
    owed: u64,
    last_grant: Option<Now>,
}

impl Window {
    pub(super) fn new(size: u32, max: u32) -> Self {
        let size = u64::from(size);
        Self { size, max: u64::from(max).max(size), left: size, owed: 0, last_grant: None }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The peer sent `bytes`; false when it had no credit for them.
    pub(super) fn take(&mut self, bytes: u64) -> bool {
        self.left = match self.left.checked_sub(bytes) {
            Some(left) => left,
            None => return false,
        };
        true
    }

    /// The application used `bytes`; says what to grant now. Grants come by half windows, so that they are few, and
    /// grow while a reader empties its window faster than [`Config::window_growth_time`] and `growth`, the budget that streams share, lasts.
    pub(super) fn consumed(
        &mut self,
        now: Now,
        bytes: u64,
        config: &Config,
        growth: &mut u64,
    ) -> Option<u64> {
        self.owed += bytes;
        if self.owed * 2 < self.size {
            return None;
        }
        let quick = self.last_grant.is_some_and(|last| now.saturating_sub(last) < config.window_growth_time);
        self.last_grant = Some(now);
        let mut grant = std::mem::take(&mut self.owed);
        if quick {
            let more = self.size.min(self.max - self.size).min(*growth);
            *growth -= more;
            grant += more;
            self.size += more;
        }
        self.left += grant;
        Some(grant)
    }
}
