//! `tabmesh serve`: every part, put together, started and stopped in order.

use crate::access::{Access, Admissions, Door};
use crate::cache::Cache;
use crate::catalog::Catalog;
use crate::config::{EgressConfig, ServeConfig, SignalConfig};
use crate::cron::Scheduler;
use crate::front::{Behind, Front, Meeting};
use crate::headless::{self, HeadlessConfig};
use crate::host::Calls;
use crate::host::egress::Egress;
use crate::invoke::Invoker;
use crate::io_threads::IoThreads;
use crate::kv::SqliteKv;
use crate::mesh::peer::ice_servers;
use crate::mesh::pool::Pool;
use crate::mesh::rendezvous::Rendezvous;
use crate::metrics::Metrics;
use crate::server::{self, Entry, Tls};
use crate::site::Sites;
use crate::sql::SqliteDatabases;
use crate::stacks;
use crate::storage::Storage;
use crate::store::{DataLock, SecretKey, make_directory};
use crate::telemetry::Tracing;
use anyhow::Context;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tabmesh_protocol::signal::Role;
use tabmesh_signaling::{Hub, HubConfig, Join, Policy, client};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Waits between attempts to reach a shared signaling server, first and longest.
const SIGNAL_BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How often readiness is looked at before the `ready` line.
const READY_POLL: Duration = Duration::from_millis(20);

/// What a gateway tells about itself while it starts.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// It listens.
    Listening {
        /// The base URL.
        url: &'a str,
        /// Tabs that are coming.
        tabs: usize,
        /// Whether it asks for tokens.
        asks: bool,
    },
    /// So many tabs serve, of those that are waited for.
    Joined(usize, usize),
    /// The first tabs serve.
    Ready(&'a str),
}

