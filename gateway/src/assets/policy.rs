//! Which powers a served document or Worker script gets: CSP, Permissions-Policy and cross-origin rules.
//!
//! The isolate's policy is a security boundary (with the origin and the process it gives): handler code runs under
//! it and must reach nothing but its MessagePort. Loosen nothing here without a test that shows what it opens.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// The worker page and its module Worker: own scripts, own wasm, signalling, and frames on sandbox origins.
/// A wildcard cannot stand inside a label, so `sandbox-*` becomes `*`; what is framed there is ours all the same.
const PAGE_CSP: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
    connect-src 'self' ws: wss:; base-uri 'none'; object-src 'none'; form-action 'none'; frame-ancestors 'none'";

/// An isolate: scripts of its own origin and modules from blobs (a handler's files), and no way out. `import()` and
/// `importScripts` obey `script-src`; fetch, WebSocket, EventSource and WebTransport obey `connect-src`.
const ISOLATE_CSP: &str = "default-src 'none'; script-src 'self' blob: 'wasm-unsafe-eval'; worker-src 'self'; \
    connect-src 'none'; img-src 'none'; style-src 'none'; font-src 'none'; media-src 'none'; frame-src 'none'; \
    form-action 'none'; base-uri 'none'";

/// Every feature that Chromium 156 lets a policy switch off, client hints and `unload` left out. It has no wildcard.
const DENY_ALL: &str = "\
    accelerometer=(), aria-notify=(), autoplay=(), browsing-topics=(), camera=(), \
    captured-surface-control=(), clipboard-read=(), clipboard-write=(), compute-pressure=(), \
    cross-origin-isolated=(), deferred-fetch=(), deferred-fetch-minimal=(), \
    digital-credentials-create=(), digital-credentials-get=(), display-capture=(), \
    encrypted-media=(), fullscreen=(), gamepad=(), geolocation=(), gyroscope=(), hid=(), \
    identity-credentials-get=(), idle-detection=(), keyboard-map=(), language-detector=(), \
    language-model=(), local-fonts=(), local-network=(), local-network-access=(), \
    loopback-network=(), magnetometer=(), media-playback-while-not-visible=(), microphone=(), \
    midi=(), on-device-speech-recognition=(), otp-credentials=(), payment=(), \
    picture-in-picture=(), private-state-token-issuance=(), private-state-token-redemption=(), \
    publickey-credentials-create=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), \
    speaker-selection=(), storage-access=(), summarizer=(), sync-xhr=(), translator=(), usb=(), \
    window-management=(), xr-spatial-tracking=()";

/// Headers of the worker page and its assets, asked for on `host`. It may frame this host's sandbox origins.
pub(super) fn page(headers: &mut HeaderMap, host: &str) {
    let csp = HeaderValue::try_from(format!("{PAGE_CSP}; frame-src {}", sandbox_origins(host)));
    // As below: only host characters get there.
    let csp = csp.unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    set(headers, header::CONTENT_SECURITY_POLICY, csp);
    set(headers, RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
}

/// Headers of an isolate's file, asked for on `host`. Only the frame's document may be framed, by the main origin.
pub(super) fn isolate(headers: &mut HeaderMap, host: &str, is_frame: bool) {
    let ancestors = if is_frame { main_origins(host) } else { "'none'".to_owned() };
    let csp = HeaderValue::try_from(format!("{ISOLATE_CSP}; frame-ancestors {ancestors}"));
    // `main_origins` lets only host characters through; should that ever be wrong, nothing may be framed or run.
    let csp = csp.unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    set(headers, header::CONTENT_SECURITY_POLICY, csp);
    set(headers, PERMISSIONS_POLICY, HeaderValue::from_static(DENY_ALL));
    // The page that frames it is another site; scripts are for the frame itself.
    let readers = if is_frame { "cross-origin" } else { "same-origin" };
    set(headers, RESOURCE_POLICY, HeaderValue::from_static(readers));
}

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

fn set(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    headers.insert(name, value);
}

/// The origins that may frame `sandbox-<tenant>.<rest>`: `<rest>`, and the loopback address beside `localhost`.
fn main_origins(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let rest =
        host.strip_prefix("sandbox-").and_then(|host| host.split_once('.')).map_or("", |(_, rest)| rest);
    if !is_clean(rest) {
        return "'none'".to_owned();
    }
    let port = rest.find(':').map_or("", |colon| &rest[colon..]);
    match rest.strip_suffix(port) {
        Some("localhost") => format!("http://localhost{port} http://127.0.0.1{port}"),
        _ => format!("http://{rest} https://{rest}"),
    }
}

/// The origins that the worker page at `host` may frame: one label below it, or below `localhost` on loopback.
fn sandbox_origins(host: &str) -> String {
    let loopback = ["localhost", "127.0.0.1", "[::1]"]
        .iter()
        .any(|name| host.strip_prefix(name).is_some_and(|port| port.is_empty() || port.starts_with(':')));
    if loopback {
        return "http://*.localhost:*".to_owned();
    }
    if is_clean(host) { format!("http://*.{host} https://*.{host}") } else { "'none'".to_owned() }
}

/// Whether `host` is not empty and has nothing that means something in a policy.
fn is_clean(host: &str) -> bool {
    !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One bad member makes a browser drop the whole header (RFC 9651, section 4.2).
    #[test]
    fn every_feature_of_the_permissions_policy_is_well_formed() {
        for member in DENY_ALL.split(", ") {
            let name = member.strip_suffix("=()").unwrap_or_else(|| panic!("{member:?}"));
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name:?}");
        }
    }

    #[test]
    fn the_page_frames_sandboxes_of_its_own_host_only() {
        for (host, expected) in [
            ("localhost:8787", "http://*.localhost:*"),
            ("127.0.0.1:8787", "http://*.localhost:*"),
            ("[::1]:1", "http://*.localhost:*"),
            ("mesh.example:1", "http://*.mesh.example:1 https://*.mesh.example:1"),
            ("localhost.evil.example", "http://*.localhost.evil.example https://*.localhost.evil.example"),
            ("x; script-src *", "'none'"),
            ("", "'none'"),
        ] {
            assert_eq!(sandbox_origins(host), expected, "{host}");
        }
    }

    #[test]
    fn the_frame_may_be_framed_by_its_own_main_origin_only() {
        for (host, expected) in [
            ("sandbox-default.localhost:8787", "http://localhost:8787 http://127.0.0.1:8787"),
            ("SANDBOX-a.LOCALHOST", "http://localhost http://127.0.0.1"),
            ("sandbox-a.mesh.example:1", "http://mesh.example:1 https://mesh.example:1"),
            ("localhost:8787", "'none'"),
            ("sandbox-a", "'none'"),
            ("sandbox-a.", "'none'"),
            ("", "'none'"),
            ("sandbox-a.x; script-src *", "'none'"),
            ("sandbox-a.localhost:1 http://evil", "'none'"),
        ] {
            assert_eq!(main_origins(host), expected, "{host}");
        }
    }
}
