//! A child process that cannot outlive us, and the lines it writes.

use crate::LIMIT;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Starts the command and ends it when our end of stdin closes, which happens even if the test process is killed.
/// (Statics are never dropped, and a parent-death signal is bound to a thread, which a test is.) Then it also removes
/// the folder that `TABMESH_E2E_HOME` names, since nobody else is left to do it.
const WATCHDOG: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
echo "pid: $child"
trap 'gone=1' USR1
( read -r _ <&3; kill -USR1 $$; kill -TERM $child; sleep 15; kill -KILL $child ) >/dev/null 2>&1 &
dog=$!
exec 3<&-
wait $child
code=$?
if [ -n "$gone" ]; then
  wait $child
  case $TABMESH_E2E_HOME in */tabmesh-e2e-*) rm -rf "$TABMESH_E2E_HOME" ;; esac
fi
kill $dog 2>/dev/null
exit $code
"#;

/// Time from SIGTERM to SIGKILL on drop. A gateway drains and closes browsers meanwhile.
const GRACE: Duration = Duration::from_secs(12);

/// How often an exit is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Lines written so far, by one stream of a child.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(&self, from: impl Read + Send + 'static) {
        let lines = self.clone();
        std::thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut line = Vec::new();
            while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                lines.lock().push(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
        });
    }

    /// How many there are; a mark for the other methods.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Those after a mark.
    #[must_use]
    pub fn since(&self, mark: usize) -> Vec<String> {
        self.lock().get(mark..).unwrap_or_default().to_vec()
    }

    /// Those after a mark that have all of `parts` in them.
    #[must_use]
    pub fn matching(&self, mark: usize, parts: &[&str]) -> Vec<String> {
        self.since(mark).into_iter().filter(|line| parts.iter().all(|part| line.contains(part))).collect()
    }

    /// Waits for a line after `mark` that has all of `parts` in it.
    pub async fn wait(&self, mark: usize, parts: &[&str]) -> String {
        self.wait_nth(mark, parts, 1).await
    }

    /// Waits for the `nth` such line (from 1).
    pub async fn wait_nth(&self, mark: usize, parts: &[&str], nth: usize) -> String {
        let started = Instant::now();
        loop {
            if let Some(line) = self.matching(mark, parts).into_iter().nth(nth - 1) {
                return line;
            }
            assert!(
                started.elapsed() < LIMIT,
                "no line {nth} with {parts:?} in:\n{}",
                self.since(mark).join("\n")
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// A process that we started. Dropping it ends it: SIGTERM, then SIGKILL.
pub struct Child {
    watchdog: std::process::Child,
    pid: Pid,
    /// What it writes to stdout.
    pub out: Lines,
    /// What it writes to stderr.
    pub err: Lines,
}

impl Child {
    /// Starts `program`; `env` is set on top of our own environment.
    #[must_use]
    pub fn start(program: &Path, args: &[String], env: &[(String, String)]) -> Self {
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "sh"])
            .arg(program)
            .args(args)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start sh: {error}"));
        let (out, err) = (Lines::default(), Lines::default());
        out.follow(watchdog.stdout.take().expect("was piped above"));
        err.follow(watchdog.stderr.take().expect("was piped above"));
        let started = Instant::now();
        let pid = loop {
            // The program may have printed something before.
            let pid = out.since(0).iter().find_map(|line| line.strip_prefix("pid: ")?.parse().ok());
            if let Some(pid) = pid.and_then(Pid::from_raw) {
                break pid;
            }
            assert!(started.elapsed() < LIMIT, "the watchdog did not start {}", program.display());
            std::thread::sleep(Duration::from_millis(1));
        };
        Self { watchdog, pid, out, err }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Sends a signal. Nothing happens if it has exited.
    pub fn signal(&mut self, signal: Signal) {
        // The watchdog reaps it, and then exits: while the watchdog lives the number is ours (but for an instant).
        if self.exit_code().is_none() {
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Its exit code if it has exited; 128 and the signal's number if a signal ended it.
    pub fn exit_code(&mut self) -> Option<i32> {
        let status = self.watchdog.try_wait().expect("our own child can be waited for");
        status.map(|status| status.code().unwrap_or(-1))
    }

    /// Waits for its exit.
    pub async fn exited(&mut self) -> i32 {
        let started = Instant::now();
        loop {
            if let Some(code) = self.exit_code() {
                return code;
            }
            assert!(started.elapsed() < LIMIT, "process {:?} did not exit", self.pid);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let started = Instant::now();
        while self.exit_code().is_none() {
            if started.elapsed() > GRACE {
                self.signal(Signal::KILL);
            }
            std::thread::sleep(LOOK_EVERY);
            if started.elapsed() > GRACE * 2 {
                // The pipe closes with us; the watchdog does the rest.
                return;
            }
        }
    }
}
