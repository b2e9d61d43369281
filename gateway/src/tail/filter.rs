//! Which events a reader wants. Pure.

use super::event::{Event, Subject};
use crate::telemetry::Outcome;

/// Most values of one kind, and the longest of them in bytes.
const MAX_VALUES: (usize, usize) = (32, 256);

/// Which events a reader wants: all conditions that are given must hold. Without any, every event.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// One of these outcomes.
    pub outcomes: Vec<Outcome>,
    /// One of these methods, in capitals.
    pub methods: Vec<String>,
    /// One of these statuses: from, to.
    pub statuses: Vec<(u16, u16)>,
    /// In the URL, a console line or an exception.
    pub search: Option<String>,
    /// One of these versions, by their first digits.
    pub versions: Vec<String>,
    /// Fields that the request has; with a value, that one in it.
    pub headers: Vec<(String, Option<String>)>,
    /// One of these callers' addresses.
    pub client_ips: Vec<String>,
    /// Share of requests, above 0 to 1. What a request causes is told or not with it.
    pub sampling_rate: Option<f64>,
}

/// What is wrong with a filter, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadFilter(String);

impl Filter {
    /// Adds what a query says; each name may come several times or with commas. Names that are no filter's are passed over.
    ///
    /// # Errors
    /// [`BadFilter`].
    pub fn of_query(query: &str) -> Result<Self, BadFilter> {
        let mut filter = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if value.len() > MAX_VALUES.1 {
                return Err(BadFilter(format!("`{name}` is longer than {} bytes", MAX_VALUES.1)));
            }
            let values = || value.split(',').map(str::trim).filter(|value| !value.is_empty());
            match &*name {
                "outcome" => values().try_for_each(|value| filter.outcome(value))?,
                "method" => filter.methods.extend(values().map(str::to_ascii_uppercase)),
                "status" => {
                    for value in values() {
                        filter.statuses.push(status(value)?);
                    }
                }
                "version" => filter.versions.extend(values().map(str::to_owned)),
                "search" if !value.is_empty() => filter.search = Some(value.into_owned()),
                "sampling_rate" => filter.sampling_rate = Some(rate(&value)?),
                _ => {}
            }
        }
        let most =
            [filter.outcomes.len(), filter.methods.len(), filter.statuses.len(), filter.versions.len()];
        match most.iter().any(|count| *count > MAX_VALUES.0) {
            true => Err(BadFilter(format!("more than {} values of one kind", MAX_VALUES.0))),
            false => Ok(filter),
        }
    }

    /// Adds an outcome by its name, or `error` for all that are one.
    ///
    /// # Errors
    /// [`BadFilter`].
    pub fn outcome(&mut self, name: &str) -> Result<(), BadFilter> {
        if name == "error" {
            self.outcomes.extend(Outcome::ALL.iter().filter(|outcome| outcome.is_error()));
            return Ok(());
        }
        let known = Outcome::ALL.iter().find(|outcome| outcome.name().eq_ignore_ascii_case(name));
        let names = || Outcome::ALL.map(Outcome::name).join("`, `");
        let outcome = known.ok_or_else(|| BadFilter(format!("`outcome` takes `error`, `{}`", names())))?;
        self.outcomes.push(*outcome);
        Ok(())
    }

    /// Whether the event is wanted.
    #[must_use]
    pub fn takes(&self, event: &Event) -> bool {
        let one_of = |list: &[String], value: &str| list.is_empty() || list.iter().any(|it| it == value);
        let asked = match &event.subject {
            Subject::Request { method, headers, ip, .. } => {
                let has = |(name, value): &(String, Option<String>)| {
                    headers.iter().any(|(known, held)| {
                        known.eq_ignore_ascii_case(name)
                            && value.as_ref().is_none_or(|value| held.contains(&**value))
                    })
                };
                one_of(&self.methods, method) && one_of(&self.client_ips, ip) && self.headers.iter().all(has)
            }
            Subject::Cron { .. } => {
                self.methods.is_empty() && self.client_ips.is_empty() && self.headers.is_empty()
            }
        };
        asked
            && (self.outcomes.is_empty() || self.outcomes.contains(&event.outcome))
            && (self.statuses.is_empty()
                || self.statuses.iter().any(|(from, to)| (*from..=*to).contains(&event.status)))
            && (self.versions.is_empty()
                || self.versions.iter().any(|digits| event.target.version.starts_with(&**digits)))
            && self.sampling_rate.is_none_or(|rate| lot(&event.request_id) < rate)
            && self.search.as_ref().is_none_or(|text| mentions(event, text))
    }
}

fn mentions(event: &Event, text: &str) -> bool {
    let subject = match &event.subject {
        Subject::Request { url, .. } => url,
        Subject::Cron { pattern, .. } => pattern,
    };
    subject.contains(text)
        || event.logs.iter().any(|line| line.text.contains(text))
        || event.exceptions.iter().any(|it| it.message.contains(text) || it.stack.contains(text))
}

/// A number from 0 to below 1, from an id that is random: the same for what a request causes.
pub(crate) fn lot(request_id: &str) -> f64 {
    let digits = request_id.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    f64::from(digits.unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
}

/// `404`, or `5xx`.
fn status(text: &str) -> Result<(u16, u16), BadFilter> {
    let wrong = || {
        BadFilter(format!(
            "`status` takes numbers like 404 and classes like 5xx, not `{}`",
            text.escape_debug()
        ))
    };
    if let Some(class) = text.strip_suffix("xx") {
        let class: u16 = class.parse().ok().filter(|class| (1..=5).contains(class)).ok_or_else(wrong)?;
        return Ok((class * 100, class * 100 + 99));
    }
    let status = text.parse().ok().filter(|status| (100..600).contains(status)).ok_or_else(wrong)?;
    Ok((status, status))
}

fn rate(text: &str) -> Result<f64, BadFilter> {
    text.parse().ok().filter(|rate| *rate > 0.0 && *rate <= 1.0).ok_or_else(|| {
        BadFilter(format!(
            "`sampling_rate` takes a number above 0 and up to 1, not `{}`",
            text.escape_debug()
        ))
    })
}
