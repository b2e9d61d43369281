//! What bindings and APIs do with a namespace: Workers KV's limits checked, room for the bytes counted, the disk waited for on
//! a thread of its own. Knows no HTTP but bodies; how a refusal is told is its callers' affair.

use super::{Entry, Key, KvFault, KvStore, Named, Namespace, Read, Sought};
use crate::mesh::memory::{Held, Memory};
use crate::storage::Storage;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Longest key, in bytes; as Workers KV, like what follows.
pub const MAX_KEY: usize = 512;

/// Largest value, in bytes.
pub const MAX_VALUE: usize = 25 << 20;

/// Most keys of a list.
pub const MAX_LIST: usize = 1000;

/// Most keys that are read at once.
pub const MAX_READ: usize = 100;

/// Most entries that are written or removed at once.
pub const MAX_WRITE: usize = 10_000;

/// Largest metadata, as JSON, in bytes.
const MAX_METADATA: usize = 1024;

/// Shortest life of an entry, in seconds.
const MIN_TTL: i64 = 60;

/// Longest id or title of a namespace, in bytes.
const MAX_NAME: usize = 512;

/// Bytes of memory that a read asks for before it knows its value's size, if they are there at once: most values are smaller, and need
/// no second look.
const FIRST_LOOK: usize = 1 << 20;

/// The same where they are not: little enough to come soon.
const MODEST_LOOK: usize = 16 << 10;

/// Namespaces with a title that one tenant may have.
const MAX_NAMESPACES: usize = 1000;

/// Why something was not done. The sentences are Workers KV's where it has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// It cannot be asked so.
    #[error("{0}")]
    Invalid(String),
    /// The key has too many bytes.
    #[error("{0}")]
    KeyTooLong(String),
    /// The value or the metadata has too many bytes.
    #[error("{0}")]
    TooLarge(String),
    /// There is no such entry or namespace.
    #[error("Not Found")]
    NotFound,
    /// Another namespace has the title.
    #[error("A namespace with this title exists already.")]
    TitleTaken,
    /// The tenant has too many namespaces.
    #[error("A tenant has at most {MAX_NAMESPACES} namespaces with a title.")]
    TooManyNamespaces,
    /// The tenant may not store so much.
    #[error("The tenant's storage quota would be exceeded.")]
    QuotaExceeded,
    /// An entry is not what was written; the log says which.
    #[error("The stored value is damaged: write it again, or restore a backup.")]
    Damaged,
    /// The store failed; the log says how.
    #[error("Internal error.")]
    Internal,
}

/// The bytes of a value on its way, as long as they count.
#[derive(Debug)]
pub struct Received {
    bytes: Bytes,
    _held: Held,
}

/// An entry that was found. Its value counts until it was sent.
#[derive(Debug)]
pub struct Found {
    /// JSON.
    pub metadata: Option<String>,
    /// When it goes, in seconds since 1970.
    pub expires: Option<i64>,
    value: Bytes,
    held: Held,
}

impl Found {
    /// The value as a body.
    pub fn body(self) -> Body {
        self.held.body(self.value)
    }
}

/// A part of a list.
#[derive(Debug)]
pub struct Page {
    /// Sorted.
    pub keys: Vec<Key>,
    /// Where the next part begins, if there is one.
    pub cursor: Option<String>,
}

/// The operations.
#[derive(Clone)]
pub struct Operations {
    storage: Arc<Storage>,
    memory: Memory,
}

impl Operations {
    /// On what is stored, with values in `memory` while they come and go.
    #[must_use]
    pub fn new(storage: Arc<Storage>, memory: Memory) -> Self {
        Self { storage, memory }
    }

    /// An entry.
    ///
    /// # Errors
    /// [`KvError::NotFound`], and what else can be.
    pub async fn get(&self, namespace: &Namespace, key: String) -> Result<Found, KvError> {
        let key = checked_key(key)?;
        let (mut most, mut held) = match self.memory.try_take(FIRST_LOOK) {
            Some(held) => (FIRST_LOOK, held),
            None => (MODEST_LOOK, self.room(MODEST_LOOK).await?),
        };
        loop {
            let (whose, which) = (namespace.clone(), key.clone());
            match self.blocking(move |kv| kv.get(&whose, &which, most, now())).await? {
                Sought::Found(Entry { value, metadata, expires }) => {
                    let held = held.shrunk(value.len());
                    return Ok(Found { metadata, expires, value: value.into(), held });
                }
                Sought::Larger(size) => {
                    // Not while it is held: all might wait for each other.
                    drop(held);
                    (most, held) = (size, self.room(size).await?);
                }
                Sought::Missing => return Err(KvError::NotFound),
            }
        }
    }

