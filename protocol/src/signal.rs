//! Signalling messages: what tabs and gateways say to the rendezvous server before a data channel exists.
//!
//! One enum per direction, as JSON text on a WebSocket. The server relays descriptions and candidates and never
//! reads them. Nothing here parses SDP, touches a socket or trusts a peer id that a client wrote: the server
//! fills in `from`.

use serde::{Deserialize, Serialize};

/// Path of the WebSocket, on the gateway and on a shared server alike.
pub const SIGNAL_PATH: &str = "/_mesh/signal";

/// Version of the signalling dialect; a server refuses a `join` that names another.
pub const SIGNAL_VERSION: u32 = 1;

/// Largest signalling message either side accepts, in bytes. A data-channel-only SDP is below 2 KiB; 64 KiB leaves
/// room for many inlined candidates.
pub const MAX_SIGNAL_MESSAGE: usize = 64 * 1024;

/// What a client offers to the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A browser tab that gives capacity. It makes the offers.
    Tab,
    /// A gateway that dispatches requests. It answers offers.
    Gateway,
}

/// A STUN or TURN server, as `RTCIceServer` in the browser (W3C WebRTC 1.0, section 4.2.4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` URLs.
    pub urls: Vec<String>,
    /// TURN user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// TURN password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// One trickled ICE candidate, as `RTCIceCandidateInit` in the browser.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// The candidate line; empty marks the end of candidates of one generation.
    pub candidate: String,
    /// Media stream identification tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<String>,
    /// Index of the media description.
    #[serde(default, rename = "sdpMLineIndex", skip_serializing_if = "Option::is_none")]
    pub sdp_mline_index: Option<u16>,
    /// ICE user name fragment of the generation it belongs to, so that a candidate from before an ICE restart can be
    /// told from one after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_fragment: Option<String>,
}

/// Another member of the room, as a joining client is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Id that the server gave it; opaque.
    pub id: String,
    /// What it is.
    pub role: Role,
}

/// What travels between two peers, relayed unread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Relay {
    /// Tab to gateway: a description; a second one on the same `session` is an ICE restart.
    Offer {
        /// SDP text.
        sdp: String,
    },
    /// Gateway to tab.
    Answer {
        /// SDP text.
        sdp: String,
    },
    /// Either way: one more address to try.
    Candidate {
        /// The candidate.
        candidate: Candidate,
    },
    /// Either way: this session is over and why.
    Bye {
        /// A sentence for the log.
        reason: String,
    },
}

/// Whether `name` can name a pool: 1 to 63 of `a-z`, `0-9` and `-`.
#[must_use]
pub fn valid_pool(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Client to server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ClientMessage {
    /// First message on every connection.
    Join {
        /// Must be [`SIGNAL_VERSION`].
        version: u32,
        /// What the client is.
        role: Role,
        /// Room to join: tabs meet only the gateways of their pool. `[a-z0-9-]{1,63}`.
        pool: String,
        /// Secret of the pool or of the gateway role, where the server asks for one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
    },
    /// Pass `relay` on to `to`, as part of connection attempt `session` (a number the offering tab chose).
    Relay {
        /// Peer id.
        to: String,
        /// Connection attempt.
        session: u32,
        /// The payload.
        relay: Relay,
    },
}

/// Server to client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ServerMessage {
    /// Answer to `join`.
    Joined {
        /// The client's own id.
        id: String,
        /// STUN and TURN servers to use.
        ice_servers: Vec<IceServer>,
        /// Members of the other role that are in the pool now. In a large pool only some of them: the rest follow at
        /// once as [`ServerMessage::PeerJoined`], so that this message stays below [`MAX_SIGNAL_MESSAGE`].
        peers: Vec<Peer>,
    },
    /// A member of the other role came.
    PeerJoined {
        /// Who.
        peer: Peer,
    },
    /// A member of the other role went.
    PeerLeft {
        /// Who.
        id: String,
    },
    /// A relayed message.
    Relay {
        /// Who sent it; filled in by the server.
        from: String,
        /// Connection attempt.
        session: u32,
        /// The payload.
        relay: Relay,
    },
    /// The client did something wrong, or must go. Unless `code` is [`SignalErrorCode::UnknownPeer`], the server closes
    /// next, with [`SignalErrorCode::close_code`].
    Error {
        /// Machine-readable kind.
        code: SignalErrorCode,
        /// A sentence for people.
        message: String,
    },
}

/// Kinds of signalling error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignalErrorCode {
    /// Not JSON, or not a message of this dialect.
    Malformed,
    /// Longer than [`MAX_SIGNAL_MESSAGE`].
    TooLarge,
    /// A message that is not due: anything before `join`, a second `join`, an answer by a tab.
    OutOfOrder,
    /// More messages than the allowance.
    Flooding,
    /// `version` is not ours.
    Version,
    /// Token missing or wrong, or the role is not open to this connection.
    Forbidden,
    /// Pool name is not valid.
    BadPool,
    /// The room or the server is full.
    Full,
    /// `to` names nobody (any more). The connection stays open.
    UnknownPeer,
    /// Did not join in time, fell silent, or reads more slowly than it is sent to.
    TooSlow,
    /// The server is going away; come back later.
    GoingAway,
}

impl SignalErrorCode {
    /// Every kind, in the order of declaration (so `ALL[code as usize] == code`).
    pub const ALL: [Self; 11] = [
        Self::Malformed,
        Self::TooLarge,
        Self::OutOfOrder,
        Self::Flooding,
        Self::Version,
        Self::Forbidden,
        Self::BadPool,
        Self::Full,
        Self::UnknownPeer,
        Self::TooSlow,
        Self::GoingAway,
    ];

