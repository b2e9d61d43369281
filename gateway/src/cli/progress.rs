//! Progress of long steps, on stderr, where a person looks: nothing is drawn when it is no terminal, or with `--json`.

use std::io::{IsTerminal as _, Write};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use reqwest::multipart::Part;

/// Size of the pieces in which an upload is counted, in bytes.
const PIECE: usize = 64 * 1024;

/// Uploads of fewer bytes are over before a bar could be read.
const SMALL: u64 = 1 << 20;

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// All that is drawn now, so that lines of the log can be written above it.
fn all() -> &'static MultiProgress {
    static ALL: OnceLock<MultiProgress> = OnceLock::new();
    ALL.get_or_init(MultiProgress::new)
}

/// A bar of `total` steps or bytes; hidden where nobody looks. Ends when it is dropped.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Bytes of an upload.
    pub(super) fn bytes(what: &str, total: u64, json: bool) -> Self {
        let template = "{msg} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {eta}";
        Self::new(what, total, template, json || total < SMALL)
    }

    /// Things that are counted, such as tabs.
    pub(super) fn count(what: &str, total: u64, json: bool) -> Self {
        Self::new(what, total, "{spinner} {msg} {pos}/{len} ({elapsed})", json)
    }

    fn new(what: &str, total: u64, template: &str, hidden: bool) -> Self {
        if hidden || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = all().add(ProgressBar::new(total));
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// How far it is.
    pub(super) fn set(&self, done: u64) {
        self.0.set_position(done);
    }

    /// A part of a form that counts its bytes as they are sent.
    pub(super) fn part(&self, bytes: &[u8]) -> Part {
        if self.0.is_hidden() {
            return Part::bytes(bytes.to_vec());
        }
        let bytes = Bytes::copy_from_slice(bytes);
        let (length, bar) = (bytes.len() as u64, self.0.clone());
        let pieces: Vec<Bytes> = (0..bytes.len())
            .step_by(PIECE)
            .map(|from| bytes.slice(from..bytes.len().min(from + PIECE)))
            .collect();
        let pieces = futures_util::stream::iter(pieces.into_iter().map(move |piece| {
            bar.inc(piece.len() as u64);
            Ok::<_, std::convert::Infallible>(piece)
        }));
        Part::stream_with_length(reqwest::Body::wrap_stream(pieces), length)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Stderr for the log, whose lines stand above what is drawn.
#[derive(Debug, Default)]
pub struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // Where nothing is drawn, as on a server, no lock of ours is taken for a line.
        if !std::io::stderr().is_terminal() {
            return std::io::stderr().write(bytes);
        }
        all().suspend(|| std::io::stderr().write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}
