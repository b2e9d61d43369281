//! What callers and metrics are told of the cache's part in an answer: the names that Cloudflare gives.

use http::{HeaderName, HeaderValue, Response};

/// The field.
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cf-cache-status");

/// The cache's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It answered.
    Hit,
    /// It had nothing; the handler's answer is stored, if it comes whole and is not too large.
    Miss,
    /// It had something too old; the handler's answer takes its place.
    Expired,
    /// It answered with something too old, because the handler failed.
    Stale,
    /// It answered with something too old that is fetched anew meanwhile.
    Updating,
    /// It answered with something old that the handler confirmed.
    Revalidated,
    /// The handler's answer must not be stored.
    Bypass,
    /// The handler's answer says nothing about caching.
    Dynamic,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Hit,
        Self::Miss,
        Self::Expired,
        Self::Stale,
        Self::Updating,
        Self::Revalidated,
        Self::Bypass,
        Self::Dynamic,
    ];

    /// As the field and the metric's label have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hit => "HIT",
            Self::Miss => "MISS",
            Self::Expired => "EXPIRED",
            Self::Stale => "STALE",
            Self::Updating => "UPDATING",
            Self::Revalidated => "REVALIDATED",
            Self::Bypass => "BYPASS",
            Self::Dynamic => "DYNAMIC",
        }
    }

    /// Says so in a response.
    pub fn mark<B>(self, response: &mut Response<B>) {
        response.headers_mut().insert(CACHE_STATUS, HeaderValue::from_static(self.name()));
    }
}
