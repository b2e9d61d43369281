//! What is known to differ from workerd, each with its reason: a checked file that must tell the truth.
//!
//! A line has a key of some columns and the reason, with ` | ` between them; the last column of a key may have that in
//! itself. In a key `*` stands for anything. Entries that nothing is found for any more must be taken out.

use std::cell::Cell;
use std::path::Path;

/// The list.
pub struct Known {
    file: String,
    entries: Vec<Entry>,
}

struct Entry {
    key: Vec<String>,
    line: usize,
    met: Cell<bool>,
}

impl Known {
    /// Reads the list in a file of this package, whose keys have so many columns.
    ///
    /// # Panics
    /// When a line lacks something, a reason above all, or stands twice.
    #[must_use]
    pub fn read(file: &str, columns: usize) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let mut entries: Vec<Entry> = Vec::new();
        for (number, text) in text.lines().enumerate() {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let line = number + 1;
            let entry = entry(line, text, columns)
                .unwrap_or_else(|| panic!("{file}:{line}: {columns} columns and a reason"));
            assert!(entries.iter().all(|other| other.key != entry.key), "{file}:{line}: stands twice");
            entries.push(entry);
        }
        Self { file: file.to_owned(), entries }
    }

    /// Whether this is known.
    #[must_use]
    pub fn covers(&self, key: &[&str]) -> bool {
        let mut is_known = false;
        for entry in self.entries.iter().filter(|entry| entry.covers(key)) {
            entry.met.set(true);
            is_known = true;
        }
        is_known
    }

    /// Entries that nothing was found for, of those whose first column was asked about or is no more.
    pub fn stale(&self, is_asked: impl Fn(&str) -> bool) -> Vec<String> {
        let stale = self.entries.iter().filter(|entry| is_asked(&entry.key[0]) && !entry.met.get());
        stale
            .map(|entry| format!("{}:{}: {} is equal now", self.file, entry.line, entry.key.join(" ")))
            .collect()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.len()
    }
}

impl Entry {
    fn covers(&self, key: &[&str]) -> bool {
        self.key.len() == key.len() && self.key.iter().zip(key).all(|(pattern, text)| matches(pattern, text))
    }
}

fn entry(line: usize, text: &str, columns: usize) -> Option<Entry> {
    let (key, reason) = text.rsplit_once(" | ")?;
    let key: Vec<String> = key.splitn(columns, " | ").map(str::to_owned).collect();
    (key.len() == columns && !reason.trim().is_empty()).then(|| Entry { key, line, met: Cell::new(false) })
}

/// Whether a text is what a pattern says, in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(first) else { return false };
    // The next piece may stand wherever it is found.
    text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| matches(rest, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, is_match) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("a*", "ba", false),
            ("*b", "ab", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abde", false),
            ("*", "", true),
            ("é*é", "éé", true),
        ] {
            assert_eq!(matches(pattern, text), is_match, "{pattern} on {text}");
        }
    }

    #[test]
    fn the_last_column_of_a_key_may_hold_the_separator() {
        let key = |text, columns| entry(1, text, columns).map(|entry| entry.key.join("+"));
        assert_eq!(key("a | b | c | why", 3).as_deref(), Some("a+b+c"));
        assert_eq!(key("a | b | c | why", 2).as_deref(), Some("a+b | c"));
        assert_eq!(key("a | why", 2), None);
        assert_eq!(key("a | b | ", 2), None);
    }
}
