//! Whose a datagram is. A check (a STUN request) is its whom it names, the answer to a check its who made it; all else is that
//! peer's to whom its sender has proved, by a check with the right password or an answer to one, that it is its tab. Pure:
//! knows neither sockets nor what a peer is.
//!
//! An address belongs to the first that it proved itself to, until that peer is gone: no tab can draw another's datagrams to
//! itself, whatever addresses it names.

use super::stun::{self, Transaction};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

/// Addresses of one tab that are known at a time; the one proved least recently goes first. A tab has one for each of its
/// interfaces, some more behind a NAT that remaps them.
const ADDRESSES: usize = 8;

/// Checks of one peer, to where nothing is proved yet, whose answers are waited for: one each 10 ms and pair of addresses.
const CHECKS: usize = 64;

/// How a datagram comes: our address, the sender's.
pub(super) type Way = (SocketAddr, SocketAddr);

/// See the module's page. `T` is a peer.
pub(super) struct Routes<T> {
    by_name: HashMap<Vec<u8>, T>,
    by_way: HashMap<Way, T>,
    by_check: HashMap<Transaction, T>,
}

/// What stands in [`Routes`] for one peer, which keeps it.
#[derive(Debug, Default)]
pub(super) struct Known {
    name: Vec<u8>,
    ways: VecDeque<Way>,
    checks: VecDeque<Transaction>,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self { by_name: HashMap::new(), by_way: HashMap::new(), by_check: HashMap::new() }
    }
}

impl<T: Clone> Routes<T> {
    /// The peer that a datagram is for.
    pub(super) fn of(&self, way: &Way, datagram: &[u8]) -> Option<&T> {
        if !stun::is_stun(datagram) {
            return self.by_way.get(way);
        }
        match (stun::meant(datagram), stun::answers(datagram)) {
            (Some(name), _) => self.by_name.get(name),
            (_, Some(check)) => self.by_check.get(&check).or_else(|| self.by_way.get(way)),
            _ => self.by_way.get(way),
        }
    }

    /// A peer makes a check.
    pub(super) fn asks(&mut self, known: &mut Known, way: &Way, check: Transaction, peer: &T) {
        if known.ways.contains(way) {
            return;
        }
        if known.checks.len() >= CHECKS
            && let Some(oldest) = known.checks.pop_front()
        {
            self.by_check.remove(&oldest);
        }
        known.checks.push_back(check);
        self.by_check.insert(check, peer.clone());
    }

    /// A peer is named so from now on, in place of what it was named.
    pub(super) fn name(&mut self, known: &mut Known, name: &str, peer: &T) {
        if known.name != name.as_bytes() {
            self.by_name.remove(&known.name);
            known.name = name.as_bytes().to_vec();
            self.by_name.insert(known.name.clone(), peer.clone());
        }
    }

    /// The sender at the end of `way` proved to be this peer's tab.
    pub(super) fn proved(&mut self, known: &mut Known, way: Way, peer: &T) {
        if let Some(at) = known.ways.iter().position(|other| *other == way) {
            known.ways.remove(at);
        } else if self.by_way.contains_key(&way) {
            return;
        } else {
            if known.ways.len() >= ADDRESSES
                && let Some(oldest) = known.ways.pop_front()
            {
                self.by_way.remove(&oldest);
            }
            self.by_way.insert(way, peer.clone());
            // Those that still matter are made again.
            for check in known.checks.drain(..) {
                self.by_check.remove(&check);
            }
        }
        known.ways.push_back(way);
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty() && self.by_way.is_empty() && self.by_check.is_empty()
    }

