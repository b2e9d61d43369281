//! One browser process group: started with a fresh profile and a control pipe, ended without leftovers.

use std::collections::VecDeque;
use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::flags;
use super::pipe::Pipe;

/// The browser's control pipe is its descriptors 3 and 4; a safe `Command` can only set 0 to 2, so a shell moves them.
/// The shell stays to remove the profile: it does so even when this process was killed and cannot.
const WRAPPER: &str = r#"profile=$1; shift; "$@" 3<&0 4>&1 </dev/null >/dev/null; rm -rf "$profile""#;
/// A browser whose pipe closed is gone within this time (seen: 0.1-1.4 s), or it is killed.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);
/// Helper processes follow the browser, or a signal, within this time, or get a stronger signal.
const GROUP_LIMIT: Duration = Duration::from_secs(1);
/// How often the group is looked at meanwhile.
const GROUP_POLL: Duration = Duration::from_millis(10);
/// Of what the browser writes to stderr, the end of this many bytes is kept.
const LAST_WORDS_BYTES: usize = 8192;
/// Of what is kept, the last lines of this number reach the log.
const LAST_WORDS_LINES: usize = 6;
/// Lines with this are noise: a machine without a desktop has no D-Bus, and Chromium repeats it without end.
const NOISE: &str = "dbus/";

/// Why a tab is no longer there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The browser process exited.
    Exited,
    /// The browser lives, but its page's process died or the page closed.
    PageCrashed,
}

/// A running browser with one tab. Dropped without [`Browser::close`], it still ends: its pipe closes.
pub(super) struct Browser {
    child: Child,
    /// The process group, named after the shell that leads it.
    group: Option<Pid>,
    pipe: Option<Pipe>,
    profile: TempDir,
    last_words: LastWords,
    stderr: Option<JoinHandle<()>>,
}

impl Browser {
    /// Starts the browser on the page. Errors when the profile cannot be made or the shell not be started.
    pub(super) fn start(command: &flags::Command) -> io::Result<Self> {
        let profile = tempfile::Builder::new().prefix("tabmesh-tab-").tempdir_in(&command.profiles)?;
        let mut user_data = std::ffi::OsString::from("--user-data-dir=");
        user_data.push(profile.path());
        let mut child = Command::new("/bin/sh")
            // Chromium leaves a lock's folder in the temporary folder when it is killed; here it goes with the profile.
            .env("TMPDIR", profile.path())
            .args(["-c", WRAPPER, "sh"])
            .arg(profile.path())
            .arg(&command.program)
            .args(&command.args)
            .arg(user_data)
            .arg(&command.url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: Ctrl-C in a terminal reaches us first, and we can end all of it at once.
            .process_group(0)
            .spawn()?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let pipe =
            child.stdin.take().zip(child.stdout.take()).map(|(input, output)| Pipe::new(input, output));
        let last_words = LastWords::default();
        let stderr = child.stderr.take().map(|stderr| tokio::spawn(last_words.clone().fill(stderr)));
        Ok(Self { child, group, pipe, profile, last_words, stderr })
    }

    /// Resolves when the tab is gone. Cancel-safe in that it may be called again.
    pub(super) async fn ended(&mut self) -> Ended {
        let Some(pipe) = &mut self.pipe else { return Ended::Exited };
        tokio::select! {
            _ = self.child.wait() => Ended::Exited,
            () = pipe.page_gone() => Ended::PageCrashed,
        }
    }

    /// Ends the whole group and removes the profile. Returns the end of what the browser wrote to stderr.
    ///
    /// With `farewell` the browser quits by itself and pages get their `pagehide`; without, it is killed at once.
    pub(super) async fn close(mut self, farewell: bool) -> String {
        // The browser takes the end of its pipe for a request to quit.
        drop(self.pipe.take());
        if farewell {
            if timeout(CLOSE_LIMIT, self.child.wait()).await.is_err() {
                tracing::warn!("a browser did not quit in time and is ended");
            }
        } else if let Some(group) = self.group {
            // It fails only when the group is gone.
            let _ = kill_process_group(group, Signal::KILL);
        }
        if let Some(group) = self.group {
            end_group(group).await;
        }
        // The leader may have been ended just now: reap it.
        let _ = timeout(GROUP_LIMIT, self.child.wait()).await;
        if let Some(stderr) = self.stderr.take() {
            // A helper process may hold stderr open a little longer; its words do not matter.
            stderr.abort();
        }
        // The shell has removed it in most cases; a `TempDir` minds neither way.
        drop(self.profile);
        self.last_words.text()
    }
}

/// Waits until no process of the group is left, with stronger and stronger signals.
///
/// A group that is there now is ours: its number cannot be given away while a member lives.
async fn end_group(group: Pid) {
    for signal in [None, Some(Signal::TERM), Some(Signal::KILL)] {
        if let Some(signal) = signal {
            // It fails only when the group is gone.
            let _ = kill_process_group(group, signal);
        }
        let gone = async {
            while test_kill_process_group(group).is_ok() {
                sleep(GROUP_POLL).await;
            }
        };
        if timeout(GROUP_LIMIT, gone).await.is_ok() {
            return;
        }
    }
}

/// The end of a browser's stderr.
#[derive(Debug, Clone, Default)]
struct LastWords(Arc<Mutex<VecDeque<u8>>>);

impl LastWords {
    async fn fill(self, mut from: impl AsyncRead + Unpin) {
        let mut chunk = [0; 1024];
        while let Ok(read @ 1..) = from.read(&mut chunk).await {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend(&chunk[..read]);
            let excess = kept.len().saturating_sub(LAST_WORDS_BYTES);
            kept.drain(..excess);
        }
    }

    fn text(&self) -> String {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(kept.make_contiguous()).into_owned();
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains(NOISE)).collect();
        lines[lines.len().saturating_sub(LAST_WORDS_LINES)..].join("\n")
    }
}
