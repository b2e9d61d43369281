//! Answers by path stand on the gateway's own origin, beside the worker page. A handler's page must not act there as if
//! it were the gateway's: browsers are told to give such documents no origin at all.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Scripts, forms and windows as usual, but no origin (no `allow-same-origin`): no cookies or storage of the gateway's,
/// no reach into the worker page, no service worker. Added to what the handler says: policies only add up.
const GUEST: HeaderValue = HeaderValue::from_static(
    "sandbox allow-scripts allow-forms allow-modals allow-popups allow-popups-to-escape-sandbox allow-downloads \
     allow-top-navigation-by-user-activation",
);

/// Media types that a browser never shows as a document with scripts in it.
const HARMLESS: [&str; 8] = [
    "application/json",
    "application/problem+json",
    "application/octet-stream",
    "text/plain",
    "text/css",
    "image/png",
    "image/jpeg",
    "text/event-stream",
];

/// Would let a script of a handler's answer for paths beyond its own.
const SERVICE_WORKER_ALLOWED: HeaderName = HeaderName::from_static("service-worker-allowed");

/// Marks an answer to a request by path, unless it can be no document.
pub fn confine(headers: &mut HeaderMap) {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let harmless = HARMLESS.iter().any(|harmless| kind.eq_ignore_ascii_case(harmless));
    headers.remove(SERVICE_WORKER_ALLOWED);
    if !harmless {
        headers.append(header::CONTENT_SECURITY_POLICY, GUEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_get_no_origin_whatever_they_say_themselves() {
        for (kind, confined) in [
            ("text/html; charset=utf-8", true),
            ("TEXT/HTML", true),
            ("image/svg+xml", true),
            ("application/xhtml+xml", true),
            ("text/javascript", true),
            ("", true),
            ("Application/JSON; charset=utf-8", false),
            ("text/plain;charset=UTF-8", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src *"));
            headers.append(header::CONTENT_TYPE, HeaderValue::from_str(kind).unwrap());
            confine(&mut headers);
            let policies: Vec<_> = headers.get_all(header::CONTENT_SECURITY_POLICY).iter().collect();
            assert_eq!(policies.len(), if confined { 2 } else { 1 }, "{kind}");
        }
        assert!(!GUEST.to_str().unwrap().contains("allow-same-origin"));
    }
}
