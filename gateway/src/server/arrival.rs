//! Who is at the other end, and how they came: what the socket says, or a proxy that is trusted. Pure.

use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use std::net::IpAddr;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Addresses of one field that are looked at, at most.
const MAX_HOPS: usize = 64;

/// What a request came with beside itself.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The caller's address, as text.
    pub ip: HeaderValue,
    /// By TLS, to us or to a trusted proxy.
    pub is_secure: bool,
    /// Through a trusted proxy, which is believed what it says of the way here.
    pub is_proxied: bool,
}

impl Arrival {
    /// A caller at this address.
    #[must_use]
    pub fn new(address: IpAddr, is_secure: bool) -> Self {
        let ip = address.to_canonical().to_string();
        let ip = ip.parse().unwrap_or(HeaderValue::from_static("unknown"));
        Self { ip, is_secure, is_proxied: false }
    }

    /// What it is by the word of the proxy that it is: the last address that no trusted proxy has is the caller's, as each proxy adds
    /// whom it heard it from at the end.
    #[must_use]
    pub fn forwarded(&self, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let fields = headers.get_all(&FORWARDED_FOR).iter().rev();
        let hops = fields.flat_map(|field| field.to_str().unwrap_or_default().rsplit(',')).take(MAX_HOPS);
        let mut caller = None;
        for hop in hops {
            // What cannot be read was not written by a proxy of ours, so nothing before it counts.
            let Some(address) = address(hop) else { break };
            caller = Some(address);
            if !is_trusted(address, trusted) {
                break;
            }
        }
        let proto =
            headers.get_all(&FORWARDED_PROTO).iter().next_back().and_then(|proto| proto.to_str().ok());
        let proto = proto.and_then(|proto| proto.rsplit(',').next()).map(str::trim);
        let is_secure = proto.map_or(self.is_secure, |proto| proto.eq_ignore_ascii_case("https"));
        let ip = caller.map_or_else(|| self.ip.clone(), |address| Self::new(address, is_secure).ip);
        Self { ip, is_secure, is_proxied: true }
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.is_secure { "https" } else { "http" }
    }
}

/// Whether an address is a trusted proxy's.
#[must_use]
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

/// An address, perhaps with a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    text.parse()
        .ok()
        .or_else(|| text.parse().ok().map(|socket: std::net::SocketAddr| socket.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(fields: &[(&'static str, &'static str)]) -> (String, bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let arrival = Arrival::new("10.0.0.1".parse().unwrap(), false).forwarded(&headers, &trusted);
        (arrival.ip.to_str().unwrap().to_owned(), arrival.is_secure)
    }

    #[test]
    fn the_last_address_that_no_proxy_has_is_the_callers() {
        let of = |value: &'static str| caller(&[("x-forwarded-for", value)]).0;
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
        assert_eq!(of("203.0.113.9, 192.0.2.1"), "192.0.2.1", "what is before it the caller said itself");
        assert_eq!(of("192.0.2.1, 10.1.1.1,fd00::1"), "192.0.2.1");
        assert_eq!(of("[2001:db8::1]:443"), "2001:db8::1");
        assert_eq!(of("192.0.2.1:99"), "192.0.2.1");
        assert_eq!(of("192.0.2.1, evil, 10.1.1.1"), "10.1.1.1");
        assert_eq!(of("evil"), "10.0.0.1");
        assert_eq!(of("10.2.2.2"), "10.2.2.2", "a proxy itself calls");
        let two = caller(&[("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "192.0.2.1")]);
        assert_eq!(two.0, "192.0.2.1");
        assert_eq!(caller(&[]), ("10.0.0.1".into(), false));
        assert!(caller(&[("x-forwarded-proto", "HTTPS")]).1);
        assert!(!caller(&[("x-forwarded-proto", "https, http")]).1);
        assert!(is_trusted("::ffff:10.0.0.1".parse().unwrap(), &["10.0.0.0/8".parse().unwrap()]));
    }
}
