//! How often: requests of one caller, requests to one tenant's handlers, changes by one token or of one tenant.
//!
//! On the way of every request. Where no limit is set that is one load of an atomic; where one is, a look into a bounded
//! map and one exchange of an atomic. No lock is held across anything that waits.

use super::{CallerAddress, Settings};
use crate::problem::{Problem, ProblemType};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use http::{HeaderMap, HeaderName, HeaderValue};
use moka::sync::Cache;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Callers (and tokens) that are counted at once. Beyond that the rarest are forgotten first: a flood from many addresses
/// does not push out who comes often. About 20 MB if all are there.
const MAX_KEYS: u64 = 65_536;

/// A key that was quiet for this long has its whole allowance again.
const IDLE: Duration = Duration::from_secs(120);

/// Fields of draft-ietf-httpapi-ratelimit-headers.
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What one limit allows: so many in a window, all at once if need be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Policy {
    name: &'static str,
    most: NonZeroU32,
    window: Duration,
}

impl Policy {
    /// `None` for a limit of 0, which is none.
    fn new(name: &'static str, most: u32, window: Duration) -> Option<Self> {
        NonZeroU32::new(most).map(|most| Self { name, most, window })
    }
}

/// One allowance.
#[derive(Debug)]
struct Rate {
    policy: Policy,
    limiter: RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>,
}

impl Rate {
    fn new(policy: Policy) -> Self {
        // At least a nanosecond each: a window is never 0.
        let quota = Quota::with_period(policy.window / policy.most.get())
            .unwrap_or(Quota::per_second(policy.most))
            .allow_burst(policy.most);
        Self { policy, limiter: RateLimiter::direct(quota).with_middleware() }
    }

    /// Takes one; how much is left then.
    fn take(&self) -> Standing {
        let (remaining, wait) = match self.limiter.check() {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(not_until) => (0, Some(not_until.wait_time_from(DefaultClock::default().now()))),
        };
        Standing { policy: self.policy, remaining, wait }
    }
}

/// How a request stands with a limit.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    policy: Policy,
    remaining: u32,
    /// Until there is one more, if there is none now.
    wait: Option<Duration>,
}

impl Standing {
    /// The 429, or nothing.
    ///
    /// # Errors
    /// The 429.
    pub fn check(self) -> Result<Self, Box<Problem>> {
        let Some(wait) = self.wait else { return Ok(self) };
        let seconds = ceil(wait).max(1);
        let Policy { name, most, window } = self.policy;
        let mut headers = HeaderMap::new();
        write(&mut headers, &[self]);
        let problem = Problem::new(ProblemType::RateLimited)
            .detail(format!("At most {most} in {} s are allowed ({name}).", window.as_secs()))
            .member("limit", name)
            .retry_after(seconds);
        let fields = headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
        Err(fields.fold(problem, |problem, (name, value)| problem.header(name, value)).into())
    }
}

/// Says in an answer how its request stands with the limits that it counted for.
pub fn write(headers: &mut HeaderMap, standings: &[Standing]) {
    if standings.is_empty() {
        return;
    }
    let (mut limits, mut policies) = (String::new(), String::new());
    for Standing { policy: Policy { name, most, window }, remaining, .. } in standings {
        let used = most.get().saturating_sub(*remaining);
        let reset = ceil(*window / most.get() * used);
        let comma = if limits.is_empty() { "" } else { ", " };
        // Writing into a String does not fail.
        let _ = write!(limits, "{comma}\"{name}\";r={remaining};t={reset}");
        let _ = write!(policies, "{comma}\"{name}\";q={most};w={}", window.as_secs());
    }
    for (name, text) in [(LIMIT, limits), (POLICY, policies)] {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
}

/// Whole seconds, upwards.
fn ceil(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// The same allowance for each key.
#[derive(Debug)]
struct Each<K: Hash + Eq + Send + Sync + 'static> {
    policy: Policy,
    rates: Cache<K, Arc<Rate>>,
}

impl<K: Hash + Eq + Send + Sync + 'static> Each<K> {
    fn new(policy: Policy) -> Self {
        Self { policy, rates: Cache::builder().max_capacity(MAX_KEYS).time_to_idle(IDLE).build() }
    }

    fn take(&self, key: K) -> Standing {
        self.rates.get_with(key, || Arc::new(Rate::new(self.policy))).take()
    }
}

/// What the gateway's flags say; 0 for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Requests of one caller in a second.
    pub caller: u32,
    /// Requests to one tenant's handlers in a second.
    pub tenant: u32,
    /// Changes by one token, and of one tenant, in a minute.
    pub changes: u32,
}

/// All of them.
#[derive(Debug)]
pub struct Rates {
    callers: Option<Each<IpAddr>>,
    changes: Option<Each<String>>,
    /// Of tenants that were granted something of their own; `None` is no limit.
    granted: RwLock<HashMap<String, Option<Arc<Rate>>>>,
    /// Of all others.
    tenants: Option<Each<String>>,
    /// Whether any tenant has a limit.
    has_tenants: AtomicBool,
}

impl Rates {
    pub(super) fn new(defaults: Defaults) -> Self {
        let second = Duration::from_secs(1);
        let tenants = Policy::new("tenant", defaults.tenant, second).map(Each::new);
        Self {
            callers: Policy::new("caller", defaults.caller, second).map(Each::new),
            changes: Policy::new("changes", defaults.changes, Duration::from_secs(60)).map(Each::new),
            granted: RwLock::default(),
            has_tenants: AtomicBool::new(tenants.is_some()),
            tenants,
        }
    }

