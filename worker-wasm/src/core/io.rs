//! What goes into the core and what comes out of it. Plain data; no browser type appears here.

use super::messages::{FromIsolate, ToIsolate};
use super::settings::{Settings, Surroundings};
use bytes::Bytes;
use std::time::Duration;
use tabmesh_protocol::signal::{Candidate, IceServer};

/// Number of a connection attempt and of the link that comes of it; counts up, never reused.
pub type LinkId = u32;
/// Number of an isolate; counts up, never reused.
pub type IsolateId = u32;
/// Number of a signalling socket; counts up, never reused.
pub type SocketId = u32;

/// What the page says first.
#[derive(Clone, Debug)]
pub struct Init {
    /// URL of the signalling WebSocket.
    pub signal: String,
    /// Pool to join.
    pub pool: String,
    /// Secret of the pool, where it has one.
    pub token: Option<String>,
    /// What the contributor allows.
    pub settings: Settings,
    /// Any number; jitter is drawn from it.
    pub seed: u64,
}

/// `RTCPeerConnection.connectionState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// `new` or `connecting`.
    Connecting,
    /// `connected`.
    Connected,
    /// `disconnected`: may come back by itself.
    Disconnected,
    /// `failed`.
    Failed,
    /// `closed`.
    Closed,
}

/// Why code did not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeError {
    /// The gateway does not have it, or it is not a bundle; another tab would find the same.
    Unusable(String),
    /// It could not be fetched just now.
    Network(String),
}

/// Why an isolate ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It reached the browser's own ceiling: nothing else ends a Worker silently.
    Memory,
    /// The process that it lived in ended.
    Crash,
    /// It did not load, or broke.
    Error,
}

/// Something happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The contributor wants no more requests on this tab.
    Pause,
    /// ... and wants them again.
    Resume,
    /// The contributor allows more or less. Which tenants are served changes only for gateways met from now on.
    Settings(Settings),
    /// The machine's power or connection changed.
    Surroundings(Surroundings),
    /// The page is going away.
    Leaving,
    /// The page's local description of an attempt.
    Offer {
        /// Attempt.
        link: LinkId,
        /// SDP.
        sdp: String,
    },
    /// A local candidate of an attempt.
    Candidate {
        /// Attempt.
        link: LinkId,
        /// The candidate.
        candidate: Candidate,
    },
    /// The connection's state changed.
    PeerState {
        /// Attempt.
        link: LinkId,
        /// To what.
        state: PeerState,
    },
    /// The attempt's data channel is open.
    ChannelOpen {
        /// Attempt.
        link: LinkId,
    },
    /// A message came on it.
    ChannelMessage {
        /// Link.
        link: LinkId,
        /// The message.
        message: Bytes,
    },
    /// It closed or failed.
    ChannelClosed {
        /// Link.
        link: LinkId,
    },
    /// The signalling socket is open.
    SocketOpen {
        /// Socket.
        socket: SocketId,
    },
    /// A text message came on it.
    SocketMessage {
        /// Socket.
        socket: SocketId,
        /// JSON.
        text: String,
    },
    /// It closed or could not be opened.
    SocketClosed {
        /// Socket.
        socket: SocketId,
        /// WebSocket close code.
        code: u16,
    },
    /// Code that was asked for or given came (its size in characters; the shell keeps it) or did not.
    Code {
        /// Hash.
        hash: String,
        /// Size or reason.
        result: Result<usize, CodeError>,
    },
    /// An isolate said something.
    Isolate {
        /// Which.
        isolate: IsolateId,
        /// What.
        message: FromIsolate,
    },
    /// An isolate ended by itself.
    IsolateLost {
        /// Which.
        isolate: IsolateId,
        /// A sentence for the log.
        reason: String,
        /// Why, as far as the page can tell.
        cause: Cause,
    },
    /// The time of [`super::Core::poll_timeout`] has come.
    Timeout,
}

/// What the contributor sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not connected yet.
    Joining,
    /// Connected and idle.
    Ready,
    /// Working.
    Serving,
    /// Was connected and is not.
    Reconnecting,
    /// Takes no requests.
    Paused,
    /// Takes no new requests and finishes those it has.
    Draining,
    /// Cannot join; a person must do something.
    Error,
}

impl State {
    /// As the page knows it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Ready => "ready",
            Self::Serving => "serving",
            Self::Reconnecting => "reconnecting",
            Self::Paused => "paused",
            Self::Draining => "draining",
            Self::Error => "error",
        }
    }
}

/// State, a sentence about it, and counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// State.
    pub state: State,
    /// A sentence.
    pub detail: String,
    /// Requests answered since the page opened.
    pub served: u64,
    /// Requests being worked on.
    pub active: usize,
    /// Isolates that hold code.
    pub isolates: usize,
    /// CPU time that handlers used since the page opened.
    pub cpu: Duration,
    /// Bytes that isolates hold, as far as they can be counted.
    pub memory: u64,
}

/// Something to do.
#[derive(Clone, Debug)]
pub enum Output {
    /// Open a signalling socket.
    OpenSocket {
        /// Its number.
        socket: SocketId,
        /// Where.
        url: String,
    },
    /// Send a text message on it.
    SendSocket {
        /// Socket.
        socket: SocketId,
        /// JSON.
        text: String,
    },
    /// Close and forget it.
    CloseSocket {
        /// Socket.
        socket: SocketId,
    },
    /// Page: make a connection and an offer.
    Connect {
        /// Gateway.
        peer: String,
        /// Attempt.
        link: LinkId,
        /// STUN and TURN servers.
        ice_servers: Vec<IceServer>,
    },
    /// Page: the gateway's description.
    Answer {
        /// Gateway.
        peer: String,
        /// Attempt.
        link: LinkId,
        /// SDP.
        sdp: String,
    },
    /// Page: a candidate of the gateway.
    RemoteCandidate {
        /// Gateway.
        peer: String,
        /// Attempt.
        link: LinkId,
        /// The candidate.
        candidate: Candidate,
    },
    /// Page: try other network paths and make a new offer.
    RestartIce {
        /// Gateway.
        peer: String,
        /// Attempt.
        link: LinkId,
    },
    /// Close the channel and forget it; page: close the connection.
    Disconnect {
        /// Gateway.
        peer: String,
        /// Attempt.
        link: LinkId,
    },
    /// Make a message channel, keep one end, give the other to the page: make an isolate.
    Spawn {
        /// Its number.
        isolate: IsolateId,
        /// Whose origin it runs in.
        tenant: String,
    },
    /// Close the port and forget it; page: end the isolate.
    Kill {
        /// Which.
        isolate: IsolateId,
    },
    /// Page: the tenant has no isolates; remove its frame.
    Dispose {
        /// Whose.
        tenant: String,
    },
    /// Page: show this.
    State(Status),
    /// Tell an isolate.
    Isolate {
        /// Which.
        isolate: IsolateId,
        /// What.
        message: ToIsolate,
    },
    /// Get a bundle and keep it.
    FetchCode {
        /// Hash, 64 lowercase hex digits.
        hash: String,
    },
    /// Keep a bundle that is here; the answer is [`Input::Code`], in the same turn.
    KeepCode {
        /// Hash, 64 lowercase hex digits.
        hash: String,
        /// Its JSON, if it is any.
        bundle: Bytes,
    },
    /// Forget a bundle.
    DropCode {
        /// Hash.
        hash: String,
    },
    /// A line for the console of the contributor's browser.
    Warn(String),
}
