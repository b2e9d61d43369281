//! Who gets which version while a deployment has several: whoever has the same key gets the same. Pure.

use http::{HeaderMap, HeaderName};
use sha2::{Digest as _, Sha256};

/// Says what requests belong together, as at Cloudflare: a user's id, say.
const VERSION_KEY: HeaderName = HeaderName::from_static("cloudflare-workers-version-key");

/// Says which version is wanted, as at Cloudflare: `handler="version"`, separated by commas.
const VERSION_OVERRIDES: HeaderName = HeaderName::from_static("cloudflare-workers-version-overrides");

/// A number for a handler's caller: the same in every gateway, and no two handlers divide callers alike.
#[must_use]
pub fn of(handler: &str, caller: &[u8]) -> u64 {
    let mut digest = Sha256::new();
    digest.update(handler);
    digest.update(b"/");
    digest.update(caller);
    let digest = digest.finalize();
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The same for a request of the caller at `address`, who may say by a field what belongs together.
#[must_use]
pub fn of_request(handler: &str, headers: &HeaderMap, address: &[u8]) -> u64 {
    of(handler, headers.get(&VERSION_KEY).map_or(address, |key| key.as_bytes()))
}

/// The version that a request asks for: a hash, or its beginning.
#[must_use]
pub fn wanted<'a>(handler: &str, headers: &'a HeaderMap) -> Option<std::borrow::Cow<'a, str>> {
    let text = headers.get(&VERSION_OVERRIDES)?.to_str().ok()?;
    let (_, version) = text
        .split(',')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| name.trim() == handler)?;
    let version = version.trim().trim_matches('"');
    // As a UUID, or as it is.
    Some(if version.contains('-') { version.replace('-', "").into() } else { version.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn requests_say_what_belongs_together_and_what_they_want() {
        let mut headers = HeaderMap::new();
        assert_eq!(of_request("a", &headers, b"192.0.2.1"), of("a", b"192.0.2.1"));
        assert_ne!(of("a", b"x"), of("b", b"x"));
        headers.insert(VERSION_KEY, HeaderValue::from_static("user"));
        assert_eq!(of_request("a", &headers, b"192.0.2.1"), of("a", b"user"));
        assert_eq!(wanted("a", &headers), None);
        let overrides = "other=\"1\", a = \"0123-4567\"";
        headers.insert(VERSION_OVERRIDES, HeaderValue::from_static(overrides));
        assert_eq!(wanted("a", &headers).as_deref(), Some("01234567"));
        assert_eq!(wanted("b", &headers), None);
    }
}
