//! A handler as the API shows it.

use std::time::{Duration, UNIX_EPOCH};

use http::uri::Authority;
use serde::Serialize;
use utoipa::ToSchema;

use tabmesh_protocol::{Limits, Target};

use super::ApiLimits;
use crate::catalog::{Handler, ModuleInfo};
use crate::deploy::MAX_HANDLER_NAME;
use crate::front::PREVIEW;
use crate::limits;
use crate::routes::Pattern;
use crate::store::DEFAULT_TENANT;

/// The JSON of one handler.
#[derive(Serialize, ToSchema)]
#[schema(as = Handler)]
pub(super) struct View<'a> {
    name: &'a str,
    tenant: &'a str,
    version: &'a str,
    /// Of the version, from 1.
    number: u32,
    /// Only in the answer to a PUT.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<bool>,
    modules: &'a [ModuleInfo],
    size: u64,
    /// As they hold, within the gateway's caps.
    #[schema(value_type = Object)]
    limits: Limits,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    crons: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routes: Vec<String>,
    urls: Urls,
    created_at: String,
    updated_at: String,
}

/// Where the handler answers.
#[derive(Serialize, ToSchema)]
struct Urls {
    /// On a host of its own.
    host: String,
    /// On the gateway's host; only the default tenant's handlers are there too.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Of this version, whatever is deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<String>,
}

impl<'a> View<'a> {
    /// `own` is the host that the request was for: the handler's has the same port.
    pub(super) fn new(handler: &'a Handler, api: &ApiLimits, own: Option<&Authority>) -> Self {
        let Target { tenant, handler: name, version } = &*handler.target;
        View {
            name,
            tenant,
            version,
            number: handler.number,
            created: None,
            modules: &handler.modules,
            size: handler.size,
            limits: limits::within(handler.limits, &api.caps),
            crons: &handler.crons,
            routes: handler.routes.iter().map(Pattern::to_string).collect(),
            urls: Urls {
                host: host(name, tenant, api, own),
                path: (tenant == DEFAULT_TENANT).then(|| format!("/{name}/")),
                preview: handler.previews.then(|| preview(version, name, tenant, api, own)).flatten(),
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

/// The URL of a handler's own host.
fn host(name: &str, tenant: &str, api: &ApiLimits, own: Option<&Authority>) -> String {
    let port = own.and_then(Authority::port_u16).map(|port| format!(":{port}")).unwrap_or_default();
    let owner = if tenant == DEFAULT_TENANT { String::new() } else { format!("{tenant}.") };
    format!("{}://{name}.{owner}{}{port}/", api.scheme, api.domain)
}

/// The URL of a version alone, where it can be a host.
pub(super) fn preview(
    version: &str,
    name: &str,
    tenant: &str,
    api: &ApiLimits,
    own: Option<&Authority>,
) -> Option<String> {
    let label = format!("{}-{name}", version.get(..PREVIEW)?);
    (label.len() <= MAX_HANDLER_NAME).then(|| host(&label, tenant, api, own))
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn time(ms: u64) -> String {
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
