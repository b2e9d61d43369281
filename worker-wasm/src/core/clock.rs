//! How long an isolate keeps its thread busy, as far as anybody can tell.
//!
//! Browsers tell no Worker's CPU time. So two things are measured: what the isolate reports of its own turns (its
//! bootstrap is ours, but it sees only turns that a message began, and only when they end), and how long it takes to
//! answer a ping: a thread that spins answers none. What was reported while a ping was out is not counted again.
//! Pure state: the owner sends the pings and charges the time.

use super::limits::{IDLE_NOISE, IDLE_PING, IDLE_PING_FIRST, PING_EVERY, PING_NOISE, TAKEN};
use std::time::Duration;
use tabmesh_protocol::Now;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// A ping that was not answered yet, and when it was sent.
    asked: Option<(u32, Now)>,
    /// Reported since then.
    reported: Duration,
    /// When to ask next.
    next: Option<Now>,
    /// Pause between pings without work.
    pause: Duration,
    /// Pings sent; also the number of the last.
    sent: u32,
    /// Number of the last ping that was answered.
    heard: u32,
}

impl Clock {
    /// From now on it is asked often: it has work.
    pub(super) fn watch(&mut self, now: Now) {
        let soon = now + PING_EVERY;
        self.next = Some(self.next.map_or(soon, |next| next.min(soon)));
    }

    /// It has no work any more: asked seldom, for it should do nothing.
    pub(super) fn rest(&mut self, now: Now) {
        self.pause = IDLE_PING_FIRST;
        self.next = Some(now + self.pause);
    }

    /// When the next ping is due. One at a time: while one is out there is none.
    pub(super) fn due(&self) -> Option<Now> {
        self.next.filter(|_| self.asked.is_none())
    }

    /// Number of the ping to send, if one is due.
    pub(super) fn ask(&mut self, now: Now) -> Option<u32> {
        self.due().filter(|due| *due <= now)?;
        self.sent = self.sent.wrapping_add(1);
        self.asked = Some((self.sent, now));
        self.reported = Duration::ZERO;
        Some(self.sent)
    }

    /// A pong came. Gives the busy time that it shows beyond what was reported; an answer to nothing shows none.
    pub(super) fn answered(&mut self, now: Now, number: u32, working: bool) -> Duration {
        let Some((_, at)) = self.asked.take_if(|(asked, _)| *asked == number) else { return Duration::ZERO };
        self.heard = number;
        let took = now.saturating_sub(at);
        let unreported = took.saturating_sub(self.reported);
        // A late answer is a sample: it stands for the time since the last one, too.
        let noise = if working { PING_NOISE } else { IDLE_NOISE };
        let late = unreported > noise;
        // Whoever was late once is looked at closely, also without work.
        if working || late {
            self.pause = IDLE_PING_FIRST;
            self.next = Some(now + PING_EVERY);
        } else {
            self.next = Some(now + self.pause);
            self.pause = (self.pause * 2).min(IDLE_PING);
        }
        if late { unreported + PING_EVERY } else { Duration::ZERO }
    }

    /// The isolate reported busy time.
    pub(super) fn report(&mut self, busy: Duration) {
        self.reported += busy;
    }

    /// How long a ping has been without an answer.
    pub(super) fn silent(&self, now: Now) -> Duration {
        self.asked.map_or(Duration::ZERO, |(_, at)| now.saturating_sub(at))
    }

    /// When the silence will have lasted `time`.
    pub(super) fn silent_for(&self, time: Duration) -> Option<Now> {
        self.asked.map(|(_, at)| at + time)
    }

    /// A mark for what is sent to the isolate now; see [`Clock::has_seen`].
    pub(super) fn mark(&self) -> u32 {
        self.sent
    }

    /// Whether its thread is taken: what is sent to it now must wait.
    pub(super) fn is_taken(&self, now: Now) -> bool {
        self.silent(now) >= TAKEN
    }

    /// Whether the isolate has certainly not begun what was sent to it at `mark`, at the time `since`: a ping sent before
    /// is unanswered, and messages keep their order. One sent in the same turn proves nothing: both come as one
    /// message, and its answers go back together.
    pub(super) fn cannot_have_seen(&self, mark: u32, since: Now) -> bool {
        self.asked.is_some_and(|(asked, at)| asked == mark && at < since)
    }

    /// Whether the isolate has certainly begun what was sent to it at `mark`: it answered a later ping.
    pub(super) fn has_seen(&self, mark: u32) -> bool {
        self.heard > mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Now = Duration::from_secs(100);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_late_answer_is_busy_time_but_what_was_reported_counts_once() {
        let mut clock = Clock::default();
        assert_eq!((clock.due(), clock.ask(T)), (None, None));
        clock.watch(T);
        assert_eq!(clock.ask(T), None, "not yet");
        let t = clock.due().unwrap();
        let ping = clock.ask(t).unwrap();
        assert_eq!(clock.due(), None, "one at a time");
        assert_eq!(clock.silent(t + ms(300)), ms(300));
        clock.report(ms(100));
        assert_eq!(clock.answered(t + ms(300), ping, true), ms(200) + PING_EVERY);
        assert_eq!(clock.answered(t + ms(300), ping, true), Duration::ZERO, "answered already");
        assert_eq!(clock.silent(t + ms(400)), Duration::ZERO);
        let ping = clock.ask(t + ms(400)).unwrap();
        assert_eq!(clock.answered(t + ms(401), ping, true), Duration::ZERO, "noise");
    }

    #[test]
    fn an_idle_isolate_is_asked_seldom_unless_it_is_late() {
        let mut clock = Clock::default();
        clock.rest(T);
        let mut now = T;
        for pause in [200, 200, 400, 800, 1600, 3200, 5000, 5000] {
            assert_eq!(clock.due(), Some(now + ms(pause)));
            now += ms(pause);
            let ping = clock.ask(now).unwrap();
            assert_eq!(clock.answered(now, ping, false), Duration::ZERO);
        }
        now += IDLE_PING;
        let ping = clock.ask(now).unwrap();
        assert_eq!(clock.answered(now + ms(26), ping, false), ms(26) + PING_EVERY);
        assert_eq!(clock.due(), Some(now + ms(26) + PING_EVERY));
    }

    #[test]
    fn what_was_sent_before_an_answered_ping_was_seen() {
        let mut clock = Clock::default();
        clock.watch(T);
        let early = clock.mark();
        let ping = clock.ask(T + ms(100)).unwrap();
        let late = clock.mark();
        assert!(!clock.has_seen(early) && !clock.has_seen(late));
        assert!(!clock.cannot_have_seen(early, T) && clock.cannot_have_seen(late, T + ms(101)));
        assert!(!clock.cannot_have_seen(late, T + ms(100)), "the same turn");
        clock.answered(T + ms(101), ping, true);
        assert!(clock.has_seen(early) && !clock.has_seen(late));
    }
}
