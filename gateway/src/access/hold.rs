//! What a token keeps open beyond one request, such as a live tail or a tab's place in the pool: it lasts as long as the token
//! opens the same.
//!
//! Never asks the store: a hold ends when memory says so, which is when a revocation is answered.

use super::token::{Hash, Kind};
use super::{Action, Tokens, now_ms};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Longest sleep until a token's end: the system's clock may be set meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Why a hold is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The token was revoked.
    Revoked,
    /// The token's time is over.
    Expired,
    /// The token is there and does not allow this any more.
    Narrowed,
    /// The hold's own time is over.
    Over,
}

impl Ended {
    /// Its name for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Ended::Revoked => "token-revoked",
            Ended::Expired => "token-expired",
            Ended::Narrowed => "token-narrowed",
            Ended::Over => "time-over",
        }
    }

    /// A sentence for people.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Ended::Revoked => "the token that opened this was revoked",
            Ended::Expired => "the token that opened this has expired",
            Ended::Narrowed => "the token that opened this does not allow it any more",
            Ended::Over => "its time is over",
        }
    }
}

/// See the module's page. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hold {
    /// `None` where nothing was shown that could end.
    shown: Option<Shown>,
    until: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Shown {
    tokens: Arc<Tokens>,
    hash: Hash,
    opens: Opens,
}

/// What the token must go on to open.
#[derive(Clone, Debug)]
enum Opens {
    Api { action: Action, tenant: Option<Arc<str>> },
    Pool,
}

impl Hold {
    /// One that no token ends.
    #[must_use]
    pub fn forever() -> Self {
        Self { shown: None, until: None }
    }

    /// Of the token with this hash, for an action, in this tenant where one is named.
    pub(super) fn of_action(tokens: Arc<Tokens>, hash: Hash, action: Action, tenant: Option<&str>) -> Self {
        let opens = Opens::Api { action, tenant: tenant.map(Into::into) };
        Self { shown: Some(Shown { tokens, hash, opens }), until: None }
    }

    /// Of the token with this hash, for tabs.
    pub(super) fn of_pool(tokens: Arc<Tokens>, hash: Hash) -> Self {
        Self { shown: Some(Shown { tokens, hash, opens: Opens::Pool }), until: None }
    }

    /// The same, and no longer than this.
    #[must_use]
    pub fn until(self, end: Instant) -> Self {
        Self { until: Some(self.until.map_or(end, |own| own.min(end))), ..self }
    }

    /// Whether it still holds.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), Ended> {
        self.left().map(drop)
    }

    /// Resolves when it is over. May be dropped and asked again.
    pub async fn ended(&self) -> Ended {
        let mut changes = self.shown.as_ref().map(|shown| shown.tokens.changes());
        loop {
            let left = match self.left() {
                Ok(left) => left,
                Err(ended) => return ended,
            };
            let asleep = async {
                match left {
                    Some(left) => tokio::time::sleep(left.min(LOOK_EVERY)).await,
                    None => std::future::pending().await,
                }
            };
            let changed = async {
                match &mut changes {
                    // The tokens are held, so their changes cannot end.
                    Some(changes) => drop(changes.changed().await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = asleep => {}
                () = changed => {}
            }
        }
    }

    /// How long it holds if nothing changes; `None` for ever.
    fn left(&self) -> Result<Option<Duration>, Ended> {
        let own = self.until.map(|end| end.saturating_duration_since(Instant::now()));
        if own == Some(Duration::ZERO) {
            return Err(Ended::Over);
        }
        let Some(Shown { tokens, hash, opens }) = &self.shown else { return Ok(own) };
        let (kind, principal, expires_at_ms) = tokens.held(hash).ok_or(Ended::Revoked)?;
        let left = expires_at_ms.map(|end| Duration::from_millis(end.saturating_sub(now_ms())));
        if left == Some(Duration::ZERO) {
            return Err(Ended::Expired);
        }
        let still = match opens {
            Opens::Pool => kind == Kind::Join,
            Opens::Api { action, tenant } => {
                let sees = tenant.as_deref().is_none_or(|tenant| principal.sees(tenant));
                kind != Kind::Join && principal.may(*action) && sees
            }
        };
        match still {
            true => Ok([own, left].into_iter().flatten().min()),
            false => Err(Ended::Narrowed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::NewToken;
    use super::super::{Access, Actions};
    use super::*;
    use crate::config::AccessConfig;
    use crate::store::SecretKey;

    async fn token(tokens: &Arc<Tokens>, actions: &[Action], expires_at_ms: Option<u64>) -> (Hash, String) {
        let actions: Actions = actions.iter().copied().collect();
        let new =
            NewToken { name: "t".into(), tenant: Some("default".into()), actions, pool: None, expires_at_ms };
        let (secret, row) = tokens.create(new).await.unwrap();
        (secret.hash(), row.id)
    }

    #[tokio::test]
    async fn it_ends_with_its_token_and_says_why() {
        let directory = tempfile::tempdir().unwrap();
        let key = SecretKey::parse(&"07".repeat(32)).unwrap();
        let access = Access::open(directory.path(), key, "localhost", &AccessConfig::default()).unwrap();
        let tokens = access.tokens;
        let hold = |hash, action, tenant| Hold::of_action(Arc::clone(&tokens), hash, action, tenant);
        let (hash, id) = token(&tokens, &[Action::Tail], None).await;
        let (other, _) = token(&tokens, &[Action::Tail], Some(now_ms() + 1500)).await;
        let held = hold(hash, Action::Tail, Some("default"));
        assert_eq!((held.check(), hold(hash, Action::Tail, None).check()), (Ok(()), Ok(())));
        // What it does not allow it holds open no longer than what it never allowed.
        assert_eq!(hold(hash, Action::Kv, Some("default")).check(), Err(Ended::Narrowed));
        assert_eq!(hold(hash, Action::Tail, Some("else")).check(), Err(Ended::Narrowed));
        assert_eq!(Hold::of_pool(Arc::clone(&tokens), hash).check(), Err(Ended::Narrowed));
        let waits = tokio::spawn(async move { held.ended().await });
        let bounded = hold(other, Action::Tail, None).until(Instant::now() + Duration::from_millis(1));
        assert_eq!(bounded.ended().await, Ended::Over);
        assert_eq!(hold(other, Action::Tail, None).ended().await, Ended::Expired);
        assert!(!waits.is_finished());
        assert!(tokens.revoke(&id).await.unwrap());
        assert_eq!(waits.await.unwrap(), Ended::Revoked);
        assert_eq!(Hold::forever().check(), Ok(()));
    }
}
