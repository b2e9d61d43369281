//! HTTP/1.1 by hand, for requests that a decent client refuses to send.

use crate::within;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came back.
#[derive(Debug)]
pub struct RawResponse {
    /// The status code; 0 if no status line came.
    pub status: u16,
    /// Status line and fields, as bytes.
    pub head: Vec<u8>,
    /// What followed until the end of the connection, transfer coding included.
    pub body: Vec<u8>,
}

impl RawResponse {
    /// Values of a field, as bytes; `name` in lower case.
    #[must_use]
    pub fn fields(&self, name: &str) -> Vec<Vec<u8>> {
        let lines = self.head.split(|byte| *byte == b'\n').skip(1);
        lines
            .filter_map(|line| {
                let colon = line.iter().position(|byte| *byte == b':')?;
                let matches = line[..colon].eq_ignore_ascii_case(name.as_bytes());
                matches.then(|| line[colon + 1..].trim_ascii().to_vec())
            })
            .collect()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        let (head, body) = bytes.split_at(end);
        let status = head
            .split(|byte| *byte == b' ')
            .nth(1)
            .and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
        Self { status: status.unwrap_or(0), head: head.to_vec(), body: body.to_vec() }
    }
}

/// Connects.
pub async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends `request` and reads until the connection ends: put `Connection: close` into it.
pub async fn exchange(address: SocketAddr, request: &[u8]) -> RawResponse {
    let mut stream = connect(address).await;
    // A server that has read enough to refuse may close while we still write.
    let _ = stream.write_all(request).await;
    read_to_end(&mut stream).await
}

/// Reads what is left of a connection. A reset ends it like a close.
pub async fn read_to_end(stream: &mut TcpStream) -> RawResponse {
    let mut bytes = Vec::new();
    within("the end of a raw response", async {
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = stream.read(&mut chunk).await {
            bytes.extend_from_slice(&chunk[..read]);
        }
    })
    .await;
    RawResponse::parse(&bytes)
}
