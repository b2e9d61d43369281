//! Handlers' lines on their way into the log, with the places of stacks as the developer knows them.
//!
//! The log is the process's, and so is this. A line whose version has no source map, or whose map is at hand, is written at
//! once; others wait for their map on a task of their own, so that nobody's request ever does. Where the map cannot be had
//! the line is written as it came.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::mpsc;

use crate::breach::Labels;
use crate::catalog::Catalog;
use crate::sourcemap::{self, Decoded, SourceMaps};

/// Versions whose maps, or the lack of them, are remembered. One decoded map may take 50 MB.
const REMEMBERED: usize = 16;

/// Lines that may wait for maps; further ones are written as they are.
const WAITING: usize = 256;

type Write = Box<dyn FnOnce(&Labels, &str) + Send>;

struct Line {
    labels: Labels,
    text: String,
    write: Write,
}

struct Stacks {
    /// The last used at the end.
    known: Mutex<Vec<(String, Option<Arc<Decoded>>)>>,
    waiting: mpsc::Sender<Line>,
}

static STACKS: OnceLock<Stacks> = OnceLock::new();

/// From now on maps are read from this catalog. Once in a process; needs a runtime.
pub fn install(catalog: Arc<Catalog>) {
    let (waiting, mut lines) = mpsc::channel::<Line>(WAITING);
    if STACKS.set(Stacks { known: Mutex::default(), waiting }).is_err() {
        return;
    }
    tokio::spawn(async move {
        while let Some(line) = lines.recv().await {
            let version = &line.labels.target.version;
            if known(version).is_none() {
                remember(version.clone(), read(&catalog, version).await);
            }
            write_now(&line.labels, &line.text, line.write);
        }
    });
}

/// A version's maps were stored anew: code may stay the same while its source moves.
pub fn forget(version: &str) {
    if let Some(stacks) = STACKS.get() {
        stacks.known.lock().unwrap_or_else(PoisonError::into_inner).retain(|(name, _)| name != version);
    }
}

/// Gives `write` the text with its places translated, now or later.
pub fn log(labels: &Labels, text: &str, write: impl FnOnce(&Labels, &str) + Send + 'static) {
    if let Some(stacks) = STACKS.get()
        && sourcemap::names_a_place(text)
        && known(&labels.target.version).is_none()
    {
        let line = Line { labels: labels.clone(), text: text.to_owned(), write: Box::new(write) };
        if let Err(error) = stacks.waiting.try_send(line) {
            let line = error.into_inner();
            (line.write)(&line.labels, &line.text);
        }
        return;
    }
    write_now(labels, text, write);
}

fn write_now(labels: &Labels, text: &str, write: impl FnOnce(&Labels, &str)) {
    match known(&labels.target.version).flatten() {
        Some(maps) => write(labels, &maps.rewrite(text)),
        None => write(labels, text),
    }
}

/// `None` if it was not looked for yet, `Some(None)` if there is no map.
fn known(version: &str) -> Option<Option<Arc<Decoded>>> {
    let mut known = STACKS.get()?.known.lock().unwrap_or_else(PoisonError::into_inner);
    let index = known.iter().position(|(name, _)| name == version)?;
    let found = known.remove(index);
    let maps = found.1.clone();
    known.push(found);
    Some(maps)
}

fn remember(version: String, maps: Option<Arc<Decoded>>) {
    let Some(stacks) = STACKS.get() else { return };
    let mut known = stacks.known.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= REMEMBERED {
        known.remove(0);
    }
    known.push((version, maps));
}

async fn read(catalog: &Catalog, version: &str) -> Option<Arc<Decoded>> {
    let stored = match catalog.maps(version).await {
        Ok(stored) => stored?,
        Err(error) => {
            tracing::warn!(%error, "a source map cannot be read");
            return None;
        }
    };
    tokio::task::spawn_blocking(move || {
        let maps: SourceMaps = serde_json::from_slice(&stored).ok()?;
        Some(Arc::new(maps.decode()))
    })
    .await
    .ok()?
}
