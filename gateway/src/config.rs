//! What the gateway can be told, one struct per concern. Command-line flags and environment variables fill them
//! (see `tabmesh serve --help`); every default has its reason here.

mod access;
mod entry;
mod limits;
mod store;
mod telemetry;

use crate::headless::TabConfig;
use crate::host::egress::Allowed;
use crate::invoke::Colo;
use crate::sandbox::SandboxDomain;
pub use access::{AccessConfig, AuthMode};
use clap::Args;
pub use entry::{ProxyConfig, TlsConfig};
pub use limits::LimitConfig;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
pub use store::StoreConfig;
pub use telemetry::TelemetryConfig;

/// The HTTP side.
#[derive(Clone, Debug, Args)]
pub struct HttpConfig {
    /// Address and port to listen on
    #[arg(long, env = "TABMESH_LISTEN", default_value = "127.0.0.1:8787", value_name = "ADDR:PORT")]
    pub listen: SocketAddr,

    /// Domain under which handlers have host names: <handler>.<domain>. `*.localhost` resolves to loopback in browsers
    /// and in curl, so nothing need be set up locally
    #[arg(long, env = "TABMESH_DOMAIN", default_value = "localhost")]
    pub domain: String,

    /// Domain, perhaps with a port, under which each tenant's sandbox has an origin of its own: <tenant>.<domain>.
    /// Needs a wildcard DNS record and, with TLS, a wildcard certificate. Without it worker pages on this machine use
    /// sandbox-<tenant>.localhost and all others sandboxes without an origin
    #[arg(long, env = "TABMESH_SANDBOX_DOMAIN", value_name = "DOMAIN")]
    pub sandbox_domain: Option<SandboxDomain>,

    /// Largest request body, in bytes (413 above). 100 MiB is what Workers allow too
    #[arg(long, env = "TABMESH_MAX_BODY", default_value_t = Self::MAX_BODY, value_name = "BYTES")]
    pub max_body: u64,

    /// What handlers find as request.cf.colo: a name for where this gateway is
    #[arg(long, env = "TABMESH_COLO", default_value = Colo::DEFAULT, value_name = "NAME")]
    pub colo: Colo,

    /// A proxy in front of this gateway says where callers are, in Cloudflare's fields (CF-IPCountry, CF-IPCity,
    /// CF-Timezone, ...): request.cf has it, too. Without it these fields are taken off, for any caller could send them
    #[arg(long, env = "TABMESH_LOCATION_HEADERS")]
    pub location_headers: bool,

    /// Seconds that requests in flight get to finish when the gateway shuts down
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    pub drain: u64,
}

impl HttpConfig {
    /// Largest request body in bytes, unless told otherwise.
    pub const MAX_BODY: u64 = 100 << 20;

    /// Largest request head (fields, not the URL) in bytes; 431 above. 32 KiB is twice nginx' default and half of what
    /// the wire carries.
    pub const MAX_HEADERS: usize = 32 * 1024;

    /// Longest request target in bytes; 414 above. As Workers.
    pub const MAX_URI: usize = 16 * 1024;

    /// Body bytes kept to send a request again to another tab; a longer body makes the request unrepeatable.
    pub const REPLAY: usize = 256 * 1024;

    /// Time for requests in flight at shutdown.
    #[must_use]
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain)
    }
}

/// Choosing tabs.
#[derive(Clone, Debug, Args)]
pub struct PoolConfig {
    /// Requests that may wait for a free tab (503 above)
    #[arg(long, default_value_t = 1024, value_name = "REQUESTS")]
    pub queue: usize,

    /// Milliseconds that a request waits for a free tab before 503. Long enough to hide a tab that reloads
    #[arg(long, default_value_t = 5000, value_name = "MS")]
    pub queue_deadline: u64,

    /// Requests that one tab works on at once, at most
    #[arg(long, default_value_t = 256, value_name = "REQUESTS")]
    pub tab_concurrency: u32,

    /// Tabs that may be joined at once
    #[arg(long, default_value_t = 4096, value_name = "TABS")]
    pub max_tabs: usize,
}

