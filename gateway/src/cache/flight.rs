//! Requests for the same thing at the same time: one goes to the handler, the others wait for what comes of it. Knows neither
//! requests nor responses.

use super::key::Key;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Requests that wait for one other, at most. Those beyond go to the handler, whose queue has a bound of its own.
const MAX_WAITING: usize = 4096;

/// Keys that are being asked for now.
#[derive(Debug, Default)]
pub struct Flights(Mutex<HashMap<Key, Arc<watch::Sender<()>>>>);

/// Whose turn it is.
pub enum Turn {
    /// Nobody else asks.
    Lead(Lead),
    /// Somebody does; over when the sender is gone.
    Wait(watch::Receiver<()>),
    /// Too many wait already.
    Crowded,
}

/// The right to ask for a key. Dropping it, for whatever reason, makes those who wait look again.
pub struct Lead {
    flights: Arc<Flights>,
    key: Key,
    waiting: Arc<watch::Sender<()>>,
}

impl Flights {
    /// Asks for the turn.
    pub fn join(self: &Arc<Self>, key: &Key) -> Turn {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match flights.get(key) {
            Some(waiting) if waiting.receiver_count() < MAX_WAITING => Turn::Wait(waiting.subscribe()),
            Some(_) => Turn::Crowded,
            None => {
                let waiting = Arc::new(watch::Sender::new(()));
                flights.insert(key.clone(), Arc::clone(&waiting));
                Turn::Lead(Lead { flights: Arc::clone(self), key: key.clone(), waiting })
            }
        }
    }
}

impl Lead {
    /// Of what.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Whether anybody waits.
    pub fn is_awaited(&self) -> bool {
        self.waiting.receiver_count() > 0
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::key::Zone;

    #[tokio::test]
    async fn who_waits_is_woken_when_the_lead_ends() {
        let flights = Arc::new(Flights::default());
        let key = Key::new(Zone::default().moment(), "http://h/");
        let Turn::Lead(lead) = flights.join(&key) else { panic!("the first leads") };
        assert!(!lead.is_awaited());
        let Turn::Wait(mut waiting) = flights.join(&key) else { panic!("the second waits") };
        assert!(lead.is_awaited() && waiting.has_changed().is_ok());
        drop(lead);
        assert!(waiting.changed().await.is_err());
        assert!(matches!(flights.join(&key), Turn::Lead(_)));
    }

    #[test]
    fn not_all_the_world_waits() {
        let flights = Arc::new(Flights::default());
        let key = Key::new(Zone::default().moment(), "http://h/");
        let _lead = flights.join(&key);
        let _waiting: Vec<_> = (0..MAX_WAITING).map(|_| flights.join(&key)).collect();
        assert!(matches!(flights.join(&key), Turn::Crowded));
    }
}