    /// The name on the wire, also used as the reason of the WebSocket close frame and as a metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too-large",
            Self::OutOfOrder => "out-of-order",
            Self::Flooding => "flooding",
            Self::Version => "version",
            Self::Forbidden => "forbidden",
            Self::BadPool => "bad-pool",
            Self::Full => "full",
            Self::UnknownPeer => "unknown-peer",
            Self::TooSlow => "too-slow",
            Self::GoingAway => "going-away",
        }
    }

    /// The WebSocket close code: 4000 plus the HTTP status that says the same, within the range RFC 6455 (section
    /// 7.4.2) leaves to applications. `UnknownPeer` has one too but never closes a connection.
    #[must_use]
    pub fn close_code(self) -> u16 {
        match self {
            Self::Malformed => 4400,
            Self::Forbidden => 4403,
            Self::UnknownPeer => 4404,
            Self::TooSlow => 4408,
            Self::OutOfOrder => 4409,
            Self::TooLarge => 4413,
            Self::BadPool => 4422,
            Self::Version => 4426,
            Self::Flooding => 4429,
            Self::GoingAway => 4503,
            Self::Full => 4507,
        }
    }

    /// The kind that a close code stands for, for a client whose connection ended before the error could be read.
    #[must_use]
    pub fn from_close_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.close_code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_agree_with_serde_and_are_distinct() {
        for (index, code) in SignalErrorCode::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, index);
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert_eq!(SignalErrorCode::from_close_code(code.close_code()), Some(code));
            assert!((4000..5000).contains(&code.close_code()));
        }
        assert_eq!(SignalErrorCode::from_close_code(1000), None);
    }

    #[test]
    fn client_messages_on_the_wire() {
        let candidate = Candidate {
            candidate: "candidate:1 1 udp 1 127.0.0.1 9 typ host".into(),
            sdp_mid: Some("0".into()),
            sdp_mline_index: Some(0),
            username_fragment: Some("ab".into()),
        };
        let relay = |relay| ClientMessage::Relay { to: "p1".into(), session: 7, relay };
        let join = ClientMessage::Join { version: 1, role: Role::Tab, pool: "main".into(), token: None };
        for (message, json) in [
            (join, r#"{"type":"join","version":1,"role":"tab","pool":"main"}"#),
            (
                relay(Relay::Offer { sdp: "v=0".into() }),
                r#"{"type":"relay","to":"p1","session":7,"relay":{"kind":"offer","sdp":"v=0"}}"#,
            ),
            (
                relay(Relay::Bye { reason: "done".into() }),
                r#"{"type":"relay","to":"p1","session":7,"relay":{"kind":"bye","reason":"done"}}"#,
            ),
            (
                relay(Relay::Candidate { candidate }),
                concat!(
                    r#"{"type":"relay","to":"p1","session":7,"relay":{"kind":"candidate","candidate":"#,
                    r#"{"candidate":"candidate:1 1 udp 1 127.0.0.1 9 typ host","sdpMid":"0","sdpMLineIndex":0,"#,
                    r#""usernameFragment":"ab"}}}"#
                ),
            ),
        ] {
            assert_eq!(serde_json::to_string(&message).unwrap(), json);
            assert_eq!(serde_json::from_str::<ClientMessage>(json).unwrap(), message);
        }
    }

    #[test]
    fn server_messages_on_the_wire() {
        let peer = Peer { id: "g1".into(), role: Role::Gateway };
        let stun = IceServer { urls: vec!["stun:s:1".into()], ..IceServer::default() };
        for (message, json) in [
            (
                ServerMessage::Joined { id: "t1".into(), ice_servers: vec![stun], peers: vec![peer.clone()] },
                concat!(
                    r#"{"type":"joined","id":"t1","ice_servers":[{"urls":["stun:s:1"]}],"#,
                    r#""peers":[{"id":"g1","role":"gateway"}]}"#
                ),
            ),
            (
                ServerMessage::PeerJoined { peer },
                r#"{"type":"peer-joined","peer":{"id":"g1","role":"gateway"}}"#,
            ),
            (ServerMessage::PeerLeft { id: "g1".into() }, r#"{"type":"peer-left","id":"g1"}"#),
            (
                ServerMessage::Relay {
                    from: "g1".into(),
                    session: 7,
                    relay: Relay::Answer { sdp: "v=0".into() },
                },
                r#"{"type":"relay","from":"g1","session":7,"relay":{"kind":"answer","sdp":"v=0"}}"#,
            ),
            (
                ServerMessage::Error { code: SignalErrorCode::BadPool, message: "no".into() },
                r#"{"type":"error","code":"bad-pool","message":"no"}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&message).unwrap(), json);
            assert_eq!(serde_json::from_str::<ServerMessage>(json).unwrap(), message);
        }
    }

    #[test]
    fn a_candidate_with_nulls_as_browsers_write_it() {
        let json = r#"{"candidate":"","sdpMid":null,"sdpMLineIndex":null,"usernameFragment":null}"#;
        assert_eq!(serde_json::from_str::<Candidate>(json).unwrap(), Candidate::default());
    }

    #[test]
    fn pool_names() {
        for good in ["main", "a", "0-9", &"x".repeat(63)] {
            assert!(valid_pool(good), "{good}");
        }
        for bad in ["", "Main", "a b", "a_b", "é", &"x".repeat(64)] {
            assert!(!valid_pool(bad), "{bad}");
        }
    }
}