    /// Entries, each `None` where it is not there: at most [`MAX_READ`], with at most [`MAX_VALUE`] bytes in all.
    ///
    /// # Errors
    /// As above.
    pub async fn get_all(&self, namespace: &Namespace, keys: Vec<String>) -> Result<(Read, Held), KvError> {
        if keys.is_empty() || keys.len() > MAX_READ {
            return Err(KvError::Invalid(format!(
                "You can request a maximum of {MAX_READ} keys, and at least one."
            )));
        }
        let keys = keys.into_iter().map(checked_key).collect::<Result<Vec<_>, _>>()?;
        // What comes is known when it is there: at most one value's worth.
        let held = self.room(MAX_VALUE).await?;
        let namespace = namespace.clone();
        let found = self.blocking(move |kv| read(kv, &namespace, keys)).await?;
        let found = found.ok_or_else(|| {
            KvError::TooLarge(format!("Total size of request exceeds the limit of {MAX_VALUE} bytes."))
        })?;
        Ok((found, held))
    }

    /// Reads a value, of `length` bytes where it says so.
    ///
    /// # Errors
    /// [`KvError::TooLarge`], also where it broke off.
    pub async fn receive(&self, body: Body, length: Option<u64>) -> Result<Received, KvError> {
        let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(MAX_VALUE);
        let limit = length.min(MAX_VALUE);
        let held = self.room(limit).await?;
        let body = Limited::new(body, limit).collect().await.map_err(|_| {
            KvError::TooLarge(format!("Value length exceeds limit of {MAX_VALUE}, or broke off."))
        })?;
        Ok(Received { bytes: body.to_bytes(), _held: held })
    }

    /// Writes an entry. `metadata` is JSON, `expires` comes from [`expiration`].
    ///
    /// # Errors
    /// As above.
    pub async fn put(
        &self,
        namespace: &Namespace,
        key: String,
        value: Received,
        metadata: Option<String>,
        expires: Option<i64>,
    ) -> Result<(), KvError> {
        let entry = Entry { value: value.bytes.into(), metadata, expires };
        self.put_all(namespace, vec![(key, entry)]).await
    }

    /// Writes at most [`MAX_WRITE`] entries, all or none. Their memory is their caller's affair.
    ///
    /// # Errors
    /// As above.
    pub async fn put_all(&self, namespace: &Namespace, entries: Vec<(String, Entry)>) -> Result<(), KvError> {
        if entries.len() > MAX_WRITE {
            return Err(KvError::Invalid(format!("At most {MAX_WRITE} entries can be written at once.")));
        }
        for (key, entry) in &entries {
            check_key(key)?;
            if entry.value.len() > MAX_VALUE {
                return Err(KvError::TooLarge(format!(
                    "Value length of {} exceeds limit of {MAX_VALUE}.",
                    entry.value.len()
                )));
            }
            entry.metadata.as_deref().map_or(Ok(()), check_metadata)?;
        }
        let namespace = checked(namespace)?;
        let most = self.storage.most_of_kv(&namespace.tenant).await.map_err(|error| failed(&error))?;
        self.blocking(move |kv| kv.put_all(&namespace, &entries, most, now())).await
    }

    /// Removes at most [`MAX_WRITE`] entries where they are.
    ///
    /// # Errors
    /// As above.
    pub async fn delete_all(&self, namespace: &Namespace, keys: Vec<String>) -> Result<(), KvError> {
        if keys.len() > MAX_WRITE {
            return Err(KvError::Invalid(format!("At most {MAX_WRITE} entries can be removed at once.")));
        }
        keys.iter().try_for_each(|key| check_key(key))?;
        let namespace = namespace.clone();
        self.blocking(move |kv| kv.delete_all(&namespace, &keys)).await
    }

    /// A part of the keys that begin with `prefix`. `limit` and `cursor` are as their callers wrote them.
    ///
    /// # Errors
    /// As above.
    pub async fn list(
        &self,
        namespace: &Namespace,
        prefix: Option<String>,
        limit: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<Page, KvError> {
        let limit = limit.map_or(Ok(MAX_LIST), parse_limit)?;
        let after = cursor.filter(|cursor| !cursor.is_empty()).map(decode_cursor).transpose()?;
        let (namespace, prefix) = (namespace.clone(), prefix.unwrap_or_default());
        let (keys, more) =
            self.blocking(move |kv| kv.list(&namespace, &prefix, after.as_deref(), limit, now())).await?;
        let cursor = keys.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(&last.name));
        Ok(Page { keys, cursor })
    }

