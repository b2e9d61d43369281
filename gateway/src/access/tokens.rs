//! The tokens there are: in memory, always what the store acknowledged last. A request is judged without the disk, and a
//! token that was revoked opens nothing more from the moment that the revocation was answered.

use super::action::Actions;
use super::principal::Principal;
use super::token::{self, Hash, Kind, Secret};
use super::{Action, SharedStore, blocking, lock, now_ms};
use crate::store::{Store, StoreError, TokenRow};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;

/// Most tokens of one tenant, and most that are for all tenants: bounds memory, and what a stolen `tokens` right makes.
pub const MAX_TOKENS: usize = 200;

/// How long an ended token is still listed, in milliseconds: 30 days.
const ENDED_KEPT_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// How often it is written when tokens were last used: one write for all of them.
const USED_EVERY: Duration = Duration::from_secs(60);

/// Id of the operator's token.
pub const OPERATOR: &str = "admin";

/// Why a shown token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is no token, or nobody's: never made, or revoked.
    Unknown,
    /// Its time is over.
    Expired,
    /// It is for tabs that join a pool.
    JoinOnly,
}

/// Why a token cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// As many as allowed are there.
    #[error("the limit of {MAX_TOKENS} tokens is reached")]
    TooMany,
    /// The system gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a token shall be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What its maker calls it.
    pub name: String,
    /// For which tenant; `None` for all.
    pub tenant: Option<String>,
    /// What it allows.
    pub actions: Actions,
    /// For tabs that join this pool, and nothing else.
    pub pool: Option<String>,
    /// When it ends; milliseconds since 1970.
    pub expires_at_ms: Option<u64>,
}

#[derive(Debug)]
struct Known {
    row: TokenRow,
    kind: Kind,
    principal: Principal,
    /// Milliseconds since 1970; 0 for never.
    last_used: AtomicU64,
}

impl Known {
    fn new(row: TokenRow) -> Option<Self> {
        // What cannot be read opens nothing.
        let kind = Kind::named(&row.kind)?;
        let actions: Actions = serde_json::from_str(&row.actions).ok()?;
        let principal = Principal {
            id: row.id.as_str().into(),
            name: row.name.as_str().into(),
            tenant: row.tenant.as_deref().map(Into::into),
            actions,
        };
        Some(Self { last_used: AtomicU64::new(row.last_used_ms.unwrap_or(0)), row, kind, principal })
    }

    fn is_over(&self, now_ms: u64) -> bool {
        self.row.expires_at_ms.is_some_and(|end| end <= now_ms)
    }

    /// As it is now.
    fn row(&self) -> TokenRow {
        let used = self.last_used.load(Relaxed);
        TokenRow { last_used_ms: (used > 0).then_some(used), ..self.row.clone() }
    }
}

fn read(store: &dyn Store) -> Result<HashMap<Hash, Arc<Known>>, StoreError> {
    let rows = store.tokens()?.into_iter().filter_map(Known::new);
    Ok(rows.map(|known| (known.row.hash, Arc::new(known))).collect())
}

/// See the module's page.
pub struct Tokens {
    store: SharedStore,
    known: RwLock<HashMap<Hash, Arc<Known>>>,
    /// Marked after each change of `known`, for those who hold something open.
    changed: watch::Sender<()>,
}

impl Tokens {
    /// Reads them. Blocking.
    ///
    /// # Errors
    /// Database errors.
    pub(super) fn open(store: SharedStore) -> Result<Self, StoreError> {
        let known = RwLock::new(read(&**lock(&store))?);
        Ok(Self { known, store, changed: watch::Sender::default() })
    }

    /// Reads them anew. Blocking.
    ///
    /// # Errors
    /// Database errors; then all is as it was.
    pub(super) fn reload(&self) -> Result<(), StoreError> {
        let store = lock(&self.store);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = read(&**store)?;
        drop(store);
        self.changed.send_replace(());
        Ok(())
    }

    /// Whether the operator has a token.
    pub(super) fn has_operator(&self) -> bool {
        self.find(|known| known.row.id == OPERATOR).is_some()
    }

    /// Makes `secret` the operator's token, in place of any before it. Blocking.
    ///
    /// # Errors
    /// Database errors.
    pub(super) fn set_operator(&self, secret: &Secret, now_ms: u64) -> Result<(), StoreError> {
        let actions: Actions = [Action::Admin].into_iter().collect();
        let new =
            NewToken { name: "admin".to_owned(), tenant: None, actions, pool: None, expires_at_ms: None };
        self.put(
            &mut **lock(&self.store),
            new_row(OPERATOR.to_owned(), Kind::Admin, new, secret, now_ms),
            now_ms,
        )
    }

