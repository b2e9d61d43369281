//! Running other programs: with their own output, or quietly behind a spinner with a time limit.
//!
//! Ends only processes it started itself.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

/// How often a quiet child is looked at.
const POLL: Duration = Duration::from_millis(50);
/// Lines of a failed quiet program's output that are shown.
const TAIL_LINES: usize = 30;

/// Runs a program that reports its own progress (cargo does); its output goes straight through.
pub fn run(label: &str, command: &mut Command) -> Result<()> {
    say(label);
    let status = command.status().with_context(|| format!("cannot start {}", describe(command)))?;
    check(command, status)
}

/// Runs a long, chatty program behind a spinner (a plain line where stderr is no terminal).
///
/// Its output goes to a file in `logs`; the end of it is shown when the program fails. It is killed after `limit`.
pub fn run_quietly(label: &str, logs: &Path, limit: Duration, command: &mut Command) -> Result<()> {
    fs::create_dir_all(logs).with_context(|| format!("cannot create {}", logs.display()))?;
    let name = label.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let log = logs.join(format!("{name}.log"));
    let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);

    let spinner = Spinner::start(label);
    let mut child = command.spawn().with_context(|| format!("cannot start {}", describe(command)))?;
    let end = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            bail!("{} took longer than {} s and was ended", describe(command), limit.as_secs());
        }
        sleep(POLL);
    };
    drop(spinner);
    check(command, status).inspect_err(|_| {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        for line in &lines[lines.len().saturating_sub(TAIL_LINES)..] {
            eprintln!("    {line}");
        }
    })
}

/// What a program prints, when it ends well.
pub fn stdout_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// One line about what happens now.
pub fn say(text: &str) {
    eprintln!("▸ {text}");
}

/// A spinner that lives as long as the value; a plain line where stderr is no terminal.
pub struct Spinner(Option<ProgressBar>);

impl Spinner {
    /// Shows `label` until dropped.
    pub fn start(label: &str) -> Self {
        if !stderr().is_terminal() {
            say(label);
            return Self(None);
        }
        let bar = ProgressBar::new_spinner().with_message(label.to_owned());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(Some(bar))
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() { Ok(()) } else { bail!("`{}` failed ({status})", describe(command)) }
}

fn describe(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    words.join(" ")
}
