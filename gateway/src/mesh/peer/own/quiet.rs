//! A connection on which nothing is said wakes its driver less often.
//!
//! The `rtc` crate's ICE agent asks for the clock every 200 ms, however little there is to do: a thousand idle tabs took a
//! fifth of a core. Where only ICE can want the clock, [`EVERY`] is often enough; the first datagram of DTLS either way
//! brings the old pace back. Never delays a datagram: those wake the driver by themselves.

use crate::config::PeerConfig;
use std::fmt::Debug;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

/// Silence after which only ICE can want the clock: longer than SCTP waits for a lost packet's acknowledgement the first two
/// times (1 s and 2 s), while nothing passes. Each retransmission begins it anew.
pub(in super::super) const AFTER: Duration = Duration::from_millis(2500);

/// Time between two looks at the clock of a quiet connection. Below what ICE calls disconnected, so that a check and its answer fit
/// in between.
pub(in super::super) const EVERY: Duration = Duration::from_secs(2);

/// Quiet connections wake at multiples of this, so that the driver's thread serves some of them each time that it wakes. Short
/// enough to stay below what a request notices.
pub(in super::super) const GRID: Duration = Duration::from_millis(20);

const _: () = {
    let (disconnected, _, check) = PeerConfig::ICE_TIMEOUTS;
    assert!(check.as_millis() <= EVERY.as_millis() && EVERY.as_millis() < disconnected.as_millis());
};

/// When something other than ICE was last sent or received on a connection.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    /// Milliseconds of [`uptime`]; 0 while the handshake has not begun.
    last: AtomicU64,
}

impl Quiet {
    /// A datagram went by at this [`uptime`].
    fn passed(&self, now: Duration, datagram: &[u8]) {
        // STUN begins with 0 or 1, DTLS with 20 to 63 (RFC 7983).
        if datagram.first().is_some_and(|first| *first > 3) {
            self.last.store(millis(now), Ordering::Relaxed);
        }
    }

    /// How long the driver, which asks for `sleep` at this [`uptime`], may sleep.
    pub(super) fn stretch(&self, now: Duration, sleep: Duration) -> Duration {
        let last = self.last.load(Ordering::Relaxed);
        // While ICE looks for a path, for the first time or again, it asks for no more than this.
        let searching = sleep <= PeerConfig::ICE_CHECK_INTERVAL;
        if last == 0 || searching || sleep >= EVERY || millis(now) < last + millis(AFTER) {
            return sleep;
        }
        EVERY - Duration::from_millis(millis(now + EVERY) % millis(GRID))
    }
}

/// A socket that tells of what goes by.
#[derive(Debug)]
pub(super) struct Watched {
    socket: Arc<dyn AsyncUdpSocket>,
    quiet: Arc<Quiet>,
}

impl Watched {
    pub(super) fn new(socket: Arc<dyn AsyncUdpSocket>, quiet: Arc<Quiet>) -> Arc<Self> {
        Arc::new(Self { socket, quiet })
    }
}

impl AsyncUdpSocket for Watched {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        self.quiet.passed(uptime(), transmit.contents);
        self.socket.poll_send(cx, transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let received = ready!(self.socket.poll_recv(cx, bufs, meta));
        for (buf, meta) in bufs.iter().zip(&*meta).take(*received.as_ref().unwrap_or(&0)) {
            self.quiet.passed(uptime(), &buf[..meta.len.min(buf.len())]);
        }
        Poll::Ready(received)
    }

    fn max_gso_segments(&self) -> usize {
        self.socket.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.socket.max_gro_segments()
    }
}

/// Time since a moment that all connections share; never 0.
pub(super) fn uptime() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed() + Duration::from_millis(1)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(200);
    const SPOKEN: Duration = Duration::from_millis(777);
    const STUN: [u8; 20] = [0; 20];
    const DTLS: [u8; 13] = [23; 13];

    fn spoken() -> Quiet {
        let quiet = Quiet::default();
        quiet.passed(SPOKEN, &DTLS);
        quiet
    }

    #[test]
    fn only_a_quiet_connection_sleeps_longer_and_wakes_with_others() {
        assert_eq!(Quiet::default().stretch(SPOKEN + AFTER, TICK), TICK);
        let quiet = spoken();
        assert_eq!(quiet.stretch(SPOKEN + AFTER / 2, TICK), TICK);
        for later in [0, 1, 19, 20, 4321].map(Duration::from_millis) {
            let now = SPOKEN + AFTER + later;
            let slept = quiet.stretch(now, TICK);
            assert!(EVERY - GRID < slept && slept <= EVERY, "{slept:?}");
            assert_eq!(millis(now + slept) % millis(GRID), 0);
        }
    }

    #[test]
    fn a_search_for_a_path_and_long_sleeps_stay_as_they_are() {
        for sleep in [Duration::ZERO, PeerConfig::ICE_CHECK_INTERVAL, EVERY, EVERY * 60] {
            assert_eq!(spoken().stretch(SPOKEN + AFTER, sleep), sleep);
        }
    }

    #[test]
    fn data_ends_the_quiet_and_checks_do_not() {
        let (quiet, now) = (spoken(), SPOKEN + AFTER);
        quiet.passed(now, &STUN);
        quiet.passed(now, &[]);
        assert_ne!(quiet.stretch(now, TICK), TICK);
        quiet.passed(now, &DTLS);
        assert_eq!(quiet.stretch(now, TICK), TICK);
    }
}
