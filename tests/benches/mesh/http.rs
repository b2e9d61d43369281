//! A caller that costs little: HTTP/1.1 over one kept connection, requests encoded before the clock starts, answers
//! parsed no further than needed to find their end. No pipelining, no retries: what goes wrong is an error.

use anyhow::{Context, Result, bail, ensure};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Nothing that is measured takes longer than this for one answer.
const LIMIT: Duration = Duration::from_secs(60);
/// What is read at once.
const READ: usize = 256 * 1024;
/// Larger than any head that is answered here.
const MAX_HEAD: usize = 16 * 1024;

/// An answer, without its body.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// From the request's first byte to the body's last.
    pub total: Duration,
}

impl Answer {
    /// The answer itself if it is a 200.
    pub fn ok(self) -> Result<Self> {
        ensure!(self.status == 200, "answered {}", self.status);
        Ok(self)
    }
}

/// Encodes a request without a body.
pub fn get(host: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n").into_bytes()
}

/// Encodes a request's head; a body of `length` bytes has to follow.
pub fn with_body(method: &str, host: &str, path: &str, kind: &str, length: usize) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    );
    head.into_bytes()
}

/// One connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; READ] })
    }

    /// Sends a request and reads the answer; its body is counted by nobody.
    pub async fn call(&mut self, request: &[u8]) -> Result<Answer> {
        self.exchange(request, &[], 0, &mut |_| {}).await
    }

    /// The same; also gives the body.
    pub async fn fetch(&mut self, request: &[u8]) -> Result<(Answer, Vec<u8>)> {
        let mut body = Vec::new();
        let answer = self.exchange(request, &[], 0, &mut |bytes| body.extend_from_slice(bytes)).await?;
        Ok((answer, body))
    }

    /// Sends a head, then `piece` so many times, and reads the answer with its body.
    pub async fn upload(&mut self, head: &[u8], piece: &[u8], times: usize) -> Result<(Answer, Vec<u8>)> {
        let mut body = Vec::new();
        let answer = self.exchange(head, piece, times, &mut |bytes| body.extend_from_slice(bytes)).await?;
        Ok((answer, body))
    }

    /// Sends a request; the body's bytes go to `sink` as they come.
    pub async fn stream(&mut self, request: &[u8], sink: &mut (dyn FnMut(&[u8]) + Send)) -> Result<Answer> {
        self.exchange(request, &[], 0, sink).await
    }

    async fn exchange(
        &mut self,
        head: &[u8],
        piece: &[u8],
        times: usize,
        sink: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Answer> {
        let work = async {
            let start = Instant::now();
            self.stream.write_all(head).await?;
            for _ in 0..times {
                self.stream.write_all(piece).await?;
            }
            self.answer(start, sink).await
        };
        tokio::time::timeout(LIMIT, work).await.with_context(|| format!("no answer within {LIMIT:?}"))?
    }

    async fn answer(&mut self, start: Instant, sink: &mut (dyn FnMut(&[u8]) + Send)) -> Result<Answer> {
        let mut filled = 0;
        let end = loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            ensure!(read > 0, "the connection closed instead of an answer");
            // The blank line may have begun in what was there before.
            let from = filled.saturating_sub(3);
            filled += read;
            if let Some(at) = self.buffer[from..filled].windows(4).position(|four| four == b"\r\n\r\n") {
                break from + at + 4;
            }
            ensure!(filled < MAX_HEAD, "an answer's head without an end");
        };
        let (status, mut body) = parse(&self.buffer[..end])?;
        let mut done = body.feed(&self.buffer[end..filled], sink)?;
        while !done {
            let read = self.stream.read(&mut self.buffer).await?;
            ensure!(read > 0, "the connection closed within a body");
            done = body.feed(&self.buffer[..read], sink)?;
        }
        Ok(Answer { status, total: start.elapsed() })
    }
}

/// What is still to come of a body.
#[derive(Debug)]
enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks; inside the line of a size, so far.
    Size(u64),
    /// The rest of a chunk and its line end.
    Chunk(u64),
    /// Trailer lines; bytes of the current one.
    Trailer(usize),
}

fn parse(head: &[u8]) -> Result<(u16, Body)> {
    let head = std::str::from_utf8(head).context("an answer's head is no text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status: u16 = status.context("no status line")?;
    if matches!(status, 204 | 304) {
        return Ok((status, Body::Length(0)));
    }
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            return Ok((status, Body::Length(value.trim().parse()?)));
        }
        if name.eq_ignore_ascii_case("transfer-encoding") && value.trim().eq_ignore_ascii_case("chunked") {
            return Ok((status, Body::Size(0)));
        }
    }
    bail!("an answer ({status}) whose body has neither a length nor chunks")
}

impl Body {
    /// Takes the next bytes; true when the body is complete.
    fn feed(&mut self, mut bytes: &[u8], sink: &mut (dyn FnMut(&[u8]) + Send)) -> Result<bool> {
        loop {
            match self {
                Self::Length(left) => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    sink(&bytes[..take]);
                    *left -= take as u64;
                    ensure!(take == bytes.len(), "bytes behind an answer");
                    return Ok(*left == 0);
                }
                Self::Chunk(left) => {
                    // Two more than the chunk has: its line end, which is no data.
                    let data = usize::try_from(left.saturating_sub(2)).unwrap_or(usize::MAX).min(bytes.len());
                    sink(&bytes[..data]);
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= take as u64;
                    if *left > 0 {
                        return Ok(false);
                    }
                    bytes = &bytes[take..];
                    *self = Self::Size(0);
                }
                Self::Size(size) => {
                    let Some((byte, rest)) = bytes.split_first() else { return Ok(false) };
                    bytes = rest;
                    match byte {
                        b'\n' if *size == 0 => *self = Self::Trailer(0),
                        b'\n' => *self = Self::Chunk(*size + 2),
                        b'\r' => {}
                        _ => {
                            let digit =
                                char::from(*byte).to_digit(16).context("a chunk's size is no number")?;
                            *size = size.checked_mul(16).context("a chunk too large")? + u64::from(digit);
                        }
                    }
                }
                Self::Trailer(length) => {
                    let Some((byte, rest)) = bytes.split_first() else { return Ok(false) };
                    bytes = rest;
                    match byte {
                        b'\n' if *length == 0 => {
                            ensure!(bytes.is_empty(), "bytes behind an answer");
                            return Ok(true);
                        }
                        b'\n' => *length = 0,
                        b'\r' => {}
                        _ => *length += 1,
                    }
                }
            }
        }
    }
}