    /// Who shows this token, and its hash. Costs a hash and a look into a map.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn authenticate(&self, text: &str) -> Result<(Principal, Hash), Refused> {
        let known = self.look(text)?;
        if known.kind == Kind::Join {
            return Err(Refused::JoinOnly);
        }
        Ok((known.principal.clone(), known.row.hash))
    }

    /// What the token with this hash is now, and when it ends (milliseconds since 1970); `None` where there is none any more.
    pub(super) fn held(&self, hash: &Hash) -> Option<(Kind, Principal, Option<u64>)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()?;
        Some((known.kind, known.principal.clone(), known.row.expires_at_ms))
    }

    /// Tells when a token was made, changed or revoked.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Whether a tab that shows this token may join the pool.
    #[must_use]
    pub fn admits(&self, pool: &str, text: &str) -> bool {
        self.look(text).is_ok_and(|known| known.kind == Kind::Join && known.row.pool.as_deref() == Some(pool))
    }

    fn look(&self, text: &str) -> Result<Arc<Known>, Refused> {
        token::kind(text).ok_or(Refused::Unknown)?;
        let hash = token::hash(text);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
        let known = known.ok_or(Refused::Unknown)?;
        let now = now_ms();
        if known.is_over(now) {
            return Err(Refused::Expired);
        }
        known.last_used.store(now, Relaxed);
        Ok(known)
    }

    /// Makes a token. Goes on to its end even if the future is dropped.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn create(self: &Arc<Self>, new: NewToken) -> Result<(Secret, TokenRow), TokenError> {
        let kind = if new.pool.is_some() { Kind::Join } else { Kind::Access };
        let secret = Secret::generate(kind)?;
        let mut id = [0; 8];
        getrandom::fill(&mut id)?;
        let now = now_ms();
        let row = new_row(hex::encode(id), kind, new, &secret, now);
        let (tokens, written) = (Arc::clone(self), row.clone());
        let fits = blocking(move || {
            let mut store = lock(&tokens.store);
            if tokens.count(written.tenant.as_deref(), now) >= MAX_TOKENS {
                return Ok(false);
            }
            tokens.put(&mut **store, written, now).map(|()| true)
        });
        if fits.await? { Ok((secret, row)) } else { Err(TokenError::TooMany) }
    }

    /// Those that `whose` lets through, oldest first.
    #[must_use]
    pub fn list(&self, whose: Whose<'_>) -> Vec<TokenRow> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut rows: Vec<_> =
            known.values().filter(|known| whose.has(&known.row)).map(|known| known.row()).collect();
        drop(known);
        rows.sort_by(|a, b| (a.created_at_ms, &a.id).cmp(&(b.created_at_ms, &b.id)));
        rows
    }

    /// The token with this id, and what it allows.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<(TokenRow, Principal)> {
        self.find(|known| known.row.id == id).map(|known| (known.row(), known.principal.clone()))
    }

    /// Takes a token away; `false` if there is none. Goes on to its end even if the future is dropped.
    ///
    /// # Errors
    /// Database errors; then it is as it was.
    pub async fn revoke(self: &Arc<Self>, id: &str) -> Result<bool, StoreError> {
        let (tokens, id) = (Arc::clone(self), id.to_owned());
        blocking(move || {
            let mut store = lock(&tokens.store);
            let existed = store.delete_token(&id)?;
            tokens
                .known
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .retain(|_, known| known.row.id != id);
            drop(store);
            tokens.changed.send_replace(());
            Ok(existed)
        })
        .await
    }

    /// Writes down, every minute, when tokens were last used. Never ends.
    pub async fn note_uses(self: Arc<Self>) -> std::convert::Infallible {
        let mut written: HashMap<String, u64> = HashMap::new();
        loop {
            tokio::time::sleep(USED_EVERY).await;
            let used: Vec<(String, u64)> = {
                let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
                let used = known.values().map(|known| (&known.row.id, known.last_used.load(Relaxed)));
                used.filter(|(id, at)| *at > 0 && written.get(*id) != Some(at))
                    .map(|(id, at)| (id.clone(), at))
                    .collect()
            };
            if used.is_empty() {
                continue;
            }
            written = self
                .list(Whose::Everybodys)
                .into_iter()
                .filter_map(|row| Some((row.id, row.last_used_ms?)))
                .collect();
            let store = Arc::clone(&self.store);
            if let Err(error) = blocking(move || lock(&store).use_tokens(&used)).await {
                tracing::warn!(%error, "when tokens were used is not written down");
            }
        }
    }

    /// Blocking. Under the store's lock: what memory has is what was written last.
    fn put(&self, store: &mut dyn Store, row: TokenRow, now_ms: u64) -> Result<(), StoreError> {
        let ended = now_ms.saturating_sub(ENDED_KEPT_MS);
        store.put_token(&row, ended)?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, old| old.row.id != row.id && old.row.expires_at_ms.is_none_or(|end| end >= ended));
        if let Some(new) = Known::new(row) {
            known.insert(new.row.hash, Arc::new(new));
        }
        drop(known);
        self.changed.send_replace(());
        Ok(())
    }

    fn count(&self, tenant: Option<&str>, now_ms: u64) -> usize {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().filter(|known| known.row.tenant.as_deref() == tenant && !known.is_over(now_ms)).count()
    }

    fn find(&self, is_it: impl Fn(&Known) -> bool) -> Option<Arc<Known>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().find(|known| is_it(known)).cloned()
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

/// Whose tokens.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// All there are.
    Everybodys,
    /// A tenant's own.
    Tenants(&'a str),
}

impl Whose<'_> {
    fn has(self, row: &TokenRow) -> bool {
        match self {
            Whose::Everybodys => true,
            Whose::Tenants(tenant) => row.tenant.as_deref() == Some(tenant),
        }
    }
}

fn new_row(id: String, kind: Kind, new: NewToken, secret: &Secret, now_ms: u64) -> TokenRow {
    let NewToken { name, tenant, actions, pool, expires_at_ms } = new;
    TokenRow {
        id,
        hash: secret.hash(),
        kind: kind.name().to_owned(),
        name,
        tenant,
        actions: serde_json::to_string(&actions).expect("names always become JSON"),
        pool,
        prefix: secret.shown().to_owned(),
        created_at_ms: now_ms,
        expires_at_ms,
        last_used_ms: None,
    }
}