/// Runs a gateway until `shutdown` resolves; what it has to say on the way it tells.
///
/// # Errors
/// What keeps it from starting, as a sentence.
pub async fn run(
    config: ServeConfig,
    shutdown: impl Future<Output = anyhow::Result<()>>,
    mut tell: impl FnMut(Told<'_>),
) -> anyhow::Result<()> {
    raise_open_files();
    if let Some(sandbox) = &config.http.sandbox_domain {
        sandbox.check_beside(&config.http.domain).map_err(anyhow::Error::msg)?;
    }
    config.access.check(config.http.listen).map_err(anyhow::Error::msg)?;
    let servers = ice_servers(&config.peer).map_err(anyhow::Error::msg)?;
    make_directory(&config.data)?;
    let _lock = DataLock::take(&config.data)?;
    let key = config.store.key(&config.data)?;
    let catalog = Catalog::open(&config.data, key.clone())
        .await
        .with_context(|| format!("cannot open the store in {}", config.data.display()))?;
    let tls = Tls::open(&config.tls, &config.data)?;
    let listener = TcpListener::bind(config.http.listen)
        .await
        .with_context(|| format!("cannot listen on {}; is another gateway running?", config.http.listen))?;
    let address = listener.local_addr()?;
    let access = open_access(&config, key).await?;

    let metrics = Arc::new(Metrics::new(config.telemetry.metrics_handlers));
    if let Some(tls) = &tls {
        metrics.expiries.watch(tls);
    }
    let pool = Pool::new(config.pool.queue, Arc::clone(&metrics));
    let catalog = Arc::new(catalog);
    stacks::install(Arc::clone(&catalog));
    let deployed = Arc::clone(&catalog);
    metrics.handlers.ask(move |tenant, handler| deployed.lookup(tenant, handler).is_some());
    let caps = config.limits.caps(config.http.max_body);
    let code = Arc::clone(&catalog);
    let cache = Arc::new(Cache::new(config.cache.bytes(), metrics.cache.clone()));
    let scheduling = config.pool.clone();
    let tracing = Tracing::start(&config.telemetry)?;
    let invoker = Arc::new(
        Invoker::new(Arc::clone(&pool), code, Arc::clone(&metrics), caps, scheduling, cache)
            .traced(tracing.clone()),
    );
    let tail = Arc::clone(invoker.tail());
    metrics.lanes.watch(&pool, &tail, tracing.clone());
    let sites = Arc::new(Sites::new(Arc::clone(&catalog)));
    let kv = SqliteKv::open(&config.data)
        .with_context(|| format!("cannot open the KV store in {}", config.data.display()))?;
    let databases = SqliteDatabases::open(&config.data)
        .with_context(|| format!("cannot open the book of databases in {}", config.data.display()))?;
    let storage = Storage::new(
        Arc::new(kv),
        Arc::new(databases),
        Arc::clone(&catalog),
        Arc::clone(&access),
        metrics.damaged_entries.clone(),
    );
    let egress = egress(&config.egress)?;
    let host = Arc::new(Calls::new(
        Arc::clone(&catalog),
        egress,
        Arc::clone(&storage),
        Arc::clone(&invoker),
        Arc::clone(&sites),
    ));
    tokio::spawn(Scheduler::new(Arc::clone(&catalog), Arc::clone(&invoker)).run());
    let threads = IoThreads::start(config.io_threads).context("cannot start the I/O threads")?;
    let rendezvous = Rendezvous::new(
        Arc::clone(&pool),
        Arc::clone(&metrics),
        config.peer,
        config.pool.clone(),
        address.ip(),
        threads.clone(),
        host,
    );
    let door = Door::new(&access, &config.access, &config.signal).context("no random bytes")?.map(Arc::new);
    let token = door.as_ref().map(|door| door.own_token().to_owned()).or(config.signal.pool_token.clone());
    let policy = Policy {
        pool_token: config.signal.pool_token.clone(),
        join_tokens: door.clone().map(|door| door as _),
        ice_servers: servers,
        ..Policy::default()
    };
    let hub = Hub::new(HubConfig { policy, ..HubConfig::default() });
    let meeting = match config.signal.signal.clone() {
        Some(url) => {
            tokio::spawn(meet_at(url.clone(), config.signal.clone(), rendezvous));
            Meeting::At(url)
        }
        None => {
            let link = hub.attach_local(Role::Gateway, &config.signal.pool);
            let admissions = door.map(|door| Admissions::new(door, Arc::clone(&hub), &config.signal.pool));
            tokio::spawn(rendezvous.run(link, admissions.map(Arc::new)));
            Meeting::Here(Arc::clone(&hub))
        }
    };

    tokio::spawn(reload_on_hangup(
        Arc::clone(&catalog),
        Arc::clone(&access),
        Arc::clone(&storage),
        tls.clone(),
    ));
    let behind = Behind {
        access: Arc::clone(&access),
        catalog,
        invoker,
        sites,
        storage,
        pool: Arc::clone(&pool),
        pool_name: config.signal.pool.clone(),
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let front =
        Front::new(&config.http, caps, behind, metrics, meeting, scheme, config.telemetry.access_log)?;
    let front = Arc::new(front);
    let (stop, stopped) = watch::channel(false);
    let drain = config.http.drain();
    let url = page_base(scheme, address);
    let mut own_url = url.clone();
    if tls.is_some() && config.tabs > 0 {
        // Certificates are for the names that callers use; the gateway's own tabs are on this machine.
        let own = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen on 127.0.0.1")?;
        own_url = page_base("http", own.local_addr()?);
        let (front, threads, stopped) = (Arc::clone(&front), threads.clone(), wait(stopped.clone()));
        tokio::spawn(server::serve(own, front, threads, stopped, drain, Entry::default()));
    }
    if let Some(plain) = config.tls.redirect_listen {
        let listener = TcpListener::bind(plain).await.with_context(|| format!("cannot listen on {plain}"))?;
        let port = config.tls.redirect_port.unwrap_or(address.port());
        let plain = listener.local_addr()?;
        tracing::info!(%plain, port, "callers without TLS are sent to the port with it");
        tokio::spawn(server::redirect(listener, port, config.proxies.clone()));
    }
    let entry = Entry { tls, proxies: config.proxies };
    let serving = tokio::spawn(server::serve(listener, front, threads, wait(stopped), drain, entry));

    let tab = config.tab.of_gateway(config.limits.max_cpu_ms);
    let page = tab.page(&own_url, &config.signal.pool, token.as_deref()).map_err(anyhow::Error::msg)?;
    // The tabs close last: until then they serve the requests in flight.
    let (close, closed) = watch::channel(false);
    let mut tabs = (config.tabs > 0).then(|| {
        let headless = HeadlessConfig { browser: config.browser, ..HeadlessConfig::new(page, config.tabs) };
        tokio::spawn(headless::run(headless, wait(closed)))
    });
    tell(Told::Listening { url: &url, tabs: config.tabs, asks: access.is_on() });

    let ended = tokio::select! {
        signal = shutdown => signal,
        error = failed(&mut tabs) => Err(error),
        never = announce(&pool, config.tabs.max(1), &url, &mut tell) => match never {},
    };
    tracing::info!("shutting down: requests in flight finish first");
    pool.drain();
    // Nothing waits for those who only listen.
    tail.close();
    pool.tabs().iter().for_each(|tab| tab.say_draining());
    // Nobody listens only where the task is gone already, and then there is nothing to stop.
    let _ = stop.send(true);
    let _ = serving.await;
    let _ = close.send(true);
    hub.shutdown();
    if let Some(tabs) = tabs.filter(|tabs| !tabs.is_finished()) {
        let _ = tabs.await;
    }
    ended
}

/// Reads anew what others may have written, each time that SIGHUP says so: certificates, and the store after a backup was put back.
async fn reload_on_hangup(
    catalog: Arc<Catalog>,
    access: Arc<Access>,
    storage: Arc<Storage>,
    tls: Option<Arc<Tls>>,
) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => return tracing::warn!(%error, "SIGHUP will not be heard"),
    };
    while hangups.recv().await.is_some() {
        if let Some(Err(error)) = tls.as_ref().map(|tls| tls.reload()) {
            tracing::error!(%error, "cannot read the certificates anew; they are as they were");
        }
        storage.databases.reload();
        let read = async { tokio::try_join!(catalog.reload(), access.reload()) };
        match read.await {
            Ok(_) => tracing::info!(handlers = catalog.count(), "read anew"),
            Err(error) => tracing::error!(%error, "cannot read the store anew; all is as it was"),
        }
    }
}

