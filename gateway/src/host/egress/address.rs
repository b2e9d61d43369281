//! Which addresses handlers may reach: the public internet, and what the operator adds. Everything that could be the gateway's
//! own machine or network is refused (RFC 6890 and its registries).

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// What an operator allows beside the public internet: one address and port, or a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// One service.
    Socket(SocketAddr),
    /// Every port of every address of a network.
    Network(IpNet),
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let socket = text.parse().map(Self::Socket);
        let network = || text.parse().map(Self::Network);
        let address = || text.parse::<IpAddr>().map(|ip| Self::Network(ip.into()));
        socket.or_else(|_| network()).or_else(|_| address()).map_err(|_| {
            format!("`{text}` is none of ADDRESS:PORT (127.0.0.1:9000), ADDRESS/BITS (10.0.0.0/8), ADDRESS")
        })
    }
}

/// Whether a connection to `address` may be made.
#[must_use]
pub fn may_reach(address: SocketAddr, allowed: &[Allowed]) -> bool {
    let ip = address.ip().to_canonical();
    is_public(ip)
        || allowed.iter().any(|rule| match rule {
            Allowed::Socket(socket) => socket.ip().to_canonical() == ip && socket.port() == address.port(),
            Allowed::Network(network) => network.contains(&ip),
        })
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        // Shared between carriers and their customers; protocol assignments; 6to4 relays; benchmarks; reserved.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let tail = |at: usize| {
        let [a, b] = segments[at].to_be_bytes();
        let [c, d] = segments[at + 1].to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        // NAT64 and 6to4 lead to the IPv4 address inside.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(tail(6)),
        [0x2002, ..] => is_public_v4(tail(1)),
        // Teredo, documentation, benchmarks, ORCHID: special purposes.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // Global unicast is what is allocated; loopback, private, link-local, multicast and the rest are outside of it.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(address: &str, allowed: &[&str]) -> bool {
        let allowed: Vec<Allowed> = allowed.iter().map(|rule| rule.parse().unwrap()).collect();
        may_reach(address.parse().unwrap(), &allowed)
    }

    #[test]
    fn the_public_internet_is_open() {
        for address in ["1.1.1.1:443", "93.184.216.34:80", "[2606:4700::1111]:443", "[64:ff9b::101:101]:80"] {
            assert!(reach(address, &[]), "{address}");
        }
    }

    #[test]
    fn nothing_that_could_be_ours_is() {
        for address in [
            "127.0.0.1:80",
            "127.255.0.1:80",
            "0.0.0.0:80",
            "10.1.2.3:80",
            "172.16.0.1:80",
            "172.31.255.1:80",
            "192.168.0.1:80",
            "169.254.169.254:80",
            "100.64.0.1:80",
            "192.0.0.1:80",
            "192.0.2.1:80",
            "198.18.0.1:80",
            "198.51.100.1:80",
            "203.0.113.9:80",
            "224.0.0.1:80",
            "240.0.0.1:80",
            "255.255.255.255:80",
            "[::]:80",
            "[::1]:80",
            "[fe80::1]:80",
            "[fc00::1]:80",
            "[fd12::1]:80",
            "[ff02::1]:80",
            "[2001:db8::1]:80",
            "[::ffff:127.0.0.1]:80",
            "[::ffff:10.0.0.1]:80",
            "[::127.0.0.1]:80",
            "[64:ff9b::7f00:1]:80",
            "[64:ff9b:1::1]:80",
            "[2002:7f00:1::1]:80",
            "[2002:a00:1::]:80",
            "[2001::1]:80",
            "[3fff::1]:80",
            "[100::1]:80",
        ] {
            assert!(!reach(address, &[]), "{address}");
        }
    }

    #[test]
    fn an_operator_opens_a_port_or_a_network() {
        assert!(reach("127.0.0.1:9000", &["127.0.0.1:9000"]));
        assert!(reach("[::ffff:127.0.0.1]:9000", &["127.0.0.1:9000"]));
        assert!(!reach("127.0.0.1:9001", &["127.0.0.1:9000"]));
        assert!(reach("10.9.9.9:1", &["10.0.0.0/8"]) && reach("11.0.0.1:1", &["12.0.0.0/8"]));
        assert!(reach("192.168.0.7:1", &["192.168.0.7"]) && !reach("192.168.0.8:1", &["192.168.0.7"]));
        assert!("10.0.0.0/33".parse::<Allowed>().is_err() && "localhost:80".parse::<Allowed>().is_err());
    }
}
