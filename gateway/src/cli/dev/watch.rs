//! Whether a file of the project was saved. Watches folders, not files: editors save by putting a new file in the old one's
//! place. Folders of packages and of tools are left out: they hold thousands, and what is in them is not edited.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify::event::{CreateKind, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Most folders watched, nearest first: the system has a limit too.
const MAX_FOLDERS: usize = 2_000;

/// Files that are saved together come this close to each other, and one save makes several events.
const QUIET: Duration = Duration::from_millis(10);

/// Longest wait for such a quiet, where events do not end.
const LONGEST: Duration = Duration::from_millis(80);

/// Folders without source, beside those that begin with a dot.
const SKIPPED: [&str; 2] = ["node_modules", "target"];

/// A project's folders, watched.
pub(super) struct Watch {
    root: PathBuf,
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    signs: Arc<Signs>,
}

/// What the watcher's thread says.
#[derive(Default)]
struct Signs {
    changed: Notify,
    /// There may be new folders.
    has_folders: AtomicBool,
}

impl Watch {
    /// Watches `root` and what is below. Errors are the system's.
    pub(super) fn new(root: &Path) -> notify::Result<Self> {
        let root = root.canonicalize()?;
        let signs = Arc::new(Signs::default());
        let (seen, base) = (Arc::clone(&signs), root.clone());
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An error means that something was missed.
            let Ok(event) = event else { return seen.changed.notify_one() };
            let is_change =
                matches!(event.kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_));
            let paths = || event.paths.iter().filter_map(|path| path.strip_prefix(&base).ok());
            if !is_change || !paths().any(matters) {
                return;
            }
            if matches!(
                event.kind,
                EventKind::Create(CreateKind::Folder) | EventKind::Modify(ModifyKind::Name(_))
            ) {
                seen.has_folders.store(true, Ordering::Relaxed);
            }
            seen.changed.notify_one();
        })?;
        let mut watch = Self { root, watcher, watched: BTreeSet::new(), signs };
        watch.add_folders();
        Ok(watch)
    }

    /// Resolves when something was saved, and all that was saved with it. Cancel-safe in that what was seen is not
    /// forgotten, but for the wait for the rest.
    pub(super) async fn changed(&mut self) {
        self.signs.changed.notified().await;
        let longest = Instant::now() + LONGEST;
        while timeout_at(longest.min(Instant::now() + QUIET), self.signs.changed.notified()).await.is_ok() {}
        if self.signs.has_folders.swap(false, Ordering::Relaxed) {
            self.add_folders();
        }
    }

    fn add_folders(&mut self) {
        let found = folders(&self.root);
        let gone: Vec<PathBuf> = self.watched.difference(&found).cloned().collect();
        for folder in gone {
            self.watched.remove(&folder);
        }
        for folder in found {
            // One that was removed meanwhile is no loss.
            if !self.watched.contains(&folder)
                && self.watcher.watch(&folder, RecursiveMode::NonRecursive).is_ok()
            {
                self.watched.insert(folder);
            }
        }
    }
}

/// The folder and those below it that may hold source, nearest first.
fn folders(root: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut waiting = VecDeque::from([root.to_owned()]);
    while let Some(folder) = waiting.pop_front() {
        if found.len() >= MAX_FOLDERS {
            break;
        }
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        // Not through links: they may lead in a circle.
        let inner = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        waiting.extend(
            inner
                .map(|entry| entry.path())
                .filter(|path| path.strip_prefix(root).is_ok_and(|path| matters(&path.join("file")))),
        );
        found.insert(folder);
    }
    found
}

/// Whether a change of this path, from the project's folder, can change what is deployed.
fn matters(path: &Path) -> bool {
    let mut names = path.iter().map(|name| name.to_string_lossy());
    let Some(file) = names.next_back() else { return false };
    let is_source =
        |name: &str| (!name.starts_with('.') || name == ".well-known") && !SKIPPED.contains(&name);
    !file.starts_with(".tabmesh") && !SKIPPED.contains(&&*file) && names.all(|name| is_source(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_hold_no_source_are_left_alone() {
        for path in ["node_modules/a/b.js", ".git/index", "target/x", ".tabmesh-abc/main.js", ".tabmesh-abc"]
        {
            assert!(!matters(Path::new(path)), "{path}");
        }
        for path in ["src/a.ts", "wrangler.toml", "public/.well-known/x", "public/.assetsignore"] {
            assert!(matters(Path::new(path)), "{path}");
        }
    }

    #[tokio::test]
    async fn saves_are_seen_however_they_are_made() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("src")).unwrap();
        let file = root.path().join("src/a.js");
        std::fs::write(&file, "1").unwrap();
        let mut watch = Watch::new(root.path()).unwrap();
        async fn saved(watch: &mut Watch) -> bool {
            tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.is_ok()
        }
        std::fs::write(&file, "2").unwrap();
        assert!(saved(&mut watch).await);
        std::fs::write(root.path().join("a.js~"), "3").unwrap();
        std::fs::rename(root.path().join("a.js~"), &file).unwrap();
        assert!(saved(&mut watch).await);
        // Of a folder that was not there before.
        std::fs::create_dir(root.path().join("new")).unwrap();
        assert!(saved(&mut watch).await);
        std::fs::write(root.path().join("new/b.js"), "4").unwrap();
        assert!(saved(&mut watch).await);
        // What nobody edits wakes nobody.
        std::fs::create_dir(root.path().join("node_modules")).unwrap();
        std::fs::write(root.path().join(".tabmesh-x"), "").unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(300), watch.changed()).await.is_err());
    }
}
