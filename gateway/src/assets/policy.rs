//! Which powers a served document or Worker script gets: CSP, Permissions-Policy and cross-origin rules.
//!
//! The isolate's policy is a security boundary (with the origin and the process it gives): handler code runs under
//! it and must reach nothing but its MessagePort. Loosen nothing here without a test that shows what it opens.

use super::isolate::{FRAME_PAGE, ISOLATE_SCRIPT};
use crate::sandbox::SandboxDomain;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// The worker page and its module Worker: own scripts, own wasm, signalling; frames of its own origin (opaque sandboxes)
/// and of the sandbox origins, which are added by host.
pub(super) const PAGE_CSP: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
    connect-src 'self' ws: wss:; base-uri 'none'; object-src 'none'; form-action 'none'; frame-ancestors 'none'";

/// What no document or Worker of a sandbox may do, whatever else its policy says. fetch, WebSocket, EventSource and
/// WebTransport obey `connect-src`.
pub(super) const NOTHING: &str = "default-src 'none'; connect-src 'none'; img-src 'none'; style-src 'none'; font-src 'none'; \
    media-src 'none'; object-src 'none'; frame-src 'none'; form-action 'none'; base-uri 'none'";

/// The frame on an origin of its own: its script and the isolates' script, both from there. No handler code runs in it.
const FRAME: &str = "script-src 'self'; worker-src 'self'";

/// An isolate with an origin of its own: modules from blobs (a handler's files), code from strings (the same, quicker),
/// which includes wasm, and nothing by URL. `import()` and `importScripts` obey `script-src`, so not even the files of
/// the own origin can be asked for. No `worker-src`: Firefox holds static imports inside a Worker against it. It falls
/// back to `script-src`; that no Worker is made from a blob is the lockdown's business, which leaves neither `Worker` nor
/// `URL.createObjectURL`, and neither `eval` nor `Function`.
const WORKER: &str = "script-src blob: 'unsafe-eval'";

/// The opaque frame. Its Workers come from `data:` URLs and so have its policy as theirs: what [`WORKER`] allows, the
/// frame's own script by hash (which no import can use), and the right to make such Workers, which only the frame
/// still has once an isolate is locked down. `blob:` is for static imports in Firefox, as above.
const OPAQUE: &str = "sandbox allow-scripts; worker-src data: blob:";

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