impl PoolConfig {
    /// Tabs that one request is tried on at most. Each try can fail only because a tab died under it.
    pub const ATTEMPTS: usize = 3;

    /// How long a request waits for a tab.
    #[must_use]
    pub fn queue_deadline(&self) -> Duration {
        Duration::from_millis(self.queue_deadline)
    }
}

/// How data channels are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum IceTransport {
    /// UDP only: what tabs elsewhere need.
    Udp,
    /// TCP only: fastest on the same host or LAN.
    Tcp,
    /// Both are offered; the browser decides.
    Both,
}

/// The WebRTC side. Figures measured between this crate and Chromium on loopback.
#[derive(Clone, Debug, Args)]
pub struct PeerConfig {
    /// Local addresses offered to tabs; default: the address listened on. 0.0.0.0 offers every interface
    #[arg(long, env = "TABMESH_ICE_ADDR", value_name = "IP")]
    pub ice_addr: Vec<IpAddr>,

    /// Ports for data channels, first-last; each I/O thread takes one (with TCP, STUN or TURN each tab). Default: any free port
    #[arg(long, env = "TABMESH_ICE_PORTS", value_name = "PORT-PORT", value_parser = parse_ports)]
    pub ice_ports: Option<(u16, u16)>,

    /// Transport of the data channels
    #[arg(long, env = "TABMESH_ICE_TRANSPORT", default_value = "udp")]
    pub ice_transport: IceTransport,

    /// STUN server, for gateway and tabs (stun:host:port)
    #[arg(long, env = "TABMESH_STUN", value_name = "URL", value_delimiter = ',')]
    pub stun: Vec<String>,

    /// TURN server, for gateway and tabs (turn:user:password@host:port)
    #[arg(long, env = "TABMESH_TURN", value_name = "URL", value_delimiter = ',')]
    pub turn: Vec<String>,
}

impl PeerConfig {
    /// Time between ICE checks of one pair, and their number: 3 s in all. The crate's default of 200 ms makes a join
    /// take 211 ms where this takes 66-124 ms.
    pub const ICE_CHECK_INTERVAL: Duration = Duration::from_millis(10);
    /// See [`Self::ICE_CHECK_INTERVAL`].
    pub const ICE_CHECKS: u16 = 300;

    /// When ICE says disconnected, then failed, and the time between its checks. It stands behind the other signs: a tab's
    /// signalling socket ends with it, and one with open streams answers pings every 300 ms; what is left is an idle tab whose
    /// network vanished. Each check costs both sides a few packets, for as long as a tab lives.
    pub const ICE_TIMEOUTS: (Duration, Duration, Duration) =
        (Duration::from_secs(3), Duration::from_secs(4), Duration::from_millis(1500));

    /// Unacknowledged bytes on a channel from which on a send waits. One more message may be on its way then. Chromium's UDP
    /// socket holds about 56 packets: what comes beyond them is lost, and the last of a burst is missed only after a
    /// second. With 64 KiB each for this and [`Self::MESSAGE`] uploads moved 22 MB/s, with stalls; now 39 MB/s, without.
    pub const SEND_BUFFER: usize = 32 * 1024;
    /// Size of messages full of bodies. Two must be on their way, or the 200 ms delayed acknowledgement paces us; 16 KiB
    /// cost a quarter of the throughput.
    pub const MESSAGE: usize = 32 * 1024;

    /// SCTP packet size on UDP over loopback or a LAN, in bytes; 1191 (the default) is for unknown paths.
    pub const MTU_LOCAL_UDP: u32 = 1400;
    /// On TCP; 2400 vanishes in Chromium.
    pub const MTU_TCP: u32 = 2000;

    /// From an offer to an open data channel, at most.
    pub const JOIN_DEADLINE: Duration = Duration::from_secs(15);
}

/// All cores but one, which is left to deployments and whatever else is not a request's way.
fn default_io_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
}

fn parse_ports(text: &str) -> Result<(u16, u16), String> {
    let hint = || format!("`{text}` is not FIRST-LAST or a single port, like 50000-50099");
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let first: u16 = first.trim().parse().map_err(|_| hint())?;
    let last: u16 = last.trim().parse().map_err(|_| hint())?;
    if first == 0 || first > last { Err(hint()) } else { Ok((first, last)) }
}

