//! A listener on loopback that nobody may reach: whatever connects is a handler that got out.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// What a page of any origin could read and run, so that an attack that arrives also succeeds.
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: *\r\n\
    Cross-Origin-Resource-Policy: cross-origin\r\nContent-Type: text/javascript\r\nContent-Length: 17\r\n\
    Connection: close\r\n\r\nexport default 1;";

/// How long a caller may take to say what it wants.
const PATIENCE: Duration = Duration::from_millis(500);

/// TCP and UDP on the same port. Collects what came.
pub struct Trap {
    port: u16,
    caught: Arc<Mutex<Vec<String>>>,
}

impl Trap {
    /// Starts listening.
    pub async fn set() -> Self {
        let (tcp, udp) = loop {
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            // The same number may be taken for UDP.
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
                break (tcp, udp);
            }
        };
        let port = tcp.local_addr().unwrap().port();
        let caught = Arc::new(Mutex::new(Vec::new()));
        let note = {
            let caught = Arc::clone(&caught);
            move |what: String| caught.lock().unwrap_or_else(PoisonError::into_inner).push(what)
        };
        let note_packet = note.clone();
        tokio::spawn(async move {
            while let Ok((stream, from)) = tcp.accept().await {
                tokio::spawn(answer(stream, from, note.clone()));
            }
        });
        tokio::spawn(async move {
            let mut packet = [0; 2048];
            while let Ok((size, from)) = udp.recv_from(&mut packet).await {
                note_packet(format!("UDP from {from}, {size} bytes"));
            }
        });
        Self { port, caught }
    }

    /// The port it listens at.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What came since the last look.
    pub fn caught(&self) -> Vec<String> {
        std::mem::take(&mut *self.caught.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn answer(mut stream: TcpStream, from: SocketAddr, note: impl Fn(String)) {
    let mut request = [0; 1024];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut request)).await;
    let size = read.ok().and_then(Result::ok).unwrap_or(0);
    let line = String::from_utf8_lossy(&request[..size]).lines().next().unwrap_or_default().to_owned();
    note(format!("TCP from {from}: {line:?}"));
    let _ = stream.write_all(ANSWER).await;
}
