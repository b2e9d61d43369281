//! Headless browser tabs on this machine, for `tabmesh serve --tabs N` and `tabmesh worker --count N`.
//!
//! **One Chromium per tab.** Measured with Chromium 156 on two cores, page plus one isolate frame and Worker:
//!
//! | tabs | one browser for all: memory (PSS), all up | one browser per tab |
//! |---|---|---|
//! | 1 | 391 MiB, 0.6 s | the same |
//! | 2 | 441 MiB, 0.6 s | 565 MiB, 1.1 s |
//! | 4 | 531 MiB, 0.9 s | 902 MiB, 3.2 s |
//! | 8 | 693 MiB, 1.4 s | 1563 MiB, 6.2 s |
//!
//! Sharing saves about 125 MiB and 0.6 s a tab, but then the tabs share what makes several of them worth having: one
//! network service, which is where a tab's throughput is spent; and one process for each tenant's isolates (8 tabs had a
//! single one), so that one handler's endless allocation ends every tab's isolates, and one crash ends all tabs.
//!
//! The browser holds a pipe to this process and exits when it closes, so nothing survives us, not even after SIGKILL.
//! This module ends only processes it started, and speaks to the page through nothing but its URL. The page starts by
//! itself because the browser says that a program drives it (`navigator.webdriver`), which the pipe brings about.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use self::browser::{Browser, Ended};

mod browser;
mod flags;
mod page;
mod pipe;

pub use page::TabConfig;

/// The wait before a browser is started again, at first.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
/// The longest wait between two starts.
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// A browser that lived this long was healthy: the backoff starts over.
const HEALTHY: Duration = Duration::from_secs(30);
/// How often a gateway that does not listen yet is tried. A page loaded before would stay an error page.
const CONNECT_EVERY: Duration = Duration::from_millis(200);
/// The time one such try may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The most tabs one process starts. At 170 MiB each this is 43 GiB; a larger number is a slip of the finger.
pub const MAX_TABS: usize = 256;

/// What to open, and how often.
#[derive(Debug, Clone)]
pub struct HeadlessConfig {
    /// The Chromium (or Chrome) to run; searched in `TABMESH_BROWSER` and `PATH` when `None`.
    pub browser: Option<PathBuf>,
    /// The worker page, such as `http://127.0.0.1:8787/_mesh/worker`.
    pub url: String,
    /// Tabs to keep open, 1 to [`MAX_TABS`].
    pub count: usize,
    /// Where the tabs' profiles are made; each is new and removed with its tab.
    pub profiles: PathBuf,
    /// More command-line flags for the browser, after our own.
    pub extra_args: Vec<String>,
}

impl HeadlessConfig {
    /// `count` tabs on `url`, with the browser that is found and profiles in the system's temporary folder.
    pub fn new(url: impl Into<String>, count: usize) -> Self {
        let profiles = std::env::temp_dir();
        Self { browser: None, url: url.into(), count, profiles, extra_args: Vec::new() }
    }
}

/// Why no tab could be opened at all. A browser that dies later is started again instead.
#[derive(Debug, Error)]
pub enum HeadlessError {
    /// No browser is installed where we look.
    #[error(
        "no Chromium found (looked for {tried}). Install one (Debian: apt-get install chromium) or set TABMESH_BROWSER"
    )]
    NoBrowser {
        /// The names that were tried.
        tried: String,
    },
    /// The browser that was named is not there.
    #[error("{} is not a program; name the browser by its full path", .0.display())]
    NotAProgram(PathBuf),
    /// The page's address is not an absolute `http` or `https` URL.
    #[error("not a worker page URL: {0}")]
    Url(String),
    /// The number of tabs is out of range.
    #[error("{0} tabs: it is 1 to {MAX_TABS}")]
    Count(usize),
}

