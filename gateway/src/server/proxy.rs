//! The PROXY protocol: what a proxy says of a connection before its first byte. Reads exactly that and no more.
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>

use ppp::{HeaderResult, v1, v2};
use std::io::{Error, ErrorKind, Result};
use std::net::IpAddr;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Longest line of version 1, in bytes.
const MAX_LINE: usize = 107;

/// Longest header of version 2 beyond its first 16 bytes: addresses and what proxies add.
const MAX_REST: usize = 4096;

/// The caller's address as the proxy says it; `None` for a connection of the proxy's own, such as a health check.
///
/// # Errors
/// What does not begin with a header.
pub(super) async fn introduced(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<IpAddr>> {
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header == SIGNATURE {
        let mut head = [0; 4];
        stream.read_exact(&mut head).await?;
        let rest = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if rest > MAX_REST {
            return Err(wrong());
        }
        header.extend_from_slice(&head);
        let begin = header.len();
        header.resize(begin + rest, 0);
        stream.read_exact(&mut header[begin..]).await?;
    } else if header.starts_with(b"PROXY ") {
        while !header.ends_with(b"\r\n") && header.len() < MAX_LINE {
            header.push(stream.read_u8().await?);
        }
    } else {
        return Err(wrong());
    }
    match HeaderResult::parse(&header) {
        HeaderResult::V1(Ok(header)) => Ok(match header.addresses {
            v1::Addresses::Tcp4(addresses) => Some(addresses.source_address.into()),
            v1::Addresses::Tcp6(addresses) => Some(addresses.source_address.into()),
            v1::Addresses::Unknown => None,
        }),
        HeaderResult::V2(Ok(header)) => Ok(match (header.command, header.addresses) {
            (v2::Command::Proxy, v2::Addresses::IPv4(addresses)) => Some(addresses.source_address.into()),
            (v2::Command::Proxy, v2::Addresses::IPv6(addresses)) => Some(addresses.source_address.into()),
            _ => None,
        }),
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => Err(wrong()),
    }
}

fn wrong() -> Error {
    Error::new(ErrorKind::InvalidData, "no header of the PROXY protocol")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> (Result<Option<IpAddr>>, Vec<u8>) {
        let mut stream = bytes;
        (introduced(&mut stream).await, stream.to_vec())
    }

    #[tokio::test]
    async fn both_versions_are_read_to_their_end_and_no_further() {
        let (said, left) = read(b"PROXY TCP4 192.0.2.1 192.0.2.2 5 80\r\nGET / HTTP/1.1").await;
        assert_eq!(
            (said.unwrap().unwrap().to_string().as_str(), &left[..]),
            ("192.0.2.1", &b"GET / HTTP/1.1"[..])
        );
        let (said, left) = read(b"PROXY UNKNOWN\r\nX").await;
        assert_eq!((said.unwrap(), &left[..]), (None, &b"X"[..]));
        let mut second = SIGNATURE.to_vec();
        second.extend_from_slice(&[0x21, 0x11, 0, 12, 192, 0, 2, 1, 192, 0, 2, 2, 0, 5, 0, 80, b'X']);
        let (said, left) = read(&second).await;
        assert_eq!((said.unwrap().unwrap().to_string().as_str(), &left[..]), ("192.0.2.1", &b"X"[..]));
        second[12] = 0x20;
        assert_eq!(read(&second).await.0.unwrap(), None, "the proxy's own");
    }

    #[tokio::test]
    async fn what_is_none_is_refused() {
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        let mut large = SIGNATURE.to_vec();
        large.extend_from_slice(&[0x21, 0x11, 0xff, 0xff]);
        for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PROXY", b"PROXY TCP4 x y 1 2\r\n", &long, &large, b""]
        {
            assert!(read(bytes).await.0.is_err(), "{bytes:?}");
        }
    }
}
