//! Names for Pebble: all are this machine, but for some that lead where nobody listens.

use std::net::SocketAddr;
use tokio::net::UdpSocket;

/// Bytes of a message's header (RFC 1035, section 4.1.1).
const HEADER: usize = 12;

/// The type of a question for IPv4 addresses.
const A: [u8; 2] = [0, 1];

/// A server that ends with the test's runtime.
pub(super) struct Dns;

impl Dns {
    /// Starts it; where it listens.
    pub(super) async fn start(astray: &[&str]) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let astray: Vec<String> = astray.iter().map(|name| (*name).to_owned()).collect();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((size, from)) = socket.recv_from(&mut buffer).await {
                if let Some(answer) = answer(&buffer[..size], &astray) {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        address
    }
}

/// The answer to a message with one question.
fn answer(message: &[u8], astray: &[String]) -> Option<Vec<u8>> {
    let (name, end) = name(message)?;
    let kind = message.get(end..end + 2)?;
    let is_known = kind == A;
    let mut answer = message.get(..2)?.to_vec();
    // A response, from a server that recurses: no error, one question, and one answer or none.
    answer.extend_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_known), 0, 0, 0, 0]);
    answer.extend_from_slice(message.get(HEADER..end + 4)?);
    if is_known {
        let last = if astray.contains(&name) { 9 } else { 1 };
        // The question's name, class IN, kept for no time, four bytes of address.
        answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, last]);
    }
    Some(answer)
}

/// The question's name, and where it ends.
fn name(message: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut at) = (Vec::new(), HEADER);
    loop {
        let size = usize::from(*message.get(at)?);
        if size == 0 {
            return Some((labels.join(".").to_ascii_lowercase(), at + 1));
        }
        labels.push(String::from_utf8_lossy(message.get(at + 1..at + 1 + size)?).into_owned());
        at += 1 + size;
    }
}
