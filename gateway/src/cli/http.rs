//! How commands make HTTP connections: certificates, names of this machine, no proxy.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, ClientBuilder};

use super::error::CliError;

/// A builder for `url`, with more certificates to trust from `ca`.
pub(super) fn builder(url: &str, ca: Option<&Path>) -> Result<ClientBuilder, CliError> {
    // Whoever installed one before us is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // The gateway is named, or on this machine: a proxy for the rest of the world has no part in it.
    let builder = reqwest::Client::builder().no_proxy().dns_resolver(Arc::new(Names));
    if !url.starts_with("https:") {
        // The system's certificates need not be read.
        return Ok(builder.tls_certs_only([]));
    }
    let Some(path) = ca else { return Ok(builder) };
    let pem = std::fs::read(path).map_err(|error| CliError::file(path, error))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(builder.tls_certs_merge(certificates)),
        _ => Err(CliError::usage(
            format!("{} holds no certificate", path.display()),
            "it is a file in PEM format",
        )),
    }
}

/// The innermost reason of an error, which is the one that people understand.
pub(super) fn reason(error: &dyn std::error::Error) -> String {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        reason = source.to_string();
        cause = source.source();
    }
    reason
}

/// What to do about a reason for which the gateway at `base` cannot be reached.
pub(super) fn hint(base: &str, reason: &str) -> &'static str {
    let says = |part: &str| reason.contains(part);
    if says("UnknownIssuer") || says("CaUsedAsEndEntity") || says("CA certificates") {
        "name the root of its certificate with --ca FILE, with TABMESH_CA, or as `ca` in a configuration file"
    } else if says("not valid for name") {
        "name the gateway as its certificate does, with --gateway"
    } else if says("certificate expired") || says("certificate not valid yet") {
        "whoever runs it must give it a new certificate, unless this machine's clock is wrong"
    } else if base.starts_with("https:") && says("InvalidContentType") {
        "it speaks no TLS there: use http://"
    } else if base.starts_with("http:") && says("invalid HTTP version") {
        "it may speak TLS there: use https://"
    } else {
        "start one with `tabmesh serve`, or name another with --gateway"
    }
}

/// The system's names, and `*.localhost`, which not every system resolves to itself.
struct Names;

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let name = name.as_str();
            let found: Vec<SocketAddr> = if name.ends_with(".localhost") {
                vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]
            } else {
                tokio::net::lookup_host((name, 0)).await?.collect()
            };
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