/// Headers of the worker page and its assets, asked for on `host`. It may frame the sandboxes that it uses.
pub(super) fn page(headers: &mut HeaderMap, host: &str, sandbox: Option<&SandboxDomain>) {
    let csp = format!("{PAGE_CSP}; frame-src 'self'{}", sandbox_origins(host, sandbox));
    set_csp(headers, csp);
    set(headers, RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
}

/// The policies of sandboxes.
pub(super) struct Isolate {
    /// Domain of the main origin.
    domain: String,
    opaque: String,
}

impl Isolate {
    /// `opaque_script` is the CSP source that allows the opaque frame's own script.
    pub(super) fn new(domain: &str, opaque_script: &str) -> Self {
        let opaque = format!(
            "{OPAQUE}; {NOTHING}; script-src {opaque_script} blob: 'unsafe-eval'; frame-ancestors 'self'"
        );
        Self { domain: domain.to_owned(), opaque }
    }

    /// All that the policies hold besides the host, to tell versions of them apart.
    pub(super) fn fingerprint(&self) -> String {
        [&self.domain, &self.opaque, NOTHING, FRAME, WORKER, DENY_ALL].join("\n")
    }

    /// Headers of the opaque sandbox's document. Only the page that it is for may frame it.
    pub(super) fn opaque(&self, headers: &mut HeaderMap) {
        set_csp(headers, self.opaque.clone());
        set(headers, PERMISSIONS_POLICY, HeaderValue::from_static(DENY_ALL));
        set(headers, RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    }

    /// Headers of the file `path` of the sandbox origin `host`. Only the frame's document may be framed, by the main
    /// origin.
    pub(super) fn own_origin(
        &self,
        headers: &mut HeaderMap,
        path: &str,
        host: &str,
        sandbox: Option<&SandboxDomain>,
    ) {
        let is_frame = path == FRAME_PAGE;
        let ancestors = if is_frame { self.main_origins(host, sandbox) } else { "'none'".to_owned() };
        let scripts = match path {
            FRAME_PAGE => FRAME,
            ISOLATE_SCRIPT => WORKER,
            // Loaded by the frame and under its policy; by itself it is nothing.
            _ => "script-src 'none'",
        };
        set_csp(headers, format!("{NOTHING}; {scripts}; frame-ancestors {ancestors}"));
        set(headers, PERMISSIONS_POLICY, HeaderValue::from_static(DENY_ALL));
        // The page that frames it is another site; scripts are for the frame itself.
        let readers = if is_frame { "cross-origin" } else { "same-origin" };
        set(headers, RESOURCE_POLICY, HeaderValue::from_static(readers));
    }

    /// The origins that may frame the sandbox at `host`: those at which the worker page is opened.
    fn main_origins(&self, host: &str, sandbox: Option<&SandboxDomain>) -> String {
        let host = host.to_ascii_lowercase();
        if !is_clean(&host) {
            return "'none'".to_owned();
        }
        if sandbox.is_some_and(|sandbox| sandbox.covers(&host)) {
            // A proxy may stand before the page and before the sandbox, each at a port of its own.
            return match self.domain.as_str() {
                "localhost" => "http://localhost:* http://127.0.0.1:*".to_owned(),
                domain if is_clean(domain) => format!("http://{domain}:* https://{domain}:*"),
                _ => "'none'".to_owned(),
            };
        }
        let rest =
            host.strip_prefix("sandbox-").and_then(|host| host.split_once('.')).map_or("", |(_, rest)| rest);
        let port = rest.find(':').map_or("", |colon| &rest[colon..]);
        if rest.strip_suffix(port) == Some("localhost") {
            // With a port `http:` does not stand for `https:` too.
            ["http", "https"]
                .map(|scheme| format!("{scheme}://localhost{port} {scheme}://127.0.0.1{port}"))
                .join(" ")
        } else {
            "'none'".to_owned()
        }
    }
}

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

fn set(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    headers.insert(name, value);
}

/// Only clean hosts get into a policy; should that ever be wrong, nothing may be framed or run.
fn set_csp(headers: &mut HeaderMap, csp: String) {
    let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    set(headers, header::CONTENT_SECURITY_POLICY, HeaderValue::try_from(csp).unwrap_or(nothing));
}

/// The sandbox origins that the worker page at `host` may frame, each with a space before it.
fn sandbox_origins(host: &str, sandbox: Option<&SandboxDomain>) -> String {
    let port = host.rfind(':').map_or("", |colon| &host[colon..]);
    let port = if port.bytes().skip(1).all(|byte| byte.is_ascii_digit()) { port } else { "" };
    let mut origins = sandbox.map_or_else(String::new, |sandbox| format!(" {}", sandbox.sources(port)));
    let loopback = ["localhost", "127.0.0.1", "[::1]"]
        .iter()
        .any(|name| host.strip_prefix(name).is_some_and(|port| port.is_empty() || port.starts_with(':')));
    if loopback {
        // A wildcard cannot stand inside a label, so `sandbox-*` becomes `*`.
        origins.push_str(" http://*.localhost:*");
    }
    origins
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

    fn domain() -> SandboxDomain {
        "Sandbox.example:9".parse().unwrap()
    }

    #[test]
    fn the_page_frames_only_the_sandboxes_that_it_uses() {
        for (host, own) in [
            ("localhost:8787", " http://*.localhost:*"),
            ("127.0.0.1:8787", " http://*.localhost:*"),
            ("[::1]:1", " http://*.localhost:*"),
            ("mesh.example:1", ""),
            ("localhost.evil.example", ""),
            ("x; script-src *", ""),
            ("", ""),
        ] {
            assert_eq!(sandbox_origins(host, None), own, "{host}");
            let both = format!(" http://*.sandbox.example:9 https://*.sandbox.example:9{own}");
            assert_eq!(sandbox_origins(host, Some(&domain())), both, "{host}");
        }
        let plain = "s.example".parse().unwrap();
        assert_eq!(
            sandbox_origins("mesh.example:1", Some(&plain)),
            " http://*.s.example:1 https://*.s.example:1"
        );
        assert_eq!(
            sandbox_origins("x:; script-src *", Some(&plain)),
            " http://*.s.example https://*.s.example"
        );
    }

    #[test]
    fn the_frame_may_be_framed_by_the_main_origin_only() {
        let policies = Isolate::new("mesh.example", "'x'");
        for (host, expected) in [
            (
                "sandbox-default.localhost:8787",
                "http://localhost:8787 http://127.0.0.1:8787 https://localhost:8787 https://127.0.0.1:8787",
            ),
            ("SANDBOX-a.LOCALHOST", "http://localhost http://127.0.0.1 https://localhost https://127.0.0.1"),
            ("a.sandbox.example:9", "http://mesh.example:* https://mesh.example:*"),
            ("sandbox-a.mesh.example:1", "'none'"),
            ("localhost:8787", "'none'"),
            ("sandbox-a", "'none'"),
            ("sandbox-a.", "'none'"),
            ("", "'none'"),
            ("sandbox-a.x; script-src *", "'none'"),
            ("sandbox-a.localhost:1 http://evil", "'none'"),
        ] {
            assert_eq!(policies.main_origins(host, Some(&domain())), expected, "{host}");
        }
        let local = Isolate::new("localhost", "'x'");
        assert_eq!(
            local.main_origins("a.sandbox.example", Some(&domain())),
            "http://localhost:* http://127.0.0.1:*"
        );
        assert_eq!(Isolate::new("x; y", "'x'").main_origins("a.sandbox.example", Some(&domain())), "'none'");
    }

    #[test]
    fn every_policy_has_its_own_fingerprint() {
        let print = |domain, script| Isolate::new(domain, script).fingerprint();
        assert_ne!(print("a", "'x'"), print("b", "'x'"));
        assert_ne!(print("a", "'x'"), print("a", "'y'"));
    }
}
