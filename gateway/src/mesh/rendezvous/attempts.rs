//! The attempts of all tabs, by tab: nothing that one tab says or does costs a look at those of the others. Only keeps them;
//! what they are told is their owner's business.

use std::collections::HashMap;
use tokio::sync::mpsc::Sender;

/// Fewer than this are not worth a sweep.
const SWEEP_AT: usize = 64;

/// See the module's page.
pub(super) struct Attempts<T> {
    /// By the tab's id at the signalling server, then by number. Some are over already.
    by_peer: HashMap<String, Vec<(u32, Sender<T>)>>,
    /// All of them, and how many may be there before those that are over go: twice what was left last time, so that
    /// sweeping costs each attempt no more than a few looks.
    count: usize,
    sweep_at: usize,
}

impl<T> Attempts<T> {
    pub(super) fn new() -> Self {
        Self { by_peer: HashMap::new(), count: 0, sweep_at: SWEEP_AT }
    }

    /// A tab's attempt, if it is not over.
    pub(super) fn get(&self, peer: &str, session: u32) -> Option<&Sender<T>> {
        self.of(peer).find(|(number, _)| *number == session).map(|(_, inputs)| inputs)
    }

    /// A tab's attempts that are not over.
    pub(super) fn of(&self, peer: &str) -> impl Iterator<Item = &(u32, Sender<T>)> {
        self.by_peer.get(peer).into_iter().flatten().filter(|(_, inputs)| !inputs.is_closed())
    }

    /// Whether there may be one more where `most` are allowed. Exact.
    pub(super) fn has_room(&mut self, most: usize) -> bool {
        if self.count >= most {
            self.sweep();
        }
        self.count < most
    }

    /// Adds an attempt.
    pub(super) fn add(&mut self, peer: &str, session: u32, inputs: Sender<T>) {
        if self.count >= self.sweep_at {
            self.sweep();
        }
        self.by_peer.entry(peer.to_owned()).or_default().push((session, inputs));
        self.count += 1;
    }

    fn sweep(&mut self) {
        self.by_peer.retain(|_, attempts| {
            attempts.retain(|(_, inputs)| !inputs.is_closed());
            !attempts.is_empty()
        });
        self.count = self.by_peer.values().map(Vec::len).sum();
        self.sweep_at = SWEEP_AT.max(self.count * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::channel;

    #[test]
    fn what_is_over_is_not_found_and_makes_room() {
        let mut attempts = Attempts::<()>::new();
        let (inputs, over) = channel(1);
        attempts.add("a", 1, inputs);
        let (inputs, _goes_on) = channel(1);
        attempts.add("a", 2, inputs);
        assert!(attempts.get("a", 1).is_some() && attempts.get("b", 1).is_none() && !attempts.has_room(2));
        drop(over);
        assert!(attempts.get("a", 1).is_none() && attempts.has_room(2));
        assert_eq!(attempts.of("a").count(), 1);
        // The number may come again.
        let (inputs, _goes_on_too) = channel(1);
        attempts.add("a", 1, inputs);
        assert!(attempts.get("a", 1).is_some());
    }

    #[test]
    fn those_that_are_over_do_not_pile_up() {
        let mut attempts = Attempts::<()>::new();
        for number in 0..10_000 {
            let (inputs, _) = channel(1);
            attempts.add(&format!("p{number}"), 1, inputs);
            assert!(attempts.by_peer.len() <= SWEEP_AT + 1);
        }
    }
}