    /// What all tenants were granted; nothing for those that are not there.
    pub(super) fn grant_all(&self, tenants: &[(String, Arc<Settings>)]) {
        self.granted.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.has_tenants.store(self.tenants.is_some(), Relaxed);
        for (tenant, settings) in tenants {
            self.grant(tenant, settings.quota.requests_per_second);
        }
    }

    /// What a tenant was granted: requests in a second, 0 for no limit, `None` for as everybody.
    pub(super) fn grant(&self, tenant: &str, per_second: Option<u32>) {
        let mut granted = self.granted.write().unwrap_or_else(PoisonError::into_inner);
        match per_second {
            Some(most) => {
                let rate = Policy::new("tenant", most, Duration::from_secs(1));
                granted.insert(tenant.to_owned(), rate.map(|policy| Arc::new(Rate::new(policy))));
            }
            None => {
                granted.remove(tenant);
            }
        }
        let is_any = self.tenants.is_some() || granted.values().any(Option::is_some);
        self.has_tenants.store(is_any, Relaxed);
    }

    /// Counts a request of this caller.
    #[must_use]
    pub fn caller(&self, address: impl FnOnce() -> CallerAddress) -> Option<Standing> {
        // Those whose address is not known are one caller.
        let network = || address().network().unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        self.callers.as_ref().map(|callers| callers.take(network()))
    }

    /// Counts a request to a handler of this tenant.
    #[must_use]
    pub fn tenant(&self, tenant: &str) -> Option<Standing> {
        if !self.has_tenants.load(Relaxed) {
            return None;
        }
        let granted = self.granted.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned();
        match granted {
            Some(rate) => rate.map(|rate| rate.take()),
            None => self.tenants.as_ref().map(|tenants| tenants.take(tenant.to_owned())),
        }
    }

    /// Counts a change by this token, and of this tenant.
    pub(super) fn change(&self, token: &str, tenant: Option<&str>) -> Vec<Standing> {
        let Some(changes) = &self.changes else { return vec![] };
        let tenant = tenant.map(|tenant| changes.take(format!("tenant {tenant}")));
        // Tokens first: the one that is used up names itself.
        std::iter::once(changes.take(format!("token {token}"))).chain(tenant).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &'static str) -> CallerAddress {
        CallerAddress::of(&HeaderValue::from_static(text))
    }

    fn rates(caller: u32, tenant: u32, changes: u32) -> Rates {
        Rates::new(Defaults { caller, tenant, changes })
    }

    #[test]
    fn a_caller_is_a_network_and_has_an_allowance_of_its_own() {
        let rates = rates(3, 0, 0);
        let take = |text| rates.caller(|| address(text)).unwrap().check().is_ok();
        assert!(take("2001:db8::1") && take("2001:db8::2") && take("2001:db8::3"));
        assert!(!take("2001:db8::4"), "the same network");
        assert!(take("2001:db8:0:1::1") && take("192.0.2.1"));
    }

    #[test]
    fn a_refusal_says_what_and_when() {
        let rates = rates(0, 2, 0);
        let standing = rates.tenant("a").unwrap();
        let mut headers = HeaderMap::new();
        write(&mut headers, &[standing]);
        assert_eq!(headers[LIMIT], "\"tenant\";r=1;t=1");
        assert_eq!(headers[POLICY], "\"tenant\";q=2;w=1");
        assert!(rates.tenant("a").unwrap().check().is_ok());
        let problem = rates.tenant("a").unwrap().check().unwrap_err();
        assert_eq!(problem.kind(), ProblemType::RateLimited);
        let response = axum::response::IntoResponse::into_response(*problem);
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(response.headers()[LIMIT], "\"tenant\";r=0;t=1");
        assert!(rates.tenant("b").unwrap().check().is_ok(), "another tenant's is its own");
    }

    #[test]
    fn grants_go_before_the_default() {
        let rates = rates(0, 1, 0);
        rates.grant("free", Some(0));
        rates.grant("large", Some(100));
        assert!(rates.tenant("free").is_none());
        assert!((0..50).all(|_| rates.tenant("large").unwrap().check().is_ok()));
        assert!(
            rates.tenant("else").unwrap().check().is_ok() && rates.tenant("else").unwrap().check().is_err()
        );
        rates.grant("large", None);
        assert!(
            rates.tenant("large").unwrap().check().is_ok() && rates.tenant("large").unwrap().check().is_err()
        );
    }

    #[test]
    fn without_limits_nothing_is_counted() {
        let rates = rates(0, 0, 0);
        assert!(rates.caller(|| unreachable!()).is_none());
        assert!(rates.tenant("a").is_none() && rates.change("t", Some("a")).is_empty());
        rates.grant("a", Some(5));
        assert!(rates.tenant("a").is_some() && rates.tenant("b").is_none());
        rates.grant("a", Some(0));
        assert!(!rates.has_tenants.load(Relaxed));
    }

    #[test]
    fn changes_count_for_the_token_and_for_the_tenant() {
        let rates = rates(0, 0, 2);
        let ok = |token, tenant| rates.change(token, Some(tenant)).into_iter().all(|s| s.check().is_ok());
        assert!(ok("t", "a") && ok("t", "b") && !ok("t", "c"), "the token's are used up");
        assert!(ok("u", "a") && !ok("v", "a"), "the tenant's are used up");
    }
}
