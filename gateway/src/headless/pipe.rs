//! The browser's control pipe (Chrome DevTools Protocol, JSON messages that end with a zero byte).
//!
//! Used for one thing: to learn that the page died while its browser lives. It never reads or steers the page.

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout};

/// Asks for the life of pages, and of nothing else: frames and Workers are the page's own business.
const DISCOVER: &[u8] = br#"{"id":1,"method":"Target.setDiscoverTargets","params":{"discover":true,"filter":[{"type":"page"},{"exclude":true}]}}"#;
/// Longer messages are skipped; those we ask for have a few hundred bytes.
const MAX_MESSAGE: usize = 64 * 1024;

/// Both ends of the pipe; dropping it makes the browser quit.
pub(super) struct Pipe<W = ChildStdin, R = ChildStdout> {
    input: W,
    messages: Messages<R>,
    asked: bool,
    pages: usize,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    method: String,
}

impl<W: AsyncWrite + Unpin, R: AsyncRead + Unpin> Pipe<W, R> {
    pub(super) fn new(input: W, output: R) -> Self {
        Self {
            input,
            messages: Messages { from: output, buffer: Vec::new(), skipping: false },
            asked: false,
            pages: 0,
        }
    }

    /// Resolves when the page has crashed or the last one closed; never when the pipe ends, which the exit tells.
    pub(super) async fn page_gone(&mut self) {
        if !std::mem::replace(&mut self.asked, true) {
            // An error means that the browser is exiting; its exit is noticed by the caller.
            let _ = self.input.write_all(DISCOVER).await;
            let _ = self.input.write_all(&[0]).await;
            let _ = self.input.flush().await;
        }
        while let Some(message) = self.messages.next().await {
            let Ok(event) = serde_json::from_slice::<Event>(&message) else { continue };
            match event.method.as_str() {
                "Target.targetCreated" => self.pages += 1,
                "Target.targetDestroyed" if self.pages > 1 => self.pages -= 1,
                "Target.targetDestroyed" | "Target.targetCrashed" => return,
                _ => {}
            }
        }
        std::future::pending::<()>().await;
    }
}

/// Splits a byte stream at zero bytes, with bounded memory.
struct Messages<R> {
    from: R,
    buffer: Vec<u8>,
    skipping: bool,
}

impl<R: AsyncRead + Unpin> Messages<R> {
    /// The next message without its zero byte; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == 0) {
                let rest = self.buffer.split_off(end + 1);
                let mut message = std::mem::replace(&mut self.buffer, rest);
                message.pop();
                if !std::mem::take(&mut self.skipping) {
                    return Some(message);
                }
                continue;
            }
            if self.buffer.len() > MAX_MESSAGE {
                self.buffer.clear();
                self.skipping = true;
            }
            if self.from.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn events(text: &[u8]) -> bool {
        let mut pipe = Pipe::new(Vec::new(), text);
        let gone = tokio::time::timeout(std::time::Duration::from_millis(50), pipe.page_gone()).await.is_ok();
        assert_eq!(pipe.input.strip_suffix(b"\0"), Some(DISCOVER));
        gone
    }

    #[tokio::test]
    async fn a_crash_and_the_last_close_are_noticed() {
        assert!(
            events(b"{\"id\":1,\"result\":{}}\0{\"method\":\"Target.targetCrashed\",\"params\":{}}\0").await
        );
        let (created, destroyed) =
            ("{\"method\":\"Target.targetCreated\"}\0", "{\"method\":\"Target.targetDestroyed\"}\0");
        assert!(events(format!("{created}{destroyed}").as_bytes()).await);
        assert!(!events(format!("{created}{created}{destroyed}").as_bytes()).await);
    }

    #[tokio::test]
    async fn noise_is_skipped_and_an_endless_message_is_not_kept() {
        let mut text = vec![b'x'; 3 * MAX_MESSAGE];
        text.extend(b"\0not json\0\0[1]\0");
        assert!(!events(&text).await);
        text.extend(b"{\"method\":\"Target.targetCrashed\"}\0");
        assert!(events(&text).await);
    }
}
