//! Which tabs hold which code, as far as is remembered: a guess, and a wrong one only costs a cold start. Knows tabs only as
//! numbers.

use super::super::tab::TabId;
use std::collections::HashMap;
use tabmesh_protocol::Target;

/// Holders of one target that one request looks at. Where more hold it, requests take turns in looking at some of them:
/// the least busy of so many is hardly ever much busier than the least busy of all.
const LOOKED_AT: usize = 32;

/// See the module's page.
#[derive(Default)]
pub(super) struct Holders(HashMap<Target, Turns>);

/// The holders of one target, in no order, and who is looked at first.
#[derive(Default)]
struct Turns {
    tabs: Vec<TabId>,
    next: usize,
}

impl Holders {
    /// The tab was given the target, and did not hold it before.
    pub(super) fn add(&mut self, target: &Target, tab: TabId) {
        match self.0.get_mut(target) {
            Some(turns) => turns.tabs.push(tab),
            None => drop(self.0.insert(target.clone(), Turns { tabs: vec![tab], next: 0 })),
        }
    }

    /// The tab is gone, or has been given so much else that it has probably let go.
    pub(super) fn remove(&mut self, target: &Target, tab: TabId) {
        let Some(turns) = self.0.get_mut(target) else { return };
        turns.tabs.retain(|other| *other != tab);
        if turns.tabs.is_empty() {
            self.0.remove(target);
        }
    }

    /// Some of those who hold the target: all where they are few.
    pub(super) fn some(&mut self, target: &Target) -> impl Iterator<Item = TabId> {
        let (tabs, first) = match self.0.get_mut(target) {
            Some(turns) => {
                let first = turns.next;
                turns.next = (first + LOOKED_AT) % turns.tabs.len();
                (turns.tabs.as_slice(), first)
            }
            None => (&[][..], 0),
        };
        tabs.iter().cycle().skip(first).take(tabs.len().min(LOOKED_AT)).copied()
    }

    /// Targets that anybody holds.
    #[cfg(test)]
    pub(super) fn targets(&self) -> usize {
        self.0.len()
    }
}