/// Rendezvous.
#[derive(Clone, Debug, Args)]
pub struct SignalConfig {
    /// Pool whose tabs this gateway uses
    #[arg(long, env = "TABMESH_POOL", default_value = "default")]
    pub pool: String,

    /// Secret that tabs must show to join (default: anybody may who reaches the page)
    #[arg(long, env = "TABMESH_POOL_TOKEN", value_name = "SECRET", hide_env_values = true)]
    pub pool_token: Option<String>,

    /// Meet tabs at this shared signaling server (ws://host:port/_mesh/signal) instead of the gateway's own
    #[arg(long, env = "TABMESH_SIGNAL", value_name = "URL")]
    pub signal: Option<String>,

    /// Secret of the gateway role at the shared server
    #[arg(long, env = "TABMESH_GATEWAY_TOKEN", value_name = "SECRET", hide_env_values = true)]
    pub gateway_token: Option<String>,
}

/// Outbound fetch.
#[derive(Clone, Debug, Args)]
pub struct EgressConfig {
    /// Where handlers may fetch from beside the public internet: ADDRESS:PORT, ADDRESS/BITS or ADDRESS. Private, loopback and
    /// link-local addresses are refused without it, whatever name leads there
    #[arg(long = "egress-allow", env = "TABMESH_EGRESS_ALLOW", value_name = "WHERE", value_delimiter = ',')]
    pub allow: Vec<Allowed>,

    /// Handlers may not fetch at all
    #[arg(long, env = "TABMESH_NO_EGRESS")]
    pub no_egress: bool,
}

/// Responses that may be used again.
#[derive(Clone, Copy, Debug, Args)]
pub struct CacheConfig {
    /// Memory for responses that say that they may be used again, and for handlers' caches, in MiB; 0 keeps none. As much again
    /// may be on its way to slow callers
    #[arg(long, env = "TABMESH_CACHE_MB", default_value_t = 64, value_name = "MIB")]
    pub cache_mb: u32,
}

impl CacheConfig {
    /// The memory in bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        u64::from(self.cache_mb) << 20
    }
}

/// Everything `tabmesh serve` takes.
#[derive(Clone, Debug, Args)]
pub struct ServeConfig {
    /// HTTP.
    #[command(flatten)]
    pub http: HttpConfig,
    /// Who may do what.
    #[command(flatten)]
    pub access: AccessConfig,
    /// Caps on handlers' limits.
    #[command(flatten)]
    pub limits: LimitConfig,
    /// Scheduling.
    #[command(flatten)]
    pub pool: PoolConfig,
    /// WebRTC.
    #[command(flatten)]
    pub peer: PeerConfig,
    /// Rendezvous.
    #[command(flatten)]
    pub signal: SignalConfig,
    /// Outbound fetch.
    #[command(flatten)]
    pub egress: EgressConfig,
    /// Caching.
    #[command(flatten)]
    pub cache: CacheConfig,
    /// Traces, metrics, logs.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,

    /// Threads that run HTTP connections and data channels. One moves what two tabs can; a request whose connection and
    /// tab share a thread needs no hop between threads
    #[arg(long, env = "TABMESH_IO_THREADS", default_value_t = default_io_threads(), value_name = "THREADS")]
    pub io_threads: usize,

    /// Directory of the store
    #[arg(long, env = "TABMESH_DATA", default_value = ".tabmesh", value_name = "DIR")]
    pub data: PathBuf,

    /// TLS.
    #[command(flatten)]
    pub tls: TlsConfig,
    /// Proxies in front.
    #[command(flatten)]
    pub proxies: ProxyConfig,
    /// The store's key.
    #[command(flatten)]
    pub store: StoreConfig,

    /// Headless browser tabs to start on this machine
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub tabs: usize,

    /// Browser for --tabs (default: chromium or chrome on PATH)
    #[arg(long, env = "TABMESH_BROWSER", value_name = "PATH")]
    pub browser: Option<PathBuf>,

    /// What the tabs of --tabs may use.
    #[command(flatten)]
    pub tab: TabConfig,
}