/// Reads who may do what, and makes the operator's token where there is none.
async fn open_access(config: &ServeConfig, key: SecretKey) -> anyhow::Result<Arc<Access>> {
    let (data, domain, settings) = (
        config.data.clone(),
        config.http.domain.clone(),
        config.access.clone().for_address(config.http.listen),
    );
    let access = tokio::task::spawn_blocking(move || Access::open(&data, key, &domain, &settings)).await??;
    let access = Arc::new(access);
    tokio::spawn(Arc::clone(&access.tokens).note_uses());
    Ok(access)
}

/// What handlers fetch through, unless they may not.
fn egress(config: &EgressConfig) -> anyhow::Result<Option<Egress>> {
    let egress = (!config.no_egress).then(|| Egress::new(config.allow.clone())).transpose();
    egress.context("cannot read the system's root certificates; --no-egress does without")
}

/// Lets this process open as many files as the system allows: a tab takes two, a caller one, and the usual first limit
/// of 1,024 is there for programs that use `select`.
pub(crate) fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Tells how many tabs serve, and when there are enough; then never returns.
async fn announce(
    pool: &Pool,
    tabs: usize,
    url: &str,
    tell: &mut impl FnMut(Told<'_>),
) -> std::convert::Infallible {
    let mut told = 0;
    loop {
        let ready = pool.count().1;
        if ready != std::mem::replace(&mut told, ready) {
            tell(Told::Joined(ready, tabs));
        }
        if ready >= tabs {
            break;
        }
        tokio::time::sleep(READY_POLL).await;
    }
    tell(Told::Ready(url));
    std::future::pending().await
}

/// Resolves when headless tabs cannot run at all.
async fn failed(
    tabs: &mut Option<tokio::task::JoinHandle<Result<(), headless::HeadlessError>>>,
) -> anyhow::Error {
    let Some(tabs) = tabs else { return std::future::pending().await };
    match tabs.await {
        Ok(Err(error)) => error.into(),
        _ => std::future::pending().await,
    }
}

/// Keeps a link to a shared signaling server. Joined tabs do not notice when it breaks.
async fn meet_at(url: String, config: SignalConfig, rendezvous: Arc<Rendezvous>) {
    let mut backoff = SIGNAL_BACKOFF.0;
    loop {
        let join =
            Join { role: Role::Gateway, pool: config.pool.clone(), token: config.gateway_token.clone() };
        match client::connect(&url, join).await {
            Ok(link) => {
                tracing::info!(url, "signaling server reached");
                backoff = SIGNAL_BACKOFF.0;
                Arc::clone(&rendezvous).run(link, None).await;
                tracing::warn!(url, "signaling server lost");
            }
            Err(error) => tracing::warn!(url, %error, "signaling server not reached"),
        }
        tokio::time::sleep(backoff).await;
        backoff = (backoff * 2).min(SIGNAL_BACKOFF.1);
    }
}

async fn wait(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, and then it is over too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// The address to open pages at: a wildcard address is not one.
fn page_base(scheme: &str, address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("{scheme}://127.0.0.1:{}", address.port())
    } else {
        format!("{scheme}://{address}")
    }
}

/// Waits for SIGINT or SIGTERM, or for the terminal that this was started in to close. SIGHUP alone asks a gateway to read its data anew,
/// so it does not end one.
///
/// # Errors
/// When signals cannot be listened for.
pub async fn shutdown_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let had_terminal = has_terminal();
    loop {
        tokio::select! {
            result = tokio::signal::ctrl_c() => return Ok(result?),
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => {
                if had_terminal && !has_terminal() {
                    return Ok(());
                }
            }
        }
    }
}

/// Whether this process has a terminal of its own, which may have closed.
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}
