//! What handlers call that is no binding: names in [`crate::CallHead::binding`] that no binding can have.

/// Outbound fetch that follows redirects.
pub const FETCH: &str = ":fetch";

/// Outbound fetch that gives redirects to the handler.
pub const FETCH_MANUAL: &str = ":fetch-manual";

/// Outbound fetch that fails at a redirect.
pub const FETCH_ERROR: &str = ":fetch-error";

/// The handler's own key-value namespace, which needs no binding.
pub const OWN_KV: &str = ":kv";

/// The handler's own SQL database, which needs no binding.
pub const OWN_SQL: &str = ":sql";
