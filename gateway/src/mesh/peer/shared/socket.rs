//! A UDP socket: datagrams in by the batch, out by the run. Knows nothing of what is in them.

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use rtc::shared::TaggedBytesMut;
use socket2::{Domain, Protocol, Type};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Receives in one call of the system, each of one datagram or of some that the kernel joined.
const BATCH: usize = 32;
/// Bytes for each: the most that the kernel joins. Never touched, never in memory.
const JOINED: usize = 65_535;
/// Bytes that the kernel holds for us, for each tab, and at most; it gives what `net.core.rmem_max` allows. As much as a tab's own
/// socket had by default: more only lets a single stream's packets queue for longer.
const KERNEL_BUFFER: (usize, usize) = (104 * 1024, 8 << 20);
/// Runs that wait for room in the socket; beyond it they are lost, as they would be on a network that is full.
const BACKLOG: usize = 256;
/// Datagrams and bytes that the kernel cuts out of one send.
const RUN: (usize, usize) = (64, 65_000);

/// See the module's page.
pub(super) struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    backlog: Mutex<VecDeque<Run>>,
}

/// Datagrams to one address, all but the last of `size` bytes.
struct Run {
    bytes: Vec<u8>,
    size: usize,
    to: SocketAddr,
    source: Option<IpAddr>,
}

/// Where received datagrams are put.
pub(super) struct Room {
    bytes: Vec<u8>,
    meta: [RecvMeta; BATCH],
}

impl Default for Room {
    fn default() -> Self {
        Self { bytes: vec![0; BATCH * JOINED], meta: [RecvMeta::default(); BATCH] }
    }
}

impl Socket {
    /// Opens one at this address, driven by the runtime that we run on.
    ///
    /// # Errors
    /// When the system refuses it.
    pub(super) fn bind(addr: SocketAddr) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
        if addr.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&addr.into())?;
        let io = UdpSocket::from_std(socket.into())?;
        let state = UdpSocketState::new((&io).into())?;
        let local = io.local_addr()?;
        Ok(Self { io, state, local, backlog: Mutex::default() })
    }

    /// Its address; a wildcard where it was bound to one.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whether what is sent from this address goes through here.
    pub(super) fn owns(&self, from: SocketAddr) -> bool {
        self.local == from
            || self.local.ip().is_unspecified()
                && self.local.port() == from.port()
                && self.local.is_ipv4() == from.is_ipv4()
    }

    /// Makes room for what so many tabs send at once.
    pub(super) fn make_room(&self, tabs: usize) {
        let bytes = tabs.saturating_mul(KERNEL_BUFFER.0).min(KERNEL_BUFFER.1);
        // Less is no reason to stop.
        let _ = self.state.set_recv_buffer_size((&self.io).into(), bytes);
    }

    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        // An error shows itself when we read.
        self.io.poll_recv_ready(cx).map(drop)
    }

    /// Ready when the backlog may shrink; never where there is none.
    pub(super) fn poll_backlog(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.backlog().is_empty() { Poll::Pending } else { self.io.poll_send_ready(cx).map(drop) }
    }

    /// Takes what has come, one batch of it, and hands each datagram to `each` with our address and the sender's. True if more
    /// may be there.
    pub(super) fn receive(
        &self,
        room: &mut Room,
        mut each: impl FnMut(SocketAddr, SocketAddr, &[u8]),
    ) -> bool {
        let Room { bytes, meta, .. } = room;
        let mut count = 0;
        let received = self.io.try_io(Interest::READABLE, || {
            let mut buffers = bytes.chunks_exact_mut(JOINED).map(IoSliceMut::new);
            let mut buffers: [_; BATCH] =
                std::array::from_fn(|_| buffers.next().unwrap_or(IoSliceMut::new(&mut [])));
            count = self.state.recv((&self.io).into(), &mut buffers, meta)?;
            // A batch that is not full was the last: saves the call that would only say so.
            if count < BATCH { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        if let Err(error) = &received
            && error.kind() != ErrorKind::WouldBlock
        {
            tracing::debug!(%error, "receive failed");
        }
        for (bytes, meta) in bytes.chunks_exact(JOINED).zip(meta).take(count) {
            let local = match meta.dst_ip {
                Some(ip) if self.local.ip().is_unspecified() => SocketAddr::new(ip, self.local.port()),
                _ => self.local,
            };
            let bytes = &bytes[..meta.len.min(JOINED)];
            bytes.chunks(meta.stride.max(1)).for_each(|datagram| each(local, meta.addr, datagram));
        }
        received.is_ok()
    }

    /// Sends datagrams that all go the same way, those of one size by one call of the system. True if a backlog began.
    pub(super) fn send(&self, mut datagrams: &[TaggedBytesMut]) -> bool {
        let mut room = Vec::new();
        let mut began = false;
        while let Some(first) = datagrams.first() {
            let size = first.message.len();
            let most = RUN.0.min(self.state.max_gso_segments()).min(RUN.1 / size.max(1)).max(1);
            let equal =
                datagrams.iter().take(most).take_while(|datagram| datagram.message.len() == size).count();
            // The last may be shorter.
            let shorter = datagrams.get(equal).is_some_and(|last| equal < most && last.message.len() < size);
            let (run, rest) = datagrams.split_at(equal + usize::from(shorter));
            datagrams = rest;
            let bytes = if let [one] = run {
                &one.message[..]
            } else {
                room.clear();
                run.iter().for_each(|datagram| room.extend_from_slice(&datagram.message));
                &room[..]
            };
            let source = self.local.ip().is_unspecified().then(|| first.transport.local_addr.ip());
            began |= self.send_run(bytes, size, first.transport.peer_addr, source);
        }
        began
    }

    fn send_run(&self, bytes: &[u8], size: usize, to: SocketAddr, source: Option<IpAddr>) -> bool {
        let mut backlog = self.backlog();
        // What waits goes first.
        let begun = !backlog.is_empty();
        if !begun && self.try_send(bytes, size, to, source) {
            return false;
        }
        if backlog.len() < BACKLOG {
            backlog.push_back(Run { bytes: bytes.to_vec(), size, to, source });
        }
        !begun
    }

    /// Sends what waits, as far as there is room.
    pub(super) fn send_backlog(&self) {
        let mut backlog = self.backlog();
        while let Some(run) = backlog.front() {
            if !self.try_send(&run.bytes, run.size, run.to, run.source) {
                return;
            }
            backlog.pop_front();
        }
    }

    /// False where there is no room. What cannot be sent at all is lost, as on any network.
    fn try_send(
        &self,
        contents: &[u8],
        size: usize,
        destination: SocketAddr,
        src_ip: Option<IpAddr>,
    ) -> bool {
        let segment_size = (contents.len() > size).then_some(size);
        let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip };
        match self.io.try_io(Interest::WRITABLE, || self.state.try_send((&self.io).into(), &transmit)) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => {
                tracing::debug!(%error, %destination, "send failed");
                true
            }
            Ok(()) => true,
        }
    }

    fn backlog(&self) -> std::sync::MutexGuard<'_, VecDeque<Run>> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