    /// A tenant's namespaces, sorted by id.
    ///
    /// # Errors
    /// [`KvError::Internal`].
    pub async fn namespaces(&self, tenant: &str) -> Result<Vec<Named>, KvError> {
        let tenant = tenant.to_owned();
        self.blocking(move |kv| kv.namespaces(&tenant)).await
    }

    /// Makes a namespace of this title, with an id that nobody can guess.
    ///
    /// # Errors
    /// As above.
    pub async fn make_namespace(&self, tenant: &str, title: String) -> Result<Named, KvError> {
        check_name(&title)?;
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| failed(&error))?;
        let named = Named { id: hex::encode(id), title };
        let (tenant, made) = (tenant.to_owned(), named.clone());
        self.blocking(move |kv| {
            kv.make_namespace(&Namespace { tenant, id: made.id }, &made.title, MAX_NAMESPACES)
        })
        .await?;
        Ok(named)
    }

    /// Gives a namespace that there is another title.
    ///
    /// # Errors
    /// [`KvError::NotFound`], [`KvError::TitleTaken`], and what else can be.
    pub async fn rename_namespace(&self, namespace: Namespace, title: String) -> Result<Named, KvError> {
        check_name(&title)?;
        let named = Named { id: namespace.id.clone(), title };
        let title = named.title.clone();
        let renamed =
            self.blocking(move |kv| kv.rename_namespace(&namespace, &title, MAX_NAMESPACES)).await?;
        if renamed { Ok(named) } else { Err(KvError::NotFound) }
    }

    /// Removes a namespace with all that it holds.
    ///
    /// # Errors
    /// [`KvError::NotFound`] and [`KvError::Internal`].
    pub async fn delete_namespace(&self, namespace: Namespace) -> Result<(), KvError> {
        let existed = self.blocking(move |kv| kv.delete_namespace(&namespace)).await?;
        if existed { Ok(()) } else { Err(KvError::NotFound) }
    }

    /// Waits until so many bytes more may be held.
    ///
    /// # Errors
    /// [`KvError::Internal`].
    pub async fn room(&self, bytes: usize) -> Result<Held, KvError> {
        self.memory.take(bytes).await.map_err(|error| failed(&error))
    }

    /// Does work that waits for the disk elsewhere.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn KvStore) -> Result<T, KvFault> + Send + 'static,
    ) -> Result<T, KvError> {
        let kv = Arc::clone(&self.storage.kv);
        match tokio::task::spawn_blocking(move || work(&*kv)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(fault)) => Err(self.refusal(&fault)),
            Err(error) => Err(failed(&error)),
        }
    }

    fn refusal(&self, fault: &KvFault) -> KvError {
        match fault {
            KvFault::Damaged { namespace: Namespace { tenant, id }, key } => {
                self.storage.count_damaged();
                tracing::error!(%tenant, namespace = %id.escape_debug(), key = %key.escape_debug(), "an entry of the KV store is damaged");
                KvError::Damaged
            }
            KvFault::Full => KvError::QuotaExceeded,
            KvFault::TitleTaken => KvError::TitleTaken,
            KvFault::TooManyNamespaces => KvError::TooManyNamespaces,
            KvFault::Newer { .. } | KvFault::Failed(_) => failed(fault),
        }
    }
}

/// Entries of these keys; `None` if their values have more than [`MAX_VALUE`] bytes together.
fn read(kv: &dyn KvStore, namespace: &Namespace, keys: Vec<String>) -> Result<Option<Read>, KvFault> {
    let (mut room, now) = (MAX_VALUE, now());
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let entry = match kv.get(namespace, &key, room, now)? {
            Sought::Found(entry) => Some(entry),
            Sought::Larger(_) => return Ok(None),
            Sought::Missing => None,
        };
        room -= entry.as_ref().map_or(0, |entry| entry.value.len());
        found.push((key, entry));
    }
    Ok(Some(found))
}

