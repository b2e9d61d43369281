//! What nobody is shown: header fields and parts of URLs that are likely to be secrets. As Workers' tail does it, and parameters
//! by their names too. Pure.

use std::borrow::Cow;

/// What stands where something was taken away.
pub const REDACTED: &str = "REDACTED";

/// Words in a name that make its value a secret.
const SENSITIVE: [&str; 7] = ["auth", "jwt", "key", "secret", "token", "password", "signature"];

/// Hex digits in a row that are an identifier.
const HEX_ID: usize = 32;

/// Characters of an identifier in base 64, and how many of them are digits, capitals and small letters at least.
const BASE64_ID: (usize, usize) = (21, 2);

/// Whether the value of a field or parameter of this name is to be hidden.
#[must_use]
pub fn is_sensitive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(&*name, "cookie" | "set-cookie" | "pwd" | "sig" | "code" | "session" | "sid")
        || SENSITIVE.iter().any(|word| name.contains(word))
}

/// A URL, or a path with a query, as it may be shown: without user and password, without the values of sensitive parameters,
/// without long identifiers.
#[must_use]
pub fn url(url: &str) -> String {
    let (whole, _) = url.split_once('#').unwrap_or((url, ""));
    let (path, query) = whole.split_once('?').map_or((whole, None), |(path, query)| (path, Some(query)));
    let path = match path.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            let host = authority.rsplit('@').next().unwrap_or_default();
            Cow::Owned([scheme, "://", host, &identifiers(path)].concat())
        }
        None => identifiers(path),
    };
    let Some(query) = query else { return path.into_owned() };
    let mut shown = path.into_owned();
    for (index, pair) in query.split('&').enumerate() {
        shown.push(if index == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) if is_sensitive(&decoded(name)) => {
                shown.push_str(&identifiers(name));
                shown.push('=');
                shown.push_str(REDACTED);
            }
            _ => shown.push_str(&identifiers(pair)),
        }
    }
    shown
}

fn decoded(name: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(name).decode_utf8_lossy()
}

/// The text with [`REDACTED`] for what looks like an identifier: who knows one may be able to use it.
fn identifiers(text: &str) -> Cow<'_, str> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'_' | b'-');
    let mut shown = String::new();
    let mut rest = text;
    let mut found = false;
    while let Some(start) = rest.bytes().position(is_part) {
        let length = rest[start..].bytes().position(|byte| !is_part(byte)).unwrap_or(rest.len() - start);
        let (before, word, after) = (&rest[..start], &rest[start..start + length], &rest[start + length..]);
        shown.push_str(before);
        if is_identifier(word) {
            found = true;
            shown.push_str(REDACTED);
        } else {
            shown.push_str(word);
        }
        rest = after;
    }
    if !found {
        return Cow::Borrowed(text);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

fn is_identifier(word: &str) -> bool {
    let count = |is: fn(&u8) -> bool| word.bytes().filter(is).count();
    let (longest, least) = BASE64_ID;
    let hex = count(u8::is_ascii_hexdigit);
    (hex >= HEX_ID && word.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'-' | b'_')))
        || (word.len() >= longest
            && count(u8::is_ascii_digit) >= least
            && count(u8::is_ascii_uppercase) >= least
            && count(u8::is_ascii_lowercase) >= least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_carry_secrets_are_known_by_their_names() {
        for name in [
            "Authorization",
            "Proxy-Authorization",
            "Cookie",
            "set-cookie",
            "X-Api-Key",
            "cf-access-jwt",
            "x-token",
        ] {
            assert!(is_sensitive(name), "{name}");
        }
        for name in ["accept", "host", "user-agent", "content-type", "x-request-id", "traceparent"] {
            assert!(!is_sensitive(name), "{name}");
        }
    }

    #[test]
    fn urls_lose_what_may_be_a_secret_and_nothing_else() {
        for (given, shown) in [
            ("http://h.localhost:1/a/b?x=1&y", "http://h.localhost:1/a/b?x=1&y"),
            ("http://u:p@h/a?token=abc&x=1#f", "http://h/a?token=REDACTED&x=1"),
            ("/a?access_token=abc&t%6Fken=d", "/a?access_token=REDACTED&t%6Fken=REDACTED"),
            ("http://h/00112233445566778899aabbccddeeff/x", "http://h/REDACTED/x"),
            ("http://h/?x=aB3dE5gH7jK9mN1pQ3sT5", "http://h/?x=REDACTED"),
            ("http://h/a-long-path-of-many-words-in-it", "http://h/a-long-path-of-many-words-in-it"),
            ("tabmesh:scheduled?cron=*&time=1", "tabmesh:scheduled?cron=*&time=1"),
            ("http://h/grüße?ä=ö", "http://h/grüße?ä=ö"),
        ] {
            assert_eq!(url(given), shown);
        }
    }
}
