//! What connections come through: TLS and proxies.

use clap::Args;
use ipnet::IpNet;
use rustls::pki_types::ServerName;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// TLS on the port listened on.
#[derive(Clone, Debug, Default, Args)]
pub struct TlsConfig {
    /// Certificate chain in PEM, for TLS on the port listened on; with --tls-key. Several pairs in the same order, chosen by the name
    /// that a caller asks for. SIGHUP reads them anew
    #[arg(long, env = "TABMESH_TLS_CERT", value_name = "FILE", value_delimiter = ',')]
    pub tls_cert: Vec<PathBuf>,

    /// Private key in PEM of each certificate
    #[arg(long, env = "TABMESH_TLS_KEY", value_name = "FILE", value_delimiter = ',')]
    pub tls_key: Vec<PathBuf>,

    /// Get a certificate for this name from an ACME authority (by TLS-ALPN-01: the port must be reached as 443), and renew it. There are no
    /// wildcards that way
    #[arg(long, env = "TABMESH_ACME", value_name = "NAME", value_delimiter = ',', value_parser = certifiable)]
    pub acme: Vec<String>,

    /// Address that the authority may write to
    #[arg(long, env = "TABMESH_ACME_EMAIL", value_name = "EMAIL")]
    pub acme_email: Option<String>,

    /// The authority: the address of its directory. With Let's Encrypt's you agree to its terms of service
    #[arg(long, env = "TABMESH_ACME_DIRECTORY", default_value = Self::LETS_ENCRYPT, value_name = "URL", value_parser = directory)]
    pub acme_directory: String,

    /// Root certificates (PEM) to trust, beside the system's, when speaking to the authority: those of an authority of your own
    #[arg(long, env = "TABMESH_ACME_CA", value_name = "FILE")]
    pub acme_ca: Option<PathBuf>,

    /// Send callers without TLS who come here to the port with it
    #[arg(long, env = "TABMESH_REDIRECT_LISTEN", value_name = "ADDR:PORT")]
    pub redirect_listen: Option<SocketAddr>,

    /// The port that they are sent to, where callers know another than the one listened on
    #[arg(long, env = "TABMESH_REDIRECT_PORT", value_name = "PORT", requires = "redirect_listen")]
    pub redirect_port: Option<u16>,
}

impl TlsConfig {
    /// The production directory of Let's Encrypt.
    pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

    /// Whether callers come by TLS.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.tls_cert.is_empty() || !self.acme.is_empty()
    }
}

/// Proxies in front of the gateway.
#[derive(Clone, Debug, Default, Args)]
pub struct ProxyConfig {
    /// Proxies whose word counts: X-Forwarded-For and X-Forwarded-Proto of connections from there say who calls, and how. ADDRESS or
    /// ADDRESS/BITS. Without it those fields are replaced, for any caller could send them
    #[arg(long, env = "TABMESH_TRUSTED_PROXY", value_name = "WHERE", value_delimiter = ',', value_parser = network)]
    pub trusted_proxy: Vec<IpNet>,

    /// Connections from trusted proxies begin with a header of the PROXY protocol (version 1 or 2), which says who calls. One without it is
    /// closed
    #[arg(long, env = "TABMESH_PROXY_PROTOCOL", requires = "trusted_proxy")]
    pub proxy_protocol: bool,
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| format!("`{text}` is no address and no network, like 10.0.0.0/8"))
}

/// A name that TLS-ALPN-01 can prove.
fn certifiable(text: &str) -> Result<String, String> {
    let name = text.to_ascii_lowercase();
    if name.starts_with("*.") {
        return Err("there are no wildcards by TLS-ALPN-01: name each host, or give --tls-cert".into());
    }
    match ServerName::try_from(name.as_str()) {
        Ok(ServerName::DnsName(_)) => Ok(name),
        Ok(_) => Err("an address is no name".into()),
        Err(_) => Err("it is no name of a host".into()),
    }
}

fn directory(text: &str) -> Result<String, String> {
    let is_good = url::Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.has_host());
    is_good.then(|| text.to_owned()).ok_or_else(|| {
        "the address of an authority's directory is like https://ca.example/acme/acme/directory".into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_certified_is_said_at_once() {
        assert_eq!(certifiable("Mesh.example").unwrap(), "mesh.example");
        for wrong in ["*.mesh.example", "192.0.2.1", "::1", "a b", ""] {
            assert!(certifiable(wrong).is_err(), "{wrong}");
        }
        assert!(directory(TlsConfig::LETS_ENCRYPT).is_ok());
        for wrong in ["http://ca.example/directory", "ca.example", "https://"] {
            assert!(directory(wrong).is_err(), "{wrong}");
        }
    }
}