fn failed(error: &dyn std::fmt::Display) -> KvError {
    tracing::error!(%error, "the KV store failed");
    KvError::Internal
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Metadata as a value.
#[must_use]
pub fn parsed(metadata: Option<&str>) -> Option<Value> {
    metadata.and_then(|text| serde_json::from_str(text).ok())
}

/// When an entry goes, by either: seconds from `now`, or a moment in seconds since 1970. Both are as their caller wrote them.
///
/// # Errors
/// [`KvError::Invalid`].
pub fn expiration(ttl: Option<&str>, at: Option<&str>, now: i64) -> Result<Option<i64>, KvError> {
    let number = |name: &str, text: &str| match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => {
            Err(KvError::Invalid(format!("Invalid {name} of {text}. Please specify integer greater than 0.")))
        }
    };
    let invalid = |why| Err(KvError::Invalid(why));
    if let Some(ttl) = ttl {
        let ttl: i64 = number("expiration_ttl", ttl)?;
        if ttl < MIN_TTL {
            return invalid(format!(
                "Invalid expiration_ttl of {ttl}. Expiration TTL must be at least {MIN_TTL}."
            ));
        }
        return Ok(Some(now.saturating_add(ttl)));
    }
    match at.map(|at| number("expiration", at)).transpose()? {
        Some(at) if at <= now => invalid(format!(
            "Invalid expiration of {at}. Please specify integer greater than the current number of seconds since the UNIX epoch."
        )),
        Some(at) if at < now.saturating_add(MIN_TTL) => invalid(format!(
            "Invalid expiration of {at}. Expiration times must be at least {MIN_TTL} seconds in the future."
        )),
        at => Ok(at),
    }
}

fn checked_key(key: String) -> Result<String, KvError> {
    check_key(&key).map(|()| key)
}

fn check_key(key: &str) -> Result<(), KvError> {
    match key {
        "" => Err(KvError::Invalid("Key name cannot be empty.".into())),
        "." | ".." => Err(KvError::Invalid(format!("\"{key}\" is not allowed as a key name."))),
        _ if key.len() > MAX_KEY => Err(KvError::KeyTooLong(format!(
            "UTF-8 encoded length of {} exceeds key length limit of {MAX_KEY}.",
            key.len()
        ))),
        _ => Ok(()),
    }
}

fn check_metadata(text: &str) -> Result<(), KvError> {
    if text.len() > MAX_METADATA {
        let why = format!("Metadata length of {} exceeds limit of {MAX_METADATA}.", text.len());
        return Err(KvError::TooLarge(why));
    }
    serde_json::from_str::<serde::de::IgnoredAny>(text)
        .map(|_| ())
        .map_err(|_| KvError::Invalid("Metadata must be JSON.".into()))
}

/// Ids and titles: a handler's binding may name any of these.
fn check_name(name: &str) -> Result<(), KvError> {
    if name.is_empty() || name.len() > MAX_NAME || name.contains(char::is_control) {
        return Err(KvError::Invalid(format!("A namespace's name has 1 to {MAX_NAME} bytes of text.")));
    }
    Ok(())
}

fn checked(namespace: &Namespace) -> Result<Namespace, KvError> {
    check_name(&namespace.id).map(|()| namespace.clone())
}

fn parse_limit(text: &str) -> Result<usize, KvError> {
    let wish = match text.parse::<usize>() {
        Ok(limit @ 1..=MAX_LIST) => return Ok(limit),
        Ok(0) | Err(_) => "greater than 0".to_owned(),
        Ok(_) => format!("less than {MAX_LIST}"),
    };
    Err(KvError::Invalid(format!("Invalid key_count_limit of {text}. Please specify an integer {wish}.")))
}

fn decode_cursor(cursor: &str) -> Result<String, KvError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    bytes.ok_or_else(|| KvError::Invalid("Invalid cursor.".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expirations_are_as_workers_have_them() {
        let of = |ttl, at| expiration(ttl, at, 1000).map_err(|why| why.to_string());
        assert_eq!(of(Some("60"), None), Ok(Some(1060)));
        assert!(of(Some("59"), None).unwrap_err().contains("at least 60"));
        assert!(of(Some("x"), None).unwrap_err().contains("Invalid expiration_ttl of x"));
        assert_eq!(of(None, Some("1060")), Ok(Some(1060)));
        assert!(of(None, Some("1059")).unwrap_err().contains("in the future"));
        assert!(of(None, Some("1000")).unwrap_err().contains("since the UNIX epoch"));
        assert_eq!(of(None, None), Ok(None));
    }
}
