//! What came of a test on one platform, and what two platforms make of it.

use serde_json::Value;
use std::collections::BTreeMap;

/// As testharness.js numbers what a part came to.
const PASS: i64 = 0;

/// What came of a test: its parts by name. Several of one name are numbered from the second.
#[derive(Debug, Default)]
pub struct Outcome {
    parts: BTreeMap<String, Part>,
    /// What ended the test as a whole, if something did.
    broken: Option<String>,
}

#[derive(Debug)]
struct Part {
    passed: bool,
    message: String,
}

impl Outcome {
    /// Of an answer of `shell.js`.
    pub fn read(body: &str) -> Self {
        let Ok(answer) = serde_json::from_str::<Value>(body) else {
            return Self::broken(body.chars().take(300).collect());
        };
        let mut outcome = Self::default();
        for part in answer["parts"].as_array().into_iter().flatten() {
            let text = |at: usize| part[at].as_str().unwrap_or_default().to_owned();
            let passed = part[1].as_i64() == Some(PASS);
            let (first, mut name) = (text(0), text(0));
            for count in 2.. {
                if !outcome.parts.contains_key(&name) {
                    break;
                }
                name = format!("{first} #{count}");
            }
            outcome.parts.insert(name, Part { passed, message: text(2) });
        }
        let thrown = answer["thrown"].as_str().map(str::to_owned);
        let message = || answer["message"].as_str().map(str::to_owned);
        outcome.broken = thrown.or_else(|| if answer["status"] == PASS { None } else { message() });
        outcome
    }

    /// Of a test that gave no answer.
    pub fn broken(reason: String) -> Self {
        Self { parts: BTreeMap::new(), broken: Some(reason) }
    }

    /// What ended the test as a whole, if something did.
    pub fn end(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    fn passes(&self, part: &str) -> bool {
        self.parts.get(part).is_some_and(|part| part.passed)
    }

    fn message(&self, part: &str) -> &str {
        let message = self.parts.get(part).map(|part| part.message.as_str());
        message.or(self.end()).unwrap_or("was not run")
    }
}

/// Parts of tests, counted.
#[derive(Debug, Default, Clone, Copy)]
pub struct Count {
    /// Parts that are there on either side.
    pub total: usize,
    pub ours: usize,
    pub theirs: usize,
    pub both: usize,
}

impl Count {
    pub fn add(&mut self, other: Self) {
        self.total += other.total;
        self.ours += other.ours;
        self.theirs += other.theirs;
        self.both += other.both;
    }

    /// Of what workerd passes, how much Tabmesh passes, in percent.
    #[allow(clippy::cast_precision_loss, reason = "thousands")]
    pub fn percent(self) -> f64 {
        if self.theirs == 0 { 100.0 } else { 100.0 * self.both as f64 / self.theirs as f64 }
    }
}

/// A part that workerd passes and Tabmesh does not.
#[derive(Debug)]
pub struct Lack {
    pub part: String,
    pub message: String,
}

/// Compares what came of one test.
pub fn compare(theirs: &Outcome, ours: &Outcome) -> (Count, Vec<Lack>) {
    let mut count = Count::default();
    let mut lacks = Vec::new();
    let only_ours = ours.parts.keys().filter(|part| !theirs.parts.contains_key(*part));
    for part in theirs.parts.keys().chain(only_ours) {
        let (they, we) = (theirs.passes(part), ours.passes(part));
        count.total += 1;
        count.theirs += usize::from(they);
        count.ours += usize::from(we);
        count.both += usize::from(they && we);
        if they && !we {
            lacks.push(Lack { part: part.clone(), message: ours.message(part).to_owned() });
        }
    }
    (count, lacks)
}
