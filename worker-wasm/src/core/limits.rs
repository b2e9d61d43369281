//! The core's numbers, each with unit and reason. Nothing here is a setting: what a person may choose is in
//! [`super::Init`].

use std::time::Duration;

/// Bytes in a data channel's own buffer above which nothing more is handed to it. Two full messages are enough to keep
/// it busy, and what waits in the session instead can still be reordered, cancelled and counted.
pub const SEND_HIGH: usize = 128 * 1024;

/// The data channel says so when its buffer falls to this many bytes; less than [`SEND_HIGH`] by more than a message,
/// so that the event comes once per few messages and before the buffer runs dry.
pub const SEND_LOW: u32 = 48 * 1024;

/// The same three while small answers compete with a long body: what the channel holds already delays them all, and a
/// body that has the channel to itself again soon does not miss what it lost.
pub const CROWDED_HIGH: usize = 16 * 1024;
/// See [`CROWDED_HIGH`].
pub const CROWDED_LOW: u32 = 4 * 1024;
/// See [`CROWDED_HIGH`]: a message in bytes, as far as it is made of bodies.
pub const CROWDED_MESSAGE: usize = 16 * 1024;

/// A link counts as crowded for this time after a request came while another was answered.
pub const CROWDED_FOR: Duration = Duration::from_millis(100);

/// Response body bytes that an isolate may have on the way to us, per request. Twice the largest chunk an isolate
/// sends, so that it never waits for a round trip in steady flow.
pub const RESPONSE_WINDOW: usize = 128 * 1024;

/// Requests that one isolate may answer at the same time, whatever its handler's own limit says.
pub const MAX_PER_ISOLATE: usize = 512;

/// Requests that one isolate may hold including those that are answered and still run `waitUntil` work.
pub const MAX_HELD_PER_ISOLATE: usize = 1024;

/// What an isolate costs besides what it counts itself, in bytes: a Worker with an empty heap.
pub const MEMORY_PER_ISOLATE: u64 = 8 << 20;

/// Time between signs of life of an isolate that has work. A spin is noticed at most this much (and the timer's
/// slack) after it began; a ping costs the isolate some microseconds.
pub const PING_EVERY: Duration = Duration::from_millis(25);

/// Time to the first sign of life of an isolate that has just become idle. Each that comes in time doubles it, up to
/// [`IDLE_PING`]: it should do nothing, and asking wakes its process.
pub const IDLE_PING_FIRST: Duration = Duration::from_millis(200);

/// See [`IDLE_PING_FIRST`].
pub const IDLE_PING: Duration = Duration::from_secs(5);

/// As [`PING_NOISE`], without work. More: an isolate that runs anything by a timer reports it itself, and on a machine
/// that has too much to do the warm isolates must not be ended for it.
pub const IDLE_NOISE: Duration = Duration::from_millis(25);

/// The shell meets deadlines this much late at most, by intent: each request on a quiet link would set a timer of its own
/// otherwise.
pub const TIMER_SLACK: Duration = Duration::from_millis(20);

/// Limits of time are stretched at most so many times on a machine with too much to do.
pub const MAX_STRAIN: f64 = 4.0;

/// How late a pong may be without being counted as busy time: other processes use the cores too.
pub const PING_NOISE: Duration = Duration::from_millis(10);

/// Busy time after which an isolate is replaced when it has no work: what leaked in its heap, which nobody can measure, goes
/// with it. A start costs a thousandth of this.
pub const RECYCLE_AFTER: Duration = Duration::from_secs(60);

/// Busy time after which an isolate without requests is ended.
pub const IDLE_BUSY: Duration = Duration::from_millis(500);

/// A request may use one such part of the time since it came on top of its CPU limit: a stream lives for hours, and on
/// a machine that is busy with other things turns last longer than what they compute. What a handler uses in all is bounded
/// by the contributor's share of the processor, not by this.
pub const LONG_SHARE: u32 = 2;

/// Silence after which an isolate is suspected when its renderer crashed: allocating is what crashes renderers, and
/// that takes about a second. Its neighbours only fall silent with the crash, which is noticed within 200 ms.
pub const CRASH_SUSPECT: Duration = Duration::from_millis(400);

/// A ping unanswered for this long means a thread that is taken: new requests go to other isolates.
pub const TAKEN: Duration = Duration::from_millis(100);

/// Rounds in which a turn looks for room for pools: more than there can be isolates to end.
pub const MAX_ROUNDS: usize = 256;

