//! The response cache in front of the handlers: which requests it answers, which wait for another's answer, and what is stored.
//! Knows no tabs. A handler whose answers never say that they may be stored costs two atomic loads and a look at a head.

use super::head::Caller;
use super::{Invoker, Ran};
use crate::cache::{
    Asked, Entry, Found, Key, Lead, MAX_BODY, Moment, State, Status, Turn, is_guarded, is_partial, speaks,
};
use crate::catalog::Handler;
use crate::loops;
use axum::body::Body;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// How long a request waits for another's answer before it goes to the handler itself: as long as most handlers may take.
const WAIT: Duration = Duration::from_secs(30);

/// The same where the handler has not answered at all yet: perhaps its answers are not to be stored, and everyone waits in vain.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// Longest time to read the body of an answer that nobody waits for.
const BEHIND: Duration = Duration::from_secs(30);

/// What becomes of a request.
enum Way {
    /// The cache answers.
    Answered(Response<Body>),
    /// The handler, and nobody waits.
    Direct,
    /// The handler, for all who ask the same. Beside it what there was, to be revalidated.
    Lead(Lead, Option<Arc<Entry>>),
}

impl Invoker {
    /// Answers `request` from the cache, or by running `handler` in some tab.
    pub async fn invoke(
        self: &Arc<Self>,
        handler: &Handler,
        caller: Caller,
        request: Request<Body>,
    ) -> Response<Body> {
        if !self.cache.is_on() {
            return self.run(handler, caller, request).await.response;
        }
        let method = request.method();
        if !handler.zone.never_stores() && (*method == Method::GET || *method == Method::HEAD) {
            return Box::pin(self.look(handler, caller, request)).await;
        }
        let unsafe_url = (!method.is_safe() && handler.zone.stores()).then(|| caller.url().to_owned());
        let can_store = is_storable(&request);
        let moment = handler.zone.moment();
        let ran = self.run(handler, caller, request).await;
        if let Some(url) = unsafe_url
            .filter(|_| !ran.response.status().is_client_error() && !ran.response.status().is_server_error())
        {
            // What was stored has perhaps changed (RFC 9111, section 4.4).
            self.cache.remove(&Key::new(moment, &url));
        }
        self.admit(handler, moment, ran, can_store, None, Status::Miss)
    }

    /// Gives the handler's answer on, through the cache where it may be stored.
    fn admit(
        &self,
        handler: &Handler,
        moment: Moment,
        ran: Ran,
        can_store: bool,
        lead: Option<Lead>,
        stored: Status,
    ) -> Response<Body> {
        match ran.head {
            Some(head) if can_store && (lead.is_some() || speaks(ran.response.headers())) => {
                let asked =
                    Asked { zone: &handler.zone, moment, url: &head.url, headers: &head.headers, lead };
                self.cache.admit(asked, stored, ran.response)
            }
            _ => {
                // Nothing came: who waits shall not fail one after the other.
                self.cache.pass(lead.as_ref());
                self.cache.told(Status::Dynamic, ran.response)
            }
        }
    }

    async fn look(
        self: &Arc<Self>,
        handler: &Handler,
        caller: Caller,
        mut request: Request<Body>,
    ) -> Response<Body> {
        let moment = handler.zone.moment();
        let key = Key::new(moment, caller.url());
        let can_store = is_storable(&request);
        // A condition that guards a change is the handler's to judge.
        let is_plain = (can_store || *request.method() == Method::HEAD) && !is_guarded(request.headers());
        let way = if is_plain {
            self.way(handler, &key, moment, &caller, request.method(), request.headers()).await
        } else {
            Way::Direct
        };
        let (lead, stale) = match way {
            Way::Answered(response) => return response,
            Way::Direct => {
                let ran = self.run(handler, caller, request).await;
                return self.admit(handler, moment, ran, can_store, None, Status::Miss);
            }
            Way::Lead(lead, stale) => (lead, stale),
        };
        let Some(entry) = stale else {
            let ran = self.run(handler, caller, request).await;
            return self.admit(handler, moment, ran, can_store, Some(lead), Status::Miss);
        };
        let asked = request.headers().clone();
        let again = caller.clone();
        entry.ask_again(request.headers_mut());
        let ran = self.run(handler, caller, request).await;
        let now = SystemTime::now();
        let answer = |entry: &Entry, status| self.cache.told(status, entry.answer(&Method::GET, &asked, now));
        if ran.response.status().is_server_error() && entry.freshness.serves_errors(now) {
            return answer(&entry, Status::Stale);
        }
        if ran.response.status() != StatusCode::NOT_MODIFIED {
            if !ran.response.status().is_server_error() {
                // What comes takes its place, or leaves none.
                self.cache.remove(lead.key());
            }
            return self.admit(handler, moment, ran, can_store, Some(lead), Status::Expired);
        }
        match entry.refreshed(&asked, ran.response.headers(), now) {
            Some(entry) => {
                let entry = self.cache.refresh(lead.key(), (&handler.zone, moment), entry);
                answer(&entry, Status::Revalidated)
            }
            None => {
                // It speaks of another response than ours: the caller's own question is what is left.
                self.cache.remove(lead.key());
                let mut request = Request::new(Body::empty());
                *request.headers_mut() = asked;
                let ran = self.run(handler, again, request).await;
                self.admit(handler, moment, ran, can_store, Some(lead), Status::Expired)
            }
        }
    }

