//! What goes into the registry and what comes out. Plain data.

use tabmesh_protocol::signal::{ClientMessage, ServerMessage, SignalErrorCode};

/// A connection, named by the caller; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub u64);

/// How far a connection is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Came over the network: tokens, allowance and bounds apply.
    Stranger,
    /// A member in this process: may take any role without a token, has no allowance, and always finds room.
    Local,
}

/// What happened to a connection.
#[derive(Clone, Debug)]
pub enum Input {
    /// It opened; if it joins, others know it as `peer_id` (unique; the caller makes it up).
    Connect {
        /// Id for its peers.
        peer_id: String,
        /// Where it came from.
        trust: Trust,
    },
    /// It sent a message that was `bytes` long.
    Message {
        /// The message.
        message: ClientMessage,
        /// Length on the wire, for the allowance.
        bytes: usize,
    },
    /// It sent something that says nothing but costs work, such as a ping.
    Noise {
        /// Length on the wire, for the allowance.
        bytes: usize,
    },
    /// The caller found it at fault (not JSON, too long, too slow): tell it so and close it.
    Refuse {
        /// Which fault.
        code: SignalErrorCode,
        /// A sentence for people.
        reason: String,
    },
    /// It is gone.
    Disconnect,
}

/// What the caller must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send `message` on `to`.
    Send {
        /// Connection.
        to: ConnId,
        /// Message.
        message: ServerMessage,
    },
    /// Close `conn` after what was sent to it; the registry has already forgotten it.
    Close {
        /// Connection.
        conn: ConnId,
        /// Why, for the close frame.
        code: SignalErrorCode,
    },
}