/// Keeps `config.count` tabs open until `shutdown` resolves, then closes them and removes their profiles.
///
/// A browser or page that dies is started again, with a growing wait. Returns early only on an error of the
/// configuration; returns `Ok` once every browser is gone.
pub async fn run(config: HeadlessConfig, shutdown: impl Future<Output = ()>) -> Result<(), HeadlessError> {
    if !(1..=MAX_TABS).contains(&config.count) {
        return Err(HeadlessError::Count(config.count));
    }
    let address = authority(&config.url)?;
    let command = flags::Command {
        program: match config.browser {
            Some(program) if program.is_file() => program,
            Some(program) => return Err(HeadlessError::NotAProgram(program)),
            None => {
                flags::find_browser().ok_or_else(|| HeadlessError::NoBrowser { tried: flags::names() })?
            }
        },
        args: flags::chromium(&config.extra_args),
        url: config.url,
        profiles: config.profiles,
    };
    tracing::info!(browser = %command.program.display(), tabs = config.count, url = without_query(&command.url), "opening headless tabs");

    let (stop, stopped) = watch::channel(false);
    let mut tabs = JoinSet::new();
    for number in 1..=config.count {
        tabs.spawn(keep_open(number, command.clone(), address.clone(), stopped.clone()));
    }
    shutdown.await;
    // Nobody listens only if every tab's task is gone, and then there is nothing to stop.
    let _ = stop.send(true);
    while let Some(ended) = tabs.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a headless tab's task failed");
        }
    }
    Ok(())
}

/// One tab: waits for the gateway, runs a browser, and again when it dies.
async fn keep_open(number: usize, command: flags::Command, address: String, mut stop: watch::Receiver<bool>) {
    let mut backoff = FIRST_BACKOFF;
    while unless_stopped(&mut stop, wait_for(&address)).await.is_some() {
        let started = Instant::now();
        let failed = match Browser::start(&command) {
            Ok(mut browser) => {
                let ended = unless_stopped(&mut stop, browser.ended()).await;
                // Whoever leaves says goodbye; a crashed page cannot, and its replacement should not wait for it.
                let last_words = browser.close(ended.is_none()).await;
                match ended {
                    None => return,
                    Some(Ended::PageCrashed) => "the tab crashed; opening a new one".to_owned(),
                    Some(Ended::Exited) if last_words.is_empty() => {
                        "the browser exited; starting a new one".into()
                    }
                    Some(Ended::Exited) => {
                        format!("the browser exited; starting a new one. Its last words: {last_words}")
                    }
                }
            }
            Err(error) => format!("cannot start the browser ({error}); trying again"),
        };
        if started.elapsed() >= HEALTHY {
            backoff = FIRST_BACKOFF;
        }
        tracing::warn!(tab = number, wait_ms = backoff.as_millis(), "{failed}");
        if unless_stopped(&mut stop, sleep(backoff)).await.is_none() {
            return;
        }
        backoff = (backoff * 2).min(MAX_BACKOFF);
    }
}

/// The future's value, or `None` when the tabs are to close first.
async fn unless_stopped<T>(stop: &mut watch::Receiver<bool>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        // An error means that `run` itself was dropped: stop, too.
        _ = stop.wait_for(|stop| *stop) => None,
        value = work => Some(value),
    }
}

/// Resolves once something listens at `address`.
async fn wait_for(address: &str) {
    let mut told = false;
    while !matches!(timeout(CONNECT_LIMIT, TcpStream::connect(address)).await, Ok(Ok(_))) {
        if !std::mem::replace(&mut told, true) {
            tracing::info!(address, "waiting for the gateway to listen");
        }
        sleep(CONNECT_EVERY).await;
    }
}

/// `host:port` of the page's URL.
fn authority(url: &str) -> Result<String, HeadlessError> {
    let bad = || HeadlessError::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| bad())?;
    let default_port = match uri.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return Err(bad()),
    };
    let host = uri.host().ok_or_else(bad)?;
    Ok(format!("{host}:{}", uri.port_u16().unwrap_or(default_port)))
}

/// What may be logged of a page's address: a join token stands behind the rest.
fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(page, _)| page)
}

#[cfg(test)]
mod tests;
