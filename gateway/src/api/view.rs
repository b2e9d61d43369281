//! A handler as the API shows it.

use std::time::{Duration, UNIX_EPOCH};

use http::uri::Authority;
use serde::Serialize;

use crate::catalog::{Handler, Limits, ModuleInfo};

/// The JSON of one handler.
#[derive(Serialize)]
pub(super) struct View<'a> {
    name: &'a str,
    tenant: &'a str,
    version: &'a str,
    /// Only in the answer to a PUT.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<bool>,
    modules: &'a [ModuleInfo],
    size: u64,
    limits: Limits,
    urls: Urls,
    created_at: String,
    updated_at: String,
}

/// Where the handler answers.
#[derive(Serialize)]
struct Urls {
    /// On a host of its own.
    host: String,
    /// On the gateway's host.
    path: String,
}

impl<'a> View<'a> {
    /// `own` is the host that the request was for: the handler's has the same port.
    pub(super) fn new(handler: &'a Handler, domain: &str, own: Option<&Authority>) -> Self {
        let port = own.and_then(Authority::port_u16).map(|port| format!(":{port}")).unwrap_or_default();
        View {
            name: &handler.name,
            tenant: &handler.tenant,
            version: &handler.version,
            created: None,
            modules: &handler.modules,
            size: handler.size,
            limits: handler.limits,
            urls: Urls {
                host: format!("http://{}.{domain}{port}/", handler.name),
                path: format!("/{}/", handler.name),
            },
            created_at: time(handler.created_at_ms),
            updated_at: time(handler.updated_at_ms),
        }
    }

    /// Says whether the PUT made it.
    pub(super) fn created(self, created: bool) -> Self {
        View { created: Some(created), ..self }
    }
}

/// RFC 3339 in UTC with milliseconds.
fn time(ms: u64) -> String {
    /// The end of the year 9999, the last one that RFC 3339 can write.
    const LAST: u64 = 253_402_300_799_999;
    let time = UNIX_EPOCH + Duration::from_millis(ms.min(LAST));
    humantime::format_rfc3339_millis(time).to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn times() {
        assert_eq!(super::time(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(super::time(u64::MAX), "9999-12-31T23:59:59.999Z");
    }
}
