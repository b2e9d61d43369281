//! The runtime's decisions, sans I/O: [`Input`]s and the time go in, [`Output`]s come out.
//!
//! One *turn* of its owner is: [`Core::handle`] for each thing that happened, [`Core::finish_turn`], then
//! [`Core::poll_transmit`] per open link while its channel has room, [`Core::poll_output`] until it is empty, and a
//! timer for [`Core::poll_timeout`].
//!
//! How it is cut: `signalling`, `link`, `isolates`, `pools`, `code`, `exchange`, `status` hold state and
//! know nothing of each other; `network`, `dispatch`, `answers`, `calls`, `lifecycle` and `ends` are the parts of [`Core`] that
//! move it: connections, requests on their way in, answers on their way back, handlers' own calls, the coming and the going of isolates.
//!
//! Invariants:
//! - Nothing here reads a clock, draws a random number, or touches the browser.
//! - An isolate can only affect requests that it holds. What it says wrongly ends it and nothing else.
//! - Every map is bounded: requests by the sessions' stream limits, isolates and waiting requests by [`limits`],
//!   pools by both. When all requests and isolates have ended, all maps are empty but the cache of code.
//! - The wall limit of a request runs from its arrival to its response head. After that a body may stream as long as
//!   its caller reads (server-sent events).

mod answers;
mod backoff;
mod calls;
mod clock;
mod code;
mod dispatch;
mod ends;
mod exchange;
mod io;
mod isolates;
mod lifecycle;
pub mod limits;
mod link;
mod messages;
mod network;
mod pools;
mod settings;
mod signalling;
mod status;
mod strain;
#[cfg(test)]
mod tests;
mod throttle;

pub use io::{Cause, CodeError, Init, Input, IsolateId, LinkId, Output, PeerState, SocketId, State, Status};
pub use messages::{CallRequest, ErrorCode, FromCall, FromIsolate, ToCall, ToIsolate};
pub use settings::{Settings, Surroundings};

use backoff::Jitter;
use calls::Calls;
use code::Code;
use exchange::{Exchange, Key};
use isolates::Isolates;
use link::{Link, Peer};
use pools::{PoolId, Pools};
use signalling::Signalling;
use status::Reporter;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;
use strain::Strain;
use tabmesh_protocol::{Cost, Load, Now, Session};
use throttle::Throttle;

/// See the module's page.
#[derive(Debug)]
pub struct Core {
    out: VecDeque<Output>,
    jitter: Jitter,

    // Connections.
    signalling: Signalling,
    peers: BTreeMap<String, Peer>,
    links: BTreeMap<LinkId, Link>,
    last_link: LinkId,
    /// Attempts in a row that got no answer.
    unanswered: u32,
    /// There was a link once.
    was_ready: bool,
    /// No requests are taken, since this time: the contributor paused, or the surroundings forbid work.
    draining: Option<Now>,
    /// The contributor's own pause.
    paused: bool,
    settings: Settings,
    surroundings: Surroundings,
    /// The page goes away, since this time: links are closed in the next turn.
    leaving: Option<Now>,
    left: bool,

    // Requests.
    exchanges: HashMap<Key, Exchange>,
    /// Of exchanges whose response head is not there.
    deadlines: BTreeSet<(Now, Key)>,
    /// Exchanges whose response is not finished.
    active: usize,
    served: u64,
    /// Looked at again when the turn ends: isolates that may send more.
    low: Vec<Key>,
    /// ... requests that were answered in this turn.
    answered: Vec<(IsolateId, u32)>,
    /// Answered requests whose `waitUntil` work goes on, by when it must be done.
    lingering: VecDeque<(Now, IsolateId, u32)>,
    /// ... requests that are over, and what they used. With the isolate that may have more to say about that.
    costs: Vec<(Option<IsolateId>, Key, Cost)>,
    /// What handlers asked of gateways.
    calls: Calls,

    // Processor time.
    strain: Strain,
    throttle: Throttle,
    /// Waiting requests may begin then: the contributor's share of the processor is used up until that time.
    opens_at: Option<Now>,
    /// Used by handlers in all.
    cpu: Duration,

