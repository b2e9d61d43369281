//! A membership as the member sees it: a pair of bounded channels, whatever carries it. Holds no rules.

use std::fmt;

use tabmesh_protocol::signal::{ClientMessage, Role, SIGNAL_VERSION, ServerMessage};
use tokio::sync::mpsc;

/// Messages each channel of a [`Link`] holds.
pub const LINK_CAPACITY: usize = 64;

/// One membership. The join is already sent: the first message on `rx` is `Joined`, or the `Error` that refuses it.
/// When the membership ends `rx` ends and `tx` fails; dropping either end of the link leaves the pool. Keep reading
/// `rx`: a member that does not read is closed with `too-slow` in the end.
#[derive(Debug)]
pub struct Link {
    /// What the member says.
    pub tx: mpsc::Sender<ClientMessage>,
    /// What it is told.
    pub rx: mpsc::Receiver<ServerMessage>,
}

/// What to join as.
#[derive(Clone)]
pub struct Join {
    /// Role to take.
    pub role: Role,
    /// Pool to join.
    pub pool: String,
    /// Secret of the role, where the server asks for one.
    pub token: Option<String>,
}

impl Join {
    /// The message that says so.
    #[must_use]
    pub fn into_message(self) -> ClientMessage {
        ClientMessage::Join { version: SIGNAL_VERSION, role: self.role, pool: self.pool, token: self.token }
    }
}

/// Without the secret.
impl fmt::Debug for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").field("role", &self.role).field("pool", &self.pool).finish_non_exhaustive()
    }
}

/// A link and the other side's ends of its channels.
pub(crate) fn pair() -> (Link, mpsc::Receiver<ClientMessage>, mpsc::Sender<ServerMessage>) {
    let (tx, from_member) = mpsc::channel(LINK_CAPACITY);
    let (to_member, rx) = mpsc::channel(LINK_CAPACITY);
    (Link { tx, rx }, from_member, to_member)
}
