//! The differences that are known, each with its reason.
//!
//! `known.txt` has one a line: `handler | number of the request, from 1 | what | reason`; `*` stands for all requests of
//! the handler. One that is not found any more must be taken out: the list tells the truth.

use std::cell::Cell;
use std::path::Path;
use tabmesh_tests::answer::Difference;

pub struct Known {
    entries: Vec<Entry>,
}

struct Entry {
    handler: String,
    request: Option<usize>,
    what: String,
    line: usize,
    met: Cell<bool>,
}

impl Known {
    /// Reads the list.
    ///
    /// # Panics
    /// When a line lacks something, a reason above all.
    pub fn read() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/known.txt");
        let text = std::fs::read_to_string(&file).unwrap();
        let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        Self { entries: lines.map(|(number, line)| entry(number + 1, line)).collect() }
    }

    /// Whether it is known that this handler's request (from 1) differs in this.
    pub fn covers(&self, handler: &str, request: usize, difference: &Difference) -> bool {
        let found = self.entries.iter().find(|entry| {
            entry.handler == handler
                && entry.request.is_none_or(|number| number == request)
                && entry.what == difference.what
        });
        found.is_some_and(|entry| {
            entry.met.set(true);
            true
        })
    }

    /// Entries about handlers that were run, or are no more, that nothing was found for.
    pub fn stale(&self, is_run: impl Fn(&str) -> bool) -> Vec<String> {
        let stale = self.entries.iter().filter(|entry| is_run(&entry.handler) && !entry.met.get());
        stale
            .map(|entry| format!("known.txt:{}: {} {} is equal now", entry.line, entry.handler, entry.what))
            .collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.entries.len()
    }
}

fn entry(line: usize, text: &str) -> Entry {
    let parts: Vec<&str> = text.split('|').map(str::trim).collect();
    let [handler, request, what, reason] = parts[..] else { panic!("known.txt:{line}: four parts") };
    assert!(!reason.is_empty(), "known.txt:{line}: without a reason");
    let request = (request != "*").then(|| request.parse().unwrap());
    Entry { handler: handler.to_owned(), request, what: what.to_owned(), line, met: Cell::new(false) }
}