    // Isolates.
    isolates: Isolates,
    pools: Pools,
    code: Code,
    /// Pools that may need one more isolate, looked at when the turn ends.
    hungry: Vec<PoolId>,
    /// Some isolate became idle or ended: starving pools may have a chance.
    room_made: bool,
    /// Whose spare isolate is kept.
    spare_tenant: String,
    /// When to see whether it is there.
    spare_at: Option<Now>,
    /// When to end what is beyond the contributor's number of isolates.
    trim_at: Option<Now>,
    /// Isolates in a row that never booted.
    boot_failures: u32,

    reporter: Reporter,
}

impl Core {
    /// A tab that starts to join.
    #[must_use]
    pub fn new(init: Init, now: Now) -> Self {
        let settings = init.settings.clone().clamped();
        let mut core = Self {
            out: VecDeque::new(),
            jitter: Jitter::new(init.seed),
            signalling: Signalling::new(init),
            peers: BTreeMap::new(),
            links: BTreeMap::new(),
            last_link: 0,
            unanswered: 0,
            was_ready: false,
            draining: None,
            paused: false,
            strain: Strain::default(),
            throttle: Throttle::new(settings.cpu_rate(), now),
            opens_at: None,
            cpu: Duration::ZERO,
            settings,
            surroundings: Surroundings::default(),
            leaving: None,
            left: false,
            exchanges: HashMap::new(),
            deadlines: BTreeSet::new(),
            active: 0,
            served: 0,
            low: Vec::new(),
            answered: Vec::new(),
            costs: Vec::new(),
            lingering: VecDeque::new(),
            calls: Calls::default(),
            isolates: Isolates::default(),
            pools: Pools::default(),
            code: Code::default(),
            hungry: Vec::new(),
            room_made: false,
            spare_tenant: "default".to_owned(),
            spare_at: None,
            trim_at: None,
            boot_failures: 0,
            reporter: Reporter::default(),
        };
        core.signalling.start(now, &mut core.out);
        core
    }

