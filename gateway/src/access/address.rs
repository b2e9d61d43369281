//! From where a request comes, as the gateway knows it: what the socket says, or a proxy that it trusts.

use http::HeaderValue;
use std::net::{IpAddr, Ipv6Addr};

/// The caller's address, in the request's extensions; `None` if it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallerAddress(pub Option<IpAddr>);

impl CallerAddress {
    /// From its text, as the front door has it.
    #[must_use]
    pub fn of(text: &HeaderValue) -> Self {
        Self(text.to_str().ok().and_then(|text| text.parse().ok()))
    }

    /// What one caller is told from another by: an IPv6 network of 64 bits is one customer's, who has all its addresses.
    #[must_use]
    pub fn network(self) -> Option<IpAddr> {
        match self.0?.to_canonical() {
            IpAddr::V4(address) => Some(IpAddr::V4(address)),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Some(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_is_one_caller() {
        let network = |text: &'static str| CallerAddress::of(&HeaderValue::from_static(text)).network();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("unknown"), None);
    }
}