    /// A peer is gone.
    pub(super) fn forget(&mut self, known: &mut Known) {
        let Known { name, ways, checks } = std::mem::take(known);
        self.by_name.remove(&name);
        for check in checks {
            self.by_check.remove(&check);
        }
        for way in ways {
            self.by_way.remove(&way);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stun::tests::{answer, request};
    use super::*;

    const DTLS: &[u8] = &[22, 254, 253];

    fn way(port: u16) -> Way {
        (SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn named(name: &str) -> Vec<u8> {
        request(&[(6, format!("{name}:theirs").as_bytes())])
    }

    #[test]
    fn a_check_goes_to_whom_it_names_and_all_else_to_whose_the_address_is() {
        let (mut routes, mut a, mut b) = (Routes::default(), Known::default(), Known::default());
        routes.name(&mut a, "a", &'a');
        routes.name(&mut b, "b", &'b');
        assert_eq!(routes.of(&way(1), &named("a")), Some(&'a'));
        assert_eq!(routes.of(&way(1), &named("c")), None);
        assert_eq!(routes.of(&way(1), DTLS), None);
        routes.proved(&mut a, way(1), &'a');
        assert_eq!(routes.of(&way(1), DTLS), Some(&'a'));
        // Even from an address that is known as another's; and the same address seen at another of ours is another way.
        assert_eq!(routes.of(&way(1), &named("b")), Some(&'b'));
        assert_eq!(routes.of(&(way(2).1, way(1).1), DTLS), None);
    }

    #[test]
    fn an_address_cannot_be_taken_from_a_peer_that_is_there() {
        let (mut routes, mut a, mut b) = (Routes::default(), Known::default(), Known::default());
        routes.proved(&mut a, way(1), &'a');
        routes.proved(&mut b, way(1), &'b');
        assert_eq!(routes.of(&way(1), DTLS), Some(&'a'));
        routes.forget(&mut b);
        assert_eq!(routes.of(&way(1), DTLS), Some(&'a'));
        routes.forget(&mut a);
        routes.proved(&mut b, way(1), &'b');
        assert_eq!(routes.of(&way(1), DTLS), Some(&'b'));
    }

    #[test]
    fn an_answer_goes_to_who_made_the_check() {
        let (mut routes, mut a, mut b) = (Routes::default(), Known::default(), Known::default());
        assert_eq!(routes.of(&way(1), &answer()), None);
        routes.proved(&mut b, way(1), &'b');
        let check = stun::answers(&answer()).expect("an answer");
        routes.asks(&mut a, &way(1), check, &'a');
        assert_eq!((routes.of(&way(1), &answer()), routes.of(&way(1), DTLS)), (Some(&'a'), Some(&'b')));
        // Many checks that nobody answers do not pile up.
        for number in 0..1000u32 {
            let check = [[0; 8].as_slice(), &number.to_be_bytes()].concat();
            routes.asks(&mut a, &way(2), check.try_into().expect("12 bytes"), &'a');
        }
        assert_eq!((routes.by_check.len(), a.checks.len()), (CHECKS, CHECKS));
        routes.proved(&mut a, way(2), &'a');
        routes.asks(&mut a, &way(2), check, &'a');
        assert!(routes.by_check.is_empty() && routes.of(&way(2), &answer()) == Some(&'a'));
    }

    #[test]
    fn a_peer_that_is_gone_leaves_nothing() {
        let (mut routes, mut a) = (Routes::default(), Known::default());
        routes.name(&mut a, "a", &'a');
        routes.name(&mut a, "restarted", &'a');
        assert!(
            routes.of(&way(1), &named("a")).is_none() && routes.of(&way(1), &named("restarted")).is_some()
        );
        routes.proved(&mut a, way(1), &'a');
        routes.forget(&mut a);
        assert!(routes.is_empty());
    }

    #[test]
    fn a_tab_that_wanders_is_known_at_its_last_addresses() {
        let (mut routes, mut a) = (Routes::default(), Known::default());
        for port in 0..100 {
            // The first stays in use.
            routes.proved(&mut a, way(0), &'a');
            routes.proved(&mut a, way(port), &'a');
        }
        assert_eq!((routes.by_way.len(), a.ways.len()), (ADDRESSES, ADDRESSES));
        for port in [0, 99, 93] {
            assert!(routes.of(&way(port), DTLS).is_some(), "{port}");
        }
        assert!(routes.of(&way(92), DTLS).is_none());
    }
}
