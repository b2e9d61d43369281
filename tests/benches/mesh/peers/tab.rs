//! A page of the bench's own in a headless browser, with the same flags as Tabmesh's headless tabs.

use tabmesh::headless::{self, HeadlessConfig, HeadlessError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// An open page. Dropped without [`OpenPage::close`] its browser still ends with this process.
pub struct OpenPage {
    close: oneshot::Sender<()>,
    running: JoinHandle<Result<(), HeadlessError>>,
}

impl OpenPage {
    /// Opens `url` in a browser of its own.
    pub fn open(url: String) -> Self {
        let (close, closed) = oneshot::channel();
        let running = tokio::spawn(headless::run(HeadlessConfig::new(url, 1), async {
            // Dropped or told: both mean the end.
            let _ = closed.await;
        }));
        Self { close, running }
    }

    /// Closes the browser and waits until it is gone.
    pub async fn close(self) {
        drop(self.close);
        let _ = self.running.await;
    }
}