/// Isolates of one tenant that boot at the same time: each takes a core for 17-45 ms, which other tenants' requests need.
pub const MAX_BOOTING: usize = 2;

/// Blank isolates over all tenants; one of the tenant that was used last is always kept.
pub const MAX_BLANKS: usize = 4;

/// Requests that may wait for an isolate when all are taken. Beyond it the gateway is told at once to try elsewhere.
pub const MAX_WAITING: usize = 256;

/// Longest wait for an isolate when none can be started; another tab may have room.
pub const MAX_WAIT: Duration = Duration::from_secs(2);

/// An isolate without work ends after this time.
pub const IDLE_TTL: Duration = Duration::from_secs(5 * 60);

/// `waitUntil` work may go on this long after the response, as on other platforms.
pub const WAIT_UNTIL: Duration = Duration::from_secs(30);

/// A new isolate must say that it booted within this time. A frame and a Worker take 60-250 ms.
pub const BOOT_LIMIT: Duration = Duration::from_secs(10);

/// Top-level code of a handler must be done within this time.
pub const LOAD_LIMIT: Duration = Duration::from_secs(10);

/// Code must have arrived within this time.
pub const FETCH_LIMIT: Duration = Duration::from_secs(10);

/// Time by which the end of an idle isolate is put off for the cold start that it makes room for.
pub const TRIM_DELAY: Duration = Duration::from_millis(100);

/// Pause before a used-up blank isolate is replaced: making a Worker takes a core for 17-45 ms, and the cold start
/// that used it up needs that core now.
pub const SPARE_DELAY: Duration = Duration::from_millis(50);

/// Longest pause between attempts to make a blank isolate when they keep failing.
pub const MAX_SPARE_DELAY: Duration = Duration::from_secs(10);

/// Bundles kept, and their size in characters over all.
pub const MAX_BUNDLES: usize = 64;
/// See [`MAX_BUNDLES`].
pub const MAX_BUNDLE_CHARS: usize = 64 * 1024 * 1024;

/// Control frames waiting in a session above which console lines are dropped and counted.
pub const LOG_HOLD: usize = 1024;

/// Console lines and stray messages that an isolate may send per second before it counts as hostile. A logging loop
/// makes far fewer: the isolate itself drops lines beyond 256 KiB a turn.
pub const MAX_NUISANCE: u32 = 50_000;

/// Requests that the gateway sent before it heard that this tab drains are still served for this long.
pub const DRAIN_GRACE: Duration = Duration::from_secs(2);

/// Shortest time between two states for the UI when only its counters changed.
pub const STATUS_EVERY: Duration = Duration::from_millis(250);

/// First pause before the signalling socket is opened again.
pub const RETRY_FIRST: Duration = Duration::from_millis(100);

/// Longest such pause: a restarted gateway has its tabs back within 5 s.
pub const RETRY_MAX: Duration = Duration::from_secs(2);

/// Pause after an error that will not go away by itself (wrong token, wrong version).
pub const RETRY_REFUSED: Duration = Duration::from_secs(30);

/// Opening the socket and joining must each be done within this time. More than the 5 s by which Chromium delays sockets
/// of a page that had many failed ones.
pub const SOCKET_LIMIT: Duration = Duration::from_secs(8);

/// A socket or link that lasted this long was good: the next failure starts the backoff from the beginning.
pub const GOOD_AFTER: Duration = Duration::from_secs(10);

/// A connection attempt must have an open data channel within this time; also an ICE restart.
pub const ATTEMPT_LIMIT: Duration = Duration::from_secs(10);

/// Joined, but without any link or attempt for this long: the socket itself may be dead, so it is opened anew.
pub const LONELY_LIMIT: Duration = Duration::from_secs(30);

/// Gateways of one pool that a tab serves; the server allows as many.
pub const MAX_GATEWAYS: usize = 64;

/// Remote candidates held back until the answer is there.
pub const MAX_CANDIDATES: usize = 64;

/// Messages kept of a channel that is not open yet: the gateway's hello, a ping or two.
pub const MAX_EARLY: usize = 16;

/// Calls to the gateway that one isolate may have open or waiting at once; more fail at once. Over all isolates
/// [`tabmesh_protocol::config::MAX_CALLS`] are open and the others wait.
pub const MAX_CALLS_PER_ISOLATE: usize = 256;

/// Requests that an isolate no longer works on whose console lines still find their way.
pub const MAX_PAST: usize = 64;