    async fn way(
        self: &Arc<Self>,
        handler: &Handler,
        key: &Key,
        moment: Moment,
        caller: &Caller,
        method: &Method,
        asked: &HeaderMap,
    ) -> Way {
        let until = Instant::now() + if handler.zone.stores() { WAIT } else { FIRST_WAIT };
        // What there was when we began to wait for another's answer.
        let mut awaited: Option<Arc<Entry>> = None;
        loop {
            let now = SystemTime::now();
            let (found, place) = self.cache.find(key, asked);
            let told = |entry: &Entry, status| {
                Way::Answered(self.cache.told(status, entry.answer(method, asked, now)))
            };
            let stale = match found {
                Found::Pass => return Way::Direct,
                Found::Nothing => None,
                Found::Entry(entry)
                    if asked.contains_key(header::AUTHORIZATION) && !entry.freshness.for_authorized =>
                {
                    return Way::Direct;
                }
                Found::Entry(entry) => match entry.freshness.state(now) {
                    State::Fresh => return told(&entry, Status::Hit),
                    State::Stale => {
                        if let Turn::Lead(lead) = self.cache.turn(&place) {
                            self.revalidate_behind(handler, moment, caller, asked, Arc::clone(&entry), lead);
                        }
                        return told(&entry, Status::Updating);
                    }
                    // Nothing better came: who waited shall not try in turn.
                    State::Expired
                        if is_same(awaited.as_ref(), &entry) && entry.freshness.serves_errors(now) =>
                    {
                        return told(&entry, Status::Stale);
                    }
                    State::Expired => Some(entry),
                },
            };
            // The handler's answer to these would be of no use to others.
            if *method != Method::GET || (stale.is_none() && is_partial(asked)) {
                return Way::Direct;
            }
            match self.cache.turn(&place) {
                // Perhaps it was stored between our look and our turn.
                Turn::Lead(lead) => match self.cache.find(key, asked).0 {
                    Found::Entry(new) if !is_same(stale.as_ref(), &new) => drop(lead),
                    _ => return Way::Lead(lead, stale),
                },
                Turn::Crowded => return Way::Direct,
                // Perhaps the answer that it would wait for waits for it.
                Turn::Wait(_) if loops::count(asked) > 0 => return Way::Direct,
                Turn::Wait(mut over) => {
                    let is_late = tokio::time::timeout_at(until, over.changed()).await.is_err();
                    let serves =
                        stale.as_ref().is_some_and(|it| it.freshness.serves_errors(SystemTime::now()));
                    if handler.zone.never_stores() || (is_late && !serves) {
                        return Way::Direct;
                    }
                    awaited = stale;
                }
            }
        }
    }

    /// Asks the handler anew while callers get what there is.
    fn revalidate_behind(
        self: &Arc<Self>,
        handler: &Handler,
        moment: Moment,
        caller: &Caller,
        asked: &HeaderMap,
        entry: Arc<Entry>,
        lead: Lead,
    ) {
        let (invoker, handler, caller, asked) =
            (Arc::clone(self), handler.clone(), caller.clone(), asked.clone());
        tokio::spawn(async move {
            let mut request = Request::new(Body::empty());
            *request.headers_mut() = asked.clone();
            entry.ask_again(request.headers_mut());
            let ran = invoker.run(&handler, caller, request).await;
            let status = ran.response.status();
            if status == StatusCode::NOT_MODIFIED {
                match entry.refreshed(&asked, ran.response.headers(), SystemTime::now()) {
                    Some(entry) => drop(invoker.cache.refresh(lead.key(), (&handler.zone, moment), entry)),
                    None => drop(invoker.cache.remove(lead.key())),
                }
            } else if !status.is_server_error() {
                let Some(head) = ran.head else { return };
                let asked = Asked {
                    zone: &handler.zone,
                    moment,
                    url: &head.url,
                    headers: &head.headers,
                    lead: Some(lead),
                };
                let body = invoker.cache.replace(asked, ran.response).into_body();
                // Reading it is what stores it.
                let _ = tokio::time::timeout(BEHIND, Limited::new(body, MAX_BODY).collect()).await;
            }
        });
    }
}

fn is_same(known: Option<&Arc<Entry>>, entry: &Arc<Entry>) -> bool {
    known.is_some_and(|known| Arc::ptr_eq(known, entry))
}

/// Whether the answer to a request depends on nothing but its URL and fields.
fn is_storable(request: &Request<Body>) -> bool {
    *request.method() == Method::GET
        && http_body::Body::is_end_stream(request.body())
        && !request.headers().contains_key(header::UPGRADE)
}
