//! What the gateway knows of a caller's connection, for the handler's `request.cf`: a field that isolates take off the head, and
//! read when a handler asks.

use http::{HeaderName, HeaderValue, Version};
use std::str::FromStr;

/// The field; the last one of a head. `web/isolate/cf.js` reads it.
pub const FIELD: HeaderName = HeaderName::from_static("x-tabmesh-cf");

/// Fields by which a proxy in front says where a caller is, as Cloudflare's "Add visitor location headers" names them. Whoever
/// else sends them is not believed.
const LOCATION: [HeaderName; 10] = [
    HeaderName::from_static("cf-ipcountry"),
    HeaderName::from_static("cf-ipcontinent"),
    HeaderName::from_static("cf-ipcity"),
    HeaderName::from_static("cf-iplatitude"),
    HeaderName::from_static("cf-iplongitude"),
    HeaderName::from_static("cf-region"),
    HeaderName::from_static("cf-region-code"),
    HeaderName::from_static("cf-metro-code"),
    HeaderName::from_static("cf-postal-code"),
    HeaderName::from_static("cf-timezone"),
];

/// What a gateway calls the place where it is, for `request.cf.colo`: a word of letters and digits.
#[derive(Clone, Debug)]
pub struct Colo(String);

/// What is the same for all requests of a gateway, but for the HTTP version: made once.
#[derive(Clone, Debug)]
pub struct Abouts {
    http1: HeaderValue,
    http2: HeaderValue,
    /// A proxy in front says where callers are.
    is_located: bool,
}

/// What is known of one caller's connection.
#[derive(Clone, Debug)]
pub struct About {
    text: HeaderValue,
    is_located: bool,
}

impl Colo {
    /// What it is called where nobody says.
    pub const DEFAULT: &'static str = "TAB";
}

impl FromStr for Colo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_name {
            Ok(Self(text.to_owned()))
        } else {
            Err("it is a word of 1 to 16 letters and digits".into())
        }
    }
}

impl Abouts {
    /// For a gateway at this place; `is_located`: a proxy in front says where callers are.
    #[must_use]
    pub fn new(Colo(colo): &Colo, is_located: bool) -> Self {
        let located = if is_located { " located" } else { "" };
        // Letters, digits and spaces: it is always one.
        let value = |version| HeaderValue::try_from(format!("{version} {colo}{located}"));
        let value = |version| value(version).unwrap_or(HeaderValue::from_static(""));
        Self { http1: value("HTTP/1.1"), http2: value("HTTP/2"), is_located }
    }

    /// Of a connection that speaks this version.
    #[must_use]
    pub fn of(&self, version: Version) -> About {
        let text = if version == Version::HTTP_2 { &self.http2 } else { &self.http1 };
        About { text: text.clone(), is_located: self.is_located }
    }
}

impl About {
    /// Puts it into a request's fields, and takes away what the caller claims of itself.
    pub(super) fn insert(self, headers: &mut http::HeaderMap) {
        if !self.is_located
            && headers.keys().any(|name| name.as_str().starts_with("cf-") && LOCATION.contains(name))
        {
            LOCATION.iter().for_each(|name| drop(headers.remove(name)));
        }
        // New, and so the last.
        headers.remove(FIELD);
        headers.insert(FIELD, self.text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    #[test]
    fn what_a_caller_claims_is_not_believed_and_the_field_is_the_last() {
        let claimed = || {
            let mut headers = HeaderMap::new();
            for (name, value) in [("x-tabmesh-cf", "mine"), ("cf-ipcountry", "XX"), ("a", "1"), ("b", "2")] {
                headers.append(name, HeaderValue::from_static(value));
            }
            headers
        };
        for (located, names) in
            [(false, &["b", "a", "x-tabmesh-cf"][..]), (true, &["b", "cf-ipcountry", "a", "x-tabmesh-cf"])]
        {
            let mut headers = claimed();
            Abouts::new(&"TAB".parse().unwrap(), located).of(Version::HTTP_2).insert(&mut headers);
            let (mut left, mut wanted): (Vec<_>, Vec<_>) =
                (headers.keys().map(HeaderName::as_str).collect(), names.to_vec());
            assert_eq!(left.last(), Some(&"x-tabmesh-cf"));
            left.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(left, wanted);
        }
        let mut headers = HeaderMap::new();
        Abouts::new(&"LHR".parse().unwrap(), true).of(Version::HTTP_11).insert(&mut headers);
        assert_eq!(headers["x-tabmesh-cf"], "HTTP/1.1 LHR located");
        assert!("a b".parse::<Colo>().is_err() && "".parse::<Colo>().is_err());
    }
}