    /// Takes one thing that happened.
    pub fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::ChannelMessage { link, message } => self.on_message(now, link, message),
            Input::Isolate { isolate, message } => self.on_isolate(now, isolate, message),
            Input::Timeout => self.on_timeout(now),
            Input::Pause => self.pause(now),
            Input::Resume => self.resume(now),
            Input::Settings(settings) => self.set_settings(now, settings),
            Input::Surroundings(surroundings) => self.set_surroundings(now, surroundings),
            Input::Leaving => self.leave(now),
            Input::Offer { link, sdp } => self.on_offer(link, sdp),
            Input::Candidate { link, candidate } => self.on_candidate(link, candidate),
            Input::PeerState { link, state } => self.on_peer_state(now, link, state),
            Input::ChannelOpen { link } => self.on_channel_open(now, link),
            Input::ChannelClosed { link } => self.drop_link(now, link, "the data channel closed"),
            Input::SocketOpen { socket } => self.on_socket_open(now, socket),
            Input::SocketMessage { socket, text } => self.on_socket_message(now, socket, &text),
            Input::SocketClosed { socket, code } => self.on_socket_closed(now, socket, code),
            Input::Code { hash, result } => self.on_code(now, &hash, result),
            Input::IsolateLost { isolate, reason, cause } => {
                self.on_isolate_lost(now, isolate, reason, cause);
            }
        }
    }

    /// Ends a turn: what several inputs asked for together is decided once.
    pub fn finish_turn(&mut self, now: Now) {
        for key in std::mem::take(&mut self.low) {
            self.grant(key);
        }
        self.settle_calls();
        self.settle_answered(now);
        self.settle_pools(now);
        self.tell_costs();
        if self.spare_at.is_some_and(|at| at <= now) {
            self.make_spare(now);
        }
        self.dispose_tenants();
        let company = !self.links.is_empty();
        self.signalling.set_company(now, company);
        let load = Load {
            active: u32::try_from(self.active - self.pools.waiting()).unwrap_or(u32::MAX),
            waiting: u32::try_from(self.pools.waiting()).unwrap_or(u32::MAX),
            isolates: u32::try_from(self.isolates.assigned()).unwrap_or(u32::MAX),
        };
        for session in self.links.values_mut().filter_map(|link| link.session.as_mut()) {
            session.set_load(load);
        }
        let state = self.state();
        if !self.reporter.is_waiting(now, state) {
            let status = self.status(state);
            if let Some(status) = self.reporter.update(now, status) {
                self.out.push_back(Output::State(status));
            }
        }
    }

    /// Whether the attempt or link still exists.
    #[must_use]
    pub fn has_link(&self, link: LinkId) -> bool {
        self.links.contains_key(&link)
    }

    /// Whether the link has something to send, room permitting.
    #[must_use]
    pub fn wants_transmit(&self, link: LinkId) -> bool {
        self.links.get(&link).and_then(|link| link.session.as_ref()).is_some_and(Session::wants_transmit)
    }

    /// The next message for a link's data channel, which has `buffered` bytes waiting; `None` when there is none or no
    /// room. Ask again when the channel says that its buffer has fallen to [`Core::low_mark`].
    pub fn poll_transmit(&mut self, now: Now, link: LinkId, buffered: usize) -> Option<Vec<u8>> {
        let buffer = self.links.get(&link)?.buffer(now);
        if buffered >= buffer.high {
            return None;
        }
        let message = self.session(link)?.poll_transmit_within(buffer.message)?;
        // There may be room for more response body now.
        self.take_events(now, link);
        Some(message)
    }

    /// Bytes to which a link's buffer should fall before more is handed to it.
    #[must_use]
    pub fn low_mark(&self, now: Now, link: LinkId) -> u32 {
        self.links.get(&link).map_or(0, |link| link.buffer(now).low)
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Timeout`] is wanted, if nothing happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Now> {
        let fixed = [
            self.signalling.poll_timeout(),
            self.leaving,
            self.deadlines.first().map(|(at, _)| *at),
            self.lingering.front().map(|(at, ..)| *at),
            self.isolates.poll_timeout(&self.spare_tenant, self.strain.factor()),
            self.code.poll_timeout(),
            self.pools.longest_starving().map(|(since, _)| since + limits::MAX_WAIT),
            self.spare_at,
            self.reporter.poll_timeout(),
            self.opens_at,
            self.trim_at,
        ];
        let links = self.links.values().filter_map(Link::poll_timeout);
        let retries = self.peers.values().filter_map(|peer| peer.retry_at);
        fixed.into_iter().flatten().chain(links).chain(retries).min()
    }

    fn on_timeout(&mut self, now: Now) {
        if let Some(due) = self.poll_timeout() {
            self.strain.timer(now, due);
        }
        self.network_timeout(now);
        self.overdue_isolates(now);
        self.overdue_requests(now);
        self.open_throttle(now);
        self.trim(now);
        for hash in self.code.overdue(now) {
            self.on_code(now, &hash, Err(CodeError::Network("the code did not come in time".to_owned())));
        }
        self.refuse_starved(now);
    }

    fn session(&mut self, link: LinkId) -> Option<&mut Session> {
        self.links.get_mut(&link)?.session.as_mut()
    }

    /// Links over which requests may come.
    fn ready_links(&self) -> usize {
        self.links.values().filter(|link| link.ready).count()
    }

    fn state(&self) -> State {
        match (self.left, self.draining.is_some(), self.active > 0) {
            (true, ..) | (_, true, false) => return State::Paused,
            (_, true, true) => return State::Draining,
            _ => {}
        }
        if self.ready_links() > 0 {
            let busy = self.active > 0 || self.served > self.reporter.served();
            return if busy { State::Serving } else { State::Ready };
        }
        match (self.signalling.error(), self.was_ready) {
            (Some(_), _) => State::Error,
            (None, true) => State::Reconnecting,
            (None, false) => State::Joining,
        }
    }

    fn status(&self, state: State) -> Status {
        let detail = match state {
            State::Paused if self.left => "this tab has left the mesh".to_owned(),
            State::Paused => self.held_back().unwrap_or("this tab takes no requests").to_owned(),
            State::Draining => "finishing the requests that are under way".to_owned(),
            State::Ready | State::Serving => {
                let links = self.ready_links();
                format!("connected to {links} gateway{}", if links == 1 { "" } else { "s" })
            }
            State::Error => self.signalling.error().unwrap_or_default().to_owned(),
            State::Joining | State::Reconnecting => {
                let detail = match (self.signalling.is_joined(), self.links.is_empty()) {
                    (true, false) => "connecting to the gateway",
                    (true, true) => "waiting for a gateway",
                    (false, _) => "looking for the signalling server",
                };
                detail.to_owned()
            }
        };
        let isolates = self.isolates.assigned();
        let (cpu, memory) = (self.cpu, self.isolates.memory());
        Status { state, detail, served: self.served, active: self.active, isolates, cpu, memory }
    }
}
